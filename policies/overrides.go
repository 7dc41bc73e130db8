package policies

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
)

const overridesFile = "overrides.yaml"

// maxOverrides is how many entries overrides.yaml may have: a choice of them is a set of bits. Each
// entry may change many parameters.
const maxOverrides = 64

// override changes parameters for a tenant, or one of its business lines, for a time.
type override struct {
	tenant, line string // line "" is every business line
	from, until  Millis // sessions opened from … to before until; 0 is open
	params       parameters
	at           int // line in the file
}

// overrides are the entries in force order: a tenant's own come before those of its business lines, so
// that what is said of a line wins.
type overrides struct {
	list     []override
	byTenant map[string]bool
}

// choice is a set of overrides that hold together, by index. Sessions of one choice share the rules
// that were compiled with its parameters.
type choice uint64

const noOverrides choice = 0

// choose is the set of overrides that hold for a session. The moment of its opening decides, as it
// does for the law.
func (o overrides) choose(in *Input) (c choice) {
	if !o.byTenant[in.Tenant] {
		return noOverrides
	}
	for i := range o.list {
		x := &o.list[i]
		if x.tenant == in.Tenant && (x.line == "" || x.line == in.Session.BusinessLine) &&
			(x.from == 0 || in.Session.Opened >= x.from) && (x.until == 0 || in.Session.Opened < x.until) {
			c |= 1 << i
		}
	}
	return c
}

// parameters are the values under a choice of overrides.
func (b *Bundle) parameters(c choice) parameters {
	if c == noOverrides {
		return b.params
	}
	out := parameters{}
	for pack, values := range b.params {
		out[pack] = maps.Clone(values)
	}
	for i, o := range b.overrides.list {
		if c&(1<<i) == 0 {
			continue
		}
		for pack, values := range o.params {
			maps.Copy(out[pack], values)
		}
	}
	return out
}

// overrideEntry is the shape of an entry in overrides.yaml.
type overrideEntry struct {
	Tenant string                          `yaml:"tenant"`
	Line   string                          `yaml:"business_line"`
	From   string                          `yaml:"from"`
	Until  string                          `yaml:"until"`
	Params map[string]map[string]yaml.Node `yaml:"params"`
	at     int
}

var overrideKeys = []string{"tenant", "business_line", "from", "until", "params"}

// UnmarshalYAML decodes an entry and keeps its line; a nested decoder does not see that unknown keys
// are refused.
func (o *overrideEntry) UnmarshalYAML(n *yaml.Node) error {
	type plain overrideEntry
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if k := n.Content[i]; !slices.Contains(overrideKeys, k.Value) {
				return fmt.Errorf("line %d: unknown key %s", k.Line, k.Value)
			}
		}
	}
	if err := n.Decode((*plain)(o)); err != nil {
		return err
	}
	o.at = n.Line
	return nil
}

// loadOverrides reads overrides.yaml and holds each value against its declaration. Two entries that
// give the same parameter to the same sessions are a fault: which would win could not be seen.
func loadOverrides(fsys fs.FS, topics []topic, t tenants, all bool) (overrides, error) {
	declared, _ := declarations(topics) // its faults are told with params.yaml
	var entries []overrideEntry
	if err := readYAML(fsys, overridesFile, &entries); err != nil {
		return overrides{}, err
	}
	out := overrides{byTenant: map[string]bool{}}
	var faults []error
	if len(entries) > maxOverrides {
		faults = append(faults, faultf(overridesFile, 0, "%d entries; at most %d can be told apart: put parameters of the same tenant and time together", len(entries), maxOverrides))
	}
	for _, e := range entries {
		fault := func(line int, format string, args ...any) {
			faults = append(faults, faultf(overridesFile, line, format, args...))
		}
		o := override{tenant: e.Tenant, line: e.Line, params: parameters{}, at: e.at}
		if e.Tenant == "" {
			fault(e.at, "needs a tenant")
		}
		zone := t.zone(e.Tenant)
		day := func(name, s string, after int) Millis {
			if s == "" {
				return 0
			}
			at, err := time.ParseInLocation(time.DateOnly, s, zone)
			if err != nil {
				fault(e.at, "%s %q is not a day (YYYY-MM-DD)", name, s)
			}
			return at.AddDate(0, 0, after).UnixMilli()
		}
		o.from, o.until = day("from", e.From, 0), day("until", e.Until, 1)
		if o.from != 0 && o.until != 0 && o.from >= o.until {
			fault(e.at, "from %s is after until %s", e.From, e.Until)
		}
		if len(e.Params) == 0 {
			fault(e.at, "changes no parameter: give params")
		}
		for _, pack := range slices.Sorted(maps.Keys(e.Params)) {
			o.params[pack] = map[string]ast.Value{}
			for _, name := range slices.Sorted(maps.Keys(e.Params[pack])) {
				node := e.Params[pack][name]
				d, ok := declared[pack][name]
				if !ok {
					if all {
						fault(node.Line, "%s.%s: no rule declares this parameter", pack, name)
					}
					continue
				}
				v, err := d.value(&node)
				if err != nil {
					fault(node.Line, "%s.%s: %v", pack, name, err)
					continue
				}
				o.params[pack][name] = v
			}
		}
		out.list = append(out.list, o)
		out.byTenant[e.Tenant] = true
	}
	for i, a := range out.list {
		for _, b := range out.list[i+1:] {
			if name, both := a.collides(b); both {
				faults = append(faults, faultf(overridesFile, b.at, "gives %s to tenant %s%s for days that the entry in line %d covers too", name, b.tenant, ofLine(b.line), a.at))
			}
		}
	}
	slices.SortStableFunc(out.list, func(a, b override) int { return cmp.Compare(a.line, b.line) })
	return out, errors.Join(faults...)
}

func ofLine(line string) string {
	if line == "" {
		return ""
	}
	return ", business line " + line + ","
}

// collides names a parameter that both entries give to the same sessions.
func (o override) collides(p override) (name string, both bool) {
	if o.tenant != p.tenant || o.line != p.line ||
		o.until != 0 && p.from >= o.until || p.until != 0 && o.from >= p.until {
		return "", false
	}
	var names []string
	for pack, values := range o.params {
		for n := range values {
			if _, ok := p.params[pack][n]; ok {
				names = append(names, pack+"."+n)
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", "), len(names) > 0
}
