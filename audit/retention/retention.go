// Package retention decides what of the record goes and what stays: people who ask to be forgotten are
// erased, what is past its term is deleted, and neither touches what somebody holds.
//
//	Erase, Sweep ──► begun ──► stated ──► done
//	                   │          │         └ contents destroyed in every part; cases have forgotten
//	                   │          └ keys destroyed, and the statement to the evidence log queued, in one transaction
//	                   └ rows noted in erasures, with their leaves; taken back where a hold was placed meanwhile
//
// Each step may be done again, so that whoever is killed anywhere leaves an erasure which Resume ends in the
// same state. No row loses its contents before it stands in erasures and the log's entry about it is
// certain to come: its type is person.erased or retention.swept, and its root is over the leaves of the rows
// in the order of topic, partition and offset. So every seal still verifies, and nobody can say of a row
// that it was erased which was not.
//
// Rows of the record that no seal covers yet, and what a collector had in hand while its person was erased,
// are found by later rounds of Run and erased like the others, by an erasure of their own.
//
// # Not promised
//
// Erasure from copies that are not the record's: backups of the workflow store and of ClickHouse, Kafka's
// log, which ends by its own retention, packages that were exported, and what hooks and topics delivered.
// Nor from what people wrote: the journal, the steps of cases, reasons and notes; nor from payments, which
// are books and kept as such. Refused messages belong to nobody who could be found. ClickHouse removes the
// files of parts that were rewritten some minutes later (old_parts_lifetime).
package retention

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/evidence"
	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

//go:embed migrations/*.sql
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the tables of holds and erasures.
var Noun = store.Noun{Name: "retention", Files: migrationFiles}

// Record is what retention does in the warehouse; warehouse.Store does it.
type Record interface {
	// Progress, SessionsOf, Erasable, Standing and Named find out what there is.
	Progress(ctx context.Context, topic string) (map[int]warehouse.Seal, error)
	SessionsOf(ctx context.Context, tenant string, customers []string) ([]string, error)
	Erasable(ctx context.Context, tenant string, sessions []string, each func(warehouse.Erased) error) error
	Standing(ctx context.Context, tenant string, sessions []string, each func(warehouse.Erased) error) error
	Named(ctx context.Context, tenant string, sessions []string) ([]string, error)
	Ages(ctx context.Context) ([]warehouse.Age, error)
	Over(ctx context.Context, of warehouse.Age, before policies.Millis, after string, limit int, each func(session, customer string) error) error
	// PutErased, Withdraw and ErasedBy keep what is erased.
	PutErased(ctx context.Context, rows []warehouse.Erased) error
	Withdraw(ctx context.Context, erasure string) error
	ErasedBy(ctx context.Context, erasure string, each func(warehouse.Erased) error) error
	// Blank, Forget, Drop and DropSessions destroy it.
	Blank(ctx context.Context, erasure string) error
	Forget(ctx context.Context, tenant string, sessions []string) error
	Drop(ctx context.Context, erasure string) error
	DropSessions(ctx context.Context, tenant string, sessions []string) error
}

// Options are what Retention stands on. All are needed but Log.
type Options struct {
	Store  *store.DB
	Record Record
	Vault  *vault.Vault
	Cases  *cases.Cases
	Rules  func() *policies.Bundle // whose terms hold
	Log    *slog.Logger            // slog.Default when nil
}

// Retention is the noun's way in. It is safe for concurrent use.
type Retention struct {
	o   Options
	db  *store.DB
	log *slog.Logger
}

// New brings the noun's tables up to date, and those that it writes into.
func New(ctx context.Context, o Options) (*Retention, error) {
	if o.Store == nil || o.Record == nil || o.Vault == nil || o.Cases == nil || o.Rules == nil {
		return nil, errors.New("retention needs a store, a record, a vault, cases and rules")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if err := o.Store.Migrate(ctx, Noun, evidence.Noun); err != nil {
		return nil, err
	}
	return &Retention{o: o, db: o.Store, log: o.Log}, nil
}

// person names a tenant's customer without saying who it is, the same for all names of his.
func (r *Retention) person(tenant, customer string) string {
	if !strings.HasPrefix(customer, pseudonymous) {
		customer = r.o.Vault.Pseudonym(customer)
	}
	return r.o.Vault.Subject(tenant, customer)
}

// pseudonymous begins what vault.Pseudonym gives.
const pseudonymous = "p-"

// system acts where no person does.
const system = "system"

// Fault is a request that cannot be done as it is, in one line with the way out.
type Fault struct{ Field, Text string }

// Error is the line.
func (f *Fault) Error() string { return f.Text }

func fault(field, format string, args ...any) error {
	return &Fault{field, fmt.Sprintf(format, args...)}
}

// ErrNotFound says that there is no such hold, or none that the one who asks may know of.
var ErrNotFound = errors.New("there is no such hold")

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
