package session

import (
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// scored gives a step an emotion score.
func scored(emotion float64, s step) step {
	s.e.AI = &event.AI{Emotion: &emotion}
	return s
}

func escalation(t *testing.T, steps ...step) policies.Escalation {
	t.Helper()
	if x := folded(t, steps...).Facts.Escalation; x != nil {
		return *x
	}
	return policies.Escalation{}
}

func TestKeyword(t *testing.T) {
	const keyword = signal.KeywordRequest | signal.HumanRequest
	for name, c := range map[string]struct {
		steps []step
		want  string // the turn without a transfer
	}{
		"put off":                          {steps: []step{says(1, customer, keyword), says(2, bot, 0)}, want: "e2"},
		"the system's message is a turn":   {steps: []step{says(1, customer, keyword), says(2, system, 0)}, want: "e2"},
		"a question is no transfer":        {steps: []step{says(1, customer, keyword), says(2, bot, signal.AsksTransfer|signal.HandoffOffer)}, want: "e2"},
		"turned away":                      {steps: []step{says(1, customer, keyword), does(2, event.HandoffRejected)}, want: "e2"},
		"announced":                        {steps: []step{says(1, customer, keyword), says(2, bot, signal.HandoffStart), says(3, bot, 0)}},
		"queued":                           {steps: []step{says(1, customer, keyword), does(2, event.HandoffQueued), says(3, bot, 0)}},
		"no turn came":                     {steps: []step{says(1, customer, keyword), does(2, event.SessionClosed)}},
		"the customer's click is no turn":  {steps: []step{says(1, customer, keyword), does(2, event.HandoffRequested, by(customer)), says(3, bot, 0)}, want: "e3"},
		"taken back":                       {steps: []step{says(1, customer, keyword), says(2, customer, signal.RequestWithdraw), says(3, bot, 0)}},
		"other words for a person":         {steps: []step{says(1, customer, asks), says(2, bot, 0)}},
		"to a person":                      {steps: []step{says(1, agent, 0), says(2, customer, keyword), says(3, system, 0)}},
		"while the hand-over is under way": {steps: []step{does(1, event.HandoffQueued), says(2, customer, keyword), says(3, bot, 0)}},
		"after it was abandoned":           {steps: []step{does(1, event.HandoffQueued), does(2, event.HandoffAbandoned), says(3, customer, keyword), says(4, bot, 0)}, want: "e4"},
		"the first one stays":              {steps: []step{says(1, customer, keyword), says(2, bot, 0), says(3, customer, keyword), says(4, bot, 0)}, want: "e2"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := escalation(t, c.steps...).Keyword; got.Missed != c.want || got.Answered != c.want {
				t.Errorf("missed with %q (%+v), want %q", got.Missed, got, c.want)
			}
		})
	}
}

func TestCallsForAPerson(t *testing.T) {
	danger := says(1, customer, signal.Danger)
	for name, c := range map[string]struct {
		steps         []step
		auto, emotion policies.Missed
	}{
		"the service goes on, and so does the customer": {
			steps: []step{danger, says(2, bot, 0), says(3, bot, 0), says(9, customer, 0)},
			auto:  policies.Missed{Ground: "danger", Event: "e1", EventAt: at(1), Answered: "e2", AnsweredAt: at(2), Missed: "e4", MissedAt: at(9), WaitedMs: 8000},
		},
		"not yet":                      {steps: []step{danger, says(2, bot, 0)}},
		"a transfer follows the text":  {steps: []step{danger, says(2, bot, 0), does(3, event.HandoffQueued), says(9, customer, 0)}},
		"the customer goes on at once": {steps: []step{danger, says(2, customer, 0), says(3, bot, signal.HandoffStart), says(9, customer, 0)}},
		"asked first, and transferred": {steps: []step{danger, says(2, bot, signal.AsksTransfer), says(3, customer, 0), says(4, bot, signal.HandoffStart)}},
		"the end, with an answer": {
			steps: []step{danger, says(2, bot, 0), does(9, event.SessionClosed)},
			auto:  policies.Missed{Ground: "danger", Event: "e1", EventAt: at(1), Answered: "e2", AnsweredAt: at(2), Missed: "e3", MissedAt: at(9), Closed: true, WaitedMs: 8000},
		},
		"the end, without one": {
			steps: []step{says(1, customer, signal.RefusesAI), does(9, event.SessionClosed)},
			auto:  policies.Missed{Ground: "refuses_ai", Event: "e1", EventAt: at(1), Missed: "e2", MissedAt: at(9), Closed: true, WaitedMs: 8000},
		},
		"the first of two": {
			steps: []step{says(1, customer, signal.SecurityConcern), says(2, customer, signal.Danger), says(3, bot, 0), says(4, customer, 0)},
			auto:  policies.Missed{Ground: "security", Event: "e1", EventAt: at(1), Answered: "e3", AnsweredAt: at(3), Missed: "e4", MissedAt: at(4), WaitedMs: 3000},
		},
		"to a person": {steps: []step{says(0, agent, 0), danger, says(2, agent, 0), says(3, customer, signal.Anger), does(9, event.SessionClosed)}},
		"angry, and told no more": {
			steps:   []step{says(1, customer, signal.Anger), says(2, bot, 0), says(3, customer, 0)},
			emotion: policies.Missed{Ground: "emotion", Event: "e1", EventAt: at(1), Answered: "e2", AnsweredAt: at(2), Missed: "e3", MissedAt: at(3), WaitedMs: 2000},
		},
		"a score over 80": {
			steps:   []step{scored(81, says(1, customer, 0)), says(2, bot, 0), says(3, customer, 0)},
			emotion: policies.Missed{Ground: "emotion", Event: "e1", EventAt: at(1), Answered: "e2", AnsweredAt: at(2), Missed: "e3", MissedAt: at(3), WaitedMs: 2000},
		},
		"a score of 80, whatever the words": {steps: []step{scored(80, says(1, customer, signal.Anger)), says(2, bot, 0), says(3, customer, 0)}},
		"asked whether to transfer":         {steps: []step{says(1, customer, signal.ComplaintWish), says(2, bot, signal.AsksTransfer), says(3, customer, 0), says(4, bot, 0), says(5, customer, 0)}},
		"wants to complain": {
			steps:   []step{says(1, customer, signal.Escape), says(2, bot, 0), does(3, event.HandoffRequested, by(customer))},
			emotion: policies.Missed{Ground: "complaint", Event: "e1", EventAt: at(1), Answered: "e2", AnsweredAt: at(2), Missed: "e3", MissedAt: at(3), WaitedMs: 2000},
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := escalation(t, c.steps...)
			if x.Auto != c.auto {
				t.Errorf("auto %+v\nwant %+v", x.Auto, c.auto)
			}
			if x.Emotion != c.emotion {
				t.Errorf("emotion %+v\nwant    %+v", x.Emotion, c.emotion)
			}
		})
	}
}

func TestFailedAnswers(t *testing.T) {
	fails, wrong := says(0, bot, signal.Fallback), says(0, bot, 0)
	wrong.e.AI = &event.AI{Judged: "wrong"}
	numbers := func(steps ...step) (n []int) {
		for i := range steps {
			steps[i].e.At = at(float64(i))
		}
		for _, f := range escalation(t, steps...).Failures {
			n = append(n, f.N)
		}
		return n
	}
	q := says(0, customer, 0)
	if got := numbers(q, fails, q, wrong, q, fails, q, says(0, bot, 0), q); !reflect.DeepEqual(got, []int{1, 2, 3}) {
		t.Errorf("failures %v, want each with its number", got)
	}
	if got := numbers(q, fails, q, says(0, bot, signal.HandoffStart), q, says(0, agent, 0), q, says(0, bot, 0), q, fails, q, says(0, bot, 0), q); !reflect.DeepEqual(got, []int{1}) {
		t.Errorf("failures %v, want counting to begin anew after a person, and the one that a transfer followed left out", got)
	}
	if got := numbers(q, fails, does(0, event.SessionClosed)); !reflect.DeepEqual(got, []int{1}) {
		t.Errorf("failures %v, want the one at the end", got)
	}
	many := endless(500, func(i int) step {
		if i%2 == 0 {
			return q
		}
		return fails
	}).Facts.Escalation.Failures
	if len(many) != maxFailures || many[maxFailures-1].N < 200 {
		t.Errorf("%d failures are kept, the last is number %d", len(many), many[len(many)-1].N)
	}
}

func TestSilentAI(t *testing.T) {
	s := folded(t, says(0, bot, 0), says(1, customer, 0), says(5, customer, 0))
	if s.WakeAt() != at(61) {
		t.Errorf("wakes at %d, want a minute after the first message that nobody answered", s.WakeAt())
	}
	if s.Advance(at(61) - 1); s.Facts.Escalation != nil {
		t.Error("silence of less than a minute is none")
	}
	s.Advance(at(61))
	if want := []policies.Stretch{stretch("e2", 1, "", 0)}; !reflect.DeepEqual(s.Facts.Escalation.Silences, want) {
		t.Errorf("silences %+v, want %+v", s.Facts.Escalation.Silences, want)
	}
	if s.WakeAt() != s.IdleAt() {
		t.Error("one minute is enough")
	}
	for name, c := range map[string]struct {
		steps []step
		want  []policies.Stretch
	}{
		"answered":               {steps: []step{says(1, customer, 0), says(90, bot, 0)}, want: []policies.Stretch{stretch("e1", 1, "e2", 90)}},
		"the system is no AI":    {steps: []step{says(1, customer, 0), says(50, system, 0), says(90, bot, 0)}, want: []policies.Stretch{stretch("e1", 1, "e3", 90)}},
		"turned away":            {steps: []step{says(1, customer, 0), does(50, event.HandoffRejected), says(90, bot, 0)}},
		"told that all are busy": {steps: []step{says(1, customer, 0), says(50, system, signal.Busy), says(90, bot, 0)}},
		"answered in time":       {steps: []step{says(1, customer, 0), says(60, bot, 0)}},
		"a transfer":             {steps: []step{says(1, customer, 0), says(90, bot, signal.HandoffStart)}, want: []policies.Stretch{}},
		"the end":                {steps: []step{says(1, customer, 0), does(90, event.SessionClosed)}, want: []policies.Stretch{stretch("e1", 1, "e2", 90)}},
		"the end, which silence": {steps: []step{says(1, customer, 0), says(25*3600, bot, 0)}, want: []policies.Stretch{stretch("e1", 1, "", 1+24*3600)}},
		"after a goodbye":        {steps: []step{says(1, customer, signal.Goodbye), says(90, bot, 0)}},
		"a person is there":      {steps: []step{says(0, agent, 0), says(1, customer, 0), says(90, agent, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := escalation(t, c.steps...).Silences; !reflect.DeepEqual(got, c.want) {
				t.Errorf("silences %+v, want %+v", got, c.want)
			}
		})
	}
}
