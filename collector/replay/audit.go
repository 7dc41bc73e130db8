package replay

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Whole is the record as an audit of its sessions reads it.
type Whole interface {
	Tenants(ctx context.Context) ([]string, error)
	Wholes(ctx context.Context, topic, tenant string, each func(*warehouse.Whole) error) error
	WholeOf(ctx context.Context, topic, tenant, id string) (*warehouse.Whole, error)
	Snapshots(ctx context.Context, topic string, ids []string) ([]warehouse.Snapshot, error)
	Progress(ctx context.Context, topic string) (map[int]warehouse.Seal, error)
	Policies(ctx context.Context, revision string) (warehouse.Policies, bool, error)
	GoneAt(ctx context.Context, topic string, partition int, offset int64) (bool, error)
}

// AuditQuery says what to audit. Topic, Sealed and Now must be given.
type AuditQuery struct {
	Topic string
	// Sealed are the newest standing seals of the partitions, as they were before anything else was read.
	Sealed map[int]warehouse.Seal
	Now    policies.Millis
}

// Audited is what an audit of the sessions came to.
type Audited struct {
	Sessions, Interactions, Findings int64 // judged again; findings are those that stand
	// Unfinished sessions have events behind the newest seals, or a crash left them between two writes:
	// the collector does these again, so that nothing of them is judged before.
	Unfinished int64
	// Foreign sessions were folded by another version of the program, and are not judged by this one.
	Foreign int64
	// Erased sessions are those whose person was erased; nothing judges them.
	Erased int64
	// Aged sessions have lost events to retention.
	Aged int64
	// Wrong counts the sessions with a fault; Faults tells of the first maxWrong of them, by tenant and id.
	Wrong  int64
	Faults []Fault
}

// Fault is one thing that is wrong with a session in the record. Rule is "" where it is the session itself
// (its events, its snapshot) and not a finding.
type Fault struct {
	Tenant, SessionID, Rule, What string
}

func (f Fault) String() string {
	who := fmt.Sprintf("session %s of tenant %s", f.SessionID, f.Tenant)
	if f.Rule != "" {
		who = "finding " + f.Rule + " of " + who
	}
	return who + ": " + f.What
}

const (
	// maxSuspects bounds how many sessions are looked at again, and so the memory for them.
	maxSuspects = 10_000
	// maxWrong is how many sessions are told of; whoever damaged more is not found by a longer list.
	maxWrong = 100
	// looks and pause bound how long a session that changes meanwhile is followed: a collector writes the
	// parts of a change within seconds of each other.
	looks = 5
	pause = 300 * time.Millisecond
)

// Audit folds every session of a topic again from its stored events, lets time pass to the moment that its
// snapshot knows, asks the rules of the revision that judged it, and compares: the snapshot's facts, and what
// stands. It uses as many workers as the process may use processors, and holds a bounded number of sessions.
//
// A collector may be at work meanwhile. So the cut is made first (AuditQuery.Sealed): what a seal covers was
// durable before the seal was, and does not change. A session whose newest event lies behind the cut is
// unfinished and left out: its findings are written with the next seal. Only deadlines change a session
// whose events are all before the cut, and those are written findings first. A session that looks wrong is
// therefore looked at again, with a cut of its own, until two looks saw the same; and where its findings are
// ahead of its snapshot it is unfinished if they are what its next deadlines bring, because a crash between
// the two writes leaves just that, and the collector lets the deadline fire again.
//
// Not promised: that damage to the events which makes no difference to the facts is seen here. The roots in
// the seals show that.
func Audit(ctx context.Context, record Whole, q AuditQuery) (*Audited, error) {
	a := &audit{record: record, q: q, courts: map[string]*court{}, out: &Audited{}}
	tenants, err := record.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	for _, tenant := range tenants {
		if err := a.pass(ctx, tenant); err != nil {
			return nil, err
		}
	}
	if err := a.again(ctx); err != nil {
		return nil, err
	}
	return a.out, nil
}

type audit struct {
	record Whole
	q      AuditQuery

	mu       sync.Mutex
	courts   map[string]*court // by revision
	suspects []suspect
	out      *Audited
}

// suspect is a session that looked wrong once.
type suspect struct {
	tenant, id, mark string
}

// pass judges every session of a tenant once.
func (a *audit) pass(ctx context.Context, tenant string) error {
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	hands := make(chan []*warehouse.Whole, workers)
	for range workers {
		group.Go(func() error {
			for some := range hands {
				for _, w := range some {
					if err := a.first(ctx, w); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(hands)
		var some []*warehouse.Whole
		held := 0
		hand := func() error {
			select {
			case hands <- some:
				some, held = nil, 0
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := a.record.Wholes(ctx, a.q.Topic, tenant, func(w *warehouse.Whole) error {
			some, held = append(some, w), held+len(w.Rows)+1
			if held < handful {
				return nil
			}
			return hand()
		})
		if err != nil {
			return err
		}
		return hand()
	})
	return group.Wait()
}

// first looks at a session for the first time.
func (a *audit) first(ctx context.Context, w *warehouse.Whole) error {
	v, err := a.judge(ctx, w, a.q.Sealed)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case len(v.faults) == 0:
		a.out.count(w, v)
	case len(a.suspects) < maxSuspects:
		a.suspects = append(a.suspects, suspect{w.Tenant, w.ID, mark(w)})
	default:
		a.out.Wrong++
	}
	return nil
}

func (o *Audited) count(w *warehouse.Whole, v verdict) {
	switch {
	case v.unfinished:
		o.Unfinished++
	case v.foreign:
		o.Foreign++
	case v.aged:
		o.Aged++
	case v.erased:
		o.Erased++
	default:
		o.Sessions++
		o.Interactions += int64(len(w.Rows))
		o.Findings += v.standing
	}
}

// mark tells two states of a session in the record apart.
func mark(w *warehouse.Whole) string {
	var b strings.Builder
	if w.Session != nil {
		fmt.Fprint(&b, w.Session.Version, w.Session.Tenant)
	}
	for _, f := range w.Findings {
		fmt.Fprint(&b, " ", f.ID, f.Version)
	}
	fmt.Fprint(&b, " ", len(w.Rows))
	return b.String()
}

// again looks at the suspects again.
func (a *audit) again(ctx context.Context) error {
	slices.SortFunc(a.suspects, func(x, y suspect) int {
		return cmp.Or(strings.Compare(x.tenant, y.tenant), strings.Compare(x.id, y.id))
	})
	told := 0
	for _, s := range a.suspects {
		if told == maxWrong {
			a.out.Wrong++
			continue
		}
		w, v, err := a.settle(ctx, s)
		if err != nil {
			return err
		}
		if len(v.faults) == 0 {
			a.out.count(w, v)
			continue
		}
		told++
		a.out.Wrong++
		a.out.Faults = append(a.out.Faults, v.faults...)
	}
	return nil
}

// settle looks at a suspect until two looks saw the same of it.
func (a *audit) settle(ctx context.Context, s suspect) (*warehouse.Whole, verdict, error) {
	for look := 0; ; look++ {
		sealed, err := a.record.Progress(ctx, a.q.Topic)
		if err != nil {
			return nil, verdict{}, err
		}
		w, err := a.record.WholeOf(ctx, a.q.Topic, s.tenant, s.id)
		if err != nil {
			return nil, verdict{}, err
		}
		v, err := a.judge(ctx, w, sealed)
		if err != nil {
			return nil, verdict{}, err
		}
		if len(v.faults) > 0 && w.Session == nil {
			if v.unfinished, err = a.moving(ctx, s.id, sealed); err != nil {
				return nil, verdict{}, err
			}
			if v.unfinished {
				v.faults = nil
			}
		}
		now := mark(w)
		if len(v.faults) == 0 || now == s.mark || look == looks {
			return w, v, nil
		}
		s.mark = now
		select {
		case <-ctx.Done():
			return nil, verdict{}, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// moving reports whether a session is on its way to another tenant: its snapshot is there already, with an
// event that no seal covers, and its rows are taken away with that seal.
func (a *audit) moving(ctx context.Context, id string, sealed map[int]warehouse.Seal) (bool, error) {
	snaps, err := a.record.Snapshots(ctx, a.q.Topic, []string{id})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(snaps, func(s warehouse.Snapshot) bool {
		return !covers(sealed, s.Session.Partition, s.Session.LastOffset)
	}), nil
}

// covers reports whether the seals up to the newest of a partition have an offset.
func covers(sealed map[int]warehouse.Seal, partition int, offset int64) bool {
	s, ok := sealed[partition]
	return ok && offset <= s.Last
}
