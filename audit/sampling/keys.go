package sampling

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/store"
)

// The kinds of statements about day keys in the evidence log.
const (
	keyCommitted = "sampling.key.committed"
	keyPublished = "sampling.key.published"
)

// keyBytes is the length of a day key: that of the hash it is used with.
const keyBytes = sha256.Size

// commitment says which key a day will have, without giving it away.
type commitment struct {
	Zone   string    `json:"zone"`
	Day    string    `json:"day"`
	Begins time.Time `json:"begins"`
	Digest string    `json:"digest"` // SHA-256 of the key, hex
	// Late says that the day had begun when the key was committed to.
	Late bool `json:"late"`
}

// publication gives a day's key.
type publication struct {
	Zone string `json:"zone"`
	Day  string `json:"day"`
	Key  string `json:"key"` // hex
}

// commitKeys makes the keys of today and tomorrow in every zone that is in use.
func (s *Sampler) commitKeys(ctx context.Context, now time.Time, progress []progress) error {
	zones := map[string]*time.Location{}
	t, err := s.terms("") // so that the first tenant to come finds a key that was committed to before
	if err != nil {
		return err
	}
	zones[t.Zone.String()] = t.Zone
	for _, p := range progress {
		zones[p.terms.Zone.String()] = p.terms.Zone
	}
	for _, zone := range zones {
		today := dayAt(now, zone)
		for _, d := range []day{today, today.next()} {
			if _, err := s.key(ctx, now, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// key returns a day's key, and makes and commits to it where there is none.
func (s *Sampler) key(ctx context.Context, now time.Time, d day) (key []byte, err error) {
	if key, _, err = s.storedKey(ctx, d); key != nil || err != nil {
		return key, err
	}
	err = s.o.Store.Write(ctx, func(tx *store.Tx) error {
		key = make([]byte, keyBytes)
		if _, err := io.ReadFull(s.o.Random, key); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO sampling_keys (zone, day, secret, published) VALUES ($1, $2, $3, 0) ON CONFLICT (zone, day) DO NOTHING`,
			d.zone.String(), d.name, hex.EncodeToString(key))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errors.New("another process has just made it"))
		}
		sum := sha256.Sum256(key)
		return s.o.Notary.Queue(ctx, tx, evidence.Entry{Key: d.key() + "/committed", Type: keyCommitted, At: now, Body: commitment{
			Zone: d.zone.String(), Day: d.name, Begins: d.begins().UTC(), Digest: hex.EncodeToString(sum[:]), Late: now.After(d.begins()),
		}})
	})
	if err != nil {
		return nil, fmt.Errorf("make the sampling key of %s: %w", d.name, err)
	}
	return key, nil
}

func (s *Sampler) storedKey(ctx context.Context, d day) (key []byte, published bool, err error) {
	var secret string
	err = s.o.Store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT secret, published FROM sampling_keys WHERE zone = $1 AND day = $2`, d.zone.String(), d.name).Scan(&secret, asBool{&published})
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err == nil {
		key, err = hex.DecodeString(secret)
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the sampling key of %s: %w", d.name, err)
	}
	return key, published, nil
}

// asBool scans a number that is 0 or 1.
type asBool struct{ to *bool }

// Scan implements sql.Scanner.
func (b asBool) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("%T is not a number", v)
	}
	*b.to = n != 0
	return nil
}

// publishKeys gives the keys of the days that are over and whose lots are all closed.
func (s *Sampler) publishKeys(ctx context.Context, now time.Time, progress []progress) error {
	type secret struct{ zone, day, key string }
	var secrets []secret
	err := s.o.Store.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT zone, day, secret FROM sampling_keys WHERE published = 0 ORDER BY day, zone`)
		if err != nil {
			return err
		}
		return eachRow(rows, func() error {
			var k secret
			err := rows.Scan(&k.zone, &k.day, &k.key)
			secrets = append(secrets, k)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("publish sampling keys: %w", err)
	}
	zones := map[string]*time.Location{}
	t, err := s.terms("")
	if err != nil {
		return err
	}
	zones[t.Zone.String()] = t.Zone
	behind := map[string]time.Time{} // by zone: how far the slowest tenant's lots are closed
	for _, p := range progress {
		zone := p.terms.Zone.String()
		zones[zone] = p.terms.Zone
		if at, ok := behind[zone]; !ok || p.next.Before(at) {
			behind[zone] = p.next
		}
	}
	for _, k := range secrets {
		zone := zones[k.zone]
		if zone == nil {
			continue // no tenant is there any more; its lots, if any, are closed when one is again
		}
		d := day{zone, k.day}
		if closed, any := behind[k.zone]; now.Before(d.ends()) || any && closed.Before(d.ends()) {
			continue
		}
		err := s.o.Store.Write(ctx, func(tx *store.Tx) error {
			if _, err := tx.ExecContext(ctx, `UPDATE sampling_keys SET published = 1 WHERE zone = $1 AND day = $2`, k.zone, k.day); err != nil {
				return err
			}
			return s.o.Notary.Queue(ctx, tx, evidence.Entry{Key: d.key() + "/published", Type: keyPublished, At: now, Body: publication{Zone: k.zone, Day: k.day, Key: k.key}})
		})
		if err != nil {
			return fmt.Errorf("publish the sampling key of %s: %w", k.day, err)
		}
	}
	return nil
}

func eachRow(rows *sql.Rows, fn func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := fn(); err != nil {
			return err
		}
	}
	return rows.Err()
}
