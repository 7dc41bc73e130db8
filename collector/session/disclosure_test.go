package session

import (
	"reflect"
	"strings"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"

	"pgregory.net/rapid"
)

// moment is some seconds after the start.
func moment(seconds float64) policies.Millis { return start + policies.Millis(seconds*1000) }

// disclosed draws what the fold of disclosure and of decisions looks at beside texts.
func disclosed(t *rapid.T, e *event.Event) {
	yes, no := true, false
	if rapid.IntRange(0, 2).Draw(t, "disclosed") > 0 {
		return
	}
	e.Channel = rapid.SampledFrom([]string{"", "app", "phone"}).Draw(t, "channel")
	e.Text = rapid.SampledFrom([]string{"…", "", strings.Repeat("字", 40)}).Draw(t, "text")
	e.Actor.Automated = rapid.Bool().Draw(t, "automated")
	e.Actor.ID = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "actor")
	e.Appeal = rapid.Bool().Draw(t, "appeal")
	seconds, score := 3.5, 40.0
	e.Media = rapid.SampledFrom([]*event.Media{nil, {Seconds: &seconds}, {RhythmLabel: &yes}}).Draw(t, "media")
	e.AI = rapid.SampledFrom([]*event.AI{nil, {Emotion: &score}}).Draw(t, "ai")
	e.Unlabeled = rapid.SampledFrom([]*event.Unlabeled{nil, {RequestID: "r"}, {RequestID: "q"}, {AgreementID: "a", LogID: "l"}, {}}).Draw(t, "unlabelled")
	e.Decision = rapid.SampledFrom([]*event.Decision{nil, {Kind: "other"}, {Kind: "refund_refused", Automated: &yes}, {Automated: &no, Explained: &yes}, {Major: &no}}).Draw(t, "decision")
}

func TestWhoIsSpeaking(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	const (
		notice = signal.Notice
		asks   = signal.AsksIfAI
		sells  = signal.Marketing
		poses  = signal.PosesAsPerson
		denies = signal.AIDenied
	)
	denied := func(id string, seconds float64) policies.Disclosure {
		return policies.Disclosure{Denied: id, DeniedAt: moment(seconds)}
	}
	masked := func(id string, seconds float64) policies.Disclosure {
		return policies.Disclosure{Masked: id, MaskedAt: moment(seconds)}
	}
	sold := func(id string, seconds float64) policies.Disclosure {
		return policies.Disclosure{Sold: id, SoldAt: moment(seconds)}
	}
	posed := func(id string, seconds float64) policies.Disclosure {
		return policies.Disclosure{Posed: id, PosedAt: moment(seconds)}
	}
	untold := func(question, id string, seconds float64) policies.Disclosure {
		return policies.Disclosure{Question: question, Untold: id, UntoldAt: moment(seconds)}
	}
	shown := does(0, event.SessionOpened, func(e *event.Event) { e.Entrance = &event.Entrance{} })

	for name, c := range map[string]struct {
		steps []step
		want  policies.Disclosure
	}{
		"nothing":                         {steps: []step{says(1, bot, 0), says(2, customer, 0)}},
		"the first denial":                {steps: []step{says(1, bot, denies), says(2, customer, 0), says(3, bot, denies)}, want: denied("e1", 1)},
		"a person says so":                {steps: []step{says(1, agent, denies)}},
		"a machine shown as an agent too": {steps: []step{automatedStep(says(1, agent, denies))}, want: policies.Disclosure{Denied: "e1", DeniedAt: moment(1), Masked: "e1", MaskedAt: moment(1)}},
		"a machine that takes over":       {steps: []step{automatedStep(does(1, event.HandoffAccepted, by(agent))), automatedStep(says(2, agent, 0))}, want: masked("e1", 1)},
		"a machine that only reports":     {steps: []step{automatedStep(does(1, event.DecisionMade, by(agent)))}},
		"a bot that says it is automated": {steps: []step{automatedStep(says(1, bot, 0))}},

		"sold without a notice":        {steps: []step{says(1, bot, sells), says(2, customer, 0), says(3, bot, notice)}, want: sold("e1", 1)},
		"the first that sells":         {steps: []step{says(1, bot, 0), says(2, bot, sells), says(3, bot, sells)}, want: sold("e2", 2)},
		"told before it sells":         {steps: []step{says(1, bot, notice), says(2, customer, 0), says(3, bot, sells)}},
		"told with it":                 {steps: []step{says(1, bot, notice|sells)}},
		"told in the same turn":        {steps: []step{says(1, bot, sells), says(2, bot, notice)}},
		"told by the system":           {steps: []step{says(1, system, notice), says(2, bot, sells)}},
		"told and denied at once":      {steps: []step{says(1, bot, notice|denies|sells)}, want: policies.Disclosure{Denied: "e1", DeniedAt: moment(1), Sold: "e1", SoldAt: moment(1)}},
		"a person sells":               {steps: []step{says(1, agent, sells)}},
		"a person ends the bot's turn": {steps: []step{says(1, bot, sells), says(2, agent, 0), says(3, bot, notice)}, want: sold("e1", 1)},
		"the entrance says nothing":    {steps: []step{shown, says(1, bot, sells)}, want: sold("e2", 1)},

		"a name without a notice":       {steps: []step{says(1, bot, poses)}, want: posed("e1", 1)},
		"a name, and told in that turn": {steps: []step{says(1, bot, poses), says(2, bot, notice)}},
		"a name, and told before":       {steps: []step{says(1, bot, notice), says(2, bot, poses)}},
		"the customer has a name":       {steps: []step{says(1, customer, poses)}},

		"asked and not told": {steps: []step{says(1, customer, asks), says(2, bot, 0), says(3, customer, 0), says(4, bot, notice)}, want: untold("e1", "e2", 2)},
		"asked and told":     {steps: []step{says(1, customer, asks), says(2, bot, notice)}},
		"asked and told in the next turn, not its first text": {
			steps: []step{says(1, customer, asks), says(2, bot, 0), says(3, bot, 0), says(4, bot, notice)},
		},
		"asked and denied": {
			steps: []step{says(1, customer, asks), says(2, bot, denies)},
			want:  policies.Disclosure{Denied: "e2", DeniedAt: moment(2), Question: "e1", Untold: "e2", UntoldAt: moment(2)},
		},
		"told beforehand does not answer": {
			steps: []step{says(1, bot, notice), says(2, customer, asks), says(3, bot, 0)}, want: untold("e2", "e3", 3),
		},
		"a system's line answers":        {steps: []step{says(1, customer, asks), says(2, system, notice), says(3, bot, 0)}},
		"a system's other line does not": {steps: []step{says(1, customer, asks), says(2, system, 0), says(3, bot, 0)}, want: untold("e1", "e3", 3)},
		"a person answers":               {steps: []step{says(1, customer, asks), says(2, agent, 0), says(3, bot, 0)}},
		"a person takes over":            {steps: []step{says(1, customer, asks), does(2, event.HandoffAccepted, by(agent)), says(3, bot, 0)}},
		"a machine takes over": {
			steps: []step{says(1, customer, asks), automatedStep(does(2, event.HandoffAccepted, by(agent))), says(3, bot, 0)},
			want:  policies.Disclosure{Masked: "e2", MaskedAt: moment(2), Question: "e1", Untold: "e3", UntoldAt: moment(3)},
		},
		"asked twice, told once": {
			steps: []step{says(1, customer, asks), says(2, bot, notice), says(3, customer, asks), says(4, bot, 0), says(5, customer, 0)},
			want:  untold("e3", "e4", 4),
		},
		"the first time counts": {
			steps: []step{says(1, customer, asks), says(2, bot, 0), says(3, customer, asks), says(4, bot, 0)}, want: untold("e1", "e2", 2),
		},
		"the later time is told, the first was not": {
			steps: []step{says(1, customer, asks), says(2, bot, 0), says(3, customer, asks), says(4, bot, 0), says(5, bot, notice)}, want: untold("e1", "e2", 2),
		},
		"nobody replies": {steps: []step{says(1, customer, asks), does(2, event.SessionClosed)}},
	} {
		got := policies.Disclosure{}
		if d := folded(t, c.steps...).Facts.Disclosure; d != nil {
			got = *d
		}
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestInterfaceNoticeIsOne(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	s := New("s", "")
	s.Facts.Entrance = &policies.Entrance{Notice: true}
	e := event.Event{ID: "e1", At: start, Kind: event.Message, Actor: event.Actor{Role: bot}, Text: "…"}
	s.Fold(&e, Order{start, 1}, signal.Marketing, nil)
	if s.Facts.Disclosure != nil {
		t.Errorf("%+v", s.Facts.Disclosure)
	}
}

func TestEmotionScored(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	scored := func(s step) step {
		zero := 0.0
		s.e.AI = &event.AI{Emotion: &zero}
		return s
	}
	const tells = signal.EmotionNotice
	unannounced := func(first, at string, seconds float64) policies.Scoring {
		return policies.Scoring{First: first, Unannounced: at, UnannouncedAt: start + policies.Millis(seconds*1000)}
	}
	for name, c := range map[string]struct {
		steps []step
		want  policies.Scoring
	}{
		"not scored":                 {steps: []step{says(1, bot, 0), says(2, customer, 0)}},
		"scored, nothing said yet":   {steps: []step{scored(says(1, customer, 0))}},
		"scored, then no word of it": {steps: []step{scored(says(1, customer, 0)), says(2, bot, 0)}, want: unannounced("e1", "e2", 2)},
		"scored after the greeting":  {steps: []step{says(1, bot, 0), scored(says(2, customer, 0))}, want: unannounced("e2", "e2", 2)},
		"told in the greeting":       {steps: []step{says(1, bot, tells), scored(says(2, customer, 0)), says(3, bot, 0)}},
		"told before, later than the first turn": {
			steps: []step{says(1, bot, 0), says(2, customer, 0), says(3, bot, tells), scored(says(4, customer, 0))},
		},
		"told in the first turn": {steps: []step{scored(says(1, customer, 0)), says(2, bot, 0), says(3, bot, tells)}},
		"told too late": {
			steps: []step{scored(says(1, customer, 0)), says(2, bot, 0), scored(says(3, customer, 0)), says(4, bot, tells)}, want: unannounced("e1", "e2", 2),
		},
		"the system tells":             {steps: []step{says(0, system, tells), scored(says(1, customer, 0)), says(2, bot, 0)}},
		"the customer speaks of it":    {steps: []step{scored(says(1, customer, tells)), says(2, bot, 0)}, want: unannounced("e1", "e2", 2)},
		"scored with the bot's answer": {steps: []step{says(1, customer, 0), scored(says(2, bot, 0))}, want: unannounced("e2", "e2", 2)},
		"a person serves":              {steps: []step{scored(says(1, customer, 0)), says(2, agent, 0)}, want: unannounced("e1", "e2", 2)},
	} {
		got := policies.Scoring{}
		if d := folded(t, c.steps...).Facts.Scoring; d != nil {
			got = *d
		}
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestTypingFasterThanPeople(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	types := func(at float64, id string, characters int) step {
		s := says(at, agent, 0)
		s.e.Actor.ID, s.e.Text = id, strings.Repeat("字", characters)
		return s
	}
	burst := func(id string, seconds float64, pace float64) policies.Burst {
		return policies.Burst{ID: id, At: moment(seconds), Pace: pace}
	}
	for name, c := range map[string]struct {
		steps []step
		want  []policies.Burst
	}{
		"three running": {
			steps: []step{says(0, customer, 0), types(2, "a", 40), says(10, customer, 0), types(12, "a", 32), says(20, customer, 0), types(21, "a", 30)},
			want:  []policies.Burst{burst("e6", 21, 16)},
		},
		"two are not": {
			steps: []step{says(0, customer, 0), types(2, "a", 40), says(10, customer, 0), types(12, "a", 32)},
		},
		"since the customer's last event, whatever it is": {
			steps: []step{says(0, customer, 0), types(1, "a", 20), does(9, event.HandoffRequested, by(customer)), types(10, "a", 20), types(11, "a", 40)},
			want:  []policies.Burst{burst("e5", 11, 20)},
		},
		"short ones neither count nor break the row": {
			steps: []step{says(0, customer, 0), types(1, "a", 20), types(1, "a", 19), types(1, "a", 20), types(1, "a", 5), types(1, "a", 20)},
			want:  []policies.Burst{burst("e6", 1, 20)},
		},
		"another agent begins anew": {
			steps: []step{says(0, customer, 0), types(1, "a", 20), types(1, "a", 20), types(1, "b", 20), types(1, "b", 20)},
		},
		"a slow one breaks the row": {
			steps: []step{says(0, customer, 0), types(1, "a", 20), types(1, "a", 20), says(2, customer, 0), types(12, "a", 20), says(20, customer, 0), types(21, "a", 20), types(21, "a", 20)},
		},
		"ever faster ones only": {
			steps: []step{says(0, customer, 0), types(2, "a", 20), types(2, "a", 20), types(2, "a", 20), types(2, "a", 20), types(2, "a", 60), types(2, "a", 60), types(2, "a", 60)},
			want:  []policies.Burst{burst("e4", 2, 10), burst("e8", 2, 30)},
		},
		"in no time at all": {
			steps: []step{says(0, customer, 0), types(0, "a", 20), types(0, "a", 20), types(0, "a", 20)},
			want:  []policies.Burst{burst("e4", 0, 20_000)},
		},
		"before the customer did anything": {
			steps: []step{types(1, "a", 20), types(1, "a", 20), types(1, "a", 20), says(2, bot, 0)},
		},
		"a machine is known by its mark": {
			steps: []step{says(0, customer, 0), automatedStep(types(1, "a", 20)), automatedStep(types(1, "a", 20)), automatedStep(types(1, "a", 20))},
		},
	} {
		if got := folded(t, c.steps...).Facts.Bursts; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestBurstsAreBounded(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	steps := []step{says(0, customer, 0)}
	for n := range 40 {
		s := says(1, agent, 0)
		s.e.Text = strings.Repeat("x", 20+n)
		steps = append(steps, s)
	}
	if got := folded(t, steps...).Facts.Bursts; len(got) != maxBursts || got[0].Pace != 20 {
		t.Errorf("%+v", got)
	}
}

func TestUnlabelledOnRequest(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	gives := func(at float64, u event.Unlabeled) step {
		return does(at, event.Message, by(bot), func(e *event.Event) { e.Unlabeled = &u })
	}
	full := event.Unlabeled{RequestID: "r", AgreementID: "a", LogID: "l"}
	for name, c := range map[string]struct {
		steps  []step
		waived bool
		want   *policies.Unlogged
	}{
		"all there":    {steps: []step{gives(1, full)}, waived: true},
		"nothing":      {steps: []step{gives(1, event.Unlabeled{})}, want: &policies.Unlogged{ID: "e1", At: moment(1)}},
		"no log":       {steps: []step{gives(1, event.Unlabeled{RequestID: "r", AgreementID: "a"})}, want: &policies.Unlogged{ID: "e1", At: moment(1), Request: "r", Agreement: "a"}},
		"no request":   {steps: []step{gives(1, event.Unlabeled{AgreementID: "a", LogID: "l"})}, want: &policies.Unlogged{ID: "e1", At: moment(1), Agreement: "a", Log: "l"}},
		"no agreement": {steps: []step{gives(1, event.Unlabeled{RequestID: "r", LogID: "l"})}, want: &policies.Unlogged{ID: "e1", At: moment(1), Request: "r", Log: "l"}},
		"completed later": {
			steps: []step{gives(1, event.Unlabeled{RequestID: "r"}), gives(2, event.Unlabeled{RequestID: "r", AgreementID: "a"}), gives(3, event.Unlabeled{LogID: "l"})}, waived: true,
		},
		"of the same output": {
			steps: []step{gives(1, event.Unlabeled{RequestID: "r"}), gives(2, full)}, waived: true,
		},
		"another output has its log": {
			steps: []step{gives(1, event.Unlabeled{RequestID: "q"}), gives(2, full)}, waived: true, want: &policies.Unlogged{ID: "e1", At: moment(1), Request: "q"},
		},
		"the first of two": {
			steps: []step{gives(1, event.Unlabeled{RequestID: "q"}), gives(2, event.Unlabeled{RequestID: "r", LogID: "l"})}, want: &policies.Unlogged{ID: "e1", At: moment(1), Request: "q"},
		},
	} {
		f := folded(t, c.steps...).Facts
		if f.Bot.Waived != c.waived || !reflect.DeepEqual(f.Unlogged, c.want) {
			t.Errorf("%s: waived %v, unlogged %+v", name, f.Bot.Waived, f.Unlogged)
		}
	}
}

func TestCompanionship(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	const intimate = signal.Intimate
	for name, c := range map[string]struct {
		steps []step
		want  *policies.Companion
	}{
		"service":             {steps: []step{says(1, bot, 0), says(2, customer, 0), says(9000, bot, 0)}},
		"the customer's only": {steps: []step{says(1, bot, 0), says(2, customer, intimate), says(3, bot, 0)}},
		"a person's":          {steps: []step{says(1, agent, intimate)}},
		"once": {
			steps: []step{says(1, bot, 0), says(2, customer, 0), says(3, bot, intimate)},
			want:  &policies.Companion{BegunAt: moment(1), Texts: 1, First: "e3", FirstAt: moment(3), LastAt: moment(3)},
		},
		"twice, and then more": {
			steps: []step{says(1, bot, intimate), says(2, customer, 0), says(3, bot, intimate), says(4, bot, intimate), says(5, bot, 0)},
			want:  &policies.Companion{BegunAt: moment(1), Texts: 2, First: "e1", FirstAt: moment(1), Again: "e3", AgainAt: moment(3), LastAt: moment(5)},
		},
		"once, and then long service": {
			steps: []step{says(1, bot, intimate), says(2, customer, 0), says(9000, bot, 0)},
			want:  &policies.Companion{BegunAt: moment(1), Texts: 1, First: "e1", FirstAt: moment(1), LastAt: moment(9000)},
		},
	} {
		if got := folded(t, c.steps...).Facts.Companion; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}
