package collector

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/redact"
	"mingjian/collector/session"
	"mingjian/collector/signal"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

const (
	// maxPayload is how much of a refused message is kept: 64 KiB, as the event model says.
	maxPayload = 64 << 10
	// maxKey is how much of its key is kept, in bytes: more than any session_id has. A key can be as
	// long as a message, and written as JSON six times that, which no broker would take.
	maxKey = 1 << 10
)

// sessionLevel is the level of findings about one session; indicators have their own.
const sessionLevel = "session"

// catalogue knows what findings carry of their rule.
type catalogue struct {
	revision string
	clauses  map[string][]string // ids, by rule
}

func newCatalogue(b *policies.Bundle) catalogue {
	c := catalogue{revision: b.Revision, clauses: make(map[string][]string, len(b.Rules))}
	for _, r := range b.Rules {
		for _, cl := range r.Clauses {
			c.clauses[r.ID] = append(c.clauses[r.ID], cl.ID)
		}
	}
	return c
}

// interactionRow is an event as the record keeps it, with what its session is known to be by then.
func interactionRow(e *event.Event, at event.Position, s *session.State, found signal.Set, body string) warehouse.Interaction {
	return warehouse.Interaction{
		Tenant: s.Tenant, SessionID: s.ID, EventID: e.ID,
		Topic: at.Topic, Partition: at.Partition, Offset: at.Offset, At: e.At,
		Kind: string(e.Kind), Role: string(e.Actor.Role), ActorID: e.Actor.ID,
		Channel: s.Facts.Channel, BusinessLine: s.Facts.BusinessLine,
		BotVersion: s.Bot.Version, Jurisdiction: s.Facts.Jurisdiction,
		Text: e.Text, TextBytes: e.TextBytes, Flags: e.Flags, Signals: found.Names(),
		Body: body, Labels: string(e.Labels), Extra: string(e.Extra),
	}
}

// rejectRow keeps a refused message; protect adds the message itself, encrypted. Its key may hold
// anything, of any length; the columns and JSON want text. What is said of it may quote it.
func rejectRow(m message, at event.Position, why *event.Reject) warehouse.Reject {
	sum := sha256.Sum256(m.value)
	return warehouse.Reject{
		Topic: at.Topic, Partition: at.Partition, Offset: at.Offset, At: m.at.UnixMilli(),
		Key: masked(strings.ToValidUTF8(string(m.key[:min(len(m.key), maxKey)]), "\uFFFD")), Reason: string(why.Reason), Detail: masked(why.Detail),
		Size: len(m.value), SHA256: hex.EncodeToString(sum[:]),
	}
}

func masked(s string) string {
	s, _ = redact.Text(s)
	return s
}

// findingRow is one version of a finding with what its session is known to be.
func (c catalogue) findingRow(ch inspect.Change, s *session.State) warehouse.Finding {
	f := ch.Finding
	return warehouse.Finding{
		ID: inspect.FindingID(s.Tenant, s.ID, ch.Rule), Tenant: s.Tenant, SessionID: s.ID,
		Rule: ch.Rule, Pack: f.Pack, Severity: string(f.Severity), Status: string(f.Status), Level: sessionLevel,
		Subject: f.Subject, At: f.At, Facts: string(f.Facts), Clauses: c.clauses[ch.Rule], Revision: s.Revision,
		Standing: ch.Standing, Version: int64(ch.Version),
		Channel: s.Facts.Channel, BusinessLine: s.Facts.BusinessLine, BotVersion: s.Bot.Version,
		Jurisdiction: s.Facts.Jurisdiction, CustomerID: s.Customer,
	}
}

// foundAs is a stored finding as the fold remembers it.
func foundAs(f warehouse.Finding) session.Found {
	return session.Found{
		Version: int(f.Version), Standing: f.Standing,
		Finding: policies.Finding{
			Rule: f.Rule, Pack: f.Pack, Severity: policies.Severity(f.Severity), Status: policies.Status(f.Status),
			Subject: f.Subject, At: f.At, Facts: []byte(f.Facts),
		},
	}
}

// sessionRow is the snapshot of a session, which keeps it too, to be frozen as. It is written while the
// session goes on, and so shares nothing with the state.
func (c catalogue) sessionRow(topic string, partition int, conv *conversation) (warehouse.Session, error) {
	s := conv.state
	state, err := s.MarshalBinary()
	if err != nil {
		return warehouse.Session{}, err
	}
	owners, err := conv.ownership()
	if err != nil {
		return warehouse.Session{}, err
	}
	conv.frozen, conv.owners = state, owners
	// Most facts of most sessions are zero. Whoever reads them takes what is not there for zero.
	facts, err := json.Marshal(&s.Facts, json.OmitZeroStructFields(true))
	if err != nil {
		return warehouse.Session{}, fmt.Errorf("facts of session %s: %w", s.ID, err)
	}
	row := warehouse.Session{
		Tenant: s.Tenant, SessionID: s.ID, Topic: topic, Partition: partition,
		LastOffset: s.Last, Version: conv.version,
		Opened: s.Facts.Opened, Closed: s.Facts.Closed, LastAt: s.Newest.At, Due: s.Due,
		Pending: s.Facts.Closed == 0 || s.Due != 0, Derived: s.Derived,
		Channel: s.Facts.Channel, BusinessLine: s.Facts.BusinessLine, Industry: s.Facts.Industry, Jurisdiction: s.Facts.Jurisdiction,
		CustomerID: s.Customer, BotID: s.Bot.ID, BotVersion: s.Bot.Version,
		Events: s.Count(), Facts: string(facts), NotAssessed: slices.Clone(s.NotAssessed), Revision: c.revision, State: state, Owners: owners,
	}
	if conv.erased != nil {
		conv.left(&row)
	}
	return row, nil
}
