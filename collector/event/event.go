// Package event is the event model, version 1: what one Kafka message (or one line of an import)
// says, decoded and validated. A message becomes either an Event or a Reject that tells a person
// what was wrong; nothing in between, and nothing is dropped.
//
//	Kafka value ──Decode──► *Event  ──Body──► stored row ──FromStored──► the same *Event
//	                  └───► *Reject          ──Encode──► Kafka value
//
// Decoding is strict where the model states a form (ids, moment, kind, enumerations, ranges, UTF-8,
// names given once) and lenient about the rest: fields that the model does not list are kept in
// Extra, of the event or of the object that they stand in; a text that is too long is cut and
// flagged; NUL in a text is removed and flagged. A field that is null counts as not reported.
//
// It is not promised that Encode gives back the bytes that were decoded: it gives the same event.
package event

import (
	"github.com/go-json-experiment/json/jsontext"

	"mingjian/policies"
)

// Event is one interaction. Pointers are nil where the source reported nothing.
type Event struct {
	ID        string          `json:"event_id"`
	SessionID string          `json:"session_id"`
	At        policies.Millis `json:"ts"`
	Kind      Kind            `json:"kind"`

	Tenant       string    `json:"tenant,omitzero"`
	BusinessLine string    `json:"business_line,omitzero"`
	Channel      string    `json:"channel,omitzero"`
	Industry     string    `json:"industry,omitzero"`
	Appeal       bool      `json:"appeal,omitzero"`
	Customer     *Customer `json:"customer,omitzero"`
	Bot          *Bot      `json:"bot,omitzero"`

	Actor Actor `json:"actor,omitzero"`
	// Text has at most MaxText bytes of valid UTF-8 without NUL; TextBytes is its length as sent.
	Text      string `json:"text,omitzero"`
	TextBytes int    `json:"-"`
	// Flags name what decoding had to do to keep the event: "text_cut", "text_nul"; "erased" (see Erased).
	Flags []string `json:"-"`

	Media     *Media     `json:"media,omitzero"`
	AI        *AI        `json:"ai,omitzero"`
	Entrance  *Entrance  `json:"entrance,omitzero"`
	Menu      *Menu      `json:"menu,omitzero"`
	Handoff   *Handoff   `json:"handoff,omitzero"`
	Callback  *Due       `json:"callback,omitzero"`
	Promise   *Due       `json:"promise,omitzero"`
	Decision  *Decision  `json:"decision,omitzero"`
	Claim     *Claim     `json:"claim,omitzero"`
	Close     *Close     `json:"close,omitzero"`
	Consents  []string   `json:"consents,omitzero"`
	Unlabeled *Unlabeled `json:"unlabelled_on_request,omitzero"`
	TicketID  string     `json:"ticket_id,omitzero"`
	Due       string     `json:"due,omitzero"`

	// Classified is the collector's own: what an outside classifier said of the text; nil where none
	// was asked. A stored event keeps it; a message of the stream never brings it, see Decode.
	Classified *Classified `json:"classified,omitzero"`

	// Labels is ground truth from a source or the demo. It is stored, and never shown to detectors
	// or policies.
	Labels jsontext.Value `json:"labels,omitzero"`
	// Extra holds the fields that the model does not list, as one JSON object.
	Extra jsontext.Value `json:",embed"`
}

// MaxText is where a text is cut: 16 KiB, as the event model says.
const MaxText = 16 << 10

// Kind is what happened.
type Kind string

// The kinds of the event model, version 1.
const (
	SessionOpened         Kind = "session.opened"
	Message               Kind = "message"
	MenuStep              Kind = "menu.step"
	HandoffRequested      Kind = "handoff.requested"
	HandoffQueued         Kind = "handoff.queued"
	HandoffUpdated        Kind = "handoff.updated"
	HandoffAccepted       Kind = "handoff.accepted"
	HandoffRejected       Kind = "handoff.rejected"
	HandoffAbandoned      Kind = "handoff.abandoned"
	CallbackPromised      Kind = "callback.promised"
	CallbackCompleted     Kind = "callback.completed"
	PromiseMade           Kind = "promise.made"
	PromiseKept           Kind = "promise.kept"
	DecisionMade          Kind = "decision.made"
	ComplaintFiled        Kind = "complaint.filed"
	ComplaintAcknowledged Kind = "complaint.acknowledged"
	ComplaintResolved     Kind = "complaint.resolved"
	ReturnReceived        Kind = "return.received"
	RefundCompleted       Kind = "refund.completed"
	SurveySent            Kind = "survey.sent"
	MisjudgementReported  Kind = "misjudgement.reported"
	ReviewDecided         Kind = "review.decided"
	SessionClosed         Kind = "session.closed"
)

// Role is who speaks.
type Role string

// The four roles.
const (
	CustomerRole Role = "customer"
	BotRole      Role = "bot"
	AgentRole    Role = "agent"
	SystemRole   Role = "system"
)

// Actor is who did it. Automated is true for an "agent" that is a machine.
type Actor struct {
	Role      Role   `json:"role,omitzero"`
	ID        string `json:"id,omitzero"`
	Automated bool   `json:"automated,omitzero"`
	Level     string `json:"level,omitzero"` // L1, L2, L3, supervisor

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Customer is who is served.
type Customer struct {
	ID           string   `json:"id,omitzero"`
	Age          *int     `json:"age,omitzero"` // years
	ElderMode    *bool    `json:"elder_mode,omitzero"`
	Needs        []string `json:"needs,omitzero"` // hearing, vision, speech, mobility, cognitive
	Jurisdiction string   `json:"jurisdiction,omitzero"`
	Province     string   `json:"province,omitzero"` // short Chinese name: 河南
	Visits24h    *int     `json:"visits_24h,omitzero"`

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Bot is the AI that serves.
type Bot struct {
	ID      string `json:"id,omitzero"`
	Version string `json:"version,omitzero"`
	Model   string `json:"model,omitzero"`

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// AI is what the AI says of its own turn.
type AI struct {
	Intent     string   `json:"intent,omitzero"`
	Confidence *float64 `json:"confidence,omitzero"` // 0–1
	Grounding  *float64 `json:"grounding,omitzero"`  // 0–1
	Emotion    *float64 `json:"emotion,omitzero"`    // 0–100, anger
	Sources    []string `json:"sources,omitzero"`
	Mark       string   `json:"mark,omitzero"`   // text of a corner mark
	Judged     string   `json:"judged,omitzero"` // wrong, irrelevant

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Media is a call's recording.
type Media struct {
	URI         string   `json:"uri,omitzero"`
	SHA256      string   `json:"sha256,omitzero"`
	Seconds     *float64 `json:"seconds,omitzero"`
	RhythmLabel *bool    `json:"rhythm_label,omitzero"`

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Entrance is what the interface offers on the way in.
type Entrance struct {
	Depth               *int   `json:"depth,omitzero"`
	HumanOptionPosition *int   `json:"human_option_position,omitzero"` // from 1
	HumanOptionVisible  *bool  `json:"human_option_visible,omitzero"`
	OneTapHuman         *bool  `json:"one_tap_human,omitzero"`
	ElderChannel        *bool  `json:"elder_channel,omitzero"`
	AccessibleChannel   *bool  `json:"accessible_channel,omitzero"`
	AILabel             string `json:"ai_label,omitzero"` // shown all the time

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Menu is one phone-menu step.
type Menu struct {
	Level    int      `json:"level,omitzero"`
	Options  []string `json:"options,omitzero"`
	Pressed  string   `json:"pressed,omitzero"`
	HumanKey string   `json:"human_key,omitzero"`

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Handoff is a step on the way to a person.
type Handoff struct {
	Via           string   `json:"via,omitzero"`
	Reason        string   `json:"reason,omitzero"`
	QueuePosition *int     `json:"queue_position,omitzero"`
	WaitS         *float64 `json:"wait_s,omitzero"` // seconds
	AgentID       string   `json:"agent_id,omitzero"`
	Priority      bool     `json:"priority,omitzero"`
	Passed        []string `json:"passed,omitzero"` // identity, history, problem, ticket
	HoldS         *float64 `json:"hold_s,omitzero"` // seconds

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Due is a call-back or another promise: what, and until when (RFC 3339).
type Due struct {
	Due  string `json:"due,omitzero"`
	What string `json:"what,omitzero"`

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Decision is what was decided about the customer.
type Decision struct {
	Kind      string `json:"kind,omitzero"`
	Automated *bool  `json:"automated,omitzero"`
	Major     *bool  `json:"major,omitzero"`
	Explained *bool  `json:"explained,omitzero"`

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Claim is what the customer wants.
type Claim struct {
	Kind        string `json:"kind,omitzero"`
	AmountMinor *int64 `json:"amount_minor,omitzero"` // minor units of Currency
	Currency    string `json:"currency,omitzero"`     // ISO 4217
	OrderID     string `json:"order_id,omitzero"`

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Close is how a session ended.
type Close struct {
	By       string   `json:"by,omitzero"`     // customer, agent, bot, system
	Reason   string   `json:"reason,omitzero"` // ended, idle, transfer, error
	Resolved *bool    `json:"resolved,omitzero"`
	CSAT     *float64 `json:"csat,omitzero"`

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Unlabeled is the log of an output given without a label because the user asked for that
// (Labelling Measures, art. 9).
type Unlabeled struct {
	RequestID   string `json:"request_id,omitzero"`
	AgreementID string `json:"agreement_id,omitzero"`
	LogID       string `json:"log_id,omitzero"`

	Extra jsontext.Value `json:",embed"` // fields of this object that the model does not list
}

// Classified is what an outside classifier said of a text, or that it failed to.
type Classified struct {
	By      string   `json:"by"`               // the model that was asked
	Signals []string `json:"signals,omitzero"` // names of package signal; none: it found nothing
	Failed  string   `json:"failed,omitzero"`  // why there is no answer; the built-in one stands then
}

// Position is where an event stands in the stream.
type Position struct {
	Topic     string
	Partition int
	Offset    int64
}

// Reject says why a message is not an Event. Reason is one of a fixed set (for counting), Detail a
// sentence for a person.
type Reject struct {
	Reason Reason
	Detail string
}

// Error makes a Reject usable as an error.
func (r *Reject) Error() string { return string(r.Reason) + ": " + r.Detail }

// Reason is the class of a fault.
type Reason string

// The reasons for which a message is refused.
const (
	NotJSON      Reason = "json"       // cut, malformed, not an object, invalid UTF-8, nested too deep
	BadField     Reason = "field"      // a field has the wrong type or a value out of its range
	NoEventID    Reason = "event_id"   // missing, empty or over 64 bytes
	NoSessionID  Reason = "session_id" // missing, empty or over 128 bytes
	BadTime      Reason = "ts"         // missing, not a moment, or outside 2000-01-01 … now + 24 h
	BadKind      Reason = "kind"       // missing or not in the model
	KeyDiffers   Reason = "key"        // the Kafka key is not the session_id
	TenantMoved  Reason = "tenant"     // names another tenant than its session has
	TooLarge     Reason = "size"       // larger than the broker takes
	EmptyMessage Reason = "empty"      // no value at all
)
