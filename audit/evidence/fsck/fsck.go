// Package fsck checks that the record, its seals and the evidence log say the same, and names what does not
// fit: the row, the finding's version, the seal, the log's entry, the file.
//
//	log directory ──► every entry, tile, checkpoint, stamp ─┐
//	seals ──► chain, id, groups and roots ──────────────────┼──► what does not fit
//	rows, rejects, versions of findings ──► leaves ─────────┤
//	findings, erasures, policies, journal, log_entries ─────┘
//
// It changes nothing, and collectors and the notary may work meanwhile: what they write is checked up to the
// newest seal that there was at the beginning, and what does not fit and may be on its way is looked at again
// for a while before it is told. Rows behind the newest seal are counted, and told where they stand there for
// long. It reads window by window, in bounded memory.
//
// What no leaf covers is not checked: of interactions channel, business_line, bot_version and jurisdiction
// (what the session was known to be by then), signals (doctor --deep computes them from the text again),
// mask_kinds, key_id and version; of rejects at, key, detail and key_id; of findings pack, clauses, what they carry of
// their session, and older versions where they still lie in the table; sessions, indicators and the mirrors
// of workflow state. kind, role and actor_id, and tenant where the event names it, must be what the body
// says. Whoever can write to all of ClickHouse, the log, its key and the workflow store can make all of them
// say something else: that is what time stamps, a witness and packages that were handed out are against.
package fsck

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/store"
	"mingjian/collector/seal"
	"mingjian/collector/warehouse"
)

// Options are what is checked.
type Options struct {
	// Record is nil where it is not at hand: the log is checked alone then.
	Record *warehouse.Store
	Dir    string // of the evidence log
	// Store is the workflow store; nil: it is not at hand, and the journal is not checked.
	Store *store.DB
	// Blinding gives tenants' keys; nil: the vault is not at hand, and the lists of groups in seals are not
	// checked, only the groups.
	Blinding func(tenant string) seal.Key
	Roots    *x509.CertPool   // that time stamps must lead to; nil: only their signatures are checked
	Witness  string           // verifier key of the witness; "": cosignatures are not checked
	Now      func() time.Time // time.Now when nil
	Patience time.Duration    // how long what may be on its way is waited for; DefaultPatience when 0
}

// DefaultPatience is some times what the notary takes to follow, and a collector between rows and their seal.
const DefaultPatience = 8 * time.Second

// lookAgain is the pause between two looks at what may be on its way.
const lookAgain = 400 * time.Millisecond

// maxFaults bounds what a report names; the first ones lead to the cause.
const maxFaults = 200

// Fault is one thing that does not fit.
type Fault struct {
	Part  string `json:"part"`  // a table of the record, "log", "stamps" or "journal"
	Where string `json:"where"` // a row, by its place and names; a file; an entry of the log
	What  string `json:"what"`
}

// String is the fault on one line.
func (f Fault) String() string { return f.Part + ": " + f.Where + ": " + f.What }

// Counts are what was checked.
type Counts struct {
	Interactions int64  `json:"interactions"`
	Erased       int64  `json:"erased"`   // of these
	Erasing      int64  `json:"erasing"`  // of these: an erasure was begun that the log does not state yet
	Unsealed     int64  `json:"unsealed"` // of these and of rejects: behind the newest seal, and covered by none yet
	Rejects      int64  `json:"rejects"`
	Versions     int64  `json:"finding_versions"`
	Findings     int64  `json:"findings"`
	Seals        int64  `json:"seals"`
	Superseded   int64  `json:"superseded"` // of these
	Aged         int64  `json:"aged"`       // of these: their rows are past retention, and not looked at
	Partitions   int    `json:"partitions"`
	Entries      uint64 `json:"log_entries"`
	Files        int    `json:"log_files"`
	Copies       int64  `json:"copied_entries"`
	Journal      int64  `json:"journal_entries"`
	Stamps       int    `json:"stamps"`
}

// Report is what came of a check.
type Report struct {
	OK        bool     `json:"ok"`
	Faults    []Fault  `json:"faults"`
	More      int      `json:"more"` // faults that are not named
	Checked   Counts   `json:"checked"`
	Unchecked []string `json:"unchecked"` // what could not be checked, and why
}

// Run checks everything. An error means that it could not be finished, not that something does not fit.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	c := &check{Options: o, report: &Report{Faults: []Fault{}, Unchecked: []string{}}, blank: map[string]*blanked{}}
	type step struct {
		what string
		do   func(context.Context) error
	}
	steps := []step{{"the evidence log", c.checkLog}, {"time stamps", c.checkStamps}}
	if o.Record == nil {
		c.unchecked("the record: it is not at hand")
	} else {
		steps = append(steps, []step{
			{"the copies of the log", c.checkCopies}, {"the record", c.checkRecord}, {"findings", c.checkFindings},
			{"erasures", c.checkErasures}, {"policies", c.checkPolicies}, {"indicators", c.checkIndicators},
		}...)
	}
	for _, s := range append(steps, step{"the journal", c.checkJournal}, step{"what was on its way", c.settle}) {
		if err := s.do(ctx); err != nil {
			return nil, fmt.Errorf("check %s: %w", s.what, err)
		}
	}
	c.report.OK = len(c.report.Faults) == 0
	return c.report, nil
}

// check is one run.
type check struct {
	Options
	report  *Report
	log     entries
	blank   map[string]*blanked                      // rows without contents, by what names them
	waiting []func(context.Context) ([]Fault, error) // what may be on its way
}

func (c *check) fault(part, where, what string, args ...any) {
	c.tell(Fault{Part: part, Where: where, What: fmt.Sprintf(what, args...)})
}

func (c *check) tell(faults ...Fault) {
	for _, f := range faults {
		if len(c.report.Faults) == maxFaults {
			c.report.More++
			continue
		}
		c.report.Faults = append(c.report.Faults, f)
	}
}

func (c *check) unchecked(what string, args ...any) {
	c.report.Unchecked = append(c.report.Unchecked, fmt.Sprintf(what, args...))
}

// later has something looked at again until nothing is wrong with it or patience ends.
func (c *check) later(again func(context.Context) ([]Fault, error)) {
	c.waiting = append(c.waiting, again)
}

// settle looks again at what may have been on its way.
func (c *check) settle(ctx context.Context) error {
	for end := c.Now().Add(c.Patience); len(c.waiting) > 0; {
		last := !c.Now().Before(end)
		if err := c.log.grow(ctx); err != nil {
			c.fault("log", "checkpoint", "%v", err)
			last = true
		}
		left := c.waiting[:0]
		for _, again := range c.waiting {
			faults, err := again(ctx)
			if err != nil {
				return err
			}
			if len(faults) == 0 {
				continue
			}
			if last {
				c.tell(faults...)
			}
			left = append(left, again)
		}
		if c.waiting = left; last {
			return nil
		}
		if len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
	return nil
}

// horizon is the moment before which rows that were sealed may be gone by retention. They are written a
// little before their seal.
func (c *check) horizon() time.Time { return warehouse.RetainedSince(c.Now()).AddDate(0, 0, 1) }

func eventName(session, event string) string {
	return fmt.Sprintf("event %s of session %s", event, session)
}

func rejectName(reason string) string { return "reject of reason " + reason }

var _ evidence.Record = (*warehouse.Store)(nil)
