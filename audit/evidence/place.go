package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"mingjian/audit/store"
)

// Place is where the entry of a key stands in the log; false while it is only queued, or was never.
func Place(ctx context.Context, tx *store.Tx, key string) (index int64, ok bool, err error) {
	var place sql.NullInt64
	err = tx.QueryRowContext(ctx, `SELECT place FROM evidence_entries WHERE key = $1`, key).Scan(&place)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("find evidence %s: %w", key, err)
	}
	return place.Int64, place.Valid, nil
}
