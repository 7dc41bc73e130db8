package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Query runs one statement that returns rows, in the words of whoever asks: it is for people with a
// SQL prompt, who connect as a user that may only read. The caller closes the rows.
func (s *Store) Query(ctx context.Context, sql string) (driver.Rows, error) {
	return s.conn.Query(ctx, sql)
}
