// Package vault keeps the keys that open what the record holds encrypted: the originals of masked
// conversations. The record and the keys lie apart, so that neither is enough by itself, and so that
// destroying a person's keys erases what is stored of him, wherever copies of the record are.
//
//	master key (a file) ─wraps─► month key of a tenant ─wraps─► data key of a person ─encrypts─► originals
//	                                  └──────── both in the workflow store ────────┘
//
// The collector asks for the data keys of a batch with Keys, which makes those that are missing in
// one transaction; Original opens a row; Erase destroys a person's keys.
//
// Keys that were asked for are remembered, a bounded number of them, until any process destroys one:
// each call looks whether that has happened. A key destroyed while a batch is under way may encrypt
// the originals of that batch still; they cannot be opened then.
//
// What is not promised: erasure from backups of the workflow store. They hold wrapped keys, so they
// must not be kept longer than an erasure may take.
package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"mingjian/audit/store"
	"mingjian/collector/original"
	"mingjian/collector/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the tables of keys.
var Noun = store.Noun{Name: "vault", Files: migrationFiles}

// Vault is the keys' way in. It is safe for many goroutines.
type Vault struct {
	db     *store.DB
	master [original.KeySize]byte
	since  int64 // of the store's keys, Unix milliseconds

	mu       sync.Mutex
	known    memory
	erasures int64
}

// Open opens the vault in a workflow store. The master key is in keyFile, which is made with a new
// one where the store has no keys yet and make is set. What it returns as an error is one line for
// the person who started the program.
func Open(ctx context.Context, db *store.DB, keyFile string, make bool) (*Vault, error) {
	if err := db.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	v := &Vault{db: db, known: newMemory()}
	var recorded string
	err := db.Read(ctx, func(tx *store.Tx) (err error) {
		recorded, v.since, err = masterID(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if v.master, err = masterKey(keyFile, make && recorded == ""); err != nil {
		if recorded != "" && errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the master key is missing: %s is not there, and without it no original can be opened; put back the file with id %s", keyFile, recorded)
		}
		return nil, err
	}
	id := v.id()
	if recorded == "" {
		err = db.Write(ctx, func(tx *store.Tx) error {
			if recorded, v.since, err = masterID(ctx, tx); err != nil || recorded != "" {
				return err
			}
			recorded, v.since = id, db.Now().UnixMilli()
			_, err := tx.ExecContext(ctx, `INSERT INTO vault_master (id, at_ms) VALUES ($1, $2)`, id, v.since)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("note the master key: %w", err)
		}
	}
	if recorded != id {
		return nil, fmt.Errorf("%s is another master key (id %s) than the one that the keys in the workflow store are wrapped by (id %s): put that one there, or name its file in MINGJIAN_MASTER_KEY_FILE", keyFile, id, recorded)
	}
	return v, nil
}

// masterID is the id of the master key that the store's keys are wrapped by, "" while there are none, and since when
// (Unix milliseconds).
func masterID(ctx context.Context, tx *store.Tx) (id string, since int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(id), ''), COALESCE(MAX(at_ms), 0) FROM vault_master`).Scan(&id, &since)
	if err != nil {
		return "", 0, fmt.Errorf("read the master key's id: %w", err)
	}
	return id, since, nil
}

// Installation tells this workflow store with its master key from every other.
func (v *Vault) Installation() string { return fmt.Sprintf("%s-%d", v.id(), v.since) }

// mac is HMAC-SHA-256 under the master key, of a purpose and parts, each with its length in front.
func (v *Vault) mac(purpose string, parts ...string) []byte {
	h := hmac.New(sha256.New, v.master[:])
	for _, part := range append([]string{purpose}, parts...) {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return h.Sum(nil)
}

// id tells master keys apart.
func (v *Vault) id() string { return hex.EncodeToString(v.mac("master key id")[:8]) }

// Pseudonym is the stand-in for an identifier that is itself personal data: the same for the same
// identifier, and of no use without the master key to whoever tries all telephone numbers. It is the
// same for all tenants: an event that names none may turn out to be of any, and must read the same
// when it is read again after its session has moved.
func (v *Vault) Pseudonym(id string) string {
	return "p-" + hex.EncodeToString(v.mac("pseudonym", id)[:16])
}

// Blinding is the key that blinds a tenant's groups in seals (seal.Key). Nothing keeps it, so that it is not
// destroyed with anybody's keys; a package for a regulator holds the one of its tenant.
func (v *Vault) Blinding(tenant string) seal.Key { return seal.Key(v.mac("blinding", tenant)) }

// wrap encrypts a key under another one, of which gcm is the sealer. The nonce is random: each key is wrapped once.
func wrap(gcm cipher.AEAD, secret *[original.KeySize]byte, about string) string {
	nonce := make([]byte, gcm.NonceSize())
	rand.Read(nonce) // never fails
	return base64.StdEncoding.EncodeToString(gcm.Seal(nonce, nonce, secret[:], []byte(about)))
}

// unwrap undoes wrap.
func unwrap(by *[original.KeySize]byte, wrapped, about string) (secret [original.KeySize]byte, err error) {
	gcm := sealer(by)
	sealed, err := base64.StdEncoding.DecodeString(wrapped)
	if err != nil || len(sealed) < gcm.NonceSize() {
		return secret, fmt.Errorf("the wrapped key of %s is damaged", about)
	}
	plain, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], []byte(about))
	if err != nil || len(plain) != len(secret) {
		return secret, fmt.Errorf("the wrapped key of %s cannot be opened: it was changed, or wrapped by another key", about)
	}
	copy(secret[:], plain)
	return secret, nil
}

func sealer(key *[original.KeySize]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(fmt.Sprintf("vault: %v", err)) // only ever for a key of another length
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("vault: %v", err)) // only ever for another block size
	}
	return gcm
}
