package warehouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// mostSpans is how many spans one Trend may have: more than a chart has columns.
const mostSpans = 1000

// Span is what happened in one stretch of time.
type Span struct {
	At       policies.Millis // its beginning
	Sessions int64           // that opened in it
	Findings int64           // standing, dated in it
	Critical int64           // of them, of severity critical
}

// Trend implements Record: [q.From, q.To) in spans of a length, oldest first and without a gap, so that
// a span in which nothing happened is there too. The last span may reach beyond q.To; what comes
// after q.To is not counted. Both ends must be set. Sessions are filtered as Checked filters them.
func (s *Store) Trend(ctx context.Context, q FindingQuery, length time.Duration) ([]Span, error) {
	each := length.Milliseconds()
	if q.From <= 0 || q.To <= q.From || each <= 0 || (q.To-q.From)/each >= mostSpans {
		return nil, fmt.Errorf("a trend from %d to %d in spans of %s: it needs both ends and at most %d spans", q.From, q.To, length, mostSpans)
	}
	out := make([]Span, (q.To-q.From+each-1)/each)
	for i := range out {
		out[i].At = q.From + int64(i)*each
	}
	place := func(column string) string {
		return "SELECT intDiv(toUnixTimestamp64Milli(" + column + ") - {origin:Int64}, {each:Int64}) AS place, toInt64(count())"
	}
	at := []any{clickhouse.Named("origin", q.From), clickhouse.Named("each", each)}

	var found where
	found.findings(q)
	err := s.each(ctx, "count findings by time", place("at")+", toInt64(countIf(severity = 'critical')) FROM findings FINAL"+found.clause()+" GROUP BY place",
		append(found.args, at...), func(rows driver.Rows) error {
			var i, n, critical int64
			if err := rows.Scan(&i, &n, &critical); err != nil {
				return err
			}
			out[i].Findings, out[i].Critical = n, critical
			return nil
		})
	if err != nil {
		return nil, err
	}
	var opened where
	opened.moment("opened >= {}", q.From)
	opened.moment("opened < {}", q.To)
	opened.equal("tenant", q.Tenant)
	opened.among("channel", q.Channels)
	opened.among("business_line", q.BusinessLines)
	opened.within(q.Within)
	opened.equal("session_id", q.Session)
	err = s.each(ctx, "count sessions by time", place("opened")+" FROM sessions FINAL"+opened.clause()+" GROUP BY place",
		append(opened.args, at...), func(rows driver.Rows) error {
			var i, n int64
			if err := rows.Scan(&i, &n); err != nil {
				return err
			}
			out[i].Sessions = n
			return nil
		})
	if err != nil {
		return nil, err
	}
	return out, nil
}
