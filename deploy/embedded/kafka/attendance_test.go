package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
)

// member speaks a group's protocol request by request.
type member struct {
	t      *testing.T
	group  string
	client *kgo.Client
	id     string

	mu    sync.Mutex
	conns []net.Conn
}

func newMember(t *testing.T, addr, group string, speaks *kversion.Versions) *member {
	t.Helper()
	m := &member{t: t, group: group}
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0), kgo.MaxVersions(speaks), kgo.Dialer(func(ctx context.Context, network, host string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, host)
		if err == nil {
			m.mu.Lock()
			m.conns = append(m.conns, c)
			m.mu.Unlock()
		}
		return c, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	m.client = client
	t.Cleanup(client.Close)
	return m
}

// vanish is what a SIGKILL does.
func (m *member) vanish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.conns {
		c.Close()
	}
}

func (m *member) join() (*kmsg.JoinGroupResponse, error) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.MemberID, req.ProtocolType = m.group, m.id, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 6000, 4000
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name = "range"
	req.Protocols = append(req.Protocols, p)
	resp, err := req.RequestWith(deadline(m.t), m.client)
	if err != nil {
		return nil, err
	}
	if m.id = resp.MemberID; resp.ErrorCode == kerr.MemberIDRequired.Code {
		return m.join()
	}
	return resp, kerr.ErrorForCode(resp.ErrorCode)
}

// sync is the leader's.
func (m *member) sync(joined *kmsg.JoinGroupResponse) error {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = m.group, m.id, joined.Generation
	for _, other := range joined.Members {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID = other.MemberID
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	resp, err := req.RequestWith(deadline(m.t), m.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

func (m *member) beat(generation int32) error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = m.group, m.id, generation
	resp, err := req.RequestWith(deadline(m.t), m.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// A member whose connection ends while it waits for the others does not keep its place. In about half of such cases
// kfake itself would see to it.
func TestAMemberThatVanishesWhileItWaitsIsRemoved(t *testing.T) {
	t.Parallel()
	addr := kafkatest.Start(t, kafka.Topic{Name: "talk", Partitions: 2})
	var all sync.WaitGroup
	for i, group := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		// What our collectors speak, and what tells a new member its id before it waits.
		speaks := []*kversion.Versions{kversion.V1_0_0(), kversion.V3_0_0()}[i%2]
		stays, goes := newMember(t, addr, group, speaks), newMember(t, addr, group, speaks)
		all.Go(func() {
			if err := vanishing(stays, goes); err != nil {
				t.Errorf("group %s: %v", group, err)
			}
		})
	}
	all.Wait()
}

func vanishing(stays, goes *member) error {
	now, err := stays.join()
	if err == nil {
		err = stays.sync(now)
	}
	if err != nil {
		return err
	}
	gone := make(chan error)
	go func() { _, err := goes.join(); gone <- err }()
	for err == nil { // until it waits for the other to join again
		time.Sleep(20 * time.Millisecond)
		err = stays.beat(now.Generation)
	}
	if !errors.Is(err, kerr.RebalanceInProgress) {
		return err
	}
	goes.vanish()
	if err := <-gone; err == nil {
		return errors.New("it was answered before it vanished")
	}
	time.Sleep(100 * time.Millisecond) // until the broker has noticed
	now, err = stays.join()
	if err == nil {
		err = stays.sync(now)
	}
	if err != nil {
		return err
	}
	if len(now.Members) != 2 {
		return fmt.Errorf("%d members, want the one that is gone among them still", len(now.Members))
	}
	for began := time.Now(); len(now.Members) > 1; time.Sleep(100 * time.Millisecond) {
		err := stays.beat(now.Generation)
		if errors.Is(err, kerr.RebalanceInProgress) {
			if now, err = stays.join(); err == nil {
				err = stays.sync(now)
			}
		}
		if err != nil {
			return err
		}
		if time.Since(began) > within {
			return errors.New("a member that is gone keeps its place")
		}
	}
	return nil
}
