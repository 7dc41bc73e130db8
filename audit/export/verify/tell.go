package verify

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// told are the sentences of an answer, by their English form. Problems are told in English only: they are for
// those who look into the matter, and quote what the package holds.
var chinese = map[string]string{
	"OK: %d interactions of %d conversations, %d findings that stand; %d seals of %d partitions, %d entries of the log.\n": "通过：%d条交互，%d个会话，%d条有效发现；%[5]d个分区的%[4]d个封签，%[6]d条日志记录。\n",
	"NOT IN ORDER: one problem.\n": "不通过：发现1个问题。\n",
	"NOT IN ORDER: %d problems.\n": "不通过：发现%d个问题。\n",
	"and %d more\n":                "另有%d个问题未列出\n",
	"Complete for tenant %s from %s to %s, as far as it was recorded by %s; newest seal %s.\n":                                       "完整：租户%s，自%s至%s，以截至%s的记录为限；最新封签于%s。\n",
	"Not shown to be complete for tenant %s from %s to %s, as far as it was recorded by %s; newest seal %s.\n":                       "未证明完整：租户%s，自%s至%s，以截至%s的记录为限；最新封签于%s。\n",
	"What was sealed later is not looked at, although the period goes on.\n":                                                         "此后封存的内容未予查看，而时段尚未结束。\n",
	"Partitions %s; that the topic has no others is not proven.\n":                                                                   "分区：%s；无法证明该主题没有其他分区。\n",
	"%d runs of offsets were never read, as the broker had lost them (partition: offsets): %s.\n":                                    "有%d段位点从未读取（消息服务器已先行丢失；分区: 位点）：%s。\n",
	"%d seals are superseded: others stand over the same offsets.\n":                                                                 "有%d个封签已被取代：相同位点由其他封签涵盖。\n",
	"Seal %s sealed at %s was replaced at %s.\n":                                                                                     "封签%s（封于%s）于%s被替换。\n",
	"%d more seals were replaced late.\n":                                                                                            "另有%d个封签迟后被替换。\n",
	"%d versions of findings in seals outside of the period are not shown, as they are said to be of conversations outside of it.\n": "时段之外的封签中有%d个发现版本未出示：据称属于时段之外的会话。\n",
	"The scope is narrower than the period: that there are no others is not proven.\n":                                               "范围窄于整个时段：无法证明没有其他记录。\n",
	"%d rows or versions are not shown, as they are said to be of another tenant by now.\n":                                          "有%d条记录未出示：据称现已属于其他租户。\n",
	"%d rows are said to be erased, and are not shown to have been.\n":                                                               "有%d条记录据称已删除，但未予证明。\n",
	"%d interactions lie outside of the period; only their moment is told.\n":                                                        "有%d条交互不在该期间内，仅示其时间。\n",
	"%d interactions were erased, as the log states; their leaves are there.\n":                                                      "有%d条交互已依日志所载删除，其哈希仍在。\n",
	"%d conversations with %d findings were judged again under the enclosed policies.\n":                                             "依所附规则重新评判了%d个会话（%d条发现）。\n",
	"%d more could not be judged again: %s.\n":                                                                                       "另有%d个无法重新评判：%s。\n",
	"%d lots of the review sample were drawn again, and %d could not be: the key of their day is not published yet.\n":               "复现了%d批抽样；%d批当日密钥尚未公布，无法复现。\n",
	"Only unchanged, not proven: %s.\n":                                                                                              "仅核对未被改动，未予证明：%s。\n",
	"Log %s, %d entries, signed with the key that was given (SHA-256 %s).\n":                                                         "日志%s，%d条记录，以所给密钥验签（SHA-256 %s）。\n",
	"Log %s, %d entries, signed with the key in the package: compare its SHA-256 with the one that you know, %s\n":                   "日志%s，%d条记录，以包内密钥验签：请与您另行获知的指纹核对，SHA-256为%s\n",
}

// printer prints sentences in a language, with its digits grouped.
func printer(lang string) (*message.Printer, func(string) string) {
	if lang == "zh" {
		return message.NewPrinter(language.SimplifiedChinese), func(s string) string { return chinese[s] }
	}
	return message.NewPrinter(language.English), func(s string) string { return s }
}

// tell writes the report for people: one line for each thing.
func (r *Report) tell(w io.Writer, lang string) {
	p, in := printer(lang)
	say := func(sentence string, args ...any) {
		for i, a := range args {
			if s, ok := a.(string); ok {
				args[i] = visible(s)
			}
		}
		_, _ = p.Fprintf(w, in(sentence), args...) // a buffer
	}
	c := &r.Counts
	if !r.OK {
		if n := len(r.Problems) + r.More; n == 1 {
			say("NOT IN ORDER: one problem.\n")
		} else {
			say("NOT IN ORDER: %d problems.\n", n)
		}
		for _, problem := range r.Problems {
			_, _ = io.WriteString(w, "  "+visible(problem.Where)+": "+visible(problem.What)+"\n")
		}
		if r.More > 0 {
			_, _ = io.WriteString(w, "  ")
			say("and %d more\n", r.More)
		}
		return
	}
	say("OK: %d interactions of %d conversations, %d findings that stand; %d seals of %d partitions, %d entries of the log.\n",
		c.Interactions, c.Sessions, c.Findings, c.Seals, c.Partitions, c.Entries)
	sentence := "Complete for tenant %s from %s to %s, as far as it was recorded by %s; newest seal %s.\n"
	if !r.Complete {
		sentence = "Not shown to be complete for tenant %s from %s to %s, as far as it was recorded by %s; newest seal %s.\n"
	}
	say(sentence, r.Scope.Tenant, moment(r.Scope.From), moment(r.Scope.To), moment(r.Scope.RecordedBy), moment(r.NewestSeal))
	if r.early() {
		say("What was sealed later is not looked at, although the period goes on.\n")
	}
	say("Partitions %s; that the topic has no others is not proven.\n", list(r.Partitions, strconv.Itoa))
	if len(r.Unread) > 0 {
		say("%d runs of offsets were never read, as the broker had lost them (partition: offsets): %s.\n", len(r.Unread), list(r.Unread, Unread.String))
	}
	if !r.Scope.Whole() {
		say("The scope is narrower than the period: that there are no others is not proven.\n")
	}
	for _, n := range []struct {
		n        int
		sentence string
	}{
		{r.Hidden, "%d rows or versions are not shown, as they are said to be of another tenant by now.\n"},
		{r.Claimed, "%d rows are said to be erased, and are not shown to have been.\n"},
		{c.Outside, "%d interactions lie outside of the period; only their moment is told.\n"},
		{c.Erased - r.Claimed, "%d interactions were erased, as the log states; their leaves are there.\n"},
		{c.Beside, "%d versions of findings in seals outside of the period are not shown, as they are said to be of conversations outside of it.\n"},
		{c.Superseded, "%d seals are superseded: others stand over the same offsets.\n"},
	} {
		if n.n > 0 {
			say(n.sentence, n.n)
		}
	}
	for _, s := range r.Replaced[:min(len(r.Replaced), maxNamed)] {
		say("Seal %s sealed at %s was replaced at %s.\n", s.Seal, moment(s.At), moment(s.ByAt))
	}
	if more := len(r.Replaced) - maxNamed; more > 0 {
		say("%d more seals were replaced late.\n", more)
	}
	say("%d conversations with %d findings were judged again under the enclosed policies.\n", c.Rechecked, c.Refound)
	for _, why := range slices.Sorted(maps.Keys(r.NotRechecked)) {
		say("%d more could not be judged again: %s.\n", r.NotRechecked[why], why)
	}
	if c.Lots > 0 {
		say("%d lots of the review sample were drawn again, and %d could not be: the key of their day is not published yet.\n", c.Lots-len(r.NotDrawn), len(r.NotDrawn))
	}
	if len(r.Unproven) > 0 {
		say("Only unchanged, not proven: %s.\n", strings.Join(r.Unproven, ", "))
	}
	sentence = "Log %s, %d entries, signed with the key in the package: compare its SHA-256 with the one that you know, %s\n"
	if r.Log.Pinned {
		sentence = "Log %s, %d entries, signed with the key that was given (SHA-256 %s).\n"
	}
	say(sentence, r.Log.Origin, r.Log.Size, r.Log.Fingerprint)
}

// maxNamed is how many seals are named in an answer for people; its JSON has all.
const maxNamed = 20

// String names the partition and the offsets.
func (u Unread) String() string {
	return fmt.Sprintf("%d: %d–%d", u.Partition, u.First, u.Last)
}

// list names things one behind the other.
func list[T any](all []T, name func(T) string) string {
	out := make([]string, len(all))
	for i := range all {
		out[i] = name(all[i])
	}
	return strings.Join(out, ", ")
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// maxShown is how much of a text from a package is shown in a line, in bytes.
const maxShown = 400

// visible is a text of which a terminal makes nothing but letters: it comes from a package that nobody vouches
// for.
func visible(s string) string {
	if len(s) > maxShown {
		s = s[:maxShown] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
