package cases

import (
	"context"
	"fmt"

	"mingjian/audit/store"
)

// Erased stands where a customer was whose data was erased.
const Erased = "erased"

// Forget takes the customer from the cases of a tenant's sessions that have ended, and what events said
// from their sources; n says of how many cases. A case that goes on keeps the customer, who is to be paid,
// until it is forgotten again after its end. What people wrote, the steps and the payments stay: they are
// kept unchanged for as long as books are.
func (c *Cases) Forget(ctx context.Context, tx *store.Tx, tenant string, sessions []string) (n int, err error) {
	for _, session := range sessions {
		if _, err := tx.ExecContext(ctx, `UPDATE case_sources SET words = '' WHERE tenant = $1 AND session_id = $2 AND kind = $3 AND words <> ''`, tenant, session, string(FromEvent)); err != nil {
			return n, fmt.Errorf("forget what events said: %w", err)
		}
		ids, err := collect(ctx, tx, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) },
			`SELECT id FROM cases WHERE tenant = $1 AND session_id = $2 AND customer NOT IN ('', $3) AND state IN ($4, $5) ORDER BY id`,
			tenant, session, Erased, string(Closed), string(Rejected))
		if err != nil {
			return n, err
		}
		for _, id := range ids {
			k, err := c.lock(ctx, tx, id)
			if err != nil {
				return n, err
			}
			k.Version++
			k.Customer = Erased
			if k.Proposal != nil {
				proposal := *k.Proposal
				proposal.Customer = Erased
				k.Proposal = &proposal
			}
			if err := save(ctx, tx, k); err != nil {
				return n, err
			}
			if err := mirror(ctx, tx, k); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}
