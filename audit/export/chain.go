package export

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"mingjian/audit/evidence"
	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// link is a seal of the package.
type link struct {
	dossier.Seal
	whole bool       // its group's rows reach into the period
	late  bool       // sealed behind the moment up to which seals are looked at: it is there for the chain
	order int        // among the standing links of its partition
	open  bool       // dossier.Seal has its group because something of it is shown
	group seal.Group // the tenant's own, where held
	held  bool
}

// chain is the run of standing seals that the package has of one partition, in their order, and beside them
// those that were superseded.
type chain struct {
	partition int
	links     []*link
	lost      []*link
}

// cut is the last offset that the package speaks of; before any it is -1.
func (c *chain) cut() int64 {
	for _, l := range slices.Backward(c.links) {
		if !l.late {
			return l.Header.Last
		}
	}
	return -1
}

// at finds the link over an offset.
func (c *chain) at(offset int64) (*link, bool) {
	i, ok := slices.BinarySearchFunc(c.links, offset, func(l *link, offset int64) int {
		switch {
		case l.Header.Last < offset:
			return -1
		case l.Header.First > offset:
			return 1
		}
		return 0
	})
	if !ok {
		return nil, false
	}
	return c.links[i], true
}

// logged is what the log of the package's size says of what a package may need.
type logged struct {
	seals   map[string]uint64   // by id
	newest  int64               // moment of the newest seal
	made    int64               // moment of the newest entry
	others  []other             // entries that are no seals
	lots    map[string]uint64   // by lot
	decided map[string]uint64   // by lot
	keys    map[string][]uint64 // of sampling keys, by zone/day
	subject map[string][]uint64 // journal entries by subject
}

// other is an entry that is no seal.
type other struct {
	index uint64
	kind  string
	key   string
}

// readLog goes through the log once.
func readLog(ctx context.Context, past *evidence.Past, topic string) (*logged, error) {
	out := &logged{
		seals: map[string]uint64{}, lots: map[string]uint64{}, decided: map[string]uint64{}, keys: map[string][]uint64{},
		subject: map[string][]uint64{},
	}
	err := past.Entries(ctx, func(r evidence.Recorded) error {
		out.made = max(out.made, r.At.UnixMilli())
		if r.Type == evidence.TypeSeal {
			var body struct {
				ID     string      `json:"id"`
				Header seal.Header `json:"header"`
			}
			if err := json.Unmarshal(r.Body, &body); err != nil {
				return fmt.Errorf("entry %d of the evidence log: %w", r.Index, err)
			}
			if body.Header.Topic != topic {
				return nil
			}
			if _, twice := out.seals[body.ID]; !twice {
				out.seals[body.ID] = r.Index
			}
			out.newest = max(out.newest, body.Header.At)
			return nil
		}
		out.others = append(out.others, other{r.Index, r.Type, r.Key})
		return out.hear(r)
	})
	return out, err
}

// The types of entries that a package has because of what they are about.
const (
	typeLotClosed    = "sampling.lot.closed"
	typeLotDecided   = "sampling.lot.decided"
	typeKeyCommitted = "sampling.key.committed"
	typeKeyPublished = "sampling.key.published"
)

// hear notes what an entry that is no seal is about.
func (l *logged) hear(r evidence.Recorded) error {
	var body struct {
		Lot     string `json:"lot_id"`
		Zone    string `json:"zone"`
		Day     string `json:"day"`
		Subject string `json:"subject"`
	}
	switch r.Type {
	case typeLotClosed, typeLotDecided, typeKeyCommitted, typeKeyPublished, evidence.TypeJournal:
		if err := json.Unmarshal(r.Body, &body); err != nil {
			return fmt.Errorf("entry %d of the evidence log: %w", r.Index, err)
		}
	}
	switch r.Type {
	case typeLotClosed:
		l.lots[body.Lot] = r.Index
	case typeLotDecided:
		l.decided[body.Lot] = r.Index
	case typeKeyCommitted, typeKeyPublished:
		at := body.Zone + "/" + body.Day
		l.keys[at] = append(l.keys[at], r.Index)
	case evidence.TypeJournal:
		if body.Subject != "" {
			l.subject[body.Subject] = append(l.subject[body.Subject], r.Index)
		}
	}
	return nil
}

// chains reads the seals of the package: in each partition from the last one before any interaction of the
// period could have been taken, to the first behind the moment up to which seals are looked at.
func (p *packing) chains(ctx context.Context) error {
	early := p.scope.From - dossier.Ahead
	spans, err := p.Record.SealSpans(ctx, p.Topic, early, p.scope.RecordedBy)
	if err != nil {
		return err
	}
	for _, span := range spans {
		c, err := p.chain(ctx, span, early)
		if err != nil {
			return err
		}
		if c != nil {
			p.partitions = append(p.partitions, c)
		}
	}
	return nil
}

// chain reads one partition; nil where the log has nothing of it.
func (p *packing) chain(ctx context.Context, span warehouse.SealSpan, early int64) (*chain, error) {
	var all []*link
	err := p.Record.SealsOf(ctx, p.Topic, span, func(row *warehouse.Seal) error {
		index, ok := p.log.seals[row.ID]
		if !ok {
			return nil // newer than the checkpoint
		}
		s, err := sealed.Read(row)
		if err != nil {
			return err
		}
		if err := s.Check(p.Blinding); err != nil {
			return fmt.Errorf("seal %s of partition %d over offsets %d to %d was changed (%w): nothing that rests on it can be proven; see 'mingjian doctor --deep'", s.ID, span.Partition, s.Header.First, s.Header.Last, err)
		}
		l := &link{late: s.Header.At > p.scope.RecordedBy, Seal: dossier.Seal{Index: index, ID: s.ID, Header: s.Header, List: []seal.Blinded{}}}
		for i := range s.Groups {
			g := s.Groups[i]
			l.List = append(l.List, g.Blinded(p.Blinding(g.Tenant), s.Header.Topic, s.Header.Partition, s.Header.First))
			if g.Tenant == p.scope.Tenant {
				l.group, l.held = g, true
				l.whole = !l.late && g.Leaves > 0 && g.FirstAt < p.scope.To && g.LastAt >= p.scope.From
			}
		}
		all = append(all, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c := &chain{partition: span.Partition}
	c.follow(all)
	if len(c.links) == 0 {
		return nil, nil
	}
	c.trim(early, p.scope.RecordedBy)
	return c, c.number()
}

// number gives the links their order, and refuses a chain from which one is missing. Where a seal follows the one
// before it and offsets lie between them, the broker had lost them before they were read: whoever verifies tells.
func (c *chain) number() error {
	for i, l := range c.links {
		if i > 0 && (l.Header.Previous != c.links[i-1].ID || l.Header.First <= c.links[i-1].Header.Last) {
			return fmt.Errorf("seal %s of partition %d does not follow the one before it: a seal is missing; see 'mingjian doctor --deep'", l.ID, c.partition)
		}
		l.order = i
	}
	return nil
}

// follow tells standing seals from superseded ones: where two follow the same one, the higher generation
// stands, then the later moment, then the greater id.
func (c *chain) follow(all []*link) {
	after := map[string][]*link{}
	known := map[string]bool{}
	for _, l := range all {
		known[l.ID] = true
	}
	for _, l := range all {
		at := l.Header.Previous
		if !known[at] {
			at = "" // the beginning of what was read
		}
		after[at] = append(after[at], l)
	}
	stands := map[*link]bool{}
	for at := ""; len(after[at]) > 0; {
		best := slices.MaxFunc(after[at], func(a, b *link) int {
			return cmp.Or(cmp.Compare(a.Header.Generation, b.Header.Generation), cmp.Compare(a.Header.At, b.Header.At), cmp.Compare(a.ID, b.ID))
		})
		stands[best] = true
		c.links = append(c.links, best)
		at = best.ID
	}
	for _, l := range all {
		if !stands[l] {
			l.Superseded, l.held, l.whole = true, false, false
			c.lost = append(c.lost, l)
		}
	}
}

// trim leaves one seal before the period and one behind it.
func (c *chain) trim(early, late int64) {
	first, last := 0, len(c.links)-1
	for first < last && c.links[first+1].Header.At < early {
		first++
	}
	if c.links[first].Header.At >= early {
		first = 0 // the partition begins here
	}
	for last > first && c.links[last-1].Header.At > late {
		last--
	}
	c.links = c.links[first : last+1]
	begins, ends := c.links[0].Header.First, c.links[len(c.links)-1].Header.Last
	c.lost = slices.DeleteFunc(c.lost, func(l *link) bool { return l.Header.First < begins || l.Header.First > ends })
}

// inOrder gives all links, each superseded one in front of the standing one that begins behind it.
func (c *chain) inOrder() []*link {
	out := make([]*link, 0, len(c.links)+len(c.lost))
	lost := c.lost
	for _, l := range c.links {
		for len(lost) > 0 && lost[0].Header.First < l.Header.First {
			out, lost = append(out, lost[0]), lost[1:]
		}
		out = append(out, l)
	}
	return append(out, lost...)
}
