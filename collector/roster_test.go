package collector_test

import (
	"fmt"
	"testing"

	client "github.com/segmentio/kafka-go"
)

// A collector that has every partition asks the record for no session that is new, and knows all the same
// whatever the record has: sessions of another partition, of a process before, and of one that shared the topic with it.
func TestAKnownSessionIsNeverTakenForNew(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	store := newLedger()
	to := 0
	s.writer.Balancer = client.BalancerFunc(func(client.Message, ...int) int { return to })
	n := 0
	var sent [2][]client.Message // by partition
	var running []*running
	settled := func() {
		t.Helper()
		ends := s.ends()
		eventually(t, func() string { return sealed(ends, running...) })
	}
	fresh := func(partition int) {
		t.Helper()
		to = partition
		msgs := sorry(t, fmt.Sprint("s", n), "CN").out
		n++
		for i := range msgs {
			msgs[i].Key = nil // so that it may be in any partition
		}
		s.produce(msgs...)
		sent[partition] = append(sent[partition], msgs...)
		settled()
	}
	asked := func() int {
		store.mu.Lock()
		defer store.mu.Unlock()
		return store.calls["ids"]
	}
	again := func() {
		t.Helper()
		for partition := range sent {
			to = 1 - partition
			s.produce(sent[partition]...)
		}
		settled()
		store.mu.Lock()
		defer store.mu.Unlock()
		stored, want := 0, len(sent[0])+len(sent[1])
		for _, chain := range store.standing() {
			for _, seal := range chain {
				stored += seal.Stored
			}
		}
		if stored != want {
			t.Fatalf("%d interactions are stored after all came again in the other partition, want %d", stored, want)
		}
	}
	listed := func() {
		t.Helper()
		eventually(t, func() string {
			before := asked()
			fresh(n % 2)
			if asked() > before {
				return "a session that is new is looked up"
			}
			return ""
		})
	}
	begin := func() func() {
		r := s.start(s.options(store))
		running = append(running, r)
		return r.stop
	}
	// Nothing has the same offset in both: a session does not keep of which partition an offset was.
	to = 1
	s.produce(client.Message{Value: []byte("x")}, client.Message{Value: []byte("x")}, client.Message{Value: []byte("x")})
	stop := begin()
	listed()
	again()
	stop()
	stop = begin()
	listed()
	again()
	other := begin() // it takes one of the partitions
	eventually(t, func() string {
		for _, r := range running[1:] {
			if n := len(r.health.Report().Partitions); n != 1 {
				return fmt.Sprintf("a collector has %d partitions, want 1", n)
			}
		}
		return ""
	})
	fresh(0)
	fresh(1)
	again()
	other()
	listed()
	again()
	stop()
	store.dispositions(t)
}
