package redact

import (
	"slices"
	"strings"
)

// sequence is a run of digits in groups, as people write long numbers: 138 1234 5678.
type sequence struct {
	t      *text
	digits []byte  // '0'–'9', of all groups
	groups []group // one after the other
	seps   []rune  // between groups: one less
	spoken bool    // digits in words are among them
	words  words
}

// group is an unbroken run of digits.
type group struct {
	from, to int // cells
	first    int // its first digit in sequence.digits
}

// longest bounds a sequence, in digits: what is longer is a table, and is read in parts.
const longest = 64

// maxDigits is more than any number here has: E.164 has 15, cards 19, with a prefix 22.
const maxDigits = 22

// numbers finds what consists of digits: identity cards, bank cards, telephone numbers.
func (t *text) numbers() {
	for i := 0; i < len(t.cells); {
		if digitOf(t.cells[i].r) < 0 {
			i++
			continue
		}
		s := t.sequence(i, true)
		if s.spoken {
			if to := s.speak(); to > 0 {
				i = to
				continue
			}
			if first := s.groups[0]; first.to-first.from > longest {
				i = first.to
				continue
			}
			if !isDigit(t.cells[i].r) {
				for i < len(t.cells) && digitOf(t.cells[i].r) >= 0 && !isDigit(t.cells[i].r) {
					i++
				}
				continue
			}
			s = t.sequence(i, false)
		}
		s.mask()
		i = s.groups[len(s.groups)-1].to
	}
}

// sequence reads the groups from cell i on; words also takes digits in words.
func (t *text) sequence(i int, words bool) sequence {
	s := sequence{t: t, digits: t.digits[:0], groups: t.groups[:0], seps: t.seps[:0]}
	defer func() { t.digits, t.groups, t.seps = s.digits, s.groups, s.seps }() // for the next one
	for {
		g := group{from: i, first: len(s.digits)}
		for ; ; i++ {
			r := t.at(i)
			d := digitOf(r)
			if d < 0 || !words && !isDigit(r) {
				break
			}
			s.spoken = s.spoken || !isDigit(r)
			s.digits = append(s.digits, byte('0'+d))
		}
		g.to = i
		s.groups = append(s.groups, g)
		sep, next := t.gap(i, words)
		if sep == 0 || len(s.digits) > longest {
			return s
		}
		s.seps = append(s.seps, sep)
		i = next
	}
}

// gap looks for what may stand between two groups from cell i on, and gives where the next begins.
func (t *text) gap(i int, words bool) (sep rune, next int) {
	for n := 0; n < 3; n, i = n+1, i+1 {
		r := t.at(i)
		if n > 0 && (isDigit(r) || words && digitOf(r) >= 0) {
			return sep, i
		}
		switch r {
		case ' ', '-', '.', '·', '/', '、', ')', '(':
			if sep == 0 || sep == ' ' {
				sep = r
			}
		default:
			return 0, 0
		}
	}
	if r := t.at(i); isDigit(r) || words && digitOf(r) >= 0 {
		return sep, i
	}
	return 0, 0
}

// speak masks a sequence with digits in words, and gives the cell behind it; 0 where it is none.
func (s *sequence) speak() int {
	n := len(s.groups)
	if n == 0 {
		return 0
	}
	if k, ok := s.classify(0, n); ok && k != public {
		to := s.groups[n-1].to
		s.t.take(s.start(0), to, k)
		return to
	}
	// A mobile number and then a word that begins with a digit: 一三八…七八一共.
	if n == 1 && len(s.digits) == 12 && isMobile(string(s.digits[:11])) {
		from := s.groups[0].from
		s.t.take(from, from+11, Phone)
		return from + 11
	}
	return 0
}

// mask masks what is found among the groups, the longest first.
func (s *sequence) mask() {
	for g := 0; g < len(s.groups); {
		h := g
		for h < len(s.groups) && s.last(h+1)-s.groups[g].first <= maxDigits {
			h++
		}
		for ; h > g; h-- {
			if k, ok := s.classify(g, h); ok {
				if k == public {
					break
				}
				to := s.groups[h-1].to
				if k == IDCard && isX(s.t.at(to)) {
					to++
				}
				s.t.take(s.start(g), to, k)
				break
			}
		}
		g = max(h, g+1)
	}
}

// last is where the digits of the groups before h end.
func (s *sequence) last(h int) int {
	if h == len(s.groups) {
		return len(s.digits)
	}
	return s.groups[h].first
}

// start is the first cell to be masked for a number that begins with group g: a plus and a bracket
// in front belong to it.
func (s *sequence) start(g int) int {
	from := s.groups[g].from
	if s.t.at(from-1) == '+' {
		from--
	}
	if s.t.at(from-1) == '(' && slices.Contains(s.seps[g:], ')') {
		from--
	}
	return from
}

// shape are the lengths of the groups [g, h), written one after the other: "344".
func (s *sequence) shape(g, h int) string {
	var b [16]byte
	out := b[:0]
	for ; g < h && len(out) < len(b); g++ {
		n := s.groups[g].to - s.groups[g].from
		if n > 9 {
			return "long"
		}
		out = append(out, byte('0'+n))
	}
	return string(out)
}

func isX(r rune) bool { return r == 'X' || r == 'x' || r == '×' }

// public is a number that only an organisation can have. It stays, and so does every part of it.
const public = kindCount

// classify says what the groups [g, h) are, taken as one number.
func (s *sequence) classify(g, h int) (Kind, bool) {
	d := string(s.digits[s.groups[g].first:s.last(h)])
	if len(d) < 7 || len(d) > 19 {
		return 0, false
	}
	c := candidate{
		text: s.t, d: d, single: h == g+1, words: &s.words,
		from: s.groups[g].from, to: s.groups[h-1].to,
	}
	if !c.single {
		c.shape, c.sep = s.shape(g, h), s.seps[g]
		for _, sep := range s.seps[g : h-1] {
			if sep == '、' || sep == '/' { // lists and dates, unless somebody dictates
				if strings.Trim(c.shape, "1") != "" {
					return 0, false
				}
			}
		}
	}
	if isAlnum(s.t.at(c.to)) && !(isX(s.t.at(c.to)) && len(d) == 17 && !isAlnum(s.t.at(c.to+1))) || s.t.at(c.to) == '_' {
		return 0, false
	}
	if r := s.t.at(c.from - 1); (isLetter(r) && !c.introduced()) || r == '_' {
		return 0, false
	}
	if g > 0 && s.seps[g-1] == '.' && !isMobile(d) {
		return 0, false // a fraction
	}
	return c.kind()
}

// candidate is a number to be judged, digits only, with where it stands.
type candidate struct {
	text     *text
	d        string
	single   bool   // one unbroken run
	shape    string // lengths of its groups; "" for one
	sep      rune   // the first one between them
	from, to int
	words    *words
}

// words is what those in front of a cell say; numbers that begin there share it.
type words struct {
	cell int // plus one; 0: none yet
	said topic
}

func (c *candidate) kind() (Kind, bool) {
	switch {
	case c.isIdentity():
		return IDCard, true
	case c.isAmount():
		return 0, false
	case c.isCard():
		return BankCard, true
	case c.isForeignIdentity():
		return IDCard, true
	case c.isPublic():
		return public, true
	case c.isPhone():
		return Phone, true
	}
	return 0, false
}

// introduced reports whether letters directly in front of the number are a word for it.
func (c *candidate) introduced() bool {
	from := c.from
	for from > 0 && isLetter(c.text.cells[from-1].r) && c.from-from < window {
		from--
	}
	switch c.text.lower(from, c.from) {
	case "tel", "phone", "mobile", "call", "wechat", "wx", "vx", "whatsapp", "telefono", "movil", "id", "sfz", "dh", "sj":
		return true
	}
	return false
}

var (
	moneyBefore = "¥￥$€£"
	unitsAfter  = []string{"元", "块", "万", "亿", "%", "€", "$", "£", "积分", "点", "件", "次", "人", "米", "公里", "kg", "KG", "MB", "GB", "usd", "USD", "cny", "CNY", "rmb", "RMB", "eur", "EUR", "euro", "dollar"}
)

// isAmount reports whether the number counts something.
func (c *candidate) isAmount() bool {
	i := c.from - 1
	if c.text.at(i) == ' ' {
		i--
	}
	if r := c.text.at(i); r > 0 && strings.ContainsRune(moneyBefore, r) {
		return true
	}
	i = c.to
	if c.text.at(i) == ' ' {
		i++
	}
	return c.text.oneOf(i, unitsAfter) > 0
}

// topic is what a number is said to be.
type topic uint8

const (
	unsaid topic = iota
	anOrder
	aPhone
	anIdentity
	aCard
	aPassport
)

var topics = []struct {
	what  topic
	words []string
}{
	{anOrder, []string{
		"订单", "订单号码", "单号", "运单", "快递", "物流", "编号", "流水", "工单", "票号", "凭证", "交易号", "序列号", "货号", "型号", "条码",
		"案号", "受理号", "合同", "发票", "取件码", "訂單", "單號", "order", "tracking", "invoice", "pedido", "factura", "ref.", "reference", "ticket",
		"serial", "imei", "parcel", "envío",
	}},
	{aPhone, []string{
		"电话", "手机", "我的号码", "联系", "致电", "拨打", "微信", "短信", "打给", "打我", "電話", "手機", "tel", "phone", "mobile", "call", "cell", "text me",
		"whatsapp", "móvil", "movil", "teléfono", "llam",
	}},
	{anIdentity, []string{"身份证", "身份證", "证件", "identity", "id card", "id number", "dni", "nie"}},
	{aCard, []string{"卡号", "银行卡", "信用卡", "储蓄卡", "借记卡", "银行账", "卡號", "card", "tarjeta"}},
	{aPassport, []string{"护照", "通行证", "護照", "passport", "pasaporte"}},
}

// about says what the words in front of the number call it, the nearest one first.
func (c *candidate) about() topic {
	if w := c.words; w.cell != c.from+1 {
		w.cell, w.said = c.from+1, about(c.text.before(c.from))
		if w.said == unsaid && c.text.listed(c.from) {
			w.said = aPhone
		}
	}
	return c.words.said
}

// listed reports whether a telephone number stands right in front of cell i, as in a list of them.
func (t *text) listed(i int) bool {
	return i < len(t.cells) && strings.HasSuffix(strings.TrimRight(t.s[:t.cells[i].at], "、，,/;； 或和"), Phone.Mask())
}

func about(before string) (said topic) {
	nearest := -1
	for _, t := range topics {
		for _, w := range t.words {
			if i := strings.LastIndex(before, w); i >= 0 && i+len(w) > nearest {
				nearest, said = i+len(w), t.what
			}
		}
	}
	return said
}
