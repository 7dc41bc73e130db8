package policies

import "slices"

// Complaints is what was complained of (complaint.filed) and what the service did meanwhile; nil while
// nobody complained and no survey came.
type Complaints struct {
	// Filed are the complaints, oldest first. One that names the ticket of another is the same. Of more
	// than 16 the later ones are left out.
	Filed []Complaint `json:"filed"`
	// Survey is the first satisfaction survey of the session, sent as such or as a message.
	Survey   string `json:"survey"`
	SurveyAt Millis `json:"survey_at"`
}

// Complaint is one complaint and the first event of each kind that concerns it. What the customer is
// told counts until the session's end, since it has to be told in the contact itself.
type Complaint struct {
	Filed   string `json:"filed"`
	FiledAt Millis `json:"filed_at"`
	Kind    string `json:"kind"` // claim.kind; "" where it was not reported
	// Ticket is what it is kept under, from its filing or its acknowledgement.
	Ticket string `json:"ticket"`
	// Limited told by when it will be dealt with: an acknowledgement with a due, or a text.
	Limited   string `json:"limited"`
	LimitedAt Millis `json:"limited_at"`
	// Keyed told the number under which it is kept: an acknowledgement with a ticket id, or a text.
	Keyed   string `json:"keyed"`
	KeyedAt Millis `json:"keyed_at"`
	// Resolved is complaint.resolved for it, also after the session's end.
	Resolved   string `json:"resolved"`
	ResolvedAt Millis `json:"resolved_at"`
	// Sold is the first text that sells, and Surveyed the first survey, while it was open.
	Sold       string `json:"sold"`
	SoldAt     Millis `json:"sold_at"`
	Surveyed   string `json:"surveyed"`
	SurveyedAt Millis `json:"surveyed_at"`
}

func sameComplaints(a, b *Complaints) bool {
	return a == b || a != nil && b != nil && a.Survey == b.Survey && a.SurveyAt == b.SurveyAt && slices.Equal(a.Filed, b.Filed)
}

// Return is goods that came back (return.received) and the refund for them. A refund that came
// before the goods leaves no Return.
type Return struct {
	Received   string `json:"received"`
	ReceivedAt Millis `json:"received_at"`
	Order      string `json:"order"` // claim.order_id
	Refunded   string `json:"refunded"`
	RefundedAt Millis `json:"refunded_at"`
}
