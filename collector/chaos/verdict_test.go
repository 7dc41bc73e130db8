package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	client "github.com/segmentio/kafka-go"

	"mingjian/collector"
	"mingjian/collector/stream"
)

// told is how many differences are told; the first ones lead to the cause.
const told = 5

// judge fails the test unless the record is what it would be had nothing been disturbed: it passes its own
// audit, has every interaction that was sent once and no other, and the findings that stand are those
// that each conversation comes to, in everything but when they were written. Whoever follows the findings
// topic must have heard of every one, too.
func (s *system) judge() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), within)
	defer cancel()
	s.audit(ctx)
	s.interactions(ctx)
	s.findings(ctx)
	s.published(ctx)
	s.tell(ctx)
}

func (s *system) audit(ctx context.Context) {
	s.t.Helper()
	record, err := s.record(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	defer record.Close()
	for _, c := range collector.Audit(ctx, collector.AuditOptions{Stream: stream.At(s.broker), Record: record}) {
		if !c.OK || strings.HasPrefix(c.Name, "lag") && !strings.Contains(c.Detail, "at the end") {
			s.t.Errorf("doctor: %s: %s", c.Name, c.Detail)
		}
		// An audit that leaves sessions out is content with them.
		if all := fmt.Sprintf("%d sessions with %d interactions were folded again", len(s.load.want), s.load.events()); c.Name == "sessions" && !strings.HasPrefix(c.Detail, all) {
			s.t.Errorf("doctor: %s, want: %s", c.Detail, all)
		}
	}
}

// interactions compares what is stored with what was sent. The view gives a row for each key; that no
// offset has two keeps one key from standing for another.
func (s *system) interactions(ctx context.Context) {
	s.t.Helper()
	conn := s.sql()
	rows, err := conn.Query(ctx, `SELECT session_id, count(), uniqExact(event_id), uniqExact(topic, partition, offset) FROM interactions_v GROUP BY session_id`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	found := newDifferences(s)
	var seen, events int
	for rows.Next() {
		var id string
		var n, ids, offsets uint64
		if err := rows.Scan(&id, &n, &ids, &offsets); err != nil {
			s.t.Fatal(err)
		}
		seen, events = seen+1, events+int(n)
		if want := uint64(s.load.want[id].events); n != want || ids != want || offsets != want {
			found.add("session %s has %d interactions with %d ids at %d offsets, want %d", id, n, ids, offsets, want)
		}
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	total := s.load.events()
	if seen != len(s.load.want) || events != total {
		found.add("%d interactions of %d sessions are stored, want %d of %d", events, seen, total, len(s.load.want))
	}
	var stored int64
	if err := conn.QueryRow(ctx, `SELECT sum(stored) FROM seals_v WHERE state = 'standing'`).Scan(&stored); err != nil {
		s.t.Fatal(err)
	}
	if stored != int64(total) {
		found.add("the standing seals account for %d stored interactions, want %d", stored, total)
	}
	found.tell("interactions")
}

// findings compares what stands with what each conversation comes to.
func (s *system) findings(ctx context.Context) {
	s.t.Helper()
	rows, err := s.sql().Query(ctx, `SELECT session_id, rule, severity, status, subject, toUnixTimestamp64Milli(at), facts
		FROM findings_v WHERE state = 'standing' ORDER BY session_id`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	got := map[string]string{}
	var of string
	var lines []string
	for rows.Next() {
		var id, rule, severity, status, subject, facts string
		var at int64
		if err := rows.Scan(&id, &rule, &severity, &status, &subject, &at, &facts); err != nil {
			s.t.Fatal(err)
		}
		if id != of {
			got[of] = together(lines)
			of, lines = id, nil
		}
		lines = append(lines, line(rule, severity, status, subject, at, facts))
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	got[of] = together(lines)
	found := newDifferences(s)
	for id, w := range s.load.want {
		if got[id] != w.findings {
			found.add("session %s: there stands\n%s\nwant\n%s", id, got[id], w.findings)
		}
		delete(got, id)
	}
	delete(got, "")
	for id, lines := range got {
		found.add("session %s was never sent, and there stands\n%s", id, lines)
	}
	found.tell("findings")
}

// published compares the newest version of each finding with what was published; versions between may
// have been, and any of them more than once.
func (s *system) published(ctx context.Context) {
	s.t.Helper()
	r := client.NewReader(client.ReaderConfig{Brokers: []string{s.broker}, Topic: collector.FindingsTopic, MaxBytes: 8 << 20, MaxWait: 100 * time.Millisecond})
	defer r.Close()
	ends, err := s.ends(ctx, collector.FindingsTopic, 1)
	if err != nil {
		s.t.Fatal(err)
	}
	type version struct {
		id string
		n  int64
	}
	heard := map[version]bool{}
	for next := int64(0); next < ends[0]; {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			s.t.Fatalf("read the findings topic at %d of %d: %v", next, ends[0], err)
		}
		var f collector.FindingMessage
		if err := json.Unmarshal(m.Value, &f); err != nil {
			s.t.Fatalf("a message of the findings topic: %v: %s", err, m.Value)
		}
		heard[version{f.FindingID, f.Version}] = true
		next = m.Offset + 1
	}
	rows, err := s.sql().Query(ctx, `SELECT finding_id, version, session_id, rule FROM findings_v`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	found := newDifferences(s)
	for rows.Next() {
		var v version
		var session, rule string
		if err := rows.Scan(&v.id, &v.n, &session, &rule); err != nil {
			s.t.Fatal(err)
		}
		if !heard[v] {
			found.add("version %d of finding %s of session %s was never published", v.n, rule, session)
		}
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	found.tell("published")
}

// tell says what it took.
func (s *system) tell(ctx context.Context) {
	s.t.Helper()
	conn := s.sql()
	number := func(query string) (n int64) {
		if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
			s.t.Fatal(err)
		}
		return n
	}
	s.t.Logf("%d interactions of %d sessions, %d messages in the log; %d findings stand, %d are withdrawn; %d seals stand, %d are superseded; %d rows were written again",
		number(`SELECT toInt64(count()) FROM interactions_v`), len(s.load.want), number(`SELECT sum(last_offset-first_offset+1) FROM seals_v WHERE state = 'standing'`),
		number(`SELECT toInt64(countIf(state = 'standing')) FROM findings_v`), number(`SELECT toInt64(countIf(state = 'withdrawn')) FROM findings_v`),
		number(`SELECT toInt64(countIf(state = 'standing')) FROM seals_v`), number(`SELECT toInt64(countIf(state = 'superseded')) FROM seals_v`),
		number(`SELECT toInt64(count()) - toInt64(uniqExact(tenant, session_id, event_id)) FROM interactions`))
	s.t.Logf("killed: broker %d, engine %d, collectors %d; most memory: broker %d MiB, engine %d MiB, collectors %d and %d MiB",
		s.parts[broker].kills(), s.parts[engine].kills(), s.parts[first].kills()+s.parts[second].kills(),
		s.parts[broker].memory(), s.parts[engine].memory(), s.parts[first].memory(), s.parts[second].memory())
}

// differences collects what is not as it should be.
type differences struct {
	s     *system
	n     int
	first []string
}

func newDifferences(s *system) *differences { return &differences{s: s} }

func (d *differences) add(format string, args ...any) {
	d.n++
	if len(d.first) < told {
		d.first = append(d.first, fmt.Sprintf(format, args...))
	}
}

func (d *differences) tell(what string) {
	d.s.t.Helper()
	if d.n > 0 {
		slices.Sort(d.first)
		d.s.t.Errorf("%s: %d differences:\n%s", what, d.n, strings.Join(d.first, "\n"))
	}
}
