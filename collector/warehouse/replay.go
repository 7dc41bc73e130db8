package warehouse

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// ReplayQuery chooses sessions to be inspected again, each with all of its interactions: those that
// were opened in [From, To), of one tenant or of all (""). Zero moments do not bound. Sessions whose person
// was erased are left out.
type ReplayQuery struct {
	Tenant   string
	From, To policies.Millis
}

// ReplayRow is what an event is rebuilt from, and its place; see Interaction.
type ReplayRow struct {
	Tenant, SessionID string
	Offset            int64
	Text              string
	TextBytes         int64
	Flags             []string
	Body, Extra       string
}

// replayBlock is how many rows the server sends at a time: few enough that blocks in flight take some
// megabytes, many enough that their headers cost nothing.
const replayBlock = 8192

// ReplaySize says how many sessions a query chooses, and how many interactions they have.
func (s *Store) ReplaySize(ctx context.Context, q ReplayQuery) (sessions, interactions int64, err error) {
	w := q.where()
	err = s.each(ctx, "count sessions", "SELECT toInt64(count()), toInt64(sum(events)) FROM sessions FINAL"+w.clause(), w.args,
		func(rows driver.Rows) error { return rows.Scan(&sessions, &interactions) })
	return sessions, interactions, err
}

// Replay streams the interactions of the sessions that a query chooses, a session's one after the
// other, in the order of the table's key: (tenant, session_id), and within a session by event_id. So
// nothing is sorted, however many there are. The row is reused; its strings are not.
func (s *Store) Replay(ctx context.Context, q ReplayQuery, each func(*ReplayRow) error) error {
	w := q.where()
	if q.Tenant != "" {
		w.args = append(w.args, clickhouse.Named("tenant", q.Tenant))
	}
	text := "SELECT tenant, session_id, offset, text, text_bytes, flags, body, extra FROM interactions FINAL WHERE (tenant, session_id) IN (SELECT tenant, session_id FROM sessions FINAL" +
		w.clause() + ")"
	if q.Tenant != "" {
		text += " AND tenant = {tenant:String}" // seen by the primary key, where the set is not
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_block_size": replayBlock, "optimize_read_in_order": 1,
	}))
	var row ReplayRow
	targets := []any{&row.Tenant, &row.SessionID, &row.Offset, &row.Text, &row.TextBytes, &row.Flags, &row.Body, &row.Extra}
	return s.each(ctx, "read interactions", text+" ORDER BY tenant, session_id, event_id", w.args, func(rows driver.Rows) error {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		return each(&row)
	})
}

func (q ReplayQuery) where() (w where) {
	w.equal("tenant", q.Tenant)
	w.moment("opened >= {}", q.From)
	w.moment("opened < {}", q.To)
	w.conditions = append(w.conditions, "NOT erased")
	return w
}
