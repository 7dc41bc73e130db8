package policies

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"
)

// The keys of a pack's answer, made once.
var (
	keyID       = ast.StringTerm("id")
	keySeverity = ast.StringTerm("severity")
	keyStatus   = ast.StringTerm("status")
	keySubject  = ast.StringTerm("subject")
	keyAt       = ast.StringTerm("at")
	keyFacts    = ast.StringTerm("facts")
	keyReason   = ast.StringTerm("reason")
)

// read adds what a query answered to a verdict: the sets as OPA holds them, in the query's order.
func (e *Engine) read(v *Verdict, sets []resultSet, answer *ast.Array) error {
	if answer == nil || answer.Len() != len(sets) {
		return errors.New("packs did not give their sets")
	}
	for i, s := range sets {
		set, ok := answer.Elem(i).Value.(ast.Set)
		if !ok {
			return fmt.Errorf("%s.%s is not a set", s.topic, s.name)
		}
		if err := set.Iter(func(x *ast.Term) error { return e.take(v, s, x.Value) }); err != nil {
			return err
		}
	}
	v.sort()
	for i := range v.Findings[min(1, len(v.Findings)):] {
		if v.Findings[i].Rule == v.Findings[i+1].Rule {
			return fmt.Errorf("rule %s gave two findings for one session", v.Findings[i].Rule)
		}
	}
	return nil
}

// sort puts a verdict's parts into the order that they are promised in.
func (v *Verdict) sort() {
	slices.SortFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(a.Rule, b.Rule) })
	slices.SortFunc(v.NotAssessable, func(a, b NotAssessable) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason))
	})
	slices.SortFunc(v.Due, func(a, b Due) int { return cmp.Compare(a.Topic, b.Topic) })
}

// take reads one member of a topic's set.
func (e *Engine) take(v *Verdict, s resultSet, x ast.Value) error {
	switch s.name {
	case findingSet:
		f, err := e.finding(x)
		v.Findings = append(v.Findings, f)
		return err
	case notAssessableSet:
		o, ok := x.(ast.Object)
		if !ok {
			return fmt.Errorf("%s.%s holds %v, which is not an object", s.topic, s.name, x)
		}
		v.NotAssessable = append(v.NotAssessable, NotAssessable{Rule: stringAt(o, keyID), Reason: stringAt(o, keyReason)})
		return nil
	default:
		at, err := millis(x)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", s.topic, s.name, err)
		}
		if last := len(v.Due) - 1; last >= 0 && v.Due[last].Topic == s.topic {
			v.Due[last].At = min(v.Due[last].At, at)
			return nil
		}
		v.Due = append(v.Due, Due{Topic: s.topic, At: at})
		return nil
	}
}

func (e *Engine) finding(x ast.Value) (Finding, error) {
	o, ok := x.(ast.Object)
	if !ok {
		return Finding{}, fmt.Errorf("finding holds %v, which is not an object", x)
	}
	f := Finding{
		Rule:     stringAt(o, keyID),
		Severity: Severity(stringAt(o, keySeverity)),
		Status:   Status(stringAt(o, keyStatus)),
		Subject:  stringAt(o, keySubject),
	}
	f.Pack = e.pack[f.Rule]
	if f.Pack == "" || f.Severity == "" || f.Status == "" {
		return Finding{}, fmt.Errorf("finding %v: wants the id of a catalogue rule, a severity and a status", x)
	}
	at, facts := o.Get(keyAt), o.Get(keyFacts)
	if at == nil || facts == nil {
		return Finding{}, fmt.Errorf("finding %s: wants at and facts", f.Rule)
	}
	var err error
	if f.At, err = millis(at.Value); err != nil {
		return Finding{}, fmt.Errorf("finding %s: at: %w", f.Rule, err)
	}
	if f.Facts, err = appendCanonical(make([]byte, 0, 256), facts.Value); err != nil {
		return Finding{}, fmt.Errorf("finding %s: facts: %w", f.Rule, err)
	}
	return f, nil
}

// stringAt is a string of an object, or "" where it is none.
func stringAt(o ast.Object, key *ast.Term) string {
	if t := o.Get(key); t != nil {
		if s, ok := t.Value.(ast.String); ok {
			return string(s)
		}
	}
	return ""
}

func millis(v ast.Value) (Millis, error) {
	n, ok := v.(ast.Number)
	if !ok {
		return 0, fmt.Errorf("%v is not a moment", v)
	}
	i, ok := n.Int64()
	if !ok {
		return 0, fmt.Errorf("%v is not a whole number of milliseconds", v)
	}
	return i, nil
}

// appendCanonical writes a value as JSON with its keys in byte order and no white space, so that
// equal facts are equal bytes.
func appendCanonical(b []byte, v ast.Value) ([]byte, error) {
	switch v := v.(type) {
	case ast.Null:
		return append(b, "null"...), nil
	case ast.Boolean:
		return strconv.AppendBool(b, bool(v)), nil
	case ast.Number:
		return append(b, v...), nil
	case ast.String:
		return jsontext.AppendQuote(b, string(v))
	case *ast.Array:
		var err error
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendCanonical(b, v.Elem(i).Value); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case ast.Object:
		type member struct {
			name string
			text []byte
		}
		members := make([]member, 0, v.Len())
		err := v.Iter(func(k, x *ast.Term) error {
			name, ok := k.Value.(ast.String)
			if !ok {
				return fmt.Errorf("key %v is not a string", k)
			}
			text, err := appendCanonical(nil, x.Value)
			members = append(members, member{string(name), text})
			return err
		})
		if err != nil {
			return nil, err
		}
		slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.name, b.name) })
		b = append(b, '{')
		for i, m := range members {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = jsontext.AppendQuote(b, m.name); err != nil {
				return nil, err
			}
			b = append(append(b, ':'), m.text...)
		}
		return append(b, '}'), nil
	}
	return nil, fmt.Errorf("%s has no place in facts", ast.ValueName(v))
}
