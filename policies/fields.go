package policies

import (
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Fields is a set of the fields of Facts: bit i stands for the i-th. What a rule can answer anew
// depends on the fields that its topic reads and on nothing else, so that the fields an event
// changed tell which topics to ask.
type Fields uint64

// AllFields is every field: the first question about a session, or one under another revision.
const AllFields Fields = ^Fields(0)

// fieldNames are the json names of the fields of Facts, in their order.
var fieldNames = func() (names []string) {
	facts := reflect.TypeFor[Facts]()
	if facts.NumField() > 64 {
		panic("policies: Facts has more fields than Fields has bits")
	}
	for i := range facts.NumField() {
		names = append(names, jsonName(facts.Field(i)))
	}
	return names
}()

// Field is the set of the one field with this json name. It panics on a name that is none: names
// are written in code, not read.
func Field(name string) Fields {
	f, ok := fieldNamed(name)
	if !ok {
		panic(fmt.Sprintf("policies: Facts has no field %q", name))
	}
	return f
}

func fieldNamed(name string) (Fields, bool) {
	for i, n := range fieldNames {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// Names are the json names of the fields in the set, for a reader.
func (f Fields) Names() (names []string) {
	for set := uint64(f); set != 0; set &= set - 1 {
		if i := bits.TrailingZeros64(set); i < len(fieldNames) {
			names = append(names, fieldNames[i])
		}
	}
	return names
}

var (
	// scopeFields decide which packs and parameters apply to a session.
	scopeFields = Field("jurisdiction") | Field("opened") | Field("business_line") | Field("industry")

	sessionRef = ast.MustParseRef("input.session")
	inputRef   = ast.MustParseRef("input")
	// inputKeys are what input holds beside the facts.
	inputKeys = []string{"session", "tenant", "now"}
)

// reads finds which fields of the facts a topic looks at, and refuses what would hide it: facts taken
// as a whole, a field that does not exist, and anything of the input that is not a fact.
func reads(t topic) (Fields, error) {
	if t.indicates() {
		return 0, readsIndicator(t)
	}
	var (
		fields Fields
		fault  error
	)
	ast.WalkRefs(t.module, func(r ast.Ref) bool {
		if fault != nil || !r.HasPrefix(inputRef) {
			return fault != nil
		}
		wrong := func(format string, args ...any) {
			fault = faultf(t.file, r[0].Location.Row, "%v: "+format, append([]any{r}, args...)...)
		}
		key, ok := refKey(r, 1)
		switch {
		case !ok || !slices.Contains(inputKeys, key):
			wrong("a rule looks at input.session.<field>, input.tenant and input.now; a finding follows from those alone")
		case key == "session":
			name, ok := refKey(r, 2)
			if !ok {
				wrong("name the field (input.session.<field>), so that it is known when the answer can change")
				return true
			}
			f, ok := fieldNamed(name)
			if !ok {
				wrong("facts have no field %s", name)
				return true
			}
			fields |= f
		}
		return false
	})
	return fields, fault
}

// refKey is the string at a place of a reference.
func refKey(r ast.Ref, i int) (string, bool) {
	if len(r) <= i {
		return "", false
	}
	s, ok := r[i].Value.(ast.String)
	return string(s), ok
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
