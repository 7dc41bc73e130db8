package kafka_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"

	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
)

func joinGroup(t *testing.T, addr string) *client.ConsumerGroup {
	t.Helper()
	g, err := client.NewConsumerGroup(client.ConsumerGroupConfig{
		ID: "workers", Brokers: []string{addr}, Topics: []string{"talk"},
		HeartbeatInterval: 100 * time.Millisecond, SessionTimeout: 6 * time.Second, RebalanceTimeout: 6 * time.Second,
		JoinGroupBackoff: 100 * time.Millisecond, StartOffset: client.FirstOffset,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func nextGeneration(t *testing.T, g *client.ConsumerGroup) *client.Generation {
	t.Helper()
	gen, err := g.Next(deadline(t))
	if err != nil {
		t.Fatalf("next generation: %v", err)
	}
	return gen
}

// committed gives what the group has committed for both partitions; -1 is nothing.
func committed(t *testing.T, addr string) [2]int64 {
	t.Helper()
	c := &client.Client{Addr: client.TCP(addr)}
	resp, err := c.OffsetFetch(deadline(t), &client.OffsetFetchRequest{GroupID: "workers", Topics: map[string][]int{"talk": {0, 1}}})
	if err != nil {
		t.Fatal(err)
	}
	var got [2]int64
	for _, p := range resp.Topics["talk"] {
		if p.Error != nil {
			t.Fatalf("offset of partition %d: %v", p.Partition, p.Error)
		}
		got[p.Partition] = p.CommittedOffset
	}
	return got
}

func TestTwoMembersShareThePartitions(t *testing.T) {
	addr := kafkatest.Start(t, kafka.Topic{Name: "talk", Partitions: 2})
	one := joinGroup(t, addr)
	alone := nextGeneration(t, one)
	if n := len(alone.Assignments["talk"]); n != 2 {
		t.Fatalf("the only member has %d partitions, want 2", n)
	}

	// The second joins; the first learns it through its heartbeat and joins again.
	ended := make(chan struct{})
	alone.Start(func(ctx context.Context) { <-ctx.Done(); close(ended) })
	two := joinGroup(t, addr)
	gens := make(chan *client.Generation, 2)
	for _, g := range []*client.ConsumerGroup{one, two} {
		go func() {
			gen, err := g.Next(deadline(t))
			if err != nil {
				t.Errorf("next generation: %v", err)
			}
			gens <- gen
		}()
	}
	owned := map[int]bool{}
	for range 2 {
		gen := <-gens
		if gen == nil {
			t.FailNow()
		}
		if gen.ID <= alone.ID {
			t.Errorf("generation %d after %d", gen.ID, alone.ID)
		}
		for _, a := range gen.Assignments["talk"] {
			if owned[a.ID] {
				t.Errorf("partition %d has two owners", a.ID)
			}
			owned[a.ID] = true
			if err := gen.CommitOffsets(map[string]map[int]int64{"talk": {a.ID: int64(40 + a.ID)}}); err != nil {
				t.Errorf("commit in the current generation: %v", err)
			}
		}
		if len(gen.Assignments["talk"]) != 1 {
			t.Errorf("a member has %d partitions, want 1", len(gen.Assignments["talk"]))
		}
	}
	<-ended
	if err := alone.CommitOffsets(map[string]map[int]int64{"talk": {0: 7}}); err == nil {
		t.Error("a commit of the generation that ended was taken")
	}
	if got := committed(t, addr); got != [2]int64{40, 41} {
		t.Errorf("committed %v, want [40 41]", got)
	}
}

// A group goes on where it stood, with a generation above all that were, also when the broker was
// killed twice and its notes of groups end in half an entry.
func TestGroupSurvivesRestartAndSIGKILL(t *testing.T) {
	dir := t.TempDir()
	var lastGeneration int32
	work := func(addr string, commit int64) {
		t.Helper()
		g := joinGroup(t, addr)
		defer g.Close()
		gen := nextGeneration(t, g)
		if gen.ID <= lastGeneration {
			t.Errorf("generation %d after %d", gen.ID, lastGeneration)
		}
		lastGeneration = gen.ID
		if err := gen.CommitOffsets(map[string]map[int]int64{"talk": {0: commit, 1: commit * 2}}); err != nil {
			t.Fatal(err)
		}
	}
	b := startProcess(t, dir)
	work(b.addr, 10)
	b.kill()

	logs, err := filepath.Glob(filepath.Join(dir, "*", "groups.log"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("notes of groups: %v, %v", logs, err)
	}
	raw, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(logs[0], append(raw, raw[:len(raw)/5]...), 0o600); err != nil { // ends inside an entry
		t.Fatal(err)
	}

	b = startProcess(t, dir)
	if got := committed(t, b.addr); got != [2]int64{10, 20} {
		t.Errorf("after a SIGKILL: committed %v, want [10 20]", got)
	}
	work(b.addr, 30)
	b.kill()

	addr, stop := runIn(t, dir, time.Now(), talk...)
	if got := committed(t, addr); got != [2]int64{30, 60} {
		t.Errorf("after a second SIGKILL: committed %v, want [30 60]", got)
	}
	work(addr, 50)
	stop()

	addr, _ = runIn(t, dir, time.Now(), talk...)
	if got := committed(t, addr); got != [2]int64{50, 100} {
		t.Errorf("after an orderly restart: committed %v, want [50 100]", got)
	}
	work(addr, 60)
}
