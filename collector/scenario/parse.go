package scenario

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"mingjian/collector/event"
)

// Load reads a scenario file, or every .yaml and .yml file under a folder, in name order, except for the
// settings of the tenants (see Tenants). All faults are
// reported together, each with file and line; a fault takes only its own scenario away. Ids must
// differ across all files. Warnings name what is ignored.
func Load(fsys fs.FS, root string) (list []*Scenario, warnings []string, err error) {
	var faults []error
	seen := map[string]*Scenario{}
	walk := func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ext := path.Ext(name); d.IsDir() || name != root && ext != ".yaml" && ext != ".yml" || path.Base(name) == tenantsFile {
			return nil
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		found, warned, err := Parse(name, data)
		warnings = append(warnings, warned...)
		faults = append(faults, err)
		for _, s := range found {
			if first := seen[s.ID]; first != nil {
				faults = append(faults, fmt.Errorf("%s:%d: id %s is already in %s:%d", s.File, s.Line, s.ID, first.File, first.Line))
				continue
			}
			seen[s.ID] = s
			list = append(list, s)
		}
		return nil
	}
	if err := fs.WalkDir(fsys, root, walk); err != nil {
		faults = append(faults, fmt.Errorf("read scenarios: %w", err))
	}
	return list, warnings, errors.Join(faults...)
}

// Parse reads one file: a list of scenarios. See Load for faults and warnings.
func Parse(file string, data []byte) (list []*Scenario, warnings []string, err error) {
	r := &reader{file: file}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			return nil, nil, fmt.Errorf("%s:%d: %s", file, syntax.GetToken().Position.Line, syntax.GetMessage())
		}
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	ids := map[string]int{}
	for _, doc := range tree.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		entries, ok := doc.Body.(*ast.SequenceNode)
		if !ok {
			r.fault(doc.Body, "a scenario file is a list; begin each scenario with “- id: …”")
			continue
		}
		for _, entry := range entries.Values {
			s := r.scenario(entry)
			switch {
			case s == nil:
			case ids[s.ID] != 0:
				r.fault(entry, "id %s is already in line %d", s.ID, ids[s.ID])
			default:
				ids[s.ID] = s.Line
				list = append(list, s)
			}
		}
	}
	return list, r.warnings, errors.Join(r.faults...)
}

// reader reads one file and gathers what is wrong with it.
type reader struct {
	file     string
	faults   []error
	warnings []string
}

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil {
		return 1
	}
	// A mapping's own token is its first colon or brace; a block's first key stands before it.
	if m, ok := n.(*ast.MappingValueNode); ok {
		return line(m.Key)
	}
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return line(m.Values[0].Key)
	}
	return n.GetToken().Position.Line
}

func (r *reader) fault(n ast.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s:%d: %s", r.file, line(n), fmt.Sprintf(format, args...)))
}

func (r *reader) warn(n ast.Node, format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf("%s:%d: %s", r.file, line(n), fmt.Sprintf(format, args...)))
}

// scenario reads one entry of a file; nil if it has a fault.
func (r *reader) scenario(n ast.Node) *Scenario {
	before := len(r.faults)
	entries, ok := members(n)
	if !ok {
		r.fault(n, "a scenario is a list of fields, beginning with id")
		return nil
	}
	s := &Scenario{
		File: r.file, Line: line(n), Start: DefaultStart,
		opened: map[string]any{"kind": string(event.SessionOpened)},
	}
	jurisdiction, told := DefaultJurisdiction, false
	var closing *step
	expects := false
	for _, m := range entries {
		switch name := key(m); name {
		case "id":
			s.ID = strings.TrimSpace(r.text(m.Value, "id"))
		case "title":
			s.Title = r.text(m.Value, "title")
		case "jurisdiction":
			jurisdiction, told = r.text(m.Value, "jurisdiction"), true
		case "bot_version":
			bot, _ := s.opened["bot"].(map[string]any)
			if bot == nil {
				bot = map[string]any{}
			}
			bot["version"] = r.text(m.Value, name)
			s.opened["bot"] = bot
		case "start":
			s.Start = r.moment(m.Value)
			s.OwnStart = !s.Start.Equal(DefaultStart)
		case "until":
			s.Until = r.duration(m.Value, name)
		case "expect":
			s.Expect, expects = r.ids(m.Value, name), true
		case "expect_not":
			s.ExpectNot = r.ids(m.Value, name)
		case "vary":
			s.vary = r.alternatives(m.Value)
		case "events":
			s.steps = r.steps(m.Value)
		case "close":
			closing = r.closing(m.Value)
		case "bot":
			if bot, ok := r.value(m.Value, reflect.TypeFor[event.Bot](), name).(map[string]any); ok {
				if known, ok := s.opened["bot"].(map[string]any); ok {
					bot["version"] = known["version"]
				}
				s.opened["bot"] = bot
			}
		default:
			field, known := eventFields[name]
			if !known || notOpening[name] {
				r.warn(m, "%s is ignored: it is no field of a scenario", name)
				continue
			}
			s.opened[name] = r.value(m.Value, field, name)
		}
	}
	r.settle(s, n, jurisdiction, told, closing)
	if !expects {
		r.warn(n, "scenario %s says nothing of what is expected; write expect: [] for nothing", s.ID)
	}
	if len(r.faults) == before {
		r.accepted(s)
	}
	if len(r.faults) > before {
		return nil
	}
	return s
}

// settle brings a scenario's parts together and checks that they make sense.
func (r *reader) settle(s *Scenario, n ast.Node, jurisdiction string, told bool, closing *step) {
	if s.ID == "" || len(s.ID) > event.MaxSessionID {
		r.fault(n, "a scenario needs an id of at most %d bytes", event.MaxSessionID)
	}
	customer, _ := s.opened["customer"].(map[string]any)
	if customer == nil {
		customer = map[string]any{}
		s.opened["customer"] = customer
	}
	if _, twice := customer["jurisdiction"]; twice && told {
		r.fault(n, "jurisdiction is given twice, by itself and as customer.jurisdiction")
	} else if !twice && jurisdiction != "" {
		customer["jurisdiction"] = jurisdiction
	}
	if closing != nil {
		s.steps = append(s.steps, *closing)
	}
	slices.SortStableFunc(s.steps, func(a, b step) int { return int(max(-1, min(1, a.at-b.at))) })
	if len(s.steps) > 0 {
		s.Until = max(s.Until, s.steps[len(s.steps)-1].at)
	}
	s.breaks = s.Until
	both := slices.DeleteFunc(slices.Clone(s.Expect), func(id string) bool { return !slices.Contains(s.ExpectNot, id) })
	if len(both) > 0 {
		r.fault(n, "%s: both expected and not expected", strings.Join(both, ", "))
	}
	used := map[string]bool{}
	check := func(at int, fields map[string]any) {
		placeholders(fields, func(name string) {
			used[name] = true
			if s.vary[name] == nil {
				r.faults = append(r.faults, fmt.Errorf("%s:%d: ${%s} is not under vary", r.file, at, name))
			}
		})
	}
	check(s.Line, s.opened)
	for _, st := range s.steps {
		check(st.line, st.fields)
	}
	for _, name := range slices.Sorted(maps.Keys(s.vary)) {
		if !used[name] {
			r.warn(n, "vary: ${%s} stands in no text", name)
		}
	}
}

// accepted checks that the collector would take every event.
func (r *reader) accepted(s *Scenario) {
	for i, m := range s.Script(s.ID, s.Start, s.First()) {
		if _, reject := event.Decode([]byte(s.ID), m.Value, m.At); reject != nil {
			at := s.Line
			if i > 0 {
				at = s.steps[i-1].line
			}
			r.faults = append(r.faults, fmt.Errorf("%s:%d: the collector would refuse this event: %s", r.file, at, reject.Detail))
		}
	}
}

// steps reads the list of events.
func (r *reader) steps(n ast.Node) []step {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fault(n, "events is a list")
		return nil
	}
	var out []step
	for _, v := range list.Values {
		if st, ok := r.step(v); ok {
			out = append(out, st)
		}
	}
	return out
}

// speakers are the short forms of a message by a role: always a text, never the event's object.
var speakers = []event.Role{event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole}

func (r *reader) step(n ast.Node) (step, bool) {
	entries, ok := members(n)
	if !ok {
		r.fault(n, "an event is a list of fields, such as {at: 2s, bot: \"…\"}")
		return step{}, false
	}
	st := step{line: line(n), fields: map[string]any{}}
	timed := false
	actor := map[string]any{}
	var speaker event.Role
	for _, m := range entries {
		name := key(m)
		switch {
		case name == "at":
			st.at, timed = r.duration(m.Value, name), true
		case slices.Contains(speakers, event.Role(name)):
			if speaker != "" {
				r.fault(m, "one event cannot be said by both %s and %s", speaker, name)
			}
			speaker = event.Role(name)
			st.fields["text"] = r.text(m.Value, name)
		case name == "agent_id":
			actor["id"] = r.text(m.Value, name)
		case name == "actor":
			if given, ok := r.value(m.Value, eventFields[name], name).(map[string]any); ok {
				for k, v := range given {
					actor[k] = v
				}
			}
		case name == "session_id" || name == "ts" || name == "labels" || eventFields[name] == nil:
			r.warn(m, "%s is ignored: it is no field of a scenario's event", name)
		case name == "text" && speaker != "":
			r.fault(m, "text is given twice, by itself and as %s", speaker)
		default:
			st.fields[name] = r.value(m.Value, eventFields[name], name)
		}
	}
	if speaker != "" {
		if actor["role"] == nil {
			actor["role"] = string(speaker)
		}
		if st.fields["kind"] == nil {
			st.fields["kind"] = string(event.Message)
		}
	}
	if len(actor) > 0 {
		st.fields["actor"] = actor
	}
	switch {
	case !timed:
		r.fault(n, "an event needs at, its time since the opening")
	case st.fields["kind"] == nil:
		r.fault(n, "an event needs kind, or a text as customer, bot, agent or system")
	}
	return st, timed
}

// closing reads the scenario's close as a session.closed event.
func (r *reader) closing(n ast.Node) *step {
	entries, ok := members(n)
	if !ok {
		r.fault(n, "close is a list of fields, such as {at: 4m, by: customer}")
		return nil
	}
	st := &step{line: line(n), fields: map[string]any{"kind": string(event.SessionClosed)}}
	fields := map[string]any{}
	timed := false
	for _, m := range entries {
		name := key(m)
		field, known := fieldsOf(reflect.TypeFor[event.Close]())[name]
		switch {
		case name == "at":
			st.at, timed = r.duration(m.Value, "close.at"), true
		case !known:
			r.warn(m, "close.%s is ignored: it is no field of the event model", name)
		default:
			fields[name] = r.value(m.Value, field, "close."+name)
		}
	}
	if len(fields) > 0 {
		st.fields["close"] = fields
	}
	if !timed {
		r.fault(n, "close needs at, its time since the opening")
	}
	return st
}

// notOpening are fields of the event model that a scenario cannot set on session.opened: the runner
// sets them, or they mean something else there.
var notOpening = map[string]bool{"event_id": true, "session_id": true, "ts": true, "kind": true, "labels": true}

func (r *reader) moment(n ast.Node) time.Time {
	t, err := time.Parse(time.RFC3339, r.text(n, "start"))
	if err != nil {
		r.fault(n, "start must be a moment such as 2026-10-12T10:00:00+08:00")
	}
	return t
}

func (r *reader) duration(n ast.Node, name string) time.Duration {
	d, err := time.ParseDuration(strings.TrimSpace(r.text(n, name)))
	if err != nil || d < 0 {
		r.fault(n, "%s must be a duration of 0 or more, such as 90s or 4m", name)
		return 0
	}
	return d
}

func (r *reader) ids(n ast.Node, name string) []string {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fault(n, "%s is a list of rule ids", name)
		return nil
	}
	var out []string
	for _, v := range list.Values {
		out = append(out, r.text(v, name))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *reader) alternatives(n ast.Node) map[string][]string {
	entries, ok := members(n)
	if !ok {
		r.fault(n, "vary names placeholders, each with a list of texts")
		return nil
	}
	out := map[string][]string{}
	for _, m := range entries {
		list, ok := m.Value.(*ast.SequenceNode)
		if !ok || len(list.Values) == 0 {
			r.fault(m, "vary: %s needs a list of at least one text", key(m))
			continue
		}
		for _, v := range list.Values {
			text := r.text(v, "vary")
			if placeholder.MatchString(text) {
				r.fault(v, "vary: %s: an alternative cannot hold another placeholder", key(m))
			}
			out[key(m)] = append(out[key(m)], text)
		}
	}
	return out
}
