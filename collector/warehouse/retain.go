package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// Age is how old the sessions of a tenant, jurisdiction and industry are: what their term depends on.
type Age struct {
	Tenant, Jurisdiction, Industry string
	Sessions                       int64
	Oldest                         policies.Millis // when the one was recorded last that was recorded longest ago
}

// Ages lists the ages of everything that is over, open sessions left out.
func (s *Store) Ages(ctx context.Context) (out []Age, err error) {
	err = s.each(ctx, "read the age of sessions", "SELECT toString(tenant) AS t, toString(jurisdiction) AS j, toString(industry) AS i, toInt64(count()), toUnixTimestamp64Milli(min(recorded_at)) FROM sessions FINAL WHERE NOT pending GROUP BY t, j, i ORDER BY t, j, i",
		nil, func(rows driver.Rows) error {
			var a Age
			err := rows.Scan(&a.Tenant, &a.Jurisdiction, &a.Industry, &a.Sessions, &a.Oldest)
			out = append(out, a)
			return err
		})
	return out, err
}

// Over streams the sessions of an age, with their customers, that nothing was recorded of since a moment,
// in the order of their ids and at most limit; an event that came late was recorded when it came.
func (s *Store) Over(ctx context.Context, of Age, before policies.Millis, after string, limit int, each func(session, customer string) error) error {
	return s.each(ctx, "find what is over", `SELECT session_id, customer_id FROM sessions FINAL WHERE tenant = {tenant:String} AND jurisdiction = {jurisdiction:String} AND industry = {industry:String}
			AND NOT pending AND recorded_at < fromUnixTimestamp64Milli({before:Int64}) AND session_id > {after:String} ORDER BY session_id LIMIT {limit:UInt64}`,
		[]any{
			clickhouse.Named("tenant", of.Tenant), clickhouse.Named("jurisdiction", of.Jurisdiction), clickhouse.Named("industry", of.Industry),
			clickhouse.Named("before", before), clickhouse.Named("after", after), clickhouse.Named("limit", limit),
		}, func(rows driver.Rows) error {
			var session, customer string
			if err := rows.Scan(&session, &customer); err != nil {
				return err
			}
			return each(session, customer)
		})
}

// Named lists those of a tenant's sessions that name a customer still, or hold what was learnt of him.
func (s *Store) Named(ctx context.Context, tenant string, sessions []string) (out []string, err error) {
	for _, some := range inParts(sessions) {
		err = s.each(ctx, "look up sessions", `SELECT DISTINCT session_id FROM (
				SELECT session_id FROM sessions WHERE tenant = {tenant:String} AND session_id IN {ids:Array(String)} AND (customer_id != '' OR NOT erased)
				UNION ALL SELECT session_id FROM findings WHERE tenant = {tenant:String} AND session_id IN {ids:Array(String)} AND customer_id != ''
			) ORDER BY session_id`,
			[]any{clickhouse.Named("tenant", tenant), clickhouse.Named("ids", some)}, func(rows driver.Rows) error {
				var id string
				err := rows.Scan(&id)
				out = append(out, id)
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
