package fsck

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// link is a seal in its partition's chain.
type link struct {
	id, previous seal.Hash
	first, last  int64
	generation   int
	at           int64
	stands       bool
	absent       bool // the log knows it, and the record lost it
}

func (l *link) where(p warehouse.Partition) string {
	return sealName(p, l.first, l.last, l.id.String())
}

func sealName(p warehouse.Partition, first, last int64, id string) string {
	return fmt.Sprintf("%s offsets %d to %d (seal %.16s)", p, first, last, id)
}

func linkOf(h *seal.Header, id seal.Hash) *link {
	l := &link{id: id, first: h.First, last: h.Last, generation: h.Generation, at: h.At}
	if err := l.previous.UnmarshalText([]byte(h.Previous)); err != nil {
		l.previous = seal.Hash{} // "" on the first; anything else follows nothing
	}
	return l
}

// chain is a partition's seals.
type chain struct {
	partition warehouse.Partition
	links     map[seal.Hash]*link
	headers   map[seal.Hash]seal.Header // of seals whose rows were changed, as the log has them
}

// chains reads the headers of all seals, and what the log has of those that are not there.
func (c *check) chains(ctx context.Context) (map[warehouse.Partition]*chain, error) {
	partitions, err := c.Record.EvidentPartitions(ctx)
	if err != nil {
		return nil, err
	}
	out := map[warehouse.Partition]*chain{}
	of := func(p warehouse.Partition) *chain {
		if out[p] == nil {
			out[p] = &chain{partition: p, links: map[seal.Hash]*link{}, headers: map[seal.Hash]seal.Header{}}
		}
		return out[p]
	}
	for _, p := range partitions {
		ch := of(p)
		if err := c.Record.SealHeaders(ctx, p, math.MinInt64, math.MaxInt64, func(s *warehouse.Seal) error { return c.link(ctx, ch, s) }); err != nil {
			return nil, err
		}
	}
	// What the log has and the record has not was deleted: the log tells what it was.
	for id, e := range c.log.seals {
		if e.seen {
			continue
		}
		h, err := c.log.header(ctx, e.index)
		if err != nil {
			c.fault("log", fmt.Sprintf("entry %d", e.index), "%v", err)
			continue
		}
		l := linkOf(&h, id)
		l.absent = true
		p := warehouse.Partition{Topic: h.Topic, ID: h.Partition}
		of(p).links[id] = l
		c.fault("seals", l.where(p), "the log has it (entry %d), and the record does not: it was deleted", e.index)
	}
	return out, nil
}

// link puts a row of seals into its chain. One that was changed is told, and goes on as the log has it.
func (c *check) link(ctx context.Context, ch *chain, s *warehouse.Seal) error {
	h, err := sealed.Header(s)
	if err == nil {
		err = h.Check()
	}
	var id, says seal.Hash
	if err == nil {
		says = seal.Leaf(h.Canonical())
	}
	if e := id.UnmarshalText([]byte(s.ID)); err == nil && e != nil {
		err = e
	}
	if err == nil && id == says {
		e, logged := c.log.seals[id]
		if logged && !e.seen {
			e.seen = true
			c.log.seals[id] = e
		}
		if ch.links[id] == nil {
			c.report.Checked.Seals++
			ch.links[id] = linkOf(&h, id)
		}
		if !logged {
			c.expect(ch.partition, ch.links[id])
		}
		return nil
	}
	where := sealName(ch.partition, s.First, s.Last, s.ID)
	for _, known := range []seal.Hash{id, says} {
		e, logged := c.log.seals[known]
		if !logged {
			continue
		}
		signed, err := c.log.header(ctx, e.index)
		if err != nil {
			return err
		}
		c.fault("seals", where, "it was changed: entry %d of the log has %s", e.index, differences(&h, &signed, id != known))
		e.seen = true
		c.log.seals[known] = e
		ch.links[known], ch.headers[known] = linkOf(&signed, known), signed
		return nil
	}
	c.fault("seals", where, "its id is not that of what it says, and the log does not have it")
	return nil
}

// differences names the columns of a seal that differ from what the log has.
func differences(is, was *seal.Header, id bool) string {
	var out []string
	for name, differ := range map[string]bool{
		"id": id, "at": is.At != was.At, "control": is.Control != was.Control, "findings": is.Findings != was.Findings, "findings_root": is.FindingsRoot != was.FindingsRoot,
		"first_offset": is.First != was.First, "generation": is.Generation != was.Generation, "interactions_root": is.InteractionsRoot != was.InteractionsRoot,
		"last_offset": is.Last != was.Last, "partition": is.Partition != was.Partition, "revision": is.Revision != was.Revision, "previous": is.Previous != was.Previous,
		"rejected": is.Rejected != was.Rejected, "repeats": is.Repeats != was.Repeats, "stored": is.Stored != was.Stored, "tenants_root": is.TenantsRoot != was.TenantsRoot, "topic": is.Topic != was.Topic,
	} {
		if differ {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return fmt.Sprintf("another %v", out)
}

// expect waits until the log has a seal.
func (c *check) expect(p warehouse.Partition, l *link) {
	if !c.log.readable() {
		return
	}
	c.later(func(context.Context) ([]Fault, error) {
		if _, logged := c.log.seals[l.id]; logged {
			return nil, nil
		}
		return []Fault{{"seals", l.where(p), "the log does not have it: it came past the collectors, or no notary has followed since (the audit service is one)"}}, nil
	})
}

// settle finds which seals stand, by the rule of the view seals_v: where two follow the same seal, that of the
// higher generation, and at equal generation the later. It gives those that stand in their order, and the
// others.
func (ch *chain) settle(fault func(l *link, what string, args ...any)) (standing, superseded []*link) {
	follows := map[seal.Hash][]*link{}
	for _, l := range ch.links {
		follows[l.previous] = append(follows[l.previous], l)
	}
	var begins []*link
	for previous, list := range follows {
		slices.SortFunc(list, func(a, b *link) int {
			return -cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(a.at, b.at), slices.Compare(a.id[:], b.id[:]))
		})
		if ch.links[previous] == nil {
			begins = append(begins, list[0])
		}
	}
	slices.SortFunc(begins, func(a, b *link) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last)) })
	var before *link
	for _, begin := range begins {
		if begin.previous != (seal.Hash{}) {
			fault(begin, "the seal that it follows, %.16s, is not there", begin.previous)
		} else if before != nil {
			fault(begin, "it follows no other, and is not the first")
		}
		for l := begin; l != nil && !l.stands; {
			l.stands = true
			switch {
			case before == nil:
			case l.first > before.last+1:
				fault(l, "no seal has offsets %d to %d", before.last+1, l.first-1)
			case l.first <= before.last:
				fault(l, "offsets %d to %d are sealed twice", l.first, min(l.last, before.last))
			}
			before = l
			standing = append(standing, l)
			if next := follows[l.id]; len(next) > 0 {
				l = next[0]
			} else {
				l = nil
			}
		}
	}
	for _, l := range ch.links {
		if !l.stands {
			superseded = append(superseded, l)
		}
	}
	slices.SortFunc(superseded, func(a, b *link) int { return cmp.Or(cmp.Compare(a.first, b.first), slices.Compare(a.id[:], b.id[:])) })
	return standing, superseded
}

// checkRecord checks seals, and rows, rejects and versions of findings against them.
func (c *check) checkRecord(ctx context.Context) error {
	if c.Blinding == nil {
		c.unchecked("the lists of groups in seals: the vault with the tenants' keys is not at hand")
	}
	chains, err := c.chains(ctx)
	if err != nil {
		return err
	}
	c.report.Checked.Partitions = len(chains)
	for _, p := range slices.SortedFunc(maps.Keys(chains), func(a, b warehouse.Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID))
	}) {
		ch := chains[p]
		standing, superseded := ch.settle(func(l *link, what string, args ...any) { c.fault("seals", l.where(p), what, args...) })
		c.report.Checked.Superseded += int64(len(superseded))
		if err := c.checkPartition(ctx, ch, standing, superseded); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return nil
}
