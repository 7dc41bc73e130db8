package signal

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"mingjian/collector/event"
	"mingjian/policies"
)

func TestNormalise(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		" \n，。 ":                     "",
		"转🤲人工":                       "转人工",
		"转\u200b人\ufeff工":            "转人工",
		"轉 人 工！":                     "转人工",
		"ＡＩ　生成":                      "ai生成",
		"由 AI 生成":                    "由ai生成",
		"I’m  an AI\tassistant":      "im an ai assistant",
		"AI-generated":               "ai generated",
		"Eva - your bot":             "eva\nyour bot",
		"An A.I. here. At x.com. Go": "an ai here\nat xcom\ngo",
		"3.5 元，好":                    "3.5元\n好",
		"atención Straße Über":       "atencion straße uber",
		"𝐡𝐮𝐦𝐚𝐧":                      "human",
		"电话⟦phone⟧，转人工":              "电话⟦\n转人工",
		"⟦没有结束":                      "没有结束",
		"“人工”客服":                     "人工客服",
		"好的。\n\n谢谢":                  "好的\n谢谢",
		"\xFF人工":                     "人工",
		"한국어 상담":                     "한국어 상담",
		"ﬁne①":                       "fine1",
	} {
		if got := string(normalise(nil, in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	if got := Set(0).Names(); got != nil {
		t.Errorf("nothing: %v", got)
	}
	if got := strings.Join((Busy | HumanRequest | Notice).Names(), " "); got != "human_request notice busy" {
		t.Errorf("got %s", got)
	}
	for i, name := range names {
		if got := Set(1 << i).Names(); len(got) != 1 || got[0] != name {
			t.Errorf("bit %d: %v", i, got)
		}
	}
}

func TestOnlyTheSpeakerWhoCanMeanItIsHeard(t *testing.T) {
	d := detector(t)
	const request, apology = "转人工", "非常抱歉，内容由AI生成"
	for role, want := range map[event.Role][2]Set{
		event.CustomerRole: {HumanRequest, 0},
		event.BotRole:      {0, Apology | LabelFull},
		event.AgentRole:    {0, Apology | LabelFull},
		event.SystemRole:   {0, Apology | LabelFull},
		"":                 {0, 0},
	} {
		if got := d.Detect(role, request); got != want[0] {
			t.Errorf("%q: %v of %s", role, got.Names(), request)
		}
		if got := d.Detect(role, apology); got != want[1] {
			t.Errorf("%q: %v of %s", role, got.Names(), apology)
		}
	}
}

func TestNewSaysWhatIsWrongWithTheLexicons(t *testing.T) {
	if _, err := New(nil); err == nil || !strings.Contains(err.Error(), "lexicon human_request is missing: lexicon/human_request.yaml") {
		t.Errorf("no lexicons: %v", err)
	}
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	l := b.Lexicons["apology"]
	l.Phrases = append(l.Phrases[:len(l.Phrases):len(l.Phrases)], policies.Phrase{Lang: "zh", Text: "！！"})
	b.Lexicons["apology"] = l
	if _, err := New(b.Lexicons); err == nil || !strings.Contains(err.Error(), `lexicon apology: nothing is left of the phrase "！！"`) {
		t.Errorf("a phrase of punctuation: %v", err)
	}
}

// A pattern without a literal would be tried on every text; none that ships is.
func TestEveryShippedPatternIsWokenByALiteral(t *testing.T) {
	d := detector(t)
	for _, s := range []*scanner{d.customer, d.service, d.shown} {
		for _, n := range s.always {
			t.Errorf("tried on every text: %s", s.patterns[n].expr)
		}
	}
}

// What an expression is said to need must be true: whatever it matches holds it.
func TestAnalyse(t *testing.T) {
	for expr, want := range map[string]string{
		`转(人工|真人)`:                "转 & 人工|真人",
		`[你您]好吗`:                  "你|您 & 好吗",
		`(?i)Agent`:               "agent",
		`\bagent\b[^\n]{0,9}busy`: "<agent> & busy",
		`\b(ai|bots) policy`:      "<ai>|<bots> &  policy",
		`\b(no|not|never)\b`:      "<n & ever>|o",
		`\b(ai|bot)s?`:            "<ai|<bot",
		`\b(ai)+\b`:               "ai",
		`(?m)^(ai|人工)$`:           "<ai>|人工",
		`(转|换)+`:                  "换|转",
		`a?b*`:                    "",
		`x{0,3}人工智能?`:             "人工智",
		`(人工)?`:                   "",
		`(a|b?)`:                  "",
		`(?m)^(请|快)?(人工){1,6}呢?$`: "人工",
		`忙\n?请`:                   "忙 & 请 across",
		`^人工`:                     "人工 across",
		`(?s)忙.请`:                 "忙 & 请 across",
		`忙[^a]请`:                  "忙 & 请 across",
	} {
		needs, crosses := analyse(regexp.MustCompile(expr))
		var parts []string
		for _, anyOf := range needs {
			var texts []string
			for _, l := range anyOf {
				text := l.text
				if l.wordStart {
					text = "<" + text
				}
				if l.wordEnd {
					text += ">"
				}
				texts = append(texts, text)
			}
			slices.Sort(texts)
			parts = append(parts, strings.Join(texts, "|"))
		}
		got := strings.Join(parts, " & ")
		if crosses {
			got += " across"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
}

// Waking patterns only where they can match must change nothing: the answer is that of trying every
// pattern on the whole text.
func TestWakingPatternsLosesNoMatch(t *testing.T) {
	d := detector(t)
	for _, file := range []string{"human_request.txt", "label.txt", "notice.txt", "apology.txt", "service.txt", "request_withdraw.txt", "request_decline.txt"} {
		for _, row := range utterances(t, file, 1) {
			for _, s := range []*scanner{d.customer, d.service, d.shown} {
				f := s.scan("您好。" + row[1] + "，谢谢")
				woken := map[try]bool{}
				for _, l := range f.lexicons {
					for _, t := range slices.Concat(l.tries, l.voidings) {
						woken[t] = true
					}
				}
				for n, p := range s.patterns {
					for _, at := range p.expr.FindAllIndex(f.text, -1) {
						start := bytes.LastIndexByte(f.text[:at[0]+1], clauseEnd) + 1
						clause := span{start, start + clauseLen(f.text[start:])}
						if !woken[try{n, clause}] && !woken[try{n, span{0, len(f.text)}}] {
							t.Errorf("%s is not tried on %q", p.expr, f.text)
						}
					}
				}
				s.release(f)
			}
		}
	}
}

func TestPatternsWithoutALiteralStillWork(t *testing.T) {
	s, err := newScanner(map[string]policies.Lexicon{"x": {Name: "x", Patterns: []policies.Pattern{{Expr: regexp.MustCompile(`[a-z]{9}`)}}}}, "x")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"abcdefghi": true, "abc": false} {
		f := s.scan(text)
		if f.any(0) != want {
			t.Errorf("%s: %v", text, !want)
		}
		s.release(f)
	}
}

func TestWordsOfLatinScriptAreWholeWords(t *testing.T) {
	d := detector(t)
	for _, text := range []string{"He said it is fair", "reagents and humane treatment", "the robotics fair"} {
		if got := d.Detect(event.CustomerRole, text) | d.Detect(event.BotRole, text); got != 0 {
			t.Errorf("%s: %v", text, got.Names())
		}
	}
}

func TestDetectIsSafeForManyGoroutines(t *testing.T) {
	d := detector(t)
	texts := []string{"转人工", "非常抱歉，正在为您转接人工", "I'm an AI assistant", "不用转人工了", strings.Repeat("人工智能", 500), "你好"}
	var want []Set
	for _, text := range texts {
		want = append(want, d.Detect(event.CustomerRole, text)|d.Detect(event.BotRole, text))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 600 {
				n := i % len(texts)
				if got := d.Detect(event.CustomerRole, texts[n]) | d.Detect(event.BotRole, texts[n]); got != want[n] {
					t.Errorf("%s: %v, alone %v", texts[n], got.Names(), want[n].Names())
				}
			}
		})
	}
	wg.Wait()
}

func FuzzDetect(f *testing.F) {
	for _, seed := range []string{"", "转人工", "I'm a bot.", "内容由AI生成", "\xff\xfe", "⟦phone⟧", "⟦", "a.b-c", "轉🤲人工", strings.Repeat("人工", 99)} {
		f.Add(seed)
	}
	d := detector(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, role := range []event.Role{event.CustomerRole, event.BotRole} {
			first := d.Detect(role, text)
			if again := d.Detect(role, text); again != first {
				t.Fatalf("%q: %v, then %v", text, first.Names(), again.Names())
			}
			if role == event.CustomerRole && first&^(HumanRequest|RequestWithdraw) != 0 || role == event.BotRole && first&(HumanRequest|RequestWithdraw) != 0 {
				t.Fatalf("%q by %s: %v", text, role, first.Names())
			}
			if first&LabelFull != 0 && first&LabelIncomplete != 0 {
				t.Fatalf("%q: full and incomplete", text)
			}
		}
		label, notice := d.Interface(text)
		if notice && label == policies.NoLabel {
			t.Fatalf("%q: a notice without an AI element", text)
		}
		once := string(normalise(nil, text))
		if twice := string(normalise(nil, once)); !strings.ContainsAny(once, ".⟦") && twice != once {
			t.Fatalf("%q: normalised %q, again %q", text, once, twice)
		}
	})
}

func BenchmarkDetect(b *testing.B) {
	d := detector(b)
	for name, said := range map[string]struct {
		role event.Role
		text string
	}{
		"customer/question": {event.CustomerRole, "你好，我想问一下我昨天下的订单什么时候能发货？"},
		"customer/request":  {event.CustomerRole, "你们这个机器人什么都不懂，快点给我转人工客服！"},
		"customer/english":  {event.CustomerRole, "Hi, I need to cancel my flights from Orlando to Charlotte, and I want to know about the refund."},
		"bot/answer":        {event.BotRole, "您好，您的订单已经发出，预计明天送达，请您注意查收。还有什么可以帮您？"},
		"bot/apology":       {event.BotRole, "非常抱歉给您带来不便，这边已经为您登记，稍后会有专员与您联系。（内容由AI生成）"},
		"bot/english":       {event.BotRole, "I understand your concern, but the policy does not allow changes to this fare. Would you like me to transfer you to a human agent?"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Detect(said.role, said.text)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := New(bundle.Lexicons); err != nil {
			b.Fatal(err)
		}
	}
}
