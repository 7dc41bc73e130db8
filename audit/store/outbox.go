package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// DestinationKind is what sort of place a message goes to.
type DestinationKind string

// The two kinds of places.
const (
	Topic  DestinationKind = "topic"  // a Kafka topic
	Mirror DestinationKind = "mirror" // a table of the warehouse that mirrors workflow state
)

// Destination is where a message goes: a topic or a mirrored table, by name.
type Destination struct {
	Kind DestinationKind
	Name string
}

// Message is something that happened here and must be heard elsewhere.
type Message struct {
	ID   int64 // set by the store, grows; the same in each delivery of the same message
	To   Destination
	Key  string // the Kafka key, or the mirrored row's id
	At   time.Time
	Body []byte
}

// outboxLock and relayLock are PostgreSQL advisory locks (any two numbers that nobody else uses),
// each taken together with the schema, so that stores in one database do not wait for each other.
const (
	outboxLock = 0x6d6a_0001
	relayLock  = 0x6d6a_0002
)

// batch is how many messages of one destination the relay reads at a time: enough to make the
// query cheap beside the deliveries, few enough that other destinations get their turn.
const batch = 100

// A destination that refuses is tried again after firstDelay, then twice as long each time.
const (
	firstDelay = 250 * time.Millisecond
	lastDelay  = 30 * time.Second
)

// Send puts messages into the outbox with this transaction. They are delivered after it commits, in
// the order of commits.
func (t *Tx) Send(_ context.Context, messages ...Message) error {
	t.outgoing = append(t.outgoing, messages...)
	return nil
}

// flush writes what was sent, as the last thing of a transaction: on PostgreSQL writers queue for the
// outbox from here until they have committed, and one that then still waited for a row that another
// in the queue holds would wait forever.
func (t *Tx) flush(ctx context.Context) error {
	if len(t.outgoing) == 0 {
		return nil
	}
	if t.db.engine == postgres {
		// Ids are drawn before the commit; without the lock a higher one could become visible first.
		if _, err := t.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1, hashtext(current_schema()))`, outboxLock); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
	}
	for _, m := range t.outgoing {
		_, err := t.ExecContext(ctx, `INSERT INTO outbox (kind, name, key, at_ms, body) VALUES ($1, $2, $3, $4, $5)`,
			m.To.Kind, m.To.Name, m.Key, t.db.Now().UnixMilli(), m.Body)
		if err != nil {
			return fmt.Errorf("outbox %s %s: %w", m.To.Kind, m.To.Name, err)
		}
	}
	return nil
}

// Waiting counts the messages not yet delivered.
func (d *DB) Waiting(ctx context.Context) (n int64, err error) {
	if err := d.read.QueryRowContext(ctx, `SELECT count(*) FROM outbox`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the outbox: %w", err)
	}
	return n, nil
}

// Relay delivers messages until ctx ends, and then returns nil. A message is removed once publish
// has returned nil for it; a crash between the two delivers it again. A destination that refuses
// keeps its order: its next message waits until this one is taken, while other destinations go on.
//
// Only one relay works at a time: a second in this process is an error, one in another process
// (PostgreSQL) waits for its turn.
func (d *DB) Relay(ctx context.Context, publish func(context.Context, Message) error) error {
	if !d.relaying.CompareAndSwap(false, true) {
		return errors.New("relay: this store is being relayed already")
	}
	defer d.relaying.Store(false)

	r := relay{db: d, publish: publish, refused: map[Destination]refusal{}}
	defer r.release()
	for {
		wait := r.pass(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-d.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

type refusal struct {
	until time.Time
	delay time.Duration
}

// relay is the state of one Relay call.
type relay struct {
	db      *DB
	publish func(context.Context, Message) error
	refused map[Destination]refusal
	turn    *sql.Conn // PostgreSQL: the connection that holds relayLock
}

// pass delivers what can be delivered and returns how long to wait before the next pass.
func (r *relay) pass(ctx context.Context) time.Duration {
	ours, err := r.takeTurn(ctx)
	var to []Destination
	if err == nil && ours {
		to, err = r.destinations(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			r.db.log.Error("relay cannot read the outbox; trying again", "error", err)
		}
		r.release()
		return r.db.poll
	}
	wait := r.db.poll
	for _, dest := range to {
		if left := time.Until(r.refused[dest].until); left > 0 {
			wait = min(wait, left)
			continue
		}
		more, err := r.deliver(ctx, dest)
		if err != nil && ctx.Err() == nil {
			delay := min(max(2*r.refused[dest].delay, firstDelay), lastDelay)
			r.refused[dest] = refusal{until: time.Now().Add(delay), delay: delay}
			r.db.log.Warn("not delivered; trying again", "kind", dest.Kind, "name", dest.Name, "in", delay, "error", err)
			wait = min(wait, delay)
			continue
		}
		delete(r.refused, dest)
		if more {
			wait = 0
		}
	}
	return wait
}

func (r *relay) destinations(ctx context.Context) ([]Destination, error) {
	rows, err := r.db.read.QueryContext(ctx, `SELECT kind, name FROM outbox GROUP BY kind, name ORDER BY min(id)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Destination
	for rows.Next() {
		var d Destination
		if err := rows.Scan(&d.Kind, &d.Name); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// deliver publishes a batch of what waits for one destination, oldest first; more says that it was a
// full one. The rest waits until the other destinations had their turn: where rows are mirrored faster
// than they are taken, an order to pay must not wait for the last of them.
func (r *relay) deliver(ctx context.Context, to Destination) (more bool, err error) {
	messages, err := r.oldest(ctx, to)
	if err != nil {
		return false, err
	}
	for _, m := range messages {
		if err := r.publish(ctx, m); err != nil {
			return false, fmt.Errorf("message %d: %w", m.ID, err)
		}
		if _, err := r.db.write.ExecContext(ctx, `DELETE FROM outbox WHERE id = $1`, m.ID); err != nil {
			return false, fmt.Errorf("message %d was delivered and not removed: %w", m.ID, err)
		}
	}
	return len(messages) == batch, nil
}

func (r *relay) oldest(ctx context.Context, to Destination) ([]Message, error) {
	rows, err := r.db.read.QueryContext(ctx,
		`SELECT id, key, at_ms, body FROM outbox WHERE kind = $1 AND name = $2 ORDER BY id LIMIT $3`, to.Kind, to.Name, batch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Message
	for rows.Next() {
		m := Message{To: to}
		var at int64
		if err := rows.Scan(&m.ID, &m.Key, &at, &m.Body); err != nil {
			return nil, err
		}
		m.At = time.UnixMilli(at).UTC()
		out = append(out, m)
	}
	return out, rows.Err()
}

// takeTurn reports whether this process may relay now.
func (r *relay) takeTurn(ctx context.Context) (bool, error) {
	if r.db.engine != postgres {
		return true, nil // a SQLite file has one process, and Relay admits one caller
	}
	if r.turn != nil {
		if err := r.turn.PingContext(ctx); err != nil {
			return false, err // the lock went with the connection
		}
		return true, nil
	}
	conn, err := r.db.write.Conn(ctx)
	if err != nil {
		return false, err
	}
	var ours bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1, hashtext(current_schema()))`, relayLock).Scan(&ours); err != nil || !ours {
		return false, errors.Join(err, conn.Close())
	}
	r.turn = conn
	return true, nil
}

// release gives the turn to another process.
func (r *relay) release() {
	if r.turn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := r.turn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, hashtext(current_schema()))`, relayLock); err != nil {
		// Closing the connection for good frees the lock as well.
		_ = r.turn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = r.turn.Close()
	r.turn = nil
}
