package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mingjian/audit/store"
	"mingjian/collector/event"
	"mingjian/collector/warehouse"
)

// detail is a journal entry's, as JSON.
func detail(fields map[string]any) json.RawMessage {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(fmt.Sprintf("cases: a journal detail cannot be written as JSON: %v", err)) // plain data: cannot happen
	}
	return b
}

// tell writes what happened to a case everywhere: the step, the journal, and the row for the warehouse.
func (c *Cases) tell(ctx context.Context, tx *store.Tx, k Case, journal string, s Step) error {
	if s.Actor == "" {
		s.Actor = actor(ctx)
	}
	s.At = c.db.Now()
	if err := addStep(ctx, tx, k.ID, s); err != nil {
		return err
	}
	note := map[string]any{"from": s.From, "to": s.To, "version": k.Version}
	for name, v := range s.Note {
		note[name] = v
	}
	if err := tx.Record(ctx, store.Entry{Actor: s.Actor, Action: journal, Subject: k.subject(), Reason: s.Reason, Detail: detail(note)}); err != nil {
		return err
	}
	return mirror(ctx, tx, k)
}

// mirror sends a case's row to the warehouse.
func mirror(ctx context.Context, tx *store.Tx, k Case) error {
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	row, err := json.Marshal(warehouse.MirrorRow{
		ID: k.ID, Version: k.change, Tenant: k.Tenant, SessionID: k.SessionID, State: string(k.State), At: k.At.UnixMilli(), Document: text,
	})
	if err != nil {
		return err
	}
	return tx.Send(ctx, store.Message{To: store.Destination{Kind: store.Mirror, Name: string(warehouse.Cases)}, Key: k.ID, Body: row})
}

// publish sends a report by hand to the stream, where it becomes part of the conversation. The event's
// id is the report's, so that a message delivered twice counts once, and so that it is known when the
// record brings it back.
func publish(ctx context.Context, tx *store.Tx, k Case, t told) error {
	reported, err := json.Marshal(map[string]any{
		"event_id": t.Ref, "session_id": k.SessionID, "tenant": k.Tenant, "ts": t.At.Format(time.RFC3339Nano),
		"kind": event.MisjudgementReported, "actor": event.Actor{Role: event.SystemRole, ID: t.By},
		"claim": event.Claim{Kind: t.kind}, "text": t.Words,
		"case_id": k.ID, "finding_id": t.findingID,
	})
	if err != nil {
		return err
	}
	return tx.Send(ctx, store.Message{To: store.Destination{Kind: store.Topic, Name: EventTopic}, Key: k.SessionID, Body: reported})
}
