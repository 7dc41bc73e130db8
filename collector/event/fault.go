package event

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// explain turns a decoder's error into a sentence for the person who has to mend the producer.
func explain(err error, value []byte) *Reject {
	var syn *jsontext.SyntacticError
	var sem *json.SemanticError
	switch {
	case errors.As(err, &sem) && sem.GoType != nil:
		return &Reject{BadField, field(sem.JSONPointer) + " " + mismatch(sem)}
	case !errors.As(err, &syn):
		return &Reject{NotJSON, "the message is not JSON"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Reject{NotJSON, fmt.Sprintf("the message is cut off: it ends after %d bytes in the middle of a value", len(value))}
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &Reject{NotJSON, fmt.Sprintf("%s is given twice (byte %d)", field(syn.JSONPointer), syn.ByteOffset)}
	case errors.Is(err, jsontext.ErrNonStringName):
		return &Reject{NotJSON, fmt.Sprintf("not JSON at byte %d: a name in double quotes is expected there", syn.ByteOffset)}
	case !utf8.Valid(value):
		return &Reject{NotJSON, fmt.Sprintf("the message is not valid UTF-8 at byte %d", invalidAt(value))}
	}
	return &Reject{NotJSON, fmt.Sprintf("not JSON at byte %d: %s", syn.ByteOffset, syn.Err)}
}

// field writes a JSON pointer as people name a field: customer.needs[0].
func field(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		if _, err := strconv.Atoi(token); err == nil && b.Len() > 0 {
			b.WriteString("[" + token + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(plain(token))
	}
	if b.Len() == 0 {
		return "the message"
	}
	return b.String()
}

// mismatch says what a field must be and what it is instead.
func mismatch(sem *json.SemanticError) string {
	want := map[reflect.Kind]string{
		reflect.String: "a text", reflect.Bool: "true or false", reflect.Struct: "an object", reflect.Slice: "a list",
		reflect.Int: "a whole number", reflect.Int64: "a whole number", reflect.Float64: "a number",
	}
	t := sem.GoType
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	must := "must be " + want[t.Kind()]
	got := map[jsontext.Kind]string{
		jsontext.KindString: "a text", jsontext.KindNumber: "a number", jsontext.KindTrue: "true", jsontext.KindFalse: "false",
		jsontext.KindBeginObject: "an object", jsontext.KindBeginArray: "a list",
	}[sem.JSONKind]
	switch {
	case errors.Is(sem.Err, strconv.ErrRange):
		return fmt.Sprintf("is a number too large to keep: %s", quote(string(sem.JSONValue)))
	case sem.JSONKind == jsontext.KindNumber && len(sem.JSONValue) > 0:
		return fmt.Sprintf("%s, not %s", must, quote(string(sem.JSONValue)))
	case got != "":
		return must + ", not " + got
	}
	return must
}

func invalidAt(value []byte) int {
	for i := 0; i < len(value); {
		r, n := utf8.DecodeRune(value[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(value)
}

// maxQuote is how much of a wrong value a sentence shows: enough to recognise it.
const maxQuote = 64

// quote shows a value inside a sentence, shortened, and with nothing in it that could not be printed.
func quote(s string) string {
	if len(s) <= maxQuote {
		return strconv.Quote(s)
	}
	end := maxQuote
	for !utf8.RuneStart(s[end]) {
		end--
	}
	// Not in the middle of a number or an e-mail address: the rest of one could not be told to be personal data
	// any more, and sentences are masked as texts are.
	shown := strings.TrimRightFunc(s[:end], func(r rune) bool {
		return unicode.IsDigit(r) || r > ' ' && r < utf8.RuneSelf
	})
	return strconv.Quote(shown) + "…"
}

// plain shows a field's name as it is where that can be printed.
func plain(name string) string {
	if len(name) > maxQuote || hasControl(name) {
		return quote(name)
	}
	return name
}

// hasControl reports a control character. Names and ids are plain ASCII nearly always, which bytes tell.
func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return strings.ContainsFunc(s, unicode.IsControl)
		}
	}
	return false
}
