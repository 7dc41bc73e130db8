package session

import (
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"

	"pgregory.net/rapid"
)

const (
	customer = event.CustomerRole
	bot      = event.BotRole
	agent    = event.AgentRole
	system   = event.SystemRole
	asks     = signal.HumanRequest
)

func entrance(visible, oneTap *bool) func(*event.Event) {
	return func(e *event.Event) {
		e.Entrance = &event.Entrance{HumanOptionVisible: visible, OneTapHuman: oneTap}
	}
}

// madeOf is what the service made of the wish for a person.
func madeOf(t *testing.T, steps []step) policies.Contact {
	if c := folded(t, steps...).Facts.Contact; c != nil {
		return *c
	}
	return policies.Contact{}
}

func at(seconds float64) policies.Millis { return start + policies.Millis(seconds*1000) }

func TestTurnedAway(t *testing.T) {
	for name, c := range map[string]struct {
		steps []step
		times int
		third string
	}{
		"three times": {
			steps: []step{says(1, customer, asks), says(2, bot, 0), says(20, customer, asks), says(21, bot, 0), says(40, customer, asks), says(41, bot, 0), says(42, bot, 0)},
			times: 3, third: "e6",
		},
		"each request once, however much the bot says": {
			steps: []step{says(1, customer, asks), says(2, bot, 0), says(3, bot, 0), says(4, bot, 0)}, times: 1,
		},
		"nobody asked": {steps: []step{says(1, customer, 0), says(2, bot, 0), does(3, event.HandoffRejected)}},
		"clicked and typed is one wish": {
			steps: []step{does(1, event.HandoffRequested), does(2, event.HandoffRejected), says(5, customer, asks), says(6, bot, 0)}, times: 1,
		},
		"offering and beginning turn nobody away": {
			steps: []step{says(1, customer, asks), says(2, bot, signal.HandoffOffer), says(20, customer, asks), says(21, bot, signal.HandoffStart), says(22, bot, 0)},
		},
		"busy turns away, told by the bot or the system": {
			steps: []step{says(1, customer, asks), says(2, bot, signal.Busy), says(20, customer, asks), says(21, system, signal.Busy), says(40, customer, asks), says(41, system, 0)}, times: 2,
		},
		"another way is no refusal": {
			steps: []step{says(1, customer, asks), says(2, bot, signal.Busy|signal.OffersWay), says(3, bot, 0), says(20, customer, asks), says(21, system, signal.TellsQueue), says(22, bot, 0)},
		},
		"a person's rejection is not the machine's": {
			steps: []step{says(1, customer, asks), does(2, event.HandoffRejected, by(agent)), says(20, customer, asks), does(21, event.HandoffRejected, by(system))}, times: 1,
		},
		"a person begins the count anew": {
			steps: []step{
				says(1, customer, asks), says(2, bot, 0), says(20, customer, asks), says(21, bot, 0), does(25, event.HandoffAccepted, by(agent)),
				says(40, customer, asks), says(41, bot, 0),
			}, times: 1,
		},
		"what three times were stays": {
			steps: []step{
				says(1, customer, asks), says(2, bot, 0), says(20, customer, asks), says(21, bot, 0), says(40, customer, asks), says(41, bot, 0),
				does(50, event.HandoffAccepted, by(agent)), says(55, customer, signal.RequestWithdraw), says(60, customer, asks), says(61, bot, 0),
			}, times: 3, third: "e6",
		},
		"taken back in words": {
			steps: []step{
				says(1, customer, asks), says(2, bot, 0), says(20, customer, asks), says(21, bot, 0), says(40, customer, asks), says(41, bot, 0),
				says(45, customer, signal.RequestWithdraw),
			}, times: 1,
		},
		"taken back before anything was said": {
			steps: []step{says(1, customer, asks), says(5, customer, signal.RequestWithdraw), says(6, bot, 0)},
		},
		"taken back too late": {
			steps: []step{says(1, customer, asks), says(2, bot, 0), says(31, customer, signal.RequestWithdraw)}, times: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := madeOf(t, c.steps)
			if got.TurnedAway != c.times || got.Third != c.third {
				t.Errorf("turned away %d times, third %q; want %d, %q", got.TurnedAway, got.Third, c.times, c.third)
			}
			if (got.ThirdAt != 0) != (c.third != "") {
				t.Errorf("third at %d", got.ThirdAt)
			}
		})
	}
}

func TestOffered(t *testing.T) {
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"nothing":                          {steps: []step{says(1, customer, asks), says(2, bot, 0)}},
		"a hand-over":                      {steps: []step{says(1, customer, asks), says(2, bot, signal.HandoffStart)}, want: "e2"},
		"another way":                      {steps: []step{says(1, customer, asks), says(2, system, signal.OffersWay)}, want: "e2"},
		"a queue":                          {steps: []step{says(1, customer, asks), does(2, event.HandoffQueued, by(system))}, want: "e2"},
		"a call back":                      {steps: []step{says(1, customer, asks), does(2, event.CallbackPromised)}, want: "e2"},
		"a person":                         {steps: []step{says(1, customer, asks), says(2, agent, 0)}, want: "e2"},
		"a rejection that names a way":     {steps: []step{says(1, customer, asks), foundIn(does(2, event.HandoffRejected, by(system)), signal.OffersWay)}, want: "e2"},
		"busy is no way":                   {steps: []step{says(1, customer, asks), says(2, bot, signal.Busy)}},
		"busy with a way":                  {steps: []step{says(1, customer, asks), says(2, bot, signal.Busy|signal.OffersWay)}, want: "e2"},
		"before anybody asked":             {steps: []step{says(1, bot, signal.HandoffOffer), says(2, customer, asks), says(3, bot, 0)}},
		"the customer's click is no offer": {steps: []step{does(1, event.HandoffRequested, by(customer))}},
		"the bot's own request is":         {steps: []step{says(1, customer, asks), does(2, event.HandoffRequested, by(bot))}, want: "e2"},
		"an offer to a request that was taken back": {
			steps: []step{says(1, customer, asks), says(2, bot, signal.HandoffStart), says(5, customer, signal.RequestWithdraw), says(60, customer, asks), says(61, bot, 0)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := madeOf(t, c.steps); got.Offered != c.want || (got.OfferedAt != 0) != (c.want != "") {
				t.Errorf("offered %q at %d, want %q", got.Offered, got.OfferedAt, c.want)
			}
		})
	}
}

func foundIn(s step, found signal.Set) step {
	s.found, s.e.Text = found, "…"
	return s
}

func reason(r string) func(*event.Event) {
	return func(e *event.Event) { e.Handoff = &event.Handoff{Reason: r} }
}

func TestDeadEnd(t *testing.T) {
	busy := signal.Busy
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"busy, and nothing else":                  {steps: []step{says(1, bot, busy), says(5, customer, 0), says(6, bot, signal.OffersWay)}, want: "e1"},
		"in a rejection":                          {steps: []step{foundIn(does(1, event.HandoffRejected, by(system)), busy)}, want: "e1"},
		"as the reason of a rejection":            {steps: []step{does(1, event.HandoffRejected, by(system), reason("agents_busy"))}, want: "e1"},
		"another reason":                          {steps: []step{does(1, event.HandoffRejected, by(system), reason("policy"))}},
		"a reason, and a way in the text":         {steps: []step{foundIn(does(1, event.HandoffRejected, by(system), reason("busy")), signal.OffersWay)}},
		"a way in the same text":                  {steps: []step{says(1, bot, busy|signal.OffersWay)}},
		"a place in the same text":                {steps: []step{says(1, bot, busy|signal.TellsQueue)}},
		"a way in the next":                       {steps: []step{says(1, bot, busy), says(2, bot, signal.OffersWay)}},
		"a queue follows":                         {steps: []step{says(1, bot, busy), does(2, event.HandoffQueued, by(system))}},
		"a person follows":                        {steps: []step{says(1, system, busy), does(20, event.HandoffAccepted, by(agent))}},
		"a person who says so is there":           {steps: []step{says(1, agent, busy)}},
		"queued with the words":                   {steps: []step{foundIn(does(1, event.HandoffQueued, by(system)), busy)}},
		"the first that stays":                    {steps: []step{says(1, bot, busy), says(2, bot, signal.OffersWay), says(3, customer, 0), says(4, bot, busy), says(5, customer, 0), says(6, bot, busy)}, want: "e4"},
		"small talk neither cures nor settles it": {steps: []step{says(1, bot, busy), says(2, bot, 0), says(3, bot, signal.HandoffOffer)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := madeOf(t, c.steps); got.DeadEnd != c.want || (got.DeadEndAt != 0) != (c.want != "") {
				t.Errorf("dead end %q at %d, want %q", got.DeadEnd, got.DeadEndAt, c.want)
			}
		})
	}
}

func TestNoHumanInTheEntrance(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"nothing reported":  {steps: []step{does(0, event.SessionOpened)}},
		"not shown":         {steps: []step{does(0, event.SessionOpened, entrance(&no, nil))}, want: "e1"},
		"left out":          {steps: []step{does(0, event.SessionOpened, entrance(nil, nil))}, want: "e1"},
		"shown":             {steps: []step{does(0, event.SessionOpened, entrance(&yes, nil))}},
		"one tap":           {steps: []step{does(0, event.SessionOpened, entrance(nil, &yes))}},
		"one tap after all": {steps: []step{does(0, event.SessionOpened, entrance(nil, &no)), does(1, event.SessionOpened, entrance(nil, &yes))}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := madeOf(t, c.steps); got.NoHuman != c.want || (got.NoHumanAt != 0) != (c.want != "") {
				t.Errorf("no human option %q at %d, want %q", got.NoHuman, got.NoHumanAt, c.want)
			}
		})
	}
}

// contacted gives an event what the fold reads of menus, levels, entrances and calls back.
func contacted(t *rapid.T, e *event.Event) {
	if rapid.IntRange(0, 2).Draw(t, "contacted") != 0 {
		return
	}
	e.Actor.Level = rapid.SampledFrom([]string{"", "L2", "supervisor"}).Draw(t, "level")
	e.Callback = &event.Due{Due: rapid.SampledFrom([]string{"", "2026-10-12T18:00:00+08:00"}).Draw(t, "due")}
	e.Menu = &event.Menu{
		Level:    rapid.IntRange(0, 4).Draw(t, "menu level"),
		Pressed:  rapid.SampledFrom([]string{"", "1", "0"}).Draw(t, "pressed"),
		HumanKey: rapid.SampledFrom([]string{"", "0"}).Draw(t, "human key"),
		Options:  rapid.SliceOfN(rapid.SampledFrom([]string{"0 人工", "1 查询", "0 重听"}), 0, 3).Draw(t, "options"),
	}
	visible, tap := rapid.Bool().Draw(t, "visible"), rapid.Bool().Draw(t, "one tap")
	e.Entrance = &event.Entrance{HumanOptionVisible: &visible, OneTapHuman: &tap}
}
