package session

import (
	"regexp"
	"slices"
	"strings"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// What is kept of an endless or hostile menu. No rule counts so far.
const (
	maxMenuLevels  = 16
	maxMenuPresses = 32
)

// asksNumber is what the service says before the customer enters a number.
const asksNumber = signal.AsksIdentity | signal.AsksOrder | signal.AsksTicket | signal.SensitiveAsk

// dialling is where the fold stands with a phone menu.
type dialling struct {
	Met bool // a person came, so that the menu is over
	// Number: a number was asked for, and Entering: its first digit was pressed. Sources that report
	// each digit as a step report one number, which is one press.
	Number   bool
	Entering bool
}

// dial follows the phone menu until a person comes.
func (s *State) dial(e *event.Event, found signal.Set, d *signal.Detector) {
	at := &s.at.Dialling
	switch {
	case at.Met:
	case cameIn(e):
		*at = dialling{Met: true}
	case e.Kind == event.Message && e.Actor.Role != event.CustomerRole && spoken(e):
		at.Number, at.Entering = found&asksNumber != 0, false
	case e.Kind == event.MenuStep && e.Menu != nil:
		menu := policies.Menu{First: e.ID, FirstAt: e.At}
		if s.Facts.Menu != nil {
			menu = *s.Facts.Menu
		}
		at.step(&menu, e, d)
		s.Facts.Menu = &menu // a new one: what was before the event is still to be compared
	}
}

func (a *dialling) step(m *policies.Menu, e *event.Event, d *signal.Detector) {
	step := e.Menu
	if n := len(m.Levels); step.Level > 0 && n < maxMenuLevels && (n == 0 || step.Level > m.Levels[n-1].Level) {
		m.Levels = append(slices.Clone(m.Levels), policies.MenuLevel{Level: step.Level, ID: e.ID, At: e.At})
	}
	offers(m, e, d)
	if len(step.Options) > 0 {
		m.Listed = true
		a.Number, a.Entering = false, false
	}
	if strings.TrimSpace(step.Pressed) == "" || a.Entering {
		return
	}
	a.Entering = a.Number
	if len(m.Presses) < maxMenuPresses {
		m.Presses = append(slices.Clone(m.Presses), policies.MenuPress{ID: e.ID, At: e.At})
	}
}

// offers reads where a step offers a person, and whether the person's key serves something else.
func offers(m *policies.Menu, e *event.Event, d *signal.Detector) {
	step := e.Menu
	own := strings.TrimSpace(step.HumanKey)
	human, key, sure := 0, own, 0
	for i, option := range step.Options { // the key tells more than the words, and both tell most
		how, k := 0, optionKey(option)
		if own != "" && k == own {
			how = 2
		}
		if asksForPerson(d, option) {
			how++
		}
		if how > sure {
			human, sure = i+1, how
			if own == "" {
				key = k
			}
		}
	}
	if m.Human == "" && (human > 0 || key != "") {
		m.Human, m.HumanAt, m.HumanKey, m.HumanLevel, m.HumanPosition = e.ID, e.At, key, step.Level, human
	}
	if m.HumanKey == "" || m.Shared != "" {
		return
	}
	for i, option := range step.Options {
		if i+1 != human && optionKey(option) == m.HumanKey && !asksForPerson(d, option) {
			m.Shared, m.SharedAt = e.ID, e.At
			return
		}
	}
}

// asksForPerson reports whether an option names a person, in words with which a customer would ask
// for one. Without a detector only keys tell.
func asksForPerson(d *signal.Detector, option string) bool {
	return d != nil && d.Detect(event.CustomerRole, option)&signal.HumanRequest != 0
}

// An option is read as it is spoken: the key before the words (“1 话费查询”, “按0转人工”, “press 9 for an
// agent”) or after them (“人工服务请按0”). A number with a unit is no key (“5G套餐”, “10元”).
var (
	keyFirst = regexp.MustCompile(`(?i)^\s*(?:请?按|press|dial|pulse|marque)?\s*([0-9*#])(?:[^0-9a-z元%月天年分折]|$)`)
	keyLast  = regexp.MustCompile(`(?i)(?:按|press|dial|pulse|marque)\s*([0-9*#])(?:[^0-9]|$)`)
)

// optionKey is the key that an option names, "" if it names none.
func optionKey(option string) string {
	for _, form := range []*regexp.Regexp{keyFirst, keyLast} {
		if m := form.FindStringSubmatch(option); m != nil {
			return m[1]
		}
	}
	return ""
}

// cameIn reports whether the event shows that a person of the service is there: one took the session
// over, or speaks. Who took it over may go unsaid; a bot, a machine and the customer are no person.
func cameIn(e *event.Event) bool {
	switch {
	case e.Actor.Automated:
		return false
	case e.Kind == event.HandoffAccepted:
		return e.Actor.Role != event.BotRole && e.Actor.Role != event.CustomerRole
	}
	return e.Kind == event.Message && e.Actor.Role == event.AgentRole && spoken(e)
}
