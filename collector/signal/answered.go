package signal

import (
	"slices"

	"mingjian/collector/event"
)

// What an outside classifier may answer: what a text means to a reader. What hangs on exact words or
// figures (a keyword, a promise's date, a ticket number) stays with the detectors.
const (
	customerAnswers = HumanRequest | RefusesAI | AsksIfAI | Escape | ComplaintWish | Anger | Dissatisfied | Danger |
		SecurityConcern | SupervisorRequest | Contest | AsksWhy | HumanDecision
	serviceAnswers = LabelFull | LabelIncomplete | Notice | Apology | Fallback | AIDenied | Marketing | EmotionNotice |
		Explains | RedLine | Intimate
)

// Answerable is what an outside classifier may answer of a text that role says; empty for nobody known.
func Answerable(role event.Role) Set {
	switch role {
	case event.CustomerRole:
		return customerAnswers
	case event.BotRole, event.AgentRole, event.SystemRole:
		return serviceAnswers
	}
	return 0
}

// Named is the set of what Names gives. A name that is none is left out.
func Named(list []string) Set {
	var s Set
	for _, name := range list {
		if i := slices.Index(names[:], name); i >= 0 {
			s |= 1 << i
		}
	}
	return s
}

// Answered puts an outside answer about a text that role says in the place of what was found in it:
// for what is Answerable the answer alone counts, and the rest stays as far as it agrees with that.
func (s Set) Answered(role event.Role, answer Set) Set {
	may := Answerable(role)
	s = s&^may | answer&may
	if role == event.CustomerRole {
		if s&HumanRequest != 0 {
			s &^= RequestWithdraw | RequestDecline
		} else {
			s &^= KeywordRequest
		}
	}
	if s&LabelFull != 0 {
		s &^= LabelIncomplete
	}
	return s
}
