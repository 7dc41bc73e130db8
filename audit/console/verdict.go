package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/currency"

	"mingjian/audit/cases"
	"mingjian/audit/review"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// typed is what somebody has entered into the form of a review, by the names of its fields. It is
// also what a draft keeps:
//
//	f.<finding> upheld, overruled   fv.<finding> version that was looked at   fw.<finding> why
//	c.<criterion> rating            cr.<criterion> remark                     cm.<criterion> rule that missed it
//	misjudged yes, no   kind, amount, currency, words of the misjudgement     remarks
type typed map[string]string

// control are fields that say what to do with the form and are no part of a draft.
var control = []string{"version", "revision", "act", "lang", "back"}

func (t typed) number(name string) int64 {
	n, _ := strconv.ParseInt(t[name], 10, 64) // 0 is no version and no finding's
	return n
}

// draft is the form as it is kept.
func (t typed) draft() json.RawMessage {
	kept := map[string]string{}
	for name, value := range t {
		if value != "" && !slices.Contains(control, name) {
			kept[name] = value
		}
	}
	b, err := json.Marshal(kept)
	if err != nil {
		panic(fmt.Sprintf("console: a draft cannot be written as JSON: %v", err)) // texts only: cannot happen
	}
	return b
}

// draftOf reads a draft; what another program has saved in another shape is left out.
func draftOf(draft json.RawMessage) typed {
	out := typed{}
	var any map[string]any
	if json.Unmarshal(draft, &any) == nil {
		for name, value := range any {
			if text, ok := value.(string); ok {
				out[name] = text
			}
		}
	}
	return out
}

// fieldsOf fills the form with a verdict, for whoever decides otherwise.
func fieldsOf(v review.Verdict) typed {
	t := typed{"remarks": v.Remarks, "misjudged": "no"}
	for _, d := range v.Findings {
		t["f."+d.FindingID], t["fw."+d.FindingID], t["fv."+d.FindingID] = d.Decision, d.Why, fmt.Sprint(d.Version)
	}
	for _, k := range v.Criteria {
		t["c."+k.Criterion], t["cr."+k.Criterion] = k.Rating, k.Remark
	}
	for _, m := range v.Missed {
		t["cm."+m.Criterion] = m.Rule
	}
	if m := v.Misjudgement; m != nil {
		t["misjudged"], t["kind"], t["words"] = "yes", m.Kind, m.Words
		if m.Currency != "" {
			t["currency"], t["amount"] = m.Currency, major(m.AmountMinor, m.Currency)
		}
	}
	return t
}

// empty reports whether nothing was entered.
func (t typed) empty() bool { return string(t.draft()) == "{}" }

// prose is what was written in sentences, for whoever can no longer send it.
func (t typed) prose() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		sentence := strings.HasPrefix(name, "fw.") || strings.HasPrefix(name, "cr.") || name == "words" || name == "remarks"
		if sentence && strings.TrimSpace(t[name]) != "" {
			out = append(out, strings.TrimSpace(t[name]))
		}
	}
	return strings.Join(out, "\n\n")
}

// Kept are the fields that a draft keeps, for forms that carry them along.
func (t typed) Kept() map[string]string { return draftOf(t.draft()) }

// verdictForm is the form as the page shows it.
type verdictForm struct {
	Action   string
	Version  int64
	Revision string
	Typed    typed
	Findings []decidable
	Criteria []rateable
	Kinds    []choice
	Faults   []formFault
	Misjudge string // what is wrong with the fields about the misjudgement
	Remarks  string
	Ruling   string
	Unsaved  bool // it was sent and not taken
	Max      int
}

// decidable is a finding to uphold or overrule.
type decidable struct {
	ID, Rule, Anchor string
	Version          int64
	Decision, Why    string
	Changed          bool // since it was decided
	Fault            string
	Max              int
}

// rateable is a criterion to rate.
type rateable struct {
	review.Criterion
	Anchor                 string
	Choices                []rating
	Remark, Missed, Chosen string
	Missable               []string        // rules that could have found it and did not
	Found                  []policies.Text // titles of its rules that found something
	Fault                  string
	Max                    int
}

// rating is one choice of a criterion, with the key that chooses it.
type rating struct {
	Value, Key string
	Chosen     bool
}

// formFault is a line of what is wrong, with the way to it.
type formFault struct{ Anchor, About, Text string }

// ratings are what a criterion takes, best first.
func ratings(k review.Criterion, chosen string) (out []rating) {
	add := func(value, key string) { out = append(out, rating{value, key, value == chosen}) }
	if k.Scale == 0 {
		add(review.Pass, "p")
		add(review.Fail, "f")
	}
	for n := k.Scale; k.Scale > 0 && n >= 0; n-- {
		add(fmt.Sprint(n), fmt.Sprint(n))
	}
	add(review.NotApplicable, "x")
	return out
}

// The anchors of the fields.
func findingAnchor(id string) string   { return "decide-" + id }
func criterionAnchor(id string) string { return "rate-" + id }

const misjudgedAnchor = "misjudgement"

// verdictForm lays the form out: the findings in the order of the conversation, then the card.
func (c *Console) verdictForm(l *language, b reviewBody, conv warehouse.Conversation, t typed, faults map[string]string) *verdictForm {
	act := "verdict"
	if b.Decide {
		act = "decide"
	}
	f := &verdictForm{
		Action: reviewHref(b.Task.ID) + "/" + act, Version: b.Task.Version, Revision: conv.Session.Revision, Typed: t, Max: review.MaxWords,
		Kinds: choices(cases.Kinds, []string{t["kind"]}),
	}
	if t["currency"] == "" {
		f.Typed["currency"] = map[string]string{"EU": "EUR", "ES": "EUR", "US": "USD", "KR": "KRW"}[conv.Session.Jurisdiction]
		if f.Typed["currency"] == "" {
			f.Typed["currency"] = "CNY"
		}
	}
	said := func(anchor, about string) string {
		key, ok := faults[anchor]
		if !ok {
			return ""
		}
		text := l.text("review.fault." + key)
		if strings.Contains(text, "%s") {
			text = l.text("review.fault."+key, l.number(review.MaxWords))
		}
		f.Faults = append(f.Faults, formFault{anchor, about, text})
		return text
	}
	for _, r := range b.Session.Rows {
		for _, m := range r.Remarks {
			if m.Withdrawn {
				continue
			}
			d := decidable{ID: m.FindingID, Rule: m.Rule, Anchor: findingAnchor(m.FindingID), Version: m.Version, Decision: t["f."+m.FindingID], Why: t["fw."+m.FindingID], Max: review.MaxWords}
			seen := t.number("fv." + m.FindingID)
			d.Changed = d.Decision != "" && seen != 0 && seen != m.Version
			d.Fault = said(d.Anchor, c.ruleOf(m.Rule).Title.In(l.tag))
			f.Findings = append(f.Findings, d)
		}
	}
	for _, k := range b.Card.Criteria {
		v := rateable{Criterion: k, Anchor: criterionAnchor(k.ID), Choices: ratings(k, t["c."+k.ID]), Chosen: t["c."+k.ID], Remark: t["cr."+k.ID], Missed: t["cm."+k.ID], Max: review.MaxWords}
		for _, rule := range k.Rules {
			found := slices.ContainsFunc(b.Session.Standing, func(f warehouse.FindingItem) bool { return f.Rule == rule })
			if found {
				v.Found = append(v.Found, c.ruleOf(rule).Title)
			} else if _, known := c.Policies().Rule(rule); known {
				v.Missable = append(v.Missable, rule)
			}
		}
		v.Fault = said(v.Anchor, k.Title.In(l.tag))
		f.Criteria = append(f.Criteria, v)
	}
	f.Misjudge = said(misjudgedAnchor, l.text("review.misjudged"))
	f.Remarks = said("remarks", l.text("review.remarks"))
	f.Ruling = said("ruling", l.text("review.ruling"))
	return f
}

// sent remembers in which order things were sent, so that what the service finds at fault leads
// back to its field.
type sent struct{ findings, criteria, missed []string }

var indexed = regexp.MustCompile(`^(findings|criteria|missed)\[(\d+)\]`)

// anchor is where the field of a fault stands.
func (s sent) anchor(field string) string {
	if m := indexed.FindStringSubmatch(field); m != nil {
		list := map[string][]string{"findings": s.findings, "criteria": s.criteria, "missed": s.missed}[m[1]]
		if i, err := strconv.Atoi(m[2]); err == nil && i < len(list) {
			return list[i]
		}
	}
	if strings.HasPrefix(field, "misjudgement") {
		return misjudgedAnchor
	}
	return "remarks"
}

// answer makes the service's answer of the form. faults say by anchor what is missing.
func (t typed) answer(card *review.Card, conv warehouse.Conversation) (a review.Answer, order sent, faults map[string]string) {
	faults = map[string]string{}
	a = review.Answer{
		Card: review.CardRef{ID: card.ID, Version: card.Version}, PolicyRevision: t["revision"], Findings: []review.FindingDecision{},
		Criteria: []review.Rating{}, Remarks: strings.TrimSpace(t["remarks"]), Misjudged: t["misjudged"] == "yes",
	}
	long := func(s string) bool { return utf8.RuneCountInString(s) > review.MaxWords }
	for _, f := range conv.Findings {
		if f.State != "standing" {
			continue
		}
		d := review.FindingDecision{FindingID: f.FindingID, Version: t.number("fv." + f.FindingID), Decision: t["f."+f.FindingID], Why: strings.TrimSpace(t["fw."+f.FindingID])}
		anchor := findingAnchor(f.FindingID)
		switch {
		case d.Decision != review.Upheld && d.Decision != review.Overruled:
			faults[anchor] = "decision"
		case d.Why == "":
			faults[anchor] = "why"
		case long(d.Why):
			faults[anchor] = "long"
		}
		a.Findings, order.findings = append(a.Findings, d), append(order.findings, anchor)
	}
	for _, k := range card.Criteria {
		anchor := criterionAnchor(k.ID)
		x := review.Rating{Criterion: k.ID, Rating: t["c."+k.ID], Remark: strings.TrimSpace(t["cr."+k.ID])}
		switch {
		case x.Rating == "":
			faults[anchor] = "rating"
		case long(x.Remark):
			faults[anchor] = "long"
		}
		a.Criteria, order.criteria = append(a.Criteria, x), append(order.criteria, anchor)
		if rule := t["cm."+k.ID]; rule != "" && failed(k, x.Rating) {
			a.Missed, order.missed = append(a.Missed, review.Missed{Criterion: k.ID, Rule: rule}), append(order.missed, anchor)
		}
	}
	if long(a.Remarks) {
		faults["remarks"] = "long"
	}
	switch t["misjudged"] {
	case "no":
	case "yes":
		m, key := t.misjudgement()
		if key != "" {
			faults[misjudgedAnchor] = key
		}
		a.Misjudgement = m
	default:
		faults[misjudgedAnchor] = "misjudged"
	}
	return a, order, faults
}

// failed reports whether a rating fails a criterion.
func failed(k review.Criterion, rating string) bool {
	if k.Scale == 0 {
		return rating == review.Fail
	}
	n, err := strconv.Atoi(rating)
	return err == nil && n < k.Pass
}

// misjudgement reads the fields about what the AI got wrong; fault is the key of what is wrong.
func (t typed) misjudgement() (m *review.Misjudgement, fault string) {
	m = &review.Misjudgement{Kind: t["kind"], Words: strings.TrimSpace(t["words"])}
	switch {
	case !slices.Contains(cases.Kinds, m.Kind):
		return m, "kind"
	case m.Words == "":
		return m, "words"
	case utf8.RuneCountInString(m.Words) > review.MaxWords:
		return m, "long"
	}
	if strings.TrimSpace(t["amount"]) == "" {
		return m, ""
	}
	code := strings.ToUpper(strings.TrimSpace(t["currency"]))
	if _, err := currency.ParseISO(code); err != nil {
		return m, "currency"
	}
	minor, ok := minor(t["amount"], code)
	if !ok {
		return m, "amount"
	}
	m.AmountMinor, m.Currency = minor, code
	return m, ""
}
