package warehouse

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/collector/event"
	"mingjian/policies"
)

// Erased is a row of the record whose contents were destroyed, or that is gone: its place, and its leaf,
// by which its seal still verifies.
type Erased struct {
	Erasure   string // id of the erasure or sweep
	Tenant    string // whose group it was sealed in
	Topic     string
	Partition int
	Offset    int64
	At        policies.Millis // the event's
	Leaf      string          // 32 bytes; "" where the row was written before there were leaves
	Gone      bool            // deleted, because its time was over; otherwise it stands without its contents
}

// defaultTenant is where a session stands until an event names its tenant (event model, version 1).
const defaultTenant = "default"

// SessionsOf lists a tenant's sessions that name one of the customers, in any version that is still there.
func (s *Store) SessionsOf(ctx context.Context, tenant string, customers []string) ([]string, error) {
	var out []string
	err := s.each(ctx, "find a customer's sessions", `SELECT DISTINCT session_id FROM (
			SELECT session_id FROM sessions WHERE tenant = {tenant:String} AND customer_id IN {customers:Array(String)}
			UNION ALL SELECT session_id FROM findings WHERE tenant = {tenant:String} AND customer_id IN {customers:Array(String)}
		) WHERE session_id != '' ORDER BY session_id`,
		[]any{clickhouse.Named("tenant", tenant), clickhouse.Named("customers", customers)},
		func(rows driver.Rows) error {
			var id string
			err := rows.Scan(&id)
			out = append(out, id)
			return err
		})
	return out, err
}

// Erasable streams what stands of a tenant's sessions and was not erased, in the order of the evidence:
// topic, partition, offset.
func (s *Store) Erasable(ctx context.Context, tenant string, sessions []string, each func(Erased) error) error {
	return s.placesOf(ctx, tenant, sessions, " AND NOT has(flags, {flag:String})", each)
}

// Standing streams everything that stands of a tenant's sessions, erased or not, in the same order.
func (s *Store) Standing(ctx context.Context, tenant string, sessions []string, each func(Erased) error) error {
	return s.placesOf(ctx, tenant, sessions, "", each)
}

// placesOf streams the places of a tenant's sessions that a condition holds for.
func (s *Store) placesOf(ctx context.Context, tenant string, sessions []string, condition string, each func(Erased) error) error {
	if len(sessions) == 0 {
		return nil
	}
	return s.each(ctx, "read what is to be erased", "SELECT if(version = {moved:Int64}, {default:String}, toString(tenant)), topic, partition, offset, toUnixTimestamp64Milli(at), leaf FROM interactions FINAL PREWHERE session_id IN {ids:Array(String)} WHERE tenant = {tenant:String}"+
		condition+" ORDER BY topic, partition, offset",
		[]any{
			clickhouse.Named("moved", int64(Moved)), clickhouse.Named("default", defaultTenant),
			clickhouse.Named("tenant", tenant), clickhouse.Named("ids", sessions), clickhouse.Named("flag", event.FlagErased),
		}, func(rows driver.Rows) error {
			var e Erased
			var partition int64
			if err := rows.Scan(&e.Tenant, &e.Topic, &partition, &e.Offset, &e.At, &e.Leaf); err != nil {
				return err
			}
			e.Partition = int(partition)
			return each(e)
		})
}

// PutErased notes rows, before anything of them is destroyed. Noting a row again changes nothing.
func (s *Store) PutErased(ctx context.Context, rows []Erased) error {
	return insert(ctx, s, erasures, rows)
}

// Withdraw takes back what was noted of an erasure that will not be: nothing of it was destroyed.
func (s *Store) Withdraw(ctx context.Context, erasure string) error {
	return s.mutate(ctx, "withdraw an erasure", "erasures DELETE WHERE erasure = {erasure:String}", clickhouse.Named("erasure", erasure))
}

// ErasedBy streams the rows of an erasure in the order of the evidence.
func (s *Store) ErasedBy(ctx context.Context, erasure string, each func(Erased) error) error {
	return s.each(ctx, "read an erasure", "SELECT tenant, topic, partition, offset, toUnixTimestamp64Milli(at), leaf, gone FROM erasures FINAL WHERE erasure = {erasure:String} ORDER BY topic, partition, offset",
		[]any{clickhouse.Named("erasure", erasure)}, func(rows driver.Rows) error {
			e := Erased{Erasure: erasure}
			var partition int64
			if err := rows.Scan(&e.Tenant, &e.Topic, &partition, &e.Offset, &e.At, &e.Leaf, &e.Gone); err != nil {
				return err
			}
			e.Partition = int(partition)
			return each(e)
		})
}

// gone streams what is known of the rows at a partition's offsets that were deleted because their time was
// over, as rows that were erased: place, moment, tenant and leaf.
func (s *Store) gone(ctx context.Context, topic string, partition int, first, last int64, each func(*Interaction) error) error {
	const at = "topic = {topic:String} AND partition = {partition:Int64} AND offset BETWEEN {first:Int64} AND {last:Int64}"
	return s.each(ctx, "read what is over", "SELECT tenant, offset, toUnixTimestamp64Milli(at), leaf FROM erasures FINAL WHERE "+at+
		" AND gone AND offset NOT IN (SELECT offset FROM interactions FINAL WHERE "+at+") ORDER BY offset, erasure LIMIT 1 BY offset", // two sweeps may have noted it
		[]any{
			clickhouse.Named("topic", topic), clickhouse.Named("partition", int64(partition)),
			clickhouse.Named("first", first), clickhouse.Named("last", last),
		}, func(rows driver.Rows) error {
			r := Interaction{Topic: topic, Partition: partition, Flags: []string{event.FlagErased}}
			if err := rows.Scan(&r.Tenant, &r.Offset, &r.At, &r.Leaf); err != nil {
				return err
			}
			return each(&r)
		})
}

// GoneAt reports whether an erasure says of an offset that its row was deleted because its time was over. Whether
// it may say so is for the evidence to prove.
func (s *Store) GoneAt(ctx context.Context, topic string, partition int, offset int64) (is bool, err error) {
	err = s.gone(ctx, topic, partition, offset, offset, func(*Interaction) error { is = true; return nil })
	return is, err
}

// placesErased are the rows of an erasure, whatever version and under whatever tenant they lie.
const placesErased = "(topic, partition, offset) IN (SELECT topic, partition, offset FROM erasures WHERE erasure = {erasure:String})"

// blankRow leaves of a row its place, its leaf, and what counts without saying anything of a person. The
// body is what event.Body makes of event.Event.Erased, so that the session can still be folded.
const blankRow = `text = '', text_bytes = 0, actor_id = '', role = '', labels = '', extra = '', original_enc = '', salt = '', key_id = '',
	flags = [{flag:String}], signals = [], mask_kinds = [],
	body = concat('{"event_id":', toJSONString(event_id), ',"session_id":', toJSONString(session_id), ',"ts":', toString(toUnixTimestamp64Milli(at)), ',"kind":', toJSONString(toString(kind)), '}')`

// Blank destroys the contents of an erasure's rows in every part. The parts that held them are not read any
// more when it returns, and ClickHouse removes their files within old_parts_lifetime (8 minutes).
func (s *Store) Blank(ctx context.Context, erasure string) error {
	return s.mutate(ctx, "blank rows", "interactions UPDATE "+blankRow+" WHERE "+placesErased,
		clickhouse.Named("flag", event.FlagErased), clickhouse.Named("erasure", erasure))
}

// Drop deletes an erasure's rows in every part.
func (s *Store) Drop(ctx context.Context, erasure string) error {
	return s.mutate(ctx, "delete rows", "interactions DELETE WHERE "+placesErased, clickhouse.Named("erasure", erasure))
}

// theirs are a tenant's sessions, those versions included that stood under the default tenant before they
// were known to be his.
const theirs = "(tenant = {tenant:String} AND session_id IN {ids:Array(String)} OR tenant = {default:String} AND session_id IN {moved:Array(String)})"

// Forget takes from sessions, their findings and their cases who they were with, and from sessions what they
// came to. That they were, and what was found, stays.
func (s *Store) Forget(ctx context.Context, tenant string, sessions []string) error {
	return s.ofSessions(ctx, tenant, sessions, []string{
		// The state stays empty: the collector folds such a session from its rows. Nothing waits for it any more.
		"sessions UPDATE customer_id = '', owners = '', state = '', facts = '{}', pending = false, due = toDateTime64(0, 3, 'UTC'), erased = true WHERE " + theirs,
		"findings UPDATE customer_id = '' WHERE " + theirs,
		"cases UPDATE document = replaceRegexpAll(document, {customer:String}, {nobody:String}) WHERE tenant = {tenant:String} AND session_id IN {ids:Array(String)}",
	}, clickhouse.Named("customer", `"customer":"(\\.|[^"\\])*"`), clickhouse.Named("nobody", `"customer":"erased"`))
}

// DropSessions deletes sessions whose rows are gone, with their findings and the mirrors of workflow state.
// Money stays where it is: it has terms of its own.
func (s *Store) DropSessions(ctx context.Context, tenant string, sessions []string) error {
	return s.ofSessions(ctx, tenant, sessions, []string{
		"findings DELETE WHERE " + theirs,
		"cases DELETE WHERE tenant = {tenant:String} AND session_id IN {ids:Array(String)}",
		"reviews DELETE WHERE tenant = {tenant:String} AND session_id IN {ids:Array(String)}",
		"sessions DELETE WHERE " + theirs, // last: by them the others are found again after a crash
	})
}

func (s *Store) ofSessions(ctx context.Context, tenant string, sessions []string, statements []string, more ...any) error {
	if len(sessions) == 0 {
		return nil
	}
	for _, some := range inParts(sessions) {
		moved := slices.Clone(some)
		err := s.each(ctx, "look up sessions", "SELECT session_id FROM sessions FINAL WHERE tenant = {default:String} AND session_id IN {ids:Array(String)}",
			[]any{clickhouse.Named("default", defaultTenant), clickhouse.Named("ids", some)}, func(rows driver.Rows) error {
				var id string
				err := rows.Scan(&id)
				moved = slices.DeleteFunc(moved, func(m string) bool { return m == id })
				return err
			})
		if err != nil {
			return err
		}
		args := append([]any{clickhouse.Named("tenant", tenant), clickhouse.Named("default", defaultTenant), clickhouse.Named("ids", some), clickhouse.Named("moved", moved)}, more...)
		for _, statement := range statements {
			if err := s.mutate(ctx, "forget sessions", statement, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// mutate rewrites the parts that a change concerns, and waits until they are rewritten, on all replicas.
func (s *Store) mutate(ctx context.Context, what, statement string, args ...any) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"mutations_sync": 2,
		// A condition may look into other tables: what it looks at does not change while it runs.
		"allow_nondeterministic_mutations": 1,
	}))
	if err := s.conn.Exec(ctx, "ALTER TABLE "+statement, args...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
