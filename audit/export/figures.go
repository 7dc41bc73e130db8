package export

import (
	"mingjian/audit/review"
	"mingjian/audit/sampling"
)

// figures is what the report counts, gathered while the package is written.
type figures struct {
	places      map[string]int      // sessions that rules were asked of, by jurisdiction
	stuck       map[ruleIn]int      // of them, those that a rule could not judge
	notAssessed map[notAssessed]int // sessions, by rule and reason
	unsettled   map[string]int      // sessions without facts, by reason
	reviews     []reviewed
	verdicts    map[string]verdict // by session, of the review that counts
	decided     map[string]int     // by rule: findings that a person decided
	upheld      map[string]int     // of them, upheld
	lots        []sampling.Closing
	drawn       map[string][]string // by lot: sessions of its sample
	cases       []*caseLine
	paidMinor   map[string]int64 // by currency
	funds       []fundState
}

// ruleIn is a rule in a jurisdiction.
type ruleIn struct{ rule, place string }

// verdict is what a person said of a session.
type verdict struct{ defective, misjudged bool }

// fundState is how a fund stood.
type fundState struct {
	currency         string
	opening, closing map[string]int64
}

func newFigures() *figures {
	return &figures{places: map[string]int{}, stuck: map[ruleIn]int{}, notAssessed: map[notAssessed]int{}, unsettled: map[string]int{}, decided: map[string]int{}, upheld: map[string]int{}, drawn: map[string][]string{}, verdicts: map[string]verdict{}, paidMinor: map[string]int64{}}
}

func (f *figures) session(l *sessionLine) {
	if l.Unsettled != "" {
		f.unsettled[l.Unsettled]++
		return
	}
	f.places[l.Jurisdiction]++
	for i, n := range l.NotAssessed { // they are in the order of rules
		f.notAssessed[n]++
		if i == 0 || l.NotAssessed[i-1].Rule != n.Rule {
			f.stuck[ruleIn{n.Rule, l.Jurisdiction}]++
		}
	}
}

// judged keeps the verdict of reviews that say something of a session.
func (f *figures) judged(l reviewLine, r reviewed) {
	if r.settled && (r.kind == "sample" || r.kind == "mandatory") {
		f.verdicts[l.SessionID] = verdict{r.defective, r.misjudged}
		for _, d := range r.decisions {
			f.decided[d.Rule]++
			if d.Decision == review.Upheld {
				f.upheld[d.Rule]++
			}
		}
	}
}

func (f *figures) paid(m casePaid) { f.paidMinor[m.Currency] += m.Minor }

func (f *figures) fund(kind, currency string, accounts map[string]int64) {
	if kind == "opening" {
		f.funds = append(f.funds, fundState{currency: currency, opening: accounts})
		return
	}
	f.funds[len(f.funds)-1].closing = accounts
}
