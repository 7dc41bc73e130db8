package collector

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Health is what a Run is doing, for /healthz and /readyz. It is safe for many goroutines, and is
// there before the Run that fills it.
type Health struct {
	mu         sync.Mutex
	running    bool // a generation was joined and the Run has not ended
	reason     string
	partitions map[int]*PartitionHealth
	losses     []string
	rules      *Rules // nil before the Run
}

// NewHealth is the health of a collector that has not begun.
func NewHealth() *Health {
	return &Health{reason: "starting", partitions: map[int]*PartitionHealth{}}
}

// State is what a worker is doing.
type State string

// The states of a partition.
const (
	Loading   State = "loading"   // taking the partition over
	Consuming State = "consuming" // reading and writing
	Retrying  State = "retrying"  // waiting for the store or the broker; nothing is dropped
)

// PartitionHealth is one partition of this process's share.
type PartitionHealth struct {
	Partition int       `json:"partition"`
	State     State     `json:"state"`
	Since     time.Time `json:"since"`              // when it came to that state
	Error     string    `json:"error,omitempty"`    // what is being retried
	Position  int64     `json:"position"`           // the next offset to be sealed
	End       int64     `json:"end"`                // where the log ended when last read
	Sealed    time.Time `json:"sealed,omitzero"`    // when this worker last sealed a batch
	Sessions  int       `json:"sessions,omitempty"` // in memory
}

// Lag is how many offsets the record is behind the log.
func (p PartitionHealth) Lag() int64 { return max(0, p.End-p.Position) }

// Report is a moment's health.
type Report struct {
	// Healthy: nothing has happened that needs a person and that waiting does not mend. An absent
	// store leaves a collector healthy: it waits.
	Healthy bool `json:"healthy"`
	// Ready: the group is joined and every partition of this process's share is being consumed.
	Ready      bool              `json:"ready"`
	Problems   []string          `json:"problems,omitempty"` // what speaks against either, a sentence each
	Partitions []PartitionHealth `json:"partitions"`         // by number
	// Policies is nil before the collector has begun. A change of theirs that was refused makes it neither
	// unhealthy nor unready: it goes on with what is in force, and would not start with what is not.
	Policies *RulesHealth `json:"policies,omitempty"`
}

// Report says how things are.
func (h *Health) Report() Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := Report{Healthy: len(h.losses) == 0, Ready: h.running, Problems: slices.Clone(h.losses), Partitions: []PartitionHealth{}}
	if !h.running {
		r.Problems = append(r.Problems, h.reason)
	}
	for _, p := range h.partitions {
		r.Partitions = append(r.Partitions, *p)
	}
	if h.rules != nil {
		policies := h.rules.Health()
		r.Policies = &policies
	}
	slices.SortFunc(r.Partitions, func(a, b PartitionHealth) int { return a.Partition - b.Partition })
	for _, p := range r.Partitions {
		if p.State == Consuming {
			continue
		}
		r.Ready = false
		problem := fmt.Sprintf("partition %d is %s since %s", p.Partition, p.State, p.Since.UTC().Format(time.RFC3339))
		if p.Error != "" {
			problem += ": " + p.Error
		}
		r.Problems = append(r.Problems, problem)
	}
	return r
}

func (h *Health) judging(r *Rules) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rules = r
}

func (h *Health) joining(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running, h.reason = false, "joining the consumer group"
	if err != nil {
		h.reason += ": " + err.Error()
	}
}

// assigned replaces the share: workers of the generation before have ended.
func (h *Health) assigned(ids []int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = true
	clear(h.partitions)
	for _, id := range ids {
		h.partitions[id] = &PartitionHealth{Partition: id, State: Loading, Since: time.Now()}
	}
}

func (h *Health) ended() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running, h.reason = false, "the collector has ended"
	clear(h.partitions)
}

// partition is where a worker reports.
func (h *Health) partition(id int) *partitionHealth { return &partitionHealth{h, id} }

type partitionHealth struct {
	h  *Health
	id int
}

// set changes a partition's entry, if it is still this process's.
func (p *partitionHealth) set(change func(*PartitionHealth)) {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	if e := p.h.partitions[p.id]; e != nil {
		change(e)
	}
}

func (e *PartitionHealth) enter(s State, err string) {
	if e.State != s {
		e.State, e.Since = s, time.Now()
	}
	e.Error = err
}

func (p *partitionHealth) loading() { p.set(func(e *PartitionHealth) { e.enter(Loading, "") }) }

func (p *partitionHealth) retrying(err error) {
	p.set(func(e *PartitionHealth) { e.enter(Retrying, err.Error()) })
}

func (p *partitionHealth) recovered() { p.set(func(e *PartitionHealth) { e.enter(Consuming, "") }) }

func (p *partitionHealth) consuming(position, end int64, sessions int) {
	p.set(func(e *PartitionHealth) {
		e.enter(Consuming, "")
		e.Position, e.End, e.Sessions = position, end, sessions
	})
}

func (p *partitionHealth) read(end int64) { p.set(func(e *PartitionHealth) { e.End = end }) }

func (p *partitionHealth) sealed(position int64, sessions int) {
	p.set(func(e *PartitionHealth) { e.Position, e.Sealed, e.Sessions = position, time.Now(), sessions })
}

func (p *partitionHealth) holds(sessions int) {
	p.set(func(e *PartitionHealth) { e.Sessions = sessions })
}

func (p *partitionHealth) lost(first, last int64) {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	p.h.losses = append(p.h.losses, fmt.Sprintf(
		"partition %d: messages at offsets %d to %d are lost, the broker's retention removed them before they were read", p.id, first, last))
}
