package review

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
		panic(fmt.Sprintf("review: a journal detail cannot be written as JSON: %v", err)) // plain data: cannot happen
	}
	return b
}

// announce records a change of a task's state in the journal and sends its new row to the mirror.
func (r *Reviews) announce(ctx context.Context, tx *store.Tx, t Task, action, why string, fields map[string]any) error {
	if err := tx.Record(ctx, store.Entry{Actor: actor(ctx), Action: action, Subject: t.subject(), Reason: why, Detail: detail(fields)}); err != nil {
		return err
	}
	return r.mirror(ctx, tx, t)
}

// mirror sends a task's row to the warehouse. A sealed verdict stays here until it may be known.
func (r *Reviews) mirror(ctx context.Context, tx *store.Tx, t Task) error {
	if t.sealed() {
		t.Verdict, t.Outcome = nil, nil
	}
	document, err := json.Marshal(t)
	if err != nil {
		return err
	}
	row, err := json.Marshal(warehouse.MirrorRow{
		ID: t.ID, Version: t.change, Tenant: t.Tenant, SessionID: t.SessionID, State: string(t.State), At: r.db.Now().UnixMilli(), Document: document,
	})
	if err != nil {
		return err
	}
	return tx.Send(ctx, store.Message{To: store.Destination{Kind: store.Mirror, Name: string(warehouse.Reviews)}, Key: t.ID, Body: row})
}

// publish sends the verdict that counts to the stream, where it becomes part of the conversation. The
// event's id is made from the task's, so that a message delivered twice counts once.
func (r *Reviews) publish(ctx context.Context, tx *store.Tx, t Task) error {
	v := t.Counts()
	type finding struct {
		ID       string `json:"finding_id"`
		Rule     string `json:"rule"`
		Version  int64  `json:"version"`
		Decision string `json:"decision"`
	}
	findings := []finding{}
	for _, f := range v.Findings {
		findings = append(findings, finding{f.FindingID, f.Rule, f.Version, f.Decision})
	}
	told := map[string]any{
		"task_id": t.ID, "kind": t.Kind, "card": t.Card, "policy_revision": v.PolicyRevision, "defective": v.Defective,
		"misjudged": v.Misjudged, "findings": findings, "missed": append([]Missed{}, v.Missed...),
	}
	if v.Score != nil {
		told["score"] = *v.Score
	}
	body := map[string]any{
		"event_id": t.ID + ".decided", "session_id": t.SessionID, "tenant": t.Tenant, "ts": r.db.Now().Format(time.RFC3339Nano),
		"kind": event.ReviewDecided, "actor": event.Actor{Role: event.SystemRole, ID: v.Inspector}, "review": told,
	}
	if m := v.Misjudgement; m != nil {
		claim := map[string]any{"kind": m.Kind}
		if m.Currency != "" {
			claim["amount_minor"], claim["currency"] = m.AmountMinor, m.Currency
		}
		body["claim"] = claim
	}
	message, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return tx.Send(ctx, store.Message{To: store.Destination{Kind: store.Topic, Name: EventTopic}, Key: t.SessionID, Body: message})
}
