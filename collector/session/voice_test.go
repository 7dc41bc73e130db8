package session

import (
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

func TestVoiceOnThePhone(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	call := does(0, event.SessionOpened, func(e *event.Event) { e.Channel = phone })
	chat := does(0, event.SessionOpened, func(e *event.Event) { e.Channel = "app" })
	audio := func(at float64, role event.Role, text string, rhythm bool) step {
		s := says(at, role, 0)
		s.e.Text, s.e.Media = text, &event.Media{URI: "rec://1", RhythmLabel: &rhythm}
		return s
	}
	const (
		full   = signal.LabelFull
		partly = signal.LabelIncomplete
	)
	for name, c := range map[string]struct {
		steps []step
		want  *policies.Voice
	}{
		"in a chat":      {steps: []step{chat, says(1, bot, 0)}},
		"nobody speaks":  {steps: []step{call, says(1, customer, 0), says(2, agent, 0), says(3, system, 0)}},
		"without labels": {steps: []step{call, says(1, bot, 0)}, want: &policies.Voice{Utterances: 1, Unlabelled: "e2", UnlabelledAt: moment(1)}},
		"three and more": {
			steps: []step{call, says(1, bot, 0), says(2, bot, 0), says(3, bot, 0), says(4, bot, 0)},
			want:  &policies.Voice{Utterances: 3, Third: "e4", ThirdAt: moment(3), Unlabelled: "e2", UnlabelledAt: moment(1)},
		},
		"recorded without a transcript": {
			steps: []step{call, audio(1, bot, "", false)}, want: &policies.Voice{Utterances: 1, Unlabelled: "e2", UnlabelledAt: moment(1)},
		},
		"nothing at all": {steps: []step{call, does(1, event.Message, by(bot))}},
		"spoken, complete or not": {
			steps: []step{call, says(1, bot, partly), says(2, bot, full)}, want: &policies.Voice{Utterances: 2, LabelAt: 1, Untimed: true},
		},
		"by rhythm": {
			steps: []step{call, says(1, bot, 0), audio(2, bot, "您好", true)},
			want:  &policies.Voice{Utterances: 2, LabelAt: 2, Unlabelled: "e2", UnlabelledAt: moment(1)},
		},
		"by the system before the bot": {
			steps: []step{call, says(1, system, full), says(2, bot, 0)},
			want:  &policies.Voice{Utterances: 1, LabelAt: 1, Unlabelled: "e3", UnlabelledAt: moment(2), Untimed: true},
		},
		"late": {
			steps: []step{call, says(1, bot, 0), says(2, bot, 0), says(3, bot, 0), says(4, bot, 0), says(5, bot, full)},
			want:  &policies.Voice{Utterances: 3, LabelAt: 4, Third: "e4", ThirdAt: moment(3), Unlabelled: "e2", UnlabelledAt: moment(1), Untimed: true},
		},
		"after the end": {
			steps: []step{call, says(1, bot, 0), does(2, event.SessionClosed), says(3, bot, full)},
			want:  &policies.Voice{Utterances: 2, Unlabelled: "e2", UnlabelledAt: moment(1), Untimed: true},
		},
		"before the channel was known": {
			steps: []step{says(1, bot, full), does(2, event.SessionOpened, func(e *event.Event) { e.Channel = phone })},
			want:  &policies.Voice{Utterances: 1, LabelAt: 1, Untimed: true},
		},
		"before it was known to be a chat": {
			steps: []step{says(1, bot, full), does(2, event.SessionOpened, func(e *event.Event) { e.Channel = "web" })},
		},
	} {
		if got := folded(t, c.steps...).Facts.Voice; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}

// The first label that stands alone and was timed is the one that is measured.
func TestLabelIsTimed(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	call := does(0, event.SessionOpened, func(e *event.Event) { e.Channel = phone })
	label := func(at float64, text string, seconds float64) step {
		s := says(at, bot, signal.LabelFull)
		s.e.Text, s.e.Media = text, &event.Media{Seconds: &seconds}
		return s
	}
	const alone = "本次通话由人工智能合成。" // 11 characters
	v := folded(t, call, label(1, alone, 0), label(2, alone+"请问您要办理什么业务？", 8), label(3, alone, 4.8), label(4, alone, 1)).Facts.Voice
	if v.Spoken != "e4" || v.SpokenAt != moment(3) || v.Characters != 11 || v.SpokenMS != 4800 || v.Untimed {
		t.Errorf("%+v", v)
	}
	if v := folded(t, call, label(1, alone, 0)).Facts.Voice; v.Spoken != "" || !v.Untimed {
		t.Errorf("%+v", v)
	}
}
