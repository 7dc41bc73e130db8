package event

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// MaxEventID and MaxSessionID are in bytes of UTF-8, as the event model says.
	MaxEventID   = 64
	MaxSessionID = 128
	// MaxDepth is how deep objects and lists may stand in each other, the event itself being the
	// first. The model needs 3; the rest is room for labels and unlisted fields, with an end so that
	// nobody can make later readers recurse without one.
	MaxDepth = 32
)

// FlagTextCut and FlagTextNUL are the values of Event.Flags.
const (
	FlagTextCut = "text_cut" // the text was longer than MaxText
	FlagTextNUL = "text_nul" // the text held NUL, which was removed
)

// wire is an Event as it is read: its ts field may be a text or a number. A field that has the name of
// the collector's own is one that the model does not list.
type wire struct {
	TS         moment         `json:"ts"`
	Classified jsontext.Value `json:"classified"`
	Event
}

// Decode reads one message: key and value as Kafka carries them, now for judging the event's
// moment. It returns either an event or the reason why there is none, never both. A message without
// a key is accepted; a key that is there must be the session_id.
//
// A name given twice in one object is refused (NotJSON), since readers disagree on which of the two
// values counts and keeping one would drop the other. The value is not retained.
func Decode(key, value []byte, now time.Time) (*Event, *Reject) {
	if (len(value) == 0 || value[0] != '{') && len(bytes.TrimSpace(value)) == 0 {
		return nil, &Reject{EmptyMessage, "the message has no content"}
	}
	if r := checkShape(value); r != nil {
		return nil, r
	}
	w := new(wire)
	e := &w.Event
	if err := json.Unmarshal(value, w); err != nil {
		return nil, explain(err, value)
	}
	e.unlisted("classified", w.Classified)
	if r := identify(e, &w.TS, key, now); r != nil {
		return nil, r
	}
	if r := validate(e); r != nil {
		return nil, r
	}
	e.settleText()
	e.settleValues()
	return e, nil
}

// checkShape refuses what is no object or nested too deep before anything is built from it.
func checkShape(value []byte) *Reject {
	switch c := bytes.TrimLeft(value, " \t\r\n")[0]; c {
	case '{':
	case '[':
		return &Reject{NotJSON, "the message is a list; each message must be one JSON object"}
	case '"', 't', 'f', 'n', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return &Reject{NotJSON, "the message is a single value; each message must be one JSON object"}
	case 0xEF:
		if bytes.HasPrefix(value, []byte("\xEF\xBB\xBF")) {
			return &Reject{NotJSON, "the message starts with a byte order mark; send UTF-8 without one"}
		}
		fallthrough
	default:
		return &Reject{NotJSON, fmt.Sprintf("the message is not JSON: it must start with { and starts with %q", firstRune(value))}
	}
	if at := deeperThan(value, MaxDepth); at >= 0 {
		return &Reject{NotJSON, fmt.Sprintf("objects and lists are nested more than %d deep at byte %d", MaxDepth, at)}
	}
	return nil
}

func firstRune(value []byte) string {
	r, _ := utf8.DecodeRune(bytes.TrimLeft(value, " \t\r\n"))
	return string(r)
}

// deeperThan returns the offset of the first bracket that opens more than limit levels, or -1.
// Nearly every message has fewer brackets than that, which two counts tell.
func deeperThan(value []byte, limit int) int {
	if bytes.Count(value, []byte{'{'})+bytes.Count(value, []byte{'['}) <= limit {
		return -1
	}
	depth, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

// identify checks what makes an event this event: ids, moment, kind and the stream's key.
func identify(e *Event, ts *moment, key []byte, now time.Time) *Reject {
	if r := checkID(NoEventID, "event_id", e.ID, MaxEventID); r != nil {
		return r
	}
	if r := checkID(NoSessionID, "session_id", e.SessionID, MaxSessionID); r != nil {
		return r
	}
	at, r := ts.resolve(now)
	if r != nil {
		return r
	}
	e.At = at
	if e.Kind == "" {
		return &Reject{BadKind, "kind is missing"}
	}
	if !kinds[e.Kind] {
		return &Reject{BadKind, fmt.Sprintf("kind %s is not in the event model; it knows %s", quote(string(e.Kind)), strings.Join(kindNames, ", "))}
	}
	if len(key) > 0 && string(key) != e.SessionID {
		return &Reject{KeyDiffers, fmt.Sprintf("the Kafka key %s is not the session_id %s", quote(string(key)), quote(e.SessionID))}
	}
	return nil
}

func checkID(reason Reason, name, id string, limit int) *Reject {
	switch {
	case strings.TrimSpace(id) == "":
		return &Reject{reason, name + " is missing or empty"}
	case len(id) > limit:
		return &Reject{reason, fmt.Sprintf("%s has %d bytes; at most %d are allowed", name, len(id), limit)}
	case hasControl(id):
		return &Reject{reason, name + " holds a control character: " + quote(id)}
	}
	return nil
}

// settleText makes the text fit to be stored, and flags what that took.
func (e *Event) settleText() {
	e.TextBytes = len(e.Text)
	var flags []string
	if len(e.Text) > MaxText {
		flags = append(flags, FlagTextCut)
	}
	if strings.IndexByte(e.Text, 0) >= 0 {
		e.Text = strings.ReplaceAll(e.Text, "\x00", "")
		flags = append(flags, FlagTextNUL)
	}
	if len(e.Text) > MaxText {
		end := MaxText
		for !utf8.RuneStart(e.Text[end]) {
			end--
		}
		// Cloned so that a cut text does not keep the whole of it in memory.
		e.Text = strings.Clone(e.Text[:end])
	} else if len(flags) > 0 && flags[0] == FlagTextCut {
		flags = flags[1:] // it was NUL that made it too long
	}
	e.Flags = flags
}

// settleValues brings the free-form values to one spelling, so that the same event is the same bytes.
func (e *Event) settleValues() {
	if string(e.Labels) == "null" {
		e.Labels = nil
	}
	for _, v := range e.FreeForm() {
		// They were checked while decoding; Format cannot fail on them. Numbers stay as written:
		// order numbers with 18 digits do not survive a float64.
		_ = v.Format(jsontext.ReorderRawObjects(true))
	}
}

// unlisted puts a field among those that the model does not list. One that is null was not reported.
func (e *Event) unlisted(name string, value jsontext.Value) {
	if len(value) == 0 || value.Kind() == 'n' {
		return
	}
	member := fmt.Appendf(nil, "{%q:%s", name, value)
	if rest := bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimSpace(e.Extra), []byte("{")), " \t\r\n"); len(rest) > 1 {
		e.Extra = append(append(member, ','), rest...)
	} else {
		e.Extra = append(member, '}')
	}
}

// FreeForm lists the event's values that the model does not describe: labels, and extra fields of the
// event and its objects. Each is one JSON object; most events have none. They may be changed in place.
func (e *Event) FreeForm() (vs []*jsontext.Value) {
	add := func(v *jsontext.Value) {
		if len(*v) > 0 {
			vs = append(vs, v)
		}
	}
	add(&e.Labels)
	add(&e.Extra)
	add(&e.Actor.Extra)
	if e.Customer != nil {
		add(&e.Customer.Extra)
	}
	if e.Bot != nil {
		add(&e.Bot.Extra)
	}
	if e.Media != nil {
		add(&e.Media.Extra)
	}
	if e.AI != nil {
		add(&e.AI.Extra)
	}
	if e.Entrance != nil {
		add(&e.Entrance.Extra)
	}
	if e.Menu != nil {
		add(&e.Menu.Extra)
	}
	if e.Handoff != nil {
		add(&e.Handoff.Extra)
	}
	if e.Callback != nil {
		add(&e.Callback.Extra)
	}
	if e.Promise != nil {
		add(&e.Promise.Extra)
	}
	if e.Decision != nil {
		add(&e.Decision.Extra)
	}
	if e.Claim != nil {
		add(&e.Claim.Extra)
	}
	if e.Close != nil {
		add(&e.Close.Extra)
	}
	if e.Unlabeled != nil {
		add(&e.Unlabeled.Extra)
	}
	return vs
}
