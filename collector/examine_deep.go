package collector

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mingjian/collector/replay"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
)

// Auditable is what Audit asks the record; *warehouse.Store is one.
type Auditable interface {
	Ledger
	replay.Whole
	Rows(ctx context.Context, topic string, partition int, first, last int64, stored func(*warehouse.Interaction) error, refused func(*warehouse.Reject) error) error
	SealsFrom(ctx context.Context, topic string, partition int, from, before int64, limit int) ([]warehouse.Seal, error)
	Newest(ctx context.Context, topic string) (map[int]int64, error)
}

// AuditOptions is what Audit needs. Stream and Record must be given.
type AuditOptions struct {
	Stream stream.Cluster
	Topic  string // InteractionsTopic
	Record Auditable
	Now    func() time.Time // time.Now
	// Pseudonym is Keys.Pseudonym. It only serves to name the rows that are not what the broker has; without
	// it, identifiers that are personal data themselves are left out of that comparison.
	Pseudonym func(id string) string
}

// Audit is Examine, and then an audit of the record itself. Everything is as it must be where all checks are
// OK. What cannot be asked is a failed check. The deep checks are "offsets of partition N": every offset has
// what its seal says became of it, no other row is there, and the rows give the root in the seal; "sessions":
// snapshots follow from the stored events; and "findings": those that follow stand, and no others (see
// replay.Audit). A fault names partition and offset, or session and rule.
//
// A collector may be at work meanwhile. The standing seals as they are when Audit begins are the cut: what they
// cover was durable before, and what lies behind it is not judged, because the collector is about to do it, or
// to do it again.
//
// Findings are judged again here; that their versions give the roots of the seals, and that the evidence log has
// the seals, is for the audit of the evidence to say.
func Audit(ctx context.Context, o AuditOptions) []Check {
	orDefault(&o.Topic, InteractionsTopic)
	if o.Now == nil {
		o.Now = time.Now
	}
	x := &examination{ctx: ctx, stream: o.Stream, topic: o.Topic}
	logs := x.broker()
	if !x.note("store", o.Record.Ping(ctx), "ClickHouse answers") {
		return x.checks
	}
	x.schema(o.Record)
	cut, err := o.Record.Progress(ctx, o.Topic)
	x.seals(o.Record, logs)
	if c, err := o.Record.Checked(ctx, warehouse.FindingQuery{}); x.note("rejects", err, "") {
		x.last().Detail = fmt.Sprintf("%d messages were refused and stand among the rejects", c.Rejects)
	}
	if err != nil {
		x.note("cut", err, "")
		return x.checks
	}
	x.offsets(o, cut, logs)
	x.sessions(o, cut)
	return x.checks
}

// later gives bounds that are no older than what was read of the record: a collector may have gone on.
func (x *examination) later(was map[int]bounds) map[int]bounds {
	if was == nil {
		return nil
	}
	out := map[int]bounds{}
	for id := range was {
		now, err := x.bounds(id)
		if err != nil {
			x.note(fmt.Sprintf("log of partition %d", id), err, "")
			continue
		}
		out[id] = now
	}
	return out
}

// sessions judges every session again.
func (x *examination) sessions(o AuditOptions, cut map[int]warehouse.Seal) {
	a, err := replay.Audit(x.ctx, o.Record, replay.AuditQuery{Topic: o.Topic, Sealed: cut, Now: o.Now().UnixMilli()})
	if err != nil {
		x.note("sessions", err, "")
		return
	}
	var sessions, findings []error
	for _, f := range a.Faults {
		if f.Rule == "" {
			sessions = append(sessions, errorText(f.String()))
		} else {
			findings = append(findings, errorText(f.String()))
		}
	}
	detail := fmt.Sprintf("%d sessions with %d interactions were folded again and are as their events say", a.Sessions, a.Interactions)
	for _, left := range []struct {
		n   int64
		why string
	}{
		{a.Unfinished, "have events behind the newest seals, and are judged when these are sealed"},
		{a.Foreign, "were folded by another version of the program, and not judged again"},
		{a.Aged, "have lost events to retention, and were not judged again"},
		{a.Erased, "were erased with their persons, and not judged again"},
	} {
		if left.n > 0 {
			detail += fmt.Sprintf("; %d %s", left.n, left.why)
		}
	}
	if n := a.Wrong; n > 0 {
		detail = fmt.Sprintf("%d sessions were judged again, and the snapshots of none is wrong", a.Sessions+n)
	}
	x.note("sessions", told(sessions), detail)
	x.note("findings", told(findings), fmt.Sprintf("%d findings stand, and no others follow from the stored events", a.Findings))
	if a.Wrong > 0 && len(sessions)+len(findings) == 0 {
		x.note("suspects", fmt.Errorf("%d sessions looked wrong", a.Wrong), "")
	}
}

// errorText is a sentence as an error.
type errorText string

func (e errorText) Error() string { return string(e) }

// maxTold bounds how many faults one deep check tells; the rest is counted.
const maxTold = 20

// told joins faults to one error, nil where there are none.
func told(faults []error) error {
	if n := len(faults); n > maxTold {
		faults = append(slices.Clone(faults[:maxTold]), fmt.Errorf("and %d more", n-maxTold))
	}
	return oneLine(faults)
}

// offsets audits the offsets of every partition, as many at a time as the process may use processors.
func (x *examination) offsets(o AuditOptions, cut map[int]warehouse.Seal, logs map[int]bounds) {
	newest, err := o.Record.Newest(x.ctx, o.Topic)
	if err != nil {
		x.note("offsets", err, "")
		return
	}
	logs = x.later(logs)
	var ids []int
	for id := range logs {
		ids = append(ids, id)
	}
	for id := range cut {
		ids = append(ids, id)
	}
	for id := range newest {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	transport := newTransport(o.Stream)
	defer transport.CloseIdleConnections()
	group, ctx := errgroup.WithContext(x.ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	done := map[int]*account{}
	for _, id := range ids {
		group.Go(func() error {
			a := &account{AuditOptions: o, partition: id, tail: newTail(transport, o.Stream, o.Topic, id)}
			if s, ok := cut[id]; ok {
				a.end = s.Last + 1
			}
			a.asked = logs != nil
			a.log, a.known = logs[id]
			at, any := newest[id]
			if !any {
				at = -1
			}
			a.settle(ctx, at)
			mu.Lock()
			defer mu.Unlock()
			done[id] = a
			return nil
		})
	}
	_ = group.Wait() // each account keeps its own error, so that the others go on
	for _, id := range ids {
		a := done[id]
		if a.err != nil {
			a.faults = append(a.faults, a.err)
		}
		x.note(fmt.Sprintf("offsets of partition %d", id), told(a.faults), a.detail())
	}
}

func (a *account) detail() string {
	out := []string{fmt.Sprintf("%d interactions, %d repeats, %d rejects and %d offsets without a message are where the seals say", a.stored, a.repeats, a.rejected, a.control)}
	out = append(out, fmt.Sprintf("the rows give the roots of %d of %d seals", a.recomputed, a.seals))
	if a.broken > 0 {
		out = append(out, fmt.Sprintf("%d seals were changed", a.broken))
	}
	if a.aged > 0 {
		out = append(out, fmt.Sprintf("%d are older than retention", a.aged))
	}
	return strings.Join(out, "; ")
}
