package session

import (
	"fmt"
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

const second = policies.Millis(1000)

// start is an arbitrary moment, so that a moment of 0 stays "has not happened".
const start = policies.Millis(1_791_770_400_000)

// step is an event at a number of seconds after start, with what a detector found in it.
type step struct {
	e     event.Event
	found signal.Set
}

func says(at float64, role event.Role, found signal.Set) step {
	return step{event.Event{Kind: event.Message, At: start + policies.Millis(at*1000), Actor: event.Actor{Role: role}, Text: "…"}, found}
}

func does(at float64, kind event.Kind, change ...func(*event.Event)) step {
	s := step{e: event.Event{Kind: kind, At: start + policies.Millis(at*1000)}}
	for _, c := range change {
		c(&s.e)
	}
	return s
}

func by(role event.Role) func(*event.Event) { return func(e *event.Event) { e.Actor.Role = role } }

func automated(e *event.Event) { e.Actor.Automated = true }

func automatedStep(s step) step {
	automated(&s.e)
	return s
}

func priority(e *event.Event) { e.Handoff = &event.Handoff{Priority: true} }

// folded runs steps in order; the n-th has the id "en" and the offset n, counted from 1.
func folded(t *testing.T, steps ...step) *State {
	t.Helper()
	s := New("s", "")
	for i := range steps {
		e := steps[i].e
		e.ID, e.SessionID = fmt.Sprintf("e%d", i+1), "s"
		o := Order{At: e.At, Offset: int64(i + 1)}
		if s.Late(o) {
			t.Fatalf("step %d is late", i+1)
		}
		s.Fold(&e, o, steps[i].found, nil)
	}
	return s
}

func wait(asked string, askedAt float64, change ...func(*policies.Wait)) policies.Wait {
	w := policies.Wait{Asked: asked, AskedAt: start + policies.Millis(askedAt*1000)}
	for _, c := range change {
		c(&w)
	}
	w.WaitedMs = max(w.JoinedAt, w.EndedAt, w.AskedAt) - w.AskedAt
	return w
}

func refused(id string, at float64) func(*policies.Wait) {
	return func(w *policies.Wait) { w.Refused, w.RefusedAt = id, start+policies.Millis(at*1000) }
}

func joined(id string, at float64) func(*policies.Wait) {
	return func(w *policies.Wait) { w.Joined, w.JoinedAt = id, start+policies.Millis(at*1000) }
}

func ended(at float64) func(*policies.Wait) {
	return func(w *policies.Wait) { w.EndedAt = start + policies.Millis(at*1000) }
}

func TestWaits(t *testing.T) {
	const (
		customer = event.CustomerRole
		bot      = event.BotRole
		agent    = event.AgentRole
		asks     = signal.HumanRequest
	)
	for name, c := range map[string]struct {
		steps   []step
		want    []policies.Wait
		strikes int
		third   string
	}{
		"no request": {steps: []step{says(1, customer, 0), says(2, bot, 0)}},
		"typed and met": {
			steps:   []step{says(1, customer, asks), says(2, bot, signal.HandoffStart), does(9, event.HandoffAccepted, by(agent))},
			want:    []policies.Wait{wait("e1", 1, joined("e3", 9))},
			strikes: 1,
		},
		"clicked, nobody named as actor": {
			steps: []step{does(1, event.HandoffRequested)}, want: []policies.Wait{wait("e1", 1)}, strikes: 1,
		},
		"the bot's own request for a hand-over is not the customer's": {
			steps: []step{does(1, event.HandoffRequested, by(bot))},
		},
		"a bot that talks of something else refuses, the first time counts": {
			steps:   []step{says(1, customer, asks), says(2, bot, 0), does(3, event.HandoffRejected)},
			want:    []policies.Wait{wait("e1", 1, refused("e2", 2))},
			strikes: 1,
		},
		"rejected": {
			steps:   []step{says(1, customer, asks), does(3, event.HandoffRejected, by(event.SystemRole))},
			want:    []policies.Wait{wait("e1", 1, refused("e2", 3))},
			strikes: 1,
		},
		"offering is no refusal, busy is": {
			steps:   []step{says(1, customer, asks), says(2, bot, signal.HandoffOffer), says(3, bot, signal.HandoffStart|signal.Busy)},
			want:    []policies.Wait{wait("e1", 1, refused("e3", 3))},
			strikes: 1,
		},
		"the system's text refuses nothing": {
			steps:   []step{says(1, customer, asks), says(2, event.SystemRole, 0)},
			want:    []policies.Wait{wait("e1", 1)},
			strikes: 1,
		},
		"unless it says that all are busy": {
			steps:   []step{says(1, customer, asks), says(2, event.SystemRole, signal.Busy)},
			want:    []policies.Wait{wait("e1", 1, refused("e2", 2))},
			strikes: 1,
		},
		"a person who speaks has joined": {
			steps:   []step{says(1, customer, asks), says(3, agent, 0)},
			want:    []policies.Wait{wait("e1", 1, joined("e2", 3))},
			strikes: 1,
		},
		"a machine that speaks as an agent has not": {
			steps:   []step{says(1, customer, asks), automatedStep(says(3, agent, 0))},
			want:    []policies.Wait{wait("e1", 1)},
			strikes: 1,
		},
		"asking the person who is there": {
			steps:   []step{says(1, customer, asks), does(5, event.HandoffAccepted, by(agent)), says(60, customer, asks), says(65, agent, 0)},
			want:    []policies.Wait{wait("e1", 1, joined("e2", 5)), wait("e3", 60, joined("e4", 65))},
			strikes: 1,
		},
		"small talk after the hand-over was announced": {
			steps:   []step{says(1, customer, asks), says(2, bot, signal.HandoffStart), says(3, bot, 0), says(9, customer, 0), says(10, bot, 0)},
			want:    []policies.Wait{wait("e1", 1)},
			strikes: 1,
		},
		"small talk in the queue, then all are busy": {
			steps:   []step{says(1, customer, asks), does(2, event.HandoffQueued), says(3, bot, 0), says(10, bot, signal.Busy)},
			want:    []policies.Wait{wait("e1", 1, refused("e4", 10))},
			strikes: 1,
		},
		"an offer holds until the customer answers it": {
			steps:   []step{says(1, customer, asks), says(2, bot, signal.HandoffOffer), says(3, bot, 0), says(4, customer, 0), says(5, bot, 0)},
			want:    []policies.Wait{wait("e1", 1, refused("e5", 5))},
			strikes: 1,
		},
		"asking again and being passed over": {
			steps:   []step{says(1, customer, asks), says(2, bot, signal.HandoffStart), says(20, customer, asks), says(21, bot, 0)},
			want:    []policies.Wait{wait("e1", 1, refused("e4", 21))},
			strikes: 2,
		},
		"a bot picture without text refuses nothing": {
			steps: []step{says(1, customer, asks), does(2, event.Message, by(bot))},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 1,
		},
		"a machine that accepts is nobody": {
			steps:   []step{says(1, customer, asks), does(2, event.HandoffAccepted, by(agent), automated)},
			want:    []policies.Wait{wait("e1", 1)},
			strikes: 1,
		},
		"accepted by an agent id": {
			steps: []step{says(1, customer, asks), does(2, event.HandoffAccepted, func(e *event.Event) { e.Handoff = &event.Handoff{AgentID: "a"} })},
			want:  []policies.Wait{wait("e1", 1, joined("e2", 2))}, strikes: 1,
		},
		"accepted, the system says, by whom it does not": {
			steps: []step{says(1, customer, asks), does(2, event.HandoffAccepted, by(event.SystemRole))},
			want:  []policies.Wait{wait("e1", 1, joined("e2", 2))}, strikes: 1,
		},
		"a bot that accepts is nobody": {
			steps: []step{says(1, customer, asks), does(2, event.HandoffAccepted, by(bot))},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 1,
		},
		"clicked and typed within 10 s is one": {
			steps: []step{does(1, event.HandoffRequested), says(11, customer, asks)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 1,
		},
		"clicked and typed after that is two": {
			steps: []step{does(1, event.HandoffRequested), says(11.001, customer, asks)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 2,
		},
		"typed twice is two": {
			steps: []step{says(1, customer, asks), says(2, customer, asks)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 2,
		},
		"a click goes with one text only": {
			steps: []step{says(1, customer, asks), does(2, event.HandoffRequested), says(3, customer, asks)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 2,
		},
		"taken back before 30 s is none": {
			steps: []step{says(1, customer, asks), says(2, bot, 0), says(30.999, customer, signal.RequestWithdraw)},
			want:  nil, strikes: 0,
		},
		"taken back at 30 s stays": {
			steps: []step{says(1, customer, asks), says(31, customer, signal.RequestWithdraw)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 1,
		},
		"a text that both asks and takes back asks": {
			steps: []step{says(1, customer, asks|signal.RequestWithdraw)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 1,
		},
		"only the young of two requests is taken back": {
			steps: []step{says(1, customer, asks), says(20, customer, asks), says(35, customer, signal.RequestWithdraw)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 1,
		},
		"taken back and asked again starts anew": {
			steps: []step{says(1, customer, asks), says(2, customer, signal.RequestWithdraw), does(3, event.HandoffRequested)},
			want:  []policies.Wait{wait("e3", 3)}, strikes: 1,
		},
		"what was met is not taken back": {
			steps: []step{says(1, customer, asks), does(2, event.HandoffAccepted, by(agent)), says(3, customer, signal.RequestWithdraw)},
			want:  []policies.Wait{wait("e1", 1, joined("e2", 2))}, strikes: 1,
		},
		"the third strike": {
			steps: []step{says(1, customer, asks), says(20, customer, asks), says(40, customer, asks), says(60, customer, asks)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 4, third: "e3",
		},
		"the third strike taken back": {
			steps: []step{says(1, customer, asks), says(35, customer, asks), says(40, customer, asks), says(41, customer, signal.RequestWithdraw)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 1,
		},
		"only the third strike taken back": {
			steps: []step{says(1, customer, asks), says(5, customer, asks), says(40, customer, asks), says(41, customer, signal.RequestWithdraw)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 2,
		},
		"priority starts the count again but answers nothing": {
			steps: []step{says(1, customer, asks), says(20, customer, asks), does(21, event.HandoffQueued, priority), says(40, customer, asks)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 2,
		},
		"a queue without priority does not start the count again": {
			steps: []step{says(1, customer, asks), says(20, customer, asks), does(21, event.HandoffQueued), says(40, customer, asks)},
			want:  []policies.Wait{wait("e1", 1)}, strikes: 3, third: "e4",
		},
		"a request after a person had joined waits anew": {
			steps: []step{says(1, customer, asks), does(5, event.HandoffAccepted, by(agent)), says(50, customer, asks), does(99, event.SessionClosed)},
			want:  []policies.Wait{wait("e1", 1, joined("e2", 5)), wait("e3", 50, ended(99))}, strikes: 1,
		},
		"nobody joins a session that has ended": {
			steps: []step{says(1, customer, asks), does(5, event.SessionClosed), does(6, event.HandoffAccepted, by(agent))},
			want:  []policies.Wait{wait("e1", 1, ended(5))}, strikes: 1,
		},
		"asking goes on after the end": {
			steps: []step{does(5, event.SessionClosed), says(6, customer, asks), does(9, event.SessionClosed)},
			want:  []policies.Wait{wait("e2", 6, ended(9))}, strikes: 1,
		},
		"silence ends a wait": {
			steps: []step{says(0, customer, asks), says(24*3600, customer, 0)},
			want:  []policies.Wait{wait("e1", 0, ended(24*3600))}, strikes: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := folded(t, c.steps...).Facts.Human
			if len(h.Waits) != len(c.want) || len(c.want) > 0 && !reflect.DeepEqual(h.Waits, c.want) {
				t.Errorf("waits %+v, want %+v", h.Waits, c.want)
			}
			if h.Strikes != c.strikes || h.StrikeThree != c.third {
				t.Errorf("strikes %d, third %q; want %d, %q", h.Strikes, h.StrikeThree, c.strikes, c.third)
			}
		})
	}
}

func TestApologies(t *testing.T) {
	const sorry = signal.Apology
	bot := func(at float64, found signal.Set) step { return says(at, event.BotRole, found) }
	for name, c := range map[string]struct {
		steps []step
		want  int
		third string
	}{
		"three in a row, the customer between": {
			[]step{bot(1, sorry), says(2, event.CustomerRole, 0), bot(3, sorry), says(4, event.AgentRole, sorry), bot(5, sorry)}, 3, "e4"},
		"another word between":             {[]step{bot(1, sorry), bot(2, sorry), bot(3, 0), bot(4, sorry)}, 2, ""},
		"an apology that does something":   {[]step{bot(1, sorry), bot(2, sorry), bot(3, sorry|signal.Action), bot(4, sorry)}, 2, ""},
		"a call back promised between":     {[]step{bot(1, sorry), bot(2, sorry), does(3, event.CallbackPromised), bot(4, sorry)}, 2, ""},
		"queued between":                   {[]step{bot(1, sorry), bot(2, sorry), does(3, event.HandoffQueued), bot(4, sorry)}, 2, ""},
		"asking for a person does nothing": {[]step{bot(1, sorry), bot(2, sorry), does(3, event.HandoffRequested), bot(4, sorry)}, 3, "e4"},
		"turning away does nothing":        {[]step{bot(1, sorry), bot(2, sorry), does(3, event.HandoffRejected), bot(4, sorry)}, 3, "e4"},
		"the service hands over itself":    {[]step{bot(1, sorry), bot(2, sorry), does(3, event.HandoffRequested, by(event.BotRole)), bot(4, sorry)}, 2, ""},
		"a filed complaint does nothing":   {[]step{bot(1, sorry), bot(2, sorry), does(3, event.ComplaintFiled), bot(4, sorry)}, 3, "e4"},
		"an acknowledged one is something": {[]step{bot(1, sorry), bot(2, sorry), does(3, event.ComplaintAcknowledged), bot(4, sorry)}, 2, ""},
		"the system does not apologise":    {[]step{bot(1, sorry), bot(2, sorry), says(3, event.SystemRole, sorry)}, 2, ""},
		"facts stop at three":              {[]step{bot(1, sorry), bot(2, sorry), bot(3, sorry), bot(4, sorry), bot(5, 0)}, 3, "e3"},
	} {
		t.Run(name, func(t *testing.T) {
			v := folded(t, c.steps...).Facts.Service
			if v.Apologies != c.want || v.ThirdApology != c.third {
				t.Errorf("%d apologies, third %q; want %d, %q", v.Apologies, v.ThirdApology, c.want, c.third)
			}
		})
	}
}

func TestBot(t *testing.T) {
	bot := func(at float64, found signal.Set) step { return says(at, event.BotRole, found) }
	mark := func(s step, text string) step {
		s.e.AI = &event.AI{Mark: text}
		return s
	}
	at := func(seconds policies.Millis) policies.Millis { return start + seconds*second }
	for name, c := range map[string]struct {
		steps []step
		want  policies.BotFacts
	}{
		"nobody but people": {[]step{says(1, event.AgentRole, signal.LabelFull|signal.Notice)}, policies.BotFacts{}},
		"labelled at once": {[]step{bot(1, signal.LabelFull)},
			policies.BotFacts{Texts: 1, FullAt: 1, First: "e1", FirstAt: at(1)}},
		"late and incomplete": {[]step{bot(1, 0), bot(2, signal.LabelIncomplete), bot(3, 0), bot(4, signal.LabelFull|signal.LabelIncomplete)},
			policies.BotFacts{Texts: 3, FullAt: 4, IncompleteAt: 2, Third: "e3", ThirdAt: at(3), Unlabelled: "e1", UnlabelledAt: at(1), UnlabelledForm: policies.NoLabel, First: "e1", FirstAt: at(1)}},
		"the second text is incomplete": {[]step{bot(1, signal.LabelFull), bot(2, signal.LabelIncomplete)},
			policies.BotFacts{Texts: 2, FullAt: 1, IncompleteAt: 2, Unlabelled: "e2", UnlabelledAt: at(2), UnlabelledForm: policies.IncompleteLabel, First: "e1", FirstAt: at(1)}},
		"a corner mark labels its message": {[]step{mark(bot(1, 0), " ai "), mark(bot(2, 0), "智能")},
			policies.BotFacts{Texts: 2, FullAt: 1, Unlabelled: "e2", UnlabelledAt: at(2), UnlabelledForm: policies.NoLabel, First: "e1", FirstAt: at(1)}},
		"a label after the end is none": {[]step{bot(1, 0), does(2, event.SessionClosed), bot(3, signal.LabelFull)},
			policies.BotFacts{Texts: 2, Unlabelled: "e1", UnlabelledAt: at(1), UnlabelledForm: policies.NoLabel, First: "e1", FirstAt: at(1)}},
		"notice in the second text of the first turn": {[]step{bot(1, 0), does(2, event.MenuStep), bot(3, signal.Notice)},
			policies.BotFacts{Texts: 2, Unlabelled: "e1", UnlabelledAt: at(1), UnlabelledForm: policies.NoLabel, First: "e1", FirstAt: at(1), FirstNotice: true}},
		"notice only after somebody else spoke": {[]step{bot(1, 0), says(2, event.CustomerRole, 0), bot(3, signal.Notice)},
			policies.BotFacts{Texts: 2, Unlabelled: "e1", UnlabelledAt: at(1), UnlabelledForm: policies.NoLabel, First: "e1", FirstAt: at(1)}},
		"a picture is no text": {[]step{does(1, event.Message, by(event.BotRole)), bot(2, signal.LabelFull)},
			policies.BotFacts{Texts: 1, FullAt: 1, First: "e2", FirstAt: at(2)}},
		"unlabelled on request, logged": {[]step{does(1, event.SessionOpened, func(e *event.Event) {
			e.Unlabeled = &event.Unlabeled{RequestID: "r", AgreementID: "a", LogID: "l"}
		})}, policies.BotFacts{Waived: true}},
		"unlabelled on request, no log": {[]step{does(1, event.SessionOpened, func(e *event.Event) {
			e.Unlabeled = &event.Unlabeled{RequestID: "r", AgreementID: "a"}
		})}, policies.BotFacts{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Bot; got != c.want {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestOpening(t *testing.T) {
	age, no, yes := 71, false, true
	opened := does(0, event.SessionOpened, func(e *event.Event) {
		e.Tenant, e.Channel, e.BusinessLine, e.Industry = "t1", "app", "宽带", "telecom"
		e.Bot = &event.Bot{ID: "b", Version: "3"}
		e.Customer = &event.Customer{ID: "c", Jurisdiction: " us-ca ", ElderMode: &no, Province: "河南"}
		e.Entrance = &event.Entrance{HumanOptionVisible: &yes}
	})
	later := does(1, event.Message, func(e *event.Event) {
		e.Channel = "phone"
		e.Bot = &event.Bot{Version: "4", Model: "m"}
		e.Customer = &event.Customer{Age: &age, Needs: []string{"vision"}}
		e.Entrance = &event.Entrance{ElderChannel: &yes}
	})
	s := folded(t, opened, later)
	if s.Tenant != "t1" || s.Derived || s.Customer != "c" {
		t.Errorf("tenant %q, derived %v, customer %q", s.Tenant, s.Derived, s.Customer)
	}
	if s.Bot.ID != "b" || s.Bot.Version != "3" || s.Bot.Model != "m" {
		t.Errorf("bot %+v", s.Bot)
	}
	f := s.Facts
	if f.Jurisdiction != "US-CA" || f.Channel != "app" || f.BusinessLine != "宽带" || f.Industry != "telecom" || f.Province != "河南" || f.Opened != start {
		t.Errorf("facts %+v", f)
	}
	if f.Elder == nil || !*f.Elder || !f.Accessible {
		t.Errorf("elder %v, accessible %v: a later report is merged", f.Elder, f.Accessible)
	}
	if f.NoElderChannel != "" || f.NoElderChannelAt != 0 {
		t.Errorf("no elder channel at %q, but there is one", f.NoElderChannel)
	}
	aged := does(1, event.Message, func(e *event.Event) { e.Customer = &event.Customer{Age: &age} })
	if f := folded(t, opened, aged, aged).Facts; f.NoElderChannel != "e2" || f.NoElderChannelAt != start+second {
		t.Errorf("no elder channel at %q (%d), want where the age became known", f.NoElderChannel, f.NoElderChannelAt)
	}
	want := policies.Entrance{HumanOptionVisible: true, Told: "e1", ToldAt: start, ElderChannel: true, Label: policies.NoLabel}
	if f.Entrance == nil || *f.Entrance != want {
		t.Errorf("entrance %+v, want %+v", f.Entrance, want)
	}

	derived := folded(t, later)
	if !derived.Derived || derived.Tenant != DefaultTenant || derived.Facts.Opened != start+second {
		t.Errorf("without session.opened: derived %v, tenant %q, opened %d", derived.Derived, derived.Tenant, derived.Facts.Opened)
	}
	if plain := folded(t, says(0, event.CustomerRole, 0)); plain.Facts.Elder != nil || plain.Facts.Entrance != nil {
		t.Error("what nobody reported must stay unknown")
	}
	sixtyFour := 64
	young := folded(t, does(0, event.SessionOpened, func(e *event.Event) { e.Customer = &event.Customer{Age: &sixtyFour} }))
	if e := young.Facts.Elder; e == nil || *e {
		t.Errorf("64 years: elder %v, want known to be false", e)
	}
}

func TestClose(t *testing.T) {
	yes := true
	reported := func(at float64) step {
		return does(at, event.SessionClosed, func(e *event.Event) {
			e.Close = &event.Close{By: "agent", Reason: "ended", Resolved: &yes}
		})
	}
	const day = 24 * 3600

	f := folded(t, says(0, event.CustomerRole, 0), reported(9), reported(10)).Facts
	if f.Closed != start+9*second || f.ClosedID != "e2" || f.ClosedBy != "agent" || f.ClosedAs != "ended" || f.Resolved == nil || !*f.Resolved {
		t.Errorf("reported: %+v", f)
	}
	idle := func(f policies.Facts) bool {
		return f.Closed == start+IdleClose && f.ClosedID == "" && f.ClosedBy == "system" && f.ClosedAs == "idle" && f.Resolved == nil
	}
	if f := folded(t, says(0, event.CustomerRole, 0), reported(day)).Facts; !idle(f) {
		t.Errorf("silence before the reported end: %+v", f)
	}
	if f := folded(t, says(0, event.CustomerRole, 0), says(day-1, event.CustomerRole, 0)).Facts; f.Closed != 0 {
		t.Errorf("a gap of less than 24 h closed the session")
	}

	s := folded(t, says(0, event.BotRole, 0))
	if s.IdleAt() != start+IdleClose {
		t.Errorf("idle at %d", s.IdleAt())
	}
	if s.Advance(start+IdleClose-1) != 0 || s.Facts.Closed != 0 {
		t.Error("closed before its time")
	}
	if s.Advance(start+IdleClose) == 0 || !idle(s.Facts) || s.IdleAt() != 0 {
		t.Errorf("time alone must close: %+v", s.Facts)
	}
	if !s.Late(Order{At: start + IdleClose - 1, Offset: 9}) {
		t.Error("an event before the derived end is late")
	}
	if s.Late(Order{At: start + IdleClose, Offset: 9}) {
		t.Error("an event at the derived end is not late")
	}
}

// A rule must be asked again exactly when it could tell the difference.
func TestChanged(t *testing.T) {
	s := New("s", "")
	n := 0
	fold := func(st step) bool {
		n++
		e := st.e
		e.ID = fmt.Sprint("e", n)
		return s.Fold(&e, Order{e.At, int64(n)}, st.found, nil) != 0
	}
	for _, c := range []struct {
		name string
		step step
		want bool
	}{
		{"the opening", does(0, event.SessionOpened), true},
		{"small talk", says(1, event.CustomerRole, 0), false},
		{"a request", says(2, event.CustomerRole, signal.HumanRequest), true},
		{"its click", does(3, event.HandoffRequested), false},
		{"a person", does(4, event.HandoffAccepted, by(event.AgentRole)), true},
		{"the person's first text", says(5, event.AgentRole, 0), true},
		{"the person's next text", says(5, event.AgentRole, 0), false},
		{"an age", does(6, event.Message, func(e *event.Event) { age := 30; e.Customer = &event.Customer{Age: &age} }), true},
		{"the same age again", does(7, event.Message, func(e *event.Event) { age := 30; e.Customer = &event.Customer{Age: &age} }), false},
		{"the end", does(8, event.SessionClosed), true},
		{"another end", does(9, event.SessionClosed), false},
	} {
		if got := fold(c.step); got != c.want {
			t.Errorf("%s: changed %v, want %v", c.name, got, c.want)
		}
	}
}
