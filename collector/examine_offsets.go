package collector

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

const (
	// windowOffsets is how many sealed offsets are read at a time: their leaves and names take some 30 MB, and the
	// table of interactions, which is not in the order of offsets, is gone through once for each window.
	windowOffsets = 100_000
	// windowSeals bounds the seals of a window: where little comes, each has a few offsets.
	windowSeals = 20_000
	// maxSealed is how many offsets of one seal are recomputed. No collector makes a seal of as many unless
	// compaction left out nearly all; one that claims more was most likely changed.
	maxSealed = 4 << 20
	// namedOffsets is how many offsets one fault names.
	namedOffsets = 5
)

// account compares one partition's seals with the rows and the broker's log, window by window.
type account struct {
	AuditOptions
	partition int
	tail      *tail
	log       bounds
	asked     bool  // the broker answered, and
	known     bool  // it knows the partition
	end       int64 // the cut: the offset behind the newest seal

	page     page // what was fetched last, from pageFrom on
	pageFrom int64

	faults                             []error
	err                                error
	seals, recomputed, aged, broken    int
	stored, repeats, rejected, control int64
}

// place is a row of the record at its offset.
type place struct {
	offset      int64
	disposition seal.Disposition
	at          int64  // an event's ts
	tenant      string // whose group it was sealed in
	leaf        seal.Hash
	changed     bool   // the row does not give the leaf that stands with it
	who         string // for a sentence
}

func (a *account) fault(what string, args ...any) {
	a.faults = append(a.faults, fmt.Errorf(what, args...))
}

// settle goes through the seals, in the order of offsets: whether they are one chain is looked at elsewhere.
// newest is the highest offset that any row stands at, -1 where there is none.
func (a *account) settle(ctx context.Context, newest int64) {
	if a.known && newest >= a.log.end {
		a.fault("a row stands at offset %d, and the broker's log ends at %d: no message was ever there", newest, a.log.end)
	}
	if a.asked && !a.known && a.end == 0 && newest >= 0 {
		a.fault("rows up to offset %d stand in a partition that the topic does not have, and no seal covers them", newest)
	}
	for from := int64(0); from < a.end; {
		seals, err := a.Record.SealsFrom(ctx, a.Topic, a.partition, from, a.end, windowSeals)
		if err != nil || len(seals) == 0 {
			a.err = err
			return
		}
		if from == 0 && a.known && a.log.first < seals[0].First {
			a.fault("no seal has offsets %d to %d, which the broker has", a.log.first, seals[0].First-1)
		}
		n, offsets := 0, int64(0)
		for n < len(seals) && (n == 0 || offsets < windowOffsets) {
			offsets += seals[n].Last - seals[n].First + 1
			n++
		}
		if a.err = a.window(ctx, seals[:n], from); a.err != nil {
			return
		}
		from = max(seals[n-1].First, seals[n-1].Last) + 1
	}
}

// window audits some seals, one behind the other, and what stands at offsets from from on up to their end.
func (a *account) window(ctx context.Context, seals []warehouse.Seal, from int64) error {
	places := make([][]place, len(seals))
	last := seals[len(seals)-1].Last
	var uncovered []place
	put := func(p place) {
		i, _ := slices.BinarySearchFunc(seals, p.offset, func(s warehouse.Seal, at int64) int { return cmp.Compare(s.Last, at) })
		if i == len(seals) || p.offset < seals[i].First {
			uncovered = append(uncovered, p)
			return
		}
		places[i] = append(places[i], p)
	}
	err := a.Record.Rows(ctx, a.Topic, a.partition, from, last, func(r *warehouse.Interaction) error {
		p := place{offset: r.Offset, disposition: seal.Stored, at: r.At, tenant: sealed.Tenant(r), leaf: seal.HashOf(r.Leaf), who: eventName(r.SessionID, r.EventID)}
		if !sealed.Erased(r) {
			p.leaf = sealed.Leaf(r)
		}
		p.changed = string(p.leaf[:]) != r.Leaf
		put(p)
		return nil
	}, func(r *warehouse.Reject) error {
		leaf := sealed.RejectLeaf(r)
		put(place{offset: r.Offset, disposition: seal.Rejected, leaf: leaf, changed: string(leaf[:]) != r.Leaf, who: "a reject"})
		return nil
	})
	if err != nil {
		return err
	}
	if len(uncovered) > 0 {
		a.fault("no seal covers the rows at offset %s", named(uncovered))
	}
	horizon := warehouse.RetainedSince(a.Now()).AddDate(0, 0, 1) // rows are written a little before their seal
	var hearings []*hearing
	for i := range seals {
		a.seals++
		if time.UnixMilli(seals[i].At).Before(horizon) {
			a.aged++
			continue
		}
		if h := a.seal(&seals[i], places[i]); h != nil {
			if err := a.summon(ctx, h); err != nil {
				return err
			}
			hearings = append(hearings, h)
		}
	}
	for _, h := range hearings {
		if err := a.confront(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

func eventName(session, event string) string {
	return fmt.Sprintf("event %s of session %s", event, session)
}

// named lists rows with their offsets.
func named(rows []place) string {
	slices.SortFunc(rows, func(x, y place) int { return cmp.Compare(x.offset, y.offset) })
	var names []string
	for _, p := range rows {
		names = append(names, fmt.Sprintf("%d (%s)", p.offset, p.who))
	}
	return listed(names)
}

// listed names the first few.
func listed(all []string) string {
	if n := len(all); n > namedOffsets {
		return strings.Join(all[:namedOffsets], ", ") + fmt.Sprintf(" and %d more", n-namedOffsets)
	}
	return strings.Join(all, ", ")
}

// hearing is a seal that the rows do not give. The broker's messages tell what was there.
type hearing struct {
	seal      *sealed.Seal
	rows      []place
	missing   []int64 // offsets that have neither a row nor another fate
	explained bool    // what is wrong has been told already
	absent    []absence
}

// absence is an offset that has a message and no row.
type absence struct {
	offset  int64
	key     warehouse.EventKey
	refused *event.Reject // where it is no event
}

// seal audits one seal against the rows at its offsets. It gives a hearing where the broker has to be asked.
func (a *account) seal(row *warehouse.Seal, rows []place) *hearing {
	slices.SortStableFunc(rows, func(x, y place) int { return cmp.Compare(x.offset, y.offset) })
	rows = a.once(rows)
	s, err := sealed.Read(row)
	if err == nil {
		err = s.Check(nil)
	}
	if err != nil { // told with the chain of seals; what it says counts for nothing here
		a.broken++
		return nil
	}
	if row.Last-row.First >= maxSealed {
		a.fault("offsets %d to %d: one seal over so many is not plausible, and was not recomputed", row.First, row.Last)
		return nil
	}
	h := &hearing{seal: s, rows: rows}
	var contents sealed.Contents
	for _, p := range rows {
		if p.changed {
			h.explained = true
			a.fault("offset %d (%s): the row is not the one that was sealed", p.offset, p.who)
		}
		if p.disposition == seal.Stored {
			contents.Rows = append(contents.Rows, seal.Row{Offset: p.offset, At: p.at, Tenant: p.tenant, Leaf: p.leaf})
		} else {
			contents.Rejects = append(contents.Rejects, seal.Placed{Offset: p.offset, Leaf: p.leaf})
		}
	}
	stored, rejected := len(contents.Rows), len(contents.Rejects)
	var faults []string
	h.missing, faults = s.Faults(contents, false)
	switch {
	case stored != row.Stored || rejected != row.Rejected:
		h.explained = true
		a.fault("offsets %d to %d: the seal has %d interactions and %d rejects, and the record %d and %d", row.First, row.Last, row.Stored, row.Rejected, stored, rejected)
	case len(faults) > 0 && !h.explained:
		h.explained = true
		a.fault("offsets %d to %d: the rows are not those that were sealed: %s", row.First, row.Last, strings.Join(faults, "; "))
	}
	a.stored, a.repeats, a.rejected, a.control = a.stored+int64(stored), a.repeats+int64(row.Repeats), a.rejected+int64(rejected), a.control+int64(row.Control)
	switch {
	case !h.explained:
		a.recomputed++
	case !a.known || row.First < a.log.first || row.Last >= a.log.end || len(a.faults) > maxTold:
		a.alone(h)
	default:
		return h
	}
	return nil
}

// alone tells what can be said of a seal without the broker, whose log begins behind it, or where so much is wrong
// that asking it about each seal would take long and tell nothing more.
func (a *account) alone(h *hearing) {
	var lost []string
	for _, at := range h.missing {
		lost = append(lost, fmt.Sprint(at))
	}
	if len(lost) > 0 {
		a.fault("no row stands at offset %s", listed(lost))
	}
}

// once leaves one row at each offset. Two are a fault, unless they are one row under two tenants: the session
// is on its way from one to the other then, or was left there, which the check of sessions tells.
func (a *account) once(rows []place) []place {
	out := rows[:0]
	for _, p := range rows {
		if n := len(out); n > 0 && out[n-1].offset == p.offset {
			if out[n-1].leaf != p.leaf {
				a.fault("offset %d has two rows: %s, and %s", p.offset, out[n-1].who, p.who)
			}
			continue
		}
		out = append(out, p)
	}
	return out
}

// messages gives the broker's messages at the offsets of a seal. What a fetch brought beyond them is kept for
// the next.
func (a *account) messages(ctx context.Context, s *seal.Header, each func(message)) error {
	for at := s.First; at <= s.Last; at = a.page.next {
		if at < a.pageFrom || at >= a.page.next {
			pg, err := a.tail.fetch(ctx, at, 1, idleFetch)
			if err != nil {
				return err
			}
			if pg.next == at {
				return fmt.Errorf("read %s/%d at %d: the broker gives nothing there, and its log ends at %d", a.Topic, a.partition, at, a.log.end)
			}
			a.pageFrom, a.page = at, pg
		}
		for _, m := range a.page.messages {
			if m.offset >= at && m.offset <= s.Last {
				each(m)
			}
		}
	}
	return nil
}

// summon finds the messages of a seal's offsets that nothing stands for.
func (a *account) summon(ctx context.Context, h *hearing) error {
	return a.messages(ctx, &h.seal.Header, func(m message) {
		if _, ok := slices.BinarySearch(h.missing, m.offset); !ok {
			return
		}
		e, refused := event.Decode(m.key, m.value, a.Now())
		one := absence{offset: m.offset, refused: refused}
		if e != nil {
			one.key = warehouse.EventKey{SessionID: e.SessionID, EventID: e.ID}
		}
		h.absent = append(h.absent, one)
	})
}

// confront tells which messages the record lacks, and which rows are not what the messages say.
func (a *account) confront(ctx context.Context, h *hearing) error {
	var lost []string
	for _, m := range h.absent {
		if m.refused != nil {
			lost = append(lost, fmt.Sprintf("%d (a message that is refused: %s)", m.offset, m.refused.Reason))
		} else {
			lost = append(lost, fmt.Sprintf("%d (%s)", m.offset, eventName(m.key.SessionID, m.key.EventID)))
		}
	}
	if len(lost) > 0 {
		a.fault("the broker has messages that the record has neither stored nor refused, at offset %s", listed(lost))
	}
	return a.changed(ctx, h)
}

// changed tells which rows are not what the broker's messages say.
func (a *account) changed(ctx context.Context, h *hearing) error {
	s := &h.seal.Header
	sent := map[int64]message{}
	if err := a.messages(ctx, s, func(m message) { sent[m.offset] = m }); err != nil {
		return err
	}
	var differ []place
	err := a.Record.Rows(ctx, a.Topic, a.partition, s.First, s.Last, func(r *warehouse.Interaction) error {
		if m, ok := sent[r.Offset]; !ok || !a.says(r, m) {
			differ = append(differ, place{offset: r.Offset, who: eventName(r.SessionID, r.EventID)})
		}
		return nil
	}, func(r *warehouse.Reject) error {
		if is := rejectRow(sent[r.Offset], event.Position{}, &event.Reject{}); is.SHA256 != r.SHA256 || is.Size != r.Size {
			differ = append(differ, place{offset: r.Offset, who: "a reject"})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(differ) > 0 {
		a.fault("offsets %d to %d: the rows differ from the broker's messages at offset %s", s.First, s.Last, named(differ))
	}
	return nil
}

// says reports whether a row is what the collector makes of a message.
func (a *account) says(r *warehouse.Interaction, m message) bool {
	e, refused := event.Decode(m.key, m.value, a.Now())
	if refused != nil {
		return false
	}
	kinds := redact.Event(e, a.Pseudonym)
	stored, err := event.FromStored(r.Body, r.Text, r.TextBytes, r.Flags, r.Labels, r.Extra)
	if err != nil {
		return false
	}
	e.Classified = stored.Classified // what was said of the text later is not in the message
	body := event.Body(e)
	if a.Pseudonym == nil && kinds != 0 {
		body = r.Body // it may hold a pseudonym that cannot be made here
	}
	return e.ID == r.EventID && e.SessionID == r.SessionID && e.At == r.At && e.Text == r.Text && e.TextBytes == r.TextBytes &&
		slices.Equal(e.Flags, r.Flags) && body == r.Body && string(e.Labels) == r.Labels && string(e.Extra) == r.Extra
}
