package policies

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// indicatorTopic is the name of the topics that judge indicators: <pack>/indicator.rego. They see
// input.indicator and input.tenant and are never asked about a session.
const indicatorTopic = "indicator"

// Indicator is one number of a tenant's business line for one day, as rules see it (input.indicator).
type Indicator struct {
	Name         string `json:"name"` // the id of the rule that judges it
	Tenant       string `json:"tenant"`
	BusinessLine string `json:"business_line"` // "" where it is of the tenant as a whole
	Day          string `json:"day"`           // YYYY-MM-DD, in the tenant's zone
	Period       string `json:"period"`        // day; month: from the month's first day to this one
	Unit         string `json:"unit"`          // what the denominator counts: sessions, customers, requests, …
	// Numerator is a count, or a sum in seconds where the value is a mean.
	Numerator   float64 `json:"numerator"`
	Denominator int64   `json:"denominator"`
	Value       float64 `json:"value"` // numerator over denominator, to six decimals
	Low         float64 `json:"low"`   // of the 95 % interval of the value
	High        float64 `json:"high"`
	Last        Millis  `json:"last"` // the newest moment that was counted
	// Opened is the first moment of the day: the overrides that hold then apply.
	Opened Millis `json:"opened"`
}

var (
	indicatorShape = shapeOf(reflect.TypeFor[Indicator]())
	keyIndicator   = ast.StringTerm("indicator")
)

// indicates reports whether a topic judges indicators.
func (t *topic) indicates() bool { return t.name == indicatorTopic }

func aboutSessions(all []topic) (of []topic) {
	for _, t := range all {
		if !t.indicates() {
			of = append(of, t)
		}
	}
	return of
}

func aboutIndicators(all []topic) (of []topic) {
	for _, t := range all {
		if t.indicates() {
			of = append(of, t)
		}
	}
	return of
}

// readsIndicator refuses what a topic of indicators cannot see: anything of a session, the time, and
// fields that an indicator does not have.
func readsIndicator(t topic) (fault error) {
	ast.WalkRefs(t.module, func(r ast.Ref) bool {
		if fault != nil || !r.HasPrefix(inputRef) {
			return fault != nil
		}
		key, _ := refKey(r, 1)
		field, named := refKey(r, 2)
		switch {
		case key == "tenant":
		case key != "indicator" || !named:
			fault = faultf(t.file, r[0].Location.Row, "%v: a rule of indicators looks at input.indicator.<field> and input.tenant alone", r)
		case !indicatorShape.has(field):
			fault = faultf(t.file, r[0].Location.Row, "%v: an indicator has no field %s", r, field)
		}
		return false
	})
	for _, set := range t.sets {
		if set == dueSet && fault == nil {
			fault = faultf(t.file, t.module.Package.Location.Row, "an indicator falls due at no moment: it is computed again as long as it can change")
		}
	}
	return fault
}

func (s *shape) has(name string) bool {
	for _, m := range s.members {
		if m.key.Equal(ast.StringTerm(name)) {
			return true
		}
	}
	return false
}

// mixed finds references between topics of indicators and others: what either reads, the other has not.
func mixed(all []topic) (faults []error) {
	for _, t := range all {
		ast.WalkRefs(t.module, func(r ast.Ref) bool {
			for _, other := range all {
				if t.indicates() != other.indicates() && r.HasPrefix(other.module.Package.Path) {
					faults = append(faults, faultf(t.file, r[0].Location.Row, "%v: rules of indicators and others cannot refer to each other", r))
				}
			}
			return false
		})
	}
	return faults
}

// Judge asks the rule that an indicator is named after: whether it is breached, or why it cannot be told.
// An indicator that no rule judges is an error, as is a defect in a pack.
func (e *Engine) Judge(ctx context.Context, in Indicator) (Verdict, error) {
	place, ok := e.judges[in.Name]
	if !ok {
		return Verdict{}, fmt.Errorf("judge indicator: no rule is called %s", in.Name)
	}
	rules, err := e.variant(e.bundle.overrides.choose(in.asInput()))
	if err != nil {
		return Verdict{}, err
	}
	found, _ := rules.judging.LoadOrStore(place, new(query))
	q := found.(*query)
	q.once.Do(func() { q.err = q.prepare(ctx, e.bundle, rules.compiler, e.bundle.indicators[place:place+1]) })
	if q.err != nil {
		return Verdict{}, fmt.Errorf("prepare rules: %w", q.err)
	}
	input := ast.NewObject(
		ast.Item(keyIndicator, ast.NewTerm(indicatorShape.object(reflect.ValueOf(in)))),
		ast.Item(keyTenant, e.bundle.tenants.term(in.Tenant, "")),
	)
	answer, err := q.prepared.Eval(ctx, rego.EvalParsedInput(input), rego.EvalExternalCancel(e.never))
	if err != nil {
		return Verdict{}, fmt.Errorf("judge indicator %s: %w", in.Name, err)
	}
	if len(answer) != 1 || len(answer[0].Expressions) != 1 {
		return Verdict{}, fmt.Errorf("judge indicator %s: its topic gave %d answers, not one", in.Name, len(answer))
	}
	sets, _ := answer[0].Expressions[0].Value.(*ast.Array)
	var v Verdict
	if err := e.read(&v, q.sets, sets); err != nil {
		return Verdict{}, fmt.Errorf("judge indicator %s: %w", in.Name, err)
	}
	return v, nil
}

// asInput is what decides which overrides hold.
func (in *Indicator) asInput() *Input {
	return &Input{Tenant: in.Tenant, Session: &Facts{BusinessLine: in.BusinessLine, Opened: in.Opened}}
}

// Parameter is the value that a parameter has for a tenant's business line at a moment, as it stands in
// params.yaml; "" where no rule declares it. What counts for an indicator must be counted as its rules do.
func (b *Bundle) Parameter(pack, name, tenant, line string, at Millis) string {
	in := Indicator{Tenant: tenant, BusinessLine: line, Opened: at}
	v := b.parameters(b.overrides.choose(in.asInput()))[pack][name]
	if v == nil {
		return ""
	}
	return strings.Trim(v.String(), `"`)
}

// Zone is where a tenant's days begin and end.
func (b *Bundle) Zone(tenant string) *time.Location { return b.tenants.zone(tenant) }
