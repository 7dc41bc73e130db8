package sealed_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

func key(tenant string) seal.Key { return sha256.Sum256([]byte(tenant)) }

// batch is what stands at offsets 10 to 17: rows of two tenants, one of them moved later, a reject, a repeat
// and a run without messages.
func batch(t *testing.T) (*warehouse.Seal, []warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
	t.Helper()
	rows := []warehouse.Interaction{{Offset: 10, Tenant: "acme"}, {Offset: 11, Tenant: "default"}, {Offset: 14, Tenant: "acme", Version: warehouse.Moved}, {Offset: 17, Tenant: "acme"}}
	for i := range rows {
		r := &rows[i]
		r.Topic, r.Partition, r.At, r.SessionID, r.EventID, r.Body = "t", 3, 1_790_000_000_000+int64(i), "s", fmt.Sprint(i), "{}"
		r.Salt, r.OriginalEnc = strings.Repeat("s", seal.SaltSize), "sealed"
		leaf := sealed.Leaf(r)
		r.Leaf = string(leaf[:])
	}
	rejects := []warehouse.Reject{{Topic: "t", Partition: 3, Offset: 12, Reason: "json", Size: 3, SHA256: "00", Payload: []byte("x")}}
	found := []warehouse.Finding{{ID: "f", Tenant: "acme", Rule: "r", Standing: true, Version: 1}, {ID: "g", Tenant: "default", Rule: "r", Standing: true, Deleted: true, Version: 2}}
	gaps := seal.Gaps{Repeats: [][2]int64{{13, 11}}, Control: [][2]int64{{15, 16}}}
	c := contents(rows, rejects, found)
	h := seal.Header{Topic: "t", Partition: 3, First: 10, Last: 17, Stored: 4, Rejected: 1, Repeats: 1, Control: 2, Revision: "r1", At: 1_790_000_000_009}
	groups := seal.Groups(c.Rows, c.Rejects, gaps, c.Findings, h.Topic, h.Partition)
	h.Commit(groups, key)
	s, err := sealed.Write(&h, groups, gaps)
	if err != nil {
		t.Fatal(err)
	}
	return s, rows, rejects, found
}

func contents(rows []warehouse.Interaction, rejects []warehouse.Reject, found []warehouse.Finding) (c sealed.Contents) {
	for i := range rows {
		r := &rows[i]
		leaf := seal.HashOf(r.Leaf)
		if !sealed.Erased(r) {
			leaf = sealed.Leaf(r)
		}
		c.Rows = append(c.Rows, seal.Row{Offset: r.Offset, At: r.At, Tenant: sealed.Tenant(r), Leaf: leaf})
	}
	for i := range rejects {
		c.Rejects = append(c.Rejects, seal.Placed{Offset: rejects[i].Offset, Leaf: sealed.RejectLeaf(&rejects[i])})
	}
	for i := range found {
		v := sealed.Version(&found[i])
		c.Findings = append(c.Findings, seal.Found{Tenant: v.Tenant, Leaf: seal.HashOf(v.Leaf)})
	}
	return c
}

func TestWhatWasSealedFitsAndWhatWasChangedDoesNot(t *testing.T) {
	row, rows, rejects, found := batch(t)
	for name, c := range map[string]struct {
		change  func(rows []warehouse.Interaction, rejects []warehouse.Reject, found []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding)
		missing int
		fits    bool
	}{
		"nothing": {fits: true},
		"a person erased": {fits: true, change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			r[3].Salt, r[3].Body, r[3].OriginalEnc = "", "", ""
			return r, j, f
		}},
		"another order": {fits: true, change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			return []warehouse.Interaction{r[3], r[1], r[0], r[2]}, j, f
		}},
		"a text": {change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			r[0].Text = "谢谢"
			return r, j, f
		}},
		"an original": {change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			r[1].OriginalEnc = "another"
			return r, j, f
		}},
		"a tenant": {change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			r[1].Tenant = "acme"
			return r, j, f
		}},
		"a row less": {missing: 1, change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			return r[1:], j, f
		}},
		"a row more": {change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			return append(r, r[0]), j, f
		}},
		"a payload": {change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			j[0].Payload = []byte("y")
			return r, j, f
		}},
		"a severity": {change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			f[0].Severity = "minor"
			return r, j, f
		}},
		"a finding that stands again": {change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			f[1].Deleted = false
			return r, j, f
		}},
		"a finding less": {change: func(r []warehouse.Interaction, j []warehouse.Reject, f []warehouse.Finding) ([]warehouse.Interaction, []warehouse.Reject, []warehouse.Finding) {
			return r, j, f[:1]
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r, j, f := append([]warehouse.Interaction(nil), rows...), append([]warehouse.Reject(nil), rejects...), append([]warehouse.Finding(nil), found...)
			if c.change != nil {
				r, j, f = c.change(r, j, f)
			}
			s, err := sealed.Read(row)
			if err != nil {
				t.Fatal(err)
			}
			missing, faults := s.Faults(contents(r, j, f), true)
			if (len(faults) == 0) != c.fits || len(missing) != c.missing {
				t.Errorf("%d missing, %q", len(missing), faults)
			}
		})
	}
}

func TestASealThatWasChangedIsNoticed(t *testing.T) {
	row, _, _, _ := batch(t)
	check := func(blinding func(string) seal.Key) error {
		s, err := sealed.Read(row)
		if err == nil {
			err = s.Check(blinding)
		}
		return err
	}
	if err := errors(check(nil), check(key)); err != "" {
		t.Fatal(err)
	}
	was := *row
	for name, change := range map[string]func(){
		"id": func() { row.ID = strings.Repeat("0", 64) }, "last": func() { row.Last++ }, "stored": func() { row.Stored, row.Repeats = 3, 2 },
		"revision": func() { row.Revision = "r2" }, "root": func() { row.InteractionsRoot = strings.Repeat("0", 64) }, "no root": func() { row.FindingsRoot = "" },
		"leaves":  func() { row.Groups = strings.Replace(row.Groups, `"leaves":2`, `"leaves":3`, 1) },
		"a group": func() { row.Groups = "[]" }, "no groups": func() { row.Groups = "x" }, "no gaps": func() { row.Gaps = "" },
	} {
		change()
		if check(key) == nil {
			t.Errorf("%s was changed, and the seal is taken", name)
		}
		*row = was
	}
	// Without the keys the lists cannot be checked, and the roots can.
	row.Groups = strings.Replace(row.Groups, `"interactions_root":"`, `"interactions_root":"00`, 1)
	if check(nil) == nil {
		t.Error("a group's root was changed")
	}
}

func errors(list ...error) string {
	for _, err := range list {
		if err != nil {
			return err.Error()
		}
	}
	return ""
}
