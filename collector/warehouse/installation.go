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
// another's. To claim one's own again changes nothing. Not promised: that of two which come at the same moment one is
// refused before its next start.
func (s *Store) Claim(ctx context.Context, id string) error {
	err := s.Belongs(ctx, id)
	if !errors.Is(err, ErrUnclaimed) {
		return err
	}
	if err := s.conn.Exec(ctx, "INSERT INTO installation (id) SELECT {id:String}", clickhouse.Named("id", id)); err != nil {
		return fmt.Errorf("claim the record: %w", err)
	}
	if err := s.Belongs(ctx, id); !errors.Is(err, ErrUnclaimed) { // a replica may not have the row yet
		return err
	}
	return nil
}

// ErrUnclaimed says that a record is nobody's: it is new, or of before records were claimed.
var ErrUnclaimed = errors.New("the record is nobody's")

// Belongs returns nil where the record is the installation's with the id, a *TakenError where it is another's, and
// ErrUnclaimed where it is nobody's.
func (s *Store) Belongs(ctx context.Context, id string) error {
	var owner string
	var since time.Time
	err := s.conn.QueryRow(ctx, "SELECT id, min(recorded_at) AS since FROM installation GROUP BY id ORDER BY since, id LIMIT 1").Scan(&owner, &since)
	switch {
	case errors.Is(err, sql.ErrNoRows) || code(err) == unknownTable:
		return ErrUnclaimed
	case err != nil:
		return fmt.Errorf("read whose the record is: %w", err)
	case owner != id:
		return &TakenError{Owner: owner, Since: since}
	}
	return nil
}
