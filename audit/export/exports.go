package export

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"mingjian/audit/evidence"
	"mingjian/audit/export/dossier"
	"mingjian/audit/identity"
	"mingjian/audit/store"
)

//go:embed migrations
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the table of exports.
var Noun = store.Noun{Name: "exports", Files: migrationFiles}

// State is how far an export is.
type State string

// The states.
const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Expired   State = "expired" // its file was removed
)

// Export is a package that was asked for and what became of it.
type Export struct {
	ID          string        `json:"export_id"`
	Scope       dossier.Scope `json:"scope"`
	Purpose     string        `json:"purpose"`
	At          uint64        `json:"at" doc:"Size of the log in the checkpoint it is made at; 0 until it is known"`
	State       State         `json:"state" enum:"queued,running,done,failed,cancelled,expired"`
	RequestedBy string        `json:"requested_by"`
	RequestedAt time.Time     `json:"requested_at"`
	StartedAt   time.Time     `json:"started_at,omitzero"`
	FinishedAt  time.Time     `json:"finished_at,omitzero"`
	Progress    Progress      `json:"progress"`
	Problem     string        `json:"problem,omitempty" doc:"Why it failed"`
	Package     string        `json:"package_id,omitempty" doc:"The manifest's id: of scope and checkpoint"`
	Size        int64         `json:"size,omitempty" doc:"Of the file, in bytes"`
	SHA256      string        `json:"sha256,omitempty" doc:"Of the file, hex"`
	Expires     time.Time     `json:"expires,omitzero" doc:"When the file is removed"`
	IssuedTo    string        `json:"issued_to,omitempty" doc:"Id of the regulator who may download it"`
	IssuedAt    time.Time     `json:"issued_at,omitzero"`
	IssuedBy    string        `json:"issued_by,omitempty"`
	Downloads   int           `json:"downloads"`
}

// Progress is how far the making is.
type Progress struct {
	Phase string `json:"phase,omitempty" doc:"What is being written"`
	Done  int64  `json:"done" doc:"Interactions written"`
	Total int64  `json:"total" doc:"Interactions that there are to write; 0 while that is not known"`
}

// DefaultKeep is how long a file stays: a month, in which whoever asked for it has it.
const DefaultKeep = 30 * 24 * time.Hour

// Options are what Exports needs. All fields without a remark are needed.
type Options struct {
	Store *store.DB
	Dir   string // where the files are kept; made with mode 0700
	Make  Maker  // writes a package
	// Accounts are those that packages can be issued to (*identity.Accounts).
	Accounts Accounts
	Keep     time.Duration    // DefaultKeep when 0
	Every    time.Duration    // how often files that are over are looked for; a minute when 0
	Now      func() time.Time // time.Now when nil
	Log      *slog.Logger     // slog.Default when nil
}

// Accounts looks an account up for the principal in ctx; identity.ErrNoAccount where there is none.
type Accounts interface {
	Get(ctx context.Context, id string) (identity.Account, error)
}

// Exports makes packages one after the other, in the background, and keeps their files until they are over.
type Exports struct {
	o    Options
	wake chan struct{}

	mu      sync.Mutex
	running string // id of the export that is being made
	stop    context.CancelCauseFunc
	at      Progress
}

// New checks the options and brings the noun's table up to date.
func New(ctx context.Context, o Options) (*Exports, error) {
	if o.Store == nil || o.Dir == "" || o.Make == nil || o.Accounts == nil {
		return nil, errors.New("exports: Store, Dir, Make and Accounts are needed")
	}
	if o.Keep <= 0 {
		o.Keep = DefaultKeep
	}
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if err := o.Store.Migrate(ctx, evidence.Noun, Noun); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of exports: %w", err)
	}
	return &Exports{o: o, wake: make(chan struct{}, 1)}, nil
}

var (
	// ErrNotFound says that there is no such export for whoever asks.
	ErrNotFound = errors.New("there is no such export; GET /api/v1/exports lists those that there are")
	// ErrNobody says that nobody acts.
	ErrNobody = errors.New("exports: nobody acts")
)

// Refusal is a request that cannot be done, in one sentence with the way out. Conflict: what it asks for does
// not go with how the export stands.
type Refusal struct {
	Text     string
	Conflict bool
}

// Error is the sentence.
func (r *Refusal) Error() string { return r.Text }

func refuse(format string, args ...any) error { return &Refusal{Text: fmt.Sprintf(format, args...)} }

func conflict(format string, args ...any) error {
	return &Refusal{Text: fmt.Sprintf(format, args...), Conflict: true}
}

// Start asks for a package in the name of the principal in ctx. It is made in the background.
func (x *Exports) Start(ctx context.Context, r Request) (Export, error) {
	who, ok := identity.From(ctx)
	if !ok {
		return Export{}, ErrNobody
	}
	if err := r.check(); err != nil {
		return Export{}, err
	}
	if !who.Sees(r.Scope.Tenant) {
		return Export{}, ErrNotFound
	}
	if len(who.Lines) > 0 {
		return Export{}, refuse("a package is of a whole tenant, and you see only some of its business lines; ask somebody who sees them all")
	}
	if r.IssuedTo != "" && !who.May(identity.IssueExports) {
		return Export{}, refuse("you may ask for a package and not issue it; leave issued_to out, and let somebody who may issue it do so")
	}
	if r.IssuedTo != "" {
		takes, err := x.recipient(ctx, r.IssuedTo)
		if err == nil {
			err = takes(r.Scope.Tenant)
		}
		if err != nil {
			return Export{}, err
		}
	}
	e := Export{
		ID: "exp-" + strings.ToLower(rand.Text()), Scope: r.Scope, Purpose: strings.TrimSpace(r.Purpose), At: r.At, State: Queued,
		RequestedBy: who.ID, RequestedAt: x.now(), IssuedTo: r.IssuedTo,
	}
	if e.IssuedTo != "" {
		e.IssuedBy = who.ID
	}
	err := x.o.Store.Write(ctx, func(tx *store.Tx) error {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO exports (id, tenant, state, requested_ms, expires_ms, issued_to, document) VALUES ($1, $2, $3, $4, 0, $5, $6)`,
			e.ID, e.Scope.Tenant, string(e.State), e.RequestedAt.UnixMilli(), e.IssuedTo, string(text)); err != nil {
			return err
		}
		return x.record(ctx, tx, "export.requested", e, e.Purpose, map[string]any{"scope": e.Scope, "at": e.At, "issued_to": e.IssuedTo})
	})
	if err != nil {
		return Export{}, fmt.Errorf("ask for an export: %w", err)
	}
	x.poke()
	return e, nil
}

func (x *Exports) poke() {
	select {
	case x.wake <- struct{}{}:
	default: // a wake-up is waiting already
	}
}

func (x *Exports) now() time.Time { return x.o.Now().UTC().Truncate(time.Millisecond) }

// record writes a journal entry in the name of the principal in ctx.
func (x *Exports) record(ctx context.Context, tx *store.Tx, action string, e Export, reason string, detail map[string]any) error {
	actor := "system"
	if who, ok := identity.From(ctx); ok {
		actor = who.ID
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	return tx.Record(ctx, store.Entry{Actor: actor, Action: action, Subject: "export:" + e.ID, Reason: reason, Detail: text})
}

// sees reports whether a principal may know of an export: of their tenant's all, or those that were issued to
// them and are done. A package is of a whole tenant, so whoever sees only some of its business lines sees none.
func sees(who identity.Principal, e Export) bool {
	if !whole(who, e.Scope.Tenant) {
		return false
	}
	return who.May(identity.ReadExports) || who.May(identity.ReadIssued) && e.issued(who.ID)
}

// whole reports whether a principal sees all of a tenant.
func whole(who identity.Principal, tenant string) bool {
	return who.Sees(tenant) && len(who.Lines) == 0
}

// recipient looks up to whom a package is to be issued, and returns what says whether one of a tenant can be.
// It is asked before a transaction begins, since accounts are read in one of their own. Whoever issues need not
// manage accounts, so the answer does not tell what is wrong with one.
func (x *Exports) recipient(ctx context.Context, id string) (func(tenant string) error, error) {
	k, err := x.o.Accounts.Get(identity.With(ctx, identity.Administrator), id)
	if err != nil && !errors.Is(err, identity.ErrNoAccount) {
		return nil, fmt.Errorf("look up to whom it is issued: %w", err)
	}
	to := identity.Principal{ID: k.ID, Roles: k.Roles, Tenants: k.Tenants, Lines: k.Lines}
	return func(tenant string) error {
		if err != nil || k.ID != id || k.Disabled || !to.May(identity.ReadIssued) || !whole(to, tenant) {
			return refuse("a package of %s cannot be issued to %q: give the id of an account that is enabled, is a regulator's, and sees all of that tenant", tenant, id)
		}
		return nil
	}, nil
}

func (e *Export) issued(to string) bool { return to != "" && e.IssuedTo == to && !e.IssuedAt.IsZero() }

// Query filters exports; empty fields do not filter.
type Query struct {
	Tenant string
	States []State
	Issued bool // only those that were issued to the principal in ctx
	Limit  int  // 1–500
	Cursor string
}

// Page is newest first; Next is "" on the last page.
type Page struct {
	Items []Export `json:"items" nullable:"false"`
	Next  string   `json:"next_cursor" doc:"Empty on the last page"`
}

// List returns the exports that the principal in ctx may see.
func (x *Exports) List(ctx context.Context, q Query) (Page, error) {
	who, ok := identity.From(ctx)
	if !ok {
		return Page{}, ErrNobody
	}
	var where []string
	var args []any
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where = append(where, condition)
	}
	among := func(column string, values []any) {
		if len(values) > 0 {
			add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
		}
	}
	if len(who.Lines) > 0 {
		return Page{}, nil // as sees says
	}
	among("tenant", anys(who.Tenants))
	if q.Issued || !who.May(identity.ReadExports) {
		add("issued_to = ?", who.ID)
		among("state", []any{string(Done), string(Expired)})
	}
	if q.Tenant != "" {
		add("tenant = ?", q.Tenant)
	}
	among("state", anys(q.States))
	if q.Cursor != "" {
		var at int64
		var id string
		if _, err := fmt.Sscanf(q.Cursor, "%d_%s", &at, &id); err != nil {
			return Page{}, refuse("take the cursor unchanged from next_cursor of the page before, or leave it out")
		}
		add("(requested_ms < ? OR (requested_ms = ? AND id < ?))", at, at, id)
	}
	query := `SELECT document FROM exports`
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, " AND ")
	}
	limit := min(max(q.Limit, 1), 500)
	var page Page
	err := x.o.Store.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, query+fmt.Sprintf(` ORDER BY requested_ms DESC, id DESC LIMIT %d`, limit+1), args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scan(rows)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, x.live(e))
		}
		return rows.Err()
	})
	if err != nil {
		return Page{}, fmt.Errorf("list exports: %w", err)
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		last := page.Items[limit-1]
		page.Next = fmt.Sprintf("%d_%s", last.RequestedAt.UnixMilli(), last.ID)
	}
	return page, nil
}

func anys[S ~string](list []S) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

func scan(row interface{ Scan(...any) error }) (e Export, err error) {
	var text string
	if err := row.Scan(&text); err != nil {
		return Export{}, err
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return Export{}, fmt.Errorf("an export cannot be read: %w", err)
	}
	return e, nil
}

// live adds how far the making is, which is not stored.
func (x *Exports) live(e Export) Export {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.running == e.ID && e.State == Running {
		e.Progress = x.at
	}
	return e
}

// Get returns an export that the principal in ctx may see.
func (x *Exports) Get(ctx context.Context, id string) (Export, error) {
	who, ok := identity.From(ctx)
	if !ok {
		return Export{}, ErrNobody
	}
	var e Export
	err := x.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
		e, err = read(ctx, tx, id)
		return err
	})
	if err != nil {
		return Export{}, err
	}
	if !sees(who, e) {
		return Export{}, ErrNotFound
	}
	return x.live(e), nil
}

func read(ctx context.Context, tx *store.Tx, id string) (Export, error) {
	e, err := scan(tx.QueryRowContext(ctx, `SELECT document FROM exports WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Export{}, ErrNotFound
	}
	if err != nil {
		return Export{}, fmt.Errorf("read export %s: %w", id, err)
	}
	return e, nil
}

// change reads an export under a lock, lets do change it, and writes it back. Where do returns an error
// nothing is changed.
func (x *Exports) change(ctx context.Context, id string, do func(tx *store.Tx, e *Export) error) (e Export, err error) {
	err = x.o.Store.Write(ctx, func(tx *store.Tx) error {
		// The row is written first: that locks it on both engines.
		if _, err := tx.ExecContext(ctx, `UPDATE exports SET state = state WHERE id = $1`, id); err != nil {
			return fmt.Errorf("change export %s: %w", id, err)
		}
		if e, err = read(ctx, tx, id); err != nil {
			return err
		}
		if err := do(tx, &e); err != nil {
			return err
		}
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		expires := int64(0)
		if e.State == Done {
			expires = e.Expires.UnixMilli()
		}
		if _, err := tx.ExecContext(ctx, `UPDATE exports SET state = $1, expires_ms = $2, issued_to = $3, document = $4 WHERE id = $5`,
			string(e.State), expires, e.IssuedTo, string(text), id); err != nil {
			return fmt.Errorf("change export %s: %w", id, err)
		}
		return nil
	})
	return e, err
}

// mine is change for a principal who may see the export.
func (x *Exports) mine(ctx context.Context, id string, do func(tx *store.Tx, who identity.Principal, e *Export) error) (Export, error) {
	who, ok := identity.From(ctx)
	if !ok {
		return Export{}, ErrNobody
	}
	return x.change(ctx, id, func(tx *store.Tx, e *Export) error {
		if !sees(who, *e) {
			return ErrNotFound
		}
		return do(tx, who, e)
	})
}

// Cancel stops an export that is not done. Cancelling one that is cancelled changes nothing.
func (x *Exports) Cancel(ctx context.Context, id, reason string) (Export, error) {
	e, err := x.mine(ctx, id, func(tx *store.Tx, _ identity.Principal, e *Export) error {
		switch e.State {
		case Cancelled:
			return nil
		case Queued, Running:
		default:
			return conflict("the export is %s: there is nothing to stop", e.State)
		}
		e.State, e.FinishedAt = Cancelled, x.now()
		return x.record(ctx, tx, "export.cancelled", *e, reason, map[string]any{})
	})
	if err != nil {
		return Export{}, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.running == id {
		x.stop(errCancelled)
	}
	return e, nil
}

var errCancelled = errors.New("cancelled")

// maxReason is how long a purpose or a reason may be, in characters.
const maxReason = 2000

// Issue gives a regulator the right to download a package, and says so in the evidence log. An export that is
// being made is issued once it is done. It is issued once: to somebody else another export is made. Whether
// the account may have it is asked now, and again by each download.
func (x *Exports) Issue(ctx context.Context, id, to, purpose string) (Export, error) {
	if to = strings.TrimSpace(to); to == "" || utf8.RuneCountInString(to) > 200 {
		return Export{}, refuse("say to whom it is issued: the id of the regulator's account, in issued_to")
	}
	if utf8.RuneCountInString(purpose) > maxReason {
		return Export{}, refuse("say the purpose in at most %d characters", maxReason)
	}
	takes, err := x.recipient(ctx, to)
	if err != nil {
		return Export{}, err
	}
	return x.mine(ctx, id, func(tx *store.Tx, who identity.Principal, e *Export) error {
		switch {
		case e.IssuedTo == to && e.IssuedBy != "":
			return nil
		case e.IssuedTo != "":
			return conflict("it was issued to %s; make another export for %s", e.IssuedTo, to)
		case e.State != Done && e.State != Queued && e.State != Running:
			return conflict("the export is %s: there is nothing to issue; make another one", e.State)
		}
		if err := takes(e.Scope.Tenant); err != nil {
			return err
		}
		e.IssuedTo, e.IssuedBy = to, who.ID
		if e.State != Done {
			return nil
		}
		return x.issue(ctx, tx, e, purpose)
	})
}

// issued is what the evidence log says of a package that was issued.
type issued struct {
	Export  string        `json:"export_id"`
	Package string        `json:"package_id"`
	Scope   dossier.Scope `json:"scope"`
	LogSize uint64        `json:"log_size"`
	SHA256  string        `json:"sha256"`
	Size    int64         `json:"size"`
	To      string        `json:"issued_to"`
	By      string        `json:"issued_by"`
	Purpose string        `json:"purpose"`
}

func (x *Exports) issue(ctx context.Context, tx *store.Tx, e *Export, purpose string) error {
	e.IssuedAt = x.now()
	if purpose == "" {
		purpose = e.Purpose
	}
	if err := x.record(ctx, tx, "export.issued", *e, purpose, map[string]any{"issued_to": e.IssuedTo, "sha256": e.SHA256}); err != nil {
		return err
	}
	return evidence.Queue(ctx, tx, evidence.Entry{Key: "export/" + e.ID + "/issued", Type: "export.issued", At: e.IssuedAt, Body: issued{
		Export: e.ID, Package: e.Package, Scope: e.Scope, LogSize: e.At, SHA256: e.SHA256, Size: e.Size, To: e.IssuedTo, By: e.IssuedBy, Purpose: purpose,
	}})
}

// Open opens the file of an export that the principal in ctx may see, and journals that they have it. The
// caller closes it.
func (x *Exports) Open(ctx context.Context, id string) (*os.File, Export, error) {
	e, err := x.mine(ctx, id, func(tx *store.Tx, _ identity.Principal, e *Export) error {
		if e.State != Done {
			return conflict("the export is %s: it has no file", e.State)
		}
		e.Downloads++
		return x.record(ctx, tx, "export.downloaded", *e, e.Purpose, map[string]any{"sha256": e.SHA256})
	})
	if err != nil {
		return nil, Export{}, err
	}
	f, err := os.Open(x.file(id))
	if err != nil {
		return nil, Export{}, fmt.Errorf("open the package: %w", err)
	}
	return f, e, nil
}

// file is where a package is kept. Ids are ours and have letters and digits only.
func (x *Exports) file(id string) string { return filepath.Join(x.o.Dir, id+".zip") }

// check tells what is wrong with a request.
func (r *Request) check() error {
	s := &r.Scope
	words := utf8.RuneCountInString(strings.TrimSpace(r.Purpose))
	switch {
	case s.Tenant == "":
		return refuse("say whose record it is to be of, in tenant")
	case s.From <= 0 || s.To <= s.From:
		return refuse("a period needs both ends, and its end after its beginning")
	case s.To-s.From > (366 * 24 * time.Hour).Milliseconds():
		return refuse("a package is of a year at most; ask for several")
	case s.RecordedBy < 0 || s.RecordedBy != 0 && s.RecordedBy < s.From:
		return refuse("recorded_by lies before the period")
	case words == 0 || words > maxReason:
		return refuse("say what the package is for, in 1 to %d characters", maxReason)
	}
	for what, list := range map[string][]string{"jurisdictions": s.Jurisdictions, "rules": s.Rules, "sessions": s.Sessions} {
		if len(list) > mostNamed {
			return refuse("%s names %d; at most %d go into one package", what, len(list), mostNamed)
		}
		if slices.Contains(list, "") {
			return refuse("%s has an empty one", what)
		}
	}
	return nil
}

// mostNamed is how many jurisdictions, rules or sessions a scope may name: they stand in the manifest, and in
// queries.
const mostNamed = 1000
