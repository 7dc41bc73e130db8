package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// ClosedSession is what sampling has to know of a session that is over.
type ClosedSession struct {
	Tenant, SessionID                 string
	BusinessLine, Channel, BotVersion string
	Jurisdiction                      string
	Closed                            policies.Millis
	Recorded                          policies.Millis // when the newest version of its row was written
}

// ClosedQuery chooses closed sessions of one tenant. Zero moments do not bound.
type ClosedQuery struct {
	Tenant   string
	From, To policies.Millis // closed in [From, To)
	// Late adds those that were closed before From and whose row was written at Late or after; 0 adds
	// none.
	Late policies.Millis
	// Recorded leaves out what was written after it.
	Recorded policies.Millis
	// IDs, where there are any, leaves only these sessions.
	IDs []string
}

// Reason is why a session must be reviewed whatever the draw says.
type Reason struct {
	ClosedSession
	// What is the rule's id, where a critical finding stands, or the kind of the event:
	// complaint.filed, misjudgement.reported.
	What  string
	Rule  bool            // What is a rule's id
	At    policies.Millis // when it happened
	Known policies.Millis // when the record first held it
}

// ReasonQuery chooses reasons. Empty fields do not filter.
type ReasonQuery struct {
	Tenant   string
	From, To policies.Millis // the session was closed in [From, To)
	Since    policies.Millis // the reason or the session's row was written at Since or after
	IDs      []string        // only these sessions
}

// Now is the server's clock, which stamps when rows were written.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := s.each(ctx, "ask for the time", "SELECT now64(3, 'UTC')", nil, func(rows driver.Rows) error { return rows.Scan(&at) })
	return at, err
}

// TenantsSince lists the tenants with sessions, each with when the first of its rows that still
// stands was written.
func (s *Store) TenantsSince(ctx context.Context) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := s.each(ctx, "list tenants", "SELECT toString(tenant), min(recorded_at) FROM sessions WHERE is_deleted = 0 GROUP BY tenant", nil, func(rows driver.Rows) error {
		var tenant string
		var first time.Time
		err := rows.Scan(&tenant, &first)
		out[tenant] = first
		return err
	})
	return out, err
}

const closedColumns = "tenant, session_id, business_line, channel, bot_version, jurisdiction, closed, recorded_at"

func (c *ClosedSession) targets() []any {
	return []any{
		&c.Tenant, &c.SessionID, &c.BusinessLine, &c.Channel, &c.BotVersion, &c.Jurisdiction,
		&c.Closed, &c.Recorded,
	}
}

// Closed streams closed sessions ordered by session id. Conditions are asked of each session's newest
// row.
func (s *Store) Closed(ctx context.Context, q ClosedQuery, each func(ClosedSession) error) error {
	for _, ids := range inParts(q.IDs) {
		var w where
		w.conditions = append(w.conditions, "toUnixTimestamp64Milli(closed) > 0")
		w.equal("tenant", q.Tenant)
		w.moment("closed < {}", q.To)
		w.moment("recorded_at <= {}", q.Recorded)
		if q.Late != 0 {
			var late where
			late.args = w.args // so that the placeholders get names of their own
			late.moment("closed >= {}", q.From)
			late.moment("recorded_at >= {}", q.Late)
			w.args = late.args
			w.conditions = append(w.conditions, "("+strings.Join(late.conditions, " OR ")+")")
		} else {
			w.moment("closed >= {}", q.From)
		}
		w.among("session_id", ids)
		// Rows that were replaced may meet the conditions too, but a session of which no row does need not be
		// merged: FINAL over all sessions takes time of all of them.
		query := "SELECT " + closedColumns + " FROM sessions FINAL PREWHERE session_id IN (SELECT session_id FROM sessions" + w.clause() + ")" + w.clause() + " ORDER BY session_id"
		err := s.each(ctx, "read closed sessions", query, w.args, func(rows driver.Rows) error {
			var c ClosedSession
			if err := rows.Scan(c.targets()...); err != nil {
				return err
			}
			return each(c)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Reasons streams the reasons of closed sessions, those of a session one after another, ordered by
// moment and what they are: critical findings about one session that stand, complaints, and reported
// misjudgements. Of several events of a kind in a session the first one counts.
func (s *Store) Reasons(ctx context.Context, q ReasonQuery, each func(Reason) error) error {
	var suspects []string
	for _, ids := range inParts(q.IDs) {
		some, err := s.suspects(ctx, q, ids)
		if err != nil {
			return err
		}
		suspects = append(suspects, some...)
	}
	if len(suspects) == 0 {
		return nil
	}
	for _, ids := range inParts(suspects) {
		over := where{args: []any{clickhouse.Named("ids", ids)}}
		over.conditions = append(over.conditions, "toUnixTimestamp64Milli(closed) > 0")
		over.equal("tenant", q.Tenant)
		over.moment("closed >= {}", q.From)
		over.moment("closed < {}", q.To)

		query := fmt.Sprintf(`SELECT s.tenant, s.session_id, s.business_line, s.channel, s.bot_version, s.jurisdiction, s.closed, s.recorded_at, r.what, r.is_rule, r.at, r.written
FROM (
	SELECT toString(tenant) AS r_tenant, session_id AS r_session, toString(rule) AS what, true AS is_rule, at, recorded_at AS written
	FROM findings FINAL PREWHERE %[1]s WHERE standing AND %[2]s
	UNION ALL
	SELECT toString(tenant), session_id, toString(kind), false, min(at), min(recorded_at)
	FROM interactions FINAL PREWHERE %[1]s WHERE %[3]s GROUP BY tenant, session_id, kind
) AS r INNER JOIN (SELECT %[4]s FROM sessions FINAL PREWHERE %[1]s%[5]s) AS s
  ON r.r_tenant = s.tenant AND r.r_session = s.session_id
ORDER BY s.tenant, s.session_id, r.at, r.what`, "session_id IN {ids:Array(String)}", reasonFindings, reasonKinds, closedColumns, over.clause())
		err := s.each(ctx, "read why sessions must be reviewed", query, over.args, func(rows driver.Rows) error {
			var r Reason
			if err := rows.Scan(append(r.targets(), &r.What, &r.Rule, &r.At, &r.Known)...); err != nil {
				return err
			}
			if r.Known < q.Since && r.Recorded < q.Since {
				return nil // neither is new; another of the session's rows brought it here
			}
			return each(r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// suspects are the sessions of which some row, replaced ones among them, could be a reason. They are
// few, and the others are spared FINAL.
func (s *Store) suspects(ctx context.Context, q ReasonQuery, ids []string) ([]string, error) {
	set, args := reasonSet(q, ids)
	query := fmt.Sprintf(`SELECT session_id FROM findings WHERE session_id IN %[1]s AND %[2]s
UNION DISTINCT SELECT session_id FROM interactions WHERE session_id IN %[1]s AND %[3]s`, set, reasonFindings, reasonKinds)
	var out []string
	err := s.each(ctx, "look for sessions that must be reviewed", query, args, func(rows driver.Rows) error {
		var id string
		err := rows.Scan(&id)
		out = append(out, id)
		return err
	})
	return out, err
}

// What a reason can be, a finding or an event.
const (
	reasonFindings = "severity = 'critical' AND level = 'session'"
	reasonKinds    = "kind IN ('complaint.filed', 'misjudgement.reported')"
)

// reasonSet is the ids of the sessions that a query of reasons looks at, as an expression for IN. The
// ids come first and by themselves because they lead the tables' keys.
func reasonSet(q ReasonQuery, ids []string) (set string, args []any) {
	if len(ids) > 0 {
		return "{ids:Array(String)}", []any{clickhouse.Named("ids", ids)}
	}
	written := func(table, only string, more func(*where)) string {
		w := where{args: args, conditions: []string{only}} // args go on, so that placeholders get names of their own
		w.equal("tenant", q.Tenant)
		w.moment("recorded_at >= {}", q.Since)
		more(&w)
		args = w.args
		return "SELECT session_id FROM " + table + w.clause()
	}
	parts := []string{written("sessions", "toUnixTimestamp64Milli(closed) > 0", func(w *where) {
		w.moment("closed >= {}", q.From)
		w.moment("closed < {}", q.To)
	})}
	if q.Since != 0 { // a reason may be newer than its session's row
		parts = append(parts,
			written("findings", reasonFindings, func(*where) {}),
			written("interactions", reasonKinds, func(*where) {}))
	}
	return "(" + strings.Join(parts, " UNION DISTINCT ") + ")", args
}

// inParts cuts ids into parts that fit into one query each; no ids are one part that bounds nothing.
func inParts(ids []string) [][]string {
	if len(ids) == 0 {
		return [][]string{nil}
	}
	var out [][]string
	for len(ids) > 0 {
		n, bytes := 0, 0
		for n < len(ids) && n < idsPerQuery && (n == 0 || bytes+len(ids[n]) <= idBytesPerQuery) {
			bytes += len(ids[n])
			n++
		}
		out = append(out, slices.Clip(ids[:n]))
		ids = ids[n:]
	}
	return out
}
