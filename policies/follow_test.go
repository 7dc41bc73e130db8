package policies_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mingjian/policies"
)

// An officer saves files while the system runs: what is whole is taken, what is broken is told and
// changes nothing.
func TestFollowTakesWhatIsWholeAndTellsWhatIsNot(t *testing.T) {
	source := policies.Source{Dir: t.TempDir()}
	save := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(source.Dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(source.Dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	first, err := source.Load()
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := source.Stamp()
	if err != nil {
		t.Fatal(err)
	}
	used, refused := make(chan *policies.Bundle, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		source.Follow(ctx, stamp, time.Millisecond, func(b *policies.Bundle) error { used <- b; return nil }, func(err error) { refused <- err })
	}()
	defer func() { cancel(); <-ended }()

	save("params.yaml", "cn: {human_slow_s: fast}\n")
	select {
	case err := <-refused:
		if !strings.Contains(err.Error(), `params.yaml:1: cn.human_slow_s: "fast" is not a whole number`) {
			t.Errorf("refused with %v", err)
		}
	case b := <-used:
		t.Fatalf("a broken revision %s was taken", b.Revision)
	}
	save("params.yaml", "cn: {human_slow_s: 20}\n")
	for { // a look between truncation and writing sees a broken file
		var b *policies.Bundle
		select {
		case <-refused:
			continue
		case b = <-used:
		}
		if b.Revision != first.Revision {
			break
		}
	}
}

func TestSourceOfADirectoryThatIsNotThere(t *testing.T) {
	s := policies.Source{Dir: filepath.Join(t.TempDir(), "none")}
	if _, err := s.Load(); err == nil || !strings.Contains(err.Error(), "is not a directory; make it, or leave --policies out") {
		t.Errorf("error %v", err)
	}
	if _, err := s.Stamp(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stamp: %v", err)
	}
	if b, err := (policies.Source{}).Load(); err != nil || b.Revision != load(t).Revision {
		t.Errorf("without a directory: %v", err)
	}
}
