// Package intake is how interactions get into the stream: files (Import), requests (Producer.Accept)
// and played conversations (Simulate) become Kafka messages whose key is the session_id.
//
//	file, request ──split──► one value each ──event.Decode──► key ──Producer──► topic
//
// The door refuses only what cannot travel: a message larger than the broker takes. What a file holds
// that is no event is sent as it is, so that it stands among the rejects as evidence, and is told to
// whoever imports; a request gets such items back instead, since its sender is there to mend them.
//
// It is not promised that a message is sent once only: after a broken connection it may be in the
// stream twice. The collector counts an event_id once per session.
package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"mingjian/collector/event"
)

// The errors that a sender can do something about.
var (
	// ErrUnreadable means that a request's body is not interactions at all.
	ErrUnreadable = errors.New("the body cannot be read as interactions")
	// ErrAway means that the broker did not take messages; sending them again is safe.
	ErrAway = errors.New("the broker cannot be reached")
)

// keyOf gives the key of a value that is no event: its session_id as far as one can be read, so that
// it stands with its session, else a digest, so that the same value always goes the same way.
func keyOf(value []byte) []byte {
	if id := textOf(value, "session_id"); id != "" && len(id) <= event.MaxSessionID {
		return []byte(id)
	}
	return []byte(digestOf(value))
}

// digestOf is the key of a value that no session_id can be read of.
func digestOf(value []byte) string {
	sum := sha256.Sum256(value)
	return hex.EncodeToString(sum[:16])
}

// textOf reads one text field of an object that may be cut or faulty further on.
func textOf(value []byte, name string) string {
	d := jsontext.NewDecoder(newReader(value), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != jsontext.KindBeginObject {
		return ""
	}
	for {
		t, err := d.ReadToken()
		if err != nil || t.Kind() != jsontext.KindString {
			return ""
		}
		if t.String() != name {
			if err := d.SkipValue(); err != nil {
				return ""
			}
			continue
		}
		t, err = d.ReadToken()
		if err != nil || t.Kind() != jsontext.KindString {
			return ""
		}
		return t.String()
	}
}
