package cases

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

// MaxReason is how many characters a reason may have: a page of text.
const MaxReason = 2000

// Report is what somebody says the AI got wrong.
type Report struct {
	Tenant    string // whose session it is, where two tenants have one of this id; "" for the newest
	SessionID string
	FindingID string // "" for the session as a whole
	Kind      string // one of Kinds
	Reason    string // 1–MaxReason characters
}

// Report opens a candidate in the name of the principal in ctx, or joins the case of the same session.
// opened is true where it began the case. The same person reporting the same again changes nothing:
// their first report stands. A *Fault says what is wrong with the report.
func (c *Cases) Report(ctx context.Context, r Report) (got Case, opened bool, err error) {
	who, ok := identity.From(ctx)
	if !ok {
		return Case{}, false, fmt.Errorf("report a misjudgement: %w", errNobody)
	}
	conv, err := c.check(ctx, &r)
	if err != nil {
		return Case{}, false, err
	}
	s := conv.Session
	t := told{
		Source: Source{
			Kind: FromReport, Ref: idOf(s.Tenant, r.SessionID, r.FindingID, who.ID), Rule: ruleOf(conv, r.FindingID), Words: r.Reason, By: who.ID, At: c.db.Now(),
		},
		tenant: s.Tenant, session: s.SessionID, customer: s.CustomerID, line: s.BusinessLine, findingID: r.FindingID, kind: r.Kind, actor: who.ID,
	}
	err = c.db.Write(ctx, func(tx *store.Tx) error {
		var how joining
		if got, how, err = c.join(ctx, tx, t); err != nil {
			return err
		}
		if opened = how == began; how == unchanged {
			return nil
		}
		return publish(ctx, tx, got, t)
	})
	if err != nil {
		return Case{}, false, fmt.Errorf("report a misjudgement: %w", err)
	}
	return got, opened, nil
}

// check says what is wrong with a report, or which session it is about.
func (c *Cases) check(ctx context.Context, r *Report) (warehouse.Conversation, error) {
	none := warehouse.Conversation{}
	if !slices.Contains(Kinds, r.Kind) {
		return none, &Fault{"kind", "choose what the claim is about, one of: " + strings.Join(Kinds, ", ")}
	}
	var err error
	if r.Reason, err = worded("reason", r.Reason); err != nil {
		return none, err
	}
	conv, ok, err := c.sessions.SessionOf(ctx, r.Tenant, r.SessionID)
	if err != nil {
		return none, fmt.Errorf("report a misjudgement: %w", err)
	}
	if !ok {
		return none, &Fault{"session_id", "there is no such session in the record; copy the id from the session's page"}
	}
	if r.FindingID != "" && ruleOf(conv, r.FindingID) == "" {
		return none, &Fault{"finding_id", "this session has no such finding; leave it out to report the session as a whole"}
	}
	return conv, nil
}

// ruleOf is the rule of a session's finding, "" where there is none of this id.
func ruleOf(conv warehouse.Conversation, findingID string) string {
	for _, f := range conv.Findings {
		if f.FindingID == findingID {
			return f.Rule
		}
	}
	return ""
}
