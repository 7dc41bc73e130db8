package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockFile = "lock"

	// lockPatience is how long a start waits for the lock: Find holds it for a moment, and a system
	// that is just ending for a little longer.
	lockPatience = 2 * time.Second
)

// dataLock is the right to run a system in a data directory.
type dataLock struct{ file *flock.Flock }

// lockData makes the directory where it is missing and takes its lock.
func lockData(ctx context.Context, dir string) (dataLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, os.ErrExist) {
			return dataLock{}, fmt.Errorf("data directory %s: there is a file of that name in the way: choose another with --data", dir)
		}
		return dataLock{}, fmt.Errorf("data directory %s cannot be made (%w): choose another with --data", dir, bare(err))
	}
	path := filepath.Join(dir, lockFile)
	file := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	wait, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	if _, err := file.TryLockContext(wait, 20*time.Millisecond); err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			return dataLock{}, fmt.Errorf("data directory %s cannot be written (%w): choose another with --data", dir, bare(err))
		}
		by := "another 'mingjian up'"
		if pid := holder(path); pid != "" {
			by += " (process " + pid + ")"
		}
		return dataLock{}, fmt.Errorf("data directory %s is in use by %s: stop that one, or choose another directory with --data", dir, by)
	}
	// For whoever finds the lock held; it is held either way.
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		file.Close()
		return dataLock{}, fmt.Errorf("data directory %s cannot be written (%w): choose another with --data", dir, bare(err))
	}
	return dataLock{file}, nil
}

// release gives the directory free. The process id goes first, so that it is never read as that of
// the next holder.
func (l dataLock) release() {
	os.Truncate(l.file.Path(), 0)
	l.file.Close()
}

// holder reads the process id out of a lock file; empty where there is none.
func holder(path string) string {
	raw, err := os.ReadFile(path)
	pid := strings.TrimSpace(string(raw))
	if _, bad := strconv.Atoi(pid); err != nil || bad != nil {
		return ""
	}
	return pid
}

// held reports whether a system runs in the directory.
func held(dir string) (bool, error) {
	path := filepath.Join(dir, lockFile)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	file := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := file.TryRLock()
	if err != nil {
		return false, err
	}
	file.Close()
	return !free, nil
}

// bare is the cause of a path error, for messages that name the path already.
func bare(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
