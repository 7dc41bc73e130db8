package event

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecode holds every message to the promise: an event that keeps all invariants, or a reject
// with a sentence, and never both or a panic.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", " ", "{}", "[]", "null", "{", "\xEF\xBB\xBF{}", `{"event_id":`,
		`{"event_id":"e","session_id":"s","ts":"2026-10-12T10:00:00+08:00","kind":"message","actor":{"role":"customer"},"text":"你好"}`,
		`{"event_id":"e","session_id":"s","ts":1791770400000,"kind":"session.opened","tenant":"t","customer":{"id":"c","age":71,"needs":["hearing"]},"entrance":{"depth":1,"ai_label":"AI"}}`,
		`{"event_id":"e","session_id":"s","ts":"1791770400000","kind":"handoff.queued","handoff":{"queue_position":3,"wait_s":1e2,"passed":[]}}`,
		`{"event_id":"e","session_id":"s","ts":1791770400000.0,"kind":"session.closed","close":{"by":"customer","csat":4},"labels":{"z":1,"a":{"b":[]}},"x":"\u0000"}`,
		`{"event_id":"e","session_id":"s","ts":1e999,"kind":"message"}`,
		`{"event_id":"e","session_id":"s","ts":1791770400000,"kind":"message","actor":{"role":"bot"},"text":"a\u0000b\ud83e\udd32\ud83d"}`,
		`{"event_id":"e","session_id":"s","ts":-9223372036854775808,"kind":"message","claim":{"amount_minor":9223372036854775807}}`,
		`{"a":{"a":{"a":{"a":1,"a":2}}}}`, strings.Repeat("[", 100), strings.Repeat(`{"a":`, 50),
	} {
		f.Add([]byte("s"), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		e, r := Decode(key, value, clock)
		if (e == nil) == (r == nil) {
			t.Fatalf("event %v and reject %v", e, r)
		}
		if r != nil {
			if r.Reason == "" || r.Detail == "" || !utf8.ValidString(r.Detail) {
				t.Fatalf("a reject without a sentence: %+v", r)
			}
			return
		}
		switch {
		case e.ID == "" || len(e.ID) > MaxEventID || hasControl(e.ID):
			t.Fatalf("event_id %q", e.ID)
		case e.SessionID == "" || len(e.SessionID) > MaxSessionID || hasControl(e.SessionID):
			t.Fatalf("session_id %q", e.SessionID)
		case len(key) > 0 && string(key) != e.SessionID:
			t.Fatalf("key %q, session_id %q", key, e.SessionID)
		case e.At < Earliest.UnixMilli() || e.At > clock.Add(MaxAhead).UnixMilli():
			t.Fatalf("ts %d", e.At)
		case !kinds[e.Kind]:
			t.Fatalf("kind %q", e.Kind)
		case len(e.Text) > MaxText || !utf8.ValidString(e.Text) || strings.Contains(e.Text, "\x00"):
			t.Fatalf("text %q", e.Text)
		case len(e.Flags) == 0 && e.TextBytes != len(e.Text):
			t.Fatalf("a text of %d bytes became %d and no flag says so", e.TextBytes, len(e.Text))
		}
		got, err := FromStored(Body(e), e.Text, e.TextBytes, e.Flags, string(e.Labels), string(e.Extra))
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("stored and read again: %v\ngot  %+v\nwant %+v", err, got, e)
		}
		b, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		again, r := Decode(nil, b, clock)
		if r != nil {
			t.Fatalf("%v\n%s", r, b)
		}
		again.Flags, again.TextBytes = e.Flags, e.TextBytes
		if !reflect.DeepEqual(again, e) {
			t.Fatalf("encoded and decoded again:\ngot  %+v\nwant %+v", again, e)
		}
	})
}
