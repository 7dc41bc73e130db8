// Package sealed reads the record as its seals know it: what a stored row's leaf is, under which tenant it
// was sealed, and whether the rows at a seal's offsets are those that it commits to.
//
//	rows, rejects, versions of findings ──► leaves ──► groups ──Faults──► what does not fit, and where
//
// It is the one place where rows of the warehouse and hashes of package seal meet: the collector writes by
// it, and the audit of the record and the export of a package read by it.
package sealed

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"mingjian/collector/seal"
	"mingjian/collector/warehouse"
)

// DefaultTenant is whose rows are that name no tenant, as the event model says.
const DefaultTenant = "default"

// Entry is an interaction's row as its leaf has it.
func Entry(r *warehouse.Interaction) *seal.Entry {
	return &seal.Entry{
		Disposition: seal.Stored, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		At: r.At, SessionID: r.SessionID, EventID: r.EventID, Text: r.Text, TextBytes: r.TextBytes,
		Flags: r.Flags, Body: r.Body, Labels: r.Labels, Extra: r.Extra,
	}
}

// Leaf computes a row's leaf from what the row holds. Of a row whose salt is none it is zero, which is no
// row's leaf.
func Leaf(r *warehouse.Interaction) seal.Hash {
	if len(r.Salt) != seal.SaltSize {
		return seal.Hash{}
	}
	return seal.RowLeaf([]byte(r.Salt), Entry(r), seal.Commitment(r.OriginalEnc))
}

// Erased reports whether what a row held was destroyed with its person's key: its leaf is all that is left.
func Erased(r *warehouse.Interaction) bool { return r.Salt == "" && r.Leaf != "" }

// Tenant is whose group a row was sealed in.
func Tenant(r *warehouse.Interaction) string {
	if r.Version == warehouse.Moved {
		return DefaultTenant
	}
	return r.Tenant
}

// RejectEntry is a reject as its leaf has it, and RejectLeaf the leaf.
func RejectEntry(r *warehouse.Reject) *seal.Entry {
	return &seal.Entry{
		Disposition: seal.Rejected, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Reason: r.Reason, Size: r.Size, SHA256: r.SHA256,
	}
}

// RejectLeaf computes a reject's leaf from what its row holds.
func RejectLeaf(r *warehouse.Reject) seal.Hash {
	return seal.RejectLeaf(RejectEntry(r), seal.Commitment(string(r.Payload)))
}

// Finding is a stored version as its leaf has it.
func Finding(v *warehouse.FindingVersion) *seal.Finding {
	return &seal.Finding{
		At: v.At, Facts: v.Facts, ID: v.ID, Revision: v.Revision, Rule: v.Rule, SessionID: v.SessionID,
		Severity: v.Severity, Standing: v.Standing, Status: v.Status, Subject: v.Subject, Tenant: v.Tenant, Version: v.Version,
	}
}

// Version is a finding that a batch writes, as a seal knows it. One that was taken away, because its session
// moved to another tenant, does not stand.
func Version(f *warehouse.Finding) warehouse.FindingVersion {
	v := warehouse.FindingVersion{
		ID: f.ID, Tenant: f.Tenant, SessionID: f.SessionID, Rule: f.Rule, Severity: f.Severity, Status: f.Status, Subject: f.Subject,
		At: f.At, Facts: f.Facts, Revision: f.Revision, Standing: f.Standing && !f.Deleted, Version: f.Version,
	}
	leaf := seal.Leaf(Finding(&v).Canonical())
	v.Leaf = string(leaf[:])
	return v
}

// Write makes the row of a seal.
func Write(h *seal.Header, groups []seal.Group, gaps seal.Gaps) (*warehouse.Seal, error) {
	of, err := json.Marshal(groups)
	if err != nil {
		return nil, fmt.Errorf("write the groups of a seal: %w", err)
	}
	without, err := json.Marshal(gaps)
	if err != nil {
		return nil, fmt.Errorf("write the gaps of a seal: %w", err)
	}
	return &warehouse.Seal{
		Topic: h.Topic, Partition: h.Partition, First: h.First, Last: h.Last,
		Stored: h.Stored, Repeats: h.Repeats, Rejected: h.Rejected, Control: h.Control,
		Generation: h.Generation, Previous: h.Previous, ID: h.ID(), InteractionsRoot: h.InteractionsRoot.String(),
		FindingsRoot: h.FindingsRoot.String(), Findings: h.Findings, TenantsRoot: h.TenantsRoot.String(),
		Groups: string(of), Gaps: string(without), Revision: h.Revision, At: h.At,
	}, nil
}

// Seal is the row of a seal, read.
type Seal struct {
	Header seal.Header
	ID     string
	Groups []seal.Group // in the order of the seal's list
	Gaps   seal.Gaps
}

// Header is what the id of a seal's row is over; its groups and gaps are not looked at.
func Header(s *warehouse.Seal) (seal.Header, error) {
	h := seal.Header{
		Topic: s.Topic, Partition: s.Partition, First: s.First, Last: s.Last, Stored: s.Stored, Repeats: s.Repeats,
		Rejected: s.Rejected, Control: s.Control, Generation: s.Generation, Previous: s.Previous,
		Findings: s.Findings, Revision: s.Revision, At: s.At,
	}
	for text, into := range map[*string]*seal.Hash{
		&s.InteractionsRoot: &h.InteractionsRoot, &s.FindingsRoot: &h.FindingsRoot, &s.TenantsRoot: &h.TenantsRoot,
	} {
		if err := into.UnmarshalText([]byte(*text)); err != nil {
			return h, fmt.Errorf("read seal %s: %w", s.ID, err)
		}
	}
	return h, nil
}

// Read reads the row of a seal. Where it cannot be one the error says why; that the id is the header's, and
// the groups those of the header, is for Seal.Check.
func Read(s *warehouse.Seal) (*Seal, error) {
	h, err := Header(s)
	if err != nil {
		return nil, err
	}
	out := &Seal{ID: s.ID, Header: h}
	if err := json.Unmarshal([]byte(s.Groups), &out.Groups); err != nil {
		return nil, fmt.Errorf("read the groups of seal %s: %w", s.ID, err)
	}
	if err := json.Unmarshal([]byte(s.Gaps), &out.Gaps); err != nil {
		return nil, fmt.Errorf("read the gaps of seal %s: %w", s.ID, err)
	}
	return out, nil
}

// Check tells what is wrong with a seal by itself. blinding may be nil, where the keys are not at hand; the
// order and the names of its groups are not looked at then.
func (s *Seal) Check(blinding func(tenant string) seal.Key) error {
	if err := s.Header.Check(); err != nil {
		return err
	}
	if s.Header.ID() != s.ID {
		return fmt.Errorf("its id is not that of what it says")
	}
	if blinding == nil {
		return s.roots()
	}
	again := seal.Header{Topic: s.Header.Topic, Partition: s.Header.Partition, First: s.Header.First}
	again.Commit(slices.Clone(s.Groups), blinding)
	if again.InteractionsRoot != s.Header.InteractionsRoot || again.FindingsRoot != s.Header.FindingsRoot ||
		again.TenantsRoot != s.Header.TenantsRoot || again.Findings != s.Header.Findings {
		return fmt.Errorf("its groups do not give its roots")
	}
	return nil
}

// roots checks the groups without keys.
func (s *Seal) roots() error {
	var interactions, findings []seal.Hash
	for _, g := range s.Groups {
		interactions, findings = append(interactions, seal.Leaf(g.InteractionsRoot[:])), append(findings, seal.Leaf(g.FindingsRoot[:]))
	}
	if seal.Root(interactions) != s.Header.InteractionsRoot || seal.Root(findings) != s.Header.FindingsRoot {
		return fmt.Errorf("its groups do not give its roots")
	}
	return nil
}

// Contents are the rows of the record at a seal's offsets, and its versions of findings in their order.
// Leaves are those that were computed; of an erased row the stored one.
type Contents struct {
	Rows     []seal.Row
	Rejects  []seal.Placed
	Findings []seal.Found
}

// Faults tells what does not fit between a seal and the contents: offsets for which nothing stands or for
// which more stands than the seal has, and tenants whose leaves do not give the root. Findings are left out
// where found is not set.
func (s *Seal) Faults(c Contents, found bool) (missing []int64, faults []string) {
	missing, twice := s.missing(c)
	for _, at := range twice {
		faults = append(faults, fmt.Sprintf("more stands at offset %d than was sealed there", at))
	}
	computed := map[string]seal.Group{}
	for _, g := range seal.Groups(slices.Clone(c.Rows), c.Rejects, s.Gaps, c.Findings, s.Header.Topic, s.Header.Partition) {
		computed[g.Tenant] = g
	}
	for _, want := range s.Groups {
		got, ok := computed[want.Tenant]
		delete(computed, want.Tenant)
		switch {
		case !ok && !found && want.Leaves == 0:
			continue
		case !ok:
			faults = append(faults, fmt.Sprintf("nothing is there of tenant %q, of which it sealed %d offsets and %d versions of findings", want.Tenant, want.Leaves, want.Findings))
			continue
		case got.Leaves != want.Leaves:
			faults = append(faults, fmt.Sprintf("%d leaves are there of tenant %q, and it sealed %d", got.Leaves, want.Tenant, want.Leaves))
		case got.InteractionsRoot != want.InteractionsRoot:
			faults = append(faults, fmt.Sprintf("the rows of tenant %q do not give its root", want.Tenant))
		case got.FirstAt != want.FirstAt || got.LastAt != want.LastAt:
			faults = append(faults, fmt.Sprintf("the rows of tenant %q are not of the time that it says", want.Tenant))
		}
		switch {
		case !found:
		case got.Findings != want.Findings:
			faults = append(faults, fmt.Sprintf("%d versions of findings are there of tenant %q, and it sealed %d", got.Findings, want.Tenant, want.Findings))
		case got.FindingsRoot != want.FindingsRoot:
			faults = append(faults, fmt.Sprintf("the versions of findings of tenant %q do not give its root", want.Tenant))
		}
	}
	for tenant, g := range computed {
		faults = append(faults, fmt.Sprintf("%d offsets and %d versions of findings are there of tenant %q, of which it sealed nothing", g.Leaves, g.Findings, tenant))
	}
	slices.Sort(faults)
	return missing, faults
}

// span is a run of offsets that something stands for.
type span struct{ first, last int64 }

// missing compares the offsets of everything that stands with the seal's range.
func (s *Seal) missing(c Contents) (missing, twice []int64) {
	var there []span
	for i := range c.Rows {
		there = append(there, span{c.Rows[i].Offset, c.Rows[i].Offset})
	}
	for i := range c.Rejects {
		there = append(there, span{c.Rejects[i].Offset, c.Rejects[i].Offset})
	}
	for _, r := range s.Gaps.Repeats {
		there = append(there, span{r[0], r[0]})
	}
	for _, r := range s.Gaps.Control {
		there = append(there, span{r[0], r[1]})
	}
	slices.SortFunc(there, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	next := s.Header.First
	for _, o := range there {
		if o.first < next || o.last > s.Header.Last {
			twice = append(twice, o.first)
		}
		for ; next < o.first && next <= s.Header.Last; next++ {
			missing = append(missing, next)
		}
		next = max(next, o.last+1)
	}
	for ; next <= s.Header.Last; next++ {
		missing = append(missing, next)
	}
	return missing, twice
}
