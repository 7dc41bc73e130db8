package clickhouse

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

// Version is the version of the engine that is used, and of the npm package
// that holds it.
const Version = "26.7.3-stable.1"

// The version's parts that clickhouse-go asks about.
const (
	versionMajor = 26
	versionMinor = 7
)

// The npm package, and what it must be: its registry's own integrity value for
// the tarball, the tarball's size, and the digest and size of the library in it.
// They change together with Version.
const (
	npmPackage       = "@chdb/lib-linux-x64-gnu"
	tarballSize      = 177_817_999
	tarballIntegrity = "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="
	librarySize      = 566_330_096
	librarySHA256    = "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5"
)

// libraryEnv names a copy of the library that is used instead of the cache.
const libraryEnv = "MINGJIAN_LIBCHDB"

// LibraryOptions say how Library reports what it does.
type LibraryOptions struct {
	// Progress takes a progress bar while the library is fetched, if it is a
	// terminal.
	Progress io.Writer
	// Log takes a line before and after fetching if Progress is no terminal;
	// nil is slog.Default().
	Log *slog.Logger
}

// Library returns the file name of the engine's shared library. The
// environment variable MINGJIAN_LIBCHDB may name a copy, which is used as it
// is. Otherwise it is in the user's cache directory, where it is fetched once
// with npm (180 MB) and checked against digests in this source; a copy that has
// another size since is fetched again (its digest would cost every start half a
// second). Processes that want it at the same time wait for the one that
// fetches. Errors say in one line what to do.
func Library(ctx context.Context, o LibraryOptions) (string, error) {
	if path := os.Getenv(libraryEnv); path != "" {
		if info, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s: %w: set it to a copy of libchdb.so, or unset it to have the engine fetched", libraryEnv, err)
		} else if info.IsDir() {
			return "", fmt.Errorf("%s: %s is a directory: set it to the file libchdb.so", libraryEnv, path)
		}
		return path, nil
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", fmt.Errorf("the embedded ClickHouse engine runs on linux/amd64 only, not on %s/%s: use a ClickHouse server instead", runtime.GOOS, runtime.GOARCH)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory for the ClickHouse engine: %w: set HOME, or set %s to a copy of libchdb.so", err, libraryEnv)
	}
	dir := filepath.Join(cache, "mingjian", "libchdb-"+Version)
	path := filepath.Join(dir, "libchdb.so")
	if ok, err := isThere(path); ok || err != nil {
		return path, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("create the cache of the ClickHouse engine: %w: set XDG_CACHE_HOME to a directory that can be written, or %s to a copy of libchdb.so", err, libraryEnv)
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return "", fmt.Errorf("lock the cache of the ClickHouse engine, which another process may be filling: %w", err)
	}
	defer lock.Unlock() //nolint:errcheck // the end of the process unlocks too
	if ok, err := isThere(path); ok || err != nil {
		return path, err // another process fetched it
	}
	if err := fetch(ctx, dir, path, o); err != nil {
		return "", err
	}
	return path, nil
}

// isThere reports whether the library is there, whole.
func isThere(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the ClickHouse engine: %w: set XDG_CACHE_HOME to a directory that can be written, or %s to a copy of libchdb.so", err, libraryEnv)
	}
	return info.Size() == librarySize, nil
}

// checkTarball compares the tarball with tarballIntegrity.
func checkTarball(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(h.Sum(nil)); got != tarballIntegrity {
		return fmt.Errorf("what was fetched is not %s %s (digest %s): nothing was installed; try again, or set %s to a copy of libchdb.so you trust", npmPackage, Version, got, libraryEnv)
	}
	return nil
}

// checkSum compares a digest of the library with librarySHA256.
func checkSum(sum []byte) error {
	h := hex.EncodeToString(sum)
	if len(sum) != sha256.Size || h != librarySHA256 {
		return fmt.Errorf("libchdb.so in %s %s has an unexpected digest (%s): nothing was installed; set %s to a copy you trust", npmPackage, Version, h, libraryEnv)
	}
	return nil
}
