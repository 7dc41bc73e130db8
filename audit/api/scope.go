package api

import (
	"context"
	"errors"

	"mingjian/audit/console"
	"mingjian/audit/identity"
	"mingjian/collector/warehouse"
)

// scope is the record as the principal in the context may see it: cut to their tenant. Asking for
// another tenant finds nothing, as if it did not exist.
type scope struct{ record console.Record }

var errNobody = errors.New("the record is read for a principal, and there is none")

// otherTenant is no tenant's name (control characters are refused in events): it matches nothing.
const otherTenant = "\x00"

func cut(ctx context.Context, asked string) (string, error) {
	p, ok := identity.From(ctx)
	switch {
	case !ok:
		return "", errNobody
	case asked == "":
		return p.Tenant, nil
	case !p.Sees(asked):
		return otherTenant, nil
	}
	return asked, nil
}

func (s scope) Findings(ctx context.Context, q warehouse.FindingQuery) (_ warehouse.FindingPage, err error) {
	if q.Tenant, err = cut(ctx, q.Tenant); err != nil || q.Tenant == otherTenant {
		return warehouse.FindingPage{}, err
	}
	return s.record.Findings(ctx, q)
}

func (s scope) Sessions(ctx context.Context, q warehouse.SessionQuery) (_ warehouse.SessionPage, err error) {
	if q.Tenant, err = cut(ctx, q.Tenant); err != nil || q.Tenant == otherTenant {
		return warehouse.SessionPage{}, err
	}
	return s.record.Sessions(ctx, q)
}

func (s scope) Checked(ctx context.Context, q warehouse.FindingQuery) (_ warehouse.Checked, err error) {
	if q.Tenant, err = cut(ctx, q.Tenant); err != nil || q.Tenant == otherTenant {
		return warehouse.Checked{}, err
	}
	return s.record.Checked(ctx, q)
}

func (s scope) Session(ctx context.Context, id string) (warehouse.Conversation, bool, error) {
	p, ok := identity.From(ctx)
	if !ok {
		return warehouse.Conversation{}, false, errNobody
	}
	c, found, err := s.record.Session(ctx, id)
	if err != nil || !found || !p.Sees(c.Session.Tenant) {
		return warehouse.Conversation{}, false, err
	}
	return c, true, nil
}
