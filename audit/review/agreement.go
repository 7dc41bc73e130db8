package review

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mingjian/audit/store"
)

// Filter says which reviews estimates are made from; empty fields do not filter. Times are [From, To)
// of the submission.
type Filter struct {
	From, To     time.Time
	Tenant       string
	Tenants      []string // of these only; empty: all
	BusinessLine string
	Lines        []string // of these only; empty: all
	LotID        string
	Kinds        []Kind
	Inspector    string
}

func (f Filter) where() (w where) {
	w.equal("tenant", f.Tenant)
	w.in("tenant", f.Tenants)
	w.equal("business_line", f.BusinessLine)
	w.in("business_line", f.Lines)
	w.equal("lot_id", f.LotID)
	w.equal("inspector", f.Inspector)
	w.in("kind", texts(f.Kinds))
	if !f.From.IsZero() {
		w.add("submitted_ms >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		w.add("submitted_ms < ?", f.To.UnixMilli())
	}
	return w
}

// Comparison is what two ratings of a pair were given by.
type Comparison string

// The comparisons.
const (
	HumanHuman  Comparison = "human-human"  // two inspectors, blind
	HumanRule   Comparison = "human-rule"   // First is the machine, Second the human verdict that counts
	HumanExpert Comparison = "human-expert" // First is the expert of a calibration set, Second an inspector
)

// What the machine and a human say of a rule, in a Pair whose item is a finding.
const (
	Found = "found" // the rule found it; the human upheld it, or says that it was missed
	Clear = "clear" // the rule did not find it; the human overruled it
)

// Pair is two ratings of one thing, raw, for agreement statistics.
//
// Where Level is "criterion", Item is the criterion and the ratings are as on the card. In human-rule
// the machine's is "fail" where a standing finding of the criterion's rules was there and "pass"
// where not, and the human's is "pass", "fail" or "na". Where Level is "finding", Item is the rule:
// in human-human and human-expert the ratings are "upheld" and "overruled"; in human-rule "found" and
// "clear": found–found is a finding upheld, found–clear one overruled, clear–found one that the human
// says was missed.
type Pair struct {
	Comparison    Comparison `json:"comparison"`
	TaskID        string     `json:"task_id"`
	Tenant        string     `json:"tenant"`
	BusinessLine  string     `json:"business_line"`
	Channel       string     `json:"channel"`
	BotVersion    string     `json:"bot_version"`
	LotID         string     `json:"lot_id,omitempty"`
	Kind          Kind       `json:"kind"`
	SessionID     string     `json:"session_id"`
	Card          CardRef    `json:"card"`
	Level         string     `json:"level" enum:"criterion,finding"`
	Item          string     `json:"item"`
	First         string     `json:"first"`
	Second        string     `json:"second"`
	FirstRater    string     `json:"first_rater" doc:"An inspector's id; rule; or the expert's id"`
	SecondRater   string     `json:"second_rater"`
	At            time.Time  `json:"at" doc:"When the later of the two was given"`
	FirstSeverity string     `json:"severity,omitempty" doc:"Of the finding"`
}

// Outcome is one reviewed session with the verdict that counts, for estimates.
type Outcome struct {
	Task    Task    // with Verdict and Outcome as they are; not for showing to inspectors
	Verdict Verdict // the one that counts
	Final   bool
}

// Outcomes are the reviewed sessions of a filter, soonest submitted first: of the kinds that carry a
// session's outcome, and settled (of a blind pair both in and decided). It answers for estimates,
// whoever asks.
func (r *Reviews) Outcomes(ctx context.Context, f Filter) (out []Outcome, err error) {
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		w := f.where()
		w.add("settled_ms > 0")
		w.in("kind", texts(primary))
		tasks, err := selectTasks(ctx, tx, w, "submitted_ms, id", 0)
		for _, t := range tasks {
			out = append(out, Outcome{t, *t.Counts(), t.State == Final})
		}
		return err
	})
	return out, err
}

// Pairs are the ratings of a filter, raw: two blind reviews of a session, the verdict that counts
// beside what the rules found, and answers in calibrations beside the expert's. Whoever asks.
func (r *Reviews) Pairs(ctx context.Context, f Filter) ([]Pair, error) {
	outcomes, err := r.Outcomes(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []Pair
	for _, o := range outcomes {
		out = append(out, r.besideRules(o)...)
	}
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		w := f.where()
		w.add("kind = 'blind_second' AND settled_ms > 0")
		seconds, err := selectTasks(ctx, tx, w, "submitted_ms, id", 0)
		if err != nil {
			return err
		}
		for _, second := range seconds {
			first, err := read(ctx, tx, second.PairID)
			if err != nil {
				return err
			}
			out = append(out, r.beside(HumanHuman, second, first.Kind, *first.Verdict, *second.Verdict)...)
		}
		w = f.where()
		w.add("kind = 'calibration' AND state = 'final'")
		answers, err := selectTasks(ctx, tx, w, "submitted_ms, id", 0)
		if err != nil {
			return err
		}
		for _, t := range answers {
			expert, err := expertsAnswer(ctx, tx, t)
			if err != nil {
				return err
			}
			out = append(out, r.beside(HumanExpert, t, Calibration, *expert, *t.Verdict)...)
		}
		return nil
	})
	return out, err
}

func pairOf(t Task, c Comparison, kind Kind, first, second string, at time.Time) Pair {
	return Pair{
		Comparison: c, TaskID: t.ID, Tenant: t.Tenant, BusinessLine: t.BusinessLine, Channel: t.Channel, BotVersion: t.BotVersion,
		LotID: t.LotID, Kind: kind, SessionID: t.SessionID, Card: t.Card, FirstRater: first, SecondRater: second, At: at,
	}
}

// beside are two verdicts of one session, criterion by criterion and finding by finding.
func (r *Reviews) beside(c Comparison, t Task, kind Kind, a, b Verdict) (out []Pair) {
	at := a.At
	if b.At.After(at) {
		at = b.At
	}
	p := pairOf(t, c, kind, a.Inspector, b.Inspector, at)
	for _, x := range a.Criteria {
		if i := slices.IndexFunc(b.Criteria, func(y Rating) bool { return y.Criterion == x.Criterion }); i >= 0 {
			p.Level, p.Item, p.First, p.Second = "criterion", x.Criterion, x.Rating, b.Criteria[i].Rating
			out = append(out, p)
		}
	}
	for _, x := range a.Findings {
		if i := slices.IndexFunc(b.Findings, func(y FindingDecision) bool { return y.FindingID == x.FindingID }); i >= 0 {
			p.Level, p.Item, p.First, p.Second, p.FirstSeverity = "finding", x.Rule, x.Decision, b.Findings[i].Decision, x.Severity
			out = append(out, p)
		}
	}
	return out
}

// besideRules is the verdict that counts beside what the rules found.
func (r *Reviews) besideRules(o Outcome) (out []Pair) {
	v := o.Verdict
	p := pairOf(o.Task, HumanRule, o.Task.Kind, "rule", v.Inspector, v.At)
	if card := r.cards.Find(v.Card); card != nil {
		for _, x := range v.Criteria {
			k, ok := card.criterion(x.Criterion)
			if !ok || len(k.Rules) == 0 {
				continue
			}
			p.Level, p.Item, p.First, p.Second = "criterion", k.ID, Pass, Pass
			if slices.ContainsFunc(v.Findings, func(f FindingDecision) bool { return slices.Contains(k.Rules, f.Rule) }) {
				p.First = Fail
			}
			if x.Rating == NotApplicable {
				p.Second = NotApplicable
			} else if k.fails(x.Rating) {
				p.Second = Fail
			}
			out = append(out, p)
		}
	}
	p.Level = "finding"
	for _, f := range v.Findings {
		p.Item, p.First, p.Second, p.FirstSeverity = f.Rule, Found, Clear, f.Severity
		if f.Decision == Upheld {
			p.Second = Found
		}
		out = append(out, p)
	}
	for _, m := range v.Missed {
		if m.Rule != "" {
			p.Item, p.First, p.Second, p.FirstSeverity = m.Rule, Clear, Found, ""
			out = append(out, p)
		}
	}
	return out
}

// Lot is how the review of a lot's sample stands: how many of its drawn sessions have a settled
// verdict, how many of those are nonconforming, and whether all are final, so that nothing can change
// any more. Mandatory reviews of the lot's sessions are not part of its sample. Whoever asks.
func (r *Reviews) Lot(ctx context.Context, lotID string) (reviewed, defective int, complete bool, err error) {
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		var all, final int
		err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(CASE WHEN settled_ms > 0 THEN 1 ELSE 0 END), 0),
			coalesce(sum(CASE WHEN settled_ms > 0 THEN defective ELSE 0 END), 0), coalesce(sum(CASE WHEN state = 'final' THEN 1 ELSE 0 END), 0)
			FROM reviews WHERE lot_id = $1 AND kind = 'sample'`, lotID).Scan(&all, &reviewed, &defective, &final)
		if err != nil {
			return fmt.Errorf("read lot %s: %w", lotID, err)
		}
		complete = all > 0 && final == all
		return nil
	})
	return reviewed, defective, complete, err
}

// Agreement is one blind pair: who reviewed, what they saw differently, who decided.
type Agreement struct {
	PairID       string       `json:"pair_id"`
	SessionID    string       `json:"session_id"`
	Tenant       string       `json:"tenant"`
	State        string       `json:"state" enum:"waiting,agreed,disagreed,adjudicated"`
	First        string       `json:"first,omitempty" doc:"Inspector; shown once both are in and decided"`
	Second       string       `json:"second,omitempty"`
	Differs      []Difference `json:"differs,omitempty"`
	At           time.Time    `json:"at,omitzero" doc:"When both were in"`
	Adjudication string       `json:"adjudication_task_id,omitempty"`
}

// Agreements are the blind pairs that the principal in ctx may oversee, whose reviews were both in in
// [from, to); newest first, at most 500.
func (r *Reviews) Agreements(ctx context.Context, tenant string, from, to time.Time) (out []Agreement, err error) {
	who, err := r.person(ctx)
	if err != nil {
		return nil, err
	}
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		var w where
		w.in("f.tenant", who.Tenants)
		w.in("f.business_line", who.Lines)
		w.equal("f.tenant", tenant)
		w.add("p.at_ms >= ?", max(from.UnixMilli(), 1))
		w.add("p.at_ms < ?", to.UnixMilli())
		out, err = collect(ctx, tx, func(row interface{ Scan(...any) error }) (a Agreement, err error) {
			var at int64
			var differs string
			if err := row.Scan(&a.PairID, &a.SessionID, &a.Tenant, &a.State, &a.First, &a.Second, &differs, &at, &a.Adjudication); err != nil {
				return a, err
			}
			a.At = moment(at)
			d, err := parsed[[]Difference](differs)
			if d != nil {
				a.Differs = *d
			}
			if a.State == "disagreed" { // sealed from everybody but the adjudicator
				a.First, a.Second, a.Differs = "", "", nil
			}
			return a, err
		}, `SELECT p.id, f.session_id, f.tenant, p.state, f.inspector, s.inspector, p.differs, p.at_ms, p.adjudicate
			FROM review_pairs p JOIN reviews f ON f.id = p.id JOIN reviews s ON s.id = p.second_id`+w.clause()+` ORDER BY p.at_ms DESC, p.id LIMIT 500`, w.args...)
		return err
	})
	return out, err
}
