package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/collector/event"
	"mingjian/policies"
)

// exportSort is how much of a sorted result the server keeps in memory, in bytes, before it goes on on disk:
// a package has as many rows as a tenant had in a year.
const exportSort = 256 << 20

// exporting has the server sort what does not fit into its memory, and send blocks that are worth the sending.
func exporting(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_bytes_before_external_sort": exportSort, "max_bytes_ratio_before_external_sort": 0, "max_block_size": replayBlock,
		"read_in_order_use_buffering": 0,
	}))
}

// SealSpan is a run of a partition's seals or offsets: those that begin at, or are, First to Last, inclusive.
type SealSpan struct {
	Partition   int
	First, Last int64
}

// SealSpans gives for each partition of a topic the seals that were made in [from, to], with whatever lies
// between them, and one more at either end where there is one.
func (s *Store) SealSpans(ctx context.Context, topic string, from, to policies.Millis) (out []SealSpan, err error) {
	err = s.each(ctx, "find seals", `WITH ends AS (
	SELECT partition, minIf(first_offset, at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AS begins, countIf(at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AS newer,
		maxIf(first_offset, at <= fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AS ends, countIf(at <= fromUnixTimestamp64Milli({to:Int64}, 'UTC')) AS older
	FROM seals WHERE topic = {topic:String} GROUP BY partition)
SELECT s.partition, greatest(maxIf(s.first_offset, e.newer = 0 OR s.first_offset < e.begins), minIf(s.first_offset, true)) AS first,
	least(minIf(s.first_offset, e.older = 0 OR s.first_offset > e.ends), if(countIf(e.older = 0 OR s.first_offset > e.ends) = 0, max(s.first_offset), {most:Int64})) AS last,
	countIf(e.older = 0 OR s.first_offset > e.ends) = 0 AS newest, max(s.first_offset)
FROM seals AS s INNER JOIN ends AS e ON s.partition = e.partition WHERE s.topic = {topic:String} GROUP BY s.partition ORDER BY s.partition`,
		[]any{clickhouse.Named("topic", topic), clickhouse.Named("from", storable(from)), clickhouse.Named("to", storable(to)), clickhouse.Named("most", int64(1)<<62)},
		func(rows driver.Rows) error {
			var p SealSpan
			var partition, most int64
			var newest uint8
			if err := rows.Scan(&partition, &p.First, &p.Last, &newest, &most); err != nil {
				return err
			}
			if newest == 1 {
				p.Last = most
			}
			p.Partition = int(partition)
			out = append(out, p)
			return nil
		})
	return out, err
}

// SealsOf streams the seals of a span, superseded ones too, by where they begin.
func (s *Store) SealsOf(ctx context.Context, topic string, span SealSpan, each func(*Seal) error) error {
	return s.each(ctx, "read seals", "SELECT "+strings.Join(seals.names(), ", ")+` FROM seals FINAL
WHERE topic = {topic:String} AND partition = {partition:Int64} AND first_offset BETWEEN {first:Int64} AND {last:Int64}
ORDER BY first_offset, last_offset, generation, at, id`, span.args(topic), func(rows driver.Rows) error {
		var seal Seal
		if err := seals.scan(rows, &seal); err != nil {
			return err
		}
		return each(&seal)
	})
}

func (p SealSpan) args(topic string, more ...any) []any {
	return append([]any{
		clickhouse.Named("topic", topic), clickhouse.Named("partition", int64(p.Partition)),
		clickhouse.Named("first", p.First), clickhouse.Named("last", p.Last),
	}, more...)
}

// ExportQuery chooses rows of one tenant at offsets First to Last of a partition.
type ExportQuery struct {
	Topic string
	SealSpan
	Tenant   string
	Sessions []string // only these; nil: all
	// Within bounds the rows' moments, both ends inclusive, so that months of the table are passed by. Zero
	// moments do not bound.
	From, To policies.Millis
}

// ExportRow is what a leaf is made of, and what a session is counted by. Rows come as the table has them: of a
// row that was replaced, or written twice, all versions may come.
type ExportRow struct {
	Offset                      int64
	At                          policies.Millis
	SessionID, EventID          string
	Version                     int64
	Deleted                     bool
	Text                        string
	TextBytes                   int64
	Flags                       []string
	Body, Labels, Extra         string
	Original                    bool   // there is an encrypted original
	Commitment                  string // SHA-256 of it, 32 bytes
	Salt, Leaf                  string
	Kind, Channel, BusinessLine string
	BotVersion, Jurisdiction    string
}

// ExportRows streams rows in the order of their offsets. The row is reused; its strings and lists are not.
func (s *Store) ExportRows(ctx context.Context, q ExportQuery, each func(*ExportRow) error) error {
	var row ExportRow
	var flags string
	var deleted, original uint8
	targets := []any{
		&row.Offset, &row.At, &row.SessionID, &row.EventID, &row.Version, &deleted, &row.Text, &row.TextBytes, &flags, &row.Body, &row.Labels,
		&row.Extra, &original, &row.Commitment, &row.Salt, &row.Leaf, &row.Kind, &row.Channel, &row.BusinessLine, &row.BotVersion, &row.Jurisdiction,
	}
	// Flags are joined, because the driver takes an array apart by reflection; their names have no NUL.
	where, args := q.where()
	return s.each(exporting(ctx), "read interactions", `SELECT offset, at, session_id, event_id, version, is_deleted, text, text_bytes, arrayStringConcat(flags, '\0') AS joined, body, labels,
	extra, original_enc != '' AS original, SHA256(original_enc) AS commitment, salt, leaf, kind, channel, business_line, bot_version, jurisdiction
FROM interactions WHERE `+where+` AND tenant = {tenant:String} ORDER BY offset, version`, args, func(rows driver.Rows) error {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		row.Deleted, row.Original, row.Flags = deleted != 0, original != 0, nil
		if flags != "" {
			row.Flags = strings.Split(flags, "\x00")
		}
		return each(&row)
	})
}

func (q ExportQuery) where() (string, []any) {
	text := "topic = {topic:String} AND partition = {partition:Int64} AND offset BETWEEN {first:Int64} AND {last:Int64}"
	args := q.args(q.Topic, clickhouse.Named("tenant", q.Tenant))
	if q.From != 0 || q.To != 0 {
		text += " AND at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND at <= fromUnixTimestamp64Milli({to:Int64}, 'UTC')"
		args = append(args, clickhouse.Named("from", storable(q.From)), clickhouse.Named("to", storable(q.To)))
	}
	if q.Sessions != nil {
		text += " AND session_id IN {sessions:Array(String)}"
		args = append(args, clickhouse.Named("sessions", q.Sessions))
	}
	return text, args
}

// ExportLeaf is a row's place in its group.
type ExportLeaf struct {
	Offset    int64
	SessionID string
	Tenant    string
	Version   int64
	Leaf      string
}

// ExportLeaves streams the leaves of rows of a tenant in the order of their offsets; of a row with several
// versions all of them may come. With moved set, rows that were moved from it to another tenant come too.
func (s *Store) ExportLeaves(ctx context.Context, q ExportQuery, moved bool, each func(*ExportLeaf) error) error {
	where, args := q.where()
	whose := "tenant = {tenant:String}"
	if moved {
		whose = fmt.Sprintf("(%s OR version = %d)", whose, Moved)
	}
	var row ExportLeaf
	return s.each(exporting(ctx), "read leaves", "SELECT offset, session_id, toString(tenant), version, leaf FROM interactions WHERE "+where+" AND "+whose+" AND is_deleted = 0 ORDER BY offset, version", args, func(rows driver.Rows) error {
		if err := rows.Scan(&row.Offset, &row.SessionID, &row.Tenant, &row.Version, &row.Leaf); err != nil {
			return err
		}
		return each(&row)
	})
}

// Placed is where a row of a session stands.
type Placed struct {
	SessionID string
	Partition int
	Offset    int64
	At        policies.Millis
}

// Crossing streams the places of all rows of a tenant's sessions that may cross a border of [from, to): those
// that the newest state says have an event on both sides of one.
func (s *Store) Crossing(ctx context.Context, topic, tenant string, from, to policies.Millis, each func(Placed) error) error {
	return s.places(ctx, `session_id IN (SELECT session_id FROM sessions WHERE tenant = {tenant:String}
	GROUP BY session_id HAVING min(opened) < fromUnixTimestamp64Milli({to:Int64}, 'UTC') AND max(last_at) >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
	AND (min(opened) < fromUnixTimestamp64Milli({from:Int64}, 'UTC') OR max(last_at) >= fromUnixTimestamp64Milli({to:Int64}, 'UTC')))`,
		topic, tenant, each, clickhouse.Named("from", storable(from)), clickhouse.Named("to", storable(to)))
}

// PlacesOf streams the places of all rows of some of a tenant's sessions.
func (s *Store) PlacesOf(ctx context.Context, topic, tenant string, sessions []string, each func(Placed) error) error {
	for _, some := range inParts(sessions) {
		if err := s.places(ctx, "session_id IN {ids:Array(String)}", topic, tenant, each, clickhouse.Named("ids", some)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) places(ctx context.Context, condition, topic, tenant string, each func(Placed) error, args ...any) error {
	args = append([]any{clickhouse.Named("topic", topic), clickhouse.Named("tenant", tenant)}, args...)
	return s.each(ctx, "find rows", "SELECT session_id, partition, offset, at FROM interactions WHERE topic = {topic:String} AND tenant = {tenant:String} AND "+condition+" AND is_deleted = 0", args,
		func(rows driver.Rows) error {
			var p Placed
			var partition int64
			if err := rows.Scan(&p.SessionID, &partition, &p.Offset, &p.At); err != nil {
				return err
			}
			p.Partition = int(partition)
			return each(p)
		})
}

// SessionsWhere streams the places of the rows of a tenant's sessions that have a row in [from, to) of one of
// the jurisdictions, and a version of a finding by one of the rules dated in it. Empty lists do not choose.
func (s *Store) SessionsWhere(ctx context.Context, topic, tenant string, jurisdictions, rules []string, from, to policies.Millis, each func(Placed) error) error {
	var conditions []string
	args := []any{clickhouse.Named("from", storable(from)), clickhouse.Named("to", storable(to))}
	const dated = " AND at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')"
	if len(jurisdictions) > 0 {
		conditions = append(conditions, "session_id IN (SELECT session_id FROM interactions WHERE topic = {topic:String} AND tenant = {tenant:String} AND jurisdiction IN {jurisdictions:Array(String)}"+dated+")")
		args = append(args, clickhouse.Named("jurisdictions", jurisdictions))
	}
	if len(rules) > 0 {
		conditions = append(conditions, "session_id IN (SELECT session_id FROM finding_versions WHERE topic = {topic:String} AND tenant = {tenant:String} AND rule IN {rules:Array(String)}"+dated+")")
		args = append(args, clickhouse.Named("rules", rules))
	}
	if len(conditions) == 0 {
		return fmt.Errorf("find sessions: nothing chooses them")
	}
	return s.places(ctx, strings.Join(conditions, " AND "), topic, tenant, each, args...)
}

// VersionsOf streams the versions of findings of a tenant that were written with the seals of a span, by where
// the seals begin, by seal, and in the order of their leaves.
func (s *Store) VersionsOf(ctx context.Context, topic, tenant string, span SealSpan, each func(*FindingVersion) error) error {
	var v FindingVersion
	return s.each(exporting(ctx), "read versions of findings", "SELECT "+strings.Join(versions.names(), ", ")+` FROM finding_versions FINAL
WHERE topic = {topic:String} AND partition = {partition:Int64} AND first_offset BETWEEN {first:Int64} AND {last:Int64} AND tenant = {tenant:String}
ORDER BY first_offset, seal, ordinal`, span.args(topic, clickhouse.Named("tenant", tenant)), func(rows driver.Rows) error {
		if err := versions.scan(rows, &v); err != nil {
			return err
		}
		return each(&v)
	})
}

// ExportSession is the newest state of a session, without the fold's own, and when it was written.
type ExportSession struct {
	Session
	Recorded policies.Millis
}

// ExportSessions streams a tenant's sessions that have something to do with [from, to), ordered by id.
func (s *Store) ExportSessions(ctx context.Context, topic, tenant string, from, to policies.Millis, each func(*ExportSession) error) error {
	t := sessions.without("state", "owners")
	return s.each(inBlocks(exporting(ctx), wholeBlock), "read sessions", "SELECT "+strings.Join(t.names(), ", ")+`, recorded_at FROM sessions FINAL
WHERE topic = {topic:String} AND tenant = {tenant:String} AND opened < fromUnixTimestamp64Milli({to:Int64}, 'UTC') AND last_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
ORDER BY session_id`, []any{
		clickhouse.Named("topic", topic), clickhouse.Named("tenant", tenant), clickhouse.Named("from", storable(from)), clickhouse.Named("to", storable(to)),
	}, func(rows driver.Rows) error {
		var row ExportSession
		if err := t.scan(rows, &row.Session, &row.Recorded); err != nil {
			return err
		}
		return each(&row)
	})
}

// statedErasures are those that the evidence log states: their entries' keys are this prefix and the id
// (package audit/retention).
const statedErasures = "(SELECT substring(key, length('erasure:') + 1) FROM log_entries WHERE type IN ('person.erased', 'retention.swept'))"

// ErasedAt streams what was erased, or is gone, at a span of offsets and was sealed in a tenant's group, in the
// order of offsets. Of several erasures that name a row those come first that the log states. What only an
// erasure names that the log does not state, and stands with its contents, was not erased: it was begun, and is not among them.
func (s *Store) ErasedAt(ctx context.Context, topic, tenant string, span SealSpan, each func(Erased) error) error {
	const at = "topic = {topic:String} AND partition = {partition:Int64} AND offset BETWEEN {first:Int64} AND {last:Int64}"
	var all []Erased
	stated := map[int64]bool{}
	var doubtful []int64
	err := s.each(ctx, "read what was erased", "SELECT erasure, offset, at, leaf, gone, erasure IN "+statedErasures+` AS stated FROM erasures FINAL
WHERE `+at+` AND tenant = {tenant:String} ORDER BY offset, stated DESC, erasure`, span.args(topic, clickhouse.Named("tenant", tenant)), func(rows driver.Rows) error {
		e := Erased{Tenant: tenant, Topic: topic, Partition: span.Partition}
		var is uint8
		if err := rows.Scan(&e.Erasure, &e.Offset, &e.At, &e.Leaf, &e.Gone, &is); err != nil {
			return err
		}
		if stated[e.Offset] = stated[e.Offset] || is == 1; !stated[e.Offset] {
			doubtful = append(doubtful, e.Offset)
		}
		all = append(all, e)
		return nil
	})
	if err != nil {
		return err
	}
	stands := map[int64]bool{}
	for part := range slices.Chunk(doubtful, idsPerQuery) {
		if err := s.each(ctx, "read what was erased", "SELECT DISTINCT offset FROM interactions FINAL WHERE "+at+" AND offset IN {offsets:Array(Int64)} AND NOT has(flags, {flag:String})",
			span.args(topic, clickhouse.Named("offsets", part), clickhouse.Named("flag", event.FlagErased)), func(rows driver.Rows) error {
				var offset int64
				err := rows.Scan(&offset)
				stands[offset] = true
				return err
			}); err != nil {
			return err
		}
	}
	for _, e := range all {
		if stands[e.Offset] {
			continue
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}
