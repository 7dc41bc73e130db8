package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// What the notary follows and what a check of the evidence reads. Tables whose rows never change are read
// as they lie, without FINAL: a second row of the same key is to be seen, not to be hidden behind the first.

// Partition names a partition of a topic.
type Partition struct {
	Topic string
	ID    int
}

// String is topic/partition.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.ID) }

func (p Partition) named(more ...any) []any {
	return append([]any{clickhouse.Named("topic", p.Topic), clickhouse.Named("partition", int64(p.ID))}, more...)
}

const ofPartition = "topic = {topic:String} AND partition = {partition:Int64}"

// SealedPartitions lists the partitions of all topics that have a seal.
func (s *Store) SealedPartitions(ctx context.Context) ([]Partition, error) {
	return s.partitions(ctx, "SELECT DISTINCT topic, partition FROM seals ORDER BY topic, partition")
}

// EvidentPartitions lists the partitions of all topics that anything stands for.
func (s *Store) EvidentPartitions(ctx context.Context) ([]Partition, error) {
	var parts []string
	for _, t := range []string{seals.name, interactions.name, rejects.name, versions.name, erasures.name} {
		parts = append(parts, "SELECT toString(topic) AS t, partition AS p FROM "+t+" GROUP BY t, p")
	}
	return s.partitions(ctx, "SELECT DISTINCT t, p FROM ("+strings.Join(parts, " UNION ALL ")+") ORDER BY t, p")
}

func (s *Store) partitions(ctx context.Context, query string) (out []Partition, err error) {
	err = s.each(ctx, "list partitions", query, nil, func(rows driver.Rows) error {
		var p Partition
		var id int64
		err := rows.Scan(&p.Topic, &id)
		p.ID = int(id)
		out = append(out, p)
		return err
	})
	return out, err
}

// SealMark is where a seal is found.
type SealMark struct {
	First int64 // its first offset
	ID    string
}

var sealMarks = table[SealMark]{"seals", []column[SealMark]{
	plain("first_offset", func(r *SealMark) *int64 { return &r.First }),
	plain("id", func(r *SealMark) *string { return &r.ID }),
}}

// SealMarks streams the marks of a partition's seals that begin at from or behind it, those that were
// superseded too, by first offset.
func (s *Store) SealMarks(ctx context.Context, p Partition, from int64, each func(SealMark) error) error {
	return lying(ctx, s, sealMarks, ofPartition+" AND first_offset >= {from:Int64} ORDER BY topic, partition, first_offset, generation, id",
		p.named(clickhouse.Named("from", from)), func(m *SealMark) error { return each(*m) })
}

// SealHeaders streams seals as SealMarks does, those that begin at first to last (inclusive), without their
// groups and gaps.
func (s *Store) SealHeaders(ctx context.Context, p Partition, first, last int64, each func(*Seal) error) error {
	return s.sealRows(ctx, seals.without("tenants", "gaps"), p, first, last, each)
}

// SealRows streams seals as SealHeaders does, whole.
func (s *Store) SealRows(ctx context.Context, p Partition, first, last int64, each func(*Seal) error) error {
	return s.sealRows(ctx, seals, p, first, last, each)
}

func (s *Store) sealRows(ctx context.Context, t table[Seal], p Partition, first, last int64, each func(*Seal) error) error {
	return lying(ctx, s, t, ofPartition+" AND first_offset BETWEEN {first:Int64} AND {last:Int64} ORDER BY topic, partition, first_offset, generation, id",
		p.named(clickhouse.Named("first", first), clickhouse.Named("last", last)), each)
}

// Versions streams the versions of findings of all seals that begin at first to last (inclusive), by seal and
// ordinal. Those of a seal that was never written are among them.
func (s *Store) Versions(ctx context.Context, p Partition, first, last int64, each func(*FindingVersion) error) error {
	return lying(ctx, s, versions, ofPartition+" AND first_offset BETWEEN {first:Int64} AND {last:Int64} ORDER BY topic, partition, first_offset, seal, ordinal",
		p.named(clickhouse.Named("first", first), clickhouse.Named("last", last)), each)
}

// ErasedBetween streams what was noted of erased rows at offsets first to last (inclusive) of a partition.
func (s *Store) ErasedBetween(ctx context.Context, p Partition, first, last int64, each func(*Erased) error) error {
	return lying(ctx, s, erasures, ofPartition+" AND offset BETWEEN {first:Int64} AND {last:Int64}",
		p.named(clickhouse.Named("first", first), clickhouse.Named("last", last)), each)
}

// AllErased streams all that was noted of erased rows erasure by erasure, each by topic, partition and offset.
// Of a row that was noted twice alike, both come.
func (s *Store) AllErased(ctx context.Context, each func(*Erased) error) error {
	return lying(ctx, s, erasures, "true ORDER BY erasure, topic, partition, offset", nil, each)
}

// LogEntries streams the copies of entries of the evidence log by index, beginning with from.
func (s *Store) LogEntries(ctx context.Context, from int64, each func(*LogEntry) error) error {
	return lying(ctx, s, logEntries, "`index` >= {from:Int64} ORDER BY `index`", []any{clickhouse.Named("from", from)}, each)
}

// Revisions lists the revisions of policies that ever came into use.
func (s *Store) Revisions(ctx context.Context) (out []string, err error) {
	err = s.each(ctx, "list revisions", "SELECT DISTINCT revision FROM policies ORDER BY revision", nil, func(rows driver.Rows) error {
		var revision string
		err := rows.Scan(&revision)
		out = append(out, revision)
		return err
	})
	return out, err
}

// IndicatorFindings streams the versions of the findings of indicators that the record still has; older ones
// of a finding go as parts are merged.
func (s *Store) IndicatorFindings(ctx context.Context, each func(*Finding) error) error {
	return lying(ctx, s, findings, "session_id = '' AND level = 'indicator' ORDER BY session_id, finding_id, version", nil, each)
}

// SealedFinding is the newest stored version of a finding, taken away or not, with the leaves of that version
// among the versions that seals close; there are none where no seal has it.
type SealedFinding struct {
	Finding Finding
	Leaves  []string // 32 bytes each
	// WrittenAt is when the version was written.
	WrittenAt policies.Millis
	// Moved says, of a finding that was taken away, that its session does not stand under its tenant.
	Moved bool
}

// closedVersions are the versions of findings under seals that exist.
const closedVersions = "finding_versions WHERE seal IN (SELECT id FROM seals)"

// SealedFindings streams the findings of sessions, in no order. only, where it is not nil, names those wanted.
func (s *Store) SealedFindings(ctx context.Context, only []string, each func(*SealedFinding) error) error {
	bound, args := "", []any(nil)
	if only != nil {
		bound, args = " AND finding_id IN {only:Array(String)}", []any{clickhouse.Named("only", only)}
	}
	columns := "f." + strings.Join(findings.names(), ", f.")
	query := "SELECT " + columns + ", v.leaves, toUnixTimestamp64Milli(f.recorded_at), (f.session_id, f.tenant) NOT IN (SELECT session_id, tenant FROM sessions FINAL) FROM findings AS f LEFT ANY JOIN (SELECT finding_id, version, groupUniqArray(leaf) AS leaves FROM " + closedVersions + bound +
		" GROUP BY finding_id, version) AS v ON f.finding_id = v.finding_id AND f.version = v.version WHERE f.level != 'indicator' AND (f.finding_id, f.version) IN (SELECT finding_id, max(version) FROM findings WHERE level != 'indicator'" + bound + " GROUP BY finding_id)"
	return s.stream(ctx, "findings with their leaves", query, args, func(rows driver.Rows) error {
		var row SealedFinding
		var moved uint8
		if err := findings.scan(rows, &row.Finding, &row.Leaves, &row.WrittenAt, &moved); err != nil {
			return err
		}
		row.Moved = moved == 1
		return each(&row)
	})
}

// LostFinding is a finding of which seals close a newer version than is stored, while its session still has
// rows from before that seal: what was past its time goes with them, and a session that was imported again since
// begins its findings anew, with rows behind the seal.
type LostFinding struct {
	ID, Tenant, SessionID, Rule string
	Version                     int64           // the newest that a seal closes
	Stored                      int64           // 0: nothing of it is stored
	SealedAt                    policies.Millis // when that version was written
}

// LostFindings streams them.
func (s *Store) LostFindings(ctx context.Context, each func(*LostFinding) error) error {
	const query = "SELECT v.finding_id, v.tenant, v.session_id, v.rule, v.newest, f.stored, v.written FROM (" +
		"SELECT finding_id, any(toString(n.tenant)) AS tenant, any(n.session_id) AS session_id, any(toString(n.rule)) AS rule, max(n.version) AS newest, toUnixTimestamp64Milli(max(n.recorded_at)) AS written, " +
		"argMax(toString(n.topic), n.version) AS in_topic, argMax(n.partition, n.version) AS in_partition, argMax(s.last_offset, n.version) AS until " +
		"FROM finding_versions AS n LEFT ANY JOIN (SELECT id, last_offset FROM seals) AS s ON n.seal = s.id WHERE s.id != '' GROUP BY finding_id) AS v " +
		"LEFT ANY JOIN (SELECT finding_id, max(version) AS stored FROM findings GROUP BY finding_id) AS f ON v.finding_id = f.finding_id " +
		"LEFT ANY JOIN (SELECT toString(topic) AS at_topic, partition AS at_partition, session_id, min(offset) AS oldest FROM interactions GROUP BY at_topic, at_partition, session_id) AS i " +
		"ON i.session_id = v.session_id AND i.at_topic = v.in_topic AND i.at_partition = v.in_partition WHERE v.newest > f.stored AND i.session_id != '' AND i.oldest <= v.until"
	return s.stream(ctx, "lost findings", query, nil, func(rows driver.Rows) error {
		var l LostFinding
		if err := rows.Scan(&l.ID, &l.Tenant, &l.SessionID, &l.Rule, &l.Version, &l.Stored, &l.SealedAt); err != nil {
			return err
		}
		return each(&l)
	})
}

// lying streams the rows of a table that a condition leaves, as they lie; the row is new each time.
func lying[T any](ctx context.Context, s *Store, t table[T], condition string, args []any, each func(*T) error) error {
	return s.stream(ctx, t.name, "SELECT "+strings.Join(quotedNames(t), ", ")+" FROM "+t.name+" WHERE "+condition, args, func(rows driver.Rows) error {
		row := new(T)
		if err := t.scan(rows, row); err != nil {
			return err
		}
		return each(row)
	})
}

// quotedNames are a table's columns where one may be a word of SQL's.
func quotedNames[T any](t table[T]) []string {
	out := t.names()
	for i, name := range out {
		out[i] = "`" + name + "`"
	}
	return out
}

// stream reads a long result block by block.
func (s *Store) stream(ctx context.Context, name, query string, args []any, row func(driver.Rows) error) error {
	return s.each(inBlocks(ctx, replayBlock), "read "+name, query, args, row)
}

// Settle returns when everything that could be read before it was called survives a loss of power. A server may show
// rows before they are on its disk, though it acknowledges them only then; and an insert, of nothing, is
// acknowledged behind all that was written before it.
func (s *Store) Settle(ctx context.Context) error {
	if err := s.conn.Exec(ctx, "INSERT INTO seals SELECT * FROM seals WHERE 0"); err != nil {
		return fmt.Errorf("wait for the disk: %w", err)
	}
	return nil
}
