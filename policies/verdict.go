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
	keySeverity = ast.StringTerm("severity")
	keyStatus   = ast.StringTerm("status")
	keySubject  = ast.StringTerm("subject")
	keyAt       = ast.StringTerm("at")
	keyFacts    = ast.StringTerm("facts")
	keyReason   = ast.StringTerm("reason")
)

// verdict reads the three sets of an answer as OPA holds them, in the order of resultSets.
func (e *Engine) verdict(answer *ast.Array) (v Verdict, err error) {
	if answer == nil || answer.Len() != len(resultSets) {
		return v, errors.New("packs did not give their three sets")
	}
	readers := [...]func(ast.Value) error{
		func(x ast.Value) error {
			f, err := e.finding(x)
			v.Findings = append(v.Findings, f)
			return err
		},
		func(x ast.Value) error {
			o, ok := x.(ast.Object)
			if !ok {
				return fmt.Errorf("not_assessable holds %v, which is not an object", x)
			}
			v.NotAssessable = append(v.NotAssessable, NotAssessable{Rule: stringAt(o, keyID), Reason: stringAt(o, keyReason)})
			return nil
		},
		func(x ast.Value) error {
			at, err := millis(x)
			if err == nil && (v.Due == 0 || at < v.Due) {
				v.Due = at
			}
			return err
		},
	}
	for i, read := range readers {
		set, ok := answer.Elem(i).Value.(ast.Set)
		if !ok {
			return Verdict{}, fmt.Errorf("%s is not a set", resultSets[i])
		}
		if err := set.Iter(func(x *ast.Term) error { return read(x.Value) }); err != nil {
			return Verdict{}, err
		}
	}
	slices.SortFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(a.Rule, b.Rule) })
	slices.SortFunc(v.NotAssessable, func(a, b NotAssessable) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason))
	})
	for i := range v.Findings[min(1, len(v.Findings)):] {
		if v.Findings[i].Rule == v.Findings[i+1].Rule {
			return Verdict{}, fmt.Errorf("rule %s gave two findings for one session", v.Findings[i].Rule)
		}
	}
	return v, nil
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
