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
	log   *slog.Logger

	mu     sync.Mutex
	groups map[string]*attended
}

// attended is a group that was heard of.
type attended struct {
	patience time.Duration        // the longest that a member may be silent: waiting for the others, and then its session
	heard    map[string]time.Time // by member: when it last asked for something
}

func newAttendance(admin *kgo.Client, log *slog.Logger) *attendance {
	return &attendance{admin: admin, log: log, groups: map[string]*attended{}}
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
	switch r := r.(type) {
	case *kmsg.JoinGroupRequest:
		a.note(r.Group, millis(r.SessionTimeoutMillis)+millis(r.RebalanceTimeoutMillis), r.MemberID)
	case *kmsg.SyncGroupRequest:
		a.note(r.Group, 0, r.MemberID)
		// Before its fourth version a request to join names no new member; the leader names them all.
		for _, m := range r.GroupAssignment {
			a.expect(r.Group, m.MemberID)
		}
	case *kmsg.HeartbeatRequest:
		a.note(r.Group, 0, r.MemberID)
	case *kmsg.OffsetCommitRequest:
		a.note(r.Group, 0, r.MemberID)
	}
}

func millis(n int32) time.Duration { return time.Duration(max(n, 0)) * time.Millisecond }

// note notes that a member, which may have no id yet, asked for something.
func (a *attendance) note(group string, patience time.Duration, member string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.groups[group]
	if g == nil {
		g = &attended{heard: map[string]time.Time{}}
		a.groups[group] = g
	}
	g.patience = max(g.patience, patience)
	if member != "" {
		g.heard[member] = time.Now()
	}
}

// expect notes a member of a group that may have to be heard of yet.
func (a *attendance) expect(group, member string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.groups[group].heard[member]; !known {
		a.groups[group].heard[member] = time.Now()
	}
}

// silent are those of each group that were not heard of for longer than a member may be silent. Most are none any
// more.
func (a *attendance) silent() map[string][]string {
	out := map[string][]string{}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, g := range a.groups {
		for member, at := range g.heard {
			// Without patience nobody has joined since the broker started, and how long is too long is not known.
			if g.patience > 0 && time.Since(at) > g.patience {
				out[name] = append(out[name], member)
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
	if err == nil && resp.ErrorCode != kerr.GroupIDNotFound.Code { // it is gone with all its members
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("remove %v: %w", members, err)
	}
	for _, m := range resp.Members {
		if m.ErrorCode == 0 {
			a.log.Warn("kafka removed a member that was silent", "group", group, "member", m.MemberID)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if g := a.groups[group]; g != nil {
		for _, id := range members {
			delete(g.heard, id)
		}
	}
	return nil
}
