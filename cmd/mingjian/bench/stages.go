package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"syscall"
	"time"

	"mingjian/collector"
	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/session"
	"mingjian/collector/signal"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// sampleMost is over how many messages stages are measured at most, once the sessions are open.
const sampleMost = 20_000

// Stages are microseconds of one core for one interaction, garbage collection included: the packages
// that the collector works by, each alone, one after the other over the same messages. What else the
// collector does (reading Kafka, keys, hashes and seals, snapshots) is its CPU time less their sum.
type Stages struct {
	Decode float64 `json:"decode"`
	Redact float64 `json:"redact"`
	Detect float64 `json:"detect"`
	Fold   float64 `json:"fold"`
	Check  float64 `json:"check"`
	Write  float64 `json:"write"` // the client's part of inserting the rows of interactions
}

// message is one of the sample.
type message struct{ key, value []byte }

// messages renders messages of traffic.
func messages(s *traffic, n int) []message {
	out := make([]message, n)
	for i := range out {
		key, value := s.next()
		out[i] = message{slices.Clone(key), slices.Clone(value)}
	}
	return out
}

// question is what an interaction raises for the rules.
type question struct {
	in  policies.Input
	ask bool // something has changed, or a moment that rules named has come
}

// folding is the part of the collector that brings an event to the rules, without the rules.
type folding struct {
	detector *signal.Detector
	states   map[string]*session.State
	offset   int64
}

func newFolding(d *signal.Detector) *folding {
	return &folding{detector: d, states: map[string]*session.State{}}
}

// decode reads and masks a message as the collector does.
func decode(m message, now time.Time) (*event.Event, error) {
	e, reject := event.Decode(m.key, m.value, now)
	if reject != nil {
		return nil, fmt.Errorf("a message of the bench is refused: %w", reject)
	}
	return e, nil
}

// pseudonym stands in for identifiers at the price of the vault's: one hash.
func pseudonym(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8])
}

// state finds or opens an event's session.
func (f *folding) state(e *event.Event) *session.State {
	s := f.states[e.SessionID]
	if s == nil {
		s = session.New(e.SessionID, e.Tenant)
		f.states[e.SessionID] = s
	}
	return s
}

// fold takes an event in and gives what changed.
func (f *folding) fold(s *session.State, e *event.Event, found signal.Set) policies.Fields {
	first := s.Count() == 0
	changed := s.Fold(e, session.Order{At: e.At, Offset: f.offset}, found, f.detector)
	f.offset++
	if first {
		return policies.AllFields
	}
	return changed
}

// ask is the question that an event raises; the facts are the session's own, which goes on.
func (f *folding) ask(s *session.State, changed policies.Fields) question {
	return question{
		in:  policies.Input{Session: &s.Facts, Tenant: s.Tenant, Now: s.Now, Changed: changed, Due: s.Asked},
		ask: changed != 0 || slices.ContainsFunc(s.Asked, func(d policies.Due) bool { return d.At <= s.Now }),
	}
}

// note keeps when the rules want to be asked again.
func note(s *session.State, v policies.Verdict) {
	s.Asked = append(slices.DeleteFunc(s.Asked, func(d policies.Due) bool { return v.Asked(d.Topic) }), v.Due...)
}

// take folds a message in and gives the question that it raises.
func (f *folding) take(m message, now time.Time) (*session.State, question, error) {
	e, err := decode(m, now)
	if err != nil {
		return nil, question{}, err
	}
	redact.Event(e, pseudonym)
	s := f.state(e)
	return s, f.ask(s, f.fold(s, e, f.detector.Detect(e.Actor.Role, e.Text))), nil
}

// warm brings the sessions of messages to where they are, unmeasured.
func (f *folding) warm(ctx context.Context, rules *policies.Engine, all []message, now time.Time) error {
	for _, m := range all {
		s, q, err := f.take(m, now)
		if err != nil {
			return err
		}
		if !q.ask {
			continue
		}
		v, err := rules.Check(ctx, &q.in)
		if err != nil {
			return err
		}
		note(s, v)
	}
	return nil
}

// cpu is what this process has used, in microseconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it cannot fail for oneself (getrusage(2))
	}
	return float64(u.Utime.Sec+u.Stime.Sec)*1e6 + float64(u.Utime.Usec+u.Stime.Usec)
}

// warmUp is after how many messages as many sessions are open as shall be, and most of them not for the
// first time: some have six messages, and there is an end to it.
func (b *bench) warmUp() int { return min(6*b.Sessions, int(b.yardCount()/2)) }

// stages measures the stages and the check alone, as the engine does it and in the naive way.
func (b *bench) stages(ctx context.Context) error {
	if err := b.settle(ctx); err != nil {
		return err
	}
	b.say("measuring stages")
	warm, sample := b.warmUp(), int(min(b.yardCount(), sampleMost))
	s, err := b.traffic("stages", int64(warm+sample))
	if err != nil {
		return err
	}
	now := time.Now()
	detector, err := signal.New(b.bundle.Lexicons)
	if err != nil {
		return err
	}
	rules, err := policies.NewEngine(ctx, b.bundle)
	if err != nil {
		return err
	}
	// The second one is for the fold alone, as far as the first.
	f, alone := newFolding(detector), newFolding(detector)
	before := messages(s, warm)
	if err := f.warm(ctx, rules, before, now); err != nil {
		return err
	}
	for _, m := range before {
		if _, _, err := alone.take(m, now); err != nil {
			return err
		}
	}
	all := messages(s, sample)
	per := func(began float64, n int) float64 { return round((cpu()-began)/float64(n), 2) }
	var st Stages

	events := make([]*event.Event, len(all))
	began := cpu()
	for i, m := range all {
		if events[i], err = decode(m, now); err != nil {
			return err
		}
	}
	st.Decode = per(began, len(all))

	began = cpu()
	for _, e := range events {
		redact.Event(e, pseudonym)
	}
	st.Redact = per(began, len(all))

	found := make([]signal.Set, len(all))
	began = cpu()
	for i, e := range events {
		found[i] = f.detector.Detect(e.Actor.Role, e.Text)
	}
	st.Detect = per(began, len(all))

	began = cpu()
	for i, e := range events {
		alone.fold(alone.state(e), e, found[i])
	}
	st.Fold = per(began, len(all))

	// The check of an event comes between two folds of its session, so the questions are kept here and
	// asked once more below; the answers are needed for what is asked next.
	questions := make([]question, len(all))
	for i, e := range events {
		s := f.state(e)
		q := f.ask(s, f.fold(s, e, found[i]))
		if questions[i], err = kept(q); err != nil {
			return err
		}
		if !q.ask {
			continue
		}
		v, err := rules.Check(ctx, &q.in)
		if err != nil {
			return err
		}
		note(s, v)
	}
	began = cpu()
	for i := range questions {
		if q := &questions[i]; q.ask {
			if _, err := rules.Check(ctx, &q.in); err != nil {
				return err
			}
		}
	}
	st.Check = per(began, len(all))

	if st.Write, err = b.writing(ctx, events, found, f); err != nil {
		return err
	}
	b.result.Stages = st
	return b.naiveCheck(ctx, rules, questions)
}

// kept copies a question away from its session.
func kept(q question) (question, error) {
	text, err := json.Marshal(q.in.Session)
	if err != nil {
		return q, err
	}
	q.in.Session = new(policies.Facts)
	q.in.Due = slices.Clone(q.in.Due)
	return q, json.Unmarshal(text, q.in.Session)
}

// writing measures inserting the rows of the sample, as the collector's batches do.
func (b *bench) writing(ctx context.Context, events []*event.Event, found []signal.Set, f *folding) (float64, error) {
	where := b.system.store
	where.Database = yard + "_rows"
	store, err := warehouse.Connect(ctx, where)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	rows := make([]warehouse.Interaction, len(events))
	for i, e := range events {
		s := f.state(e)
		rows[i] = warehouse.Interaction{
			Tenant: s.Tenant, SessionID: s.ID, EventID: e.ID, Topic: collector.InteractionsTopic, Offset: int64(i), At: e.At,
			Kind: string(e.Kind), Role: string(e.Actor.Role), ActorID: e.Actor.ID, Channel: s.Facts.Channel, BusinessLine: s.Facts.BusinessLine,
			BotVersion: s.Bot.Version, Jurisdiction: s.Facts.Jurisdiction, Text: e.Text, TextBytes: e.TextBytes, Flags: e.Flags,
			Signals: found[i].Names(), Body: event.Body(e), Labels: string(e.Labels), Extra: string(e.Extra),
		}
	}
	var used float64
	for of := range slices.Chunk(rows, collector.DefaultBatchMessages) {
		began := cpu()
		if err := store.Write(ctx, &warehouse.Batch{Interactions: of}); err != nil {
			return 0, err
		}
		used += cpu() - began
	}
	return round(used/float64(len(rows)), 2), nil
}

// naiveCheck measures the naive check, of as many questions of the sample as there is time for.
func (b *bench) naiveCheck(ctx context.Context, rules *policies.Engine, questions []question) error {
	for _, way := range []struct {
		applicable bool
		into       *float64
	}{{false, &b.result.NaiveCheck}, {true, &b.result.NaiveCheckApplicable}} {
		plain, err := policies.NewPlain(ctx, b.bundle, way.applicable)
		if err != nil {
			return err
		}
		if err := agree(ctx, rules, plain, questions); err != nil {
			return err
		}
		// Far apart in the sample, so that the few there is time for are of all of it.
		until, n := time.Now().Add(b.Naive), 0
		began := cpu()
		for ; n < len(questions) && time.Now().Before(until); n++ {
			if _, err := plain.Check(ctx, &questions[n*7919%len(questions)].in); err != nil {
				return err
			}
		}
		*way.into = round((cpu()-began)/float64(n), 1)
	}
	return nil
}

// agreeEvery makes 200 questions of a whole sample: enough to have most rules among the findings.
const agreeEvery = 100

// agree makes sure that the naive way finds what the engine finds, and has it prepare its queries.
func agree(ctx context.Context, rules *policies.Engine, plain *policies.Plain, questions []question) error {
	for i := 0; i < len(questions); i += agreeEvery {
		in := questions[i].in
		in.Changed = policies.AllFields
		v, err := rules.Check(ctx, &in)
		if err != nil {
			return err
		}
		var want []string
		for _, x := range v.Findings {
			want = append(want, x.Rule)
		}
		got, err := plain.Check(ctx, &in)
		if err != nil {
			return err
		}
		if !slices.Equal(want, got) {
			return fmt.Errorf("the naive check finds %v where the engine finds %v: it is no yardstick", got, want)
		}
	}
	return nil
}
