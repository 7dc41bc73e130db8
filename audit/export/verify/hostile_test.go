package verify

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"mingjian/audit/export/dossier"
	"mingjian/audit/export/verify/verifytest"
	"mingjian/collector/seal"
)

// Whatever lines say, whoever signed them, the verifier answers in words.
func TestHostileLinesAreToldOf(t *testing.T) {
	r := record()
	huge := 1 << 40
	for name, c := range map[string]struct {
		do   func(d *verifytest.Draft)
		what string
	}{
		"deep JSON":          {func(d *verifytest.Draft) { d.Rows[7] = []byte(strings.Repeat("[", 20_000)) }, "it is no object"},
		"deep JSON in a row": {func(d *verifytest.Draft) { d.Rows[7] = []byte(`{"entry":{"x":` + strings.Repeat("[", 20_000) + "}}") }, "depth"},
		"invalid UTF-8": {func(d *verifytest.Draft) {
			d.Rows[7] = bytes.Replace(d.Rows[7], []byte(`"event_id":"`), []byte("\"event_id\":\"\xff"), 1)
		}, "UTF-8"},
		"an endless line":      {func(d *verifytest.Draft) { d.Rows[7] = []byte(`{"entry":"` + lorem(3<<20) + `"}`) }, "longer than"},
		"an empty line":        {func(d *verifytest.Draft) { d.Rows[7] = nil }, "EOF"},
		"two values in a line": {func(d *verifytest.Draft) { d.Rows[7] = append(bytes.Clone(d.Rows[7]), "{}"...) }, "something stands behind it"},
		"no entry":             {func(d *verifytest.Draft) { d.Rows[7] = []byte(`{"salt":"00000000000000000000000000000000"}`) }, "no entry"},
		"an offset of text": {func(d *verifytest.Draft) {
			d.Rows[7] = bytes.Replace(d.Rows[7], []byte(`"offset":`), []byte(`"offset":1e`), 1)
		}, "parsing"},
		"a run of 2^40 lines": {func(d *verifytest.Draft) { d.Seals[2].Rows = []dossier.Run{{Lines: huge}} }, "leaves at most"},
		"a run below zero":    {func(d *verifytest.Draft) { d.Seals[2].Rows = []dossier.Run{{Lines: -1}} }, "neither of lines"},
		"a skip of 2^40": {func(d *verifytest.Draft) {
			d.Seals[2].Rows = []dossier.Run{{Skip: &seal.Skip{Count: huge, Roots: []seal.Hash{{1}}}}}
		}, "leaves at most"},
		"a finding that is none": {func(d *verifytest.Draft) { d.Findings[3] = []byte(`[1]`) }, "unmarshal JSON array"},
		"a lot of 2^40":          {func(d *verifytest.Draft) { lot := *d.Sampling[0].Lot; lot.Members = huge; d.Sampling[0].Lot = &lot }, "is said to have"},
		"no key":                 {func(d *verifytest.Draft) { d.Public = "" }, "no verifier key"},
		"no seals":               {func(d *verifytest.Draft) { d.Seals, d.Rows, d.Findings, d.Manifest.Partitions = nil, nil, nil, nil }, "that it is the key of tenant"},
		"a terminal's letters":   {func(d *verifytest.Draft) { d.Manifest.Topic = "\x1b[2J" }, "it is of topic"},
	} {
		t.Run(name, func(t *testing.T) {
			d := r.Draft(verifytest.Period("acme"))
			c.do(d)
			out := verified(t, d.Pack(r.Private), Options{})
			if out.OK || !told(out, "", c.what) {
				t.Errorf("%q was not told of: %+v", c.what, out.Problems[:min(3, len(out.Problems))])
			}
			var text bytes.Buffer
			if out.tell(&text, "en"); strings.ContainsRune(text.String(), 0x1b) {
				t.Error("the answer takes hold of the terminal")
			}
		})
	}
}

// lorem is text that packs as badly as rows do.
func lorem(n int) string {
	b := make([]byte, 0, n+32)
	for h := seal.Leaf(nil); len(b) < n; h = seal.Leaf(h[:]) {
		b = append(b, h.String()[:32]...)
	}
	return string(b)
}

// A file that unpacks to far more than anything of ours is refused before it is unpacked.
func TestBombIsRefused(t *testing.T) {
	r := record()
	d := r.Draft(verifytest.Period("acme"))
	d.Files["report/large.csv"] = bytes.Repeat([]byte{'0'}, 32<<20)
	if out := verified(t, d.Pack(r.Private), Options{Recheck: -1}); !told(out, dossier.ManifestFile, "packs so well") {
		t.Errorf("32 MiB of zeros are taken: %+v", out.Problems)
	}
}

func TestVerificationEndsWithItsContext(t *testing.T) {
	r := record()
	b := r.Draft(verifytest.Period("acme")).Pack(r.Private)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Package(ctx, bytes.NewReader(b), int64(len(b)), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}

// FuzzVerify shows that no bytes make the verifier panic, and that it says OK to none but the package that was
// made: that one bit of it is fixed as every other.
func FuzzVerify(f *testing.F) {
	r, err := verifytest.New(verifytest.Options{Interactions: 30, Tenants: []string{"acme"}, Partitions: 1, Batch: 10, Seed: 4})
	if err != nil {
		f.Fatal(err)
	}
	d := r.Draft(verifytest.Period("acme"))
	d.Files = nil // the policies would be most of it
	d.Manifest.Revisions = nil
	b := d.Pack(r.Private)
	if out := verified(f, b, Options{Key: r.Public}); !out.OK {
		f.Fatalf("%+v", out.Problems)
	}
	f.Add(b)
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, other []byte) {
		out := verified(t, other, Options{Key: r.Public})
		if out.OK && !bytes.Equal(b, other) {
			t.Error("something else is taken for the package")
		}
		var text bytes.Buffer
		out.tell(&text, "zh")
	})
}
