package retention

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"mingjian/audit/cases"
	"mingjian/audit/evidence"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/seal"
	"mingjian/collector/warehouse"
)

// Kind is why something went.
type Kind string

// The kinds.
const (
	Person Kind = "person" // somebody asked to be forgotten
	Swept  Kind = "sweep"  // its time was over
)

// State is how far an erasure is.
type State string

// The states; see the package.
const (
	Begun  State = "begun"
	Stated State = "stated"
	Done   State = "done"
)

// Types of the log's entries.
const (
	ErasedType = "person.erased"
	SweptType  = "retention.swept"
)

// Erasure is one removal from the record.
type Erasure struct {
	ID       string    `json:"erasure_id,omitempty" doc:"Empty where nothing was left to erase, and of a dry run"`
	Kind     Kind      `json:"kind" enum:"person,sweep"`
	Tenant   string    `json:"tenant"`
	Person   string    `json:"subject,omitempty" doc:"Keyed digest of the customer"`
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	State    State     `json:"state,omitempty" enum:"begun,stated,done"`
	Sessions int64     `json:"sessions"`
	Rows     int64     `json:"rows"`
	Keys     int64     `json:"keys" doc:"Keys of originals that were destroyed"`
	Root     string    `json:"leaves_root,omitempty" doc:"RFC 6962 tree hash, in hex, over the leaves of the rows in the order of topic, partition and offset"`
	LogIndex *int64    `json:"log_index,omitempty" doc:"Where the log has its entry; absent until the notary appended it"`

	names []string
	terms json.RawMessage
}

// statement is what the log says of an erasure.
type statement struct {
	Erasure string          `json:"erasure"`
	Tenant  string          `json:"tenant"`
	Rows    int64           `json:"rows"`
	Root    string          `json:"leaves_root"`
	Keys    int64           `json:"keys"`
	Subject string          `json:"subject,omitempty"`
	Terms   json.RawMessage `json:"terms,omitempty"` // by which a sweep deleted
	At      string          `json:"at"`
}

// entryKey is the key of an erasure's entry in the log.
func entryKey(id string) string { return "erasure:" + id }

// Request asks for a person to be forgotten.
type Request struct {
	Tenant, Customer, Reason string
	DryRun                   bool // only count
}

// Erase forgets a tenant's customer, in the name of the principal in ctx. Where nothing is left of him the
// erasure has no id. It is a *Held where somebody holds any of it, and nothing was touched then.
func (r *Retention) Erase(ctx context.Context, q Request) (Erasure, error) {
	who, err := actor(ctx)
	if err != nil {
		return Erasure{}, err
	}
	q.Tenant, q.Customer = strings.TrimSpace(q.Tenant), strings.TrimSpace(q.Customer)
	switch {
	case q.Tenant == "":
		return Erasure{}, fault("tenant", "name the tenant whose customer this is")
	case q.Customer == "" || q.Customer == cases.Erased:
		return Erasure{}, fault("customer", "name the customer, as the source or the record knows him")
	case !r.reaches(who, q.Tenant):
		return Erasure{}, fault("tenant", "you cannot erase there: you see other tenants or business lines only")
	}
	if err := reason(q.Reason); err != nil {
		return Erasure{}, err
	}
	e := Erasure{Kind: Person, Tenant: q.Tenant, Person: r.person(q.Tenant, q.Customer), Reason: strings.TrimSpace(q.Reason), By: who.ID, At: r.db.Now(), names: r.o.Vault.Names(q.Customer)}
	sessions, err := r.sessions(ctx, e)
	if err != nil {
		return Erasure{}, err
	}
	e.Sessions = int64(len(sessions))
	var unfinished []Erasure
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		g, err := r.grip(ctx, tx)
		if err != nil {
			return err
		}
		if h := g.on(e.Tenant, e.Person, sessions...); h != nil {
			return &Held{*h}
		}
		if e.Keys, err = r.o.Vault.Held(ctx, tx, e.Tenant, e.names); err != nil {
			return err
		}
		unfinished, err = erasures(ctx, tx, `WHERE state <> 'done' AND tenant = $1 AND person = $2`, e.Tenant, e.Person)
		return err
	})
	if err != nil {
		return Erasure{}, err
	}
	if err := r.sealed(ctx, e.Tenant, sessions, r.o.Record.Erasable, func(warehouse.Erased) error { e.Rows++; return nil }); err != nil {
		return Erasure{}, err
	}
	if q.DryRun {
		return e, nil
	}
	for _, before := range unfinished { // it was killed; what it has left is found anew below
		if before, err = r.finish(ctx, before); err != nil {
			return Erasure{}, err
		}
		e = before
	}
	left, err := r.left(ctx, e, sessions)
	if err != nil || !left {
		return e, err
	}
	fresh := Erasure{Kind: Person, Tenant: q.Tenant, Person: r.person(q.Tenant, q.Customer), Reason: strings.TrimSpace(q.Reason), By: who.ID, names: r.o.Vault.Names(q.Customer)}
	return r.begin(ctx, fresh, sessions)
}

// sessions finds a person's sessions: by what the record, the keys and earlier erasures of his know.
func (r *Retention) sessions(ctx context.Context, e Erasure) ([]string, error) {
	out, err := r.o.Record.SessionsOf(ctx, e.Tenant, e.names)
	if err != nil {
		return nil, err
	}
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		adopted, err := r.o.Vault.Sessions(ctx, tx, e.Tenant, e.names)
		if err != nil {
			return err
		}
		earlier, err := sessionsOf(ctx, tx, `SELECT DISTINCT s.session_id FROM retention_sessions s JOIN retention_erasures e ON e.id = s.erasure WHERE e.tenant = $1 AND e.person = $2`, e.Tenant, e.Person)
		out = append(append(out, adopted...), earlier...)
		return err
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

func sessionsOf(ctx context.Context, tx *store.Tx, query string, args ...any) (out []string, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the sessions of an erasure: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read the sessions of an erasure: %w", err)
		}
		out = append(out, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the sessions of an erasure: %w", err)
	}
	return out, nil
}

// left reports whether anything of a person is there to be erased.
func (r *Retention) left(ctx context.Context, e Erasure, sessions []string) (bool, error) {
	found := errors.New("found")
	err := r.sealed(ctx, e.Tenant, sessions, r.o.Record.Erasable, func(warehouse.Erased) error { return found })
	if errors.Is(err, found) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	named, err := r.o.Record.Named(ctx, e.Tenant, sessions)
	if err != nil || len(named) > 0 {
		return true, err
	}
	var keys int64
	err = r.db.Read(ctx, func(tx *store.Tx) (err error) {
		keys, err = r.o.Vault.Held(ctx, tx, e.Tenant, e.names)
		return err
	})
	return keys > 0, err
}

// sealed streams those of the rows of sessions that a seal covers; the others may yet be written anew.
func (r *Retention) sealed(ctx context.Context, tenant string, sessions []string, rows func(context.Context, string, []string, func(warehouse.Erased) error) error, each func(warehouse.Erased) error) error {
	topics := map[string]map[int]warehouse.Seal{}
	for some := range slices.Chunk(sessions, sessionsAtOnce) {
		var all []warehouse.Erased // a query ends before the next begins
		if err := rows(ctx, tenant, some, func(e warehouse.Erased) error { all = append(all, e); return nil }); err != nil {
			return err
		}
		for _, e := range all {
			seals, ok := topics[e.Topic]
			if !ok {
				var err error
				if seals, err = r.o.Record.Progress(ctx, e.Topic); err != nil {
					return err
				}
				topics[e.Topic] = seals
			}
			if s, ok := seals[e.Partition]; !ok || e.Offset > s.Last {
				continue
			}
			if err := each(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// sessionsAtOnce bounds how many sessions' rows are asked for at a time, and how many a sweep takes at once.
const sessionsAtOnce = 500

// begin notes an erasure and what it is of, and carries it out.
func (r *Retention) begin(ctx context.Context, e Erasure, sessions []string) (Erasure, error) {
	e.ID, e.At, e.State, e.Sessions = uuid.Must(uuid.NewV7()).String(), r.db.Now(), Begun, int64(len(sessions))
	names := ""
	if len(e.names) > 0 {
		b, err := json.Marshal(e.names)
		if err != nil {
			return Erasure{}, err
		}
		names = string(b)
	}
	l := newLease(r, e.ID)
	err := r.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO retention_erasures (`+erasureColumns+`, done_ms, owner, until_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, $15, $16)`,
			e.ID, string(e.Kind), e.Tenant, e.Person, names, e.Reason, string(e.terms), e.By, e.At.UnixMilli(), string(e.State), e.Sessions, 0, 0, "", l.owner, e.At.Add(leased).UnixMilli())
		if err != nil {
			return err
		}
		for _, id := range sessions {
			if _, err := tx.ExecContext(ctx, `INSERT INTO retention_sessions (erasure, session_id) VALUES ($1, $2)`, e.ID, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Erasure{}, fmt.Errorf("begin an erasure: %w", err)
	}
	return r.carry(ctx, e, l)
}

// finish carries an erasure to its end, unless another hand is on it.
func (r *Retention) finish(ctx context.Context, e Erasure) (Erasure, error) {
	l := newLease(r, e.ID)
	if open, err := l.take(ctx); err != nil || !open {
		return e, err
	}
	now, err := r.read(ctx, e.ID) // others may have brought it on since e was read
	if err != nil {
		return e, errors.Join(err, l.give(ctx))
	}
	return r.carry(ctx, now, l)
}

// carry carries an erasure to its end, from wherever it stands, and gives it back.
func (r *Retention) carry(ctx context.Context, e Erasure, l lease) (_ Erasure, err error) {
	defer func() { err = errors.Join(err, l.give(ctx)) }()
	var sessions []string
	err = r.db.Read(ctx, func(tx *store.Tx) (err error) {
		sessions, err = sessionsOf(ctx, tx, `SELECT session_id FROM retention_sessions WHERE erasure = $1 ORDER BY session_id`, e.ID)
		return err
	})
	if err != nil {
		return e, err
	}
	if e.State == Begun {
		if e, err = r.state(ctx, e, l, sessions); err != nil {
			return e, err
		}
	}
	if e.State == Stated {
		if e, err = r.destroy(ctx, e, l, sessions); err != nil {
			return e, err
		}
	}
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		at, ok, err := evidence.Place(ctx, tx, entryKey(e.ID))
		if ok {
			e.LogIndex = &at
		}
		return err
	})
	return e, err
}

// state notes the rows, and then destroys the keys and queues the statement. The holds are looked at again in
// that transaction: afterwards there is no way back.
func (r *Retention) state(ctx context.Context, e Erasure, l lease, sessions []string) (Erasure, error) {
	rows := r.o.Record.Erasable
	if e.Kind == Swept {
		rows = r.o.Record.Standing
	}
	var some []warehouse.Erased
	put := func() error {
		err := l.keep(ctx)
		if err == nil {
			err = r.o.Record.PutErased(ctx, some)
		}
		some = some[:0]
		return err
	}
	err := r.sealed(ctx, e.Tenant, sessions, rows, func(row warehouse.Erased) error {
		row.Erasure, row.Gone = e.ID, e.Kind == Swept
		if some = append(some, row); len(some) < rowsAtOnce {
			return nil
		}
		return put()
	})
	if err == nil {
		err = put()
	}
	if err != nil {
		return e, fmt.Errorf("note what is erased: %w", err)
	}
	var leaves []seal.Hash
	if err := r.o.Record.ErasedBy(ctx, e.ID, func(row warehouse.Erased) error {
		leaves = append(leaves, seal.HashOf(row.Leaf))
		return nil
	}); err != nil {
		return e, err
	}
	e.Rows, e.Root = int64(len(leaves)), seal.Root(leaves).String()
	ctx = identity.With(ctx, identity.Principal{ID: e.By}) // whoever goes on acts for whoever began
	err = r.db.Write(ctx, func(tx *store.Tx) error {
		// The row is written first: that locks it on both engines.
		res, err := tx.ExecContext(ctx, `UPDATE retention_erasures SET state = $1 WHERE id = $2 AND state = $3 AND owner = $4`, string(Stated), e.ID, string(Begun), l.owner)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, error(&busy{e.ID}))
		}
		g, err := r.grip(ctx, tx)
		if err != nil {
			return err
		}
		if h := g.on(e.Tenant, e.Person, sessions...); h != nil {
			return &Held{*h}
		}
		e.Keys = 0
		if len(e.names) > 0 {
			n, err := r.o.Vault.Destroy(ctx, tx, e.Tenant, e.names[0], e.Reason)
			if err != nil {
				return err
			}
			e.Keys = int64(n)
		}
		what := ErasedType
		if e.Kind == Swept {
			what = SweptType
		} else if err := r.o.Vault.Tell(ctx, tx, e.Tenant, sessions); err != nil {
			return err
		}
		now := r.db.Now()
		if err := evidence.Queue(ctx, tx, evidence.Entry{Key: entryKey(e.ID), Type: what, At: now, Body: statement{
			Erasure: e.ID, Tenant: e.Tenant, Rows: e.Rows, Root: e.Root, Keys: e.Keys, Subject: e.Person, Terms: e.terms, At: now.UTC().Format(time.RFC3339),
		}}); err != nil {
			return err
		}
		detail, err := json.Marshal(map[string]any{"tenant": e.Tenant, "subject": e.Person, "sessions": e.Sessions, "rows": e.Rows, "leaves_root": e.Root})
		if err != nil {
			return err
		}
		if err := tx.Record(ctx, store.Entry{Actor: e.By, Action: what, Subject: entryKey(e.ID), Reason: e.Reason, Detail: detail}); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE retention_erasures SET places = $1, keys = $2, root = $3 WHERE id = $4`, e.Rows, e.Keys, e.Root, e.ID)
		return err
	})
	var held *Held
	if errors.As(err, &held) {
		return e, errors.Join(err, r.withdraw(ctx, e, l))
	}
	if err != nil {
		return e, fmt.Errorf("state an erasure: %w", err)
	}
	e.State = Stated
	return e, nil
}

// withdraw gives up an erasure of which nothing was destroyed: whoever wants it asks again once the hold is lifted.
func (r *Retention) withdraw(ctx context.Context, e Erasure, l lease) error {
	err := l.keep(ctx)
	if err == nil {
		err = r.o.Record.Withdraw(ctx, e.ID)
	}
	if err != nil {
		return err
	}
	err = r.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM retention_sessions WHERE erasure = $1`, e.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM retention_erasures WHERE id = $1 AND state = $2`, e.ID, string(Begun))
		return err
	})
	if err != nil {
		return fmt.Errorf("withdraw an erasure: %w", err)
	}
	return nil
}

func (r *Retention) read(ctx context.Context, id string) (e Erasure, err error) {
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		found, err := erasures(ctx, tx, `WHERE id = $1`, id)
		if err == nil && len(found) != 1 {
			err = fmt.Errorf("read erasure %s: it is not there", id)
		}
		if err == nil {
			e = found[0]
		}
		return err
	})
	return e, err
}

// Unfinished reports whether an erasure was begun and is not done.
func Unfinished(ctx context.Context, tx *store.Tx, id string) (bool, error) {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM retention_erasures WHERE id = $1 AND state <> 'done'`, id).Scan(&n); err != nil {
		return false, fmt.Errorf("read erasure %s: %w", id, err)
	}
	return n > 0, nil
}

// rowsAtOnce is how many rows one insert notes.
const rowsAtOnce = 10_000

// destroy destroys what the statement speaks of.
func (r *Retention) destroy(ctx context.Context, e Erasure, l lease, sessions []string) (Erasure, error) {
	rows, people := r.o.Record.Blank, r.o.Record.Forget
	if e.Kind == Swept {
		rows, people = r.o.Record.Drop, r.o.Record.DropSessions
	}
	err := l.keep(ctx)
	if err == nil {
		err = rows(ctx, e.ID)
	}
	if err == nil {
		err = l.keep(ctx)
	}
	if err == nil {
		err = people(ctx, e.Tenant, sessions)
	}
	if err != nil {
		return e, fmt.Errorf("destroy what was erased: %w", err)
	}
	err = r.db.Write(ctx, func(tx *store.Tx) error {
		if e.Kind == Person {
			if _, err := r.o.Cases.Forget(ctx, tx, e.Tenant, sessions); err != nil {
				return err
			}
			// What a collector loaded meanwhile may have come from before the contents were destroyed.
			if err := r.o.Vault.Tell(ctx, tx, e.Tenant, sessions); err != nil {
				return err
			}
		} else if _, err := tx.ExecContext(ctx, `DELETE FROM retention_sessions WHERE erasure = $1`, e.ID); err != nil {
			return err // nobody asks for them again
		}
		_, err := tx.ExecContext(ctx, `UPDATE retention_erasures SET state = $1, done_ms = $2, names = '' WHERE id = $3`, string(Done), r.db.Now().UnixMilli(), e.ID)
		return err
	})
	if err != nil {
		return e, fmt.Errorf("finish an erasure: %w", err)
	}
	e.State, e.names = Done, nil
	return e, nil
}

const erasureColumns = `id, kind, tenant, person, names, reason, terms, actor, at_ms, state, sessions, places, keys, root`

// erasures reads erasures, oldest first.
func erasures(ctx context.Context, tx *store.Tx, condition string, args ...any) (out []Erasure, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+erasureColumns+` FROM retention_erasures `+condition+` ORDER BY id`, args...)
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e Erasure
		var names, terms string
		var at int64
		if err := rows.Scan(&e.ID, &e.Kind, &e.Tenant, &e.Person, &names, &e.Reason, &terms, &e.By, &at, &e.State, &e.Sessions, &e.Rows, &e.Keys, &e.Root); err != nil {
			return nil, fmt.Errorf("read erasures: %w", err)
		}
		e.At, e.terms = moment(at), json.RawMessage(terms)
		if names != "" {
			if err := json.Unmarshal([]byte(names), &e.names); err != nil {
				return nil, fmt.Errorf("read erasure %s: %w", e.ID, err)
			}
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	return out, nil
}
