package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// attendanceEvery is how often members of groups are looked for that are not there any more.
const attendanceEvery = time.Second

// attendance removes members from groups that have gone silent. kfake sets no session timer for a member whose
// connection ends between its request and the answer, which a SIGKILL does at its moment: such a member would keep
// its partitions for ever.
//
// Members of the protocol of KIP-848 have timers of their own and are not looked at.
type attendance struct {
	admin *kgo.Client
	now   func() time.Time
	log   *slog.Logger

	mu     sync.Mutex
	groups map[string]*attended
}

// attended is a group that was heard of.
type attended struct {
	patience time.Duration        // the longest that a member may be silent: waiting for the others, and then its session
	heard    map[string]time.Time // by member: when it last asked for something
}

func newAttendance(admin *kgo.Client, now func() time.Time, log *slog.Logger) *attendance {
	return &attendance{admin: admin, now: now, log: log, groups: map[string]*attended{}}
}

// listen notes whoever asks for something from now on.
func (a *attendance) listen(cluster *kfake.Cluster) {
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetCommit} {
		cluster.ControlKey(key.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
			a.hear(r)
			return nil, nil, false // kfake answers
		})
	}
}

func (a *attendance) hear(r kmsg.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	group, member, patience := "", "", time.Duration(0)
	switch r := r.(type) {
	case *kmsg.JoinGroupRequest:
		group, member = r.Group, r.MemberID
		patience = time.Duration(r.SessionTimeoutMillis+max(r.RebalanceTimeoutMillis, 0)) * time.Millisecond
	case *kmsg.SyncGroupRequest:
		group, member = r.Group, r.MemberID
	case *kmsg.HeartbeatRequest:
		group, member = r.Group, r.MemberID
	case *kmsg.OffsetCommitRequest:
		group, member = r.Group, r.MemberID
	}
	g := a.groups[group]
	if g == nil {
		g = &attended{heard: map[string]time.Time{}}
		a.groups[group] = g
	}
	g.patience = max(g.patience, patience)
	if member != "" {
		g.heard[member] = a.now()
	}
}

// silent are the members of each group that were not heard of for longer than they may be silent. Those that
// kfake does not have any more are forgotten.
func (a *attendance) silent() map[string][]string {
	out := map[string][]string{}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, g := range a.groups {
		for member, at := range g.heard {
			// Without patience nobody has joined since the broker started, and how long is too long is not known.
			if g.patience > 0 && a.now().Sub(at) > g.patience {
				out[name] = append(out[name], member)
				delete(g.heard, member) // removed, or not there any more
			}
		}
		if len(g.heard) == 0 {
			delete(a.groups, name)
		}
	}
	return out
}

// check removes who is silent and still a member.
func (a *attendance) check(ctx context.Context) {
	for group, members := range a.silent() {
		if err := a.remove(ctx, group, members); err != nil && ctx.Err() == nil {
			a.log.Error("kafka could not remove silent members", "group", group, "error", err)
		}
	}
}

func (a *attendance) remove(ctx context.Context, group string, members []string) error {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	for _, id := range members {
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = id
		req.Members = append(req.Members, m)
	}
	resp, err := req.RequestWith(ctx, a.admin)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("remove %v: %w", members, err)
	}
	for _, m := range resp.Members {
		if m.ErrorCode == 0 { // others had gone already, as they should
			a.log.Warn("kafka removed a member that was silent", "group", group, "member", m.MemberID)
		}
	}
	return nil
}
