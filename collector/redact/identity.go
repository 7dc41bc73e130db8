package redact

// provinces are the first two digits of an identity card (GB/T 2260): 11 is Beijing, 91 abroad.
var provinces = func() (out [100]bool) {
	for _, p := range []int{
		11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46,
		50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83, 91,
	} {
		out[p] = true
	}
	return out
}()

func two(d string) int { return int(d[0]-'0')*10 + int(d[1]-'0') }

// isDay reports whether MMDD is a day of some year.
func isDay(mmdd string) bool {
	m, d := two(mmdd), two(mmdd[2:])
	return m >= 1 && m <= 12 && d >= 1 && d <= [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
}

// isIdentity recognises the Chinese identity card: 18 digits, the last perhaps an X (GB 11643-1999),
// or the 15 digits of before 1999, which have no checksum and so must not be said to be an order's.
func (c *candidate) isIdentity() bool {
	d := c.d
	switch {
	case len(d) == 15:
		return c.single && provinces[two(d)] && isDay(d[8:12]) && two(d[6:]) >= 20 && c.about() != anOrder && !c.isAmount()
	case len(d) == 17 && isX(c.text.at(c.to)):
	case len(d) != 18:
		return false
	}
	if !provinces[two(d)] || !isDay(d[10:14]) {
		return false
	}
	if y := two(d[6:]); y != 19 && y != 20 && y != 18 {
		return false
	}
	return checkDigit(d) || c.about() == anIdentity
}

// checkDigit is ISO 7064 MOD 11-2 over 17 digits; X, which is not among the digits, stands for ten.
func checkDigit(d string) bool {
	sum := 0
	for i, w := range [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(d[i]-'0') * w
	}
	want := "10X98765432"[sum%11]
	if len(d) == 17 {
		return want == 'X'
	}
	return d[17] == want
}

// issuers are prefixes of payment cards with the lengths that they have. UnionPay's 62 is the usual
// one; the longer ones are Chinese debit cards from before it.
var issuers = []struct {
	prefix   string
	min, max int
}{
	{"62", 16, 19}, {"4", 16, 16}, {"34", 15, 15}, {"37", 15, 15}, {"36", 14, 14}, {"38", 14, 14}, {"6011", 16, 16}, {"65", 16, 16},
	{"9558", 19, 19}, {"95599", 19, 19}, {"4367", 16, 19}, {"6013", 19, 19}, {"6014", 17, 17}, {"4563", 19, 19}, {"4055", 17, 17}, {"60", 18, 19}, {"81", 16, 19},
}

// isCard recognises a payment card: the prefix and length of an issuer, or the word card in front of
// it, and the checksum in either case.
func (c *candidate) isCard() bool {
	d := c.d
	if len(d) < 12 || len(d) > 19 || !luhn(d) {
		return false
	}
	switch c.about() {
	case aCard:
		return true
	case anOrder, aPhone:
		return false
	}
	for _, is := range issuers {
		if len(d) >= is.min && len(d) <= is.max && d[:len(is.prefix)] == is.prefix {
			return true
		}
	}
	if len(d) != 16 {
		return false
	}
	first := two(d)*100 + two(d[2:])
	return first >= 5100 && first <= 5599 || first >= 2221 && first <= 2720 || first >= 3528 && first <= 3589 // Mastercard, JCB
}

// luhn is the checksum of ISO/IEC 7812-1, annex B.
func luhn(d string) bool {
	sum := 0
	for i := range len(d) {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0 && d[0] != '0'
}

// isForeignIdentity recognises what is written in a form of its own: the United States' social
// security number, and the Korean resident registration number where its checksum is right (numbers
// given out since October 2020 have none).
func (c *candidate) isForeignIdentity() bool {
	d := c.d
	switch {
	case c.sep != '-' || c.about() == anOrder:
		return false
	case c.shape == "324":
		return d[:3] != "000" && d[:3] != "666" && d[0] != '9' && d[3:5] != "00" && d[5:] != "0000"
	case c.shape == "67":
		sum := 0
		for i, w := range [12]int{2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5} {
			sum += int(d[i]-'0') * w
		}
		return isDay(d[2:6]) && d[6] >= '1' && d[6] <= '8' && int(d[12]-'0') == (11-sum%11)%10
	}
	return false
}
