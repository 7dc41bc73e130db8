package api

import (
	"context"
	"errors"
	"time"

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

// Checked leaves out the rejects for whoever is not to see every tenant: a message that could not be
// read has none.
func (s scope) Checked(ctx context.Context, q warehouse.FindingQuery) (_ warehouse.Checked, err error) {
	if q.Tenant, err = cut(ctx, q.Tenant); err != nil || q.Tenant == otherTenant {
		return warehouse.Checked{}, err
	}
	out, err := s.record.Checked(ctx, q)
	if p, _ := identity.From(ctx); p.Tenant != "" {
		out.Rejects = 0
	}
	return out, err
}

// SessionOf keeps to the tenant also where another one has a session of the same id.
func (s scope) SessionOf(ctx context.Context, tenant, id string) (_ warehouse.Conversation, found bool, err error) {
	if tenant, err = cut(ctx, tenant); err != nil || tenant == otherTenant {
		return warehouse.Conversation{}, false, err
	}
	return s.record.SessionOf(ctx, tenant, id)
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
	if q.Tenant, err = cut(ctx, q.Tenant); err != nil || q.Tenant == otherTenant {
		return nil, err
	}
	return s.record.Trend(ctx, q, length)
}
