package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
)

// Refusals is the record as ReplayRejects asks it.
type Refusals interface {
	Refused(ctx context.Context, q warehouse.RefusedQuery, each func(*warehouse.Reject) error) error
	Places(ctx context.Context, topic string, events []warehouse.EventKey) (map[warehouse.EventKey]int64, error)
	Snapshots(ctx context.Context, topic string, ids []string) ([]warehouse.Snapshot, error)
}

// RejectsOptions say which refused messages are tried again, and how. Query.Topic and Open must be given.
type RejectsOptions struct {
	Query  warehouse.RefusedQuery
	DryRun bool // send nothing, and say what would be sent
	// Open gives a refused message as it came, its first 64 KiB. An error is that of this one message (its key
	// was destroyed, it was changed), unless ctx has ended.
	Open func(ctx context.Context, row *warehouse.Reject) ([]byte, error)
	Now  func() time.Time // time.Now
}

// Replayed is what became of the refused messages. Its JSON is what `replay-rejects --json` prints. Each of them
// is counted in one of the fields.
type Replayed struct {
	Rejects int64 `json:"rejects"` // that were looked at
	Sent    int64 `json:"sent"`    // into the stream, durably; in a dry run, those that would be
	// Stored stand in the record already, under their event_id, or were sent a moment ago from another reject.
	Stored int64            `json:"already_stored"`
	Still  map[string]int64 `json:"still_refused"` // by the reason that this program gives now
	// Cut were longer than what is kept of a refused message; Unopened could not be read. Named tells where the
	// first MaxSuspect of both stand.
	Cut      int64    `json:"cut"`
	Unopened int64    `json:"unopened"`
	Named    []string `json:"named"`
}

// ReplayRejects decodes refused messages of the record again, as this program reads them, and sends those that
// are events now to the producer's topic, in the order in which they came.
//
// Doing it again adds nothing: an event that the record has is not sent, and one that is on its way when it is
// sent again is a repeat to the collector. So nothing has to be noted of what was replayed: that the event
// stands in the record is the note. The offset at which a message was refused stays sealed as refused, which it
// was; the event stands at a new one, with the ts that it always had, so that its session is folded anew where
// it comes late.
//
// The report holds at every end, also beside an error: the record's, ErrAway, or the context's.
func ReplayRejects(ctx context.Context, p *Producer, record Refusals, o RejectsOptions) (Replayed, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &retrial{producer: p, record: record, RejectsOptions: o, sent: map[warehouse.EventKey]bool{}}
	r.out = Replayed{Still: map[string]int64{}, Named: []string{}}
	err := record.Refused(ctx, o.Query, func(row *warehouse.Reject) error { return r.take(ctx, row) })
	if err == nil {
		err = r.flush(ctx)
	}
	return r.out, err
}

type retrial struct {
	RejectsOptions
	producer *Producer
	record   Refusals
	out      Replayed

	held  []revived
	bytes int
	sent  map[warehouse.EventKey]bool // of this run
}

// revived is a refused message that is an event now.
type revived struct {
	key   warehouse.EventKey
	event *event.Event
	value []byte
	place string
}

func (r *retrial) name(place, why string) {
	if len(r.out.Named) < MaxSuspect {
		r.out.Named = append(r.out.Named, place+": "+why)
	}
}

// take looks at one refused message.
func (r *retrial) take(ctx context.Context, row *warehouse.Reject) error {
	r.out.Rejects++
	place := fmt.Sprintf("%s/%d/%d", row.Topic, row.Partition, row.Offset)
	value, err := r.Open(ctx, row)
	sum := sha256.Sum256(value)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.out.Unopened++
		r.name(place, err.Error())
		return nil
	case row.Size > len(value):
		r.out.Cut++
		r.name(place, fmt.Sprintf("of %d bytes the first %d are kept: the source has to send it again", row.Size, len(value)))
		return nil
	case hex.EncodeToString(sum[:]) != row.SHA256:
		r.out.Unopened++
		r.name(place, "what is kept is not the message that was refused: it was changed")
		return nil
	}
	e, refused := event.Decode(nil, value, r.Now())
	if refused != nil {
		r.out.Still[string(refused.Reason)]++
		return nil
	}
	if !keyed(row, e, value) {
		r.out.Still[string(event.KeyDiffers)]++
		return nil
	}
	r.held = append(r.held, revived{warehouse.EventKey{SessionID: e.SessionID, EventID: e.ID}, e, value, place})
	r.bytes += len(value)
	if len(r.held) >= pileMessages || r.bytes >= pileBytes {
		return r.flush(ctx)
	}
	return nil
}

// keyed reports whether the message's key was its session, or the one that an import gives where it cannot
// read of which session something is. Of the key the record has the text, masked: where a message was refused
// because its key was another, one that masks alike may well be that other one.
func keyed(row *warehouse.Reject, e *event.Event, value []byte) bool {
	for _, own := range []string{"", e.SessionID, digestOf(value)} {
		masked, _ := redact.Text(own)
		if row.Key == own || row.Key == masked && row.Reason != string(event.KeyDiffers) {
			return true
		}
	}
	return false
}

// flush sends what is held and is not in the record.
func (r *retrial) flush(ctx context.Context) error {
	if len(r.held) == 0 {
		return ctx.Err()
	}
	keys := make([]warehouse.EventKey, len(r.held))
	ids := make([]string, len(r.held))
	for i := range r.held {
		keys[i], ids[i] = r.held[i].key, r.held[i].key.SessionID
	}
	places, err := r.record.Places(ctx, r.Query.Topic, keys)
	if err != nil {
		return err
	}
	sessions := map[string]warehouse.Session{}
	snapshots, err := r.record.Snapshots(ctx, r.Query.Topic, ids)
	if err != nil {
		return err
	}
	for _, s := range snapshots {
		sessions[s.Session.SessionID] = s.Session
	}
	var out pile
	for _, m := range r.held {
		_, stored := places[m.key]
		s, known := sessions[m.key.SessionID]
		switch {
		case stored || r.sent[m.key]:
			r.out.Stored++
		case known && !admitted(&s, m.event):
			r.out.Still[string(event.TenantMoved)]++ // the collector would refuse it again, at a new offset
		default:
			r.sent[m.key] = true
			out.add(r.producer.topic, m.place, []byte(m.key.SessionID), m.value)
		}
	}
	r.held, r.bytes = nil, 0
	return r.send(ctx, &out)
}

// admitted reports whether a session takes an event, as far as tenants go.
func admitted(s *warehouse.Session, e *event.Event) bool {
	return e.Tenant == "" || e.Tenant == s.Tenant ||
		e.Kind == event.SessionOpened && s.Derived && s.Tenant == session.DefaultTenant
}

func (r *retrial) send(ctx context.Context, p *pile) error {
	if r.DryRun {
		r.out.Sent += int64(len(p.messages))
		return nil
	}
	if len(p.messages) == 0 {
		return nil
	}
	refused, err := r.producer.write(ctx, p.messages)
	if err != nil {
		return err
	}
	for i, e := range refused {
		if e == nil {
			r.out.Sent++
			continue
		}
		r.out.Still[string(event.TooLarge)]++
		r.name(p.places[i], e.Error())
	}
	return nil
}
