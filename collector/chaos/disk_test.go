//go:build chaos

package chaos_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// diskSize is room for a trial's data and little enough to be filled.
const diskSize = 384 << 20

// giveDisk puts a part's data on a small file system of its own before the part comes. Who is not root may
// mount one in a name space of his own: unshare -Urm go test ….
func (s *system) giveDisk(name string) {
	s.t.Helper()
	p := s.parts[name]
	if err := os.MkdirAll(p.role.Data, 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", p.role.Data, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", diskSize)); err != nil {
		s.t.Fatalf("mount a disk for the %s: %v (where that is not permitted, run the test by 'unshare -Urm')", name, err)
	}
	s.t.Cleanup(func() {
		for _, part := range []*part{s.parts[first], s.parts[second], p} {
			part.leave()
		}
		if err := unix.Unmount(p.role.Data, 0); err != nil {
			s.t.Errorf("unmount the disk of the %s: %v", name, err)
		}
	})
}

func (p *part) ballast() string { return filepath.Join(p.role.Data, "ballast") }

// fill leaves no room on a part's disk, and empty gives it back.
func fill(name string) func(*system) {
	return func(s *system) {
		f, err := os.OpenFile(s.parts[name].ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			s.t.Errorf("fill the disk of the %s: %v", name, err)
			return
		}
		defer f.Close()
		if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
			s.t.Errorf("fill the disk of the %s: there is still room (%v)", name, err)
		}
	}
}
func empty(name string) func(*system) {
	return func(s *system) {
		if err := os.Remove(s.parts[name].ballast()); err != nil {
			s.t.Errorf("make room on the disk of the %s: %v", name, err)
		}
	}
}

// zeros reads as them, without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
