package event

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// MaxName bounds names and ids other than those of the event and the session, in bytes: longer
	// ones are no names, and every table and filter carries them.
	MaxName = 256
	// MaxAge is in years; nobody has been known to be older.
	MaxAge = 150
)

// The values that the event model knows for its enumerated fields.
var (
	channels      = []string{"app", "web", "wechat", "miniprogram", "phone", "sms", "email", "kiosk"}
	industries    = []string{"telecom", "internet", "bank", "insurance", "express", "air", "retail", "utility", "public"}
	roles         = []string{string(CustomerRole), string(BotRole), string(AgentRole), string(SystemRole)}
	levels        = []string{"L1", "L2", "L3", "supervisor"}
	needs         = []string{"hearing", "vision", "speech", "mobility", "cognitive"}
	judgements    = []string{"wrong", "irrelevant"}
	decisionKinds = []string{"refund_refused", "account_closed", "credit_refused", "claim_refused", "other"}
	claimKinds    = []string{"price", "quality", "rights", "refund", "continuity", "billing", "personal_information", "service", "other"}
	closers       = []string{"customer", "agent", "bot", "system"}
	closeReasons  = []string{"ended", "idle", "transfer", "error"}
	consents      = []string{"sensitive_pi", "recording", "marketing", "back_to_ai"}
)

var kindNames = []string{
	string(SessionOpened), string(Message), string(MenuStep),
	string(HandoffRequested), string(HandoffQueued), string(HandoffUpdated), string(HandoffAccepted), string(HandoffRejected), string(HandoffAbandoned),
	string(CallbackPromised), string(CallbackCompleted), string(PromiseMade), string(PromiseKept), string(DecisionMade),
	string(ComplaintFiled), string(ComplaintAcknowledged), string(ComplaintResolved), string(ReturnReceived), string(RefundCompleted),
	string(SurveySent), string(MisjudgementReported), string(ReviewDecided), string(SessionClosed),
}

var kinds = func() map[Kind]bool {
	m := make(map[Kind]bool, len(kindNames))
	for _, k := range kindNames {
		m[Kind(k)] = true
	}
	return m
}()

// checker collects the first fault of an event's fields.
type checker struct{ fault string }

// validate checks the fields that describe an event. One wrong field refuses the whole event: what
// breaks a rule of the model goes to rejects, where somebody sees it.
func validate(e *Event) *Reject {
	var c checker
	c.oneOf("actor.role", string(e.Actor.Role), roles)
	c.oneOf("actor.level", e.Actor.Level, levels)
	c.name("actor.id", e.Actor.ID)
	if e.Kind == Message && e.Actor.Role == "" {
		c.fail("actor.role is missing; a message needs one of %s", strings.Join(roles, ", "))
	}
	c.oneOf("channel", e.Channel, channels)
	c.oneOf("industry", e.Industry, industries)
	c.name("tenant", e.Tenant)
	c.name("business_line", e.BusinessLine)
	c.name("ticket_id", e.TicketID)
	c.eachOf("consents", e.Consents, consents)
	if k := e.Labels.Kind(); len(e.Labels) > 0 && k != jsontext.KindBeginObject && k != jsontext.KindNull {
		c.fail("labels must be an object")
	}
	c.parties(e)
	c.service(e)
	c.outcome(e)
	if c.fault != "" {
		return &Reject{BadField, c.fault}
	}
	return nil
}

func (c *checker) parties(e *Event) {
	if p := e.Customer; p != nil {
		c.name("customer.id", p.ID)
		c.name("customer.jurisdiction", p.Jurisdiction)
		c.name("customer.province", p.Province)
		c.whole("customer.age", p.Age, 0, MaxAge)
		c.whole("customer.visits_24h", p.Visits24h, 0, math.MaxInt32)
		c.eachOf("customer.needs", p.Needs, needs)
	}
	if b := e.Bot; b != nil {
		c.name("bot.id", b.ID)
		c.name("bot.version", b.Version)
		c.name("bot.model", b.Model)
	}
	if n := e.Entrance; n != nil {
		c.whole("entrance.depth", n.Depth, 0, math.MaxInt32)
		c.whole("entrance.human_option_position", n.HumanOptionPosition, 1, math.MaxInt32)
	}
}

func (c *checker) service(e *Event) {
	if a := e.AI; a != nil {
		c.name("ai.intent", a.Intent)
		c.number("ai.confidence", a.Confidence, 0, 1)
		c.number("ai.grounding", a.Grounding, 0, 1)
		c.number("ai.emotion", a.Emotion, 0, 100)
		c.oneOf("ai.judged", a.Judged, judgements)
	}
	if m := e.Media; m != nil {
		c.number("media.seconds", m.Seconds, 0, math.MaxFloat64)
	}
	if m := e.Menu; m != nil {
		c.whole("menu.level", &m.Level, 0, math.MaxInt32)
	}
	if h := e.Handoff; h != nil {
		c.name("handoff.agent_id", h.AgentID)
		c.whole("handoff.queue_position", h.QueuePosition, 0, math.MaxInt32)
		c.number("handoff.wait_s", h.WaitS, 0, math.MaxFloat64)
		c.number("handoff.hold_s", h.HoldS, 0, math.MaxFloat64)
	}
}

func (c *checker) outcome(e *Event) {
	if d := e.Callback; d != nil {
		c.moment("callback.due", d.Due)
	}
	if d := e.Promise; d != nil {
		c.moment("promise.due", d.Due)
	}
	if d := e.Decision; d != nil {
		c.oneOf("decision.kind", d.Kind, decisionKinds)
	}
	if l := e.Claim; l != nil {
		c.oneOf("claim.kind", l.Kind, claimKinds)
		c.name("claim.order_id", l.OrderID)
		if l.AmountMinor != nil && *l.AmountMinor < 0 {
			c.fail("claim.amount_minor is %d; it must not be negative", *l.AmountMinor)
		}
		if l.Currency != "" && !isCurrency(l.Currency) {
			c.fail("claim.currency is %s; it must be an ISO 4217 code such as CNY", quote(l.Currency))
		}
	}
	if l := e.Close; l != nil {
		c.oneOf("close.by", l.By, closers)
		c.oneOf("close.reason", l.Reason, closeReasons)
	}
	if u := e.Unlabeled; u != nil {
		c.name("unlabelled_on_request.request_id", u.RequestID)
		c.name("unlabelled_on_request.agreement_id", u.AgreementID)
		c.name("unlabelled_on_request.log_id", u.LogID)
	}
}

func (c *checker) fail(format string, args ...any) {
	if c.fault == "" {
		c.fault = fmt.Sprintf(format, args...)
	}
}

func (c *checker) oneOf(field, value string, allowed []string) {
	if value != "" && !slices.Contains(allowed, value) {
		c.fail("%s is %s; allowed are %s", field, quote(value), strings.Join(allowed, ", "))
	}
}

func (c *checker) eachOf(field string, values, allowed []string) {
	for i, v := range values {
		if !slices.Contains(allowed, v) {
			c.fail("%s[%d] is %s; allowed are %s", field, i, quote(v), strings.Join(allowed, ", "))
		}
	}
}

func (c *checker) name(field, value string) {
	switch {
	case value == "":
	case len(value) > MaxName:
		c.fail("%s has %d bytes; at most %d are allowed", field, len(value), MaxName)
	case hasControl(value):
		c.fail("%s holds a control character: %s", field, quote(value))
	}
}

func (c *checker) whole(field string, value *int, low, high int) {
	switch {
	case value == nil || *value >= low && *value <= high:
	case *value < low:
		c.fail("%s is %d; it must be %d or more", field, *value, low)
	default:
		c.fail("%s is %d; it must be %d or less", field, *value, high)
	}
}

func (c *checker) number(field string, value *float64, low, high float64) {
	switch {
	case value == nil || *value >= low && *value <= high:
	case high == math.MaxFloat64:
		c.fail("%s is %v; it must not be negative", field, *value)
	default:
		c.fail("%s is %v; it must be between %v and %v", field, *value, low, high)
	}
}

func (c *checker) moment(field, value string) {
	if value == "" {
		return
	}
	if _, err := parseRFC3339(value); err != nil {
		c.fail("%s is %s; it must be a moment in RFC 3339 (2026-10-12T10:00:00+08:00)", field, quote(value))
	}
}

func isCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}
