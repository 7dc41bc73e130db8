package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed words.yaml
var wordsFile []byte

// words are what names of the record are called, by section and name. The file is the program's own, so that
// a fault in it stops the program where it is first run: in its tests.
var words = func() (out map[string]map[string]Text) {
	if err := yaml.Unmarshal(wordsFile, &out); err != nil {
		panic(fmt.Sprintf("words.yaml: %v", err))
	}
	return out
}()

// Reason is why a rule could not judge a session, in words; one that nobody knows is shown as it is.
func Reason(code string) Text {
	if day, ok := strings.CutPrefix(code, "in_force_from:"); ok {
		return Text{ZH: "规定自 " + day + " 起施行，会话在此之前", EN: "in force from " + day + ", and the conversation was before"}
	}
	if t, ok := words["lacking"][strings.ReplaceAll(code, ".", "_")]; ok {
		return t
	}
	return word(words["reason"], code)
}

// Fact is one of the values that decided, in words.
type Fact struct{ Name, Value Text }

// Facts puts the values that decided a finding (a JSON object) into words: moments in a zone, events by their
// moment. What the pages have no word for is shown as it is.
func Facts(object string, zone *time.Location, events map[string]time.Time) (out []Fact) {
	var values map[string]any
	d := json.NewDecoder(strings.NewReader(object))
	d.UseNumber()
	if d.Decode(&values) != nil {
		if object == "" {
			return nil
		}
		return []Fact{{Value: Text{ZH: object, EN: object}}}
	}
	names := make([]string, 0, len(values))
	for k := range values {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if of, ok := strings.CutSuffix(k, "_at"); ok {
			if id, ok := values[of].(string); ok && !events[id].IsZero() {
				continue // the event says its moment
			}
		}
		name, ok := words["fact"][k]
		if !ok {
			plain := strings.ReplaceAll(k, "_", " ")
			name = Text{ZH: plain, EN: plain}
		}
		out = append(out, Fact{name, value(k, values[k], zone, events)})
	}
	return out
}

func value(name string, v any, zone *time.Location, events map[string]time.Time) Text {
	same := func(s string) Text { return Text{ZH: s, EN: s} }
	switch v := v.(type) {
	case bool:
		if v {
			return Text{ZH: "是", EN: "yes"}
		}
		return Text{ZH: "否", EN: "no"}
	case nil:
		return Text{ZH: "未报告", EN: "not reported"}
	case json.Number:
		n, err := v.Int64()
		switch {
		case err != nil:
			return same(v.String())
		case n == 0 && strings.HasSuffix(name, "_at_text"): // texts count from 1
			return words["value"]["unseen"]
		case strings.HasSuffix(name, "_ms"):
			return lasting(n)
		case strings.HasSuffix(name, "_s"):
			return lasting(n * 1000)
		case strings.HasSuffix(name, "_at") && n > 1e11: // a moment in milliseconds, not a count
			return same(time.UnixMilli(n).In(zone).Format("2006-01-02 15:04:05"))
		}
		return same(grouped(strconv.FormatInt(n, 10)))
	case string:
		if at := events[v]; !at.IsZero() {
			return Text{ZH: at.Format("15:04:05") + " 的一条", EN: "the one at " + at.Format("15:04:05")}
		}
		return word(words["value"], v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return same(fmt.Sprint(v))
	}
	return same(string(text))
}

// lasting says how long something took, as the console does.
func lasting(ms int64) Text {
	s := (ms + 500) / 1000
	switch {
	case s < 60:
		return Text{ZH: fmt.Sprintf("%d 秒", s), EN: fmt.Sprintf("%d s", s)}
	case s < 3600:
		return Text{ZH: fmt.Sprintf("%d 分 %d 秒", s/60, s%60), EN: fmt.Sprintf("%d min %d s", s/60, s%60)}
	case s < 48*3600:
		return Text{ZH: fmt.Sprintf("%d 小时 %d 分", s/3600, s%3600/60), EN: fmt.Sprintf("%d h %d min", s/3600, s%3600/60)}
	}
	return Text{ZH: fmt.Sprintf("%d 天", s/86400), EN: fmt.Sprintf("%d days", s/86400)}
}
