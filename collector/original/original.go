// Package original keeps messages as they came, for those rows of the record that hold them masked:
// encrypted, so that a dispute can be proved, under a key of the person's, so that destroying the key
// erases them.
//
//	Owner ──a store of keys──► Key ──Seal──► sealed original, stored in the row ──Open──► message
//	                             └──Salt──► what makes the row's leaf in the evidence unguessable
//
// Everything here is pure, and the same arguments give the same bytes: a batch that is done again
// after a crash writes identical rows. Keys are made and kept elsewhere; whoever keeps them can
// destroy them.
//
// What is not promised: that a key which somebody has read from memory is gone when it is destroyed.
package original

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"mingjian/collector/event"
	"mingjian/collector/seal"
)

// Owner is whose original it is: a tenant's customer, or where none is known the session, or for a
// message that was refused, of which nothing is known, the topic. Month is that of the event, UTC,
// as 2006-01: keys are made anew each month, so that one of them opens little.
type Owner struct {
	Tenant   string
	Customer string
	Session  string // only without Customer
	Topic    string // only without both, and without Tenant
	Month    string
}

// KeySize is the length of a key's secret in bytes: AES-256.
const KeySize = 32

// Key is an owner's data key. ID names it without saying whose it is.
type Key struct {
	ID     string
	Secret [KeySize]byte
}

// Adoption says that what was kept for Was belongs to Is: a session's customer became known after it
// had begun. Erasing Is erases both. Months play no part.
type Adoption struct{ Was, Is Owner }

// Seal encrypts a message that stands at a place of the stream, with AES-256-GCM: nonce, ciphertext,
// tag. The place is authenticated with it, so that an original cannot be moved to another row.
//
// The nonce is an HMAC of place and message under the key, and not random, so that the same message
// at the same place gives the same bytes. That is sound: GCM needs that no nonce is used under one
// key for two messages, and here two messages, or one at two places, have the same nonce only where
// 96 bits of HMAC-SHA-256 collide. With the few thousand messages that a person sends in a month
// that chance is below 2^-70. The message is part of it because a broker that lost its log gives its
// offsets out anew.
func Seal(k *Key, at event.Position, message []byte) []byte {
	sum := sha256.Sum256(message)
	nonce := k.mac("nonce", at, sum[:])[:nonceSize]
	return k.gcm().Seal(nonce, nonce, message, place(at))
}

// nonceSize is GCM's own (NIST SP 800-38D, 8.2).
const nonceSize = 12

// ErrSealed says that something is no original of this key and place, or was changed.
var ErrSealed = errors.New("the original cannot be opened: it was changed, or is another's")

// Open decrypts what Seal gave.
func Open(k *Key, at event.Position, sealed []byte) ([]byte, error) {
	if len(sealed) < nonceSize {
		return nil, fmt.Errorf("%w (%d bytes)", ErrSealed, len(sealed))
	}
	message, err := k.gcm().Open(nil, sealed[:nonceSize], sealed[nonceSize:], place(at))
	if err != nil {
		return nil, ErrSealed
	}
	return message, nil
}

// Salts makes the salts of one key's rows. Each row has one, and taking the key in anew was most of what it took.
type Salts struct {
	mac   hash.Hash
	draft []byte // nil until the first salt
}

// Salts returns what makes the salts of the key's rows; it is not safe for concurrent use.
func (k *Key) Salts() *Salts { return &Salts{mac: hmac.New(sha256.New, k.Secret[:])} }

// Of is what is hashed with a row into its leaf: bytes that nobody can compute who has not the person's
// key, so that a leaf does not give a row away to whoever tries what it might say.
func (s *Salts) Of(at event.Position) (salt [seal.SaltSize]byte) {
	if s.draft != nil {
		s.mac.Reset()
	}
	s.draft = appendPlace(append(s.draft[:0], "salt"...), at)
	s.mac.Write(s.draft)
	s.draft = s.mac.Sum(s.draft[:0])
	copy(salt[:], s.draft)
	return salt
}

// mac is HMAC-SHA-256 under the key, of a purpose, a place and more.
func (k *Key) mac(purpose string, at event.Position, more []byte) []byte {
	h := hmac.New(sha256.New, k.Secret[:])
	h.Write([]byte(purpose))
	h.Write(place(at))
	h.Write(more)
	return h.Sum(nil)
}

// gcm encrypts under a key of its own, derived from the secret, which is used for HMACs beside it.
func (k *Key) gcm() cipher.AEAD {
	h := hmac.New(sha256.New, k.Secret[:])
	h.Write([]byte("encrypt"))
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		panic(fmt.Sprintf("original: %v", err)) // only ever for a key of another length
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("original: %v", err)) // only ever for another block size
	}
	return gcm
}

// place writes a position so that no two are the same bytes.
func place(at event.Position) []byte {
	return appendPlace(make([]byte, 0, len(at.Topic)+24), at)
}

func appendPlace(b []byte, at event.Position) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(at.Topic)))
	b = append(b, at.Topic...)
	b = binary.BigEndian.AppendUint64(b, uint64(at.Partition))
	return binary.BigEndian.AppendUint64(b, uint64(at.Offset))
}
