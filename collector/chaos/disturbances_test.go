//go:build chaos

package chaos_test

import (
	"context"
	"os"
	"syscall"
	"time"
)

// leave ends a part in order; come starts it again.
func leave(name string) func(*system) { return func(s *system) { s.parts[name].leave() } }

// freeze stops a part's process where it is, and thaw lets it go on.
func freeze(name string) func(*system) {
	return func(s *system) { s.parts[name].signal(syscall.SIGSTOP) }
}
func thaw(name string) func(*system) {
	return func(s *system) { s.parts[name].signal(syscall.SIGCONT) }
}

// slow lets a part's process work a tenth of the time only, until fast.
func slow(name string) func(*system) {
	return func(s *system) {
		ctx, cancel := context.WithCancel(s.t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for ctx.Err() == nil {
				s.parts[name].signal(syscall.SIGSTOP)
				time.Sleep(450 * time.Millisecond)
				s.parts[name].signal(syscall.SIGCONT)
				time.Sleep(50 * time.Millisecond)
			}
		}()
		s.fast[name] = func() { cancel(); <-ended }
	}
}
func fast(name string) func(*system) { return func(s *system) { s.fast[name]() } }

// later does something after a time, while the timeline goes on.
func later(d time.Duration, do func(*system)) func(*system) {
	return func(s *system) {
		s.later.Add(1)
		time.AfterFunc(d, func() { defer s.later.Done(); do(s) })
	}
}

// jump puts the collectors' clocks off by so much.
func jump(by time.Duration) func(*system) {
	return func(s *system) {
		next := s.clock + ".next"
		if err := os.WriteFile(next, []byte(by.String()), 0o600); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Rename(next, s.clock); err != nil { // it is read meanwhile
			s.t.Fatal(err)
		}
	}
}

// pause lets time pass while nothing is sent.
func pause(d time.Duration) func(*system) { return func(*system) { time.Sleep(d) } }
