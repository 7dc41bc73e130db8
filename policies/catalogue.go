package policies

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
)

const clausesFile = "clauses.yaml"

// loadClauses reads clauses.yaml, by id.
func loadClauses(fsys fs.FS) (map[string]Clause, error) {
	var entries []clauseEntry
	if err := readYAML(fsys, clausesFile, &entries); err != nil {
		return nil, err
	}
	clauses := make(map[string]Clause, len(entries))
	var faults []error
	for _, e := range entries {
		c := e.Clause
		fault := func(format string, args ...any) {
			faults = append(faults, faultf(clausesFile, e.line, "clause %q: %s", c.ID, fmt.Sprintf(format, args...)))
		}
		if !ruleID.MatchString(c.ID) {
			fault("an id has lower-case letters, digits and hyphens")
		}
		if _, twice := clauses[c.ID]; twice {
			fault("is there twice")
		}
		if c.Instrument == "" {
			fault("needs an instrument")
		}
		if c.Wording.ZH == "" || c.Wording.EN == "" {
			fault("needs a wording in zh and en")
		}
		if c.Effective != "" {
			if _, err := time.Parse(time.DateOnly, c.Effective); err != nil {
				fault("effective %q is not a day (YYYY-MM-DD)", c.Effective)
			}
		}
		clauses[c.ID] = c
	}
	return clauses, errors.Join(faults...)
}

// clauseEntry is a clause with its line in the file.
type clauseEntry struct {
	Clause
	line int
}

// clauseKeys are the keys of a clause; a nested decoder does not see that unknown ones are refused.
var clauseKeys = []string{"id", "instrument", "article", "effective", "wording", "verified"}

// UnmarshalYAML decodes a clause and keeps its line.
func (c *clauseEntry) UnmarshalYAML(n *yaml.Node) error {
	c.line = n.Line
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if k := n.Content[i]; !slices.Contains(clauseKeys, k.Value) {
				return fmt.Errorf("line %d: unknown key %s", k.Line, k.Value)
			}
		}
	}
	return n.Decode(&c.Clause)
}

// Rule finds a rule of the catalogue. There are some dozens, which is no search worth an index.
func (b *Bundle) Rule(id string) (r Rule, found bool) {
	i := slices.IndexFunc(b.Rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{}, false
	}
	return b.Rules[i], true
}

// Clause finds a clause that some rule cites.
func (b *Bundle) Clause(id string) (c Clause, found bool) {
	for i := range b.Rules {
		for _, c := range b.Rules[i].Clauses {
			if c.ID == id {
				return c, true
			}
		}
	}
	return Clause{}, false
}

var ruleID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// ruleCustom is the custom part of a rule's METADATA.
type ruleCustom struct {
	ID            string       `json:"id"`
	Severity      Severity     `json:"severity"`
	Status        Status       `json:"status"`
	StatusWhen    []StatusWhen `json:"status_when"`
	Clauses       []string     `json:"clauses"`
	TitleZH       string       `json:"title_zh"`
	DescriptionZH string       `json:"description_zh"`
	Remedy        Text         `json:"remedy"`
	Systemic      *bool        `json:"systemic"`
	Level         Level        `json:"level"`
	Misjudgement  bool         `json:"misjudgement"`
}

// loadCatalogue reads the METADATA of every finding rule, ordered by pack and id.
func loadCatalogue(topics []topic, clauses map[string]Clause) ([]Rule, error) {
	var (
		rules  []Rule
		faults []error
		places = map[string]string{} // id → where it stands
	)
	for _, t := range topics {
		for _, r := range t.module.Rules {
			if ruleName(r) != findingSet {
				continue
			}
			rule, errs := readRule(t, r, clauses)
			if other, twice := places[rule.ID]; twice && rule.ID != "" {
				errs = append(errs, faultf(t.file, r.Location.Row, "rule %s is in %s already", rule.ID, other))
			}
			places[rule.ID] = fmt.Sprintf("%s:%d", t.file, r.Location.Row)
			faults = append(faults, errs...)
			rules = append(rules, rule)
		}
	}
	for _, t := range topics {
		for _, r := range t.module.Rules {
			if ruleName(r) != notAssessableSet {
				continue
			}
			id, _ := headField(r, "id")
			if _, ok := places[id]; !ok {
				faults = append(faults, faultf(t.file, r.Location.Row, "not_assessable names rule %q, which is not in the catalogue", id))
			}
		}
	}
	slices.SortFunc(rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Pack, b.Pack), cmp.Compare(a.ID, b.ID))
	})
	return rules, errors.Join(faults...)
}

// readRule makes a catalogue entry of one finding rule and says what its METADATA lacks.
func readRule(t topic, r *ast.Rule, clauses map[string]Clause) (Rule, []error) {
	var faults []error
	line := r.Location.Row
	fault := func(format string, args ...any) { faults = append(faults, faultf(t.file, line, format, args...)) }

	var annotation *ast.Annotations
	for _, a := range r.Annotations {
		if a.Scope == "rule" {
			annotation = a
		}
	}
	if annotation == nil {
		fault("a finding rule needs METADATA of its own")
		return Rule{}, faults
	}
	line = annotation.Location.Row
	var c ruleCustom
	if err := decodeCustom(annotation.Custom, &c); err != nil {
		fault("METADATA custom: %v", err)
		return Rule{}, faults
	}
	rule := Rule{
		ID: c.ID, Pack: t.pack, Severity: c.Severity, Status: c.Status, StatusWhen: c.StatusWhen,
		Verified:    len(c.Clauses) > 0,
		Clauses:     []Clause{},
		Title:       Text{ZH: c.TitleZH, EN: annotation.Title},
		Description: Text{ZH: joinHan(c.DescriptionZH), EN: annotation.Description},
		Remedy:      c.Remedy,
		Level:       c.Level, Misjudgement: c.Misjudgement, Indicator: t.indicates(),
	}
	if !ruleID.MatchString(c.ID) {
		fault("custom.id %q: lower-case letters, digits and hyphens are wanted", c.ID)
	}
	if id, ok := headField(r, "id"); !ok || id != c.ID {
		fault("custom.id is %q, but the finding's id is %q: both are to be the same literal", c.ID, id)
	}
	if !slices.Contains([]Severity{Critical, High, Medium, Low}, c.Severity) {
		fault("custom.severity %q is none of critical, high, medium, low", c.Severity)
	}
	for _, s := range append([]StatusWhen{{Status: c.Status, When: Text{"-", "-"}}}, c.StatusWhen...) {
		if !slices.Contains([]Status{Statute, Policy, Standard, Benchmark, Quality, Promise, Draft}, s.Status) {
			fault("status %q is not one of the seven", s.Status)
		}
		if s.When.ZH == "" || s.When.EN == "" {
			fault("custom.status_when needs when in zh and en")
		}
	}
	for name, text := range map[string]Text{"title": rule.Title, "description": rule.Description, "remedy": rule.Remedy} {
		if text.ZH == "" || text.EN == "" {
			fault("%s needs Chinese and English", name)
		}
	}
	if c.Level != "" && !slices.Contains([]Level{Shall, Should, May}, c.Level) {
		fault("custom.level %q is none of %s, %s, %s", c.Level, Shall, Should, May)
	}
	if c.Systemic == nil {
		fault("custom.systemic is missing")
	} else {
		rule.Systemic = *c.Systemic
	}
	for _, id := range c.Clauses {
		clause, ok := clauses[id]
		if !ok {
			fault("clause %s is not in %s", id, clausesFile)
			continue
		}
		rule.Clauses = append(rule.Clauses, clause)
		rule.Verified = rule.Verified && clause.Verified
	}
	return rule, faults
}

// headField reads a literal string from the object that a rule adds to its set.
func headField(r *ast.Rule, name string) (string, bool) {
	if r.Head.Key == nil {
		return "", false
	}
	o, ok := r.Head.Key.Value.(ast.Object)
	if !ok {
		return "", false
	}
	v := o.Get(ast.StringTerm(name))
	if v == nil {
		return "", false
	}
	s, ok := v.Value.(ast.String)
	return string(s), ok
}

// foldedSpace is where YAML folded a line within Chinese, which is written without spaces.
var foldedSpace = regexp.MustCompile(`([\p{Han}\p{P}]) ([\p{Han}\p{P}])`)

func joinHan(text string) string { return foldedSpace.ReplaceAllString(text, "$1$2") }
