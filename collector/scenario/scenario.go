// Package scenario reads conversations that say what must be found in them, runs them, and plays
// them. One script serves three readers: `policy check` runs it and compares, the demo plays it as
// a contact centre, and a compliance officer reads in it what a rule means.
//
//	file ──Parse──► Scenario ──Script──► messages as they go over the wire
//	                    │                   ├──Run──► inspect, with event time and deadlines ──► Result
//	                    └──Player───────────┴──► a stream of overlapping sessions, with ground truth
//
// A scenario is checked when it is read: every event of it must be one that the collector would
// accept. What is not promised is that a scenario with an own starting date means the same on
// another day; such a scenario is run, but not played.
package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"mingjian/collector/event"
)

// DefaultStart is when a scenario's session is opened unless it says otherwise.
var DefaultStart = time.Date(2026, 10, 12, 10, 0, 0, 0, time.FixedZone("", 8*60*60))

// DefaultJurisdiction is a scenario's jurisdiction unless it says otherwise.
const DefaultJurisdiction = "CN"

// Scenario is a conversation with what must be found in it.
type Scenario struct {
	ID, Title string
	File      string // where it stands
	Line      int    // counts from 1
	Start     time.Time
	OwnStart  bool // another start than the default: the expectation may hang on that date
	// Until is how long after the opening the clock runs on: at least to the last event.
	Until time.Duration
	// Expect are the rules that must be found, exactly; ExpectNot near misses worth naming. Both
	// are ordered and without doubles.
	Expect, ExpectNot []string

	opened map[string]any      // fields of session.opened
	steps  []step              // in time order
	vary   map[string][]string // placeholder → alternatives
	breaks time.Duration       // when the first violation is complete, as far as known: at Until
}

// step is an event at a time since the opening, as fields of the event model.
type step struct {
	at     time.Duration
	line   int
	fields map[string]any
}

// Message is one event as it goes over the wire.
type Message struct {
	At    time.Time
	Value []byte // a JSON object of the event model
}

// Words says what stands for each placeholder.
type Words map[string]string

// First takes the first alternative of every placeholder, as a check does.
func (s *Scenario) First() Words {
	w := Words{}
	for name, alternatives := range s.vary {
		w[name] = alternatives[0]
	}
	return w
}

// Vary picks an alternative for every placeholder.
func (s *Scenario) Vary(rng *rand.Rand) Words {
	w := Words{}
	for _, name := range slices.Sorted(maps.Keys(s.vary)) {
		w[name] = s.vary[name][rng.IntN(len(s.vary[name]))]
	}
	return w
}

// Script writes the scenario's events as messages of a session that is opened at a moment. Event ids
// count up from e0, the opening, unless the scenario names them.
func (s *Scenario) Script(sessionID string, opened time.Time, words Words) []Message {
	out := make([]Message, 0, len(s.steps)+1)
	out = append(out, write(sessionID, 0, step{fields: s.opened}, opened, words))
	for i, st := range s.steps {
		out = append(out, write(sessionID, i+1, st, opened, words))
	}
	return out
}

func write(sessionID string, n int, st step, opened time.Time, words Words) Message {
	fields := fill(st.fields, words).(map[string]any)
	for _, name := range []string{"promise", "callback"} {
		if due, ok := fields[name].(map[string]any); ok {
			dated(due, opened)
		}
	}
	dated(fields, opened)
	at := opened.Add(st.at)
	fields["session_id"], fields["ts"] = sessionID, at.UnixMilli()
	if fields["event_id"] == nil {
		fields["event_id"] = fmt.Sprintf("e%d", n)
	}
	value, err := json.Marshal(fields)
	if err != nil {
		panic(fmt.Sprintf("%T of a scenario is not JSON: %v", fields, err)) // Parse makes JSON values only
	}
	return Message{At: at, Value: value}
}

// dated makes a due that is a duration since the opening the moment that it goes over the wire as.
func dated(fields map[string]any, opened time.Time) {
	if text, ok := fields["due"].(string); ok {
		if d, err := time.ParseDuration(text); err == nil {
			fields["due"] = opened.Add(d).Format(time.RFC3339Nano)
		}
	}
}

// placeholder is ${name} in a text.
var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

// fill copies a value of the event model with its placeholders filled in.
func fill(v any, words Words) any {
	switch v := v.(type) {
	case string:
		if !strings.Contains(v, "${") {
			return v
		}
		return placeholder.ReplaceAllStringFunc(v, func(p string) string { return words[p[2:len(p)-1]] })
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = fill(v[i], words)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v)+3)
		for k := range v {
			out[k] = fill(v[k], words)
		}
		return out
	}
	return v
}

// placeholders lists the names used in a value.
func placeholders(v any, each func(name string)) {
	switch v := v.(type) {
	case string:
		for _, m := range placeholder.FindAllStringSubmatch(v, -1) {
			each(m[1])
		}
	case []any:
		for i := range v {
			placeholders(v[i], each)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			placeholders(v[k], each)
		}
	}
}

// has reports whether a step is of a kind.
func (s *Scenario) has(match func(kind event.Kind, role event.Role) bool) bool {
	return slices.ContainsFunc(s.steps, func(st step) bool {
		kind, _ := st.fields["kind"].(string)
		actor, _ := st.fields["actor"].(map[string]any)
		role, _ := actor["role"].(string)
		return match(event.Kind(kind), event.Role(role))
	})
}
