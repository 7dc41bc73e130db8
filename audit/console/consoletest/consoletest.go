// Package consoletest is a made-up record for tests of the API and the pages: a contact centre with
// clean and broken sessions, hostile texts included, that filters and pages as the warehouse does.
package consoletest

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mingjian/audit/console"
	"mingjian/audit/evidence"
	"mingjian/audit/retention"
	"mingjian/audit/vault"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Now is the moment at which the tests live: 2026-11-20 16:30 in Shanghai.
var Now = time.Date(2026, 11, 20, 8, 30, 0, 0, time.UTC)

// Revision is the policies' revision in the tests.
const Revision = "4f2a9c1be07d55aa"

// Record is a record in memory. It is safe for concurrent use.
type Record struct {
	mu            sync.Mutex
	conversations []warehouse.Conversation
	down          error
}

// NewRecord holds conversations.
func NewRecord(conversations ...warehouse.Conversation) *Record {
	return &Record{conversations: conversations}
}

// Add puts one more conversation into the record.
func (r *Record) Add(c warehouse.Conversation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conversations = append(r.conversations, c)
}

// Fail makes every question fail with err, until Fail(nil).
func (r *Record) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = err
}

func in[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

func sees(b warehouse.Within, tenant, line string) bool {
	return in(b.Tenants, tenant) && in(b.BusinessLines, line)
}

func within(at, from, to policies.Millis) bool { return at >= from && (to == 0 || at < to) }

func matches(q warehouse.FindingQuery, f warehouse.FindingItem) bool {
	return within(f.At, q.From, q.To) && (q.Tenant == "" || q.Tenant == f.Tenant) && in(q.Rules, f.Rule) && in(q.Severities, f.Severity) &&
		in(q.Statuses, f.Status) && in(q.Channels, f.Channel) && in(q.BusinessLines, f.BusinessLine) && sees(q.Within, f.Tenant, f.BusinessLine) &&
		(q.Session == "" || q.Session == f.SessionID) && (q.Withdrawn || f.State == "standing")
}

// Findings is newest first; the cursor is a place in that order.
func (r *Record) Findings(_ context.Context, q warehouse.FindingQuery) (warehouse.FindingPage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []warehouse.FindingItem
	for _, c := range r.conversations {
		for _, f := range c.Findings {
			if matches(q, f) {
				all = append(all, f)
			}
		}
	}
	slices.SortFunc(all, func(a, z warehouse.FindingItem) int {
		return cmp.Or(cmp.Compare(z.At, a.At), cmp.Compare(z.FindingID, a.FindingID))
	})
	items, next, err := cut(all, q.Cursor, q.Limit)
	return warehouse.FindingPage{Items: items, Next: next}, cmp.Or(r.down, err)
}

func cut[T any](all []T, cursor string, limit int) (items []T, next string, err error) {
	start := 0
	if cursor != "" {
		if start, err = strconv.Atoi(cursor); err != nil || start > len(all) {
			return nil, "", warehouse.ErrCursor
		}
	}
	end := min(start+limit, len(all))
	if end < len(all) {
		next = strconv.Itoa(end)
	}
	return all[start:end], next, nil
}

// SessionOf finds a session by id: of several tenants' the one with the newest event.
func (r *Record) SessionOf(_ context.Context, tenant, id string) (out warehouse.Conversation, found bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conversations {
		if c.Session.SessionID == id && (tenant == "" || tenant == c.Session.Tenant) && (!found || c.Session.LastAt > out.Session.LastAt) {
			out, found = c, true
		}
	}
	return out, found, r.down
}

// SealsOver has a seal over every ten offsets; the newest offsets of a session that is open are not
// sealed yet.
func (r *Record) SealsOver(_ context.Context, topic string, partition int, first, last int64) ([]warehouse.Seal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []warehouse.Seal
	for at := first / 10 * 10; at+9 <= last; at += 10 {
		out = append(out, warehouse.Seal{Topic: topic, Partition: partition, First: at, Last: at + 9, ID: fmt.Sprintf("%064x", at)})
	}
	return out, r.down
}

// Trend counts in spans as the warehouse does.
func (r *Record) Trend(_ context.Context, q warehouse.FindingQuery, length time.Duration) ([]warehouse.Span, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []warehouse.Span
	for at := q.From; at < q.To; at += length.Milliseconds() {
		span, until := warehouse.Span{At: at}, min(at+length.Milliseconds(), q.To)
		for _, c := range r.conversations {
			if q.Tenant != "" && q.Tenant != c.Session.Tenant || !sees(q.Within, c.Session.Tenant, c.Session.BusinessLine) {
				continue
			}
			if within(c.Session.Opened, at, until) {
				span.Sessions++
			}
			for _, f := range c.Findings {
				if matches(q, f) && within(f.At, at, until) {
					span.Findings++
					if f.Severity == "critical" {
						span.Critical++
					}
				}
			}
		}
		out = append(out, span)
	}
	return out, r.down
}

// Sessions is newest first.
func (r *Record) Sessions(_ context.Context, q warehouse.SessionQuery) (warehouse.SessionPage, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []warehouse.SessionItem
	for _, c := range r.conversations {
		s := c.Session
		if !sees(q.Within, s.Tenant, s.BusinessLine) || !within(s.Opened, q.From, q.To) || q.Tenant != "" && q.Tenant != s.Tenant || !in(q.Channels, s.Channel) || !in(q.BusinessLines, s.BusinessLine) {
			continue
		}
		n := 0
		for _, f := range c.Findings {
			if f.State == "standing" {
				n++
			}
		}
		all = append(all, warehouse.SessionItem{Session: s, Findings: n})
	}
	slices.SortFunc(all, func(a, z warehouse.SessionItem) int {
		return cmp.Or(cmp.Compare(z.Session.Opened, a.Session.Opened), cmp.Compare(a.Session.SessionID, z.Session.SessionID))
	})
	items, next, err := cut(all, q.Cursor, q.Limit)
	return warehouse.SessionPage{Items: items, Next: next}, cmp.Or(r.down, err)
}

// Checked counts the scope of a query.
func (r *Record) Checked(_ context.Context, q warehouse.FindingQuery) (warehouse.Checked, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := warehouse.Checked{FindingsByRule: map[string]int64{}, NotAssessed: map[string]int64{}, Rejects: 3}
	for _, c := range r.conversations {
		s := c.Session
		if q.Tenant != "" && q.Tenant != s.Tenant || !sees(q.Within, s.Tenant, s.BusinessLine) {
			continue
		}
		for list, v := range map[*[]string]string{&out.Channels: s.Channel, &out.BusinessLines: s.BusinessLine} {
			if !slices.Contains(*list, v) {
				*list = append(*list, v)
			}
		}
		for _, f := range c.Findings {
			if matches(q, f) {
				out.Findings++
				out.FindingsByRule[f.Rule]++
			}
		}
		if !within(s.Opened, q.From, q.To) || !in(q.Channels, s.Channel) || !in(q.BusinessLines, s.BusinessLine) {
			continue
		}
		out.Sessions++
		out.Interactions += int64(len(c.Interactions))
		for _, n := range s.NotAssessed {
			out.NotAssessed[n.Rule]++
		}
	}
	slices.Sort(out.Channels)
	slices.Sort(out.BusinessLines)
	return out, r.down
}

// Health is a system whose parts are well, except those named.
type Health struct{ Bad []string }

// Health names four parts.
func (h Health) Health(context.Context) []console.Check {
	var out []console.Check
	for _, c := range []console.Check{
		{Name: "kafka", Detail: "1 broker, 12 partitions, lag 0"}, {Name: "clickhouse", Detail: "26.7.3, answered in 2 ms"},
		{Name: "store", Detail: "SQLite, 0 messages wait"}, {Name: "collector", Detail: "12 partitions, newest seal 2 s old"},
	} {
		if c.OK = !slices.Contains(h.Bad, c.Name); !c.OK {
			c.Detail = "does not answer: connection refused"
		}
		out = append(out, c)
	}
	return out
}

// Endpoints are three.
func (Health) Endpoints() []console.Endpoint {
	return []console.Endpoint{{Name: "console", Address: "http://127.0.0.1:8080"}, {Name: "kafka", Address: "127.0.0.1:9092"}, {Name: "clickhouse", Address: "http://127.0.0.1:8123"}}
}

// ms is a moment s seconds after the session began.
func (b *Builder) ms(s int) policies.Millis { return b.start + int64(s)*1000 }

// Builder puts a conversation together.
type Builder struct {
	c     warehouse.Conversation
	facts policies.Facts
	start policies.Millis
}

// Session begins a conversation that opened at a moment.
func Session(id string, opened time.Time, channel, line, jurisdiction string) *Builder {
	b := &Builder{start: opened.UnixMilli()}
	industry := map[string]string{"宽带": "telecom", "理财": "bank", "退换货": "retail", "airline": "air"}[line]
	b.c.Session = warehouse.Session{
		Tenant: "default", SessionID: id, Topic: "mingjian.interactions", Partition: len(id) % 12, Version: 1, Opened: b.start, LastAt: b.start,
		Channel: channel, BusinessLine: line, Industry: industry, Jurisdiction: jurisdiction, CustomerID: "cust-88201937", BotID: "小鉴", BotVersion: "3.2.1", Revision: Revision,
	}
	b.facts = policies.Facts{Jurisdiction: jurisdiction, Channel: channel, Industry: industry, BusinessLine: line, Opened: b.start}
	return b
}

// Leaf is the leaf hash of every event, in hex.
var Leaf = hex.EncodeToString([]byte(leaf))

const leaf = "0123456789abcdef0123456789abcdef"

// At adds an event s seconds after the beginning; body is its JSON beside the text.
func (b *Builder) At(s int, kind, role, actor, text, body string) *Builder {
	n := len(b.c.Interactions)
	b.c.Interactions = append(b.c.Interactions, warehouse.Interaction{
		Tenant: b.c.Session.Tenant, SessionID: b.c.Session.SessionID, EventID: fmt.Sprintf("%s-%d", b.c.Session.SessionID, n), Topic: b.c.Session.Topic,
		Partition: b.c.Session.Partition, Offset: b.start/1000%100000 + int64(n), At: b.ms(s), Kind: kind, Role: role, ActorID: actor,
		Channel: b.c.Session.Channel, BusinessLine: b.c.Session.BusinessLine, Text: text, TextBytes: len(text), Body: body,
	})
	b.c.Interactions[n].Leaf = leaf
	if e := &b.c.Interactions[n]; strings.Contains(text, "⟦") {
		e.OriginalEnc, e.KeyID = "encrypted", "key"
	}
	b.c.Session.LastAt = b.ms(s)
	b.c.Session.Events = n + 1
	if role == "bot" && text != "" {
		b.facts.Bot.Texts++
	}
	return b
}

// Say adds a message.
func (b *Builder) Say(s int, role, text string) *Builder {
	actor := map[string]string{"bot": "小鉴", "agent": "A1037", "customer": ""}[role]
	return b.At(s, "message", role, actor, text, "")
}

// Found adds a finding at event n (from 0), or at no event where n is negative.
func (b *Builder) Found(rule string, n, s int, status, facts string) *Builder {
	r := Rule(rule)
	f := warehouse.FindingItem{
		FindingID: "f-" + rule + "-" + b.c.Session.SessionID, Tenant: b.c.Session.Tenant, SessionID: b.c.Session.SessionID, Rule: rule, Pack: r.Pack,
		Severity: string(r.Severity), Status: status, Level: "session", At: b.ms(s), State: "standing", Version: 1, Channel: b.c.Session.Channel,
		BusinessLine: b.c.Session.BusinessLine, BotVersion: b.c.Session.BotVersion, Jurisdiction: b.c.Session.Jurisdiction, Revision: Revision, Facts: facts,
	}
	for _, k := range r.Clauses {
		f.Clauses = append(f.Clauses, k.ID)
	}
	if n >= 0 {
		f.Subject = b.c.Interactions[n].EventID
	}
	b.c.Findings = append(b.c.Findings, f)
	return b
}

// Withdrawn marks the finding added last as withdrawn.
func (b *Builder) Withdrawn() *Builder {
	b.c.Findings[len(b.c.Findings)-1].State = "withdrawn"
	return b
}

// Wait says that a person was asked for at one second and joined, or the session ended, at another.
func (b *Builder) Wait(asked, joined, ended int) *Builder {
	w := policies.Wait{AskedAt: b.ms(asked)}
	for _, e := range b.c.Interactions {
		if joined > 0 && e.At == b.ms(joined) {
			w.Joined, w.JoinedAt = e.EventID, e.At
		}
	}
	if ended > 0 {
		w.EndedAt = b.ms(ended)
	}
	b.facts.Human.Waits = append(b.facts.Human.Waits, w)
	b.facts.Human.Strikes++
	return b
}

// Close ends the session.
func (b *Builder) Close(s int, by string, resolved bool) *Builder {
	b.At(s, "session.closed", "system", "", "", fmt.Sprintf(`{"close":{"by":%q,"reason":"ended","resolved":%t}}`, by, resolved))
	b.c.Session.Closed = b.ms(s)
	b.facts.Closed, b.facts.ClosedBy, b.facts.Resolved = b.ms(s), by, &resolved
	return b
}

// Of gives the session to a tenant.
func (b *Builder) Of(tenant string) *Builder {
	b.c.Session.Tenant = tenant
	for i := range b.c.Interactions {
		b.c.Interactions[i].Tenant = tenant
	}
	for i := range b.c.Findings {
		b.c.Findings[i].Tenant = tenant
	}
	return b
}

// Unchecked says which rule lacked which fact.
func (b *Builder) Unchecked(rule, reason string) *Builder {
	b.c.Session.NotAssessed = append(b.c.Session.NotAssessed, policies.NotAssessable{Rule: rule, Reason: reason})
	return b
}

// Facts changes the facts.
func (b *Builder) Facts(change func(*policies.Facts)) *Builder {
	change(&b.facts)
	return b
}

// Done is the conversation.
func (b *Builder) Done() warehouse.Conversation {
	text, err := json.Marshal(b.facts)
	if err != nil {
		panic(err) // facts are plain data
	}
	b.c.Session.Facts = string(text)
	return b.c
}

// Originals opens every original that was not erased: what was masked turns out to be Secret.
type Originals struct {
	Erased []string // ids of events
	Down   error
}

// Secret is what every mask of the tests hides, and more that does nothing on a page.
const Secret = "138 0013 8000 <script>alert(1)</script>"

// Original is the message that a row was made from.
func (o Originals) Original(_ context.Context, row *warehouse.Interaction) ([]byte, error) {
	if slices.Contains(o.Erased, row.EventID) {
		return nil, fmt.Errorf("open an original: %w", vault.ErrErased)
	}
	said, err := json.Marshal(map[string]string{"event_id": row.EventID, "text": Secret})
	return said, cmp.Or(o.Down, err)
}

// Evidence is a log of 4,711 entries.
type Evidence struct{}

// Checkpoint is its newest.
func (Evidence) Checkpoint(context.Context) (evidence.Checkpoint, error) {
	return evidence.Checkpoint{Origin: "mingjian.test", Size: 4711, Root: make([]byte, 32)}, nil
}

// PublicKey is its verifier key.
func (Evidence) PublicKey() ([]byte, error) { return []byte("mingjian.test+0+key\n"), nil }

// Erasing is a warehouse from which a customer's sessions can be erased: nobody's but Customer's, who has Sessions
// with a row each.
type Erasing struct {
	retention.Record // what no test of the pages needs
	Customer         string
	Sessions         []string

	mu   sync.Mutex
	gone []warehouse.Erased
}

// SessionsOf are Customer's.
func (e *Erasing) SessionsOf(_ context.Context, _ string, customers []string) ([]string, error) {
	if slices.Contains(customers, e.Customer) {
		return e.Sessions, nil
	}
	return nil, nil
}

// Progress covers everything.
func (e *Erasing) Progress(context.Context, string) (map[int]warehouse.Seal, error) {
	return map[int]warehouse.Seal{0: {Last: 1 << 40}}, nil
}

// Erasable is a row for each session, until they are erased.
func (e *Erasing) Erasable(_ context.Context, tenant string, sessions []string, each func(warehouse.Erased) error) error {
	e.mu.Lock()
	erased := len(e.gone) > 0
	e.mu.Unlock()
	for i := range sessions {
		if erased {
			break
		}
		if err := each(warehouse.Erased{Tenant: tenant, Topic: "mingjian.interactions", Offset: int64(i), Leaf: strings.Repeat(fmt.Sprint(i%10), 32)}); err != nil {
			return err
		}
	}
	return nil
}

// Named finds nobody.
func (e *Erasing) Named(context.Context, string, []string) ([]string, error) { return nil, nil }

// PutErased keeps what is erased.
func (e *Erasing) PutErased(_ context.Context, rows []warehouse.Erased) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gone = append(e.gone, rows...)
	return nil
}

// ErasedBy gives it back.
func (e *Erasing) ErasedBy(_ context.Context, _ string, each func(warehouse.Erased) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, row := range e.gone {
		if err := each(row); err != nil {
			return err
		}
	}
	return nil
}

// Blank and Forget destroy nothing here.
func (e *Erasing) Blank(context.Context, string) error { return nil }

// Forget forgets nothing here.
func (e *Erasing) Forget(context.Context, string, []string) error { return nil }
