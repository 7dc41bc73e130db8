package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// TakenError says that the record is another installation's.
type TakenError struct {
	Owner string
	Since time.Time
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("the record has been installation %s's since %s", e.Owner, e.Since.Format(time.DateTime))
}

// Claim takes a record that is nobody's for the installation with the id, and returns a *TakenError where it is
// another's. To claim one's own again changes nothing.
func (s *Store) Claim(ctx context.Context, id string) error {
	owner, since, err := s.owner(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		if err := s.conn.Exec(ctx, "INSERT INTO installation (id) SELECT {id:String}", clickhouse.Named("id", id)); err != nil {
			return fmt.Errorf("claim the record: %w", err)
		}
		owner, since, err = s.owner(ctx) // another may have come between
	}
	if err != nil {
		return fmt.Errorf("read whose the record is: %w", err)
	}
	if owner != id {
		return &TakenError{Owner: owner, Since: since}
	}
	return nil
}

// owner is who claimed the record first; sql.ErrNoRows: nobody did.
func (s *Store) owner(ctx context.Context) (id string, since time.Time, err error) {
	err = s.conn.QueryRow(ctx, "SELECT id, min(recorded_at) AS since FROM installation GROUP BY id ORDER BY since, id LIMIT 1").Scan(&id, &since)
	return id, since, err
}
