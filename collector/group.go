package collector

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"mingjian/collector/stream"
)

const (
	// heartbeat and sessionTimeout: a killed collector's partitions are taken over within ten
	// seconds; Kafka takes no session timeout below six (group.min.session.timeout.ms).
	heartbeat      = time.Second
	sessionTimeout = 10 * time.Second
	// rebalanceTimeout is how long the group waits for a member that finishes what it has in hand.
	rebalanceTimeout = sessionTimeout
	// rejoinPause is how long a collector waits after it failed to join the group.
	rejoinPause = time.Second
	// tellAgain is how often it is said that it goes on failing: a night without a broker is a few hundred lines.
	tellAgain = time.Minute
	// generationPause is the least time between two generations. Where the topic is missing, the
	// library ends each at once, and would ask for the next as fast as the broker answers.
	generationPause = 200 * time.Millisecond
	// leavePatience bounds telling the group that we leave. Where that fails, the group finds out
	// after sessionTimeout.
	leavePatience = time.Second
)

// attend is a member of the consumer group until ctx ends, and has a worker for each partition that
// it is assigned. All workers have ended when it returns.
func (c *collector) attend(ctx context.Context) error {
	cut := newCutter()
	cluster := c.Stream
	cluster.Dial = cut.dial
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: c.Group, Brokers: c.Stream.Brokers, Topics: []string{c.Topic},
		Dialer:            cluster.Dialer(clientID, networkPatience),
		HeartbeatInterval: heartbeat, SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout,
		JoinGroupBackoff: rejoinPause, WatchPartitionChanges: true,
		ErrorLogger: kafka.LoggerFunc(func(msg string, args ...any) { c.Log.Debug("kafka group: " + fmt.Sprintf(msg, args...)) }),
	})
	if err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	var workers sync.WaitGroup
	defer func() {
		// Close ends the generation and with it the workers, waits for them, and leaves the group.
		// It can also hang in a request to the group, which only a closed connection ends.
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			group.Close()
		}()
		workers.Wait()
		select {
		case <-closed:
		case <-time.After(leavePatience):
			cut.all()
			<-closed
		}
	}()
	var told time.Time // that we could not join
	for {
		pause := time.After(generationPause)
		gen, err := group.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			err = stream.Explain(err)
			if !errors.Is(err, kafka.RebalanceInProgress) && time.Since(told) > tellAgain {
				c.Log.Warn("cannot join the consumer group, trying again until it works", "group", c.Group, "error", err)
				told = time.Now()
			}
			c.Health.joining(err)
			continue
		}
		told = time.Time{}
		var ids []int
		for _, a := range gen.Assignments[c.Topic] {
			ids = append(ids, a.ID)
		}
		c.Log.Info("partitions assigned", "topic", c.Topic, "partitions", ids, "generation", gen.ID)
		c.Health.assigned(ids)
		known := c.enlist(ctx, gen, len(ids))
		if known != nil {
			workers.Add(1)
			gen.Start(func(ctx context.Context) {
				defer workers.Done()
				c.survey(ctx, known)
			})
		}
		for _, id := range ids {
			workers.Add(1)
			gen.Start(func(ctx context.Context) {
				defer workers.Done()
				c.newWorker(gen, known, id, len(ids)).run(ctx)
			})
		}
		select {
		case <-ctx.Done():
		case <-pause:
		}
	}
}

// cutter knows the connections dialled through it, so that they can be closed under a request that
// hangs.
type cutter struct {
	mu    sync.Mutex
	conns map[*cuttable]struct{} // nil: cut
}

type cuttable struct {
	net.Conn
	from *cutter
}

func newCutter() *cutter { return &cutter{conns: map[*cuttable]struct{}{}} }

func (c *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns == nil {
		conn.Close()
		return nil, net.ErrClosed
	}
	k := &cuttable{conn, c}
	c.conns[k] = struct{}{}
	return k, nil
}

// Close implements net.Conn.
func (k *cuttable) Close() error {
	k.from.mu.Lock()
	delete(k.from.conns, k)
	k.from.mu.Unlock()
	return k.Conn.Close()
}

func (c *cutter) all() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.conns {
		k.Conn.Close()
	}
	c.conns = nil
}
