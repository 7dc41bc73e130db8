package redact

import "strings"

// emails finds e-mail addresses. Only ASCII ones: people write Chinese directly around them.
func (t *text) emails() {
	for i := range t.cells {
		if t.cells[i].r != '@' {
			continue
		}
		from := i
		for from > 0 && (isAlnum(t.cells[from-1].r) || strings.ContainsRune("._%+-", t.cells[from-1].r)) && i-from < 64 {
			from--
		}
		for from < i && !isAlnum(t.cells[from].r) {
			from++
		}
		to, top := i+1, 0
		for isAlnum(t.at(to)) || t.at(to) == '-' || t.at(to) == '.' && isAlnum(t.at(to+1)) {
			if t.cells[to].r == '.' {
				top = to + 1
			}
			to++
		}
		if from < i && top > i+2 && to-top >= 2 && isLetter(t.cells[top].r) {
			t.take(from, to, Email)
		}
	}
}

// codes finds numbers that are written with letters: accounts, Spanish and Hong Kong identity
// numbers, passports, number plates.
func (t *text) codes() {
	for i := 0; i < len(t.cells); i++ {
		r := t.cells[i].r
		if isHan(r) {
			if n := t.plate(i); n > 0 {
				t.take(i, i+n, Plate)
			}
			continue
		}
		if !isAlnum(r) || isAlnum(t.at(i-1)) {
			continue
		}
		if n, k := t.code(i); n > 0 {
			t.take(i, i+n, k)
		}
	}
}

// code recognises a code that begins at cell i and gives its length.
func (t *text) code(i int) (int, Kind) {
	if n := t.iban(i); n > 0 {
		return n, IBAN
	}
	if n := t.nif(i); n > 0 {
		return n, IDCard
	}
	if n := t.hkid(i); n > 0 {
		return n, IDCard
	}
	if n := t.passport(i); n > 0 {
		return n, Passport
	}
	return 0, 0
}

// ibanLength is how long account numbers are, by country (SWIFT's IBAN registry): those of Europe,
// and of its neighbours that pay with them most.
var ibanLength = map[string]int{
	"AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27,
	"GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31,
	"NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "UA": 29,
}

// iban recognises an account number by its length and checksum (ISO 13616, ISO 7064 MOD 97-10).
func (t *text) iban(i int) int {
	if !isLetter(t.at(i)) || !isLetter(t.at(i+1)) || !isDigit(t.at(i+2)) || !isDigit(t.at(i+3)) {
		return 0
	}
	want := ibanLength[strings.ToUpper(t.lower(i, i+2))]
	if want == 0 {
		return 0
	}
	b := make([]byte, 0, 34)
	j := i
	for ; len(b) < want; j++ {
		r := t.at(j)
		if (r == ' ' || r == '-') && isAlnum(t.at(j+1)) {
			continue
		}
		if !isAlnum(r) {
			return 0
		}
		if r >= 'a' {
			r -= 'a' - 'A'
		}
		b = append(b, byte(r))
	}
	if isAlnum(t.at(j)) || mod97(append(b[4:], b[:4]...)) != 1 {
		return 0
	}
	return j - i
}

func mod97(s []byte) int {
	m := 0
	for i := range len(s) {
		if isDigit(rune(s[i])) {
			m = (m*10 + int(s[i]-'0')) % 97
		} else {
			m = (m*100 + int(s[i]-'A') + 10) % 97
		}
	}
	return m
}

// nif recognises Spain's NIF (eight digits and a letter) and NIE (X, Y or Z first), whose letter is
// a checksum (Real Decreto 1065/2007, art. 19; the letter is the number modulo 23).
func (t *text) nif(i int) int {
	j, value, digits := i, 0, 0
	switch t.at(j) {
	case 'X', 'x':
		j, digits = j+1, 1
	case 'Y', 'y':
		j, digits, value = j+1, 1, 1
	case 'Z', 'z':
		j, digits, value = j+1, 1, 2
	}
	if digits == 1 && t.at(j) == '-' {
		j++
	}
	for ; digits < 8; j++ {
		r := t.at(j)
		if r == '.' && isDigit(t.at(j+1)) {
			continue
		}
		if !isDigit(r) {
			return 0
		}
		value, digits = value*10+int(r-'0'), digits+1
	}
	if t.at(j) == '-' || t.at(j) == ' ' && isUpper(t.at(j+1)) {
		j++
	}
	letter := t.at(j)
	if letter >= 'a' && letter <= 'z' {
		letter += 'A' - 'a'
	}
	if isAlnum(t.at(j+1)) || letter != rune("TRWAGMYFPDXBNJZSQVHLCKE"[value%23]) {
		return 0
	}
	return j + 1 - i
}

// hkid recognises a Hong Kong identity card, checksum in brackets: A123456(3).
func (t *text) hkid(i int) int {
	j, sum := i, 9*36 // one letter counts as a blank and a letter
	if !isUpper(t.at(j)) {
		return 0
	}
	if isUpper(t.at(j + 1)) {
		sum = 9 * (int(t.at(j)-'A') + 10)
		j++
	}
	sum += 8 * (int(t.at(j)-'A') + 10)
	for w := 7; w >= 2; w-- {
		j++
		if !isDigit(t.at(j)) {
			return 0
		}
		sum += w * int(t.at(j)-'0')
	}
	if t.at(j+1) != '(' || t.at(j+3) != ')' {
		return 0
	}
	switch r := t.at(j + 2); {
	case r == 'A':
		sum += 10
	case isDigit(r):
		sum += int(r - '0')
	default:
		return 0
	}
	if sum%11 != 0 {
		return 0
	}
	return j + 4 - i
}

// passport recognises one or two letters and seven or eight digits, or three and six, behind a word
// that says what they are: orders and flights look alike.
func (t *text) passport(i int) int {
	j := i
	for isLetter(t.at(j)) && j-i < 4 {
		j++
	}
	letters := j - i
	for isDigit(t.at(j)) {
		j++
	}
	digits := j - i - letters
	if letters == 0 || letters > 3 || isLetter(t.at(j)) || digits < 6 || digits > 8 || letters < 3 && digits == 6 {
		return 0
	}
	if about(t.before(i)) != aPassport {
		return 0
	}
	return j - i
}

// plateProvinces are the first characters of Chinese number plates (GA 36-2018).
const plateProvinces = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"

// plate recognises a Chinese number plate: province, letter, five characters or (new energy) six.
func (t *text) plate(i int) int {
	if !isUpper(t.at(i+1)) || traitOf(t.at(i))&plateHead == 0 {
		return 0
	}
	j := i + 2
	for t.at(j) == '·' || t.at(j) == ' ' || t.at(j) == '-' {
		j++
	}
	n, digits := 0, 0
	for ; isAlnum(t.at(j)) && n < 7; j, n = j+1, n+1 {
		if isDigit(t.at(j)) {
			digits++
		}
	}
	if strings.ContainsRune("挂学警港澳", t.at(j)) && n == 4 {
		j, n = j+1, n+1
	}
	if n < 5 || n > 6 || digits < 2 {
		return 0
	}
	return j - i
}
