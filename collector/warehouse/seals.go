package warehouse

import (
	"context"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Seals streams all seals of a topic by partition and first offset, each with whether it stands or
// was superseded by another owner's.
func (s *Store) Seals(ctx context.Context, topic string, each func(seal Seal, standing bool) error) error {
	query := "SELECT " + strings.Join(seals.names(), ", ") + ", state = 'standing' FROM seals_v WHERE topic = {topic:String} ORDER BY partition, first_offset, generation, last_offset, at, id"
	return s.each(ctx, "read the seals of "+topic, query, []any{clickhouse.Named("topic", topic)}, func(rows driver.Rows) error {
		var seal Seal
		var standing uint8
		if err := seals.scan(rows, &seal, &standing); err != nil {
			return err
		}
		return each(seal, standing == 1)
	})
}
