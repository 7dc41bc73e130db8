// Package verifytest makes records and packages for tests of the verifier: conversations that are judged by the
// very code that judges the stream, sealed tenant by tenant in batches of several partitions, with a log that is
// kept in memory. A Draft is a package that is not packed yet, so that a test can play the operator who changes
// it.
package verifytest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
	"golang.org/x/mod/sumdb/note"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/seal"
	"mingjian/collector/session"
	"mingjian/policies"
)

// Topic is where everything comes from.
const Topic = "mingjian.interactions"

// Begin is the moment of the first interaction, Unix milliseconds; a record goes over Days from there.
const (
	Begin = 1_791_000_000_000
	Day   = 24 * 60 * 60 * 1000
	Days  = 4
)

// Options say how large a record is.
type Options struct {
	Interactions int // of all tenants together
	Tenants      []string
	Partitions   int
	Batch        int // offsets of a seal
	Seed         uint64
	// Findings may change a version before it is sealed; where it says no, it is left out. Nil changes nothing.
	Findings func(f *seal.Finding) bool
	// Plain conversations are not judged, which takes most of the time: each is given a finding that follows
	// from nothing.
	Plain bool
	// Lost is how many offsets in front of every seal of partition 0 but its first the broker lost before they
	// were read.
	Lost int64
}

// Sealed is a seal with what it was made of.
type Sealed struct {
	ID       string
	Index    uint64 // in the log
	Header   seal.Header
	Groups   []seal.Group
	List     []seal.Blinded
	Rows     map[string][]Row // by tenant
	Findings map[string][][]byte
}

// Row is a row with its leaf.
type Row struct {
	Session    string
	Offset     int64
	At         int64
	Entry      []byte
	Salt       [seal.SaltSize]byte
	Commitment seal.Hash
	Leaf       seal.Hash
}

// Record is what was collected, sealed and logged.
type Record struct {
	Bundle   *policies.Bundle
	Seals    []*Sealed // in the order of the log
	Deposed  []*Sealed // superseded ones
	Log      *testonly.Tree
	Entries  []string
	Erased   map[string]string // by session: the erasure
	Erasures map[string]*Erasure
	Lot      *Lot
	Private  string
	Public   string
	origin   string
}

// Lot is a lot of tenant A's sessions with what is needed to draw it again.
type Lot struct {
	Tenant     string
	Index      uint64
	Checkpoint []byte
	Size       uint64
	Members    []string
	Drawn      []string
}

// Key is a tenant's blinding key.
func Key(tenant string) seal.Key { return seal.Key(sha256.Sum256([]byte("blinding " + tenant))) }

var builtin = sync.OnceValues(func() (*policies.Bundle, error) { return policies.Load(policies.Builtin()) })

var inspector = sync.OnceValues(func() (*inspect.Inspector, error) {
	b, err := builtin()
	if err != nil {
		return nil, err
	}
	return inspect.New(b)
})

// partition is one that is being collected.
type partition struct {
	n        int
	next     int64
	previous string
	open     map[string]*session.State
	stored   map[string][]inspect.Placed
}

// turn is an event on its way.
type turn struct {
	*event.Event
	tenant  string
	arrives int64
}

// New collects a record.
func New(o Options) (*Record, error) {
	b, err := builtin()
	if err != nil {
		return nil, err
	}
	i, err := inspector()
	if err != nil {
		return nil, err
	}
	if o.Plain {
		i = nil
	}
	random := rand.New(rand.NewPCG(o.Seed, 7))
	r := &Record{Bundle: b, Log: testonly.New(rfc6962.DefaultHasher), Erased: map[string]string{}, Erasures: map[string]*Erasure{}}
	r.origin = fmt.Sprintf("mingjian/evidence/%016x", o.Seed)
	if r.Private, r.Public, err = note.GenerateKey(rand.NewChaCha8([32]byte{byte(o.Seed)}), r.origin); err != nil {
		return nil, err
	}
	r.state("policies.used", "policies:"+b.Revision, map[string]any{"files": seal.Hash{}, "fold": policies.FoldVersion, "revision": b.Revision})
	parts := make([]*partition, o.Partitions)
	for n := range parts {
		parts[n] = &partition{n: n, open: map[string]*session.State{}, stored: map[string][]inspect.Placed{}}
	}
	waiting := make([][]turn, o.Partitions)
	step := int64(Days*Day) / int64(max(o.Interactions, 1))
	ctx := context.Background()
	lose := func(p *partition) {
		if p.n == 0 && p.previous != "" {
			p.next += o.Lost
		}
	}
	total, now := 0, int64(Begin)
	for n := 0; total < o.Interactions; n++ {
		tenant := o.Tenants[n%len(o.Tenants)]
		talk := conversation(random, tenant, n, now)
		p := n % o.Partitions
		for k, e := range talk {
			t := turn{e, tenant, e.At}
			if n%3 == 0 && k == 1 { // it comes late
				t.arrives = talk[len(talk)-1].At
			}
			waiting[p] = append(waiting[p], t)
		}
		total += len(talk)
		now += step * int64(len(talk))
		if len(waiting[p]) >= o.Batch {
			// Conversations of a batch overlap, and some go on in the next one.
			slices.SortStableFunc(waiting[p], func(a, b turn) int { return int(a.arrives - b.arrives) })
			cut := o.Batch * 9 / 10
			lose(parts[p])
			if err := r.seal(ctx, i, parts[p], waiting[p][:cut], random, o.Findings); err != nil {
				return nil, err
			}
			waiting[p] = append([]turn(nil), waiting[p][cut:]...)
		}
	}
	for p := range parts {
		slices.SortStableFunc(waiting[p], func(a, b turn) int { return int(a.arrives - b.arrives) })
		lose(parts[p])
		if err := r.seal(ctx, i, parts[p], waiting[p], random, o.Findings); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// talks are how conversations go: who says what, how many seconds after the one before.
var talks = [][]struct {
	role event.Role
	text string
	gap  int64
}{
	{{event.BotRole, "您好，请问有什么可以帮您？", 2}, {event.CustomerRole, "我要人工客服", 5}, {event.BotRole, "请先描述您的问题", 4}, {event.CustomerRole, "转人工", 20}, {event.BotRole, "当前坐席全忙，请稍后再试", 40}},
	{{event.BotRole, "本服务由人工智能生成内容，您好", 1}, {event.CustomerRole, "我的订单到哪里了", 8}, {event.BotRole, "您的订单已发货", 2}, {event.CustomerRole, "好的谢谢", 5}},
	{{event.CustomerRole, "I want to talk to a person", 3}, {event.BotRole, "Sure, please wait", 2}, {event.AgentRole, "Hello, how can I help?", 50}, {event.CustomerRole, "my refund of order 12345 is missing", 9}, {event.AgentRole, "It is on its way", 30}, {event.CustomerRole, "thank you", 4}},
	{{event.BotRole, "您好", 1}, {event.CustomerRole, "退款怎么还没到？我要投诉", 9}, {event.BotRole, "非常抱歉给您带来不便，正在为您转接人工客服", 3}, {event.AgentRole, "您好，工号1024为您服务", 15}, {event.CustomerRole, "我的退款", 6}},
}

// conversation makes the events of one session.
func conversation(random *rand.Rand, tenant string, n int, at int64) []*event.Event {
	id := fmt.Sprintf("s-%06d-%08x", n, random.Uint32())
	age := 20 + random.IntN(70)
	where := []string{"CN", "CN", "ES", "US-CA"}[random.IntN(4)]
	out := []*event.Event{{Kind: event.SessionOpened, Tenant: tenant, Channel: "app", BusinessLine: "retail", Industry: "telecom",
		Customer: &event.Customer{ID: fmt.Sprintf("c-%d", n), Age: &age, Jurisdiction: where}, Bot: &event.Bot{ID: "b", Version: "2.1"}, Entrance: &event.Entrance{}}}
	for _, t := range talks[random.IntN(len(talks))] {
		at += 1000 * (t.gap + random.Int64N(3))
		out = append(out, &event.Event{Kind: event.Message, At: at, Actor: event.Actor{Role: t.role}, Text: t.text, TextBytes: len(t.text)})
	}
	out[0].At = out[1].At - 900
	closed := true
	out = append(out, &event.Event{Kind: event.SessionClosed, At: at + 5000, Close: &event.Close{By: "customer", Reason: "ended", Resolved: &closed}})
	for k, e := range out {
		e.ID, e.SessionID = fmt.Sprintf("%s-%d", id, k), id
	}
	return out
}

// seal takes a batch.
func (r *Record) seal(ctx context.Context, i *inspect.Inspector, p *partition, turns []turn, random *rand.Rand, change func(*seal.Finding) bool) error {
	if len(turns) == 0 {
		return nil
	}
	s := &Sealed{Rows: map[string][]Row{}, Findings: map[string][][]byte{}}
	at := turns[len(turns)-1].arrives + 1500
	h := &s.Header
	*h = seal.Header{At: at, First: p.next, Generation: 1, Partition: p.n, Previous: p.previous, Revision: r.Bundle.Revision, Topic: Topic}
	var rows []seal.Row
	var rejects []seal.Placed
	var gaps seal.Gaps
	var found []seal.Found
	wrote := func(tenant, id string, changes []inspect.Change) {
		for _, c := range changes {
			f := seal.Finding{At: c.Finding.At, Facts: string(c.Finding.Facts), ID: inspect.FindingID(tenant, id, c.Rule), Revision: r.Bundle.Revision, Rule: c.Rule, SessionID: id,
				Severity: string(c.Finding.Severity), Standing: c.Standing, Status: string(c.Finding.Status), Subject: c.Finding.Subject, Tenant: tenant, Version: int64(c.Version)}
			if change != nil && !change(&f) {
				continue
			}
			line := f.Canonical()
			s.Findings[tenant] = append(s.Findings[tenant], line)
			found = append(found, seal.Found{Tenant: tenant, Leaf: seal.Leaf(line)})
		}
	}
	for _, t := range turns {
		if random.IntN(40) == 0 { // something that belongs to nobody
			switch random.IntN(3) {
			case 0:
				e := seal.Entry{Disposition: seal.Rejected, Topic: Topic, Partition: p.n, Offset: p.next, Reason: "json", Size: 3, SHA256: hex.EncodeToString(make([]byte, 32))}
				rejects = append(rejects, seal.Placed{Offset: p.next, Leaf: seal.RejectLeaf(&e, seal.Hash{1})})
				h.Rejected++
			case 1:
				gaps.Repeats = append(gaps.Repeats, [2]int64{p.next, h.First})
				h.Repeats++
			case 2:
				gaps.Control = append(gaps.Control, [2]int64{p.next, p.next})
				h.Control++
			}
			p.next++
		}
		offset := p.next
		p.next++
		if i == nil {
			if t.Kind == event.SessionClosed {
				wrote(t.tenant, t.SessionID, []inspect.Change{{Rule: "cn-human-slow", Version: 1, Standing: true, Finding: policies.Finding{
					Severity: "high", Status: "statute", Subject: t.ID, At: t.At, Facts: []byte(`{"seconds":93,"limit":30,"waits":1,"jurisdiction":"CN"}`)}}})
			}
			s.take(h, t, offset, random, &rows)
			continue
		}
		state := p.open[t.SessionID]
		if state == nil {
			state = i.Open(t.Event)
			p.open[t.SessionID] = state
		}
		out, err := i.Next(ctx, state, t.Event, event.Position{Topic: Topic, Partition: p.n, Offset: offset}, func(context.Context) ([]inspect.Placed, error) {
			return p.stored[t.SessionID], nil
		})
		if err != nil {
			return err
		}
		p.stored[t.SessionID] = append(p.stored[t.SessionID], inspect.Placed{Event: t.Event, Offset: offset})
		wrote(t.tenant, t.SessionID, out.Changes)
		s.take(h, t, offset, random, &rows)
	}
	for _, id := range slices.Sorted(maps.Keys(p.open)) {
		state := p.open[id]
		for state.Due != 0 && state.Due <= at {
			out, err := i.Deadline(ctx, state)
			if err != nil {
				return err
			}
			wrote(state.Tenant, id, out.Changes)
		}
		if state.Facts.Closed != 0 && state.Due == 0 {
			delete(p.open, id)
			delete(p.stored, id)
		}
	}
	h.Last = p.next - 1
	s.Groups = seal.Groups(rows, rejects, gaps, found, Topic, p.n)
	s.List = h.Commit(s.Groups, Key)
	s.ID = h.ID()
	p.previous = s.ID
	s.Index = r.state("seal", "seal:"+s.ID, map[string]any{"header": jsontext.Value(h.Canonical()), "id": s.ID})
	r.Seals = append(r.Seals, s)
	return nil
}

// take stores a row.
func (s *Sealed) take(h *seal.Header, t turn, offset int64, random *rand.Rand, rows *[]seal.Row) {
	row := Row{Session: t.SessionID, Offset: offset, At: t.At}
	e := seal.Entry{Disposition: seal.Stored, Topic: Topic, Partition: h.Partition, Offset: offset, At: t.At, SessionID: t.SessionID, EventID: t.ID, Text: t.Text, TextBytes: t.TextBytes, Body: event.Body(t.Event)}
	row.Entry = e.Canonical()
	binary.BigEndian.PutUint64(row.Salt[:], random.Uint64())
	binary.BigEndian.PutUint64(row.Salt[8:], random.Uint64())
	if random.IntN(3) > 0 {
		row.Commitment = seal.Commitment(fmt.Sprint("sealed original ", random.Uint64()))
	}
	row.Leaf = seal.MomentLeaf(row.At, seal.RowDigest(row.Salt[:], row.Entry, row.Commitment))
	s.Rows[t.tenant] = append(s.Rows[t.tenant], row)
	*rows = append(*rows, seal.Row{Offset: offset, At: t.At, Tenant: t.tenant, Leaf: row.Leaf})
	h.Stored++
}

// state appends an entry to the log.
func (r *Record) state(kind, key string, body any) uint64 {
	text, err := json.Marshal(map[string]any{"at": "2026-10-12T10:00:00.000Z", "body": body, "key": key, "type": kind})
	if err != nil {
		panic(err)
	}
	v := jsontext.Value(text)
	if err := v.Canonicalize(); err != nil {
		panic(err)
	}
	r.Log.AppendData(v)
	r.Entries = append(r.Entries, string(v))
	return uint64(len(r.Entries) - 1)
}

// Supersede states a seal in the log in whose place the n-th one stands, which was made so many milliseconds
// after it.
func (r *Record) Supersede(n int, later int64) {
	by := r.Seals[n]
	s := &Sealed{Header: by.Header, List: by.List}
	s.Header.At -= later
	s.ID = s.Header.ID()
	s.Index = r.state("seal", "seal:"+s.ID, map[string]any{"header": jsontext.Value(s.Header.Canonical()), "id": s.ID})
	r.Deposed = append(r.Deposed, s)
}

// Erase states an erasure of a tenant's sessions in the log, and of some rows that are in no package.
func (r *Record) Erase(id, tenant string, sessions ...string) {
	r.EraseFor(tenant, id, tenant, sessions...)
}

// EraseFor states the same as an erasure for another tenant than the one that the rows are sealed as.
func (r *Record) EraseFor(other, id, tenant string, sessions ...string) {
	e := &Erasure{}
	for _, s := range r.Seals {
		for _, row := range s.Rows[tenant] {
			if slices.Contains(sessions, row.Session) {
				e.Leaves = append(e.Leaves, ErasedLeaf{s.Header.Partition, row.Offset, row.Leaf})
			}
		}
	}
	slices.SortFunc(e.Leaves, func(a, b ErasedLeaf) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	leaves := make([]seal.Hash, len(e.Leaves))
	for i := range leaves {
		leaves[i] = e.Leaves[i].Leaf
	}
	e.Index = r.state("person.erased", "erasure:"+id, map[string]any{
		"erasure": id, "tenant": other, "rows": len(leaves), "leaves_root": seal.Root(leaves).String(), "keys": 1, "subject": "person:x", "at": "2026-10-12T10:00:00Z",
	})
	for _, s := range sessions {
		r.Erased[s] = id
	}
	r.Erasures[id] = e
}

// Erasure is one with the leaves of all its rows, in the order of its root.
type Erasure struct {
	Index  uint64
	Leaves []ErasedLeaf
}

// ErasedLeaf is a row that was erased.
type ErasedLeaf struct {
	Partition int
	Offset    int64
	Leaf      seal.Hash
}

// Checkpoint signs the log as it is.
func (r *Record) Checkpoint() []byte {
	signer, err := note.NewSigner(r.Private)
	if err != nil {
		panic(err)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", r.origin, r.Log.Size(), base64Of(r.Log.Hash()))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		panic(err)
	}
	return signed
}

// Sample states a day's key, draws a lot of a tenant's sessions, and publishes the key.
func (r *Record) Sample(tenant string, sessions []string, draw func(key, checkpoint []byte, ids []string, n int) []string) {
	key := sha256.Sum256([]byte("key of the day"))
	digest := sha256.Sum256(key[:])
	r.state("sampling.key.committed", "sampling-key/Asia/Shanghai/2026-10-03/committed", map[string]any{"zone": "Asia/Shanghai", "day": "2026-10-03", "digest": hex.EncodeToString(digest[:]), "late": false})
	l := &Lot{Tenant: tenant, Checkpoint: r.Checkpoint(), Size: r.Log.Size(), Members: sessions}
	var leaves []seal.Hash
	for _, id := range sessions {
		leaves = append(leaves, seal.Leaf(fmt.Appendf(nil, `{"id":%q,"closed":%d}`, id, Begin)))
	}
	n := min(5, len(sessions))
	body, _, _ := cutNote(l.Checkpoint)
	l.Drawn = draw(key[:], body, sessions, n)
	l.Index = r.state("sampling.lot.closed", "sampling-lot/lot-1/closed", map[string]any{
		"lot_id": "lot-1", "tenant": tenant, "zone": "Asia/Shanghai", "day": "2026-10-03", "sessions": len(sessions), "size": len(sessions),
		"plan": map[string]any{"letter": "C", "n": n, "ac": 0, "re": 1}, "root": seal.Root(leaves).String(), "log_size": l.Size,
	})
	r.state("sampling.key.published", "sampling-key/Asia/Shanghai/2026-10-03/published", map[string]any{"zone": "Asia/Shanghai", "day": "2026-10-03", "key": hex.EncodeToString(key[:])})
	r.Lot = l
}
