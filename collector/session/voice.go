package session

import (
	"math"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// phone is the channel of calls (event model, version 1).
const phone = "phone"

// sound follows how the bot's voice is labelled on the phone. A message counts with or without a
// transcript; a label that the system speaks belongs to the bot's next utterance.
func (s *State) sound(e *event.Event, found signal.Set) {
	f := &s.Facts
	if f.Channel != "" && f.Channel != phone {
		f.Voice = nil // of the time before the channel was known
		return
	}
	bot := e.Actor.Role == event.BotRole && (spoken(e) || e.Media != nil)
	words := found&(signal.LabelFull|signal.LabelIncomplete) != 0
	rhythm := e.Media != nil && e.Media.RhythmLabel != nil && *e.Media.RhythmLabel
	labelled := words || rhythm
	if e.Kind != event.Message || !bot && (e.Actor.Role != event.SystemRole || !labelled) {
		return
	}
	v := own(&f.Voice)
	number := v.Utterances + 1
	if bot {
		v.Utterances = min(number, enoughTexts)
		if number == enoughTexts && v.Third == "" {
			v.Third, v.ThirdAt = e.ID, e.At
		}
		if !labelled && v.Unlabelled == "" {
			v.Unlabelled, v.UnlabelledAt = e.ID, e.At
		}
	}
	if labelled && f.Closed == 0 {
		once(&v.LabelAt, number)
	}
	if words && v.Spoken == "" {
		timed(e, v)
	}
}

// timed measures how fast a label was spoken, which is known where the message holds nothing else.
func timed(e *event.Event, v *policies.Voice) {
	characters, alone := signal.SpokenLabel(e.Text)
	if !alone || characters == 0 || e.Media == nil || e.Media.Seconds == nil || *e.Media.Seconds <= 0 {
		v.Untimed = true
		return
	}
	v.Spoken, v.SpokenAt, v.Untimed = e.ID, e.At, false
	v.Characters, v.SpokenMS = characters, policies.Millis(math.Round(*e.Media.Seconds*1000))
}
