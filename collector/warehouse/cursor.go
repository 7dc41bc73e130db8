package warehouse

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"mingjian/policies"
)

// ErrCursor is what a list answers to a cursor that it did not give out.
var ErrCursor = errors.New("the cursor is not one that this list gave out: begin again without it")

// Bounds of a page: what a query gets that does not ask, and the most that it can ask for.
const (
	defaultLimit = 50
	maxLimit     = 500
)

// clamp is the number of rows on a page.
func clamp(limit int) int {
	if limit <= 0 {
		return defaultLimit
	}
	return min(limit, maxLimit)
}

// cursor is where a page ended: the last row's moment, and its id to tell rows of one moment apart.
// Rows that come in before it later on do not move it.
type cursor struct {
	At policies.Millis
	ID string
}

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.At, 10) + " " + c.ID))
}

func parseCursor(text string) (cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return cursor{}, ErrCursor
	}
	at, id, ok := strings.Cut(string(raw), " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || ms != storable(ms) {
		return cursor{}, ErrCursor
	}
	return cursor{ms, id}, nil
}

// after leaves what comes behind a cursor in a list that is ordered by two columns, both falling.
func (w *where) after(text, moment, id string) error {
	if text == "" {
		return nil
	}
	c, err := parseCursor(text)
	if err != nil {
		return err
	}
	w.conditions = append(w.conditions, fmt.Sprintf(
		"(%s, %s) < (fromUnixTimestamp64Milli({cursor_at:Int64}, 'UTC'), {cursor_id:String})", moment, id))
	w.args = append(w.args, clickhouse.Named("cursor_at", c.At), clickhouse.Named("cursor_id", c.ID))
	return nil
}
