package console

import (
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// funcs are what templates say things with, in one language.
func (c *Console) funcs(l *language) template.FuncMap {
	return template.FuncMap{
		"t": l.lookup,
		"n": func(key string, count any) (string, error) {
			switch v := count.(type) {
			case int:
				return l.plural(key, int64(v))
			case int64:
				return l.plural(key, v)
			}
			return "", fmt.Errorf("%s: a count is an integer, not %T", key, count)
		},
		"num": func(count any) string {
			switch v := count.(type) {
			case int:
				return l.number(int64(v))
			case int64:
				return l.number(v)
			case uint64:
				return l.number(int64(v)) // sizes of logs
			}
			return fmt.Sprint(count)
		},
		"text":        func(t policies.Text) string { return t.In(l.tag) },
		"prose":       func(t policies.Text) template.HTML { return l.prose(t.In(l.tag)) },
		"html":        func() string { return l.html },
		"other":       func() string { return map[string]string{"zh": "en", "en": "zh-Hans"}[l.tag] },
		"data":        func(s string) template.HTML { return l.data(s) },
		"langof":      func(s string) string { return l.langOf(s) },
		"segments":    segments,
		"at":          func(ms policies.Millis) string { return c.clock(ms, "2006-01-02 15:04:05") },
		"minute":      func(ms policies.Millis) string { return c.clock(ms, "01-02 15:04") },
		"clock":       func(ms policies.Millis) string { return c.clock(ms, "15:04:05") },
		"iso":         func(ms policies.Millis) string { return c.clock(ms, time.RFC3339) },
		"zone":        func() string { return zoneName + " (UTC" + time.UnixMilli(0).In(c.zone).Format("-07:00") + ")" },
		"lasting":     func(ms policies.Millis) string { return l.lasting(ms) },
		"took":        func(s warehouse.Session) string { return l.lasting(max(0, s.LastAt-s.Opened)) },
		"short":       func(s string) string { return s[:min(len(s), 12)] },
		"status":      l.status,
		"means":       l.means,
		"sessionHref": func(tenant, id string) string { return sessionHref(tenant, id) },
		"findingHref": c.findingHref,
		"figures":     figures,
		"field":       c.field,
		"rule":        func(id string) policies.Rule { return c.ruleOf(id) },
		"clause":      func(id string) policies.Clause { return c.clauseOf(id) },
		"channel":     func(s string) template.HTML { return l.named("channel.", s) },
		"harm":        l.harm,
		"permission":  func(p string) template.HTML { return l.named("permission.", strings.ReplaceAll(p, ":", "_")) },
		"journalNoun": func(noun string) string { return l.nounOf(noun) },
		"money":       l.money,
		"masked":      Masked,
		"dict":        dict,
		"pack":        func(prefix string, list []bar) barChart { return barChart{prefix, list} },
		"word":        func(prefix, s string) template.HTML { return l.named(prefix, s) },
	}
}

// dict gives a part of a page more than one thing, by names.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// harm is an amount of minor units in words; "" where it was none in money.
func (l *language) harm(minor int64, code string) string {
	if minor == 0 {
		return ""
	}
	return code + " " + major(minor, code)
}

// status is the word for what breaking a rule means, or the data as it came: a pack of tomorrow may
// bring another.
func (l *language) status(s string) template.HTML {
	if text, ok := l.known("status." + s + ".word"); ok {
		return escaped(text)
	}
	return l.data(s)
}

// means says what a status means; "" for one that the pages do not know.
func (l *language) means(s string) string {
	text, _ := l.known("status." + s + ".means")
	return text
}

// ruleOf finds a rule; one that an older revision had and this one has not is shown by its id.
func (c *Console) ruleOf(id string) policies.Rule {
	if r, ok := c.Policies().Rule(id); ok {
		return r
	}
	return policies.Rule{ID: id, Title: policies.Text{ZH: id, EN: id}}
}

func (c *Console) clauseOf(id string) policies.Clause {
	if k, ok := c.Policies().Clause(id); ok {
		return k
	}
	return policies.Clause{ID: id, Instrument: id}
}

func (c *Console) clock(ms policies.Millis, layout string) string {
	return time.UnixMilli(ms).In(c.zone).Format(layout)
}

// lasting says how long something took, to the second, and to the minute from an hour on.
func (l *language) lasting(ms policies.Millis) string {
	s := (ms + 500) / 1000
	switch {
	case s < 60:
		return l.text("lasting.s", s)
	case s < 3600:
		return l.text("lasting.ms", s/60, s%60)
	case s < 48*3600:
		return l.text("lasting.hm", s/3600, s%3600/60)
	}
	return l.text("lasting.d", s/86400)
}

// named is a fixed word of the model (a channel, a role) in this language, or the data as it came.
func (l *language) named(prefix, s string) template.HTML {
	if text, ok := l.known(prefix + s); ok && s != "" {
		return escaped(text)
	}
	return l.data(s)
}

// data is a value from outside, in an element that keeps its direction to itself and says its
// language where that is not the page's.
func (l *language) data(s string) template.HTML {
	var b strings.Builder
	b.WriteString("<bdi")
	if tag := l.langOf(s); tag != "" {
		b.WriteString(` lang="` + tag + `"`)
	}
	b.WriteString(">")
	for _, p := range segments(s) {
		switch p.Kind {
		case "control":
			b.WriteString(`<span class="control">` + template.HTMLEscapeString(p.Text) + "</span>")
		case "mask":
			b.WriteString(`<span class="mask" lang="` + l.html + `">` + string(l.named("mask.", p.Text)) + "</span>")
		default:
			b.WriteString(template.HTMLEscapeString(p.Text))
		}
	}
	b.WriteString("</bdi>")
	return template.HTML(b.String())
}

// quoted are Chinese words inside a sentence of another language.
var quoted = regexp.MustCompile(`\p{Han}[\p{Han}\p{N}\p{Latin}，。、《》〔〕“”]*`)

// prose is a sentence of ours; what it quotes in Chinese says so where the page is not Chinese.
func (l *language) prose(s string) template.HTML {
	text := template.HTMLEscapeString(s)
	if l.tag != "zh" {
		text = quoted.ReplaceAllString(text, `<span lang="zh-Hans">$0</span>`)
	}
	return template.HTML(text)
}

// langOf is the language of a text where it differs from the page's; "" where it does not.
func (l *language) langOf(s string) string {
	han := strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	switch {
	case han && l.tag == "en":
		return "zh-Hans"
	case !han && l.tag == "zh" && strings.ContainsFunc(s, unicode.IsLetter):
		return "en"
	}
	return ""
}

// segment is a run of a text that is shown in one way.
type segment struct {
	Kind string // "", mask, control
	Text string
}

// segments takes a text apart so that nothing in it acts on the page: characters that turn the
// direction of writing or control a device are named instead of obeyed, and masks (⟦phone⟧) are
// told apart from what was said.
func segments(s string) []segment {
	var (
		out   []segment
		plain strings.Builder
	)
	flush := func() {
		if plain.Len() > 0 {
			out = append(out, segment{"", plain.String()})
			plain.Reset()
		}
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == '⟦' {
			if end := strings.Index(s[i:], "⟧"); end > 0 && end < 40 {
				flush()
				out = append(out, segment{"mask", s[i+size : i+end]})
				i += end + len("⟧")
				continue
			}
		}
		if acts(r) {
			flush()
			out = append(out, segment{"control", fmt.Sprintf("U+%04X", r)})
		} else {
			plain.WriteString(s[i : i+size])
		}
		i += size
	}
	flush()
	return out
}

// acts reports whether a character does something to its surroundings instead of being read:
// controls, and the marks, embeddings, overrides and isolates of the bidirectional algorithm (UAX 9).
func acts(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20 || r >= 0x7f && r < 0xa0, r == utf8.RuneError:
		return true
	}
	return unicode.Is(unicode.Bidi_Control, r)
}

// Masked keeps of an identifier only what lets people tell two customers of a page apart.
func Masked(id string) string {
	runes := []rune(id)
	if len(runes) == 0 {
		return ""
	}
	if len(runes) < 6 {
		return "•••"
	}
	return "•••" + string(runes[len(runes)-3:])
}
