package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// Misjudged is something in the record that tells of a wrong that the AI did to a customer: a finding,
// standing or withdrawn, or an event misjudgement.reported or review.decided.
type Misjudged struct {
	Tenant, SessionID, CustomerID string
	Standing                      bool            // of a finding: it was not withdrawn; true of an event
	At                            policies.Millis // when it happened
	Known                         policies.Millis // when the record wrote its newest version

	FindingID, Rule, Severity string // of a finding

	EventID, Kind string // of an event
	ActorID       string
	Text          string // masked
	Body, Extra   string // JSON, as Interaction has them
}

// MisjudgedQuery chooses what tells of a wrong.
type MisjudgedQuery struct {
	Rules []string        // findings of these rules
	Since policies.Millis // written at Since or after
}

// Misjudged streams what tells of a wrong, oldest first by when it happened. Something that was written
// again comes again.
func (s *Store) Misjudged(ctx context.Context, q MisjudgedQuery, each func(Misjudged) error) error {
	// The sessions are found first and by themselves: rows have to be merged before anything but
	// their key is asked, and a whole table would take long to merge.
	const found = `SELECT toString(tenant) AS of_tenant, session_id AS of_session, customer_id AS customer, standing, at AS happened, recorded_at AS written,
		finding_id, toString(rule) AS rule_id, toString(severity) AS how, '' AS event, '' AS event_kind, '' AS actor, '' AS words, '' AS event_body, '' AS more
	FROM findings FINAL
	PREWHERE session_id IN (SELECT session_id FROM findings WHERE has({rules:Array(String)}, toString(rule)) AND recorded_at >= fromUnixTimestamp64Milli({since:Int64}))
	WHERE has({rules:Array(String)}, toString(rule)) AND level = 'session'`
	const told = `SELECT toString(i.tenant), i.session_id, s.customer_id, true, i.at, i.recorded_at, '', '', '', i.event_id, toString(i.kind), i.actor_id, i.text, i.body, i.extra
	FROM (SELECT tenant, session_id, event_id, kind, actor_id, text, body, extra, at, recorded_at FROM interactions FINAL
		PREWHERE session_id IN (SELECT session_id FROM interactions WHERE ` + misjudgedKinds + ` AND recorded_at >= fromUnixTimestamp64Milli({since:Int64}))
		WHERE ` + misjudgedKinds + `) AS i
	LEFT JOIN (SELECT tenant, session_id, customer_id FROM sessions FINAL
		PREWHERE session_id IN (SELECT session_id FROM interactions WHERE ` + misjudgedKinds + ` AND recorded_at >= fromUnixTimestamp64Milli({since:Int64}))) AS s
	ON i.tenant = s.tenant AND i.session_id = s.session_id`
	return s.each(ctx, "read what tells of a misjudgement", "SELECT * FROM ("+found+" UNION ALL "+told+") ORDER BY happened, of_tenant, of_session, finding_id, event",
		[]any{clickhouse.Named("rules", append([]string{}, q.Rules...)), clickhouse.Named("since", q.Since)},
		func(rows driver.Rows) error {
			var m Misjudged
			if err := rows.Scan(&m.Tenant, &m.SessionID, &m.CustomerID, &m.Standing, &m.At, &m.Known,
				&m.FindingID, &m.Rule, &m.Severity, &m.EventID, &m.Kind, &m.ActorID, &m.Text, &m.Body, &m.Extra); err != nil {
				return err
			}
			if m.Known < q.Since {
				return nil // another row of the session brought it here
			}
			return each(m)
		})
}

const misjudgedKinds = "kind IN ('misjudgement.reported', 'review.decided')"
