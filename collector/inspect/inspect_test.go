package inspect

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/session"
	"mingjian/policies"
)

const (
	second = policies.Millis(1000)
	start  = policies.Millis(1_791_770_400_000)
)

// builtin is an inspector over what ships.
func builtin(t testing.TB) *Inspector {
	t.Helper()
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	i, err := New(b)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// scripted answers with what a test says, and remembers what it was asked.
type scripted struct {
	answer func(in *policies.Input) policies.Verdict
	asked  []policies.Input
	inputs []string // as rules see them
	err    error
}

func (s *scripted) Check(_ context.Context, in *policies.Input) (policies.Verdict, error) {
	s.asked = append(s.asked, *in)
	s.inputs = append(s.inputs, in.Session.Value().String())
	if s.err != nil {
		return policies.Verdict{}, s.err
	}
	return s.answer(in), nil
}

func with(i *Inspector, r rules) *Inspector {
	return &Inspector{detector: i.detector, rules: r, known: i.known}
}

func says(id string, at policies.Millis, role event.Role, text string) *event.Event {
	return &event.Event{ID: id, SessionID: "s", At: start + at, Kind: event.Message, Actor: event.Actor{Role: role}, Text: text}
}

func place(offset int64) event.Position { return event.Position{Topic: "t", Offset: offset} }

func unread(context.Context) ([]Placed, error) {
	return nil, errors.New("stored events were asked for")
}

func finding(rule string, at policies.Millis, facts string) policies.Finding {
	return policies.Finding{Rule: rule, Pack: "p", Severity: policies.High, Status: policies.Quality, At: at, Facts: []byte(facts)}
}

func short(changes []Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%s v%d %v %s", c.Rule, c.Version, c.Standing, c.Finding.Facts))
	}
	return strings.Join(out, "; ")
}

// Each step's verdict is compared with what was said before.
func TestChanges(t *testing.T) {
	verdicts := [][]policies.Finding{
		{finding("b", 1, "1"), finding("a", 1, "1")},
		{finding("a", 1, "1"), finding("b", 1, "1")},
		{finding("a", 1, "2"), finding("b", 2, "1")},
		{finding("b", 2, "1")},
		{finding("b", 2, "1")},
		{finding("a", 1, "2"), finding("b", 2, "1")},
	}
	want := []string{
		"a v1 true 1; b v1 true 1",
		"",
		"a v2 true 2; b v2 true 1",
		"a v3 false 2",
		"",
		"a v4 true 2",
	}
	n := 0
	i := with(builtin(t), &scripted{answer: func(*policies.Input) policies.Verdict {
		n++
		return policies.Verdict{Findings: verdicts[n-1]}
	}})
	s := i.Open(says("e0", 0, event.CustomerRole, "…"))
	for k := range verdicts {
		// Each event brings another channel or line or age, so that rules are asked each time.
		age := 20 + 50*(k%2)
		e := says(fmt.Sprint("e", k), policies.Millis(k)*second, event.BotRole, "你好")
		e.Customer = &event.Customer{Age: &age, Province: fmt.Sprint("p", k)}
		out, err := i.Next(t.Context(), s, e, place(int64(k)), unread)
		if err != nil {
			t.Fatal(err)
		}
		if got := short(out.Changes); got != want[k] {
			t.Errorf("step %d: %q, want %q", k, got, want[k])
		}
	}
	if f := s.Found["a"]; !f.Standing || f.Version != 4 {
		t.Errorf("kept of a: %+v", f)
	}
}

func TestRepeatsAndRedoing(t *testing.T) {
	i := builtin(t)
	e := says("e", 0, event.CustomerRole, "转人工")
	s := i.Open(e)
	first, err := i.Next(t.Context(), s, e, place(7), unread)
	if err != nil || first.Repeat || first.Signals == 0 {
		t.Fatalf("first: %+v, %v", first, err)
	}
	before, _ := s.MarshalBinary()
	again, err := i.Next(t.Context(), s, e, place(7), unread)
	if err != nil || again.Repeat || again.Signals != first.Signals || len(again.Changes) != 0 {
		t.Errorf("done again after a crash: %+v, %v", again, err)
	}
	repeat, err := i.Next(t.Context(), s, e, place(9), unread)
	if err != nil || !repeat.Repeat || repeat.FirstOffset != 7 {
		t.Errorf("repeated at another offset: %+v, %v", repeat, err)
	}
	if after, _ := s.MarshalBinary(); string(after) != string(before) {
		t.Errorf("the state changed\n%s\n%s", before, after)
	}
}

// Rules are asked when something they see has changed or a moment they named has come, not else.
func TestRulesAreAskedWhenItMatters(t *testing.T) {
	r := &scripted{answer: func(in *policies.Input) policies.Verdict {
		if due := start + 30*second; in.Now < due {
			return policies.Verdict{Due: []policies.Due{{Topic: "p/t", At: due}}}
		}
		return policies.Verdict{}
	}}
	i := with(builtin(t), r)
	s := i.Open(says("e", 0, event.CustomerRole, "…"))
	next := func(id string, at policies.Millis) {
		t.Helper()
		if _, err := i.Next(t.Context(), s, says(id, at, event.SystemRole, "好的"), place(int64(s.Count())), unread); err != nil {
			t.Fatal(err)
		}
	}
	next("e1", 0)
	next("e2", 5*second)
	if len(r.asked) != 1 {
		t.Errorf("asked %d times, want once", len(r.asked))
	}
	if s.Due != start+30*second {
		t.Errorf("due %d, want the rules' moment", s.Due-start)
	}
	next("e3", 31*second)
	if len(r.asked) != 2 || r.asked[1].Now != start+31*second {
		t.Errorf("an event after the moment must ask: %+v", r.asked)
	}
	if s.Due != start+31*second+session.IdleClose {
		t.Errorf("due %d, want the idle close", s.Due-start)
	}
	if _, err := i.Deadline(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if s.Facts.Closed == 0 || s.Due != 0 {
		t.Errorf("after the idle close: closed %d, due %d", s.Facts.Closed, s.Due)
	}
	if out, err := i.Deadline(t.Context(), s); err != nil || len(out.Changes) != 0 || len(r.asked) != 3 {
		t.Errorf("without a due moment nothing happens: %+v, %v", out, err)
	}
}

func TestRulesThatFail(t *testing.T) {
	r := &scripted{err: errors.New("boom")}
	i := with(builtin(t), r)
	e := says("e", 0, event.CustomerRole, "…")
	if _, err := i.Next(t.Context(), i.Open(e), e, place(0), unread); err == nil || !strings.Contains(err.Error(), "session s") {
		t.Errorf("error %v", err)
	}
	r.err = nil
	r.answer = func(in *policies.Input) policies.Verdict {
		return policies.Verdict{Due: []policies.Due{{Topic: "p/t", At: in.Now}}}
	}
	if _, err := i.Next(t.Context(), i.Open(e), e, place(0), unread); err == nil {
		t.Error("a due moment that is not after now would be asked for without end")
	}
}

// An event that comes late can take a finding's ground away; its versions go on.
func TestLate(t *testing.T) {
	i := builtin(t)
	asks := says("e1", 0, event.CustomerRole, "转人工")
	asks.Customer = &event.Customer{Jurisdiction: "CN"}
	s := i.Open(asks)
	step := func(e *event.Event, offset int64, stored ...Placed) Outcome {
		t.Helper()
		out, err := i.Next(t.Context(), s, e, place(offset), func(context.Context) ([]Placed, error) { return stored, nil })
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	step(asks, 1)
	after := says("e2", 100*second, event.CustomerRole, "还在吗")
	found := step(after, 2)
	if !strings.Contains(short(found.Changes), "cn-human-unreachable v1 true") {
		t.Fatalf("after 100 s: %q", short(found.Changes))
	}
	joins := &event.Event{ID: "e3", SessionID: "s", At: start + 20*second, Kind: event.HandoffAccepted, Actor: event.Actor{Role: event.AgentRole, ID: "a"}}
	late := step(joins, 3, Placed{asks, 1}, Placed{after, 2})
	if got := short(late.Changes); !strings.HasPrefix(got, "cn-human-unreachable v2 false") {
		t.Errorf("the person had come in time: %q", got)
	}
	if s.Count() != 3 || s.Last != 3 || s.Newest.Offset != 2 || s.Now != start+100*second {
		t.Errorf("state after rebuilding: %+v", s)
	}

	_, err := i.Next(t.Context(), s, says("e4", 0, event.BotRole, "x"), place(4), unread)
	if err == nil || !strings.Contains(err.Error(), "stored events") {
		t.Errorf("an unreadable store: %v", err)
	}
}

// Time that a deadline let pass stays passed when an event comes late.
func TestLateAfterADeadline(t *testing.T) {
	i := builtin(t)
	asks := says("e1", 0, event.CustomerRole, "转人工")
	asks.Customer = &event.Customer{Jurisdiction: "CN"}
	s := i.Open(asks)
	if _, err := i.Next(t.Context(), s, asks, place(1), unread); err != nil {
		t.Fatal(err)
	}
	var out Outcome
	var err error
	for len(out.Changes) == 0 && s.Facts.Closed == 0 && err == nil {
		out, err = i.Deadline(t.Context(), s)
	}
	if err != nil || !strings.HasPrefix(short(out.Changes), "cn-human-unreachable v1 true") {
		t.Fatalf("%q, %v", short(out.Changes), err)
	}
	now := s.Now
	greets := says("e0", -second, event.BotRole, "您好，我是AI助手")
	out, err = i.Next(t.Context(), s, greets, place(2), func(context.Context) ([]Placed, error) { return []Placed{{asks, 1}}, nil })
	if err != nil || s.Now != now || !s.Found["cn-human-unreachable"].Standing || strings.Contains(short(out.Changes), "unreachable") {
		t.Errorf("now %d, was %d; %q, %v", s.Now, now, short(out.Changes), err)
	}
}

func TestTenants(t *testing.T) {
	i := builtin(t)
	named := func(e *event.Event, kind event.Kind, tenant string) *event.Event {
		e.Kind, e.Tenant = kind, tenant
		return e
	}
	first := says("e1", 10*second, event.CustomerRole, "转人工")
	first.Customer = &event.Customer{Jurisdiction: "CN"}
	s := i.Open(first)
	stored := []Placed{{first, 1}}
	read := func(context.Context) ([]Placed, error) { return stored, nil }
	next := func(e *event.Event, offset int64) (Outcome, error) {
		return i.Next(t.Context(), s, e, place(offset), read)
	}
	if _, err := next(first, 1); err != nil {
		t.Fatal(err)
	}

	var reject *event.Reject
	if _, err := next(named(says("e2", 200*second, event.BotRole, "x"), event.Message, "acme"), 2); !errors.As(err, &reject) || reject.Reason != event.TenantMoved {
		t.Fatalf("another tenant: %v", err)
	}
	if _, seen := s.Seen.First("e2"); seen || s.Tenant != session.DefaultTenant {
		t.Error("a refused event left a trace")
	}

	later := says("e3", 200*second, event.BotRole, "您好")
	if _, err := next(later, 3); err != nil {
		t.Fatal(err)
	}
	stored = append(stored, Placed{later, 3})
	standing := len(s.Found)
	out, err := next(named(says("e4", 0, event.SystemRole, ""), event.SessionOpened, "acme"), 4)
	if err != nil || out.TenantWas != session.DefaultTenant || s.Tenant != "acme" {
		t.Fatalf("a late opening names the tenant: %+v, %v, tenant %s", out, err, s.Tenant)
	}
	if standing == 0 || len(out.Changes) != len(s.Found) {
		t.Errorf("%d changes for %d findings: each needs a row under the new tenant", len(out.Changes), len(s.Found))
	}
	if _, err := next(named(says("e5", 300*second, event.SystemRole, ""), event.SessionOpened, "other"), 5); !errors.As(err, &reject) {
		t.Errorf("a second opening of another tenant: %v", err)
	}
	if out, err := next(named(says("e6", 301*second, event.BotRole, "x"), event.Message, "acme"), 6); err != nil || out.TenantWas != "" {
		t.Errorf("the session's own tenant: %+v, %v", out, err)
	}
}

// Ground truth must not leak: the same events with and without labels come to the same, and what
// rules are given holds none.
func TestLabelsAreNotSeen(t *testing.T) {
	real := builtin(t)
	run := func(labels string) (*session.State, []Outcome, []string) {
		r := &scripted{}
		r.answer = func(in *policies.Input) policies.Verdict {
			v, err := real.rules.Check(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		i := with(real, r)
		opened := &event.Event{ID: "e0", SessionID: "s", At: start, Kind: event.SessionOpened, Customer: &event.Customer{Jurisdiction: "CN"}}
		events := []*event.Event{
			opened,
			says("e1", 1*second, event.BotRole, "您好，请讲"),
			says("e2", 2*second, event.CustomerRole, "转人工"),
			says("e3", 3*second, event.BotRole, "请先描述您的问题"),
			says("e4", 120*second, event.BotRole, "请先描述您的问题"),
		}
		s := i.Open(opened)
		var outs []Outcome
		for n, e := range events {
			if labels != "" {
				e.Labels = []byte(labels)
			}
			out, err := i.Next(t.Context(), s, e, place(int64(n)), unread)
			if err != nil {
				t.Fatal(err)
			}
			outs = append(outs, out)
		}
		return s, outs, r.inputs
	}
	const secret = `{"planted":["cn-elder-channel-missing"],"xyzzy":"转人工"}`
	s1, out1, in1 := run("")
	s2, out2, in2 := run(secret)
	if !reflect.DeepEqual(s1, s2) || !reflect.DeepEqual(out1, out2) || !reflect.DeepEqual(in1, in2) {
		t.Errorf("labels made a difference\n%+v\n%+v", out1, out2)
	}
	if len(s1.Found) == 0 {
		t.Error("the session breaks rules; nothing was found, so the comparison says nothing")
	}
	for _, in := range in2 {
		if strings.Contains(in, "xyzzy") || strings.Contains(in, "planted") || strings.Contains(in, "labels") {
			t.Errorf("rules were given %s", in)
		}
	}
}

func TestFindingID(t *testing.T) {
	if got, want := FindingID("default", "s-1", "q-three-strikes"), "15de00d77570e79e3077da8ef8d4e2f9"; got != want {
		t.Errorf("the id of stored findings changed: %s, was %s", got, want)
	}
	if FindingID("a", "bc", "d") == FindingID("ab", "c", "d") {
		t.Error("parts run together")
	}
}
