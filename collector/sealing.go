package collector

import (
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// seal makes the seal over the batch and puts its id on the versions of findings that it covers.
func (b *batch) seal(versions []warehouse.FindingVersion) (*warehouse.Seal, error) {
	w := b.w
	rows := make([]seal.Row, 0, b.stored)
	rejects := make([]seal.Placed, 0, b.rejected)
	for i := range b.secrets {
		s := &b.secrets[i]
		if s.reject {
			r := &b.rejects[s.row]
			rejects = append(rejects, seal.Placed{Offset: r.Offset, Leaf: seal.HashOf(r.Leaf)})
			continue
		}
		r := &b.interactions[s.row]
		rows = append(rows, seal.Row{Offset: r.Offset, At: r.At, Tenant: r.Tenant, Leaf: seal.HashOf(r.Leaf)})
	}
	found := make([]seal.Found, len(versions))
	for i := range versions {
		found[i] = seal.Found{Tenant: versions[i].Tenant, Leaf: seal.HashOf(versions[i].Leaf)}
	}
	h := seal.Header{
		Topic: w.Topic, Partition: w.partition, First: b.run.first, Last: b.run.next - 1,
		Stored: b.stored, Repeats: b.repeats, Rejected: b.rejected, Control: b.silent(),
		Generation: w.fence, Previous: w.seal.ID, Revision: b.revision, At: w.Now().UnixMilli(),
	}
	groups := seal.Groups(rows, rejects, b.gaps, found, w.Topic, w.partition)
	h.Commit(groups, w.Keys.Blinding)
	if err := h.Check(); err != nil {
		return nil, err
	}
	s, err := sealed.Write(&h, groups, b.gaps)
	if err != nil {
		return nil, err
	}
	for i := range versions {
		v := &versions[i]
		v.Topic, v.Partition, v.First, v.Seal, v.Ordinal = s.Topic, s.Partition, s.First, s.ID, i
	}
	return s, nil
}

// silent counts the offsets without a message.
func (b *batch) silent() (n int) {
	for _, c := range b.gaps.Control {
		n += int(c[1] - c[0] + 1)
	}
	return n
}
