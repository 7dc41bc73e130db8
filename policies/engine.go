package policies

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Engine answers Inputs for one bundle; safe for many goroutines.
//
// It asks as little as it can. A topic is asked only where its pack applies, where a fact that it
// reads has changed or a moment that it named has come, and where its guard does not already show that it
// has nothing to say; input then holds only what those topics read.
// The parameters are folded into the rules as constants. For each set of topics that is asked for
// together one query is prepared, when it is first wanted.
type Engine struct {
	bundle  *Bundle
	topicOf map[string]int    // rule id → index in bundle.topics
	pack    map[string]string // rule id → pack
	packs   map[string]topics // by pack: its topics
	// variants hold the rules with the parameters of one choice of overrides folded in.
	variants sync.Map // choice → *variant
	// never is the cancel that nobody pulls. Without one OPA starts a goroutine for each
	// evaluation to watch the context, at a cost that shows; rules neither loop nor wait.
	never topdown.Cancel
	// judges is which of the bundle's indicator topics judges an indicator, by its name.
	judges map[string]int
}

// topics is a set of topics of a bundle, by index.
type topics uint64

// sets are sets of topics, in the order of resultSets.
type sets [3]topics

// maxQueries bounds the queries that a variant keeps prepared. In practice a few hundred sets of
// topics come up; beyond the bound all topics of the packs are asked, which is slower and as right.
const maxQueries = 1024

// variant is the bundle's rules with one choice of parameters.
type variant struct {
	once     sync.Once
	compiler *ast.Compiler
	guards   []guards // by topic
	present  presence // of the fields that the guards need
	err      error
	queries  sync.Map // sets → *query
	judging  sync.Map // index of a topic of indicators → *query
	count    atomic.Int64
}

// query asks a set of topics in one evaluation.
type query struct {
	once     sync.Once
	prepared rego.PreparedEvalQuery
	sets     []resultSet // what each element of the answer is
	fields   Fields      // what those topics read
	err      error
}

// resultSet is one of the three sets of one topic.
type resultSet struct {
	topic string // pack/name
	name  string // finding, not_assessable, due
}

// NewEngine compiles every topic with the default parameters folded in.
func NewEngine(ctx context.Context, b *Bundle) (*Engine, error) {
	e := &Engine{
		bundle: b, topicOf: map[string]int{}, pack: map[string]string{}, packs: map[string]topics{},
		never: topdown.NewCancel(), judges: map[string]int{},
	}
	if len(b.topics) > 64 {
		return nil, fmt.Errorf("prepare rules: %d topics, and at most 64 can be told apart", len(b.topics))
	}
	for i, t := range b.topics {
		e.packs[t.pack] |= 1 << i
		for _, id := range t.rules {
			e.topicOf[id], e.pack[id] = i, t.pack
		}
	}
	for i, t := range b.indicators {
		for _, id := range t.rules {
			e.judges[id], e.pack[id] = i, t.pack
		}
	}
	if _, err := e.variant(noOverrides); err != nil {
		return nil, err
	}
	return e, nil
}

// Check asks every rule that applies to the session and whose answer can have changed. The verdict
// depends on the bundle and the input alone, and asking more than has changed gives the same. An
// error means a defect in a pack, never bad facts.
func (e *Engine) Check(ctx context.Context, in *Input) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	applies := e.applies(in.Session.Jurisdiction)
	asked := applies & e.touched(in)
	v := Verdict{answers: answers{engine: e, applies: applies, asked: asked}}
	if asked == 0 {
		return v, nil
	}
	rules, err := e.variant(e.bundle.overrides.choose(in))
	if err != nil {
		return Verdict{}, err
	}
	facts := e.bundle.completed(in)
	var open sets
	open, v.NotAssessable, v.Due = e.open(rules, asked, facts, e.bundle.tenants.of(in.Tenant), in.Now)
	if open == (sets{}) {
		v.sort()
		return v, nil
	}
	q, wider, err := rules.query(ctx, e, open, applies)
	if err != nil {
		return Verdict{}, err
	}
	v.answers.asked, v.answers.reached = asked|wider, true
	if wider != 0 {
		v.NotAssessable, v.Due = nil, nil // all is asked, so that OPA says it again
	}
	answer, err := q.prepared.Eval(ctx, rego.EvalParsedInput(e.input(in, facts, q.fields)), rego.EvalExternalCancel(e.never))
	if err != nil {
		return Verdict{}, fmt.Errorf("check session: %w", err)
	}
	if len(answer) != 1 || len(answer[0].Expressions) != 1 {
		return Verdict{}, fmt.Errorf("check session: packs gave %d answers, not one", len(answer))
	}
	sets, _ := answer[0].Expressions[0].Value.(*ast.Array)
	if err := e.read(&v, q.sets, sets); err != nil {
		return Verdict{}, fmt.Errorf("check session: %w", err)
	}
	return v, nil
}

// input is what the rules see. What no topic of the question reads is left out.
func (e *Engine) input(in *Input, facts *Facts, fields Fields) ast.Value {
	return ast.NewObject(
		ast.Item(keySession, ast.NewTerm(facts.value(fields))),
		ast.Item(keyTenant, e.bundle.tenants.term(in.Tenant, in.Session.Jurisdiction)),
		ast.Item(keyNow, whole(in.Now)),
	)
}

// completed are the facts of a question, completed by what the tenant's settings say of every session.
func (b *Bundle) completed(in *Input) *Facts {
	if in.Session.Industry == "" {
		if s := b.tenants.of(in.Tenant); s.Industry != "" {
			own := *in.Session
			own.Industry = s.Industry
			return &own
		}
	}
	return in.Session
}

// open are the sets of topics whose members only OPA can tell; said and due are what the guards tell of
// the others.
func (e *Engine) open(v *variant, asked topics, facts *Facts, tenant *Settings, now Millis) (open sets, said []NotAssessable, due []Due) {
	s := &scene{roots: rootsOf(facts, tenant), facts: facts, tenant: tenant, calendars: &e.bundle.tenants.calendars, now: now}
	s.present = v.present.of(s.roots[inFacts])
	for rest := uint64(asked); rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		for n, g := range v.guards[i] {
			var unsure bool
			s.noted = s.noted[:0]
			said, unsure = g.judge(s, said)
			switch {
			case unsure:
				open[n] |= 1 << i
			case len(s.noted) > 0:
				due = append(due, Due{Topic: e.bundle.topics[i].path, At: slices.Min(s.noted)})
			}
		}
	}
	return open, said, due
}

var (
	keySession = ast.StringTerm("session")
	keyTenant  = ast.StringTerm("tenant")
	keyNow     = ast.StringTerm("now")
)

// applies is the set of topics whose packs a jurisdiction asks for.
func (e *Engine) applies(jurisdiction string) (set topics) {
	for _, pack := range e.bundle.jurisdictions.of(jurisdiction) {
		set |= e.packs[pack]
	}
	return set
}

// touched is the set of topics whose answer can have changed.
func (e *Engine) touched(in *Input) (set topics) {
	if in.Changed&scopeFields != 0 {
		return ^topics(0)
	}
	for i := range e.bundle.topics {
		if e.bundle.topics[i].fields&in.Changed != 0 {
			set |= 1 << i
		}
	}
	for _, d := range in.Due {
		if d.At <= in.Now {
			set |= e.named(d.Topic)
		}
	}
	return set
}

// named is the topic of a name; a name that is gone means another revision, and asks everything.
func (e *Engine) named(name string) topics {
	for i := range e.bundle.topics {
		if e.bundle.topics[i].path == name {
			return 1 << i
		}
	}
	return ^topics(0)
}

// variant compiles the rules with a choice of overrides, once.
func (e *Engine) variant(c choice) (*variant, error) {
	found, ok := e.variants.Load(c)
	if !ok {
		found, _ = e.variants.LoadOrStore(c, new(variant))
	}
	v := found.(*variant)
	v.once.Do(func() { v.err = v.make(e.bundle, c) })
	if v.err != nil {
		return nil, fmt.Errorf("compile rules: %w", v.err)
	}
	return v, nil
}

// make compiles the rules and reads their guards.
func (v *variant) make(b *Bundle, c choice) (err error) {
	params := b.parameters(c)
	if v.compiler, err = compile(slices.Concat(b.topics, b.indicators), params, b.functions); err != nil {
		return err
	}
	modules, err := folded(b.topics, params)
	if err != nil {
		return err
	}
	v.guards = guardsOf(b.topics, modules)
	v.present = presenceOf(needed(v.guards))
	return nil
}

// query prepares the question to sets of topics, once; wider are the topics that it asks beyond them,
// all that apply where too many questions have come up.
func (v *variant) query(ctx context.Context, e *Engine, asked sets, applies topics) (q *query, wider topics, err error) {
	found, ok := v.queries.Load(asked)
	if !ok {
		if every := (sets{applies, applies, applies}); v.count.Load() >= maxQueries && asked != every {
			q, _, err = v.query(ctx, e, every, applies)
			return q, applies, err
		}
		var there bool
		if found, there = v.queries.LoadOrStore(asked, new(query)); !there {
			v.count.Add(1)
		}
	}
	q = found.(*query)
	q.once.Do(func() {
		var of []topic
		for rest := uint64(asked[0] | asked[1] | asked[2]); rest != 0; rest &= rest - 1 {
			i := bits.TrailingZeros64(rest)
			t := e.bundle.topics[i]
			t.sets = slices.DeleteFunc(slices.Clone(t.sets), func(name string) bool {
				return asked[slices.Index(resultSets, name)]&(1<<i) == 0
			})
			of = append(of, t)
		}
		q.err = q.prepare(ctx, e.bundle, v.compiler, of)
	})
	if q.err != nil {
		return nil, 0, fmt.Errorf("prepare rules: %w", q.err)
	}
	return q, 0, nil
}

func (q *query) prepare(ctx context.Context, b *Bundle, compiler *ast.Compiler, asked []topic) error {
	var sets []string
	for _, t := range asked {
		q.fields |= t.fields
		for _, name := range t.sets {
			q.sets = append(q.sets, resultSet{t.path, name})
			sets = append(sets, "data.mingjian."+t.pack+"."+t.name+"."+name)
		}
	}
	options := []func(*rego.Rego){
		rego.Compiler(compiler),
		rego.Query("[" + strings.Join(sets, ", ") + "]"),
		rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }),
	}
	for _, f := range b.functions {
		options = append(options, f.option)
	}
	var err error
	// The query outlives the request that first wanted it.
	q.prepared, err = rego.New(options...).PrepareForEval(context.WithoutCancel(ctx))
	return err
}

// folded are the modules of topics with the parameters folded in, by file.
func folded(all []topic, params parameters) (map[string]*ast.Module, error) {
	modules := make(map[string]*ast.Module, len(all))
	for _, t := range all {
		m, err := params.fold(t.module)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.file, err)
		}
		modules[t.file] = m
	}
	return modules, nil
}

// compile checks topics strictly and makes them ready to run, parameters folded in.
func compile(all []topic, params parameters, functions []function) (*ast.Compiler, error) {
	modules, err := folded(all, params)
	if err != nil {
		return nil, err
	}
	c := ast.NewCompiler().WithStrict(true).SetErrorLimit(0).WithCapabilities(capabilities(functions))
	if c.Compile(modules); c.Failed() {
		return nil, regoFaults("packs", c.Errors)
	}
	return c, nil
}
