package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"

	"mingjian/policies"
)

// Policies is a revision of what decides, as it is kept beside the findings that it made.
type Policies struct {
	Revision string
	Fold     int             // policies.FoldVersion of the program that ran it
	At       policies.Millis // when a collector last took it into use
	Files    string          // policies.Bundle.Files as JSON, contents in base64
}

// Policies gives a revision; found is false where no collector of this record ever ran it.
func (s *Store) Policies(ctx context.Context, revision string) (p Policies, found bool, err error) {
	rows, err := collect(ctx, s, revisions, "PREWHERE revision = {revision:String} LIMIT 1", clickhouse.Named("revision", revision))
	if err != nil || len(rows) == 0 {
		return Policies{}, false, err
	}
	return rows[0], true, nil
}
