package console

import (
	"html/template"
	"regexp"
	"strings"

	"github.com/shopspring/decimal"
	"golang.org/x/text/currency"

	"mingjian/audit/fund"
	"mingjian/policies"
)

// amount is a sum as people write it: with its thousands apart or not. A comma that parts no thousands
// is refused, since half of the world writes decimals with it.
var amount = regexp.MustCompile(`^(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,4})?$`)

// minor reads an amount in minor units: 12.3 in CNY is 1230. It is not rounded: an amount with more
// digits than the currency has is refused, and so is a currency that is none (ISO 4217).
func minor(text, code string) (int64, bool) {
	text = strings.NewReplacer("，", ",", " ", "").Replace(strings.TrimSpace(text))
	if _, err := currency.ParseISO(code); err != nil || !amount.MatchString(text) {
		return 0, false
	}
	d, err := decimal.NewFromString(strings.ReplaceAll(text, ",", ""))
	if err != nil {
		return 0, false
	}
	d = d.Shift(fund.Scale(code))
	if !d.IsInteger() || d.GreaterThan(decimal.NewFromInt(fund.MaxMinor)) {
		return 0, false
	}
	return d.IntPart(), true
}

// major writes an amount of minor units as people do, for a form; it is empty for a currency that is none.
func major(minor int64, code string) string {
	if _, err := currency.ParseISO(code); err != nil {
		return ""
	}
	scale := fund.Scale(code)
	return decimal.New(minor, -scale).StringFixed(scale)
}

// money is an amount to read: the currency, and the number with its thousands apart.
func (l *language) money(minor int64, code string) template.HTML {
	if code == "" {
		return escaped("–")
	}
	text := major(minor, code)
	if text == "" { // no currency that the pages know
		return l.data(l.number(minor) + " " + code)
	}
	whole, rest, _ := strings.Cut(text, ".")
	sign := ""
	if w, ok := strings.CutPrefix(whole, "-"); ok {
		sign, whole = "−", w
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return template.HTML(`<span class="money">` + template.HTMLEscapeString(code) + "&nbsp;" + sign + whole + "</span>")
}

// offer is what a customer gets, in words: an amount, points, or the service again.
func (l *language) offer(form string, m policies.Money, points int64) template.HTML {
	name := l.named("case.form.", form)
	switch form {
	case "points":
		return escaped(l.text("case.points_n", l.number(points)))
	case "redo":
		return name
	}
	return name + " " + l.money(m.Minor, m.Currency)
}
