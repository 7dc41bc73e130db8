package original_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/original"
	"mingjian/collector/seal"
)

func TestSealingIsTheSameEachTimeAndOpensOnlyWhereItBelongs(t *testing.T) {
	key, other := &original.Key{ID: "k"}, &original.Key{ID: "k"}
	key.Secret[0], other.Secret[0] = 1, 2
	at := event.Position{Topic: "t", Partition: 1, Offset: 7}
	message := []byte(`{"text":"13812345678"}`)
	sealed := original.Seal(key, at, message)
	if !bytes.Equal(sealed, original.Seal(key, at, message)) {
		t.Error("the same message at the same place gives other bytes")
	}
	if bytes.Contains(sealed, []byte("138")) {
		t.Error("the message can be read")
	}
	if got, err := original.Open(key, at, sealed); err != nil || !bytes.Equal(got, message) {
		t.Errorf("opened %q, %v", got, err)
	}
	elsewhere := []event.Position{{Topic: "t", Partition: 1, Offset: 8}, {Topic: "t", Partition: 2, Offset: 7}, {Topic: "t2", Partition: 1, Offset: 7}}
	seen := map[string]bool{string(sealed[:12]): true, string(original.Seal(key, at, []byte("another"))[:12]): true}
	salts := map[[seal.SaltSize]byte]bool{key.Salts().Of(at): true, other.Salts().Of(at): true}
	same := key.Salts()
	for _, p := range elsewhere {
		if _, err := original.Open(key, p, sealed); !errors.Is(err, original.ErrSealed) {
			t.Errorf("opened at %+v: %v", p, err)
		}
		seen[string(original.Seal(key, p, message)[:12])] = true
		salts[same.Of(p)] = true
		if same.Of(p) != key.Salts().Of(p) {
			t.Errorf("the salt at %+v depends on those made before", p)
		}
	}
	if len(seen) != 5 || len(salts) != 5 {
		t.Errorf("%d nonces and %d salts are different, want 5 and 5", len(seen), len(salts))
	}
	if _, err := original.Open(other, at, sealed); !errors.Is(err, original.ErrSealed) {
		t.Errorf("opened with another key: %v", err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := original.Open(key, at, sealed); !errors.Is(err, original.ErrSealed) {
		t.Errorf("opened when changed: %v", err)
	}
	if _, err := original.Open(key, at, nil); !errors.Is(err, original.ErrSealed) {
		t.Errorf("opened nothing: %v", err)
	}
}

// A salt is what it was when the rows were written that have it: HMAC-SHA-256 of "salt" and the place.
func TestSaltsStayTheSame(t *testing.T) {
	k := original.Key{Secret: [original.KeySize]byte{1, 2, 3}}
	mac := hmac.New(sha256.New, k.Secret[:])
	mac.Write([]byte("salt\x00\x00\x00\x00\x00\x00\x00\x01t\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x01\x00"))
	want := mac.Sum(nil)[:seal.SaltSize]
	salts := k.Salts()
	for range 3 {
		if got := salts.Of(event.Position{Topic: "t", Partition: 5, Offset: 256}); !bytes.Equal(got[:], want) {
			t.Errorf("salt %x, want %x", got, want)
		}
	}
}
