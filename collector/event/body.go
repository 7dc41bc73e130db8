package event

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Body is what a row keeps of an event beside the columns text, text length, flags, labels and
// extra: the canonical JSON of everything else. It panics on an event that Encode would refuse; one
// that was decoded never is.
//
// What most events have is written by hand, which takes a quarter of the library's time; the bytes are
// the library's, which writes the objects that few events have.
func Body(e *Event) string {
	room := bodies.Get().(*body)
	w := append((*room)[:0], '{')
	w.always("event_id", e.ID)
	w.always("session_id", e.SessionID)
	w = strconv.AppendInt(w.name("ts"), e.At, 10)
	w.always("kind", string(e.Kind))
	w.text("tenant", e.Tenant)
	w.text("business_line", e.BusinessLine)
	w.text("channel", e.Channel)
	w.text("industry", e.Industry)
	w.flag("appeal", e.Appeal)
	w.customer(e.Customer)
	w.bot(e.Bot)
	w.actor(&e.Actor)
	w.object("media", e.Media != nil, e.Media)
	w.object("ai", e.AI != nil, e.AI)
	w.entrance(e.Entrance)
	w.object("menu", e.Menu != nil, e.Menu)
	w.object("handoff", e.Handoff != nil, e.Handoff)
	w.object("callback", e.Callback != nil, e.Callback)
	w.object("promise", e.Promise != nil, e.Promise)
	w.object("decision", e.Decision != nil, e.Decision)
	w.object("claim", e.Claim != nil, e.Claim)
	w.close(e.Close)
	w.object("consents", e.Consents != nil, e.Consents)
	w.object("unlabelled_on_request", e.Unlabeled != nil, e.Unlabeled)
	w.text("ticket_id", e.TicketID)
	w.text("due", e.Due)
	w.object("classified", e.Classified != nil, e.Classified)
	*room = append(w, '}')
	defer bodies.Put(room)
	return string(*room)
}

// bodies is room to write in, which is larger than what is written.
var bodies = sync.Pool{New: func() any { return new(body) }}

// body is JSON that is being written.
type body []byte

// name begins a member.
func (w *body) name(name string) body {
	if last := (*w)[len(*w)-1]; last != '{' {
		*w = append(*w, ',')
	}
	*w = append(append(append(*w, '"'), name...), '"', ':')
	return *w
}

func (w *body) always(name, s string) {
	b, err := jsontext.AppendQuote(w.name(name), s)
	if err != nil {
		panic(fmt.Sprintf("event was not made by Decode: %s: %v", name, err))
	}
	*w = b
}

func (w *body) text(name, s string) {
	if s != "" {
		w.always(name, s)
	}
}

func (w *body) flag(name string, is bool) {
	if is {
		*w = append(w.name(name), "true"...)
	}
}

func (w *body) told(name string, is *bool) {
	if is != nil {
		*w = strconv.AppendBool(w.name(name), *is)
	}
}

func (w *body) count(name string, n *int) {
	if n != nil {
		*w = strconv.AppendInt(w.name(name), int64(*n), 10)
	}
}

// object has the library write a value.
func (w *body) object(name string, there bool, v any) {
	if !there {
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("event was not made by Decode: %s: %v", name, err))
	}
	*w = append(w.name(name), b...)
}

// What has fields that the model does not list is left to the library.

func (w *body) customer(c *Customer) {
	if c == nil || len(c.Extra) > 0 {
		w.object("customer", c != nil, c)
		return
	}
	*w = append(w.name("customer"), '{')
	w.text("id", c.ID)
	w.count("age", c.Age)
	w.told("elder_mode", c.ElderMode)
	w.object("needs", c.Needs != nil, c.Needs)
	w.text("jurisdiction", c.Jurisdiction)
	w.text("province", c.Province)
	w.count("visits_24h", c.Visits24h)
	*w = append(*w, '}')
}

func (w *body) bot(b *Bot) {
	if b == nil || len(b.Extra) > 0 {
		w.object("bot", b != nil, b)
		return
	}
	*w = append(w.name("bot"), '{')
	w.text("id", b.ID)
	w.text("version", b.Version)
	w.text("model", b.Model)
	*w = append(*w, '}')
}

func (w *body) actor(a *Actor) {
	switch {
	case a.Extra != nil:
		w.object("actor", true, a)
		return
	case a.Role == "" && a.ID == "" && !a.Automated && a.Level == "":
		return
	}
	*w = append(w.name("actor"), '{')
	w.text("role", string(a.Role))
	w.text("id", a.ID)
	w.flag("automated", a.Automated)
	w.text("level", a.Level)
	*w = append(*w, '}')
}

func (w *body) entrance(e *Entrance) {
	if e == nil || len(e.Extra) > 0 {
		w.object("entrance", e != nil, e)
		return
	}
	*w = append(w.name("entrance"), '{')
	w.count("depth", e.Depth)
	w.count("human_option_position", e.HumanOptionPosition)
	w.told("human_option_visible", e.HumanOptionVisible)
	w.told("one_tap_human", e.OneTapHuman)
	w.told("elder_channel", e.ElderChannel)
	w.told("accessible_channel", e.AccessibleChannel)
	w.text("ai_label", e.AILabel)
	*w = append(*w, '}')
}

func (w *body) close(c *Close) {
	if c == nil || c.CSAT != nil || len(c.Extra) > 0 {
		w.object("close", c != nil, c)
		return
	}
	*w = append(w.name("close"), '{')
	w.text("by", c.By)
	w.text("reason", c.Reason)
	w.told("resolved", c.Resolved)
	*w = append(*w, '}')
}
