package fsck

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

const (
	// windowOffsets is how many sealed offsets are read at a time: their leaves and names take some 30 MB, and
	// the table of interactions, which is not in the order of offsets, is gone through once for each window.
	windowOffsets = 150_000
	// windowSeals bounds the seals of a window: where little comes, each has a few offsets.
	windowSeals = 20_000
	// maxSealed is how many offsets of one seal are compared with rows. No collector makes a seal of as many
	// unless compaction left out nearly all; one that claims more was most likely changed.
	maxSealed = 4 << 20
	// maxTried bounds the rows of a group that are tried one by one to find the one that was moved there.
	maxTried = 2_000
	// maxUnsealed bounds how many rows behind the newest seal are waited for.
	maxUnsealed = 50_000
	// sealedWithin is how long ago a row behind the newest seal may have been written. A collector seals a batch
	// within seconds of its rows; the rest is for one that waits meanwhile: for the engine it does so for ten
	// minutes before it gives a statement up.
	sealedWithin = 15 * time.Minute
)

// place is a row of the record at its offset.
type place struct {
	offset           int64
	reject           bool
	at               int64
	tenant           string // whose group it was sealed in
	computed, stored seal.Hash
	moved            bool   // it was another tenant's before
	why              string // why the row is not the one that was sealed; "" where it is
	who              string
}

func (p *place) part() string {
	if p.reject {
		return "rejects"
	}
	return "interactions"
}

func (p *place) where(of warehouse.Partition) string {
	return fmt.Sprintf("%s offset %d (%s)", of, p.offset, p.who)
}

// checkPartition goes through a partition window by window.
func (c *check) checkPartition(ctx context.Context, ch *chain, standing, superseded []*link) error {
	end := int64(0)
	from := int64(math.MinInt64)
	for rest := standing; len(rest) > 0; {
		n, offsets := 0, int64(0)
		for n < len(rest) && n < windowSeals && (n == 0 || offsets < windowOffsets) {
			offsets += rest[n].last - rest[n].first + 1
			n++
		}
		for _, l := range rest[:n] {
			end = max(end, l.last+1)
		}
		if err := c.window(ctx, ch, rest[:n], from, end-1); err != nil {
			return err
		}
		from, rest = end, rest[n:]
	}
	for part := range slices.Chunk(superseded, windowSeals) {
		seals, err := c.seals(ctx, ch, part)
		if err != nil {
			return err
		}
		if err := c.versions(ctx, ch, part, seals); err != nil {
			return err
		}
	}
	return c.unsealed(ctx, ch.partition, from)
}

// seals reads seals whole and checks each by itself. One that cannot be read is told, and is not among them.
func (c *check) seals(ctx context.Context, ch *chain, some []*link) (map[seal.Hash]*sealed.Seal, error) {
	of := make(map[string]*link, len(some))
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, l := range some {
		of[l.id.String()] = l
		first, last = min(first, l.first), max(last, l.first)
	}
	out := make(map[seal.Hash]*sealed.Seal, len(some))
	err := c.Record.SealRows(ctx, ch.partition, first, last, func(row *warehouse.Seal) error {
		l := of[row.ID]
		if l == nil {
			return nil
		}
		s, err := sealed.Read(row)
		if err == nil {
			if signed, changed := ch.headers[l.id]; changed { // told already
				s.Header = signed
			}
			err = s.Check(c.Blinding)
		}
		if err != nil {
			if _, told := ch.headers[l.id]; !told {
				c.fault("seals", l.where(ch.partition), "it was changed: %v", err)
			}
			return nil
		}
		if twice := out[l.id]; twice != nil && fmt.Sprint(twice.Gaps) != fmt.Sprint(s.Gaps) {
			c.fault("seals", l.where(ch.partition), "two rows of it have other offsets without a row")
		}
		out[l.id] = s
		return nil
	})
	return out, err
}

// window checks some seals that follow each other, and what stands at offsets from to last.
func (c *check) window(ctx context.Context, ch *chain, some []*link, from, last int64) error {
	seals, err := c.seals(ctx, ch, some)
	if err != nil {
		return err
	}
	var over []*link // those over offsets, which are in order
	for _, l := range some {
		if l.last >= l.first {
			over = append(over, l)
		}
	}
	slices.SortFunc(over, func(a, b *link) int { return cmp.Compare(a.last, b.last) })
	places := make([][]place, len(over))
	put := func(p place) {
		i, _ := slices.BinarySearchFunc(over, p.offset, func(l *link, at int64) int { return cmp.Compare(l.last, at) })
		if i == len(over) || p.offset < over[i].first {
			c.fault(p.part(), p.where(ch.partition), "no seal has its offset")
			return
		}
		places[i] = append(places[i], p)
	}
	var erased []place
	if last >= from {
		err := c.Record.Rows(ctx, ch.partition.Topic, ch.partition.ID, from, last, func(r *warehouse.Interaction) error {
			p := placeOf(r)
			c.report.Checked.Interactions++
			if sealed.Erased(r) {
				c.report.Checked.Erased++
				erased = append(erased, p)
			}
			put(p)
			return nil
		}, func(r *warehouse.Reject) error {
			c.report.Checked.Rejects++
			put(rejectPlace(r))
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := c.noted(ctx, ch.partition, erased, from, last); err != nil {
		return err
	}
	horizon := c.horizon()
	for i, l := range over {
		if time.UnixMilli(l.at).Before(horizon) {
			c.report.Checked.Aged++
			continue
		}
		if s := seals[l.id]; s != nil {
			c.compare(ch.partition, l, s, places[i])
			continue
		}
		for _, p := range places[i] { // without its groups, a row can be compared with its own leaf
			if p.why != "" {
				c.fault(p.part(), p.where(ch.partition), "%s", p.why)
			}
		}
	}
	return c.versions(ctx, ch, some, seals)
}

// placeOf looks at a row by itself.
func placeOf(r *warehouse.Interaction) place {
	p := place{offset: r.Offset, at: r.At, tenant: sealed.Tenant(r), stored: seal.HashOf(r.Leaf), moved: r.Version == warehouse.Moved, who: eventName(r.SessionID, r.EventID)}
	p.computed = p.stored
	switch {
	case sealed.Erased(r):
		if r.EventID == "" {
			p.who = "erased"
		}
		return p
	case len(r.Salt) != seal.SaltSize:
		p.why = fmt.Sprintf("its salt has %d bytes, and no leaf can be computed", len(r.Salt))
		return p
	}
	p.computed = sealed.Leaf(r)
	if string(p.computed[:]) != r.Leaf {
		p.why = "it was changed: it does not give the leaf that stands with it"
		return p
	}
	e, err := event.FromStored(r.Body, "", 0, nil, "", "")
	switch {
	case err != nil:
		p.why = "its body is no event: " + err.Error()
	case string(e.Kind) != r.Kind:
		p.why = fmt.Sprintf("kind was changed: it says %q, and the event %q", r.Kind, e.Kind)
	case string(e.Actor.Role) != r.Role:
		p.why = fmt.Sprintf("role was changed: it says %q, and the event %q", r.Role, e.Actor.Role)
	case e.Actor.ID != r.ActorID:
		p.why = "actor_id was changed: the event has another"
	case e.Tenant != "" && e.Tenant != r.Tenant:
		p.why = fmt.Sprintf("tenant was changed: it says %q, and the event %q", r.Tenant, e.Tenant)
	}
	return p
}

func rejectPlace(r *warehouse.Reject) place {
	p := place{offset: r.Offset, reject: true, computed: sealed.RejectLeaf(r), stored: seal.HashOf(r.Leaf), who: rejectName(r.Reason)}
	if string(p.computed[:]) != r.Leaf {
		p.why = "it was changed: it does not give the leaf that stands with it"
	}
	return p
}

// compare compares a seal with the rows at its offsets.
func (c *check) compare(of warehouse.Partition, l *link, s *sealed.Seal, rows []place) {
	if l.last-l.first >= maxSealed {
		c.fault("seals", l.where(of), "one seal over so many offsets is not plausible, and was not compared with rows")
		return
	}
	slices.SortStableFunc(rows, func(a, b place) int { return cmp.Compare(a.offset, b.offset) })
	rows = c.once(of, rows)
	changed := false
	for i := range rows {
		if rows[i].why != "" {
			c.fault(rows[i].part(), rows[i].where(of), "%s", rows[i].why)
			changed = true
		}
	}
	// A row that was changed stands for itself by the leaf that is stored with it, unless that is what was
	// changed. So one change is told once.
	missing, faults := s.Faults(contents(rows, func(p *place) seal.Hash { return p.stored }), false)
	if changed && len(faults) > 0 {
		if _, fewer := s.Faults(contents(rows, func(p *place) seal.Hash { return p.computed }), false); len(fewer) < len(faults) {
			faults = fewer
		}
	}
	if stored, rejected := counted(rows); len(missing) > 0 && stored == s.Header.Stored && rejected == s.Header.Rejected {
		c.fault("seals", l.where(of), "gaps was changed: nothing stands for offset %d, and no row is missing", missing[0])
		return
	}
	for _, offset := range missing {
		c.fault("interactions", fmt.Sprintf("%s offset %d", of, offset), "no row stands there, and none of rejects: it was deleted")
	}
	if len(faults) == 0 || len(missing) > 0 {
		return
	}
	if p, tenant := stray(s, rows); p != nil {
		c.fault(p.part(), p.where(of), "tenant was changed: it says %q, and was sealed as of %q", p.tenant, tenant)
		return
	}
	c.fault("seals", l.where(of), "the rows there are not those that were sealed: %s", strings.Join(faults, "; "))
}

func counted(rows []place) (stored, rejected int) {
	for i := range rows {
		if rows[i].reject {
			rejected++
		} else {
			stored++
		}
	}
	return stored, rejected
}

func contents(rows []place, leaf func(*place) seal.Hash) (out sealed.Contents) {
	for i := range rows {
		p := &rows[i]
		if p.reject {
			out.Rejects = append(out.Rejects, seal.Placed{Offset: p.offset, Leaf: leaf(p)})
		} else {
			out.Rows = append(out.Rows, seal.Row{Offset: p.offset, At: p.at, Tenant: p.tenant, Leaf: leaf(p)})
		}
	}
	return out
}

// once leaves one row at each offset. Two are a fault, unless they are one row that is on its way from the
// default tenant to another.
func (c *check) once(of warehouse.Partition, rows []place) []place {
	out := rows[:0]
	for _, p := range rows {
		n := len(out) - 1
		if n < 0 || out[n].offset != p.offset {
			out = append(out, p)
			continue
		}
		if out[n].stored == p.stored && out[n].tenant == p.tenant && out[n].moved != p.moved {
			continue
		}
		c.fault(p.part(), p.where(of), "two rows stand at its offset; the other is %s", out[n].who)
		if out[n].why != "" || p.why == "" && out[n].part() == "rejects" {
			out[n] = p
		}
	}
	return out
}

// stray finds the one row that stands under another tenant than it was sealed under.
func stray(s *sealed.Seal, rows []place) (row *place, tenant string) {
	sealedAs := map[string]seal.Group{}
	for _, g := range s.Groups {
		sealedAs[g.Tenant] = g
	}
	there := map[string]int{}
	for i := range rows {
		if !rows[i].reject {
			there[rows[i].tenant]++
		}
	}
	var more, less []string
	for t, n := range there {
		switch g := sealedAs[t]; {
		case n == g.Leaves+1:
			more = append(more, t)
		case n != g.Leaves && n != g.Leaves-1:
			return nil, ""
		}
	}
	for t, g := range sealedAs {
		if t != seal.Nobody && there[t] == g.Leaves-1 {
			less = append(less, t)
		}
	}
	if len(more) != 1 || len(less) != 1 || there[more[0]] > maxTried {
		return nil, ""
	}
	var theirs []*place
	for i := range rows {
		if rows[i].tenant == more[0] && !rows[i].reject {
			theirs = append(theirs, &rows[i])
		}
	}
	for out := range theirs {
		leaves := make([]seal.Hash, 0, len(theirs))
		for i, p := range theirs {
			if i != out {
				leaves = append(leaves, p.stored)
			}
		}
		if g := sealedAs[more[0]]; len(leaves) == g.Leaves && (len(leaves) == 0 || seal.Root(leaves) == g.InteractionsRoot) {
			return theirs[out], less[0]
		}
	}
	return nil, ""
}

// versions checks the versions of findings that some seals close.
func (c *check) versions(ctx context.Context, ch *chain, some []*link, seals map[seal.Hash]*sealed.Seal) error {
	if len(some) == 0 {
		return nil
	}
	of := make(map[string]*link, len(some))
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, l := range some {
		of[l.id.String()] = l
		first, last = min(first, l.first), max(last, l.first)
	}
	horizon := c.horizon()
	seen := map[seal.Hash]bool{}
	var at *link
	var rows []warehouse.FindingVersion
	settle := func() {
		if at != nil && !seen[at.id] && !time.UnixMilli(at.at).Before(horizon) {
			seen[at.id] = true
			c.compareVersions(ch.partition, at, seals[at.id], rows)
		}
		rows = rows[:0]
	}
	err := c.Record.Versions(ctx, ch.partition, first, last, func(v *warehouse.FindingVersion) error {
		l := of[v.Seal]
		if l == nil || l.first != v.First {
			return nil // of a seal that was never written, or of another window
		}
		if at == nil || at.id != l.id {
			settle()
			at = l
		}
		c.report.Checked.Versions++
		rows = append(rows, *v)
		return nil
	})
	if err != nil {
		return err
	}
	settle()
	for _, l := range some {
		at = l
		settle() // those of which nothing is there
	}
	return nil
}

// compareVersions compares a seal with the versions of findings under its id.
func (c *check) compareVersions(of warehouse.Partition, l *link, s *sealed.Seal, rows []warehouse.FindingVersion) {
	name := func(v *warehouse.FindingVersion) string {
		return fmt.Sprintf("%s number %d of seal %.16s (finding %s, version %d, of session %s)", of, v.Ordinal, v.Seal, v.ID, v.Version, v.SessionID)
	}
	slices.SortStableFunc(rows, func(a, b warehouse.FindingVersion) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	told := false
	stored, computed := map[string][]seal.Hash{}, map[string][]seal.Hash{}
	next := 0
	for i := range rows {
		v := &rows[i]
		leaf := seal.Leaf(sealed.Finding(v).Canonical())
		if string(leaf[:]) != v.Leaf {
			told = true
			c.fault("finding_versions", name(v), "it was changed: it does not give the leaf that stands with it")
		}
		if v.Ordinal < next {
			if i > 0 && rows[i-1].Ordinal == v.Ordinal && rows[i-1].Leaf == v.Leaf && rows[i-1].Tenant == v.Tenant {
				continue // written twice, the same
			}
			told = true
			c.fault("finding_versions", name(v), "another stands at its number")
			continue
		}
		for ; next < v.Ordinal && s != nil && next < s.Header.Findings; next++ {
			told = true
			c.fault("finding_versions", fmt.Sprintf("%s number %d of seal %.16s", of, next, v.Seal), "it is missing: it was deleted")
		}
		next = v.Ordinal + 1
		if s != nil && v.Ordinal >= s.Header.Findings {
			told = true
			c.fault("finding_versions", name(v), "the seal has %d versions, and this is not among them", s.Header.Findings)
			continue
		}
		stored[v.Tenant], computed[v.Tenant] = append(stored[v.Tenant], seal.HashOf(v.Leaf)), append(computed[v.Tenant], leaf)
	}
	if s == nil {
		return // the seal is told
	}
	for ; next < s.Header.Findings; next++ {
		told = true
		c.fault("finding_versions", fmt.Sprintf("%s number %d of seal %.16s", of, next, l.id), "it is missing: it was deleted")
	}
	fits := func(leaves map[string][]seal.Hash) (faults []string) {
		for _, g := range s.Groups {
			if len(leaves[g.Tenant]) != g.Findings {
				faults = append(faults, fmt.Sprintf("%d are there of tenant %q, and it sealed %d", len(leaves[g.Tenant]), g.Tenant, g.Findings))
			} else if seal.Root(leaves[g.Tenant]) != g.FindingsRoot {
				faults = append(faults, fmt.Sprintf("those of tenant %q do not give its root", g.Tenant))
			}
		}
		return faults
	}
	faults := fits(stored)
	if len(faults) == 0 || told || len(fits(computed)) == 0 {
		return
	}
	type version struct {
		id string
		n  int64
	}
	at := map[version]int{}
	for i := range rows {
		v := &rows[i]
		if first, twice := at[version{v.ID, v.Version}]; twice && first != v.Ordinal {
			c.fault("finding_versions", name(v), "it stands at number %d too, and one of them took another's place", first)
			told = true
		}
		at[version{v.ID, v.Version}] = v.Ordinal
	}
	if !told {
		c.fault("finding_versions", l.where(of), "they are not those that were sealed: %s", strings.Join(faults, "; "))
	}
}

// reach is how far the seals of a partition go from an offset on.
type reach struct {
	end     int64 // the offset behind those that follow each other
	begins  int64 // where the last of all begins
	covered int64 // the offset behind the last of all
	none    bool  // there was none before, and is none now
}

func (c *check) reach(ctx context.Context, p warehouse.Partition, from int64) (reach, error) {
	r := reach{end: from, begins: math.MinInt64, covered: from, none: from == math.MinInt64}
	err := c.Record.SealHeaders(ctx, p, from, math.MaxInt64, func(s *warehouse.Seal) error {
		h, err := sealed.Header(s)
		if err != nil || h.ID() != s.ID {
			return nil
		}
		r.begins, r.covered = max(r.begins, s.First), max(r.covered, s.Last+1)
		if r.none || s.First <= r.end {
			r.end, r.none = max(r.end, s.Last+1), false
		}
		return nil
	})
	return r, err
}

// unsealed looks at rows behind the newest seal. A collector writes rows before their seal; until then, or until
// one goes on after a crash, nothing covers them. Where a seal begins behind them, none will, nor where the
// partition never had any; and what was last written longer ago than sealedWithin, or in a time to come, is told.
func (c *check) unsealed(ctx context.Context, p warehouse.Partition, from int64) error {
	var behind []place
	put := func(at place) error {
		if len(behind) < maxUnsealed {
			behind = append(behind, at)
		}
		return nil
	}
	err := c.Record.Rows(ctx, p.Topic, p.ID, from, math.MaxInt64, func(r *warehouse.Interaction) error { return put(placeOf(r)) },
		func(r *warehouse.Reject) error { return put(rejectPlace(r)) })
	if err != nil || len(behind) == 0 {
		return err
	}
	c.later(func(ctx context.Context) (faults []Fault, err error) {
		seals, err := c.reach(ctx, p, from)
		if err != nil {
			return nil, err
		}
		unsealed := int64(0)
		for i := range behind {
			switch b := &behind[i]; {
			case b.offset < seals.end:
			case b.offset < seals.begins || seals.none:
				faults = append(faults, Fault{b.part(), b.where(p), "no seal has its offset: it came past the collectors, or one was stopped before it sealed it and none has gone on"})
			default:
				unsealed++
			}
		}
		if !seals.none && (unsealed > 0 || len(behind) == maxUnsealed) {
			old, err := c.old(ctx, p, seals.covered)
			if err != nil {
				return nil, err
			}
			faults = append(faults, old...)
		}
		if len(faults) == 0 {
			c.report.Checked.Unsealed += unsealed
		}
		return faults, nil
	})
	return nil
}

// old tells what stands behind the last seal for long.
func (c *check) old(ctx context.Context, p warehouse.Partition, covered int64) (faults []Fault, err error) {
	rows, err := c.Record.Unsettled(ctx, p.Topic, p.ID, covered, sealedWithin, maxUnsealed)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	seals, err := c.reach(ctx, p, covered) // some may have been sealed just now
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("no seal has its offset, and it was not written in the last %.0f minutes: it came past the collectors, or one was stopped and none has gone on, or one cannot go on (its health says why)", sealedWithin.Minutes())
	for _, u := range rows {
		row := place{offset: u.Offset, reject: u.Reject, who: eventName(u.SessionID, u.EventID)}
		if u.Reject {
			row.who = rejectName(u.Reason)
		}
		fault := Fault{row.part(), row.where(p), what}
		if u.Offset >= seals.covered && !slices.Contains(faults[max(0, len(faults)-1):], fault) { // one that moved to another tenant may stand twice
			faults = append(faults, fault)
		}
	}
	return faults, nil
}
