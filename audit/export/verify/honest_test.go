package verify

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"mingjian/audit/export/dossier"
	"mingjian/audit/export/verify/verifytest"
	"mingjian/collector/seal"
)

// made is a record for one test.
func made(t *testing.T, o verifytest.Options) *verifytest.Record {
	t.Helper()
	r, err := verifytest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// small is a record whose findings follow from nothing, one partition over four days.
func small() verifytest.Options {
	return verifytest.Options{Interactions: 600, Tenants: []string{"acme"}, Partitions: 1, Batch: 40, Seed: 8, Plain: true}
}

// answer is the answer for people.
func answer(r *Report, lang string) string {
	var b bytes.Buffer
	r.tell(&b, lang)
	return b.String()
}

// What a crash and the way in which versions are owed leave behind is no fault, and two versions that say
// different things are one.
func TestVersionsOfFindings(t *testing.T) {
	type version = seal.Finding
	for _, c := range []struct {
		name   string
		change func(f, first *version, n int64)
		what   string // "": in order
	}{
		{"with gaps", func(f, _ *version, n int64) { f.Version = 7 * n }, ""},
		{"sealed twice", func(f, first *version, _ int64) { *f = *first }, ""},
		{"twice with other contents", func(f, first *version, n int64) {
			*f = *first
			if n > 1 {
				f.Severity = "info"
			}
		}, "is there a second time, and says otherwise"},
		{"backwards", func(f, _ *version, n int64) { f.Version = 100 - n }, "stands behind version"},
	} {
		firsts, n := map[string]*version{}, map[string]int64{}
		o := small()
		o.Findings = func(f *version) bool {
			f.ID = "00112233445566778899aabbccddee0" + f.ID[:1] // many versions of a few findings
			if n[f.ID]++; n[f.ID] == 1 {
				kept := *f
				firsts[f.ID] = &kept
			}
			c.change(f, firsts[f.ID], n[f.ID])
			return true
		}
		r := made(t, o)
		out := verified(t, r.Draft(verifytest.Period("acme")).Pack(r.Private), Options{Key: r.Public, Recheck: -1})
		if out.Counts.Versions < 20 {
			t.Fatalf("%s: %d versions are too few", c.name, out.Counts.Versions)
		}
		if c.what == "" && !out.Complete || c.what != "" && !told(out, dossier.FindingsFile, c.what) {
			t.Errorf("%s: %+v", c.name, out.Problems)
		}
	}
}

// Up to when seals are looked at is for the operator to say: whoever ends that before the period has a package
// that is in order, and does not pass for complete.
func TestRecordedByIsToldAndBoundsCompleteness(t *testing.T) {
	r := made(t, small())
	scope := verifytest.Period("acme")
	newest := r.Seals[len(r.Seals)-1].Header.At
	early, late := scope, scope
	early.RecordedBy = scope.To - verifytest.Day/2
	late.RecordedBy, late.To = newest, newest+verifytest.Day
	for _, c := range []struct {
		name     string
		scope    dossier.Scope
		complete bool
	}{{"behind the period", scope, true}, {"in the period", early, false}, {"at the newest seal, the period goes on", late, true}} {
		out := verified(t, r.Draft(c.scope).Pack(r.Private), Options{Key: r.Public, Recheck: -1})
		if !out.OK || out.Complete != c.complete || out.NewestSeal <= c.scope.RecordedBy && c.scope.RecordedBy != newest {
			t.Errorf("%s: complete %t, newest seal %s, %+v", c.name, out.Complete, moment(out.NewestSeal), out.Problems)
		}
		for _, lang := range []string{"en", "zh"} {
			for _, want := range []string{moment(c.scope.RecordedBy), moment(out.NewestSeal)} {
				if text := answer(out, lang); !strings.Contains(text, want) {
					t.Errorf("%s: %s is not in the answer:\n%s", c.name, want, text)
				}
			}
		}
	}
}

// A seal that was replaced while partitions changed owners is counted; one that was replaced at leisure is named.
func TestSupersededSealsAreTold(t *testing.T) {
	for _, c := range []struct {
		name  string
		later int64
		named bool
	}{{"at once", changeover, false}, {"later", changeover + 1, true}} {
		r := made(t, small())
		at := slices.IndexFunc(r.Seals, func(s *verifytest.Sealed) bool { return s.Header.At > verifytest.Period("acme").From })
		r.Supersede(at, c.later)
		out := verified(t, r.Draft(verifytest.Period("acme")).Pack(r.Private), Options{Key: r.Public, Recheck: -1})
		if !out.OK || out.Counts.Superseded != 1 || out.Complete == c.named || (len(out.Replaced) == 1) != c.named {
			t.Errorf("%s: complete %t, %+v, %+v", c.name, out.Complete, out.Replaced, out.Problems)
			continue
		}
		text := answer(out, "en")
		if !strings.Contains(text, "1 seals are superseded") {
			t.Errorf("%s: that one is superseded is not told:\n%s", c.name, text)
		}
		old, now := r.Deposed[0], r.Seals[at]
		line := "Seal " + old.ID + " sealed at " + moment(old.Header.At) + " was replaced at " + moment(now.Header.At) + "."
		if strings.Contains(text, line) != c.named {
			t.Errorf("%s: the answer is\n%s", c.name, text)
		}
	}
}

// Which partitions there are is named, since nothing shows that there are no others.
func TestPartitionsAreNamed(t *testing.T) {
	r := record()
	out := verified(t, r.Draft(verifytest.Period("acme")).Pack(r.Private), Options{Recheck: -1})
	if !slices.Equal(out.Partitions, []int{0, 1, 2}) {
		t.Errorf("%v", out.Partitions)
	}
	if text := answer(out, "en"); !strings.Contains(text, "Partitions 0, 1, 2; that the topic has no others is not proven.") {
		t.Errorf("the answer is\n%s", text)
	}
}

// Versions of findings outside of the period that are not shown are counted.
func TestVersionsBesideThePeriodAreCounted(t *testing.T) {
	r := made(t, small())
	scope := verifytest.Period("acme")
	d := r.Draft(scope)
	left, at := 0, 0
	for i := range d.Seals {
		s := &d.Seals[i]
		_, lines, _ := shown(s.Findings)
		if s.Group == nil || s.Group.LastAt >= scope.From {
			at += lines
			continue
		}
		d.Findings = slices.Delete(d.Findings, at, at+lines)
		n := slices.IndexFunc(r.Seals, func(o *verifytest.Sealed) bool { return o.ID == s.ID })
		var leaves []seal.Hash
		for _, line := range r.Seals[n].Findings["acme"] {
			leaves = append(leaves, seal.Leaf(line))
		}
		if lines > 0 {
			skip, err := seal.SkipLeaves(0, leaves)
			if err != nil {
				t.Fatal(err)
			}
			s.Findings = []dossier.Run{{Skip: &skip}}
		}
		left += lines
	}
	out := verified(t, d.Pack(r.Private), Options{Recheck: -1})
	if !out.OK || left == 0 || out.Counts.Beside != left {
		t.Fatalf("%d were left out, and %d counted: %+v", left, out.Counts.Beside, out.Problems)
	}
	if text := answer(out, "en"); !strings.Contains(text, " versions of findings in seals outside of the period are not shown") {
		t.Errorf("the answer is\n%s", text)
	}
}

// Rows that were sealed before their session named its tenant are erased for the tenant that it named.
func TestDefaultTenantsRowsAreErasedForAnother(t *testing.T) {
	for _, tenant := range []string{"default", "acme"} {
		o := small()
		o.Tenants = []string{tenant}
		r := made(t, o)
		scope := verifytest.Period(tenant)
		at := slices.IndexFunc(r.Seals, func(s *verifytest.Sealed) bool { return s.Rows[tenant][0].At > scope.From })
		r.EraseFor("globex", "er-1", tenant, r.Seals[at].Rows[tenant][0].Session)
		out := verified(t, r.Draft(scope).Pack(r.Private), Options{Key: r.Public, Recheck: -1})
		if ok := tenant == "default"; out.OK != ok || out.Counts.Erased == 0 || told(out, dossier.ErasuresFile, "does not state this erasure") == ok {
			t.Errorf("%s: %d erased, %+v", tenant, out.Counts.Erased, out.Problems)
		}
	}
}

// Offsets that the broker lost before they were read are told of; nobody is accused of having removed them.
func TestOffsetsThatWereNeverReadAreTold(t *testing.T) {
	o := small()
	o.Lost = 5
	r := made(t, o)
	out := verified(t, r.Draft(verifytest.Period("acme")).Pack(r.Private), Options{Key: r.Public, Recheck: -1})
	if !out.OK || out.Complete || len(out.Unread) != out.Counts.Seals-1 || out.Unread[0].Last-out.Unread[0].First != 4 {
		t.Fatalf("complete %t, %d seals, %+v, %+v", out.Complete, out.Counts.Seals, out.Unread, out.Problems)
	}
	if text := answer(out, "en"); !strings.Contains(text, "never read") || !strings.Contains(text, out.Unread[0].String()) {
		t.Errorf("the answer is\n%s", text)
	}
}

// Where the policies changed while a conversation went on, its findings follow from neither alone.
func TestFindingsOfAnotherRevisionAreNotAccused(t *testing.T) {
	for _, revision := range []string{"", "before"} {
		r := made(t, verifytest.Options{Interactions: 300, Tenants: []string{"acme"}, Partitions: 1, Batch: 40, Seed: 3, Findings: func(f *seal.Finding) bool {
			f.Severity = "info"
			if revision != "" {
				f.Revision = revision
			}
			return true
		}})
		out := verified(t, r.Draft(verifytest.Period("acme")).Pack(r.Private), Options{Key: r.Public, Recheck: 1000})
		other := out.NotRechecked["its findings are of another revision of the policies than the last seal that it is under"]
		if accused := revision == ""; out.OK == accused || (other == 0) != accused {
			t.Errorf("revision %q: %+v %+v", revision, out.NotRechecked, out.Problems)
		}
	}
}
