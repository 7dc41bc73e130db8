package seal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"mingjian/collector/seal"
)

// tree is RFC 6962, section 2.1, word for word: the slow definition that Root must agree with.
func tree(leaves [][]byte) []byte {
	switch n := len(leaves); n {
	case 0:
		h := sha256.Sum256(nil)
		return h[:]
	case 1:
		return leaves[0]
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		h := sha256.Sum256(append(append([]byte{1}, tree(leaves[:k])...), tree(leaves[k:])...))
		return h[:]
	}
}

func TestRootIsTheTreeHashOfRFC6962(t *testing.T) {
	for n := range 40 {
		var leaves []seal.Hash
		var slow [][]byte
		for i := range n {
			row := fmt.Append(nil, "row ", i)
			leaf := seal.Leaf(row)
			want := sha256.Sum256(append([]byte{0}, row...))
			if leaf != want {
				t.Fatalf("leaf %d is %x, want %x", i, leaf, want)
			}
			leaves, slow = append(leaves, leaf), append(slow, leaf[:])
		}
		want := hex.EncodeToString(tree(slow))
		if got := seal.Root(leaves).String(); got != want {
			t.Errorf("root of %d leaves is %s, want %s", n, got, want)
		}
		for from := range n + 1 { // any run may be skipped
			for to := from; to <= n; to++ {
				var some seal.Tree
				for _, l := range leaves[:from] {
					some.Append(l)
				}
				run, err := seal.SkipLeaves(from, leaves[from:to])
				if err == nil {
					err = some.Skip(run)
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range leaves[to:] {
					some.Append(l)
				}
				if got := some.Root().String(); got != want || some.Count() != n {
					t.Fatalf("root of %d leaves with %d to %d skipped is %s of %d, want %s", n, from, to, got, some.Count(), want)
				}
			}
		}
	}
}

func TestARunThatCannotBeIsRefused(t *testing.T) {
	var some seal.Tree
	some.Append(seal.Hash{})
	for _, run := range []seal.Skip{{Count: -1}, {Count: 2, Roots: make([]seal.Hash, 1)}, {Count: 0, Roots: make([]seal.Hash, 1)}} {
		if some.Skip(run) == nil {
			t.Errorf("%+v behind one leaf is taken", run)
		}
	}
}

// What we write must be what any implementation of RFC 8785 makes of it.
func TestEncodingIsCanonicalJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		of := rapid.Int64Range(0, 1<<53-1).Draw(t, "of")
		for _, got := range [][]byte{
			(&seal.Entry{
				At: of, Body: text.Draw(t, "body"), Disposition: seal.Stored, EventID: text.Draw(t, "event"),
				Extra: text.Draw(t, "extra"), Flags: rapid.SliceOf(text).Draw(t, "flags"), Labels: text.Draw(t, "labels"),
				Offset: of, Partition: 3, Reason: text.Draw(t, "reason"), RepeatOf: &of, SessionID: text.Draw(t, "session"),
				SHA256: "00", Size: 9, Text: text.Draw(t, "text"), TextBytes: 4, Through: of, Topic: text.Draw(t, "topic"),
			}).Canonical(),
			(&seal.Entry{Disposition: seal.Control, Topic: "t"}).Canonical(),
			(&seal.Finding{
				At: of, Facts: text.Draw(t, "facts"), ID: "f", Revision: "r", Rule: "rule", SessionID: text.Draw(t, "s"),
				Severity: "high", Standing: true, Status: "statute", Subject: text.Draw(t, "subject"), Tenant: "default", Version: 2,
			}).Canonical(),
		} {
			want := jsontext.Value(append([]byte(nil), got...))
			if err := want.Canonicalize(); err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Fatalf("encoded %s, canonical is %s", got, want)
			}
		}
	})
}

func whole() *seal.Header {
	return &seal.Header{
		At: 1, Control: 1, Findings: 7, FindingsRoot: seal.Hash{1}, First: 10, Generation: 2, InteractionsRoot: seal.Hash{2}, Last: 19, Partition: 1,
		Revision: "r", Previous: "p", Rejected: 2, Repeats: 3, Stored: 4, TenantsRoot: seal.Hash{3}, Topic: "t",
	}
}

func TestIDCoversEveryField(t *testing.T) {
	seen := map[string]string{whole().ID(): "unchanged"}
	for name, change := range map[string]func(*seal.Header){
		"at":         func(h *seal.Header) { h.At++ },
		"control":    func(h *seal.Header) { h.Control++ },
		"findings":   func(h *seal.Header) { h.FindingsRoot[9] = 1 },
		"first":      func(h *seal.Header) { h.First++ },
		"generation": func(h *seal.Header) { h.Generation++ },
		"rows":       func(h *seal.Header) { h.InteractionsRoot[9] = 1 },
		"last":       func(h *seal.Header) { h.Last++ },
		"partition":  func(h *seal.Header) { h.Partition++ },
		"revision":   func(h *seal.Header) { h.Revision = "x" },
		"previous":   func(h *seal.Header) { h.Previous = "x" },
		"rejected":   func(h *seal.Header) { h.Rejected++ },
		"repeats":    func(h *seal.Header) { h.Repeats++ },
		"stored":     func(h *seal.Header) { h.Stored++ },
		"topic":      func(h *seal.Header) { h.Topic = "x" },
		"found":      func(h *seal.Header) { h.Findings++ },
		"tenants":    func(h *seal.Header) { h.TenantsRoot[9] = 1 },
	} {
		h := whole()
		change(h)
		if other, ok := seen[h.ID()]; ok {
			t.Errorf("changing %s gives the id of %s", name, other)
		}
		seen[h.ID()] = name
	}
	if again := whole(); seen[again.ID()] != "unchanged" || len(again.ID()) != 64 {
		t.Errorf("the same seal again has id %q", again.ID())
	}
}

func TestCheckCountsEveryOffset(t *testing.T) {
	if err := whole().Check(); err != nil {
		t.Errorf("ten offsets, ten dispositions: %v", err)
	}
	if err := (&seal.Header{First: 5, Last: 4, Findings: 2}).Check(); err != nil {
		t.Errorf("no offsets, two findings: %v", err)
	}
	for name, change := range map[string]func(*seal.Header){
		"one too few":  func(h *seal.Header) { h.Stored-- },
		"one too many": func(h *seal.Header) { h.Repeats++ },
		"backwards":    func(h *seal.Header) { *h = seal.Header{First: 5, Last: 3} },
		"no offsets":   func(h *seal.Header) { *h = seal.Header{First: 5, Last: 4, Stored: 1} },
		"negative":     func(h *seal.Header) { *h = seal.Header{First: -1, Last: 0, Stored: 2} },
	} {
		h := whole()
		change(h)
		if h.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// What is written by hand is what the library writes.
func TestEntryIsWrittenAsItsFieldsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e seal.Entry
		v := reflect.ValueOf(&e).Elem()
		for i := range v.NumField() {
			if !rapid.Bool().Draw(t, v.Type().Field(i).Name) {
				continue
			}
			switch f := v.Field(i); f.Interface().(type) {
			case string, seal.Disposition:
				f.SetString(rapid.String().Draw(t, "text"))
			case int, int64:
				f.SetInt(rapid.Int64Range(-1<<53, 1<<53).Draw(t, "number"))
			case []string:
				f.Set(reflect.ValueOf(rapid.SliceOf(rapid.String()).Draw(t, "list")))
			case *int64:
				n := rapid.Int64().Draw(t, "pointer")
				f.Set(reflect.ValueOf(&n))
			default:
				t.Fatalf("no value for %s", v.Type().Field(i).Name)
			}
		}
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Canonical(); string(got) != string(want) {
			t.Fatalf("%s\n%s", got, want)
		}
	})
}

func BenchmarkEntry(b *testing.B) {
	e := seal.Entry{
		At: 1_790_000_000_000, Body: `{"actor":{"role":"customer"},"event_id":"e-1024","kind":"message","session_id":"demo-1-x-77","ts":1790000000000}`,
		Disposition: seal.Stored, EventID: "e-1024", Offset: 77_000, Partition: 2, SessionID: "demo-1-x-77", Text: "我要转人工，已经说了三遍了", TextBytes: 39, Topic: "mingjian.interactions",
	}
	b.ReportAllocs()
	for b.Loop() {
		seal.RowLeaf(make([]byte, seal.SaltSize), &e, seal.Hash{})
	}
}
