package clickhouse

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// fetch gets the library with npm into path. Everything in between is in a
// temporary folder beside it, which is removed whatever happens.
func fetch(ctx context.Context, dir, path string, o LibraryOptions) (err error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("the ClickHouse engine is fetched with npm, which was not found: install Node.js, or set %s to a copy of libchdb.so", libraryEnv)
	}
	// A process that was killed could not tidy up; the lock is ours.
	left, err := filepath.Glob(filepath.Join(dir, "fetch-*"))
	if err != nil {
		return fmt.Errorf("fetch the ClickHouse engine: %w", err)
	}
	for _, l := range left {
		if err := os.RemoveAll(l); err != nil {
			return fmt.Errorf("fetch the ClickHouse engine: %w", err)
		}
	}
	tmp, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return fmt.Errorf("fetch the ClickHouse engine: %w", err)
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(tmp))
	}()
	done := report(ctx, tmp, o)
	tarball, err := pack(ctx, npm, tmp)
	if err == nil {
		err = install(tarball, filepath.Join(tmp, "libchdb.so"), path)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("fetch the ClickHouse engine: the disk is full: it needs 1 GB free in %s: %w", dir, err)
	}
	done(err)
	return err
}

// pack has npm download the package's tarball into tmp. npm's own cache is
// there as well, so that what has arrived can be seen.
func pack(ctx context.Context, npm, tmp string) (string, error) {
	cmd := exec.CommandContext(ctx, npm, "pack", npmPackage+"@"+Version, "--ignore-scripts",
		"--cache", filepath.Join(tmp, "cache"), "--pack-destination", tmp, "--loglevel", "error", "--no-progress",
		// npm's own patience (10 s, then 60 s) leaves somebody without a network waiting for over a
		// minute to be told so.
		"--fetch-retries", "2", "--fetch-retry-mintimeout", "1000", "--fetch-retry-maxtimeout", "4000")
	cmd.Dir = tmp
	// npm starts children of its own; all of them end with us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if bytes.Contains(said.Bytes(), []byte("ENOSPC")) {
			return "", syscall.ENOSPC
		}
		return "", fmt.Errorf("fetch the ClickHouse engine with npm: %w (%s): check the network and npm's registry setting, or set %s to a copy of libchdb.so", err, firstLines(said.String(), 3), libraryEnv)
	}
	found, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("fetch the ClickHouse engine with npm: it left %d tarballs", len(found))
	}
	return found[0], checkTarball(found[0])
}

// firstLines puts the first n lines of a program's complaint into one.
func firstLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[:min(n, len(lines))], "; ")
}

// install unpacks the library from the tarball, checks it, and puts it into
// place in one step, on disk for good.
func install(tarball, tmp, path string) error {
	in, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer in.Close()
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("unpack the ClickHouse engine: %w", err)
	}
	entries := tar.NewReader(unzipped)
	for {
		entry, err := entries.Next()
		if err == io.EOF {
			return fmt.Errorf("unpack the ClickHouse engine: there is no libchdb.so in %s", filepath.Base(tarball))
		}
		if err != nil {
			return fmt.Errorf("unpack the ClickHouse engine: %w", err)
		}
		if entry.Name == "package/libchdb.so" {
			break
		}
	}
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o500)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), entries)
	if err == nil {
		err = checkSum(h.Sum(nil))
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("unpack the ClickHouse engine: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("install the ClickHouse engine: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("install the ClickHouse engine: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// report shows how far fetching is, until the returned function is called: as
// a bar on a terminal, else as a line at its beginning and one at its end.
func report(ctx context.Context, tmp string, o LibraryOptions) func(error) {
	file, ok := o.Progress.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		log := o.Log
		if log == nil {
			log = slog.Default()
		}
		begun := time.Now()
		log.Info("fetching the ClickHouse engine, once", "package", npmPackage, "version", Version, "bytes", tarballSize)
		return func(err error) {
			if err == nil {
				log.Info("fetched the ClickHouse engine", "after", time.Since(begun).Round(time.Millisecond))
			}
		}
	}
	bar := progressbar.NewOptions64(tarballSize,
		progressbar.OptionSetWriter(file),
		progressbar.OptionSetDescription("ClickHouse engine"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionFullWidth(),
		progressbar.OptionOnCompletion(func() { fmt.Fprintln(file) }),
	)
	watching, stop := context.WithCancel(ctx)
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-watching.Done():
				return
			case <-tick.C:
				// A bar that cannot be drawn is no reason to stop.
				_ = bar.Set64(min(arrived(filepath.Join(tmp, "cache")), tarballSize-1))
			}
		}
	}()
	return func(err error) {
		stop()
		<-idle
		if err == nil {
			_ = bar.Finish()
		} else {
			_ = bar.Exit()
		}
	}
}

// arrived counts the bytes under a folder.
func arrived(dir string) (n int64) {
	// Files come and go while npm works; what cannot be seen does not count.
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}
