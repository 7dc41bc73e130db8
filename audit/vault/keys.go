package vault

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/google/uuid"

	"mingjian/audit/store"
	"mingjian/collector/original"
)

const (
	// readChunk and writeChunk are how many owners one statement reads and writes.
	readChunk  = 500
	writeChunk = 100
)

// sessionPrefix begins the name of an owner of whom only the session is known.
const sessionPrefix = "s:"

// person is an owner as the tables name it.
func person(o original.Owner) string {
	switch {
	case o.Customer != "":
		return "c:" + o.Customer
	case o.Session != "":
		return sessionPrefix + o.Session
	}
	return "t:" + o.Topic
}

// about is what a wrapped data key is bound to: it opens as nobody else's.
func about(id, tenant, month string) string {
	return fmt.Sprintf("data key %s of %q in %s", id, tenant, month)
}

func aboutMonth(tenant, month string) string {
	return fmt.Sprintf("month key of %q in %s", tenant, month)
}

// Keys returns the data keys of owners, in their order. Those that are missing are made, all in one
// transaction, and are durable when it returns.
func (v *Vault) Keys(ctx context.Context, owners []original.Owner) ([]original.Key, error) {
	keys, missing, erasures, err := v.remember(ctx, owners)
	if err != nil || len(missing) == 0 {
		return keys, err
	}
	got := map[original.Owner]original.Key{}
	err = v.db.Read(ctx, func(tx *store.Tx) error { return v.read(ctx, tx, missing, got) })
	if err != nil {
		return nil, fmt.Errorf("read data keys: %w", err)
	}
	if len(got) < len(missing) {
		if err := v.db.Write(ctx, func(tx *store.Tx) error { return v.make(ctx, tx, missing, got) }); err != nil {
			return nil, fmt.Errorf("make data keys: %w", err)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, o := range owners {
		if keys[i].ID == "" {
			keys[i] = got[o]
			if v.erasures == erasures { // or else it may be one of those that were destroyed
				v.known.put(o, got[o])
			}
		}
	}
	return keys, nil
}

// remember fills in what is known, and gives each owner that is not once, and how many erasures
// there have been.
func (v *Vault) remember(ctx context.Context, owners []original.Owner) (keys []original.Key, missing []original.Owner, erasures int64, err error) {
	err = v.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT count FROM vault_erasures WHERE id = 'count'`).Scan(&erasures)
	})
	if err != nil {
		return nil, nil, 0, fmt.Errorf("read data keys: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if erasures != v.erasures {
		v.known, v.erasures = newMemory(), erasures
	}
	keys = make([]original.Key, len(owners))
	asked := map[original.Owner]bool{}
	for i, o := range owners {
		k, ok := v.known.get(o)
		keys[i] = k
		if !ok && !asked[o] {
			asked[o] = true
			missing = append(missing, o)
		}
	}
	return keys, missing, erasures, nil
}

// shelf is a tenant's month.
type shelf struct{ tenant, month string }

// owned is an owner with what the tables name it, which is asked for more often than it should be made.
type owned struct {
	original.Owner
	person string
}

// shelves sorts owners that got has no key of by tenant and month, and each month's by person. Two
// processes that make the same keys then wait for each other's rows in one order, and not in a circle.
func shelves(owners []original.Owner, got map[original.Owner]original.Key) iter.Seq2[shelf, []owned] {
	missing := make([]owned, 0, len(owners))
	for _, o := range owners {
		if _, ok := got[o]; !ok {
			missing = append(missing, owned{o, person(o)})
		}
	}
	slices.SortFunc(missing, func(a, b owned) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Month, b.Month), strings.Compare(a.person, b.person))
	})
	return func(yield func(shelf, []owned) bool) {
		for len(missing) > 0 {
			at := shelf{missing[0].Tenant, missing[0].Month}
			n := 1
			for n < len(missing) && (shelf{missing[n].Tenant, missing[n].Month}) == at {
				n++
			}
			if !yield(at, missing[:n]) {
				return
			}
			missing = missing[n:]
		}
	}
}

// read looks up the keys of owners and puts those that are there into got.
func (v *Vault) read(ctx context.Context, tx *store.Tx, owners []original.Owner, got map[original.Owner]original.Key) error {
	for at, of := range shelves(owners, got) {
		by, ok, err := v.month(ctx, tx, at)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		for len(of) > 0 {
			some := of[:min(len(of), readChunk)]
			of = of[len(some):]
			if err := readSome(ctx, tx, at, &by, some, got); err != nil {
				return err
			}
		}
	}
	return nil
}

func readSome(ctx context.Context, tx *store.Tx, at shelf, by *[original.KeySize]byte, owners []owned, got map[original.Owner]original.Key) error {
	named := map[string]original.Owner{}
	args := []any{at.tenant, at.month}
	for _, o := range owners {
		named[o.person] = o.Owner
		args = append(args, o.person)
	}
	rows, err := tx.QueryContext(ctx, `SELECT id, person, wrapped FROM vault_keys WHERE tenant = $1 AND month = $2 AND person IN (`+tx.Places(3, len(owners))+`)`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var k original.Key
		var who, wrapped string
		if err := rows.Scan(&k.ID, &who, &wrapped); err != nil {
			return err
		}
		if k.Secret, err = unwrap(by, wrapped, about(k.ID, at.tenant, at.month)); err != nil {
			return err
		}
		got[named[who]] = k
	}
	return rows.Err()
}

// make makes the keys that got lacks. Where another process has made one of them meanwhile, the one whose
// transaction ended first has made it, and the other takes that.
func (v *Vault) make(ctx context.Context, tx *store.Tx, owners []original.Owner, got map[original.Owner]original.Key) error {
	statements := map[int]*sql.Stmt{} // by how many keys they insert
	defer func() {
		for _, s := range statements {
			s.Close()
		}
	}()
	now := v.db.Now().UnixMilli()
	for at, of := range shelves(owners, got) {
		by, ok, err := v.month(ctx, tx, at)
		if err == nil && !ok {
			by, err = v.makeMonth(ctx, tx, at)
		}
		if err != nil {
			return err
		}
		gcm := sealer(&by)
		for len(of) > 0 {
			some := of[:min(len(of), writeChunk)]
			of = of[len(some):]
			args := make([]any, 0, keyColumns*len(some))
			for _, o := range some {
				k := newKey()
				args = append(args, k.ID, o.Tenant, o.person, o.Month, wrap(gcm, &k.Secret, about(k.ID, o.Tenant, o.Month)), now)
				got[o.Owner] = k
			}
			statement := statements[len(some)]
			if statement == nil {
				if statement, err = insertKeys(ctx, tx, len(some)); err != nil {
					return err
				}
				statements[len(some)] = statement
			}
			res, err := statement.ExecContext(ctx, args...)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if int(n) < len(some) {
				if err := readSome(ctx, tx, at, &by, some, got); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// keyColumns is how many columns of vault_keys are written.
const keyColumns = 6

// insertKeys prepares the insert of n keys: for SQLite, reading the statement costs as much as running it.
func insertKeys(ctx context.Context, tx *store.Tx, n int) (*sql.Stmt, error) {
	values := make([]string, n)
	for i := range values {
		values[i] = "(" + tx.Places(1+i*keyColumns, keyColumns) + ")"
	}
	return tx.PrepareContext(ctx, `INSERT INTO vault_keys (id, tenant, person, month, wrapped, at_ms) VALUES `+strings.Join(values, ", ")+` ON CONFLICT (tenant, person, month) DO NOTHING`)
}

// newKey makes a key. Its id grows with time (UUID version 7, RFC 9562), so that ten thousand new ones lie
// side by side in the index, and not each on a page of its own.
func newKey() (k original.Key) {
	k.ID = uuid.Must(uuid.NewV7()).String()
	rand.Read(k.Secret[:]) // never fails
	return k
}

// month reads a tenant's month key.
func (v *Vault) month(ctx context.Context, tx *store.Tx, at shelf) (key [original.KeySize]byte, ok bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT wrapped FROM vault_months WHERE tenant = $1 AND month = $2`, at.tenant, at.month)
	if err != nil {
		return key, false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return key, false, rows.Err()
	}
	var wrapped string
	if err := rows.Scan(&wrapped); err != nil {
		return key, false, err
	}
	key, err = unwrap(&v.master, wrapped, aboutMonth(at.tenant, at.month))
	return key, err == nil, err
}

func (v *Vault) makeMonth(ctx context.Context, tx *store.Tx, at shelf) (key [original.KeySize]byte, err error) {
	k := newKey()
	_, err = tx.ExecContext(ctx, `INSERT INTO vault_months (tenant, month, wrapped, at_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, month) DO NOTHING`,
		at.tenant, at.month, wrap(sealer(&v.master), &k.Secret, aboutMonth(at.tenant, at.month)), v.db.Now().UnixMilli())
	if err != nil {
		return key, err
	}
	key, ok, err := v.month(ctx, tx, at)
	if err == nil && !ok {
		err = errors.New("a month key that was written is not there")
	}
	return key, err
}

// Adopt notes whose the originals of other owners are.
func (v *Vault) Adopt(ctx context.Context, adoptions []original.Adoption) error {
	if len(adoptions) == 0 {
		return nil
	}
	// In one order, for the same reason as in shelves.
	ordered := slices.SortedFunc(slices.Values(adoptions), func(a, b original.Adoption) int {
		return cmp.Or(strings.Compare(a.Was.Tenant, b.Was.Tenant), strings.Compare(person(a.Was), person(b.Was)))
	})
	err := v.db.Write(ctx, func(tx *store.Tx) error {
		for some := range slices.Chunk(ordered, writeChunk) {
			var values []string
			var args []any
			for _, a := range some {
				values = append(values, "("+tx.Places(len(args)+1, 4)+")")
				args = append(args, a.Was.Tenant, person(a.Was), a.Is.Tenant, person(a.Is))
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO vault_adoptions (was_tenant, was_person, tenant, person) VALUES `+strings.Join(values, ", ")+` ON CONFLICT DO NOTHING`, args...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note whose originals these are: %w", err)
	}
	return nil
}
