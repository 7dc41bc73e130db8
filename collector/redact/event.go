package redact

import (
	"bytes"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"mingjian/collector/event"
)

// Pseudonym gives a stable stand-in for an identifier that is itself personal data, so that what
// belongs to one person still belongs together. It must not be possible to find the identifier from
// it by trying: a plain digest of a telephone number would be no secret.
type Pseudonym func(id string) string

// Event masks an event in place and says of which kinds the masked data was: the text, every other
// string that people or systems write freely (names and values of fields that the model does not
// list among them, labels too), and what was keyed in at a phone menu.
//
// Identifiers of people (customer.id, actor.id, handoff.agent_id) stay as they are, because they are
// pseudonyms already; one that is itself a telephone number or the like is replaced by its
// pseudonym, or masked where pseudonym is nil. Ids of events, sessions, orders and tickets, names of
// tenants and lines of business, and the address of a recording stay: they are how things are found.
func Event(e *event.Event, pseudonym Pseudonym) Kinds {
	m := masker{pseudonym: pseudonym}
	m.text(&e.Text)
	for _, flag := range e.Flags {
		if flag == event.FlagTextCut {
			m.cut(&e.Text)
		}
	}
	m.id(&e.Actor.ID)
	if c := e.Customer; c != nil {
		m.id(&c.ID)
		m.text(&c.Province)
	}
	if a := e.AI; a != nil {
		m.text(&a.Intent)
		m.text(&a.Mark)
		m.texts(a.Sources)
	}
	if n := e.Entrance; n != nil {
		m.text(&n.AILabel)
	}
	if n := e.Menu; n != nil {
		m.texts(n.Options)
		m.pressed(&n.Pressed)
	}
	if h := e.Handoff; h != nil {
		m.id(&h.AgentID)
		m.text(&h.Via)
		m.text(&h.Reason)
		m.texts(h.Passed)
	}
	for _, d := range []*event.Due{e.Callback, e.Promise} {
		if d != nil {
			m.text(&d.What)
		}
	}
	m.text(&e.Due)
	for _, v := range e.FreeForm() {
		m.value(v)
	}
	return m.kinds
}

// masker masks the fields of one event.
type masker struct {
	pseudonym Pseudonym
	kinds     Kinds
}

func (m *masker) text(s *string) {
	masked, kinds := Text(*s)
	*s, m.kinds = masked, m.kinds|kinds
}

func (m *masker) texts(list []string) {
	for i := range list {
		m.text(&list[i])
	}
}

func (m *masker) id(s *string) {
	masked, kinds := Text(*s)
	if kinds == 0 {
		return
	}
	if m.pseudonym != nil {
		masked = m.pseudonym(*s)
	}
	*s, m.kinds = masked, m.kinds|kinds
}

// longInput is how many digits keyed in at a menu are no choice any more: menus go to two, an
// account, a card, an identity or a secret number begins at six.
const longInput = 6

func (m *masker) pressed(s *string) {
	m.text(s)
	digits := 0
	for i := range len(*s) {
		if isDigit(rune((*s)[i])) {
			digits++
		}
	}
	if digits >= longInput {
		*s = Digits.Mask()
		m.kinds |= 1 << Digits
	}
}

// cut masks the rest of a number or an address at the end of a text that was cut there: what is left
// of it could not be recognised.
func (m *masker) cut(s *string) {
	rest := strings.TrimRightFunc(*s, func(r rune) bool {
		r = folded(r)
		return r == 0 || isAlnum(r) || digitOf(r) >= 0 || strings.ContainsRune(" -.+@()_·", r)
	})
	if strings.ContainsFunc((*s)[len(rest):], func(r rune) bool { return digitOf(folded(r)) >= 0 || r == '@' }) {
		*s = rest + Digits.Mask()
		m.kinds |= 1 << Digits
	}
}

// clean reports whether no string and no number of a JSON value holds personal data. Most hold none, and
// so are read and not written.
func clean(v jsontext.Value) bool {
	in := jsontext.NewDecoder(bytes.NewBuffer(v))
	for {
		token, err := in.ReadToken()
		if err != nil {
			return err == io.EOF
		}
		switch token.Kind() {
		case jsontext.KindString, jsontext.KindNumber:
			if _, kinds := Text(token.String()); kinds != 0 {
				return false
			}
		}
	}
}

// value masks the strings, the names and the numbers of a JSON value.
func (m *masker) value(v *jsontext.Value) {
	if !suspect(string(*v)) && !bytes.ContainsRune(*v, '\\') || clean(*v) {
		return
	}
	var out bytes.Buffer
	before := m.kinds
	m.kinds = 0
	// The value was checked when it was decoded, so that neither reading nor writing can fail; a name
	// that a mask makes equal to another one is told apart with a number.
	in := jsontext.NewDecoder(bytes.NewReader(*v))
	to := jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true))
	var names []map[string]bool // of the objects that are open
	for {
		kind, length := in.StackIndex(in.StackDepth())
		token, err := in.ReadToken()
		if err != nil {
			break
		}
		switch token.Kind() {
		case jsontext.KindBeginObject:
			names = append(names, map[string]bool{})
		case jsontext.KindEndObject:
			names = names[:len(names)-1]
		case jsontext.KindString:
			s := token.String()
			m.text(&s)
			if kind == jsontext.KindBeginObject && length%2 == 0 {
				for open := names[len(names)-1]; ; s += "'" {
					if !open[s] {
						open[s] = true
						break
					}
				}
			}
			token = jsontext.String(s)
		case jsontext.KindNumber:
			if s, kinds := Text(token.String()); kinds != 0 {
				m.kinds |= kinds
				token = jsontext.String(s)
			}
		}
		if err := to.WriteToken(token); err != nil {
			break
		}
	}
	if m.kinds != 0 {
		*v = bytes.TrimSpace(out.Bytes())
		_ = v.Format(jsontext.ReorderRawObjects(true)) // as decoding left it
	}
	m.kinds |= before
}
