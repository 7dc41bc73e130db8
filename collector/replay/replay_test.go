package replay_test

import (
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/replay"
	"mingjian/collector/scenario"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
	"mingjian/policies"
)

// now is when the played sessions are over; a day later everything that is due has fired.
var now = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func load(tb testing.TB, over fstest.MapFS) *policies.Bundle {
	tb.Helper()
	var source fs.FS = policies.Builtin()
	if over != nil {
		source = policies.Over(source, over)
	}
	b, err := policies.Load(source)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func open(tb testing.TB) *warehouse.Store {
	tb.Helper()
	server := clickhousetest.Lend(tb)
	store, err := warehouse.Connect(tb.Context(), warehouse.Options{Addr: server.URL, User: server.User, Password: server.Password})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	return store
}

// fill plays the contact centre into the record, in batches as a collector writes them, and returns how
// many interactions there are and what was planted, by rule.
func fill(tb testing.TB, store *warehouse.Store, b *policies.Bundle, sessions int, history time.Duration, batch int) (interactions int) {
	tb.Helper()
	player, err := scenario.Demo(tb.Context(), b, policies.Builtin(), scenario.PlayOptions{Seed: 7, Now: now, Sessions: sessions, History: history})
	if err != nil {
		tb.Fatal(err)
	}
	var rows warehouse.Batch
	known := map[string]*warehouse.Session{}
	touched := map[string]bool{}
	flush := func() {
		for id := range touched {
			known[id].Version++
			rows.Sessions = append(rows.Sessions, *known[id])
		}
		if err := store.Write(tb.Context(), &rows); err != nil {
			tb.Fatal(err)
		}
		rows = warehouse.Batch{}
		clear(touched)
	}
	for {
		at, key, value, ok := player.Next()
		if !ok {
			flush()
			return interactions
		}
		e, reject := event.Decode([]byte(key), value, at)
		if reject != nil {
			tb.Fatal(reject)
		}
		redact.Event(e, nil)
		s := known[key]
		if s == nil {
			s = &warehouse.Session{Tenant: "default", SessionID: key, Opened: e.At}
			if e.Tenant != "" {
				s.Tenant = e.Tenant
			}
			known[key] = s
		}
		s.Events++
		touched[key] = true
		rows.Interactions = append(rows.Interactions, warehouse.Interaction{
			Tenant: s.Tenant, SessionID: key, EventID: e.ID, Offset: int64(interactions), At: e.At, Kind: string(e.Kind),
			Text: e.Text, TextBytes: e.TextBytes, Flags: e.Flags, Body: event.Body(e), Labels: string(e.Labels), Extra: string(e.Extra),
		})
		interactions++
		if len(rows.Interactions) == batch {
			flush()
		}
	}
}

// A change of a parameter gains, loses and changes exactly the findings that hang on it, and says which;
// everything else is found as before, and nothing hangs on how the work is shared out.
func TestBacktest(t *testing.T) {
	store := open(t)
	before := load(t, nil)
	fill(t, store, before, 600, 8*time.Hour, 500)
	compare := func(after *policies.Bundle, q warehouse.ReplayQuery) *replay.Comparison {
		t.Helper()
		var mu sync.Mutex
		var last, of int64
		c, err := replay.Compare(t.Context(), store, replay.Backtest{Sessions: q, Before: before, After: after, Now: now.Add(30 * 24 * time.Hour).UnixMilli(),
			Progress: func(done, total int64) {
				mu.Lock()
				defer mu.Unlock()
				last, of = max(last, done), total
			}})
		if err != nil {
			t.Fatal(err)
		}
		if last != c.Interactions || of != c.Interactions || c.Unreadable != 0 {
			t.Errorf("told of %d of %d interactions; there were %d; %v", last, of, c.Interactions, c.Faults)
		}
		return c
	}
	rule := func(c *replay.Comparison, id string) replay.Difference {
		for _, d := range c.Rules {
			if d.Rule == id {
				return d
			}
		}
		return replay.Difference{Rule: id}
	}
	whole := compare(load(t, fstest.MapFS{"params.yaml": {Data: []byte("cn: {human_slow_s: 1}\n")}}), warehouse.ReplayQuery{})
	slow := rule(whole, "cn-human-slow")
	if whole.Sessions != 600 || slow.Gained == 0 || slow.Lost != 0 || slow.Changed == 0 || slow.Unchanged != 0 ||
		whole.Gained != slow.Gained || whole.Changed != slow.Changed || whole.Lost != 0 || whole.Unchanged < 50 {
		t.Errorf("with a limit of 1 second: %+v, %+v of all in %d sessions", slow.Tally, whole.Tally, whole.Sessions)
	}
	kinds := map[string]int{}
	for _, e := range slow.Examples {
		kinds[e.Kind]++
		if e.Is == nil || !strings.Contains(string(e.Is.Facts), `"limit_s":1`) || e.SessionID == "" || e.Kind == replay.Gained != (e.Was == nil) ||
			e.Was != nil && !strings.Contains(string(e.Was.Facts), `"limit_s":30`) {
			t.Errorf("example %+v", e)
		}
	}
	if kinds[replay.Gained] != 3 || kinds[replay.Changed] == 0 {
		t.Errorf("examples %v", kinds)
	}

	// The other way round, what was gained is lost. Asked in two halves the sum is the same.
	before, after := load(t, fstest.MapFS{"params.yaml": {Data: []byte("cn: {human_slow_s: 1}\n")}}), before
	back := func(q warehouse.ReplayQuery) replay.Tally {
		c, err := replay.Compare(t.Context(), store, replay.Backtest{Sessions: q, Before: before, After: after, Now: now.Add(30 * 24 * time.Hour).UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		return c.Tally
	}
	middle := now.Add(-4 * time.Hour).UnixMilli()
	first, second := back(warehouse.ReplayQuery{To: middle}), back(warehouse.ReplayQuery{From: middle})
	if first.Lost == 0 || second.Lost == 0 || first.Lost+second.Lost != slow.Gained || first.Unchanged+second.Unchanged != whole.Unchanged || first.Gained+second.Gained != 0 {
		t.Errorf("two halves: %+v and %+v; the whole, the other way round: %+v", first, second, whole.Tally)
	}

	// Where a lexicon differs, so may every fact: nothing is taken over from the other side.
	before = after
	quiet, err := fs.ReadFile(policies.Builtin(), "lexicon/apology.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lexicon := compare(load(t, fstest.MapFS{"lexicon/apology.yaml": {Data: append(quiet, "# other words\n"...)}}), warehouse.ReplayQuery{})
	if lexicon.Gained+lexicon.Lost+lexicon.Changed != 0 || lexicon.Unchanged != whole.Unchanged+whole.Changed {
		t.Errorf("a remark in a lexicon: %+v", lexicon.Tally)
	}

	// A session that cannot be read is told, counts nowhere, and keeps nothing from going on.
	if err := store.Write(t.Context(), &warehouse.Batch{
		Interactions: []warehouse.Interaction{{Tenant: "default", SessionID: "cut", EventID: "e", At: middle, Body: `{"event_id":"e"`}},
		Sessions:     []warehouse.Session{{Tenant: "default", SessionID: "cut", Version: 1, Opened: middle, Events: 1}},
	}); err != nil {
		t.Fatal(err)
	}
	c, err := replay.Compare(t.Context(), store, replay.Backtest{Before: before, After: load(t, fstest.MapFS{"params.yaml": {Data: []byte("cn: {human_slow_s: 1}\n")}}), Now: now.Add(30 * 24 * time.Hour).UnixMilli()})
	if err != nil || c.Sessions != 600 || c.Unreadable != 1 || len(c.Faults) != 1 || !strings.Contains(c.Faults[0], "session cut of tenant default") || c.Tally != whole.Tally {
		t.Errorf("with a session that cannot be read: %v, %+v", err, c)
	}
	if empty := compare(after, warehouse.ReplayQuery{Tenant: "nobody"}); empty.Sessions != 0 {
		t.Errorf("of no tenant: %d sessions", empty.Sessions)
	}
}
