package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// row is one line of a conversation as it went.
type row struct {
	ID       string // anchor
	Type     string // speech, step, wait, pause, deadline; cut where an excerpt leaves rows out
	At       policies.Millis
	Role     string // of who spoke or acted
	Actor    string
	Text     string
	TextLang string // lang=, where it is not the page's
	Kind     string // of the event
	Details  []pair
	Flags    []string
	Place    string // topic/partition/offset
	Wait     *wait
	Remarks  []remark
	Original string // where its original is asked for; "" where there is none to see
}

// wait is a time that passed: how long, and its bar.
type wait struct {
	Length policies.Millis
	End    string // joined, ended (nobody came), open (nobody has come yet)
	Width  int    // of the bar, 0–600
	Ticks  []int
}

// remark is a finding in the margin.
type remark struct {
	warehouse.FindingItem
	Facts     []pair
	Withdrawn bool
	Line      string     // anchor of the row it is about
	Decide    *decidable // on a review that is being filled in
	Decided   []decided  // on one that has verdicts
}

// pair is a named value in words.
type pair struct {
	Name  template.HTML
	Value template.HTML
}

// body is what a stored event says beside its text.
type body struct {
	Menu     *event.Menu     `json:"menu"`
	Handoff  *event.Handoff  `json:"handoff"`
	Entrance *event.Entrance `json:"entrance"`
	Callback *event.Due      `json:"callback"`
	Promise  *event.Due      `json:"promise"`
	Decision *event.Decision `json:"decision"`
	Claim    *event.Claim    `json:"claim"`
	Close    *event.Close    `json:"close"`
	AI       *event.AI       `json:"ai"`
	Actor    event.Actor     `json:"actor"`
}

// aPause is a silence that is worth a row of its own: a minute is what the national standard lets
// a chat wait for the customer (GB/T 47746-2026, 7.1).
const aPause = time.Minute

// conversation lays a session out: events, waits, pauses and findings in the order of time.
func (c *Console) conversation(l *language, conv warehouse.Conversation, facts policies.Facts) []row {
	var rows []row
	waits := newWaits(facts.Human.Waits, conv.Session)
	placed := map[string]int{} // event id → its row
	var last policies.Millis
	for i, e := range conv.Interactions {
		gap := e.At - last
		if w := waits.endedBy(e, i == len(conv.Interactions)-1); w != nil {
			rows = append(rows, *w)
		} else if last != 0 && gap >= aPause.Milliseconds() {
			rows = append(rows, row{Type: "pause", At: last, Wait: &wait{Length: gap}})
		}
		placed[e.EventID] = len(rows)
		rows = append(rows, c.eventRow(l, e, i))
		last = e.At
	}
	rows = append(rows, waits.rest(conv.Session, c.Now().UnixMilli())...)

	// Findings with an event stand at it; a deadline's stands in the flow at its moment.
	var loose []row
	for _, f := range conv.Findings {
		m := remark{FindingItem: f, Facts: c.facts(l, f.Facts, conv.Interactions), Withdrawn: f.State == "withdrawn"}
		if i, ok := placed[f.Subject]; ok && f.Subject != "" {
			m.Line = rows[i].ID
			rows[i].Remarks = append(rows[i].Remarks, m)
			continue
		}
		m.Line = fmt.Sprintf("d%d", len(loose))
		loose = append(loose, row{ID: m.Line, Type: "deadline", At: f.At, Remarks: []remark{m}})
	}
	for _, d := range loose {
		at := len(rows)
		for i, r := range rows {
			if r.Type != "wait" && r.Type != "pause" && r.At > d.At {
				at = i
				break
			}
		}
		rows = slices.Insert(rows, at, d)
	}
	for i := range rows {
		slices.SortStableFunc(rows[i].Remarks, func(a, z remark) int {
			return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, z.Severity))
		})
	}
	return rows
}

// humanWaits are the session's waits for a person, each drawn once.
type humanWaits struct {
	waits   []policies.Wait
	drawn   []bool
	longest policies.Millis
}

func newWaits(waits []policies.Wait, s warehouse.Session) *humanWaits {
	h := &humanWaits{waits: waits, drawn: make([]bool, len(waits)), longest: 2 * time.Minute.Milliseconds()}
	for _, w := range waits {
		h.longest = max(h.longest, cmp.Or(w.JoinedAt, w.EndedAt, s.LastAt)-w.AskedAt)
	}
	return h
}

// endedBy is the row of the wait that an event ended: a person joined, or the session was over. It
// stands before the event.
func (h *humanWaits) endedBy(e warehouse.Interaction, last bool) *row {
	for i, w := range h.waits {
		joined := w.Joined != "" && w.Joined == e.EventID
		ended := w.Joined == "" && w.EndedAt != 0 && (e.At >= w.EndedAt && e.Kind == string(event.SessionClosed) || last && e.At == w.EndedAt)
		if h.drawn[i] || !joined && !ended {
			continue
		}
		h.drawn[i] = true
		if joined {
			return h.draw(w.AskedAt, w.JoinedAt, "joined")
		}
		return h.draw(w.AskedAt, w.EndedAt, "ended")
	}
	return nil
}

// rest are the waits that nothing in the conversation ended.
func (h *humanWaits) rest(s warehouse.Session, now policies.Millis) (rows []row) {
	for i, w := range h.waits {
		if h.drawn[i] {
			continue
		}
		end := "ended"
		if w.EndedAt == 0 && s.Closed == 0 {
			end = "open"
		}
		rows = append(rows, *h.draw(w.AskedAt, cmp.Or(w.JoinedAt, w.EndedAt, s.Closed, now), end))
	}
	return rows
}

// The bar of a wait, in units of its drawing: the longest wait of the session fills it, and a tick
// stands at every minute while there are few enough to count.
const (
	barWidth = 600
	mostTick = 12
)

func (h *humanWaits) draw(asked, until policies.Millis, end string) *row {
	length := max(0, until-asked)
	w := &wait{Length: length, End: end, Width: int(min(length, h.longest) * barWidth / h.longest)}
	minute := time.Minute.Milliseconds()
	if n := h.longest / minute; n <= mostTick {
		for i := int64(1); i <= n; i++ {
			w.Ticks = append(w.Ticks, int(i*minute*barWidth/h.longest))
		}
	}
	return &row{Type: "wait", At: asked, Wait: w}
}

// anchorOf is where the i-th event of a session stands on its page.
func anchorOf(i int) string { return fmt.Sprintf("e%d", i) }

// eventRow is one event in words.
func (c *Console) eventRow(l *language, e warehouse.Interaction, i int) row {
	r := row{
		ID: anchorOf(i), Type: "step", At: e.At, Role: e.Role, Actor: e.ActorID, Text: e.Text, Kind: e.Kind, Flags: e.Flags,
		Place: fmt.Sprintf("%s/%d/%d", e.Topic, e.Partition, e.Offset), TextLang: l.said(e),
	}
	if e.Kind == string(event.Message) {
		r.Type = "speech"
	}
	var b body
	if e.Body == "" || json.Unmarshal([]byte(e.Body), &b) != nil {
		return r // a body that this page cannot read hides no text
	}
	if b.Actor.Automated && e.Role == string(event.AgentRole) {
		r.Role = "agent_automated"
	}
	add := func(name string, value template.HTML) {
		r.Details = append(r.Details, pair{template.HTML(template.HTMLEscapeString(l.text("detail." + name))), value})
	}
	if m := b.Menu; m != nil {
		if len(m.Options) > 0 {
			add("options", l.data(strings.Join(m.Options, " · ")))
		}
		if m.Pressed != "" {
			add("pressed", l.data(m.Pressed))
		}
	}
	if h := b.Handoff; h != nil {
		if h.QueuePosition != nil {
			add("queue_position", escaped(l.number(int64(*h.QueuePosition))))
		}
		if h.WaitS != nil {
			add("told_wait", escaped(l.lasting(int64(*h.WaitS*1000))))
		}
		if h.Via != "" {
			add("via", l.named("via.", h.Via))
		}
		if h.Reason != "" {
			add("reason", l.data(h.Reason))
		}
		if h.AgentID != "" {
			add("agent", l.data(h.AgentID))
		}
		if h.Priority {
			add("priority", escaped(l.text("yes")))
		}
	}
	if d := b.Callback; d != nil {
		add("callback", l.data(strings.TrimSpace(d.What+" "+d.Due)))
	}
	if d := b.Promise; d != nil {
		add("promise", l.data(strings.TrimSpace(d.What+" "+d.Due)))
	}
	if d := b.Decision; d != nil {
		add("decision", l.named("decision.", d.Kind))
	}
	if k := b.Claim; k != nil && k.Kind != "" {
		add("claim", l.named("claim.", k.Kind))
	}
	if k := b.Close; k != nil {
		add("closed_by", l.named("role.", k.By))
		if k.Reason != "" {
			add("closed_as", l.named("closing.", k.Reason))
		}
		if k.Resolved != nil {
			add("resolved", l.yes(*k.Resolved))
		}
	}
	if b.AI != nil && b.AI.Mark != "" {
		add("mark", l.data(b.AI.Mark))
	}
	return r
}

// said is the language that somebody spoke in, where it differs from the page's: what is not written
// in Chinese characters is taken to be the language of the customer's country.
func (l *language) said(e warehouse.Interaction) string {
	tag := l.langOf(e.Text)
	if tag != "zh-Hans" && e.Jurisdiction == "ES" {
		return "es"
	}
	return tag
}

func escaped(s string) template.HTML { return template.HTML(template.HTMLEscapeString(s)) }

func (l *language) yes(b bool) template.HTML {
	if b {
		return escaped(l.text("yes"))
	}
	return escaped(l.text("no"))
}

// facts puts the values that decided a finding into words. Names that the pages do not know yet
// (a pack has just brought them) are shown as they are.
func (c *Console) facts(l *language, object string, events []warehouse.Interaction) []pair {
	var values map[string]any
	d := json.NewDecoder(strings.NewReader(object))
	d.UseNumber()
	if d.Decode(&values) != nil {
		return nil
	}
	names := make([]string, 0, len(values))
	for k := range values {
		names = append(names, k)
	}
	slices.Sort(names)
	var out []pair
	for _, k := range names {
		if of, ok := strings.CutSuffix(k, "_at"); ok && isEvent(values[of], events) {
			continue // the event says its moment
		}
		name := l.data(strings.ReplaceAll(k, "_", " ")) // a fact that a pack of tomorrow brings
		if text, ok := l.known("fact." + k); ok {
			name = escaped(text)
		}
		out = append(out, pair{name, c.fact(l, k, values[k], events)})
	}
	return out
}

func isEvent(v any, events []warehouse.Interaction) bool {
	return slices.ContainsFunc(events, func(e warehouse.Interaction) bool { return e.EventID == v })
}

// fact is one value in words: seconds as a length, moments as a time, an event by its moment.
func (c *Console) fact(l *language, name string, v any, events []warehouse.Interaction) template.HTML {
	switch v := v.(type) {
	case bool:
		return l.yes(v)
	case nil:
		return escaped(l.text("not_reported"))
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return escaped(v.String())
		}
		switch {
		case n == 0 && strings.HasSuffix(name, "_at_text"): // texts count from 1
			return escaped(l.text("value.unseen"))
		case strings.HasSuffix(name, "_s"):
			return escaped(l.lasting(n * 1000))
		case strings.HasSuffix(name, "_ms"):
			return escaped(l.lasting(n))
		case strings.HasSuffix(name, "_at") && n > 1e11: // a moment in milliseconds, not a count
			return escaped(c.clock(n, "15:04:05"))
		}
		return escaped(l.number(n))
	case string:
		for i, e := range events {
			if e.EventID == v {
				return template.HTML(fmt.Sprintf(`<a href="#e%d">%s</a>`, i, c.clock(e.At, "15:04:05")))
			}
		}
		return l.named("value.", v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return escaped(fmt.Sprint(v))
	}
	return l.data(string(text))
}
