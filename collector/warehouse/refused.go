package warehouse

import (
	"context"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// RefusedQuery chooses refused messages; empty fields do not filter.
type RefusedQuery struct {
	Topic  string
	Reason string
	Since  policies.Millis // when it was refused: written into the record at Since or after
}

// refusedBlock is how many rejects the server sends at a time: with 64 KiB of payload each, 8 MB.
const refusedBlock = 128

// Refused streams refused messages by partition and offset.
func (s *Store) Refused(ctx context.Context, q RefusedQuery, each func(*Reject) error) error {
	var w where
	w.equal("topic", q.Topic)
	w.equal("reason", q.Reason)
	w.moment("recorded_at >= {}", q.Since)
	query := "SELECT " + strings.Join(rejects.names(), ", ") + " FROM rejects FINAL" + w.clause() + " ORDER BY topic, partition, offset"
	return s.each(inBlocks(ctx, refusedBlock), "read rejects", query, w.args, func(rows driver.Rows) error {
		var row Reject
		if err := rejects.scan(rows, &row); err != nil {
			return err
		}
		return each(&row)
	})
}
