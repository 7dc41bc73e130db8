package fsck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/retention"
	"mingjian/audit/store"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// maxOdd bounds how many findings that do not fit are looked at again.
const maxOdd = 1000

// checkFindings compares the newest version of every finding with the versions that seals close.
func (c *check) checkFindings(ctx context.Context) error {
	horizon := c.horizon()
	judge := func(f *warehouse.SealedFinding) (Fault, bool) {
		v := sealed.Version(&f.Finding)
		hidden := f.Finding.Deleted && !f.Moved
		if slices.Contains(f.Leaves, v.Leaf) && !hidden || time.UnixMilli(f.WrittenAt).Before(horizon) {
			return Fault{}, true
		}
		what := "it was changed: it is not the version that was sealed"
		switch {
		case hidden:
			what = "it was taken away, and its session stands where it stood"
		case len(f.Leaves) == 0:
			what = "no seal has this version of it"
		}
		return Fault{"findings", fmt.Sprintf("finding %s (%s of session %s), version %d", v.ID, v.Rule, v.SessionID, v.Version), what}, false
	}
	var odd []string
	err := c.Record.SealedFindings(ctx, nil, func(f *warehouse.SealedFinding) error {
		c.report.Checked.Findings++
		if _, ok := judge(f); !ok && len(odd) < maxOdd {
			odd = append(odd, f.Finding.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(odd) > 0 {
		// A collector writes findings before their seal.
		c.later(func(ctx context.Context) (faults []Fault, err error) {
			err = c.Record.SealedFindings(ctx, odd, func(f *warehouse.SealedFinding) error {
				if fault, ok := judge(f); !ok {
					faults = append(faults, fault)
				}
				return nil
			})
			return faults, err
		})
	}
	return c.Record.LostFindings(ctx, func(l *warehouse.LostFinding) error {
		if time.UnixMilli(l.SealedAt).Before(horizon) {
			return nil
		}
		what := fmt.Sprintf("version %d of it is sealed, and nothing of it is stored: it was deleted", l.Version)
		if l.Stored > 0 {
			what = fmt.Sprintf("version %d of it is sealed, and the newest that is stored is %d", l.Version, l.Stored)
		}
		c.fault("findings", fmt.Sprintf("finding %s (%s of session %s)", l.ID, l.Rule, l.SessionID), "%s", what)
		return nil
	})
}

// erasureEntry is what the log says of an erasure, or of a sweep over what was past its time.
type erasureEntry struct {
	Erasure string     `json:"erasure"`
	Rows    int        `json:"rows"`
	Root    *seal.Hash `json:"leaves_root"` // over the leaves by topic, partition and offset
}

// blanked are rows whose contents are gone, and which the same erasures name.
type blanked struct {
	by    []string
	rows  int
	first string // the first of them
}

// unfinished reports whether the workflow store has an erasure that was begun and is not done: whoever was at it
// is still, or was killed, and the service ends it. What it names stands until the log states it.
func (c *check) unfinished(ctx context.Context, id string) (is bool) {
	if c.Store == nil {
		return false
	}
	err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
		is, err = retention.Unfinished(ctx, tx, id)
		return err
	})
	return err == nil && is // a store without erasures has begun none
}

// noted compares the erased rows at some offsets with what was noted of erasures there.
func (c *check) noted(ctx context.Context, p warehouse.Partition, rows []place, from, last int64) error {
	if len(rows) == 0 {
		return nil
	}
	type note struct{ leaf, erasure string }
	notes := map[int64][]note{}
	if err := c.Record.ErasedBetween(ctx, p, from, last, func(e *warehouse.Erased) error {
		notes[e.Offset] = append(notes[e.Offset], note{e.Leaf, e.Erasure})
		return nil
	}); err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		var by []string
		for _, n := range notes[r.offset] {
			if n.leaf == string(r.stored[:]) {
				by = append(by, n.erasure)
			}
		}
		switch {
		case len(notes[r.offset]) == 0:
			c.fault("interactions", r.where(p), "its contents are gone, and no erasure names it")
		case len(by) == 0:
			c.fault("interactions", r.where(p), "its contents are gone, and the erasure that names it has another leaf")
		default:
			slices.Sort(by)
			by = slices.Compact(by)
			key := strings.Join(by, " ")
			if c.blank[key] == nil {
				c.blank[key] = &blanked{by: by, first: r.where(p)}
			}
			c.blank[key].rows++
		}
	}
	return nil
}

// checkErasures compares what was noted of erased rows with what the log says of erasures.
func (c *check) checkErasures(ctx context.Context) error {
	if !c.log.readable() {
		return nil
	}
	type sum struct {
		rows int
		tree seal.Tree
	}
	found := map[string]*sum{}
	var before warehouse.Erased
	err := c.Record.AllErased(ctx, func(e *warehouse.Erased) error {
		if e.Erasure == before.Erasure && e.Topic == before.Topic && e.Partition == before.Partition && e.Offset == before.Offset && e.Leaf == before.Leaf {
			return nil // noted twice
		}
		before = *e
		s := found[e.Erasure]
		if s == nil {
			s = &sum{}
			found[e.Erasure] = s
		}
		s.rows++
		s.tree.Append(seal.HashOf(e.Leaf))
		return nil
	})
	if err != nil {
		return err
	}
	for _, b := range c.blank {
		c.later(func(context.Context) ([]Fault, error) {
			for _, id := range b.by {
				if _, ok := c.log.erasures[id]; ok {
					return nil, nil
				}
			}
			return []Fault{{"interactions", b.first, fmt.Sprintf("its contents are gone, and the log states no erasure that names it (nor %d more)", b.rows-1)}}, nil
		})
	}
	for id, s := range found {
		root := s.tree.Root()
		c.later(func(ctx context.Context) ([]Fault, error) {
			e, ok := c.log.erasures[id]
			switch {
			case !ok && c.unfinished(ctx, id):
				c.report.Checked.Erasing += int64(s.rows)
			case !ok:
				return []Fault{{"erasures", "erasure " + id, "the log does not have it"}}, nil
			case *e.Root != root:
				return []Fault{{"erasures", "erasure " + id, fmt.Sprintf("its %d rows are not those that the log has it of (%d)", s.rows, e.Rows)}}, nil
			}
			return nil, nil
		})
	}
	for id, e := range c.log.erasures {
		if found[id] == nil && *e.Root != seal.Root(nil) {
			c.fault("erasures", "erasure "+id, "the log has it of %d rows, and none is noted", e.Rows)
		}
	}
	return nil
}

// checkPolicies compares the revisions that judged with what the log says of them.
func (c *check) checkPolicies(ctx context.Context) error {
	if !c.log.readable() {
		return nil
	}
	revisions, err := c.Record.Revisions(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, revision := range revisions {
		p, ok, err := c.Record.Policies(ctx, revision)
		if err != nil {
			return err
		}
		there[revision] = ok
		says := evidence.PoliciesOf(&p)
		c.later(func(context.Context) ([]Fault, error) {
			switch was, ok := c.log.policies[revision]; {
			case !ok:
				return []Fault{{"policies", "revision " + revision, "the log does not have it"}}, nil
			case was != says:
				return []Fault{{"policies", "revision " + revision, "its files or its fold are not those that the log has"}}, nil
			}
			return nil, nil
		})
	}
	for revision := range c.log.policies {
		if !there[revision] {
			c.fault("policies", "revision "+revision, "the log has it, and the record does not")
		}
	}
	return nil
}

// checkIndicators compares the findings of indicators with what the log says of their versions.
func (c *check) checkIndicators(ctx context.Context) error {
	if !c.log.readable() {
		return nil
	}
	newest := map[string]int64{}
	err := c.Record.IndicatorFindings(ctx, func(f *warehouse.Finding) error {
		key, leaf := evidence.IndicatorKey(f), evidence.IndicatorOf(f).Leaf
		newest[f.ID] = f.Version
		where := fmt.Sprintf("finding %s (%s of tenant %s), version %d", f.ID, f.Rule, f.Tenant, f.Version)
		c.later(func(context.Context) ([]Fault, error) {
			switch was, ok := c.log.indicators[key]; {
			case !ok:
				return []Fault{{"findings", where, "the log does not have it"}}, nil
			case was.Leaf != leaf:
				return []Fault{{"findings", where, "it is not the version that the log has"}}, nil
			}
			return nil, nil
		})
		return nil
	})
	if err != nil {
		return err
	}
	horizon := c.horizon()
	for _, was := range c.log.indicators {
		if newest[was.FindingID] < was.Version && was.at.After(horizon) {
			c.fault("findings", fmt.Sprintf("finding %s (%s of tenant %s), version %d", was.FindingID, was.Rule, was.Tenant, was.Version), "the log has it, and the record has no such or newer version")
		}
	}
	return nil
}

// journalPage is how many entries of the journal are read at a time.
const journalPage = 1000

// checkJournal compares the journal with what the log says of it.
func (c *check) checkJournal(ctx context.Context) error {
	if c.Store == nil {
		c.unchecked("the journal: the workflow store is not at hand")
		return nil
	}
	if !c.log.readable() {
		return nil
	}
	var keys evidence.Committer
	var ok bool
	if err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
		keys, ok, err = evidence.OpenCommitter(ctx, tx)
		return err
	}); err != nil {
		return err
	}
	if !ok {
		if len(c.log.journal) > 0 {
			c.unchecked("the journal: the store does not have what the log's commitments to it are keyed by")
		}
		return nil
	}
	for after := int64(0); ; {
		var page []store.Entry
		if err := c.Store.Read(ctx, func(tx *store.Tx) (err error) {
			page, err = evidence.JournalPage(ctx, tx, after, journalPage)
			return err
		}); err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			after = e.ID
			c.report.Checked.Journal++
			if err := c.checkJournalled(keys, e); err != nil {
				return err
			}
		}
	}
	for id, e := range c.log.journal {
		if !e.seen {
			c.fault("journal", fmt.Sprintf("entry %d", id), "the log has it (entry %d), and the journal does not: it was deleted", e.index)
		}
	}
	return nil
}

func (c *check) checkJournalled(keys evidence.Committer, e store.Entry) error {
	says, err := keys.Body(e)
	if err != nil {
		return err
	}
	id, where := e.ID, fmt.Sprintf("entry %d (%s)", e.ID, e.Action)
	was, ok := c.log.journal[id]
	if ok {
		was.seen = true
		c.log.journal[id] = was
		if was.commitment != says.Commitment {
			c.fault("journal", where, "it was changed: the log has another (entry %d)", was.index)
		}
		return nil
	}
	c.later(func(context.Context) ([]Fault, error) {
		if was, ok := c.log.journal[id]; !ok {
			return []Fault{{"journal", where, "the log does not have it"}}, nil
		} else if was.commitment != says.Commitment {
			return []Fault{{"journal", where, "it was changed: the log has another"}}, nil
		}
		return nil, nil
	})
	return nil
}
