package cases

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

//go:embed migrations
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the tables of cases.
var Noun = store.Noun{Name: "cases", Files: migrationFiles}

// EventTopic is the stream of interactions, where a report becomes part of the conversation.
const EventTopic = "mingjian.interactions"

// Sessions is the part of the record that a report, an alert or a proposal is checked against. It
// answers only for what the principal in ctx may see.
type Sessions interface {
	SessionOf(ctx context.Context, tenant, sessionID string) (warehouse.Conversation, bool, error)
}

// Record is the part of the warehouse that candidates are read from.
type Record interface {
	// Now is the record's clock, which stamps when rows were written.
	Now(ctx context.Context) (time.Time, error)
	// Misjudged streams what tells of a wrong.
	Misjudged(ctx context.Context, q warehouse.MisjudgedQuery, each func(warehouse.Misjudged) error) error
}

// Options are what cases can be told. The zero value works, without a fund, a record and a hook.
type Options struct {
	Fund   Fund                   // where the money comes from; nil: nothing can be approved
	Policy *policies.Compensation // the one that ships when nil
	Record Record                 // nil: no candidates come from the record
	Rules  func() []policies.Rule // the catalogue in force, for its misjudgements; needed with Record
	// GrafanaSecret authenticates alerts; "" switches the hook off. It comes from the environment or a
	// file, never from a flag, and is at least MinSecret bytes long.
	GrafanaSecret string
	Poll          time.Duration // how often the record is followed and deadlines are looked at; DefaultPoll when 0
	// Overlap is how long before the last look a row may have been stamped that was not to be seen
	// then; DefaultOverlap when 0.
	Overlap time.Duration
	Log     *slog.Logger // what a pass could not do; slog.Default when nil
}

// The defaults of Options.
const (
	DefaultPoll    = 30 * time.Second // how late a candidate or an escalation may be
	DefaultOverlap = 10 * time.Minute // as long as the warehouse gives one insert to be answered
)

// Cases is the noun's way in. It is safe for concurrent use.
type Cases struct {
	db       *store.DB
	sessions Sessions
	o        Options
	knocks   knocks
}

// New checks the options and brings the noun's tables up to date.
func New(ctx context.Context, db *store.DB, sessions Sessions, o Options) (*Cases, error) {
	if o.Record != nil && o.Rules == nil {
		return nil, errors.New("cases: following the record needs Rules")
	}
	if o.GrafanaSecret != "" && len(o.GrafanaSecret) < MinSecret {
		return nil, fmt.Errorf("cases: the secret of the Grafana hook needs at least %d bytes; make one with: openssl rand -hex 32", MinSecret)
	}
	if o.Fund == nil {
		o.Fund = noFund{}
	}
	if o.Poll <= 0 {
		o.Poll = DefaultPoll
	}
	if o.Overlap <= 0 {
		o.Overlap = DefaultOverlap
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Policy == nil {
		var err error
		if o.Policy, err = policies.LoadCompensation(ctx, policies.Builtin()); err != nil {
			return nil, err
		}
	}
	if err := db.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	return &Cases{db: db, sessions: sessions, o: o}, nil
}

// noFund refuses to set anything aside.
type noFund struct{ Fund }

func (noFund) Reserve(context.Context, *store.Tx, Holding) error { return errNoFund{} }

func (noFund) Release(context.Context, *store.Tx, string) error { return nil }

type errNoFund struct{}

func (errNoFund) Error() string { return "no fund is configured" }

// Refusal tells the person who approves.
func (errNoFund) Refusal() string {
	return "this service has no fund to pay from, so nothing can be approved"
}

// Run follows the record and looks at deadlines until ctx ends, and then returns nil. What a pass could
// not do is logged and done by the next one.
func (c *Cases) Run(ctx context.Context) error {
	tick := time.NewTicker(c.o.Poll)
	defer tick.Stop()
	for {
		if err := errors.Join(c.Follow(ctx), c.Sweep(ctx)); err != nil && ctx.Err() == nil {
			c.o.Log.ErrorContext(ctx, "cases could not be brought up to date; trying again", "in", c.o.Poll, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Get returns a case with its history.
func (c *Cases) Get(ctx context.Context, id string) (f File, err error) {
	err = c.db.Read(ctx, func(tx *store.Tx) error {
		if f.Case, err = c.view(ctx, tx, id); err != nil {
			return err
		}
		if f.Steps, err = steps(ctx, tx, id); err != nil {
			return err
		}
		f.Sources, err = sources(ctx, tx, id)
		return err
	})
	return f, err
}

// Clause is one that advice rests on, for those who show it.
func (c *Cases) Clause(id string) (policies.Clause, bool) { return c.o.Policy.Clause(id) }

// view returns a case that the principal in ctx may see.
func (c *Cases) view(ctx context.Context, tx *store.Tx, id string) (Case, error) {
	k, err := c.read(ctx, tx, id)
	if who, _ := identity.From(ctx); err == nil && !who.SeesLine(k.Tenant, k.line) {
		return Case{}, ErrNotFound
	}
	return k, err
}

// Query filters cases; empty fields do not filter. Times are [From, To) of when they came in.
type Query struct {
	From, To time.Time
	Tenant   string
	Session  string
	Kind     string // one of Kinds
	States   []State
	Overdue  bool   // a deadline was escalated in this round
	Limit    int    // 1–500
	Cursor   string // Page.Next of the page before
}

// Page is newest first; Next is "" on the last page.
type Page struct {
	Items []Case
	Next  string
}

// List returns the cases that the principal in ctx may see. A cursor that this package did not make
// is a *Fault.
func (c *Cases) List(ctx context.Context, q Query) (Page, error) {
	var w where
	ofTenant(ctx, &w, q.Tenant)
	w.equal("session_id", q.Session)
	w.equal("kind", q.Kind)
	if !q.From.IsZero() {
		w.add("at_ms >= ?", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		w.add("at_ms < ?", q.To.UnixMilli())
	}
	if len(q.States) > 0 {
		states := make([]any, len(q.States))
		for i, s := range q.States {
			states[i] = string(s)
		}
		w.add("state IN (?"+strings.Repeat(", ?", len(states)-1)+")", states...)
	}
	if q.Overdue {
		w.add("escalation > 0")
	}
	if q.Cursor != "" {
		var at int64
		var id string
		if _, err := fmt.Sscanf(q.Cursor, "%d_%s", &at, &id); err != nil {
			return Page{}, &Fault{"cursor", "take it unchanged from next_cursor of the page before, or leave it out"}
		}
		w.add("(at_ms < ? OR (at_ms = ? AND id < ?))", at, at, id)
	}
	var page Page
	err := c.db.Read(ctx, func(tx *store.Tx) (err error) {
		page.Items, err = collect(ctx, tx, c.scan, fmt.Sprintf(`SELECT %s FROM cases%s ORDER BY at_ms DESC, id DESC LIMIT %d`, columns, w.clause(), q.Limit+1), w.args...)
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("list cases: %w", err)
	}
	if len(page.Items) > q.Limit {
		page.Items = page.Items[:q.Limit]
		last := page.Items[q.Limit-1]
		page.Next = fmt.Sprintf("%d_%s", last.At.UnixMilli(), last.ID)
	}
	return page, nil
}

// ofTenant keeps to the tenants and business lines of the principal in ctx, and to the tenant that is asked for.
func ofTenant(ctx context.Context, w *where, asked string) {
	who, _ := identity.From(ctx)
	w.in("tenant", who.Tenants)
	w.in("business_line", who.Lines)
	w.equal("tenant", asked)
}

// Column is one state of the board.
type Column struct {
	State   State `json:"state"`
	N       int   `json:"n"`
	Overdue int   `json:"overdue" doc:"With a deadline that passed in this round"`
}

// Board counts the cases that the principal in ctx may see by state, all states in the order of the
// flow. An empty tenant means all.
func (c *Cases) Board(ctx context.Context, tenant string) ([]Column, error) {
	var w where
	ofTenant(ctx, &w, tenant)
	var counted []Column
	err := c.db.Read(ctx, func(tx *store.Tx) (err error) {
		counted, err = collect(ctx, tx, func(row interface{ Scan(...any) error }) (col Column, err error) {
			err = row.Scan(&col.State, &col.N, &col.Overdue)
			return col, err
		}, `SELECT state, count(*), COALESCE(sum(CASE WHEN escalation > 0 THEN 1 ELSE 0 END), 0) FROM cases`+w.clause()+` GROUP BY state`, w.args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count cases: %w", err)
	}
	out := make([]Column, len(States))
	for i, s := range States {
		out[i].State = s
		for _, col := range counted {
			if col.State == s {
				out[i] = col
			}
		}
	}
	return out, nil
}
