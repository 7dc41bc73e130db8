package export

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
	"mingjian/collector/warehouse"
)

// talk is what is known of a session from its rows in the package.
type talk struct {
	events      int32
	inside      int32 // of them, within the period
	first, last int64 // moments of its rows
	opening     int64 // the first within the period
	partition   int32
	findings    int32 // that stand
	line        string
	channel     string
	version     string
	place       string // jurisdiction
}

// choose finds the sessions of a narrower scope, and those whose rows in groups outside of the period belong
// to conversations that reach into it.
func (p *packing) choose(ctx context.Context) error {
	places := map[string][]warehouse.Placed{} // of sessions that may have rows in groups outside
	inside := map[string]bool{}
	take := func(at warehouse.Placed) error {
		c := p.partition(at.Partition)
		if c == nil {
			return nil
		}
		l, ok := c.at(at.Offset)
		if !ok || !l.held || l.late {
			return nil
		}
		if at.At >= p.scope.From && at.At < p.scope.To {
			inside[at.SessionID] = true
		}
		if !l.whole || !p.scope.Whole() {
			places[at.SessionID] = append(places[at.SessionID], at)
		}
		return nil
	}
	named := p.scope.Sessions
	var err error
	switch {
	case p.scope.Whole():
		err = p.Record.Crossing(ctx, p.Topic, p.scope.Tenant, p.scope.From, p.scope.To, take)
	case len(p.scope.Jurisdictions)+len(p.scope.Rules) == 0:
		err = p.Record.PlacesOf(ctx, p.Topic, p.scope.Tenant, named, take)
	default:
		err = p.Record.SessionsWhere(ctx, p.Topic, p.scope.Tenant, p.scope.Jurisdictions, p.scope.Rules, p.scope.From, p.scope.To, take)
	}
	if err != nil {
		return err
	}
	p.reaches = inside
	if !p.scope.Whole() {
		p.chosen = map[string]bool{}
	}
	for id, rows := range places {
		_, wanted := slices.BinarySearch(named, id)
		if !inside[id] || len(named) > 0 && !wanted {
			continue
		}
		if p.chosen != nil {
			p.chosen[id] = true
		}
		for _, at := range rows {
			l, _ := p.partition(at.Partition).at(at.Offset)
			if p.border[l] == nil {
				p.border[l] = map[string]bool{}
			}
			p.border[l][id] = true
		}
	}
	for _, c := range p.partitions {
		for _, l := range c.links {
			if p.shows(l) {
				p.progress.Total += int64(l.group.Leaves)
			}
		}
	}
	return nil
}

func (p *packing) partition(n int) *chain {
	i := slices.IndexFunc(p.partitions, func(c *chain) bool { return c.partition == n })
	if i < 0 {
		return nil
	}
	return p.partitions[i]
}

// shows reports whether rows of a seal's group are in the package: all of them, or those of some sessions.
func (p *packing) shows(l *link) bool {
	return l.held && (l.whole && p.scope.Whole() || p.border[l] != nil)
}

// all reports whether every row of a seal's group is in the package.
func (p *packing) all(l *link) bool { return l.held && l.whole && p.scope.Whole() }

// reading is a run of seals whose rows are read together.
type reading struct {
	links []*link
	all   bool // every row of their groups is shown
}

// mostRun is how many seals are read together where only some of their rows are shown: the ids of their
// sessions stand in one query.
const mostRun = 200

func (p *packing) readings(c *chain) (out []reading) {
	for _, l := range c.links {
		if !p.shows(l) {
			continue
		}
		all := p.all(l)
		if n := len(out); n > 0 && out[n-1].all == all && out[n-1].links[len(out[n-1].links)-1].order+1 == l.order && (all || len(out[n-1].links) < mostRun) {
			out[n-1].links = append(out[n-1].links, l)
			continue
		}
		out = append(out, reading{[]*link{l}, all})
	}
	return out
}

// leafed is a row on its way to its group: its leaf, and where it is shown its line.
type leafed struct {
	offset int64
	leaf   seal.Hash
	line   []byte // nil: not shown
}

// writeInteractions writes the rows, seal by seal.
func (p *packing) writeInteractions(ctx context.Context) error {
	n := 0
	err := p.file(dossier.InteractionsFile, func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		for _, c := range p.partitions {
			for _, r := range p.readings(c) {
				lines, err := p.writeRun(ctx, out, c, r)
				if err != nil {
					return err
				}
				n += lines
			}
		}
		return out.Flush()
	})
	p.manifest.Counts[dossier.InteractionsFile] = n
	p.progress.Total = p.progress.Done
	return err
}

// block is how many rows are handed over at a time.
const block = 2048

// writeRun writes the rows of a run of seals. The record is read in a goroutine of its own, which ends with
// this call.
func (p *packing) writeRun(ctx context.Context, out *bufio.Writer, c *chain, r reading) (lines int, err error) {
	span := warehouse.SealSpan{Partition: c.partition, First: r.links[0].Header.First, Last: r.links[len(r.links)-1].Header.Last}
	var erased []lostRow
	if err := p.Record.ErasedAt(ctx, p.Topic, p.scope.Tenant, span, func(e warehouse.Erased) error {
		if n := len(erased); n == 0 || erased[n-1].offset != e.Offset {
			erased = append(erased, lostRow{e.Offset, seal.HashOf(e.Leaf), e.Erasure})
		}
		return nil
	}); err != nil {
		return 0, err
	}
	q := warehouse.ExportQuery{Topic: p.Topic, SealSpan: span, Tenant: p.scope.Tenant}
	q.From, q.To = r.links[0].group.FirstAt, r.links[0].group.LastAt
	for _, l := range r.links {
		q.From, q.To = min(q.From, l.group.FirstAt), max(q.To, l.group.LastAt)
	}
	var leaves map[int64]seal.Hash // of all rows, where not all are read whole
	shown := func(*link, string) bool { return true }
	if !r.all {
		if leaves, err = p.leaves(ctx, q); err != nil {
			return 0, err
		}
		shown = func(l *link, session string) bool { return p.border[l][session] }
		some := map[string]bool{}
		for _, l := range r.links {
			for id := range p.border[l] {
				some[id] = true
			}
		}
		if len(some) <= mostNamed {
			q.Sessions = make([]string, 0, len(some))
			for id := range some {
				q.Sessions = append(q.Sessions, id)
			}
			slices.Sort(q.Sessions)
		}
	}
	reading, ctx := errgroup.WithContext(ctx)
	blocks := make(chan []warehouse.ExportRow, 8)
	reading.Go(func() error {
		defer close(blocks)
		rows := make([]warehouse.ExportRow, 0, block)
		hand := func() error {
			select {
			case blocks <- rows:
				rows = make([]warehouse.ExportRow, 0, block)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := p.Record.ExportRows(ctx, q, func(row *warehouse.ExportRow) error {
			// Of several versions of a row the last one counts; they come in their order.
			if n := len(rows); n > 0 && rows[n-1].Offset == row.Offset {
				rows[n-1] = *row
				return nil
			}
			if len(rows) == block {
				if err := hand(); err != nil {
					return err
				}
			}
			rows = append(rows, *row)
			return nil
		})
		if err != nil {
			return err
		}
		return hand()
	})
	reading.Go(func() (err error) { // where it fails the reader sees that the context is over, and ends
		lines, err = p.writeRows(ctx, out, c, r, blocks, erased, leaves, shown)
		return err
	})
	return lines, reading.Wait()
}

// leaves reads the leaves of all rows of a tenant's groups.
func (p *packing) leaves(ctx context.Context, q warehouse.ExportQuery) (map[int64]seal.Hash, error) {
	out := map[int64]seal.Hash{}
	err := p.Record.ExportLeaves(ctx, q, q.Tenant == defaultTenant, func(l *warehouse.ExportLeaf) error {
		if l.Version == warehouse.Moved && q.Tenant != defaultTenant {
			return nil // sealed as the default tenant's
		}
		out[l.Offset] = seal.HashOf(l.Leaf)
		return nil
	})
	return out, err
}

// rows reads rows in their order, one ahead.
type rows struct {
	blocks <-chan []warehouse.ExportRow
	now    []warehouse.ExportRow
}

// next gives the row if it lies at or before an offset; nil where the next one is behind it, or none is left.
func (r *rows) next(last int64) *warehouse.ExportRow {
	for len(r.now) == 0 {
		some, ok := <-r.blocks
		if !ok {
			return nil
		}
		r.now = some
	}
	if r.now[0].Offset > last {
		return nil
	}
	row := &r.now[0]
	r.now = r.now[1:]
	return row
}

func (p *packing) writeRows(ctx context.Context, out *bufio.Writer, c *chain, r reading, blocks <-chan []warehouse.ExportRow, erased []lostRow, leaves map[int64]seal.Hash, shown func(*link, string) bool) (lines int, err error) {
	ahead := &rows{blocks: blocks}
	var group []leafed
	var lastOffset int64 = -1
	enc := rowEncoder{topic: p.Topic, partition: c.partition}
	for _, l := range r.links {
		group = group[:0]
		for row := ahead.next(l.Header.Last); row != nil; row = ahead.next(l.Header.Last) {
			if row.Offset < l.Header.First || row.Offset == lastOffset {
				continue
			}
			lastOffset = row.Offset
			if row.Deleted || row.Version == warehouse.Moved && p.scope.Tenant != defaultTenant {
				continue // it is another tenant's by now, or was sealed as another's
			}
			for len(erased) > 0 && erased[0].offset < row.Offset {
				group, erased = p.lose(group, erased, &enc, l)
			}
			if len(erased) > 0 && erased[0].offset == row.Offset || !shown(l, row.SessionID) {
				continue
			}
			if row.Salt == "" && row.Leaf == "" {
				return lines, fmt.Errorf("the row at offset %d of partition %d has no salt and no leaf, and no erasure names it; see 'mingjian doctor --deep'", row.Offset, c.partition)
			}
			outside := r.all && (row.At < p.scope.From || row.At >= p.scope.To) && !p.reaches[row.SessionID]
			line, leaf := enc.encode(row, outside)
			if row.Leaf != "" && seal.HashOf(row.Leaf) != leaf {
				return lines, fmt.Errorf("the row at offset %d of partition %d is not what was sealed: it was changed; see 'mingjian doctor --deep'", row.Offset, c.partition)
			}
			group = append(group, leafed{row.Offset, leaf, line})
			if !outside {
				p.meet(row, c.partition)
			}
		}
		for len(erased) > 0 && erased[0].offset <= l.Header.Last {
			group, erased = p.lose(group, erased, &enc, l)
		}
		group = p.complete(group, l, leaves)
		if len(group) != l.group.Leaves {
			if group, err = p.fill(ctx, group, c, l); err != nil {
				return lines, err
			}
		}
		slices.SortFunc(group, func(a, b leafed) int { return cmp.Compare(a.offset, b.offset) })
		if err := p.place(l, group); err != nil {
			return lines, err
		}
		for i := range group {
			if group[i].line == nil {
				continue
			}
			lines++
			if _, err := out.Write(group[i].line); err != nil {
				return lines, err
			}
		}
		p.progress.Done += int64(len(group))
		p.report(p.progress)
		enc.reset()
		if err := ctx.Err(); err != nil {
			return lines, err
		}
	}
	return lines, nil
}

// lose puts the next erased row into the group.
func (p *packing) lose(group []leafed, erased []lostRow, enc *rowEncoder, l *link) ([]leafed, []lostRow) {
	e := erased[0]
	if e.offset >= l.Header.First {
		p.erasures[e.erasure] = true
		p.blank++
		group = append(group, leafed{e.offset, e.leaf, enc.erased(e)})
	}
	return group, erased[1:]
}

// complete adds the leaves of rows that are not shown.
func (p *packing) complete(group []leafed, l *link, leaves map[int64]seal.Hash) []leafed {
	if leaves == nil {
		return group
	}
	there := make(map[int64]bool, len(group))
	for i := range group {
		there[group[i].offset] = true
	}
	for offset := l.Header.First; offset <= l.Header.Last; offset++ {
		if leaf, ok := leaves[offset]; ok && !there[offset] {
			group = append(group, leafed{offset: offset, leaf: leaf})
		}
	}
	return group
}

// fill looks for the leaves that are missing from a group: those of rows that were moved to another tenant.
func (p *packing) fill(ctx context.Context, group []leafed, c *chain, l *link) ([]leafed, error) {
	leaves, err := p.leaves(ctx, warehouse.ExportQuery{
		Topic: p.Topic, Tenant: p.scope.Tenant, From: l.group.FirstAt, To: l.group.LastAt,
		SealSpan: warehouse.SealSpan{Partition: c.partition, First: l.Header.First, Last: l.Header.Last},
	})
	if err != nil {
		return nil, err
	}
	before := len(group)
	group = p.complete(group, l, leaves)
	p.moved += len(group) - before
	return group, nil
}

var errNotSealed = errors.New("the record does not hold what was sealed")

// place checks a group against its seal and notes which of its leaves are lines.
func (p *packing) place(l *link, group []leafed) error {
	hashes := make([]seal.Hash, len(group))
	for i := range group {
		hashes[i] = group[i].leaf
	}
	if len(group) != l.group.Leaves || seal.Root(hashes) != l.group.InteractionsRoot {
		return fmt.Errorf("%w: seal %s over offsets %d to %d of partition %d has %d rows of tenant %q, and %d are there; see 'mingjian doctor --deep'",
			errNotSealed, l.ID, l.Header.First, l.Header.Last, l.Header.Partition, l.group.Leaves, l.group.Tenant, len(group))
	}
	var err error
	l.Rows, err = runs(hashes, func(i int) bool { return group[i].line != nil })
	l.open = true
	return err
}

// runs tells lines from leaves that are not shown.
func runs(leaves []seal.Hash, shown func(int) bool) (out []dossier.Run, err error) {
	for i := 0; i < len(leaves); {
		from := i
		for i < len(leaves) && shown(i) == shown(from) {
			i++
		}
		if shown(from) {
			out = append(out, dossier.Run{Lines: i - from})
			continue
		}
		skip, err := seal.SkipLeaves(from, leaves[from:i])
		if err != nil {
			return nil, err
		}
		out = append(out, dossier.Run{Skip: &skip})
	}
	return out, nil
}

// meet counts a row for its session.
func (p *packing) meet(row *warehouse.ExportRow, partition int) {
	t := p.sessions[row.SessionID]
	if t == nil {
		t = &talk{first: row.At, last: row.At, partition: int32(partition)}
		p.sessions[strings.Clone(row.SessionID)] = t
	}
	t.events++
	t.first, t.last = min(t.first, row.At), max(t.last, row.At)
	if row.At >= p.scope.From && row.At < p.scope.To {
		t.inside++
		if t.opening == 0 || row.At < t.opening {
			t.opening = row.At
		}
	}
	keep := func(into *string, s string) {
		if s != "" && s != *into {
			*into = strings.Clone(s)
		}
	}
	keep(&t.line, row.BusinessLine)
	keep(&t.channel, row.Channel)
	keep(&t.version, row.BotVersion)
	keep(&t.place, row.Jurisdiction)
}

// rowEncoder writes lines of interactions, many of them into one buffer.
type rowEncoder struct {
	topic     string
	partition int
	buffer    []byte
}

// reset lets the buffer be used again; lines given out before are not valid any more.
func (e *rowEncoder) reset() {
	if cap(e.buffer) > 64<<20 {
		e.buffer = nil
	}
	e.buffer = e.buffer[:0]
}

// encode gives a row's line and its leaf. The line is what encoding dossier.Row gives, written by hand because
// there are millions. Of a row outside only its moment is told.
func (e *rowEncoder) encode(row *warehouse.ExportRow, outside bool) ([]byte, seal.Hash) {
	entry := seal.Entry{
		Disposition: seal.Stored, Topic: e.topic, Partition: e.partition, Offset: row.Offset, At: row.At, SessionID: row.SessionID, EventID: row.EventID,
		Text: row.Text, TextBytes: int(row.TextBytes), Flags: row.Flags, Body: row.Body, Labels: row.Labels, Extra: row.Extra,
	}
	canonical := entry.Canonical()
	var commitment seal.Hash
	if row.Original {
		commitment = seal.HashOf(row.Commitment)
	}
	digest := seal.RowDigest([]byte(row.Salt), canonical, commitment)
	leaf := seal.MomentLeaf(row.At, digest)
	from := len(e.buffer)
	if outside {
		e.buffer = fmt.Appendf(e.buffer, `{"outside":{"offset":%d,"at":%d,"digest":"%s"}}`+"\n", row.Offset, row.At, digest)
		return e.buffer[from:len(e.buffer):len(e.buffer)], leaf
	}
	b := append(e.buffer, '{')
	if row.Original {
		b = append(hex.AppendEncode(append(b, `"commitment":"`...), commitment[:]), `",`...)
	}
	b = append(append(b, `"entry":`...), canonical...)
	b = append(hex.AppendEncode(append(b, `,"salt":"`...), []byte(row.Salt)), '"', '}', '\n')
	e.buffer = b
	return b[from:len(b):len(b)], leaf
}

// erased gives the line of a row that was erased.
func (e *rowEncoder) erased(lost lostRow) []byte {
	return fmt.Appendf(nil, `{"erased":{"offset":%d,"leaf":"%s","erasure":%q}}`+"\n", lost.offset, lost.leaf, lost.erasure)
}
