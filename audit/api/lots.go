package api

import (
	"context"
	"time"

	"mingjian/audit/review"
	"mingjian/audit/sampling"
)

// drawn tells reviews of the lots that sampling closed.
type drawn struct{ lots *sampling.Lots }

// lotsPage is how many lots are read at a time (the largest page).
const lotsPage = 500

// Drawn reads all pages; the answer is cut to the tenant of the principal in ctx.
func (d drawn) Drawn(ctx context.Context, tenant string, from, to time.Time) (out []review.DrawnLot, err error) {
	q := sampling.Query{Tenant: tenant, From: from, To: to, Limit: lotsPage}
	for {
		page, err := d.lots.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, l := range page.Items {
			out = append(out, review.DrawnLot{
				ID: l.ID, Tenant: l.Tenant, BusinessLine: l.BusinessLine, Channel: l.Channel, BotVersion: l.BotVersion, From: l.From, To: l.To,
				Population: l.Size, Any: l.Sessions - l.Size, Sample: l.Plan.N, Ac: l.Plan.Ac, State: string(l.State), Outcome: string(l.Outcome),
			})
		}
		if page.Next == "" {
			return out, nil
		}
		q.Cursor = page.Next
	}
}
