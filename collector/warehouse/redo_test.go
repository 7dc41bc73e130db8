package warehouse_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// gate stands between a Store and its server and lets inserts through until one is to fail.
type gate struct {
	mu    sync.Mutex
	left  int  // inserts until the one that fails; negative: none does
	after bool // the one that fails reaches the server, and only its answer is lost
	proxy *httputil.ReverseProxy
}

func (g *gate) arm(left int, after bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.after = left, after
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail, forward := false, true
	if strings.HasPrefix(r.URL.Query().Get("query"), "INSERT") {
		g.mu.Lock()
		fail = g.left == 0
		forward = !fail || g.after
		g.left--
		g.mu.Unlock()
	}
	if forward && fail {
		g.proxy.ServeHTTP(httptest.NewRecorder(), r)
	} else if forward {
		g.proxy.ServeHTTP(w, r)
	}
	if fail {
		panic(http.ErrAbortHandler)
	}
}

// behindGate is a record whose Store goes through a gate.
func behindGate(t *testing.T) (record, *gate) {
	t.Helper()
	r := open(t)
	target, err := url.Parse(r.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{left: -1, proxy: httputil.NewSingleHostReverseProxy(target)}
	front := httptest.NewServer(g)
	t.Cleanup(front.Close)
	o := options(r.server)
	o.Addr = front.URL
	if r.Store, err = warehouse.Connect(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Store.Close() })
	return r, g
}

// stream is a partition to be written: which session each offset belongs to; -1 is a message that
// was refused.
type stream struct {
	topic, tenant string
	sessions      []int
}

func (s stream) session(n int) string { return fmt.Sprintf("%s/%d", s.tenant, n) }

// batch is what a run of offsets comes to. Rows depend on the offsets alone, whatever the batches.
func (s stream) batch(first, last, generation int, previous string) *warehouse.Batch {
	b := &warehouse.Batch{}
	touched := map[int]bool{}
	for i := first; i <= last; i++ {
		n := s.sessions[i]
		if n < 0 {
			b.Rejects = append(b.Rejects, s.reject(i))
			continue
		}
		b.Interactions = append(b.Interactions, s.interaction(i))
		touched[n] = true
	}
	for n := range touched {
		session, finding := s.state(n, last)
		b.Sessions = append(b.Sessions, session)
		b.Findings = append(b.Findings, finding)
	}
	b.Seal = &warehouse.Seal{
		Topic: s.topic, First: int64(first), Last: int64(last), Stored: len(b.Interactions), Rejected: len(b.Rejects),
		Generation: generation, Previous: previous, ID: fmt.Sprintf("%s/%d-%d/%d", s.topic, first, last, generation), At: int64(generation),
	}
	return b
}

func (s stream) interaction(i int) warehouse.Interaction {
	return warehouse.Interaction{
		Tenant: s.tenant, SessionID: s.session(s.sessions[i]), EventID: fmt.Sprint("e", i), Topic: s.topic, Offset: int64(i),
		At: 1_790_000_000_000 + int64(i)*86_400_000, Kind: "message", Text: fmt.Sprint("text ", i), Signals: []string{"human_request"},
	}
}

func (s stream) reject(i int) warehouse.Reject {
	return warehouse.Reject{Topic: s.topic, Offset: int64(i), Reason: "json", Payload: []byte{0, byte(i)}}
}

// state is a session and its finding once everything up to an offset is folded in.
func (s stream) state(n, last int) (warehouse.Session, warehouse.Finding) {
	events, newest := 0, 0
	for i := 0; i <= last; i++ {
		if s.sessions[i] == n {
			events, newest = events+1, i
		}
	}
	id := s.session(n)
	return warehouse.Session{
			Tenant: s.tenant, SessionID: id, Topic: s.topic, LastOffset: int64(newest), Version: int64(events), Events: events,
			State: []byte(fmt.Sprint("state ", events)), Pending: events%2 == 1, NotAssessed: []policies.NotAssessable{{Rule: "r", Reason: fmt.Sprint(events)}},
		}, warehouse.Finding{
			ID: "f/" + id, Tenant: s.tenant, SessionID: id, Rule: "r", Standing: events%3 != 0, Version: int64(events), Facts: fmt.Sprint(events),
		}
}

// A crash before or after any insert, and the rest written again from what the record says, in
// other batches: in the end the record is the one of an undisturbed run.
func TestRedoAfterCrashChangesNothing(t *testing.T) {
	fewer(t)
	r, gate := behindGate(t)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		s := stream{
			topic: fmt.Sprint("topic", run), tenant: fmt.Sprint("tenant", run),
			sessions: rapid.SliceOfN(rapid.IntRange(-1, 4), 1, 24).Draw(t, "sessions"),
		}
		ctx := t.Context()
		for generation := 1; ; generation++ {
			progress, err := r.Progress(ctx, s.topic)
			if err != nil {
				t.Fatal(err)
			}
			next, previous := 0, ""
			if last, ok := progress[0]; ok {
				next, previous = int(last.Last)+1, last.ID
			}
			if next == len(s.sessions) {
				break
			}
			if generation <= 4 {
				gate.arm(rapid.IntRange(0, 12).Draw(t, "fails"), rapid.Bool().Draw(t, "after"))
			} else {
				gate.arm(-1, false)
			}
			for next < len(s.sessions) {
				last := min(next+rapid.IntRange(0, 9).Draw(t, "length"), len(s.sessions)-1)
				b := s.batch(next, last, generation, previous)
				if err := r.Write(ctx, b); err != nil {
					break // the crash
				}
				next, previous = last+1, b.Seal.ID
			}
		}
		gate.arm(-1, false)
		s.check(t, r)
	})
}

// fewer makes rapid try 20 examples instead of 100 unless it was told a number: each one here is
// dozens of statements to a real engine.
func fewer(t *testing.T) {
	t.Helper()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("20"); err != nil {
			t.Fatal(err)
		}
	}
}

// check compares the views, and what is read back, with what the offsets come to.
func (s stream) check(t *rapid.T, r record) {
	stored, refused, sessions := 0, 0, map[int]bool{}
	for _, n := range s.sessions {
		if n < 0 {
			refused++
			continue
		}
		stored++
		sessions[n] = true
	}
	for query, want := range map[string]int{
		"SELECT count() FROM interactions_v WHERE topic = '" + s.topic + "'":                                                       stored,
		"SELECT count() FROM rejects_v WHERE topic = '" + s.topic + "'":                                                            refused,
		"SELECT count() FROM sessions_v WHERE topic = '" + s.topic + "'":                                                           len(sessions),
		"SELECT count() FROM findings_v WHERE tenant = '" + s.tenant + "'":                                                         len(sessions),
		"SELECT toUInt64(sum(last_offset - first_offset + 1)) FROM seals_v WHERE state = 'standing' AND topic = '" + s.topic + "'": len(s.sessions),
		"SELECT toUInt64(sum(stored)) FROM seals_v WHERE state = 'standing' AND topic = '" + s.topic + "'":                         stored,
	} {
		var n uint64
		if err := r.conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(query, err)
		}
		if int(n) != want {
			t.Errorf("%s = %d, want %d", query, n, want)
		}
	}
	var ids []string
	for n := range sessions {
		ids = append(ids, s.session(n))
	}
	snapshots, err := r.Snapshots(t.Context(), s.topic, ids)
	if err != nil || len(snapshots) != len(ids) {
		t.Fatalf("%d snapshots, %v; want %d", len(snapshots), err, len(ids))
	}
	for n := range sessions {
		session, finding := s.state(n, len(s.sessions)-1)
		for _, got := range snapshots {
			if got.Session.SessionID == session.SessionID && !reflect.DeepEqual(got, warehouse.Snapshot{Session: session, Findings: []warehouse.Finding{finding}}) {
				t.Errorf("snapshot %+v, want %+v with %+v", got, session, finding)
			}
		}
		events, err := r.Events(t.Context(), s.tenant, s.session(n))
		if err != nil {
			t.Fatal(err)
		}
		var want []warehouse.Interaction
		for i := range s.sessions {
			if s.sessions[i] == n {
				want = append(want, s.interaction(i))
			}
		}
		if !reflect.DeepEqual(events, want) {
			t.Errorf("events %+v, want %+v", events, want)
		}
	}
}

// Many workers write at the same time, one batch twice.
func TestWritersAtOnce(t *testing.T) {
	r := open(t)
	const writers, batches, length = 8, 5, 40
	s := stream{topic: "topic", tenant: "tenant"}
	for i := range batches * length {
		s.sessions = append(s.sessions, i%7)
	}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range batches {
				if err := r.Write(t.Context(), s.batch(i*length, (i+1)*length-1, 1, fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for query, want := range map[string]int{
		"SELECT count() FROM interactions_v": batches * length,
		"SELECT count() FROM sessions_v":     7,
		"SELECT count() FROM findings_v":     7,
		"SELECT count() FROM seals_v":        batches,
	} {
		if n := r.count(t, query); n != want {
			t.Errorf("%s = %d, want %d", query, n, want)
		}
	}
}
