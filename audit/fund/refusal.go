package fund

import (
	"fmt"
	"strconv"

	"github.com/shopspring/decimal"
	"golang.org/x/text/currency"

	"mingjian/policies"
)

// Refusal is the fund saying no to what was asked: nothing has changed, and asking the same again gets
// the same answer until something else changes.
type Refusal struct {
	Code Code
	Text string // one sentence, English: why, and the way out
}

// Code is the kind of a refusal, for programs.
type Code string

// The codes.
const (
	Short         Code = "short"         // less is available than is asked for
	Held          Code = "held"          // something else is held for the case
	Nothing       Code = "nothing"       // nothing is held for the case
	Unknown       Code = "unknown"       // there is no such payout or ledger
	Mismatch      Code = "mismatch"      // not what was ordered, or not what the same key meant before
	Contradiction Code = "contradiction" // it was booked with the other outcome
	Invalid       Code = "invalid"       // the request cannot be read as one
	Foreign       Code = "foreign"       // another tenant's
)

// Error is the sentence.
func (r *Refusal) Error() string { return r.Text }

// Refusal is the sentence, for callers that do not know this package.
func (r *Refusal) Refusal() string { return r.Text }

func refuse(code Code, format string, args ...any) error {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// MaxMinor bounds amounts and what has ever come into one ledger: the largest integer that every reader
// of JSON keeps whole (RFC 8259, section 6). In yuan it is 90 trillion.
const MaxMinor = 1<<53 - 1

// isCurrency reports whether a code is one of ISO 4217, written as there.
func isCurrency(code string) bool {
	unit, err := currency.ParseISO(code)
	return err == nil && unit.String() == code
}

const noCurrency = "a currency is three capital letters of ISO 4217, such as CNY; this is %q"

// decimals are the digits of minor units where they are not two (ISO 4217, list one).
var decimals = map[string]int32{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0,
	"VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3, "CLF": 4, "UYW": 4,
}

// scale is how many digits a currency's minor unit has.
func scale(currency string) int32 {
	if n, ok := decimals[currency]; ok {
		return n
	}
	return 2
}

// Scale is how many digits a currency's minor unit has, for those who show and read amounts.
func Scale(currency string) int32 { return scale(currency) }

// major writes minor units as people do: 1250 CNY is 12.50.
func major(minor int64, currency string) string {
	n := scale(currency)
	return decimal.New(minor, -n).StringFixed(n)
}

// say is an amount with its currency, for sentences.
func say(m policies.Money) string {
	if m.Currency == "" {
		return strconv.FormatInt(m.Minor, 10) + " without a currency"
	}
	return m.Currency + " " + major(m.Minor, m.Currency)
}

// check refuses what is no amount to book.
func check(m policies.Money) error {
	if !isCurrency(m.Currency) {
		return refuse(Invalid, noCurrency, m.Currency)
	}
	if m.Minor < 1 || m.Minor > MaxMinor {
		return refuse(Invalid, "an amount is 1 to %d in minor units; this is %d", int64(MaxMinor), m.Minor)
	}
	return nil
}
