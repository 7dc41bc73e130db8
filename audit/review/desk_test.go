package review_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

// start is when the tests' day begins: a Friday, 09:00 in Shanghai.
var start = time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)

const revision = "4f2a9c1be07d55aa"

// record holds sessions in memory. Every session of it exists; findings are what a test puts there.
type record struct {
	mu       sync.Mutex
	findings map[string][]warehouse.FindingItem
	revision string
	gone     bool
}

func (r *record) SessionOf(_ context.Context, tenant, id string) (warehouse.Conversation, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return warehouse.Conversation{Session: warehouse.Session{Tenant: tenant, SessionID: id, Revision: r.revision}, Findings: slices.Clone(r.findings[id])}, !r.gone, nil
}

func (r *record) find(session, rule string, version int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := "f-" + rule + "-" + session
	r.findings[session] = slices.DeleteFunc(r.findings[session], func(f warehouse.FindingItem) bool { return f.FindingID == id })
	r.findings[session] = append(r.findings[session], warehouse.FindingItem{FindingID: id, SessionID: session, Rule: rule, Severity: "critical", State: "standing", Version: version})
}

// desk is reviews with a clock that a test moves.
type desk struct {
	*review.Reviews
	t      *testing.T
	db     *store.DB
	record *record
	mu     sync.Mutex
	now    time.Time
}

func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

// zeros makes a key whose draw is the same in every run.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func share(f float64) *float64 { return &f }

func open(t *testing.T, dsn string, change func(*review.Options)) *desk {
	t.Helper()
	d := &desk{t: t, now: start, record: &record{findings: map[string][]warehouse.FindingItem{}, revision: revision}}
	var err error
	d.db, err = store.Open(t.Context(), dsn, store.Options{Now: d.clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.db.Close(); err != nil {
			t.Error(err)
		}
	})
	o := review.Options{BlindShare: share(0), Rand: zeros{}}
	if change != nil {
		change(&o)
	}
	if d.Reviews, err = review.New(t.Context(), d.db, d.record, o); err != nil {
		t.Fatal(err)
	}
	return d
}

// as is a context in which somebody of a role acts.
func (d *desk) as(id string, role identity.Role) context.Context {
	return identity.With(d.t.Context(), identity.Principal{ID: id, Roles: []identity.Role{role}})
}

func (d *desk) inspector(id string) context.Context { return d.as(id, identity.Inspector) }

func sample(session string) review.NewTask {
	return review.NewTask{
		Tenant: "default", BusinessLine: "cards", Channel: "app", BotVersion: "4.2", Jurisdiction: "CN", Language: "zh",
		SessionID: session, LotID: "lot-1", Kind: review.Sample, Reason: "lot-1", ClosedAt: start.Add(-time.Hour),
	}
}

// open opens tasks and returns the ids.
func (d *desk) open(tasks ...review.NewTask) (ids []string) {
	d.t.Helper()
	if err := d.db.Write(d.t.Context(), func(tx *store.Tx) error { return d.Open(d.t.Context(), tx, tasks) }); err != nil {
		d.t.Fatal(err)
	}
	for _, n := range tasks {
		ids = append(ids, n.ID())
	}
	return ids
}

func (d *desk) get(ctx context.Context, id string) review.Task {
	d.t.Helper()
	t, err := d.Get(ctx, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return t
}

func (d *desk) claim(ctx context.Context, id string) review.Task {
	d.t.Helper()
	t, err := d.Claim(ctx, id, d.get(ctx, id).Version)
	if err != nil {
		d.t.Fatal(err)
	}
	return t
}

func (d *desk) submit(ctx context.Context, t review.Task, a review.Answer) review.Task {
	d.t.Helper()
	t, err := d.Submit(ctx, t.ID, t.Version, a)
	if err != nil {
		d.t.Fatal(err)
	}
	return t
}

func (d *desk) sweep() {
	d.t.Helper()
	if err := d.Sweep(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// answer passes everything; change says what is different.
func answer(change func(*review.Answer)) review.Answer {
	a := review.Answer{Card: review.CardRef{ID: "service", Version: 1}, PolicyRevision: revision, Findings: []review.FindingDecision{}}
	for _, id := range []string{"disclosure", "human", "privacy", "red-line"} {
		a.Criteria = append(a.Criteria, review.Rating{Criterion: id, Rating: "pass"})
	}
	for _, id := range []string{"correctness", "empathy", "resolution"} {
		a.Criteria = append(a.Criteria, review.Rating{Criterion: id, Rating: "3"})
	}
	if change != nil {
		change(&a)
	}
	return a
}

func rate(criterion, rating string) func(*review.Answer) {
	return func(a *review.Answer) {
		for i := range a.Criteria {
			if a.Criteria[i].Criterion == criterion {
				a.Criteria[i].Rating = rating
			}
		}
	}
}

func decide(session, rule, decision string, version int64) func(*review.Answer) {
	return func(a *review.Answer) {
		a.Findings = append(a.Findings, review.FindingDecision{FindingID: "f-" + rule + "-" + session, Version: version, Decision: decision, Why: "看过对话"})
	}
}

func all(changes ...func(*review.Answer)) func(*review.Answer) {
	return func(a *review.Answer) {
		for _, c := range changes {
			c(a)
		}
	}
}

// actions are a task's in the journal.
func (d *desk) actions(id string) (out []string) {
	d.t.Helper()
	if err := d.db.Read(d.t.Context(), func(tx *store.Tx) error {
		entries, err := tx.Journal(d.t.Context(), "review:"+id)
		for _, e := range entries {
			out = append(out, e.Actor+" "+e.Action)
		}
		return err
	}); err != nil {
		d.t.Fatal(err)
	}
	return out
}

// sent delivers the outbox and returns what was in it.
func (d *desk) sent() (messages []store.Message) {
	d.t.Helper()
	waiting, err := d.db.Waiting(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	if waiting == 0 {
		return nil
	}
	ctx, stop := context.WithCancel(d.t.Context())
	defer stop()
	if err := d.db.Relay(ctx, func(_ context.Context, m store.Message) error {
		if messages = append(messages, m); len(messages) == int(waiting) {
			stop()
		}
		return nil
	}); err != nil {
		d.t.Fatal(err)
	}
	return messages
}

// mirrored is the newest row of a task among messages.
func mirrored(t *testing.T, messages []store.Message, id string) (row warehouse.MirrorRow) {
	t.Helper()
	for _, m := range messages {
		var r warehouse.MirrorRow
		if m.To.Kind != store.Mirror || m.Key != id {
			continue
		}
		if err := json.Unmarshal(m.Body, &r); err != nil {
			t.Fatal(err)
		}
		if m.To.Name != "reviews" || r.Version <= row.Version {
			t.Errorf("mirror row %s version %d after %d", m.To.Name, r.Version, row.Version)
		}
		row = r
	}
	return row
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

// refused says how an error refuses: conflict, forbidden, faults or not found, with its text.
func refused(err error) string {
	var faults review.Faults
	var conflict *review.Conflict
	var forbidden *review.Forbidden
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &faults):
		return "faults: " + err.Error()
	case errors.As(err, &conflict):
		return "conflict: " + err.Error()
	case errors.As(err, &forbidden):
		return "forbidden: " + err.Error()
	case errors.Is(err, review.ErrNotFound):
		return "not found"
	}
	return fmt.Sprintf("failed: %v", err)
}
