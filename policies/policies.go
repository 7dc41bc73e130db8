// Package policies decides: given what is known of a session, which rules does it break?
//
// It owns the rule packs (Rego), their parameters, the lexicons that detectors read, the clauses
// that rules cite, and the scenarios that say what each rule means. The flow is
//
//	files ──Load──► Bundle (catalogue, lexicons, clauses, params, Revision)
//	Bundle ──NewEngine──► Engine ──Check(Input)──► Verdict
//
// A check judges state, not the step that led there: the Verdict holds every finding that
// follows from Facts at Now, each time it is asked. So a late event needs no special case: what
// no longer follows is simply absent, and the caller withdraws it.
//
// Beside the two sets that a pack gives (finding, not_assessable) there is a third, due: the
// moments at which the answer may change although nothing happens. Thresholds therefore live in
// one place, the pack and its parameters, and the caller only keeps a clock.
//
// The package imports nothing else of Mingjian and does no I/O after Load.
package policies

// Millis is a moment in Unix milliseconds, UTC. Zero means "has not happened".
type Millis = int64

// Input is one question to the packs: input.session, input.tenant, input.now.
//
// The event that made us ask is not among it: a finding follows from Facts, so that asking again, or
// after a late event, gives the same answer.
type Input struct {
	Session *Facts
	Tenant  string // its settings are the bundle's
	// Now is event time: the later of the session's newest event and the deadline that fired.
	Now Millis
	// Changed are the facts that differ from when the session was last asked about, and Due the
	// moments that were named then. AllFields asks every topic that applies.
	Changed Fields
	Due     []Due
}

// Due is a moment at which a topic (pack/name) has to be asked again if nothing happens before.
type Due struct {
	Topic string `json:"topic"`
	At    Millis `json:"at"`
}

// Verdict is the answer to one Input. It speaks only of the rules that Answers names; what was said
// of the others before still holds.
type Verdict struct {
	Findings      []Finding       // at most one per rule, ordered by rule id
	NotAssessable []NotAssessable // ordered by rule id
	Due           []Due           // the next moment of each topic asked that names one after Now

	answers answers
}

// answers tells which rules a verdict speaks of.
type answers struct {
	engine         *Engine
	applies, asked topics
	reached        bool // OPA was asked
}

// Answers reports whether the verdict speaks of a rule: that it follows, or that it does not. It
// speaks of all that do not apply to the session, and of rules that the bundle no longer has.
func (v *Verdict) Answers(rule string) bool {
	e := v.answers.engine
	if e == nil { // made by hand, for a test: it speaks of everything
		return true
	}
	i, ok := e.topicOf[rule]
	return !ok || v.answers.applies&(1<<i) == 0 || v.answers.asked&(1<<i) != 0
}

// Asked reports whether a topic (pack/name) was asked, or no longer is one.
func (v *Verdict) Asked(topic string) bool {
	e := v.answers.engine
	return e == nil || e.named(topic)&(v.answers.asked|^v.answers.applies) != 0
}

// Reached reports whether OPA was asked: without, the facts alone showed that no rule has anything to say.
func (v *Verdict) Reached() bool { return v.answers.engine == nil || v.answers.reached }

// Finding is one rule broken in one session.
type Finding struct {
	Rule     string   // id in the catalogue
	Pack     string   // cn, eu, quality, …
	Severity Severity // the rule's own, or what the pack made of it
	Status   Status   // what breaking it means, here and now
	Subject  string   // event_id of the event that completed it; "" when a deadline did
	At       Millis   // when it was complete: the event's ts, or the moment a deadline fell due
	// Facts are the values that decided, as canonical JSON (sorted keys); what a reader is shown.
	Facts []byte
}

// NotAssessable says that a rule could not be decided for lack of a fact: unknown is not a breach.
type NotAssessable struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"` // the missing fact, as a path of the event model: "customer.age"
}

// Severity orders findings for people.
type Severity string

// The four severities of the catalogue.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// Status says what breaking a rule means. Only Statute is ever called a breach of law.
type Status string

// The seven statuses of the catalogue.
const (
	Statute   Status = "statute"
	Policy    Status = "policy"
	Standard  Status = "standard"
	Benchmark Status = "benchmark"
	Quality   Status = "quality"
	Promise   Status = "promise"
	Draft     Status = "draft"
)

// Text is a sentence in the two languages of the product.
type Text struct {
	ZH string `json:"zh" yaml:"zh"`
	EN string `json:"en" yaml:"en"`
}

// In picks the text for a language tag ("zh…" or anything else: English).
func (t Text) In(lang string) string {
	if len(lang) >= 2 && lang[:2] == "zh" {
		return t.ZH
	}
	return t.EN
}

// Rule is a catalogue entry, read from the METADATA of a Rego rule.
type Rule struct {
	ID       string   `json:"id"`
	Pack     string   `json:"pack"`
	Severity Severity `json:"severity"`
	Status   Status   `json:"status"` // the usual one; a finding carries the one that held
	// StatusWhen says where a finding's status differs from the usual one.
	StatusWhen  []StatusWhen `json:"status_when,omitempty"`
	Verified    bool         `json:"verified"` // the wording of every cited clause was seen
	Clauses     []Clause     `json:"clauses"`
	Title       Text         `json:"title"`
	Description Text         `json:"description"`
	Remedy      Text         `json:"remedy"`
	Systemic    bool         `json:"systemic"` // one cause makes every session break it
	Level       Level        `json:"level,omitempty"`
	// Indicator: it judges a tenant's number for a day, not a session.
	Indicator bool `json:"indicator,omitempty"`
	// Misjudgement: breaking it may mean that the AI wronged the customer, and opens a candidate case.
	Misjudgement bool `json:"misjudgement,omitempty"`
}

// Level is how strongly a standard asks for something (GB/T 1.1-2020, annex C); "" for other rules.
type Level string

// The three levels of a national standard.
const (
	Shall  Level = "应"
	Should Level = "宜"
	May    Level = "可"
)

// StatusWhen is another status of a rule and, in words, when it holds.
type StatusWhen struct {
	Status Status `json:"status"`
	When   Text   `json:"when"`
}

// Clause is an entry of clauses.yaml: what a law, standard or policy says, in short.
type Clause struct {
	ID         string `json:"id" yaml:"id"`
	Instrument string `json:"instrument" yaml:"instrument"`
	Article    string `json:"article" yaml:"article"`
	Effective  string `json:"effective" yaml:"effective"` // YYYY-MM-DD, or "" where not known
	Wording    Text   `json:"wording" yaml:"wording"`
	Verified   bool   `json:"verified" yaml:"verified"` // the clause's own wording was seen
}
