package api

import (
	"context"
	"errors"
	"time"

	"mingjian/audit/console"
	"mingjian/audit/identity"
	"mingjian/collector/warehouse"
)

// scope is the record as the principal in the context may see it: cut to their tenants and business
// lines. Asking for another one finds nothing, as if it did not exist.
type scope struct{ record console.Record }

var errNobody = errors.New("the record is read for a principal, and there is none")

func within(ctx context.Context) (warehouse.Within, error) {
	p, ok := identity.From(ctx)
	if !ok {
		return warehouse.Within{}, errNobody
	}
	return warehouse.Within{Tenants: p.Tenants, BusinessLines: p.Lines}, nil
}

func (s scope) Findings(ctx context.Context, q warehouse.FindingQuery) (_ warehouse.FindingPage, err error) {
	if q.Within, err = within(ctx); err != nil {
		return warehouse.FindingPage{}, err
	}
	return s.record.Findings(ctx, q)
}

func (s scope) Sessions(ctx context.Context, q warehouse.SessionQuery) (_ warehouse.SessionPage, err error) {
	if q.Within, err = within(ctx); err != nil {
		return warehouse.SessionPage{}, err
	}
	return s.record.Sessions(ctx, q)
}

// Checked leaves out the rejects for whoever is not to see everything: a message that could not be
// read has no tenant.
func (s scope) Checked(ctx context.Context, q warehouse.FindingQuery) (_ warehouse.Checked, err error) {
	if q.Within, err = within(ctx); err != nil {
		return warehouse.Checked{}, err
	}
	out, err := s.record.Checked(ctx, q)
	if len(q.Within.Tenants)+len(q.Within.BusinessLines) > 0 {
		out.Rejects = 0
	}
	return out, err
}

// SessionOf keeps to the tenants and lines also where others have a session of the same id: without a
// tenant it is that of the newest event among them, as the record itself answers.
func (s scope) SessionOf(ctx context.Context, tenant, id string) (newest warehouse.Conversation, found bool, err error) {
	p, ok := identity.From(ctx)
	if !ok {
		return newest, false, errNobody
	}
	tenants := []string{tenant}
	if tenant == "" && len(p.Tenants) > 0 {
		tenants = p.Tenants
	}
	for _, t := range tenants {
		if t != "" && !p.Sees(t) {
			continue
		}
		c, ok, err := s.record.SessionOf(ctx, t, id)
		if err != nil {
			return warehouse.Conversation{}, false, err
		}
		if ok && p.SeesLine(c.Session.Tenant, c.Session.BusinessLine) && (!found || c.Session.LastAt > newest.Session.LastAt) {
			newest, found = c, true
		}
	}
	return newest, found, nil
}

// SealsOver is for whoever already reads the interactions at these offsets; a seal itself says
// nothing of what it closes.
func (s scope) SealsOver(ctx context.Context, topic string, partition int, first, last int64) ([]warehouse.Seal, error) {
	if _, ok := identity.From(ctx); !ok {
		return nil, errNobody
	}
	return s.record.SealsOver(ctx, topic, partition, first, last)
}

func (s scope) Trend(ctx context.Context, q warehouse.FindingQuery, length time.Duration) (_ []warehouse.Span, err error) {
	if q.Within, err = within(ctx); err != nil {
		return nil, err
	}
	return s.record.Trend(ctx, q, length)
}
