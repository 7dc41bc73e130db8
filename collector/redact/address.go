package redact

import (
	"strings"
	"unicode/utf8"
)

var (
	// places end the name of something that houses are numbered in.
	roads     = []string{"大街", "大道", "马路", "胡同", "街道", "路", "街", "巷", "弄", "路段", "條", "馬路"}
	compounds = []string{
		"小区", "小區", "花园", "花園", "家园", "公寓", "大厦", "大廈", "广场", "廣場", "社区", "新村", "宿舍", "家属院", "大院", "山庄", "别墅", "公馆",
		"苑", "村", "庄", "屯", "城", "园", "府", "庭", "湾", "里", "镇", "乡", "营", "坊", "居", "郡", "轩", "阁",
	}
	houses = []string{"号楼", "号院", "號樓", "单元", "單元", "号", "號", "栋", "棟", "幢", "弄", "室", "座", "组", "組", "楼", "樓", "层", "層", "户", "房", "门"}
	// vague ones of these also count what is no house.
	vague = []string{"号", "號", "层", "層", "门", "房", "楼", "組", "组", "座", "室"}
	// inner counts what is inside a house, which an address goes on with.
	inner = []string{"号楼", "号院", "號樓", "单元", "單元", "号", "號", "栋", "棟", "幢", "室", "座", "楼", "樓", "层", "層", "户", "房", "门", "组", "弄"}
	// regionEnds end the name of a province, city, district or town.
	regionEnds = []string{"特别行政区", "自治区", "自治州", "自治县", "街道", "省", "市", "区", "區", "县", "縣", "旗", "州", "盟", "镇", "鎮", "乡", "鄉", "村"}
	// settlements are where country addresses and those of housing estates end; levelEnds end the
	// levels above.
	settlements = []string{"村", "屯", "庄", "小区", "花园", "社区", "新村"}
	levelEnds   = []string{"省", "市", "区", "县", "旗", "镇", "乡", "街道"}
	// notHouses follow a number that counts lines, windows, gates and the like.
	notHouses = []string{"线", "線", "窗口", "登机口", "站台", "柜台", "航站", "出口", "车厢", "公路", "地铁"}
)

// sure is how many of the compounds, from the first on, are nothing else: 长城3号 may be a wine.
const sure = 18

// stops are characters that stand between an address and the words in front of it.
const stops = "在是住到址寄送去往为我你您他她们的了给请把至写填叫或跟有这就也不"

// maxAddress is how many characters an address may have in front of its first house number.
const maxAddress = 40

// addresses finds Chinese, English and Spanish postal addresses.
func (t *text) addresses() {
	for i := 0; i < len(t.cells); i++ {
		switch r := t.cells[i].r; {
		case isDigit(r) && !isAlnum(t.at(i-1)):
			if to := t.english(i); to > 0 {
				t.take(i, to, Address)
				i = to - 1
				continue
			}
			if from, to := t.numbered(i); to > 0 {
				t.take(from, to, Address)
				i = to - 1
			}
		case counts(r) && !counts(t.at(i-1)):
			if from, to := t.numbered(i); to > 0 {
				t.take(from, to, Address)
				i = to - 1
			}
		case isLetter(r) && !isAlnum(t.at(i-1)):
			if to := t.spanish(i); to > 0 {
				t.take(i, to, Address)
				i = to - 1
			}
		}
	}
	t.villages()
}

// count gives where a number in figures, letters or words that begins at i ends; i where none does.
func (t *text) count(i int) int {
	for j := i; ; j++ {
		if r := t.at(j); !counts(r) && !(isUpper(r) && j-i < 2) {
			return j
		}
	}
}

// counts reports whether r may stand in a number.
func counts(r rune) bool { return digitOf(r) >= 0 || r == '十' || r == '百' }

// numbered recognises a Chinese address by its first house number, which begins at cell i: a road or
// a compound in front of it, and a word for a house behind.
func (t *text) numbered(i int) (from, to int) {
	place := i
	if t.at(place-1) == ' ' {
		place--
	}
	if !isHan(t.at(place - 1)) {
		return 0, 0 // most numbers stand behind no place at all
	}
	road, compound := t.endsAt(place, roads), t.endsAt(place, compounds)
	if !road && !compound {
		return 0, 0
	}
	end := t.count(i)
	chain := end
	for t.at(chain) == '-' && isDigit(t.at(chain+1)) {
		chain = t.count(chain + 1)
	}
	n := t.oneOf(chain, houses)
	switch {
	case n == 0 && chain > end && isDigit(t.at(i)): // 幸福小区3-2-501
	case n == 0, t.oneOf(chain+n, notHouses) > 0:
		return 0, 0
	}
	from = t.beginning(place)
	if from == place || place-from < 2 {
		return 0, 0
	}
	if !road && !t.solid(from, place, chain, n) {
		return 0, 0
	}
	return from, t.within(chain + n)
}

// solid reports whether a compound's number is a house.
func (t *text) solid(from, place, unit, n int) bool {
	if n == 0 {
		return true
	}
	if !among(t.lower(unit, unit+n), vague) {
		return true
	}
	for _, c := range compounds[:sure] {
		if t.says(place-len([]rune(c)), c) {
			return true
		}
	}
	for i := from; i < place; i++ {
		if t.oneOf(i, regionEnds) > 0 && i+1 < place {
			return true
		}
	}
	return false
}

// beginning walks back from a place's end to where the address begins.
func (t *text) beginning(place int) int {
	from, plain := place, 0
	for from > 0 && place-from < maxAddress {
		r := t.cells[from-1].r
		switch {
		case (r == ' ' || r == ',' || r == '、') && t.endsAt(from-1, regionEnds):
			plain = 0
		case isDigit(r) && plain < 12: // 经三路, 318国道
			plain++
		case isHan(r) && !strings.ContainsRune(stops, r):
			if t.endsAt(from, regionEnds) {
				plain = 0
			}
			if plain++; plain > 12 {
				return from
			}
		default:
			return t.trim(from, place)
		}
		from--
	}
	return t.trim(from, place)
}

func (t *text) trim(from, place int) int {
	for from < place && !isHan(t.cells[from].r) {
		from++
	}
	return from
}

// within follows an address from a house number inwards: to the compound, the stairs, the room.
func (t *text) within(to int) int {
	for {
		next := t.inside(to)
		if next == to {
			return to
		}
		to = next
	}
}

func (t *text) inside(to int) int {
	for i := to; i < to+12; i++ {
		r := t.at(i)
		switch {
		case counts(r) || isUpper(r):
			end := t.count(i)
			for t.at(end) == '-' && isDigit(t.at(end+1)) {
				end = t.count(end + 1)
			}
			if n := t.oneOf(end, inner); n > 0 {
				return end + n
			}
			if isDigit(r) && i <= to+1 && end-i >= 3 && end-i <= 5 && !isAlnum(t.at(end)) {
				return end // 3单元501
			}
			i = end - 1
		case isHan(r) && !strings.ContainsRune(stops, r), i == to && (r == ' ' || r == '-' || r == ','):
		default:
			return to
		}
	}
	return to
}

// villages finds addresses that end with a village, as they are written in the country: a province,
// city or county and two levels more below it.
func (t *text) villages() {
	if t.regions < 2 {
		return
	}
	for i := 0; i < len(t.cells); i++ {
		if !isHan(t.cells[i].r) {
			continue
		}
		n := t.oneOf(i, settlements)
		if n == 0 || !isHan(t.at(i-1)) || t.oneOf(i+n, settlements) > 0 {
			continue
		}
		from := t.beginning(i + n)
		levels := 0
		for j := from; j < i-1; j++ {
			if t.oneOf(j+1, levelEnds) > 0 {
				levels++
			}
		}
		if levels < 2 {
			continue
		}
		to := i + n
		if end := t.count(to); end > to {
			if k := t.oneOf(end, inner); k > 0 {
				to = t.within(end + k)
			}
		}
		t.take(from, to, Address)
		i = to - 1
	}
}

var (
	streets = []string{
		"Street", "St", "Avenue", "Ave", "Road", "Rd", "Lane", "Ln", "Drive", "Dr", "Boulevard", "Blvd", "Court", "Ct", "Way", "Place", "Pl", "Terrace", "Square", "Highway", "Hwy", "Crescent", "Close",
	}
	plainStreets = []string{"street", "avenue", "boulevard", "lane", "road", "ave", "blvd", "rd"}
	rooms        = []string{"apt", "apartment", "suite", "unit", "flat", "room", "floor", "#", "no."}
	vias         = []string{"calle", "c/", "avenida", "avda.", "avda", "av.", "plaza", "paseo", "carrer", "camino", "ronda", "travesía", "pza."}
	ofNumbers    = []string{"nº", "n.º", "núm.", "num.", "número", "no.", "n°"}
	small        = []string{"de", "del", "la", "las", "los", "el", "san", "santa", "y", "d'", "dels", "mayor", "major"}
)

// tokenEnd is where the word that begins at cell i ends; i where none does.
func (t *text) tokenEnd(i int) int {
	for r := t.at(i); isAlnum(r) || r >= 0xAA && r < 0x250 && r != '·' || r == '\'' || r == '#'; r = t.at(i) {
		i++
	}
	return i
}

// token gives the word that begins at cell i, and where it ends.
func (t *text) token(i int) (string, int) {
	j := t.tokenEnd(i)
	if j == i {
		return "", i
	}
	var b strings.Builder
	for _, c := range t.cells[i:j] {
		b.WriteRune(c.r)
	}
	return b.String(), j
}

func among(word string, list []string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

// english recognises 12 Baker Street, Apt 4, and gives where it ends; 0 for none. Capitals carry it:
// without them only the plainest words for a street do, behind a name of one word.
func (t *text) english(i int) int {
	if t.at(t.tokenEnd(i)) != ' ' {
		return 0
	}
	word, at := t.token(i)
	if len(word) > 6 || at-i > 6 {
		return 0
	}
	at++
	for n := 1; n <= 5; n++ {
		word, end := t.token(at)
		if word == "" {
			return 0
		}
		if n > 1 && among(word, streets) || n == 2 && among(word, plainStreets) {
			if t.at(end) == '.' {
				end++
			}
			return t.unit(end)
		}
		if r := []rune(word)[0]; !isUpper(r) && !isDigit(r) && !(n == 1 && len(word) > 3 && !among(word, []string{"days", "hours", "times", "weeks", "months", "years", "minutes", "other", "more", "cars", "miles"})) {
			return 0
		}
		if t.at(end) == '.' {
			end++
		}
		if t.at(end) != ' ' {
			return 0
		}
		at = end + 1
	}
	return 0
}

// unit follows an English address to the room.
func (t *text) unit(end int) int {
	at := end
	for t.at(at) == ',' || t.at(at) == ' ' {
		at++
	}
	word, next := t.token(at)
	word = strings.ToLower(word)
	if strings.HasPrefix(word, "#") && len(word) > 1 {
		return next
	}
	if !among(word, rooms) {
		return end
	}
	for t.at(next) == '.' || t.at(next) == ' ' {
		next++
	}
	if number, to := t.token(next); number != "" && len(number) <= 5 {
		return to
	}
	return end
}

// spanish recognises Calle Mayor 5, 2º B, and gives where it ends; 0 for none.
func (t *text) spanish(i int) int {
	at := 0
	for _, v := range vias {
		if !t.reads(i, v) {
			continue
		}
		if n := utf8.RuneCountInString(v); !isLetter(t.at(i + n)) {
			at = i + n
			break
		}
	}
	if at == 0 {
		return 0
	}
	for n := 0; n < 7; n++ {
		for t.at(at) == ' ' || t.at(at) == ',' {
			at++
		}
		for _, w := range ofNumbers {
			if t.reads(at, w) {
				at += utf8.RuneCountInString(w)
				if t.at(at) == ' ' {
					at++
				}
			}
		}
		word, end := t.token(at)
		if word == "" {
			return 0
		}
		if isDigit(t.at(at)) {
			if n == 0 || len(word) > 5 {
				return 0
			}
			return t.door(end)
		}
		if r := []rune(word)[0]; !isUpper(r) && r < 0xC0 && !among(strings.ToLower(word), small) {
			return 0
		}
		at = end
	}
	return 0
}

// door follows a Spanish address to floor and door: 2º B, 3-1, piso 4.
func (t *text) door(end int) int {
	at := end
	for t.at(at) == ',' || t.at(at) == ' ' || t.at(at) == '-' {
		at++
	}
	word, next := t.token(at)
	if strings.ToLower(word) == "piso" && t.at(next) == ' ' {
		_, next = t.token(next + 1)
		return next
	}
	if at == end || word == "" || !isDigit(t.at(at)) || len(word) > 5 || !strings.ContainsAny(word, "ºª°") {
		return end
	}
	if letter, to := t.token(next + 1); t.at(next) == ' ' && len(letter) == 1 && isUpper(rune(letter[0])) {
		return to
	}
	return next
}
