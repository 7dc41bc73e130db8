package redact

import "strings"

// isMobile recognises a number of the Chinese mobile networks.
func isMobile(d string) bool { return len(d) == 11 && d[0] == '1' && d[1] >= '3' }

// isPhone recognises a telephone number.
func (c *candidate) isPhone() bool {
	d := c.d
	if c.text.at(c.from-1) == '+' {
		return len(d) >= 8 && len(d) <= 15 // E.164
	}
	if rest, ok := strings.CutPrefix(d, "00"); ok && len(rest) >= 10 && c.about() != anOrder {
		return len(rest) <= 15 && rest[0] != '0'
	}
	if rest, ok := strings.CutPrefix(d, "86"); ok && (isMobile(rest) || isLandline(rest)) && c.about() != anOrder {
		return true
	}
	switch {
	case (isMobile(d) || len(d) == 12 && d[0] == '0' && isMobile(d[1:])) && c.mobileForm():
		return c.about() != anOrder
	case d[0] == '0':
		return c.isLocal() && c.about() != anOrder
	}
	return c.isNorthAmerican() || c.isSpanish() || c.isShort()
}

// mobileForm reports whether a mobile number is written like one. 1381234567.8 is an amount, and a
// point behind the first three digits is not.
func (c *candidate) mobileForm() bool {
	if c.single {
		return true
	}
	if strings.Trim(c.shape, "1") == "" {
		return true // dictated, digit by digit
	}
	if c.sep == '.' && c.shape[0] != '3' {
		return false
	}
	return c.shape != "long" && !strings.Contains(c.shape, "1")
}

// areaLength is how many digits of d are a Chinese area code: 010 and 02x have three, the others four.
func areaLength(d string) int {
	switch {
	case len(d) < 10 || d[0] != '0' || d[1] == '0':
		return 0
	case d[1] == '1' || d[1] == '2':
		return 3
	}
	return 4
}

// isLandline recognises a Chinese landline with its area code, the zero of which is left out abroad.
func isLandline(d string) bool {
	if len(d) > 0 && d[0] != '0' {
		d = "0" + d
	}
	a := areaLength(d)
	return a > 0 && d[a] >= '2' && (len(d)-a == 8 || a == 4 && len(d)-a == 7)
}

// isLocal recognises numbers that begin with a zero: Chinese landlines, with an extension where that
// is a group of its own, and Korean mobiles.
func (c *candidate) isLocal() bool {
	d := c.d
	if isLandline(d) {
		return true
	}
	switch c.shape {
	case "344", "334":
		return d[1] == '1' // Korea: 010, 011, 016 to 019
	}
	if c.single || len(c.shape) < 3 {
		return false
	}
	extension := int(c.shape[len(c.shape)-1] - '0')
	return extension <= 5 && isLandline(d[:len(d)-extension])
}

// isPublic recognises numbers that are given to organisations only: 400 and 800 in China, toll-free
// ones in North America, 800 and 900 to 902 in Spain.
func (c *candidate) isPublic() bool {
	d := c.d
	if len(d) == 11 && d[0] == '1' && c.shape == "1334" {
		d = d[1:]
	}
	switch d[:3] {
	case "400", "800":
		return len(d) == 10 || len(d) == 9 && !c.single
	case "833", "844", "855", "866", "877", "888":
		return len(d) == 10 && (c.shape == "334" || c.shape == "1334")
	case "900", "901", "902":
		return len(d) == 9
	}
	return false
}

// isNorthAmerican recognises (415) 555-2671 and its like.
func (c *candidate) isNorthAmerican() bool {
	d := c.d
	switch {
	case c.shape == "1334" && d[0] == '1':
		d = d[1:]
	case c.shape != "334":
		return false
	}
	if d[0] < '2' || d[3] < '2' || c.about() == anOrder {
		return false
	}
	return c.sep == '-' || c.sep == '.' || c.sep == ')' || c.about() == aPhone
}

// isSpanish recognises a Spanish number of nine digits: in the usual groups, or said to be one.
func (c *candidate) isSpanish() bool {
	d := c.d
	if len(d) != 9 || d[0] < '6' || d[0] > '9' || d[:2] == "90" || d[:2] == "80" {
		return false
	}
	switch c.about() {
	case aPhone:
		return true
	case anOrder:
		return false
	}
	return (c.shape == "3222" || c.shape == "333") && c.sep != '.'
}

// isShort recognises a Chinese landline without its area code, where the words in front say so.
func (c *candidate) isShort() bool {
	d := c.d
	if c.about() != aPhone || len(d) < 7 || len(d) > 8 || d[0] < '2' || d[0] == '9' {
		return false
	}
	return c.single && !(len(d) == 8 && d[:2] == "20" && isDay(d[4:])) || c.shape == "44" || c.shape == "34"
}
