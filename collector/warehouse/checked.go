package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const counting = "count what was checked"

// Checked implements Record. Sessions in scope are those with an event in [From, To), whole, of the
// query's tenant, channels, business lines and session; interactions are theirs. Findings are
// counted with all of the query's filters, rejects (which have no tenant) by time alone. The
// channels and business lines are those of the tenant and time whatever else is filtered, so that
// a filter can be changed.
func (s *Store) Checked(ctx context.Context, q FindingQuery) (Checked, error) {
	out := Checked{FindingsByRule: map[string]int64{}, NotAssessed: map[string]int64{}}
	scope := SessionQuery{From: q.From, To: q.To, Tenant: q.Tenant, Channels: q.Channels, BusinessLines: q.BusinessLines, Within: q.Within}

	var in where
	in.sessions(scope)
	in.equal("session_id", q.Session)
	err := s.each(ctx, counting, "SELECT toInt64(count()), toInt64(sum(events)) FROM sessions FINAL"+in.clause(), in.args,
		func(rows driver.Rows) error { return rows.Scan(&out.Sessions, &out.Interactions) })
	if err != nil {
		return Checked{}, err
	}
	err = s.each(ctx, counting, "SELECT arrayJoin(not_assessed) AS rule, toInt64(count()) FROM sessions FINAL"+in.clause()+" GROUP BY rule", in.args,
		count(out.NotAssessed))
	if err != nil {
		return Checked{}, err
	}

	var around where
	around.sessions(SessionQuery{From: q.From, To: q.To, Tenant: q.Tenant, Within: q.Within})
	err = s.each(ctx, counting, "SELECT arraySort(groupUniqArray(toString(channel))), arraySort(groupUniqArray(toString(business_line))) FROM sessions FINAL"+around.clause(), around.args,
		func(rows driver.Rows) error { return rows.Scan(&out.Channels, &out.BusinessLines) })
	if err != nil {
		return Checked{}, err
	}

	var found where
	found.findings(q)
	err = s.each(ctx, counting, "SELECT rule, toInt64(count()) FROM findings FINAL"+found.clause()+" GROUP BY rule", found.args, count(out.FindingsByRule))
	if err != nil {
		return Checked{}, err
	}
	for _, n := range out.FindingsByRule {
		out.Findings += n
	}

	var refused where
	refused.moment("at >= {}", q.From)
	refused.moment("at < {}", q.To)
	err = s.each(ctx, counting, "SELECT toInt64(count()) FROM rejects FINAL"+refused.clause(), refused.args,
		func(rows driver.Rows) error { return rows.Scan(&out.Rejects) })
	if err != nil {
		return Checked{}, err
	}
	return out, nil
}

// count puts rows of a name and a number into a map.
func count(into map[string]int64) func(driver.Rows) error {
	return func(rows driver.Rows) error {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return err
		}
		into[name] = n
		return nil
	}
}
