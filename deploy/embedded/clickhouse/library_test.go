package clickhouse

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// npmThat puts a program named npm, and nothing else, on the PATH of a user
// with an empty cache, and returns that cache.
func npmThat(t *testing.T, script string) string {
	t.Helper()
	bin, cache := t.TempDir(), t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\nPATH=/usr/bin:/bin\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv(libraryEnv, "")
	return filepath.Join(cache, "mingjian", "libchdb-"+Version)
}

func TestLibraryFromEnvironment(t *testing.T) {
	npmThat(t, "")
	file := filepath.Join(t.TempDir(), "copy.so")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(libraryEnv, file)
	if got, err := Library(t.Context(), LibraryOptions{}); err != nil || got != file {
		t.Errorf("%q, %v", got, err)
	}
	for value, want := range map[string]string{file + ".missing": "set it to a copy of libchdb.so", filepath.Dir(file): "is a directory"} {
		t.Setenv(libraryEnv, value)
		if _, err := Library(t.Context(), LibraryOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// Whatever goes wrong is one line with the way out, and leaves nothing behind.
func TestLibraryNotFetched(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"no npm":     {"", "npm, which was not found: install Node.js, or set MINGJIAN_LIBCHDB"},
		"no network": {"echo npm error network timeout >&2; mkdir -p cache/x; exit 1", "network timeout): check the network"},
		"disk full":  {"echo npm error ENOSPC: no space left on device >&2; exit 1", "the disk is full"},
		"wrong":      {"echo wrong > chdb-lib.tgz", "nothing was installed"},
		"nothing":    {"exit 0", "it left 0 tarballs"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := npmThat(t, c.script)
			_, err := Library(t.Context(), LibraryOptions{Log: slog.New(slog.DiscardHandler)})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			onlyLock(t, dir)
		})
	}
}

func onlyLock(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if f.Name() != "lock" {
			t.Errorf("%s is left behind", f.Name())
		}
	}
}

// Who does not want to wait any longer does not: npm ends, and its children.
func TestLibraryGivenUp(t *testing.T) {
	began := filepath.Join(t.TempDir(), "began")
	dir := npmThat(t, "sleep 1000 & echo > "+began+"; wait")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := os.Stat(began); err == nil {
				cancel()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if _, err := Library(ctx, LibraryOptions{Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	onlyLock(t, dir)
}

// Several processes fetch one after the other; what a killed one left is
// removed.
func TestLibraryOneAtATime(t *testing.T) {
	busy := filepath.Join(t.TempDir(), "busy")
	dir := npmThat(t, "mkdir "+busy+" || { echo two at once >&2; exit 1; }; sleep 0.05; rmdir "+busy+"; echo wrong > x.tgz")
	if err := os.MkdirAll(filepath.Join(dir, "fetch-of-the-dead", "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, err := Library(t.Context(), LibraryOptions{Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "nothing was installed") {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	onlyLock(t, dir)
	// Once it is there it is used without npm.
	so := filepath.Join(dir, "libchdb.so")
	if err := os.WriteFile(so, []byte("cut short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Library(t.Context(), LibraryOptions{Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "nothing was installed") {
		t.Errorf("one that is cut short is taken: %v", err)
	}
	if err := os.Truncate(so, librarySize); err != nil { // a hole, which takes no space
		t.Fatal(err)
	}
	if got, err := Library(t.Context(), LibraryOptions{}); err != nil || got != filepath.Join(dir, "libchdb.so") {
		t.Errorf("%q, %v", got, err)
	}
}

// A directory in use, and a library that is none, are told apart in one line.
func TestRunRefuses(t *testing.T) {
	t.Parallel() // it waits for ten seconds
	run := func(data, library string) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return Run(t.Context(), Options{Data: data, Listener: l, Library: library})
	}
	data := t.TempDir()
	other, half := filepath.Join(t.TempDir(), "no.so"), filepath.Join(t.TempDir(), "half.so")
	if err := os.WriteFile(other, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole, err := Library(t.Context(), LibraryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(whole)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(half)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(out, in, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Truncate(librarySize/2), out.Close()); err != nil {
		t.Fatal(err)
	}
	for _, library := range []string{other, half} {
		if err := run(data, library); err == nil || !strings.Contains(err.Error(), "load the ClickHouse engine") || !strings.Contains(err.Error(), "whole") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v", err)
		}
	}
	lock := flock.New(filepath.Join(data, "lock"))
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := run(data, other); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("%v", err)
	}
	if err := lock.Unlock(); err != nil { // not before: a lock that is garbage is none
		t.Error(err)
	}
}
