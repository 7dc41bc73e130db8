package review

import (
	"cmp"
	"context"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"mingjian/audit/review/estimate"
)

// Lots is what sampling knows of the lots that a report speaks of.
type Lots interface {
	// Drawn lists the lots that begin in [from, to); an empty tenant means all.
	Drawn(ctx context.Context, tenant string, from, to time.Time) ([]DrawnLot, error)
}

// DrawnLot is one closed lot: what there was, and what was to be reviewed of it.
type DrawnLot struct {
	ID           string    `json:"lot_id"`
	Tenant       string    `json:"tenant"`
	BusinessLine string    `json:"business_line"`
	Channel      string    `json:"channel"`
	BotVersion   string    `json:"bot_version"`
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
	Population   int       `json:"population" doc:"Sessions that the sample was drawn from"`
	Any          int       `json:"any" doc:"Sessions that are reviewed in any case, beside the population"`
	Sample       int       `json:"sample" doc:"Sessions drawn"`
	Ac           int       `json:"ac" doc:"Accepted with at most as many defective"`
	State        string    `json:"state" doc:"How strictly it is inspected: normal, tightened, reduced, stopped"`
	Outcome      string    `json:"outcome" doc:"open, accepted, rejected; none where nothing was drawn"`
	Reviewed     int       `json:"reviewed" doc:"Sessions of the sample with a settled verdict"`
	Defective    int       `json:"defective"`
}

// Report is what the reviews of a period say of all sessions of that period, and how far the
// reviewers and the rules can be relied on. Every number has its 95 % interval.
type Report struct {
	From       time.Time      `json:"from" doc:"Sessions of lots that begin in [from, to)"`
	To         time.Time      `json:"to"`
	Sessions   int            `json:"sessions" doc:"Sessions in these lots"`
	Reviewed   int            `json:"reviewed" doc:"Of those, with a settled verdict"`
	Outside    int            `json:"outside" doc:"Reviewed sessions of no lot of the period; no estimate speaks of them"`
	Defects    []Defect       `json:"defects" nullable:"false"`
	Rules      []RuleQuality  `json:"rules" nullable:"false" doc:"Rules that found something in a reviewed session, or that people say missed something"`
	Agreements []AgreementRow `json:"agreements" nullable:"false"`
	Lots       []DrawnLot     `json:"lots" nullable:"false"`
}

// The items of a Defect that are no criterion.
const (
	AnyDefect    = "any"       // the session is defective, whatever the reason
	Misjudgments = "misjudged" // the AI misjudged
)

// Defect is how often one thing goes wrong: in all sessions, and by stratum.
type Defect struct {
	Item    string            `json:"item" doc:"A criterion; any: the session is defective for whatever reason; misjudged"`
	Overall estimate.Estimate `json:"overall"`
	Strata  []StratumRate     `json:"strata" nullable:"false"`
	Bound   Bound             `json:"bound" doc:"Whether the error is bounded at 5 % of the value (Spain, Ley 10/2025, arts 21 and 22)"`
}

// StratumRate is a defect's rate in one stratum.
type StratumRate struct {
	Tenant       string            `json:"tenant"`
	BusinessLine string            `json:"business_line"`
	Channel      string            `json:"channel"`
	BotVersion   string            `json:"bot_version"`
	Rate         estimate.Estimate `json:"rate"`
}

// Bound answers whether an estimate's error, relative to its value, is within the limit.
type Bound struct {
	Limit    float64  `json:"limit"`
	Within   bool     `json:"within"`
	Relative *float64 `json:"relative,omitempty" doc:"The error; absent where the value is 0, of which no error can be told"`
	Needed   int      `json:"needed" doc:"Sessions that would have to be reviewed for the limit, if the rate is what it seems; all of them where the value is 0"`
}

// RuleQuality is how a rule does against people's verdicts.
type RuleQuality struct {
	Rule string `json:"rule"`
	estimate.Quality
}

// AgreementRow is how far raters agree on one criterion, or one inspector with the others.
type AgreementRow struct {
	Comparison Comparison `json:"comparison" enum:"human-human,human-rule,human-expert"`
	By         string     `json:"by" enum:"all,criterion,inspector"`
	Item       string     `json:"item" doc:"The criterion or inspector; empty for all"`
	estimate.Agreement
}

// Report joins reviews, lots and findings. The principal in ctx sees their own tenant; an empty tenant
// means all of theirs.
//
// Each lot is a stratum of the estimate, and the sessions of its strata that are reviewed in any case
// are one more. A session that became mandatory only after its lot was closed counts among these,
// though the lot's population has it too: there are few, and leaving them out would flatter.
func (r *Reviews) Report(ctx context.Context, tenant string, from, to time.Time) (Report, error) {
	who, err := r.person(ctx)
	if err != nil {
		return Report{}, err
	}
	out := Report{From: from, To: to, Defects: []Defect{}, Rules: []RuleQuality{}, Agreements: []AgreementRow{}, Lots: []DrawnLot{}}
	if tenant != "" && !who.Sees(tenant) {
		return out, nil
	}
	tenant = cmp.Or(tenant, who.OnlyTenant())
	var drawn []DrawnLot
	if r.o.Lots != nil {
		if drawn, err = r.o.Lots.Drawn(ctx, tenant, from, to); err != nil {
			return Report{}, err
		}
	}
	// A verdict comes after its session's lot has begun, and at any time from then on.
	outcomes, err := r.Outcomes(ctx, Filter{Tenant: tenant, Tenants: who.Tenants, Lines: who.Lines, From: from})
	if err != nil {
		return Report{}, err
	}
	pairs, err := r.Pairs(ctx, Filter{Tenant: tenant, Tenants: who.Tenants, Lines: who.Lines, From: from, To: to})
	if err != nil {
		return Report{}, err
	}
	s := newSurvey(drawn, outcomes, from, to)
	out.Sessions, out.Reviewed, out.Outside = s.sessions, s.reviewed, s.outside
	out.Lots = append(out.Lots, s.lots...)
	out.Rules = append(out.Rules, s.rules()...)
	for _, item := range r.defectItems(outcomes) {
		out.Defects = append(out.Defects, s.defect(item.name, item.has))
	}
	out.Agreements = append(out.Agreements, agreements(pairs, from)...)
	return out, nil
}

// defectItem is one thing that can go wrong in a session.
type defectItem struct {
	name string
	has  func(Verdict) bool
}

// defectItems are those of every card that a verdict answered, in the order of the cards.
func (r *Reviews) defectItems(outcomes []Outcome) []defectItem {
	items := []defectItem{
		{AnyDefect, func(v Verdict) bool { return v.Defective }},
		{Misjudgments, func(v Verdict) bool { return v.Misjudged }},
	}
	seen := map[string]bool{}
	for _, o := range outcomes {
		card := r.cards.Find(o.Verdict.Card)
		if card == nil {
			continue
		}
		for _, k := range card.Criteria {
			if !k.Defect || seen[k.ID] {
				continue
			}
			seen[k.ID] = true
			items = append(items, defectItem{k.ID, func(v Verdict) bool {
				own := r.cards.Find(v.Card)
				if own == nil {
					return false
				}
				c, ok := own.criterion(k.ID)
				i := slices.IndexFunc(v.Criteria, func(x Rating) bool { return x.Criterion == k.ID })
				return ok && i >= 0 && c.fails(v.Criteria[i].Rating)
			}})
		}
	}
	return items
}

// stratum is what lots have in common that an estimate is given for.
type stratum struct{ tenant, line, channel, version string }

// cell is one stratum of the estimator: a lot's sample, or the sessions of a stratum reviewed in any
// case.
type cell struct {
	stratum    stratum
	population int
	verdicts   []Verdict
}

// weight is how many sessions of the population each reviewed one stands for.
func (c *cell) weight() float64 { return float64(c.population) / float64(len(c.verdicts)) }

// survey is the reviewed sessions of a period in the cells they were drawn from.
type survey struct {
	lots                        []DrawnLot
	cells                       []*cell
	sessions, reviewed, outside int
}

func newSurvey(lots []DrawnLot, outcomes []Outcome, from, to time.Time) *survey {
	s := &survey{lots: slices.Clone(lots)}
	sampled, any := map[string]*cell{}, map[stratum]*cell{}
	for _, l := range lots {
		at := stratum{l.Tenant, l.BusinessLine, l.Channel, l.BotVersion}
		c := &cell{stratum: at, population: l.Population}
		sampled[l.ID] = c
		s.cells = append(s.cells, c)
		if any[at] == nil {
			any[at] = &cell{stratum: at}
			s.cells = append(s.cells, any[at])
		}
		any[at].population += l.Any
		s.sessions += l.Population + l.Any
	}
	for _, o := range outcomes {
		t := o.Task
		into := sampled[t.LotID]
		if t.Kind != Sample {
			into = nil
			if !t.ClosedAt.Before(from) && t.ClosedAt.Before(to) {
				into = any[stratum{t.Tenant, t.BusinessLine, t.Channel, t.BotVersion}]
			}
		}
		if into == nil {
			s.outside++
			continue
		}
		into.verdicts = append(into.verdicts, o.Verdict)
		s.reviewed++
	}
	for _, c := range s.cells {
		c.population = max(c.population, len(c.verdicts))
	}
	for i := range s.lots {
		c := sampled[s.lots[i].ID]
		s.lots[i].Reviewed, s.lots[i].Defective = len(c.verdicts), count(c.verdicts, func(v Verdict) bool { return v.Defective })
	}
	return s
}

func count(verdicts []Verdict, has func(Verdict) bool) (n int) {
	for _, v := range verdicts {
		if has(v) {
			n++
		}
	}
	return n
}

// defect estimates one defect, in all and by stratum.
func (s *survey) defect(name string, has func(Verdict) bool) Defect {
	d := Defect{Item: name, Strata: []StratumRate{}}
	var whole []estimate.Stratum
	parts := map[stratum][]estimate.Stratum{}
	for _, c := range s.cells {
		e := estimate.Stratum{Population: c.population, Reviewed: len(c.verdicts), Defective: count(c.verdicts, has)}
		whole = append(whole, e)
		parts[c.stratum] = append(parts[c.stratum], e)
	}
	d.Overall = estimate.Rate(whole)
	for at, cells := range parts {
		d.Strata = append(d.Strata, StratumRate{at.tenant, at.line, at.channel, at.version, estimate.Rate(cells)})
	}
	slices.SortFunc(d.Strata, func(a, b StratumRate) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.BusinessLine, b.BusinessLine), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.BotVersion, b.BotVersion))
	})
	d.Bound = Bound{Limit: estimate.ErrorLimit, Needed: estimate.SampleFor(d.Overall.Value, d.Overall.Population+d.Overall.Unseen, estimate.ErrorLimit)}
	within, relative := estimate.Bounds(d.Overall, estimate.ErrorLimit)
	// Of sessions that nobody looked at in any way nothing is bounded.
	d.Bound.Within = within && d.Overall.Unseen == 0
	if !math.IsInf(relative, 0) {
		d.Bound.Relative = &relative
	}
	return d
}

// rules judges every rule that said something, or should have, in a session that was reviewed.
func (s *survey) rules() (out []RuleQuality) {
	calls := map[string][]estimate.Call{}
	for _, c := range s.cells {
		if len(c.verdicts) == 0 {
			continue
		}
		for _, v := range c.verdicts {
			of := map[string]estimate.Call{}
			for _, f := range v.Findings {
				call := of[f.Rule]
				of[f.Rule] = estimate.Call{Found: true, Wrong: call.Wrong || f.Decision == Upheld, Weight: c.weight()}
			}
			for _, m := range v.Missed {
				if m.Rule != "" {
					of[m.Rule] = estimate.Call{Found: of[m.Rule].Found, Wrong: true, Weight: c.weight()}
				}
			}
			for rule, call := range of {
				calls[rule] = append(calls[rule], call)
			}
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(calls)) {
		out = append(out, RuleQuality{rule, estimate.Judge(calls[rule])})
	}
	return out
}

// agreements groups ratings of criteria: by criterion, by inspector, and together. Against a rule,
// what the inspector called not applicable is left out: the rule had nothing to say either.
func agreements(pairs []Pair, from time.Time) (out []AgreementRow) {
	type key struct {
		comparison Comparison
		by, item   string
	}
	groups := map[key][]estimate.Rating{}
	add := func(c Comparison, by, item, first, second string) {
		k := key{c, by, item}
		groups[k] = append(groups[k], estimate.Rating{First: first, Second: second})
	}
	for _, p := range pairs {
		if p.Level != "criterion" || p.Comparison == HumanRule && p.Second == NotApplicable {
			continue
		}
		add(p.Comparison, "all", "", p.First, p.Second)
		add(p.Comparison, "criterion", p.Item, p.First, p.Second)
		add(p.Comparison, "inspector", p.SecondRater, p.First, p.Second)
		if p.Comparison == HumanHuman {
			add(p.Comparison, "inspector", p.FirstRater, p.Second, p.First)
		}
	}
	for k, ratings := range groups {
		// Seeded by what is reported, so that the same report shows the same interval.
		h := fnv.New64a()
		h.Write([]byte(string(k.comparison) + "\x00" + k.by + "\x00" + k.item))
		random := rand.New(rand.NewPCG(h.Sum64(), uint64(from.UnixMilli())))
		out = append(out, AgreementRow{k.comparison, k.by, k.item, estimate.Agree(ratings, random)})
	}
	order := []string{"all", "criterion", "inspector"}
	slices.SortFunc(out, func(a, b AgreementRow) int {
		return cmp.Or(cmp.Compare(a.Comparison, b.Comparison), slices.Index(order, a.By)-slices.Index(order, b.By), cmp.Compare(a.Item, b.Item))
	})
	return out
}
