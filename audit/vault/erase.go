package vault

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/event"
	"mingjian/collector/original"
	"mingjian/collector/warehouse"
)

var (
	// ErrErased says that an original was erased: the key that opened it was destroyed.
	ErrErased = errors.New("the original was erased: its key was destroyed")
	// ErrUnknownKey says that this store never had the key.
	ErrUnknownKey = errors.New("the workflow store does not know the key of this original: it is another store's, or older than the original")
)

// Erase is Destroy in a transaction of its own.
func (v *Vault) Erase(ctx context.Context, tenant, customer, reason string) (n int, err error) {
	err = v.db.Write(ctx, func(tx *store.Tx) error {
		n, err = v.Destroy(ctx, tx, tenant, customer, reason)
		return err
	})
	return n, err
}

// Destroy destroys all data keys of a tenant's customer, of all months, and those of sessions that
// turned out to be his; n says how many. It is journalled, in the name of the principal in ctx, under
// a keyed digest of tenant and customer: the journal cannot be changed, and must not name for ever
// who asked to be forgotten. Whoever knows the customer finds the entry by Subject.
func (v *Vault) Destroy(ctx context.Context, tx *store.Tx, tenant, customer, reason string) (n int, err error) {
	who, ok := identity.From(ctx)
	if !ok {
		return 0, errors.New("erase a person's originals: nobody acts")
	}
	if customer == "" {
		return 0, errors.New("erase a person's originals: no customer is named")
	}
	err = func() error {
		for _, id := range v.Names(customer) {
			is := person(original.Owner{Customer: id})
			for _, statement := range []string{
				`UPDATE vault_keys SET wrapped = '', person = 'erased ' || id, erased_ms = $1 WHERE tenant = $2 AND person = $3 AND erased_ms = 0`,
				`UPDATE vault_keys SET wrapped = '', person = 'erased ' || id, erased_ms = $1 WHERE erased_ms = 0 AND (tenant, person) IN
					(SELECT was_tenant, was_person FROM vault_adoptions WHERE tenant = $2 AND person = $3)`,
			} {
				res, err := tx.ExecContext(ctx, statement, v.db.Now().UnixMilli(), tenant, is)
				if err != nil {
					return err
				}
				destroyed, err := res.RowsAffected()
				if err != nil {
					return err
				}
				n += int(destroyed)
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM vault_adoptions WHERE tenant = $1 AND person = $2`, tenant, is); err != nil {
				return err
			}
		}
		if err := v.grow(ctx, tx); err != nil {
			return err
		}
		detail, err := json.Marshal(map[string]any{"tenant": tenant, "keys": n})
		if err != nil {
			return err
		}
		return tx.Record(ctx, store.Entry{Actor: who.ID, Action: "person.erased", Subject: v.Subject(tenant, customer), Reason: reason, Detail: detail})
	}()
	if err != nil {
		return 0, fmt.Errorf("erase a person's originals: %w", err)
	}
	return n, nil
}

// Names are the identifiers that a customer may be known by: one that is itself personal data is known by
// its pseudonym.
func (v *Vault) Names(customer string) []string { return []string{customer, v.Pseudonym(customer)} }

// Sessions gives the sessions that are noted to be a customer's, known by any of the names.
func (v *Vault) Sessions(ctx context.Context, tx *store.Tx, tenant string, names []string) (ids []string, err error) {
	for _, id := range names {
		rows, err := tx.QueryContext(ctx, `SELECT was_person FROM vault_adoptions WHERE tenant = $1 AND person = $2`, tenant, person(original.Owner{Customer: id}))
		if err != nil {
			return nil, fmt.Errorf("find a person's sessions: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var was string
			if err := rows.Scan(&was); err != nil {
				return nil, fmt.Errorf("find a person's sessions: %w", err)
			}
			if session, ok := strings.CutPrefix(was, sessionPrefix); ok {
				ids = append(ids, session)
			}
		}
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("find a person's sessions: %w", err)
		}
	}
	return ids, nil
}

// Held counts the keys that there are of a tenant's customer, known by any of the names, and of his sessions.
func (v *Vault) Held(ctx context.Context, tx *store.Tx, tenant string, names []string) (n int64, err error) {
	for _, id := range names {
		var some int64
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM vault_keys WHERE erased_ms = 0 AND (tenant = $1 AND person = $2
			OR (tenant, person) IN (SELECT was_tenant, was_person FROM vault_adoptions WHERE tenant = $1 AND person = $2))`, tenant, person(original.Owner{Customer: id})).Scan(&some)
		if err != nil {
			return 0, fmt.Errorf("count a person's keys: %w", err)
		}
		n += some
	}
	return n, nil
}

// grow counts an erasure.
func (v *Vault) grow(ctx context.Context, tx *store.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE vault_erasures SET count = count + 1 WHERE id = 'count'`)
	return err
}

// Tell has every collector forget what it holds of a tenant's sessions: see Erased. It may be told again.
func (v *Vault) Tell(ctx context.Context, tx *store.Tx, tenant string, sessions []string) error {
	err := v.grow(ctx, tx)
	for _, id := range sessions {
		if err != nil {
			break
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO vault_erased (tenant, session_id, count) SELECT $1, $2, count FROM vault_erasures WHERE id = 'count'
			ON CONFLICT (tenant, session_id) DO UPDATE SET count = excluded.count`, tenant, id)
	}
	if err != nil {
		return fmt.Errorf("tell that sessions were erased: %w", err)
	}
	return nil
}

// Erased gives the sessions, owners without a month, that were told to be erased after the count, and the
// count up to which it knows. A negative count asks for that alone.
func (v *Vault) Erased(ctx context.Context, after int64) (sessions []original.Owner, count int64, err error) {
	err = v.db.Read(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRowContext(ctx, `SELECT count FROM vault_erasures WHERE id = 'count'`).Scan(&count); err != nil {
			return err
		}
		if after < 0 || after >= count {
			return nil
		}
		rows, err := tx.QueryContext(ctx, `SELECT tenant, session_id FROM vault_erased WHERE count > $1`, after)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var o original.Owner
			if err := rows.Scan(&o.Tenant, &o.Session); err != nil {
				return err
			}
			sessions = append(sessions, o)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read what was erased: %w", err)
	}
	return sessions, count, nil
}

// Subject is how the journal names a tenant's customer.
func (v *Vault) Subject(tenant, customer string) string {
	return "person:" + hex.EncodeToString(v.mac("person", tenant, customer)[:16])
}

// Original gives the message that a row was made from, as it came; where nothing of it was masked
// or left out there is none, and nil comes. Errors are ErrErased, ErrUnknownKey, original.ErrSealed,
// or the store's. Who may see it is for the caller to know.
func (v *Vault) Original(ctx context.Context, row *warehouse.Interaction) ([]byte, error) {
	if row.OriginalEnc == "" {
		return nil, nil
	}
	at := event.Position{Topic: row.Topic, Partition: row.Partition, Offset: row.Offset}
	return v.open(ctx, row.KeyID, at, []byte(row.OriginalEnc))
}

// Refused gives the beginning of a message that was refused. Rows of before payloads were encrypted
// hold it as it is.
func (v *Vault) Refused(ctx context.Context, row *warehouse.Reject) ([]byte, error) {
	if row.KeyID == "" {
		return row.Payload, nil
	}
	at := event.Position{Topic: row.Topic, Partition: row.Partition, Offset: row.Offset}
	return v.open(ctx, row.KeyID, at, row.Payload)
}

// open opens what a key has sealed.
func (v *Vault) open(ctx context.Context, id string, at event.Position, sealed []byte) ([]byte, error) {
	k := original.Key{ID: id}
	err := v.db.Read(ctx, func(tx *store.Tx) error {
		var of shelf
		var wrapped string
		var erased int64
		err := tx.QueryRowContext(ctx, `SELECT tenant, month, wrapped, erased_ms FROM vault_keys WHERE id = $1`, id).Scan(&of.tenant, &of.month, &wrapped, &erased)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrUnknownKey
		case err != nil:
			return err
		case erased != 0:
			return ErrErased
		}
		by, ok, err := v.month(ctx, tx, of)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("the %s is not there", aboutMonth(of.tenant, of.month))
		}
		k.Secret, err = unwrap(&by, wrapped, about(id, of.tenant, of.month))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open an original: %w", err)
	}
	return original.Open(&k, at, sealed)
}
