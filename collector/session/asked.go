package session

import (
	"slices"
	"strings"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// inquiring is where the fold stands with what the service asks the customer for.
type inquiring struct {
	Consent bool // to sensitive personal information, as recorded
	// Asked is what the service's last turn asked for, and Given what the customer has given.
	Asked asked
	Given asked
}

type asked struct {
	Identity bool
	Order    bool
}

// ask follows what the service asks the customer for, and what it has already.
func (s *State) ask(e *event.Event, found signal.Set) {
	at := &s.at.Inquiring
	at.Consent = at.Consent || slices.Contains(e.Consents, "sensitive_pi")
	at.Given.Order = at.Given.Order || orderOf(e) != ""
	if e.Kind != event.Message || !spoken(e) {
		return
	}
	switch {
	case e.Actor.Role == event.CustomerRole:
		at.Given.Identity = at.Given.Identity || at.Asked.Identity || identifies(e.Text)
		at.Given.Order = at.Given.Order || at.Asked.Order
		at.Asked = asked{}
	case ofService(e.Actor):
		if machine(e.Actor) && found&signal.SensitiveAsk != 0 && found&signal.AsksConsent == 0 && !at.Consent &&
			(s.Facts.Inquiries == nil || s.Facts.Inquiries.SensitiveAt == 0) {
			q := own(&s.Facts.Inquiries)
			q.Sensitive, q.SensitiveAt = e.ID, e.At
		}
		identity, order := found&signal.AsksIdentity != 0, found&signal.AsksOrder != 0
		at.Asked = asked{at.Asked.Identity || identity, at.Asked.Order || order}
		if (identity || order) && s.Facts.Complaints != nil && len(s.Facts.Complaints.Filed) > 0 {
			q := own(&s.Facts.Inquiries)
			q.SignedIn = s.Customer != ""
			if identity {
				inquire(&q.Identity, e, at.Given.Identity || q.SignedIn)
			}
			if order {
				inquire(&q.Order, e, at.Given.Order)
			}
		}
	}
}

func inquire(q *policies.Inquiry, e *event.Event, had bool) {
	if q.AskedAt == 0 {
		q.Asked, q.AskedAt = e.ID, e.At
	}
	if had && q.AgainAt == 0 {
		q.Again, q.AgainAt = e.ID, e.At
	}
}

// anyMask is how masks begin. Few texts hold one.
const anyMask = "⟦"

// identifies reports whether a text, which is masked, says who the customer is.
func identifies(text string) bool {
	if !strings.Contains(text, anyMask) {
		return false
	}
	for _, kind := range []redact.Kind{redact.IDCard, redact.Phone, redact.BankCard, redact.Passport, redact.Name} {
		if strings.Contains(text, kind.Mask()) {
			return true
		}
	}
	return false
}
