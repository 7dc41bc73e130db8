package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

// MaxWords is how many characters a remark or reason may have: a page of text.
const MaxWords = 2000

// misjudgementKinds are what a claim can be about (claim.kind of the event model, version 1).
var misjudgementKinds = []string{"price", "quality", "rights", "refund", "continuity", "billing", "personal_information", "service", "other"}

// Rating is one criterion's.
type Rating struct {
	Criterion string `json:"criterion" minLength:"1" maxLength:"64"`
	Rating    string `json:"rating" minLength:"1" maxLength:"8" doc:"pass, fail or na; on a scale 0 to its end or na"`
	Remark    string `json:"remark,omitempty" maxLength:"2000"`
}

// The two ways to decide a finding.
const (
	Upheld    = "upheld"    // the rule was right
	Overruled = "overruled" // the rule erred
)

// FindingDecision is what an inspector says of one finding.
type FindingDecision struct {
	FindingID string `json:"finding_id" minLength:"1" maxLength:"128"`
	Version   int64  `json:"version" doc:"The version that was looked at"`
	Decision  string `json:"decision" enum:"upheld,overruled"`
	Why       string `json:"why" maxLength:"2000"`
	Rule      string `json:"rule,omitempty" maxLength:"128" doc:"Filled in by the service"`
	Severity  string `json:"severity,omitempty" maxLength:"16" doc:"Filled in by the service"`
}

// Misjudgement is what the AI got wrong and what it cost the customer.
type Misjudgement struct {
	Kind        string `json:"kind" enum:"price,quality,rights,refund,continuity,billing,personal_information,service,other"`
	AmountMinor int64  `json:"amount_minor" minimum:"0" doc:"The harm in minor units of the currency; 0 where it was none in money"`
	Currency    string `json:"currency,omitempty" maxLength:"3" doc:"ISO 4217; needed with an amount"`
	Words       string `json:"words" minLength:"1" maxLength:"2000"`
}

// Missed is a defect that the human found and no upheld finding of a rule covers.
type Missed struct {
	Criterion string `json:"criterion" minLength:"1" maxLength:"64"`
	Rule      string `json:"rule,omitempty" maxLength:"128" doc:"The rule that should have found it, where one of the criterion's should"`
	Words     string `json:"words,omitempty" maxLength:"2000"`
}

// Answer is what an inspector sends.
type Answer struct {
	Card           CardRef           `json:"card"`
	PolicyRevision string            `json:"policy_revision" maxLength:"128" doc:"The session's, as it was looked at"`
	Criteria       []Rating          `json:"criteria" maxItems:"100"`
	Findings       []FindingDecision `json:"findings" maxItems:"200" doc:"Every standing finding of the session"`
	Misjudged      bool              `json:"misjudged" doc:"The AI judged or answered wrongly, to the customer's disadvantage"`
	Misjudgement   *Misjudgement     `json:"misjudgement,omitempty" doc:"Needed when misjudged"`
	Missed         []Missed          `json:"missed,omitempty" maxItems:"100" doc:"Of failed criteria that no finding covers: which rule should have found it. Others are filled in"`
	Remarks        string            `json:"remarks,omitempty" maxLength:"2000"`
}

// Verdict is an answer that was taken, with what follows from it.
type Verdict struct {
	Answer
	Inspector string    `json:"inspector"`
	At        time.Time `json:"at"`
	Score     *float64  `json:"score,omitempty" doc:"0 to 100; absent where every criterion was not applicable"`
	Fatal     []string  `json:"fatal,omitempty" doc:"Fatal criteria that failed; they make the score 0"`
	// Defective says whether the session is a nonconforming item of its lot: a criterion that counts
	// as a defect failed, a finding was upheld, or the AI misjudged.
	Defective bool `json:"defective"`
}

// digest identifies an answer, so that the same one sent twice is known.
func (a Answer) digest() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprintf("review: an answer cannot be written as JSON: %v", err)) // plain data: cannot happen
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// judge checks an answer against the task's card and the session as it stands, and works out what
// follows. What is wrong is Faults, all at once; what has changed since it was read is a *Conflict.
func (r *Reviews) judge(t Task, conv warehouse.Conversation, a Answer) (*Verdict, error) {
	card := r.cards.Find(t.Card)
	if card == nil {
		return nil, fmt.Errorf("review %s: its card %s version %d is gone", t.ID, t.Card.ID, t.Card.Version)
	}
	if a.Card != t.Card {
		return nil, fault("card", "this review is judged by version %d of card %s", t.Card.Version, t.Card.ID)
	}
	v := &Verdict{Answer: a}
	v.Criteria, v.Findings = slices.Clone(a.Criteria), slices.Clone(a.Findings)
	var faults Faults
	words := func(field, text string, needed bool) {
		n := utf8.RuneCountInString(strings.TrimSpace(text))
		if n > MaxWords || needed && n == 0 {
			faults.add(field, "say it in 1 to %d characters (this has %d)", MaxWords, n)
		}
	}
	failed := checkRatings(card, a, &faults, words)
	upheld, err := checkFindings(conv, v, &faults, words)
	checkMisjudgement(a, &faults, words)
	checkMissed(card, conv, a, failed, &faults, words)
	words("remarks", a.Remarks, false)
	if len(faults) > 0 {
		return nil, faults
	}
	if err != nil {
		return nil, err
	}
	if a.PolicyRevision != conv.Session.Revision {
		return nil, conflictf("the session was checked again by revision %s of the rules; read it again before you submit", conv.Session.Revision)
	}
	v.Missed = missed(card, a, failed, upheld)
	v.Score, v.Fatal = card.Score(a.Criteria)
	v.Defective = a.Misjudged || len(upheld) > 0 || slices.ContainsFunc(failed, func(k Criterion) bool { return k.Defect })
	return v, nil
}

// checkRatings wants every criterion rated once, and returns those that failed.
func checkRatings(card *Card, a Answer, faults *Faults, words func(string, string, bool)) (failed []Criterion) {
	rated := map[string]bool{}
	for i, c := range a.Criteria {
		field := fmt.Sprintf("criteria[%d]", i)
		k, ok := card.criterion(c.Criterion)
		if !ok {
			faults.add(field+".criterion", "card %s version %d has no criterion %s", card.ID, card.Version, c.Criterion)
			continue
		}
		if rated[k.ID] {
			faults.add(field+".criterion", "%s is rated twice", k.ID)
		}
		rated[k.ID] = true
		if _, _, ok := k.share(c.Rating); !ok {
			faults.add(field+".rating", "%s takes %s", k.ID, k.ratings())
		} else if k.fails(c.Rating) {
			failed = append(failed, k)
		}
		words(field+".remark", c.Remark, false)
	}
	for _, k := range card.Criteria {
		if !rated[k.ID] {
			faults.add("criteria", "%s is not rated", k.ID)
		}
	}
	return failed
}

// checkFindings wants every standing finding decided, fills in what the service knows of them, and
// returns the rules that were upheld. The error is a *Conflict for a finding that has changed.
func checkFindings(conv warehouse.Conversation, v *Verdict, faults *Faults, words func(string, string, bool)) (upheld []string, err error) {
	decided := map[string]bool{}
	for i := range v.Findings {
		d := &v.Findings[i]
		field := fmt.Sprintf("findings[%d]", i)
		at := slices.IndexFunc(conv.Findings, func(f warehouse.FindingItem) bool { return f.FindingID == d.FindingID })
		if at < 0 {
			faults.add(field+".finding_id", "this session has no finding %s", d.FindingID)
			continue
		}
		f := conv.Findings[at]
		if decided[f.FindingID] {
			faults.add(field+".finding_id", "%s is decided twice", d.FindingID)
		}
		decided[f.FindingID] = true
		if d.Decision != Upheld && d.Decision != Overruled {
			faults.add(field+".decision", "choose upheld or overruled")
		}
		words(field+".why", d.Why, true)
		if f.Version != d.Version || f.State != standing {
			err = conflictf("the finding of %s changed since you read it; read the session again before you submit", f.Rule)
		}
		d.Rule, d.Severity = f.Rule, f.Severity
		if d.Decision == Upheld {
			upheld = append(upheld, f.Rule)
		}
	}
	for _, f := range conv.Findings {
		if f.State == standing && !decided[f.FindingID] {
			faults.add("findings", "the finding of %s (%s) is not decided; uphold or overrule it and say why", f.Rule, f.FindingID)
		}
	}
	return upheld, err
}

// standing is the state of a finding that was not withdrawn.
const standing = "standing"

func checkMisjudgement(a Answer, faults *Faults, words func(string, string, bool)) {
	m := a.Misjudgement
	if a.Misjudged != (m != nil) {
		faults.add("misjudgement", "is given when the AI misjudged, and only then")
		return
	}
	if m == nil {
		return
	}
	if !slices.Contains(misjudgementKinds, m.Kind) {
		faults.add("misjudgement.kind", "choose one of: %s", strings.Join(misjudgementKinds, ", "))
	}
	if m.AmountMinor < 0 {
		faults.add("misjudgement.amount_minor", "the harm is 0 or more, in minor units")
	}
	capitals := len(m.Currency) == 3 && strings.Trim(m.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	if m.Currency != "" && !capitals || m.AmountMinor > 0 && m.Currency == "" {
		faults.add("misjudgement.currency", "an amount needs its currency, three capital letters of ISO 4217: CNY")
	}
	words("misjudgement.words", m.Words, true)
}

func checkMissed(card *Card, conv warehouse.Conversation, a Answer, failed []Criterion, faults *Faults, words func(string, string, bool)) {
	for i, m := range a.Missed {
		field := fmt.Sprintf("missed[%d]", i)
		k, ok := card.criterion(m.Criterion)
		switch {
		case !ok:
			faults.add(field+".criterion", "card %s version %d has no criterion %s", card.ID, card.Version, m.Criterion)
		case !slices.ContainsFunc(failed, func(f Criterion) bool { return f.ID == k.ID }):
			faults.add(field+".criterion", "%s did not fail, so nothing was missed there", k.ID)
		case m.Rule == "":
		case !slices.Contains(k.Rules, m.Rule):
			faults.add(field+".rule", "%s is not among the rules of %s", m.Rule, k.ID)
		case slices.ContainsFunc(conv.Findings, func(f warehouse.FindingItem) bool { return f.State == standing && f.Rule == m.Rule }):
			faults.add(field+".rule", "%s was found; uphold or overrule its finding", m.Rule)
		}
		words(field+".words", m.Words, false)
	}
}

// missed are the failed criteria that no upheld finding covers, with what the inspector says of
// them, and what else the inspector says was missed.
func missed(card *Card, a Answer, failed []Criterion, upheld []string) []Missed {
	out := slices.Clone(a.Missed)
	for _, k := range failed {
		covered := slices.ContainsFunc(k.Rules, func(rule string) bool { return slices.Contains(upheld, rule) })
		told := slices.ContainsFunc(out, func(m Missed) bool { return m.Criterion == k.ID })
		if !covered && !told {
			out = append(out, Missed{Criterion: k.ID})
		}
	}
	return out
}

// Submit takes the verdict of whoever holds the task. The same answer sent again is the same verdict,
// and changes nothing.
func (r *Reviews) Submit(ctx context.Context, id string, version int64, a Answer) (Task, error) {
	who, err := r.person(ctx)
	if err != nil {
		return Task{}, err
	}
	before, err := r.Get(ctx, id)
	if err != nil {
		return Task{}, err
	}
	again := func(t Task) bool { return t.Inspector == who.ID && t.Verdict != nil && t.digest == a.digest() }
	if again(before) {
		return before, nil
	}
	if err := r.holds(before, who, version); err != nil {
		return Task{}, err
	}
	conv, ok, err := r.sessions.SessionOf(ctx, before.Tenant, before.SessionID)
	if err != nil {
		return Task{}, fmt.Errorf("submit a verdict: %w", err)
	}
	if !ok {
		return Task{}, conflictf("the session is not in the record now; save a draft and submit when it is")
	}
	v, err := r.judge(before, conv, a)
	if err != nil {
		return Task{}, err
	}
	return r.change(ctx, id, func(ctx context.Context, tx *store.Tx, t *Task) error {
		if again(*t) {
			return errUnchanged
		}
		if err := r.holds(*t, who, version); err != nil {
			return err
		}
		now := r.db.Now()
		v.Inspector, v.At = who.ID, now
		t.State, t.Verdict, t.digest, t.defective = Submitted, v, a.digest(), v.Defective
		t.SubmittedAt, t.ClaimUntil = now, time.Time{}
		if _, err := tx.ExecContext(ctx, `DELETE FROM review_drafts WHERE task_id = $1 AND inspector = $2`, t.ID, who.ID); err != nil {
			return err
		}
		return r.submitted(ctx, tx, t)
	})
}

// submitted does what follows from a verdict by the task's kind, and writes the task.
func (r *Reviews) submitted(ctx context.Context, tx *store.Tx, t *Task) error {
	alone := t.PairID == ""
	switch {
	case t.Kind.primary() && alone:
		t.settled = t.SubmittedAt
	case t.Kind == Calibration:
		t.State, t.settled, t.FinalAt = Final, t.SubmittedAt, t.SubmittedAt
	case t.Kind == Adjudication:
		t.State, t.settled, t.FinalAt = Final, t.SubmittedAt, t.SubmittedAt
	}
	if err := save(ctx, tx, t); err != nil {
		return err
	}
	detail := map[string]any{"verdict_sha256": t.digest, "card": t.Card, "policy_revision": t.Verdict.PolicyRevision}
	if err := r.announce(ctx, tx, *t, "review.submitted", "", detail); err != nil {
		return err
	}
	switch {
	case alone:
		return nil
	case t.Kind == Adjudication:
		return r.adjudicated(ctx, tx, *t)
	}
	return r.compare(ctx, tx, t)
}
