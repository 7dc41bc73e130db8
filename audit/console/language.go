package console

import (
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"go.yaml.in/yaml/v3"
	xlanguage "golang.org/x/text/language"
	numbers "golang.org/x/text/message"
)

// language is one edition of the pages: its texts by key.
type language struct {
	tag     string // zh, en: the name of the file
	html    string // for lang=
	texts   map[string]string
	numbers *numbers.Printer
}

// readLanguages reads locale/*.yaml. Both must have the same keys; a test holds them to it.
func readLanguages(files fs.FS) (map[string]*language, error) {
	out := map[string]*language{}
	for tag, html := range map[string]string{"zh": "zh-Hans", "en": "en"} {
		text, err := fs.ReadFile(files, "locale/"+tag+".yaml")
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		var tree map[string]any
		if err := yaml.Unmarshal(text, &tree); err != nil {
			return nil, fmt.Errorf("console: locale/%s.yaml: %w", tag, err)
		}
		l := &language{tag: tag, html: html, texts: map[string]string{}, numbers: numbers.NewPrinter(xlanguage.Make(html))}
		flatten(tree, "", l.texts)
		out[tag] = l
	}
	return out, nil
}

// flatten makes {a: {b: text}} into "a.b".
func flatten(tree map[string]any, prefix string, into map[string]string) {
	for k, v := range tree {
		switch v := v.(type) {
		case map[string]any:
			flatten(v, prefix+k+".", into)
		case string:
			into[prefix+k] = v
		}
	}
}

// text returns the text of a key that is known to exist.
func (l *language) text(key string, args ...any) string {
	s, err := l.lookup(key, args...)
	if err != nil {
		return key
	}
	return s
}

// lookup is what templates use: a key without a text is an error there, so that a test sees it.
func (l *language) lookup(key string, args ...any) (string, error) {
	s, ok := l.texts[key]
	if !ok {
		return "", fmt.Errorf("locale/%s.yaml has no text for %q", l.tag, key)
	}
	if len(args) > 0 {
		s = fmt.Sprintf(s, args...)
	}
	return s, nil
}

// plural picks key.one or key.other by count, which the text may show as %s.
func (l *language) plural(key string, count int64) (string, error) {
	form := ".other"
	if count == 1 {
		form = ".one"
	}
	return l.lookup(key+form, l.number(count))
}

// known returns the text of a key that may not exist, such as a fact that a pack has just brought.
func (l *language) known(key string) (string, bool) {
	s, ok := l.texts[key]
	return s, ok
}

// number writes an integer with its thousands apart.
func (l *language) number(n int64) string { return l.numbers.Sprintf("%d", n) }

const languageCookie = "mingjian_lang"

// oneYear in seconds: the choice is kept until it is made again.
const oneYear = 365 * 24 * 60 * 60

var matcher = xlanguage.NewMatcher([]xlanguage.Tag{xlanguage.English, xlanguage.Chinese})

// language picks the edition: the switch (?lang=), then the choice made before, then the browser's
// languages. Choosing is remembered.
func (c *Console) language(w http.ResponseWriter, r *http.Request) *language {
	if l, ok := c.languages[r.URL.Query().Get("lang")]; ok {
		cookie := &http.Cookie{Name: languageCookie, Value: l.tag, Path: "/", MaxAge: oneYear, SameSite: http.SameSiteLaxMode, HttpOnly: true}
		if !strings.Contains(strings.Join(w.Header().Values("Set-Cookie"), ""), languageCookie) {
			http.SetCookie(w, cookie)
		}
		return l
	}
	if k, err := r.Cookie(languageCookie); err == nil {
		if l, ok := c.languages[k.Value]; ok {
			return l
		}
	}
	if tags, _, err := xlanguage.ParseAcceptLanguage(r.Header.Get("Accept-Language")); err == nil && len(tags) > 0 {
		if _, i, sure := matcher.Match(tags...); sure != xlanguage.No && i == 1 {
			return c.languages["zh"]
		}
		return c.languages["en"]
	}
	return c.languages["zh"] // the product's first language
}
