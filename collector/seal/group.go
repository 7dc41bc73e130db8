package seal

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Nobody is the tenant of what belongs to none: rejects, repeats, and offsets without a message.
const Nobody = ""

// Key blinds a tenant's groups. Whoever has it finds the tenant's groups in all seals, and sees that a seal
// has none; without it groups tell nothing but how many there are.
type Key [sha256.Size]byte

// Group is what a seal holds of one tenant, fields in the order of their JSON names. The leaves are those
// of the tenant's rows in the order of their offsets; of Nobody, those of everything else.
type Group struct {
	Findings         int    `json:"findings"`
	FindingsRoot     Hash   `json:"findings_root"` // over the versions of findings, in the order they were written
	FirstAt          int64  `json:"first_at"`      // the oldest ts among the rows, Unix milliseconds; 0 without rows
	InteractionsRoot Hash   `json:"interactions_root"`
	LastAt           int64  `json:"last_at"` // the newest
	Leaves           int    `json:"leaves"`
	Tenant           string `json:"tenant"`
}

// Blinded is a group as everybody may see it.
type Blinded struct {
	Blind  Hash `json:"blind"`  // HMAC of the seal's place under the tenant's key
	Digest Hash `json:"digest"` // HMAC of the group under it
}

// Blind is where a tenant's group stands in the list of the seal that begins at an offset.
func Blind(key Key, topic string, partition int, first int64) Hash {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(topic)))
	b = append(b, topic...)
	b = binary.BigEndian.AppendUint64(b, uint64(partition))
	b = binary.BigEndian.AppendUint64(b, uint64(first))
	return key.mac("blind", b)
}

func (k Key) mac(purpose string, data []byte) (out Hash) {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte(purpose))
	h.Write(data)
	h.Sum(out[:0])
	return out
}

// Blinded is the group as everybody may see it in a seal.
func (g *Group) Blinded(key Key, topic string, partition int, first int64) Blinded {
	return Blinded{Blind: Blind(key, topic, partition, first), Digest: key.mac("group", canonical(g))}
}

// TenantsRoot is the root over a list of blinded groups, which must be in the order of their blinds, each
// once; ok is false where they are not.
func TenantsRoot(list []Blinded) (root Hash, ok bool) {
	leaves := make([]Hash, len(list))
	for i, b := range list {
		if i > 0 && bytes.Compare(list[i-1].Blind[:], b.Blind[:]) >= 0 {
			return Hash{}, false
		}
		leaves[i] = Leaf(append(append([]byte(nil), b.Blind[:]...), b.Digest[:]...))
	}
	return Root(leaves), true
}

// Commit puts groups in the order of the list and their roots into the header, whose topic, partition and
// first offset must be set. It returns the list.
func (h *Header) Commit(groups []Group, key func(tenant string) Key) []Blinded {
	blinded := make(map[string]Blinded, len(groups))
	for i := range groups {
		g := &groups[i]
		blinded[g.Tenant] = g.Blinded(key(g.Tenant), h.Topic, h.Partition, h.First)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		x, y := blinded[a.Tenant].Blind, blinded[b.Tenant].Blind
		return bytes.Compare(x[:], y[:])
	})
	var interactions, findings []Hash
	list := make([]Blinded, len(groups))
	h.Findings = 0
	for i, g := range groups {
		list[i] = blinded[g.Tenant]
		interactions, findings = append(interactions, Leaf(g.InteractionsRoot[:])), append(findings, Leaf(g.FindingsRoot[:]))
		h.Findings += g.Findings
	}
	h.InteractionsRoot, h.FindingsRoot = Root(interactions), Root(findings)
	h.TenantsRoot, _ = TenantsRoot(list) // they are in order
	return list
}

// Row is an interaction's leaf with what its group needs to know.
type Row struct {
	Offset int64
	At     int64 // the event's ts, Unix milliseconds
	Tenant string
	Leaf   Hash
}

// Placed is a leaf of something that belongs to nobody.
type Placed struct {
	Offset int64 // the first, of a run
	Leaf   Hash
}

// Found is a finding's leaf with its tenant.
type Found struct {
	Tenant string
	Leaf   Hash
}

// Groups sorts leaves by tenant. Rows and rejects may come in any order, findings in the order in which
// they were written.
func Groups(rows []Row, rejects []Placed, gaps Gaps, findings []Found, topic string, partition int) []Group {
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Offset, b.Offset) })
	type leaves struct {
		group            Group
		stored, findings []Hash
	}
	by := map[string]*leaves{}
	of := func(tenant string) *leaves {
		l := by[tenant]
		if l == nil {
			l = &leaves{group: Group{Tenant: tenant}}
			by[tenant] = l
		}
		return l
	}
	for i := range rows {
		r := &rows[i]
		l := of(r.Tenant)
		if len(l.stored) == 0 {
			l.group.FirstAt, l.group.LastAt = r.At, r.At
		}
		l.group.FirstAt, l.group.LastAt = min(l.group.FirstAt, r.At), max(l.group.LastAt, r.At)
		l.stored = append(l.stored, r.Leaf)
	}
	nobodys := append(gaps.leaves(topic, partition), rejects...)
	slices.SortFunc(nobodys, func(a, b Placed) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, p := range nobodys {
		l := of(Nobody)
		l.stored = append(l.stored, p.Leaf)
	}
	for _, f := range findings {
		l := of(f.Tenant)
		l.findings = append(l.findings, f.Leaf)
	}
	out := make([]Group, 0, len(by))
	for _, l := range by {
		l.group.Leaves, l.group.Findings = len(l.stored), len(l.findings)
		l.group.InteractionsRoot, l.group.FindingsRoot = Root(l.stored), Root(l.findings)
		out = append(out, l.group)
	}
	return out
}

// Gaps are the offsets of a batch that have no row of their own. They stand with the seal, because nothing
// else tells of them.
type Gaps struct {
	Control [][2]int64 `json:"control,omitempty"` // runs without a message: first and last offset
	Repeats [][2]int64 `json:"repeats,omitempty"` // the offset, and that at which the event stands
}

func (g Gaps) leaves(topic string, partition int) []Placed {
	out := make([]Placed, 0, len(g.Control)+len(g.Repeats))
	for _, c := range g.Control {
		e := Entry{Disposition: Control, Topic: topic, Partition: partition, Offset: c[0], Through: c[1]}
		out = append(out, Placed{c[0], Leaf(e.Canonical())})
	}
	for _, r := range g.Repeats {
		e := Entry{Disposition: Repeat, Topic: topic, Partition: partition, Offset: r[0], RepeatOf: &r[1]}
		out = append(out, Placed{r[0], Leaf(e.Canonical())})
	}
	return out
}
