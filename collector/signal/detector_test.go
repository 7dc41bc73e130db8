package signal

import (
	"path/filepath"
	"regexp"
	"regexp/syntax"
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
		event.CustomerRole: {HumanRequest | KeywordRequest, 0},
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

// What an expression is said to need must be true: whatever it matches holds one of these.
func TestNeeded(t *testing.T) {
	for expr, want := range map[string]string{
		`转(人工|真人)`:                "转人工|转真人",
		`转.?(人工|真人)`:              "人工|真人",
		`[你您]好吗`:                  "你好吗|您好吗",
		`(?i)Agent`:               "agent",
		`\bagent\b[^\n]{0,9}busy`: "<agent>",
		`\b(ai|bots) policy`:      "<ai policy|<bots policy",
		`\b(no|not|never)\b`:      "<never>|<no>|<not>",
		`\b(ai|bot)s?`:            "<ai|<ais|<bot|<bots",
		`\b(ai)+\b`:               "ai",
		`(?m)^(ai|人工)$`:           "<ai>|人工",
		`(转|换)+`:                  "换|转",
		`a?b*`:                    "",
		`x{0,3}人工智能?`:             "人工智|人工智能",
		`(人工)?`:                   "",
		`(a|b?)`:                  "",
		`(?m)^(请|快)?(人工){1,6}呢?$`: "人工",
		`(人工|.真人)来`:               "人工|真人",
	} {
		re, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, n := range rarest(needed(re)) {
			text := n.text
			if n.wordStart {
				text = "<" + text
			}
			if n.wordEnd {
				text += ">"
			}
			texts = append(texts, text)
		}
		slices.Sort(texts)
		if got := strings.Join(texts, "|"); got != want {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
}

// Expressions are matched by package signal's own means; the answer must be that of package regexp.
// Every pattern that ships is tried on one in nine texts of the tables, in turn, and on those that it matches.
func TestPatternsMatchAsInPackageRegexp(t *testing.T) {
	d := detector(t)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	compiled := map[string]*regexp.Regexp{}
	for _, s := range []*scanner{d.customer, d.service, d.shown} {
		for _, p := range s.patterns {
			compiled[p.expr] = regexp.MustCompile(p.expr)
		}
	}
	matched, texts := 0, 0
	memory := map[*scanner]*found{}
	for _, s := range []*scanner{d.customer, d.service, d.shown} {
		memory[s] = s.scratch.New().(*found)
	}
	for _, file := range files {
		for _, row := range utterances(t, filepath.Base(file), 1) {
			texts++
			for _, s := range []*scanner{d.customer, d.service, d.shown} {
				f := memory[s]
				f.text = normalise(nil, "您好。"+row[1]+"，谢谢")
				if n, _ := cut(f.text); n < len(f.text) {
					t.Fatalf("%s is longer than a stretch", row[1])
				}
				f.pass(f.text, true, true, true)
				for n := range s.patterns {
					p := &s.patterns[n]
					ends := f.stretch.follow(&p.part, f.stretch.all)
					got := !ends.empty()
					if !got && (n+texts)%9 != 0 {
						continue
					}
					want := compiled[p.expr].Match(f.text)
					if got != want {
						t.Errorf("%s matches %q: %v, by package regexp %v", p.expr, f.text, got, want)
					}
					if !want {
						continue
					}
					matched++
					if !f.woken.has(n) {
						t.Errorf("%s is not tried on %q", p.expr, f.text)
					}
					if spans := f.stretch.spans(&p.part, nil); len(spans) == 0 {
						t.Errorf("%s is nowhere in %q", p.expr, f.text)
					}
				}
			}
		}
	}
	if matched < texts {
		t.Errorf("only %d matches in %d texts: that shows little", matched, texts)
	}
}

func scannerOf(t *testing.T, patterns ...string) *scanner {
	t.Helper()
	l := policies.Lexicon{Name: "x"}
	for _, p := range patterns {
		l.Patterns = append(l.Patterns, policies.Pattern{Expr: regexp.MustCompile(p)})
	}
	s, err := newScanner(map[string]policies.Lexicon{"x": l}, nil, lexiconOf{"x", 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExpressions(t *testing.T) {
	for _, tt := range []struct {
		expr, text string
		want       bool
	}{
		{`[a-z]{9}`, "abcdefghi", true}, // no literal wakes it
		{`[a-z]{9}`, "abc", false},
		{`^转`, "转人工", true},
		{`^转`, "请。转人工", false},
		{`(?m)^转`, "请。转人工", true},
		{`工$`, "人工。好", false},
		{`(?m)工$`, "人工。好", true},
		{`人.工`, "人。工", false},
		{`(?s)人.工`, "人。工", true},
		{`人\n工`, "人。工", true},
		{`人[^好]工`, "人。工", true},
		{`(来|转){2,3}人`, "转来转人", true},
		{`转(来){2,3}人`, "转来人", false},
		{`转.*人`, strings.Repeat("好", 70) + "转" + strings.Repeat("来", 90) + "人", true},
		{`转.*人`, "转" + strings.Repeat("来", 300) + "人", false},                          // longer than a stretch
		{`转.{0,9}人`, strings.Repeat("好", 250) + "转来来人" + strings.Repeat("好", 9), true}, // across its edge
		{`转.{0,9}人`, strings.Repeat("好。", 999) + "转来来人", true},
		{`(?m)^转`, strings.Repeat("好", 195) + "转" + strings.Repeat("好", 90), false}, // an edge begins no clause
		{`\Bse`, "else", true},
		{`\Bse`, "see", false},
		{`\w+ 人`, "abc 人", false}, // no space beside a Han character
		{`x|(人工)?y`, "人工y", true},
	} {
		if got := scannerOf(t, tt.expr).scan(tt.text) != 0; got != tt.want {
			t.Errorf("%s in %.40s: %v", tt.expr, tt.text, got)
		}
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
			if role == event.CustomerRole && first&^customerFinds != 0 || role == event.BotRole && first&^serviceFinds != 0 {
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
	customer, service := d.detectCustomer, d.detectService // what is known would only be looked up
	for name, said := range map[string]struct {
		find func(string) Set
		text string
	}{
		"customer/question": {customer, "你好，我想问一下我昨天下的订单什么时候能发货？"},
		"customer/request":  {customer, "你们这个机器人什么都不懂，快点给我转人工客服！"},
		"customer/english":  {customer, "Hi, I need to cancel my flights from Orlando to Charlotte, and I want to know about the refund."},
		"bot/answer":        {service, "您好，您的订单已经发出，预计明天送达，请您注意查收。还有什么可以帮您？"},
		"bot/apology":       {service, "非常抱歉给您带来不便，这边已经为您登记，稍后会有专员与您联系。（内容由AI生成）"},
		"bot/english":       {service, "I understand your concern, but the policy does not allow changes to this fare. Would you like me to transfer you to a human agent?"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				said.find(said.text)
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
