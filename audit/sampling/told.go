package sampling

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mingjian/audit/evidence"
	"mingjian/policies"
)

var errStatement = errors.New("a statement about sampling cannot be read")

// told is what the evidence log says of sampling.
type told struct {
	committed map[string]commitmentEntry // by day.key
	published map[string]string          // by day.key: the key in hex
	closings  map[string]closingEntry    // by lot
	decided   map[string]decision        // by lot
	roots     map[uint64]string          // of the log, by size; of the sizes that draws used
}

type commitmentEntry struct {
	commitment
	index uint64
	at    time.Time
}

type closingEntry struct {
	Closing
	index uint64
}

// readLog reads the whole log: its hashes, what it says of keys and lots, and whether each lot was
// inspected as strictly as the decisions before it demand, after the plan that the tables give.
func (c *verifying) readLog(ctx context.Context) error {
	c.told = told{
		committed: map[string]commitmentEntry{}, published: map[string]string{}, closings: map[string]closingEntry{},
		decided: map[string]decision{}, roots: map[uint64]string{},
	}
	wanted := map[uint64]bool{}
	for _, l := range c.lots {
		wanted[l.LogSize] = true
	}
	strata := map[Stratum]standing{}
	_, err := c.Log.Walk(ctx, func(r evidence.Recorded, root func() ([]byte, error)) error {
		if wanted[r.Index+1] {
			hash, err := root()
			if err != nil {
				return err
			}
			c.told.roots[r.Index+1] = hex.EncodeToString(hash)
		}
		if err := c.hear(ctx, r, strata); err != nil {
			return fmt.Errorf("entry %d of the log: %w", r.Index, err)
		}
		return nil
	})
	if errors.Is(err, evidence.ErrChanged) {
		c.problem("log", "%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, l := range c.lots {
		d, logged := c.told.decided[l.ID]
		if l.Outcome != Open && l.Outcome != Nothing || logged {
			if !logged || d.Outcome != l.Outcome || d.Reviewed != l.Reviewed || d.Defective != l.Defective {
				c.problem("lot:"+l.ID, "the lot is %s with %d defective of %d reviewed; the evidence log has %q, %d of %d", l.Outcome, l.Defective, l.Reviewed, d.Outcome, d.Defective, d.Reviewed)
			}
		}
	}
	return nil
}

// hear takes one entry of the log in.
func (c *verifying) hear(ctx context.Context, r evidence.Recorded, strata map[Stratum]standing) error {
	read := func(into any) error {
		if err := json.Unmarshal(r.Body, into); err != nil {
			return fmt.Errorf("%w: %w", errStatement, err)
		}
		return nil
	}
	stand := func(s Stratum) standing {
		if st, ok := strata[s]; ok {
			return st
		}
		return standing{SwitchState: policies.SwitchState{State: policies.Normal}}
	}
	switch r.Type {
	case keyCommitted:
		e := commitmentEntry{index: r.Index, at: r.At}
		if err := read(&e.commitment); err != nil {
			return err
		}
		if key := "sampling-key/" + e.Zone + "/" + e.Day; c.told.committed[key].Digest == "" { // the first one counts
			c.told.committed[key] = e
		}
	case keyPublished:
		var p publication
		if err := read(&p); err != nil {
			return err
		}
		c.told.published["sampling-key/"+p.Zone+"/"+p.Day] = p.Key
	case lotClosed:
		e := closingEntry{index: r.Index}
		if err := read(&e.Closing); err != nil {
			return err
		}
		c.told.closings[e.ID] = e
		if c.concerns(e.Closing) {
			return c.checkPlan(ctx, e.Closing, stand(e.Stratum).State)
		}
	case lotDecided:
		var d decision
		if err := read(&d); err != nil {
			return err
		}
		c.told.decided[d.LotID] = d
		return c.checkDecision(ctx, d, stand(d.Stratum), strata)
	case stratumReleased:
		var released release
		if err := read(&released); err != nil {
			return err
		}
		if stand(released.Stratum).State == policies.Stopped {
			strata[released.Stratum] = standing{SwitchState: policies.SwitchState{State: policies.Tightened}}
		}
	}
	return nil
}

// checkPlan checks a lot's state against the history before it, and its plan against the tables.
func (c *verifying) checkPlan(ctx context.Context, l Closing, want policies.Inspection) error {
	if l.State != want {
		c.problem("lot:"+l.ID, "the lot of %s was inspected %s; after the lots decided before it, it was to be %s", path(l.Stratum), l.State, want)
	}
	var plan policies.Plan
	if l.Size > 0 {
		var err error
		if plan, err = c.Plans.Plan(ctx, policies.PlanInput{LotSize: l.Size, Level: l.Level, AQL: l.AQL, State: l.State}); err != nil {
			return err
		}
	}
	if l.Plan != plan {
		c.problem("lot:"+l.ID, "the plan for %d sessions of %s is %+v, and the tables give %+v", l.Size, path(l.Stratum), l.Plan, plan)
	}
	return nil
}

// checkDecision follows the switching rules over one decided lot.
func (c *verifying) checkDecision(ctx context.Context, d decision, st standing, strata map[Stratum]standing) error {
	lot, ok := c.told.closings[d.LotID]
	if !ok {
		c.problem("lot:"+d.LotID, "the lot was decided before it was closed")
		return nil
	}
	right := Accepted
	if d.Defective >= lot.Plan.Re {
		right = Rejected
	}
	mine := c.concerns(lot.Closing)
	if mine && d.Outcome != right {
		c.problem("lot:"+d.LotID, "with %d defective sessions the lot is %s, and it was counted as %s", d.Defective, right, d.Outcome)
	}
	d.Outcome = right
	next, err := st.after(ctx, c.Plans, lot.Closing, d)
	if err != nil {
		return err
	}
	if mine && (d.Next != next.State || d.Score != next.Score) {
		c.problem("lot:"+d.LotID, "after this lot %s is %s with a score of %d; it was taken to be %s with %d", path(d.Stratum), next.State, next.Score, d.Next, d.Score)
	}
	strata[d.Stratum] = next
	return nil
}
