package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Sessions implements Record: those with an event in [From, To), newest first by opening. The
// fold's state is left out.
func (s *Store) Sessions(ctx context.Context, q SessionQuery) (SessionPage, error) {
	var w where
	w.sessions(q)
	// Two tenants may have a session of one id, which a cursor must tell apart.
	const id = "concat(session_id, '\\0', tenant)"
	if err := w.after(q.Cursor, "opened", id); err != nil {
		return SessionPage{}, err
	}
	limit := clamp(q.Limit)
	order := " ORDER BY opened DESC, " + id + " DESC"
	page := "SELECT session_id, tenant FROM sessions FINAL" + w.clause() + order + " LIMIT {limit:UInt64}"
	rows, err := collect(ctx, s, sessions, "PREWHERE (session_id, tenant) IN ("+page+")"+order,
		append(w.args, clickhouse.Named("limit", limit+1))...)
	if err != nil {
		return SessionPage{}, err
	}
	var out SessionPage
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		out.Next = cursor{At: last.Opened, ID: last.SessionID + "\x00" + last.Tenant}.String()
	}
	counts, err := s.standingFindings(ctx, rows)
	if err != nil {
		return SessionPage{}, err
	}
	for _, row := range rows {
		row.State = nil
		out.Items = append(out.Items, SessionItem{row, counts[sessionKey{row.Tenant, row.SessionID}]})
	}
	return out, nil
}

type sessionKey struct{ tenant, sessionID string }

// standingFindings counts the standing findings of the sessions on a page.
func (s *Store) standingFindings(ctx context.Context, page []Session) (map[sessionKey]int, error) {
	out := map[sessionKey]int{}
	if len(page) == 0 {
		return out, nil
	}
	ids := make([]string, len(page))
	for i, row := range page {
		ids[i] = row.SessionID
	}
	err := s.each(ctx, "count findings", "SELECT tenant, session_id, toInt64(count()) FROM findings FINAL PREWHERE session_id IN {ids:Array(String)} WHERE standing GROUP BY tenant, session_id",
		[]any{clickhouse.Named("ids", ids)}, func(rows driver.Rows) error {
			var key sessionKey
			var n int64
			err := rows.Scan(&key.tenant, &key.sessionID, &n)
			out[key] = int(n)
			return err
		})
	return out, err
}

// Session implements Record. Where several tenants have a session of this id, it is the one with
// the newest event.
func (s *Store) Session(ctx context.Context, sessionID string) (Conversation, bool, error) {
	return s.SessionOf(ctx, "", sessionID)
}

// sessions adds the conditions that a query puts on sessions.
func (w *where) sessions(q SessionQuery) {
	w.moment("last_at >= {}", q.From)
	w.moment("opened < {}", q.To)
	w.equal("tenant", q.Tenant)
	w.among("channel", q.Channels)
	w.among("business_line", q.BusinessLines)
	w.within(q.Within)
}
