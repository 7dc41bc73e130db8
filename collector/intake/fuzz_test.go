package intake

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"mingjian/collector/event"
)

// FuzzImport holds every file to the promise: each value of it is handed on once, in its order, or the file
// ends with a sentence that says where; compressed or not makes no difference; and what is no event has a reason.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "\xEF\xBB\xBF{}\n{}", "[", "[]", "[{},1,\"x\",null]", "[{}]x", "{\n\"a\":1\n}", "{\n\"a\":1\n}\n{\n\"b\":[\n]}", "{\n", "x\ny\r\n",
		`{"event_id":"1","session_id":"s","ts":"2026-11-02T09:00:00+08:00","kind":"message","actor":{"role":"customer"},"text":"转人工"}` + "\n" + `{"event_id":"2","session_id":"s"}`,
		strings.Repeat("[", 300), "\x1f\x8b", "\x1f\x8b\x08\x00", "{\"a\":1}\x00{\"a\":2}", strings.Repeat("a", 70<<10) + "\nb",
	} {
		f.Add([]byte(seed))
	}
	now := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	read := func(t *testing.T, file []byte) (values []string, fault string) {
		r, err := unzip(bufio.NewReader(bytes.NewReader(file)))
		if err != nil {
			return nil, err.Error()
		}
		err = split(r, func(it item) error {
			switch {
			case it.value == nil && it.bytes <= MaxMessage:
				t.Fatalf("a value of %d bytes at %s was left out", it.bytes, it.place)
			case it.value == nil:
				return nil
			case len(it.value) == 0:
				t.Fatalf("nothing at %s", it.place)
			}
			if e, bad := event.Decode(nil, it.value, now); e == nil && bad.Error() == "" {
				t.Fatalf("refused without a reason: %q", it.value)
			}
			_ = keyOf(it.value)
			values = append(values, string(it.value))
			return nil
		})
		var bad *errMalformed
		if err != nil && !errors.As(err, &bad) && !bytes.HasPrefix(file, []byte("\x1f\x8b")) {
			t.Fatalf("a file in memory cannot be read: %v", err)
		}
		if err != nil {
			return values, err.Error()
		}
		return values, ""
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		values, fault := read(t, file)
		if bytes.HasPrefix(file, []byte("\x1f\x8b")) {
			return
		}
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(file)
		_ = w.Close()
		again, same := read(t, packed.Bytes())
		if strings.Join(values, "\x00") != strings.Join(again, "\x00") || fault != same {
			t.Fatalf("compressed: %q (%s), plain: %q (%s)", again, same, values, fault)
		}
		var list []json.RawMessage
		if text := bytes.TrimSpace(bytes.TrimPrefix(file, []byte("\xEF\xBB\xBF"))); len(text) > 0 && text[0] == '[' && json.Unmarshal(text, &list) == nil {
			if fault != "" || len(values) != len(list) {
				t.Fatalf("a list of %d elements was read as %d: %s", len(list), len(values), fault)
			}
		}
	})
}
