package collector_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	client "github.com/segmentio/kafka-go"

	"mingjian/collector/event"
	"mingjian/collector/session"
)

// What comes of a session after its end goes on with it, in whichever partition it comes, and the record is not
// asked for it.
func TestASessionGoesOnAfterItsEnd(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	store := newLedger()
	o := s.options(store)
	metrics := prometheus.NewRegistry()
	o.Registry = metrics
	s.start(o)
	asked := func() int {
		store.mu.Lock()
		defer store.mu.Unlock()
		return store.calls["ids"]
	}
	sent := 0
	put := func(partition int, m ...client.Message) {
		t.Helper()
		c, err := client.DialLeader(t.Context(), "tcp", s.addr, s.interactions, partition)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.WriteMessages(m...); err != nil {
			t.Fatal(err)
		}
		sent += len(m)
		eventually(t, func() string { // the workers have seen that what they wrote is in the record
			if n := counted(t, metrics); n != sent {
				return fmt.Sprintf("%d offsets are counted of %d", n, sent)
			}
			return ""
		})
	}
	// Until the sessions of the record are listed each new one is looked up, and so not kept.
	for n := 0; ; n++ {
		before := asked()
		put(0, sorry(t, fmt.Sprint("before", n), "DE").out...)
		if asked() == before {
			break
		}
	}
	k := sorry(t, "x", "DE")
	put(0, k.out...)
	say := func(partition int, after time.Duration) {
		t.Helper()
		n := len(k.out)
		k.says(after, event.CustomerRole, "谢谢")
		put(partition, k.out[n])
		store.mu.Lock()
		defer store.mu.Unlock()
		if row := store.sessions[[2]string{"x", session.DefaultTenant}]; int(row.Events) != len(k.out) {
			t.Errorf("the session has %d events of %d", row.Events, len(k.out))
		}
	}
	before := asked()
	for i, partition := range []int{0, 1, 1, 0, 1} {
		say(partition, time.Duration(30+i)*time.Second)
	}
	if n := asked() - before; n != 0 {
		t.Errorf("the record was asked for %d sessions", n)
	}
}

// counted is how many offsets the workers of a process counted as sealed.
func counted(t *testing.T, metrics prometheus.Gatherer) (n int) {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "mingjian_collector_interactions_total" {
			for _, m := range f.GetMetric() {
				n += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}
