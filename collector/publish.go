package collector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/segmentio/kafka-go"

	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// publishLinger is how long the client waits for more messages before it sends. Ours come in one
// call, so that waiting only delays the seal.
const publishLinger = time.Millisecond

// FindingMessage is the value of a message of the findings topic: one version of one finding, keyed
// by session. A consumer keeps the highest version of a finding_id; it may see one more than once.
type FindingMessage struct {
	FindingID    string          `json:"finding_id"`
	Tenant       string          `json:"tenant"`
	SessionID    string          `json:"session_id"`
	Rule         string          `json:"rule"`
	Pack         string          `json:"pack"`
	Severity     string          `json:"severity"`
	Status       string          `json:"status"`
	Level        string          `json:"level"`
	Subject      string          `json:"subject,omitzero"` // event_id
	At           policies.Millis `json:"at"`               // Unix milliseconds
	State        string          `json:"state"`            // standing, withdrawn
	Version      int64           `json:"version"`
	Facts        jsontext.Value  `json:"facts,omitzero"`
	Clauses      []string        `json:"clauses"`
	Revision     string          `json:"policy_revision"`
	Channel      string          `json:"channel,omitzero"`
	BusinessLine string          `json:"business_line,omitzero"`
	BotVersion   string          `json:"bot_version,omitzero"`
	Jurisdiction string          `json:"jurisdiction,omitzero"`
	CustomerID   string          `json:"customer_id,omitzero"`
}

// RejectMessage is the value of a message of the rejects topic, keyed by topic, partition and
// offset of the message that was refused. It may come more than once.
type RejectMessage struct {
	Topic     string          `json:"topic"`
	Partition int             `json:"partition"`
	Offset    int64           `json:"offset"`
	At        policies.Millis `json:"at"` // the message's time stamp, Unix milliseconds
	Key       string          `json:"key,omitzero"`
	Reason    string          `json:"reason"`
	Detail    string          `json:"detail"`
	Size      int             `json:"size"`    // bytes of the whole message
	SHA256    string          `json:"sha256"`  // of the whole message, hex
	Payload   []byte          `json:"payload"` // its first 64 KiB, encrypted, base64
	KeyID     string          `json:"key_id"`  // the key that opens it
}

// outlet publishes to the findings and rejects topics.
type outlet struct {
	findings, rejects string
	writer            *kafka.Writer
}

func newOutlet(o Options, transport *kafka.Transport) *outlet {
	return &outlet{findings: o.Findings, rejects: o.Rejects, writer: &kafka.Writer{
		Addr: o.Stream.Addr(), Transport: transport, Balancer: &kafka.Hash{},
		RequiredAcks: kafka.RequireAll, BatchTimeout: publishLinger,
		MaxAttempts: 1, // the worker tries again, and says so
	}}
}

// send publishes what a batch came to; nil means that the broker has all of it.
func (o *outlet) send(ctx context.Context, findings []warehouse.Finding, rejects []warehouse.Reject) error {
	msgs := make([]kafka.Message, 0, len(findings)+len(rejects))
	for i := range findings {
		m, err := findingMessage(&findings[i])
		if err != nil {
			return err
		}
		m.Topic = o.findings
		msgs = append(msgs, m)
	}
	for i := range rejects {
		m, err := rejectMessage(&rejects[i])
		if err != nil {
			return err
		}
		m.Topic = o.rejects
		msgs = append(msgs, m)
	}
	if len(msgs) == 0 {
		return nil
	}
	err := o.writer.WriteMessages(ctx, msgs...)
	if each, many := errors.AsType[kafka.WriteErrors](err); many { // one for each message, mostly the same
		for i, e := range each {
			if e != nil {
				err = fmt.Errorf("%d of %d, the first to %s: %w", each.Count(), len(each), msgs[i].Topic, e)
				break
			}
		}
	}
	if err != nil {
		return fmt.Errorf("publish %d findings and %d rejects: %w", len(findings), len(rejects), stream.Explain(err))
	}
	return nil
}

func (o *outlet) close() { o.writer.Close() } // nothing is under way: every send was waited for

func findingMessage(f *warehouse.Finding) (kafka.Message, error) {
	m := FindingMessage{
		FindingID: f.ID, Tenant: f.Tenant, SessionID: f.SessionID, Rule: f.Rule, Pack: f.Pack,
		Severity: f.Severity, Status: f.Status, Level: f.Level, Subject: f.Subject, At: f.At,
		State: stateOf(f), Version: f.Version, Facts: jsontext.Value(f.Facts), Clauses: f.Clauses, Revision: f.Revision,
		Channel: f.Channel, BusinessLine: f.BusinessLine, BotVersion: f.BotVersion,
		Jurisdiction: f.Jurisdiction, CustomerID: f.CustomerID,
	}
	value, err := json.Marshal(&m)
	if err != nil {
		return kafka.Message{}, fmt.Errorf("write finding %s as JSON: %w", f.ID, err)
	}
	return kafka.Message{Key: []byte(f.SessionID), Value: value}, nil
}

func rejectMessage(r *warehouse.Reject) (kafka.Message, error) {
	value, err := json.Marshal(&RejectMessage{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, At: r.At, Key: r.Key,
		Reason: r.Reason, Detail: r.Detail, Size: r.Size, SHA256: r.SHA256, Payload: r.Payload, KeyID: r.KeyID,
	})
	if err != nil {
		return kafka.Message{}, fmt.Errorf("write the reject at %s/%d/%d as JSON: %w", r.Topic, r.Partition, r.Offset, err)
	}
	return kafka.Message{Key: fmt.Appendf(nil, "%s/%d/%d", r.Topic, r.Partition, r.Offset), Value: value}, nil
}

// stateOf is a finding's state in words.
func stateOf(f *warehouse.Finding) string {
	if f.Standing {
		return "standing"
	}
	return "withdrawn"
}
