package warehouse

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// What is known of an indicator's day.
const (
	Breached      = "breached"       // a finding stands
	Kept          = "kept"           // within what the rule asks for
	NotAssessable = "not_assessable" // Reason says why
	Empty         = "empty"          // there was something to count once, and is no more
)

// Indicator is one version of one number: an indicator of a tenant's business line on one day.
type Indicator struct {
	Name, Tenant, BusinessLine string
	Day                        time.Time // midnight UTC of the day of the tenant's zone
	Version                    int64
	Period, Unit               string // see policies.Indicator
	Numerator                  float64
	Denominator                int64
	Value, Low, High           float64 // High may be +Inf: nothing is bounded
	Last                       policies.Millis
	State, Reason              string
	FindingID                  string // "" where no finding ever stood
	Revision                   string
}

var indicators = table[Indicator]{"indicators", []column[Indicator]{
	plain("indicator", func(r *Indicator) *string { return &r.Name }),
	plain("tenant", func(r *Indicator) *string { return &r.Tenant }),
	plain("business_line", func(r *Indicator) *string { return &r.BusinessLine }),
	plain("day", func(r *Indicator) *time.Time { return &r.Day }),
	plain("version", func(r *Indicator) *int64 { return &r.Version }),
	plain("period", func(r *Indicator) *string { return &r.Period }),
	plain("unit", func(r *Indicator) *string { return &r.Unit }),
	plain("numerator", func(r *Indicator) *float64 { return &r.Numerator }),
	plain("denominator", func(r *Indicator) *int64 { return &r.Denominator }),
	plain("value", func(r *Indicator) *float64 { return &r.Value }),
	plain("low", func(r *Indicator) *float64 { return &r.Low }),
	plain("high", func(r *Indicator) *float64 { return &r.High }),
	moment("last", func(r *Indicator) *policies.Millis { return &r.Last }),
	plain("state", func(r *Indicator) *string { return &r.State }),
	plain("reason", func(r *Indicator) *string { return &r.Reason }),
	plain("finding_id", func(r *Indicator) *string { return &r.FindingID }),
	plain("revision", func(r *Indicator) *string { return &r.Revision }),
}}

// Days is a run of days of a tenant, first to last, both included, in the tenant's zone. Days are given
// as midnights UTC.
type Days struct {
	Tenant      string
	Zone        *time.Location
	First, Last time.Time
}

// args are the run as the parameters of a query.
func (d Days) args(more ...any) []any {
	return append([]any{
		clickhouse.Named("tenant", d.Tenant), clickhouse.Named("zone", d.Zone.String()),
		clickhouse.Named("first", d.First.Format(time.DateOnly)), clickhouse.Named("last", d.Last.Format(time.DateOnly)),
		clickhouse.Named("begin", d.Begin(d.First)), clickhouse.Named("end", d.Begin(d.Last.AddDate(0, 0, 1))),
	}, more...)
}

// Begin is when a day begins in the tenant's zone.
func (d Days) Begin(day time.Time) policies.Millis {
	return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, d.Zone).UnixMilli()
}

// Indicators reads what is recorded of a tenant's days.
func (s *Store) Indicators(ctx context.Context, d Days) ([]Indicator, error) {
	rows, err := collect(ctx, s, indicators, "PREWHERE tenant = {tenant:String} AND day BETWEEN {first:Date} AND {last:Date} ORDER BY indicator, day, business_line",
		clickhouse.Named("tenant", d.Tenant), clickhouse.Named("first", d.First.Format(time.DateOnly)), clickhouse.Named("last", d.Last.Format(time.DateOnly)))
	for i := range rows {
		rows[i].Day = rows[i].Day.UTC() // so that equal days are equal
	}
	return rows, err
}

// WriteIndicators stores numbers with the findings that follow from them. The findings come first, so that
// a row that says so is right. It may be called again with the same rows.
func (s *Store) WriteIndicators(ctx context.Context, rows []Indicator, found []Finding) error {
	if err := insert(ctx, s, findings, found); err != nil {
		return err
	}
	return insert(ctx, s, indicators, rows)
}

// FindingRow is one finding as it was last written, for a new version of it.
func (s *Store) FindingRow(ctx context.Context, id string) (Finding, bool, error) {
	rows, err := collect(ctx, s, findings, "PREWHERE finding_id = {id:String} LIMIT 1", clickhouse.Named("id", id))
	if err != nil || len(rows) == 0 {
		return Finding{}, false, err
	}
	return rows[0], true, nil
}

// IndicatorTenants lists the tenants that have sessions, had some, or have a review.
func (s *Store) IndicatorTenants(ctx context.Context) ([]string, error) {
	var out []string
	err := s.each(ctx, "list tenants", "SELECT toString(tenant) AS t FROM sessions GROUP BY t UNION DISTINCT SELECT toString(tenant) AS t FROM reviews GROUP BY t ORDER BY t", nil,
		func(rows driver.Rows) error {
			var tenant string
			err := rows.Scan(&tenant)
			out = append(out, tenant)
			return err
		})
	return out, err
}

// mostDays bounds the days that one session is taken to reach over; one that is silent for a day is closed,
// so that longer ones are rare and quiet.
const mostDays = 62

// Touched says what may have changed numbers: rows written at Written or after, by the server's clock, and
// reviews that fell due from DueSince until Now.
type Touched struct{ Written, DueSince, Now policies.Millis }

// TouchedDays lists the days of a tenant whose numbers may have changed, oldest first: those that the
// touched sessions and reviews reach over.
func (s *Store) TouchedDays(ctx context.Context, tenant string, zone *time.Location, t Touched) ([]time.Time, error) {
	const query = `SELECT DISTINCT day FROM (
	SELECT toDate(opened, {zone:String}) + arrayJoin(range(toUInt32(least(greatest(dateDiff('day', toDate(opened, {zone:String}), toDate(greatest(last_at, closed), {zone:String})), 0), {most:Int64}) + 1))) AS day
	FROM sessions WHERE tenant = {tenant:String} AND recorded_at >= fromUnixTimestamp64Milli({written:Int64}, 'UTC')
	UNION ALL
	SELECT arrayJoin([toDate(due, {zone:String}), toDate(ended, {zone:String})]) AS day FROM (
		SELECT ` + reviewDue + ` AS due, ` + reviewClosed + ` AS ended FROM reviews
		WHERE tenant = {tenant:String} AND (recorded_at >= fromUnixTimestamp64Milli({written:Int64}, 'UTC')
			OR due >= fromUnixTimestamp64Milli({due:Int64}, 'UTC') AND due <= fromUnixTimestamp64Milli({now:Int64}, 'UTC')))
) ORDER BY day`
	var out []time.Time
	err := s.each(ctx, "list touched days", query, []any{
		clickhouse.Named("tenant", tenant), clickhouse.Named("zone", zone.String()), clickhouse.Named("most", int64(mostDays)),
		clickhouse.Named("written", storable(t.Written)), clickhouse.Named("due", storable(t.DueSince)), clickhouse.Named("now", storable(t.Now)),
	}, func(rows driver.Rows) error {
		var day time.Time
		err := rows.Scan(&day)
		out = append(out, day.UTC())
		return err
	})
	return out, err
}
