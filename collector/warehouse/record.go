package warehouse

import (
	"context"
	"time"

	"mingjian/policies"
)

// Record is the reading side for people: what the API and the console show. Callers declare the
// part of it that they use.
type Record interface {
	Findings(ctx context.Context, q FindingQuery) (FindingPage, error)
	Finding(ctx context.Context, id string) (FindingItem, bool, error)
	Session(ctx context.Context, sessionID string) (Conversation, bool, error)
	SessionOf(ctx context.Context, tenant, sessionID string) (Conversation, bool, error)
	SealsOver(ctx context.Context, topic string, partition int, first, last int64) ([]Seal, error)
	Sessions(ctx context.Context, q SessionQuery) (SessionPage, error)
	Checked(ctx context.Context, q FindingQuery) (Checked, error)
	Trend(ctx context.Context, q FindingQuery, length time.Duration) ([]Span, error)
}

// FindingQuery filters findings; empty fields do not filter. Times are [From, To).
type FindingQuery struct {
	From, To      policies.Millis
	Tenant        string
	Rules         []string
	Severities    []string
	Statuses      []string
	Channels      []string
	BusinessLines []string
	Session       string
	Withdrawn     bool // include withdrawn findings
	Within        Within
	Limit         int // 1–500
	Cursor        string
}

// Within is what whoever asks may see, whatever else is asked for; an empty list is no bound.
type Within struct{ Tenants, BusinessLines []string }

// FindingItem is a finding as lists show it.
type FindingItem struct {
	FindingID    string          `json:"finding_id"`
	Tenant       string          `json:"tenant"`
	SessionID    string          `json:"session_id"`
	Rule         string          `json:"rule"`
	Pack         string          `json:"pack"`
	Severity     string          `json:"severity"`
	Status       string          `json:"status"`
	Level        string          `json:"level"`
	Subject      string          `json:"subject,omitempty"`
	At           policies.Millis `json:"at_ms"`
	State        string          `json:"state"` // standing, withdrawn
	Version      int64           `json:"version"`
	Channel      string          `json:"channel"`
	BusinessLine string          `json:"business_line"`
	BotVersion   string          `json:"bot_version,omitempty"`
	Jurisdiction string          `json:"jurisdiction"`
	Clauses      []string        `json:"clauses"`
	Revision     string          `json:"policy_revision"`
	Facts        string          `json:"-"` // JSON object
}

// FindingPage is newest first; Next is "" on the last page.
type FindingPage struct {
	Items []FindingItem
	Next  string
}

// SessionQuery filters sessions; empty fields do not filter.
type SessionQuery struct {
	From, To      policies.Millis
	Tenant        string
	Channels      []string
	BusinessLines []string
	Within        Within
	Limit         int
	Cursor        string
}

// SessionItem is a session as lists show it.
type SessionItem struct {
	Session  Session
	Findings int // standing
}

// SessionPage is newest first.
type SessionPage struct {
	Items []SessionItem
	Next  string
}

// Conversation is one session as it went: its interactions ordered by (ts, offset), and findings.
type Conversation struct {
	Session      Session
	Interactions []Interaction
	Findings     []FindingItem
}

// Checked says what was looked at within a query's scope, so that "no finding" means something.
type Checked struct {
	Sessions, Interactions, Findings, Rejects int64
	FindingsByRule                            map[string]int64
	NotAssessed                               map[string]int64 // sessions, by rule
	Channels, BusinessLines                   []string         // values that exist
}
