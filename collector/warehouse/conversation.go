package warehouse

import (
	"context"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// SessionOf implements Record. Without a tenant it is the session of this id that has the newest
// event, whichever tenant's it is.
func (s *Store) SessionOf(ctx context.Context, tenant, sessionID string) (Conversation, bool, error) {
	var w where
	w.equal("tenant", tenant)
	rows, err := collect(ctx, s, sessions, "PREWHERE session_id = {session:String}"+w.clause()+" ORDER BY last_at DESC, tenant LIMIT 1",
		append(w.args, clickhouse.Named("session", sessionID))...)
	if err != nil || len(rows) == 0 {
		return Conversation{}, false, err
	}
	out := Conversation{Session: rows[0]}
	if out.Interactions, err = s.Events(ctx, out.Session.Tenant, sessionID); err != nil {
		return Conversation{}, false, err
	}
	found, err := collect(ctx, s, findings, "PREWHERE session_id = {session:String} WHERE tenant = {tenant:String} ORDER BY at, rule",
		clickhouse.Named("session", sessionID), clickhouse.Named("tenant", out.Session.Tenant))
	if err != nil {
		return Conversation{}, false, err
	}
	for _, f := range found {
		out.Findings = append(out.Findings, f.item())
	}
	return out, true, nil
}

// SealsOver implements Record: the seals that stand and cover any of the offsets, first to last, in
// their order. Offsets that are not sealed yet have none, and offsets that so far only a superseded
// owner has sealed have that one's.
func (s *Store) SealsOver(ctx context.Context, topic string, partition int, first, last int64) ([]Seal, error) {
	const over = " WHERE topic = {topic:String} AND partition = {partition:Int64} AND first_offset <= {last:Int64} AND last_offset >= {first:Int64}"
	read := func(from string) (out []Seal, err error) {
		err = s.each(ctx, "read seals", "SELECT "+strings.Join(seals.names(), ", ")+" FROM "+from+" ORDER BY first_offset, generation, id",
			[]any{
				clickhouse.Named("topic", topic), clickhouse.Named("partition", int64(partition)),
				clickhouse.Named("first", first), clickhouse.Named("last", last),
			}, func(rows driver.Rows) error {
				var seal Seal
				err := seals.scan(rows, &seal)
				out = append(out, seal)
				return err
			})
		return out, err
	}
	out, err := read("seals FINAL" + over)
	if err != nil {
		return nil, err
	}
	for i := range out[min(1, len(out)):] {
		if out[i+1].First <= out[i].Last {
			// Two owners sealed the same. Which of them stands is found along the whole chain,
			// which takes longer; it is rare.
			return read("seals_v" + over + " AND state = 'standing'")
		}
	}
	return slices.Clip(out), nil
}
