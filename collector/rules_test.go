package collector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/collector"
	"mingjian/collector/event"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// An officer changes a threshold while the collector runs: the next session is judged by it, a session
// that is open goes over with its next event, and the record has what judged. A broken file is refused
// where a person sees it, and what is in force stays.
func TestPoliciesAreExchangedWhileTheCollectorRuns(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	source := policies.Source{Dir: t.TempDir()}
	rules, err := collector.NewRules(s.bundle)
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := source.Stamp()
	if err != nil {
		t.Fatal(err)
	}
	var logged lockedBuffer
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() {
		rules.Follow(ctx, source, stamp, time.Millisecond, slog.New(slog.NewTextHandler(&logged, nil)))
	})
	defer following.Wait()
	defer cancel()
	save := func(text string) {
		t.Helper()
		// Renamed into place: a file that is seen half-written would be a refusal of its own.
		written := filepath.Join(t.TempDir(), "params.yaml")
		if err := os.WriteFile(written, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(written, filepath.Join(source.Dir, "params.yaml")); err != nil {
			t.Fatal(err)
		}
	}
	store := newLedger()
	o := s.options(store)
	o.Rules = rules
	r := s.start(o)
	health := func() collector.RulesHealth {
		if h := r.health.Report().Policies; h != nil {
			return *h
		}
		return collector.RulesHealth{}
	}
	// A person joins 25 seconds after being asked for: slow by a limit of 20 seconds, not by that of 30.
	waits := func(id string) *talk {
		return newTalk(t, id, noon).opened("CN").says(2*time.Second, event.CustomerRole, "转人工").
			add(27*time.Second, event.Event{Kind: event.HandoffAccepted, Actor: event.Actor{Role: event.AgentRole, ID: "a1"}})
	}
	open := waits("open")
	s.produce(append(open.out, waits("before").closed(40*time.Second).out...)...)
	eventually(t, func() string { return sealed(s.ends(), r) })
	if n := store.rules(true)["cn-human-slow"]; n != 0 {
		t.Fatalf("%d findings under the shipped limit", n)
	}

	save("cn: {human_slow_s: 20}\n")
	eventually(t, func() string {
		if h := health(); h.Revision == s.bundle.Revision || h.Refused != "" {
			return fmt.Sprintf("the change is not in force: %+v", h)
		}
		return ""
	})
	changed := rules.Bundle().Revision
	s.produce(waits("after").closed(40 * time.Second).out...)
	seen := len(open.out)
	s.produce(open.says(50*time.Second, event.CustomerRole, "谢谢").closed(60 * time.Second).out[seen:]...)
	r.atRest()
	slow := map[string]warehouse.Finding{}
	for _, f := range store.findings {
		if f.Rule == "cn-human-slow" {
			slow[f.SessionID] = f
		}
	}
	for _, id := range []string{"after", "open"} {
		var facts struct {
			Limit int `json:"limit_s"`
		}
		if f := slow[id]; json.Unmarshal([]byte(f.Facts), &facts) != nil || facts.Limit != 20 || f.Revision != changed || !f.Standing {
			t.Errorf("session %s: %+v; want the limit of 20 seconds, of revision %s", id, f, changed)
		}
	}
	if _, there := slow["before"]; there {
		t.Error("a session that was over was judged again")
	}

	save("cn: {human_slow_s: fast}\n")
	eventually(t, func() string {
		h := health()
		if !strings.Contains(h.Refused, `params.yaml:1: cn.human_slow_s: "fast" is not a whole number`) || h.Revision != changed || h.RefusedAt.IsZero() {
			return fmt.Sprintf("%+v", h)
		}
		return ""
	})
	if h := r.health.Report(); !h.Healthy || !h.Ready {
		t.Errorf("a refusal keeps the collector from its work: %+v", h)
	}
	s.produce(waits("later").closed(40 * time.Second).out...)
	r.atRest()
	found := false
	for _, f := range store.findings {
		found = found || f.SessionID == "later" && f.Rule == "cn-human-slow" && f.Revision == changed
	}
	if !found {
		t.Error("after a refusal the revision that was in force does not judge")
	}
	for _, want := range []string{"changed policies are in force", "changed policies are refused"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("not logged: %s", want)
		}
	}

	save("cn: {human_slow_s: 20}\n")
	eventually(t, func() string {
		if h := health(); h.Refused != "" || h.Revision != changed {
			return fmt.Sprintf("mended, and still refused: %+v", h)
		}
		return ""
	})
	for _, revision := range []string{s.bundle.Revision, changed} {
		row, there := store.policies[revision]
		var files map[string][]byte
		if !there || row.Fold != policies.FoldVersion || json.Unmarshal([]byte(row.Files), &files) != nil {
			t.Fatalf("the record does not have revision %s", revision)
		}
		archived, err := policies.Archived(files)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := policies.Load(archived); err != nil || b.Revision != revision {
			t.Errorf("the record's files of revision %s make another: %v", revision, err)
		}
	}
}
