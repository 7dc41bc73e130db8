package signal

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"mingjian/policies"
)

// The ways to tell a time, each with the groups that its reading needs. They are tried on a promise
// only, so that stepping through the text is no burden.
const (
	zhNumber = `(\d+|[半一二两三四五六七八九十]+)`
	zhClock  = `(上午|早上|早晨|中午|下午|傍晚|晚上|晚|早)?(?:(\d{1,2}|[一二两三四五六七八九十]+)(?:[点时](半|\d{1,2}分?)?|:(\d{2})))?(下班)?`
	enNumber = `(\d+|an?|one|two|three|four|five|six|seven|eight|ten|twelve|fifteen|twenty)`
	enDay    = `(monday|tuesday|wednesday|thursday|friday|saturday|sunday)`
	enClock  = `(?:\D{0,12}?\b(\d{1,2})(?::(\d{2}))? ?([ap])\.?m\b)?`
)

var (
	zhSpan  = regexp.MustCompile(zhNumber + ` ?个?(工作日|自然日|分钟|小时|钟头|天|日|周|星期|礼拜|月)(?:之内|以内|内|之后|后|左右)`)
	zhDay   = regexp.MustCompile(`(今天|今日|今晚|今|明天|明日|明晚|明早|后天|大后天)` + zhClock)
	zhWeek  = regexp.MustCompile(`(这个?|本|下个?)?(?:周|星期|礼拜)([一二三四五六日天末])` + zhClock)
	zhDate  = regexp.MustCompile(`(?:(\d{1,2})月)?(\d{1,2})[日号]` + zhClock)
	zhLast  = regexp.MustCompile(`(本周内|这周内|本月内|月底|月末|下班前)`)
	enSpan  = regexp.MustCompile(`\b(?:within|in|inside)(?: the next)? ` + enNumber + ` (?:to (\d+) )?(working |business |calendar )?(minute|hour|day|week|month)s?\b`)
	enNamed = regexp.MustCompile(`\b(today|tonight|tomorrow|(?:the )?end of (?:the |this )?(?:day|week)|noon)\b` + enClock)
	enWeek  = regexp.MustCompile(`\b(next |this |on |by |before )?` + enDay + `\b` + enClock)
	esSpan  = regexp.MustCompile(`\b(?:en|dentro de|antes de|plazo (?:maximo )?de)(?: (?:las|los)(?: proximas?| proximos)?)? (\d+|una?|dos|tres|cinco|siete|diez|quince) (minuto|hora|dia|semana|mes)(?:e?s)?( laborables?| habiles?)?`)
	esNamed = regexp.MustCompile(`\b(hoy|pasado manana|manana|lunes|martes|miercoles|jueves|viernes|sabado|domingo)\b`)
)

var words = map[string]int{
	"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "ten": 10, "twelve": 12,
	"fifteen": 15, "twenty": 20, "un": 1, "una": 1, "dos": 2, "tres": 3, "cinco": 5, "siete": 7, "diez": 10, "quince": 15,
	"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9,
	"末": 7, "日": 7, "天": 7, // days of the week
	"monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6, "sunday": 7,
	"lunes": 1, "martes": 2, "miercoles": 3, "jueves": 4, "viernes": 5, "sabado": 6, "domingo": 7,
}

// Promised reads from a text in which DatedPromise was found the time by which the service undertook to
// act: 24小时内, 明天下午3点前, 周五前, 3个工作日内, within 2 hours, antes del viernes. at is when it was
// said, zone where. It reports false where no time can be read, or one that had passed when it was said.
//
// Doubts are read in favour of who promised, so that nobody is accused for a way of speaking: a day lasts to its
// end (“周五前”, before Friday: Friday 23:59:59.999), days are counted after the day of speaking, a span of several
// (“2 to 3 days”) is the longest, and of two times in a text the later counts. Working days are Monday to Friday;
// public holidays are not known here.
func (d *Detector) Promised(text string, at policies.Millis, zone *time.Location) (due policies.Millis, ok bool) {
	said, plain := time.UnixMilli(at).In(zone), plainly(text)
	var latest time.Time
	for _, read := range []func(string, time.Time) []time.Time{chineseTimes, latinTimes} {
		for _, t := range read(plain, said) {
			if t.After(latest) {
				latest = t
			}
		}
	}
	if !latest.After(said) {
		return 0, false
	}
	return latest.UnixMilli(), true
}

// plainly brings a text to lower case, one width, no accents and simplified characters; unlike normalise it keeps
// punctuation, which times are written with.
func plainly(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x300 && r <= 0x36F {
			return -1
		}
		if s, ok := simplified[r]; ok {
			return s
		}
		return r
	}, norm.NFKD.String(strings.ToLower(text)))
}

func chineseTimes(text string, said time.Time) (out []time.Time) {
	for _, m := range zhSpan.FindAllStringSubmatch(text, -1) {
		out = append(out, lapse(said, m[1], m[2]))
	}
	for _, m := range zhDay.FindAllStringSubmatch(text, -1) {
		if m[1] == "今" && m[2] == "" && m[3] == "" {
			continue
		}
		days := map[string]int{"今": 0, "明": 1, "后": 2, "大": 3}[m[1][:len("今")]]
		half := m[2]
		if strings.HasSuffix(m[1], "晚") {
			half = "晚上"
		}
		out = append(out, clock(said.AddDate(0, 0, days), half, m[3:]))
	}
	for _, m := range zhWeek.FindAllStringSubmatch(text, -1) {
		out = append(out, clock(weekday(said, number(m[2]), strings.HasPrefix(m[1], "下")), m[3], m[4:]))
	}
	for _, m := range zhDate.FindAllStringSubmatch(text, -1) {
		if day := date(said, m[1], m[2]); !day.IsZero() {
			out = append(out, clock(day, m[3], m[4:]))
		}
	}
	for _, m := range zhLast.FindAllStringSubmatch(text, -1) {
		switch m[1] {
		case "本周内", "这周内":
			out = append(out, endOf(weekday(said, 7, false)))
		case "下班前":
			if !zhDay.MatchString(text) && !zhWeek.MatchString(text) {
				out = append(out, atHour(said, 18, 0))
			}
		default:
			out = append(out, endOf(time.Date(said.Year(), said.Month()+1, 0, 0, 0, 0, 0, said.Location())))
		}
	}
	return out
}

func latinTimes(text string, said time.Time) (out []time.Time) {
	for _, m := range enSpan.FindAllStringSubmatch(text, -1) {
		n := m[1]
		if m[2] != "" {
			n = m[2]
		}
		out = append(out, lapse(said, n, strings.TrimSpace(m[3])+m[4]))
	}
	for _, m := range enNamed.FindAllStringSubmatch(text, -1) {
		switch {
		case m[1] == "tomorrow":
			out = append(out, meridiem(said.AddDate(0, 0, 1), m[2:]))
		case strings.HasSuffix(m[1], "week"):
			out = append(out, endOf(weekday(said, 7, false)))
		case m[1] == "noon":
			out = append(out, atHour(said, 12, 0))
		default:
			out = append(out, meridiem(said, m[2:]))
		}
	}
	for _, m := range enWeek.FindAllStringSubmatch(text, -1) {
		out = append(out, meridiem(weekday(said, number(m[2]), m[1] == "next "), m[3:]))
	}
	for _, m := range esSpan.FindAllStringSubmatch(text, -1) {
		unit := map[string]string{"minuto": "minute", "hora": "hour", "dia": "day", "semana": "week", "mes": "month"}[m[2]]
		if m[3] != "" {
			unit = "working" + unit
		}
		out = append(out, lapse(said, m[1], unit))
	}
	for _, m := range esNamed.FindAllStringSubmatch(text, -1) {
		switch m[1] {
		case "hoy":
			out = append(out, endOf(said))
		case "manana":
			out = append(out, endOf(said.AddDate(0, 0, 1)))
		case "pasado manana":
			out = append(out, endOf(said.AddDate(0, 0, 2)))
		default:
			out = append(out, endOf(weekday(said, number(m[1]), false)))
		}
	}
	return out
}

// lapse gives the end of so many units after said.
func lapse(said time.Time, amount, unit string) time.Time {
	n := number(amount)
	switch unit {
	case "分钟", "minute":
		return said.Add(time.Duration(n) * time.Minute)
	case "小时", "钟头", "hour":
		if amount == "半" {
			return said.Add(30 * time.Minute)
		}
		return said.Add(time.Duration(n) * time.Hour)
	case "工作日", "workingday", "businessday":
		for day := said; ; {
			if n <= 0 {
				return endOf(day)
			}
			day = day.AddDate(0, 0, 1)
			if w := day.Weekday(); w != time.Saturday && w != time.Sunday {
				n--
			}
		}
	case "周", "星期", "礼拜", "week":
		return endOf(said.AddDate(0, 0, 7*n))
	case "月", "month":
		return endOf(said.AddDate(0, n, 0))
	}
	return endOf(said.AddDate(0, 0, n)) // days
}

// weekday gives the next day of that number (Monday 1), today included, or that of the week after.
func weekday(said time.Time, day int, nextWeek bool) time.Time {
	today := (int(said.Weekday())+6)%7 + 1
	ahead := day - today
	switch {
	case nextWeek:
		ahead += 7
	case ahead < 0:
		ahead += 7
	}
	return said.AddDate(0, 0, ahead)
}

// date gives the next day of that month and number; zero for none.
func date(said time.Time, month, day string) time.Time {
	n := number(day)
	if n < 1 || n > 31 {
		return time.Time{}
	}
	if month == "" {
		t := time.Date(said.Year(), said.Month(), n, 0, 0, 0, 0, said.Location())
		if n < said.Day() {
			t = time.Date(said.Year(), said.Month()+1, n, 0, 0, 0, 0, said.Location())
		}
		return t
	}
	t := time.Date(said.Year(), time.Month(number(month)), n, 0, 0, 0, 0, said.Location())
	if endOf(t).Before(said) {
		t = t.AddDate(1, 0, 0)
	}
	return t
}

// clock reads the time of day after a Chinese day: hour, half or minutes, minutes after a colon, 下班.
func clock(day time.Time, half string, rest []string) time.Time {
	hour, minutes := rest[0], rest[1]
	if rest[2] != "" {
		minutes = rest[2]
	}
	if hour == "" {
		switch {
		case rest[3] != "" || half == "下午" || half == "傍晚":
			return atHour(day, 18, 0)
		case half == "上午" || half == "早上" || half == "早晨" || half == "早" || half == "中午":
			return atHour(day, 12, 0)
		}
		return endOf(day)
	}
	h, m := number(hour), 0
	if minutes == "半" {
		m = 30
	} else if minutes != "" {
		m = number(strings.TrimSuffix(minutes, "分"))
	}
	if h < 12 && (half == "下午" || half == "傍晚" || half == "晚上" || half == "晚" || half == "中午" && h < 10) {
		h += 12
	}
	return atHour(day, h, m)
}

// meridiem reads the time of day after an English day: hour, minutes, a or p.
func meridiem(day time.Time, rest []string) time.Time {
	if rest[0] == "" {
		return endOf(day)
	}
	h := number(rest[0]) % 12
	if rest[2] == "p" {
		h += 12
	}
	return atHour(day, h, number(rest[1]))
}

func atHour(day time.Time, h, m int) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), h, m, 0, 0, day.Location())
}

func endOf(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), 23, 59, 59, int(999*time.Millisecond), day.Location())
}

// number reads digits, a word, or a Chinese number below a hundred; 半 (half a day) counts as one.
func number(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	if n, ok := words[s]; ok {
		return n
	}
	if tens, ones, ok := strings.Cut(s, "十"); ok {
		n := 1
		if tens != "" {
			n = words[tens]
		}
		return 10*n + words[ones]
	}
	if s == "半" {
		return 1
	}
	return 0
}
