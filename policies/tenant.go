package policies

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
)

const (
	tenantsFile = "tenants.yaml"
	// anyTenant is the entry of tenants.yaml that holds for tenants that it does not name.
	anyTenant = "default"
)

// Settings is what is known of a tenant that no event carries (input.tenant). What is nil or empty
// was not set.
type Settings struct {
	Industry         string   `yaml:"industry" json:"industry"`
	Calendar         string   `yaml:"calendar" json:"calendar"`
	FailureThreshold *int     `yaml:"failure_threshold" json:"failure_threshold"` // failed answers
	LargeBusiness    *bool    `yaml:"large_business" json:"large_business"`
	Platform         *bool    `yaml:"platform" json:"platform"`
	KnownFields      []string `yaml:"known_fields" json:"known_fields"`
	TicketIDs        *bool    `yaml:"ticket_ids" json:"ticket_ids"`
}

// settingsKeys are the keys of a tenant's entry; a nested decoder does not see that unknown ones are
// refused.
var settingsKeys = []string{"industry", "calendar", "failure_threshold", "large_business", "platform", "known_fields", "ticket_ids", retentionKey}

// tenants are the settings of all, as rules see them.
type tenants struct {
	settings  map[string]*Settings // completed; anyTenant is always there
	retention map[string]int       // years, of those that set them
	calendars calendars
	terms     map[tenantKey]*ast.Term // made beforehand: they are few, and asked for with every check
}

// tenantKey chooses a term: the calendar depends on the jurisdiction where the tenant names none.
type tenantKey struct{ name, calendar string }

type settingsEntry struct {
	Settings
	retention int // years; 0: not set
	line      int
}

// UnmarshalYAML decodes an entry and keeps its line.
func (s *settingsEntry) UnmarshalYAML(n *yaml.Node) error {
	s.line = n.Line
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if k := n.Content[i]; !slices.Contains(settingsKeys, k.Value) {
				return fmt.Errorf("line %d: unknown key %s", k.Line, k.Value)
			}
		}
	}
	var err error
	if s.retention, err = readRetention(n); err != nil {
		return err
	}
	return n.Decode(&s.Settings)
}

func loadTenants(fsys fs.FS, name string, c calendars) (tenants, error) {
	var file map[string]settingsEntry
	if err := readYAML(fsys, name, &file); err != nil {
		return tenants{}, err
	}
	var faults []error
	settings, retention := map[string]Settings{}, map[string]int{}
	for _, tenant := range slices.Sorted(maps.Keys(file)) {
		e := file[tenant]
		fault := func(format string, args ...any) {
			faults = append(faults, faultf(name, e.line, "%s: "+format, append([]any{tenant}, args...)...))
		}
		if e.Calendar != "" && c.byName != nil && c.byName[e.Calendar] == nil {
			fault("calendar %q is not in %s", e.Calendar, calendarsFile)
		}
		if t := e.FailureThreshold; t != nil && (*t < 1 || *t > 100) {
			fault("failure_threshold %d is not between 1 and 100", *t)
		}
		if err := checkRetention(e.retention, e.Industry); err != nil {
			fault("%v", err)
		}
		settings[tenant] = e.Settings
		if e.retention > 0 {
			retention[tenant] = e.retention
		}
	}
	out := newTenants(settings, c)
	out.retention = retention
	return out, errors.Join(faults...)
}

func newTenants(settings map[string]Settings, c calendars) tenants {
	t := tenants{settings: map[string]*Settings{}, calendars: c, terms: map[tenantKey]*ast.Term{}}
	for _, name := range append(slices.Collect(maps.Keys(settings)), anyTenant) {
		own, rest := settings[name], settings[anyTenant]
		v, from := reflect.ValueOf(&own).Elem(), reflect.ValueOf(rest)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				v.Field(i).Set(from.Field(i))
			}
		}
		t.settings[name] = &own
		for calendar := range c.byName {
			t.terms[tenantKey{name, calendar}] = t.make(name, calendar)
		}
	}
	return t
}

// of are the settings of a tenant: its own, completed by those of every tenant.
func (t tenants) of(name string) *Settings {
	if s, named := t.settings[name]; named {
		return s
	}
	return t.settings[anyTenant]
}

// term is input.tenant.
func (t tenants) term(name, jurisdiction string) *ast.Term {
	calendar := t.of(name).Calendar
	if calendar == "" {
		calendar = t.calendars.of(jurisdiction)
	}
	if _, named := t.settings[name]; !named {
		// Names are the sources' own and without bound; only those with settings are kept.
		return t.make(name, calendar)
	}
	return t.terms[tenantKey{name, calendar}]
}

func (t tenants) make(name, calendar string) *ast.Term {
	s := *t.of(name)
	s.Calendar = calendar
	object := settingsShape.object(reflect.ValueOf(s)).(ast.Object)
	object.Insert(keyName, text(name))
	return ast.NewTerm(object)
}

var (
	settingsShape = shapeOf(reflect.TypeFor[Settings]())
	keyName       = ast.StringTerm("name")
)

// Settings are those of a tenant.
func (b *Bundle) Settings(tenant string) Settings { return *b.tenants.of(tenant) }

// WithSettingsIn is the bundle with the settings for tenants that a file of the form of tenants.yaml
// holds; its revision is the same. Scenarios use it to play tenants that have set what they have to.
func (b *Bundle) WithSettingsIn(fsys fs.FS, name string) (*Bundle, error) {
	t, err := loadTenants(fsys, name, b.tenants.calendars)
	if err != nil {
		return nil, err
	}
	other := *b
	other.tenants = t
	return &other, nil
}

// WithSettings is the bundle with other settings for tenants; its revision is the same.
func (b *Bundle) WithSettings(settings map[string]Settings) *Bundle {
	other := *b
	other.tenants = newTenants(settings, b.tenants.calendars)
	other.tenants.retention = b.tenants.retention
	return &other
}

// zone is where a tenant's days begin: its calendar's, or that of the usual one.
func (t tenants) zone(name string) *time.Location {
	calendar := t.of(name).Calendar
	if calendar == "" {
		calendar = t.calendars.usual[""]
	}
	if c := t.calendars.byName[calendar]; c != nil && c.Zone != nil {
		return c.Zone
	}
	return time.UTC // only where the calendars are at fault, which is told
}
