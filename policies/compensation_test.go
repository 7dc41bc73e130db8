package policies_test

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"mingjian/policies"
)

func compensation(t *testing.T) *policies.Compensation {
	t.Helper()
	c, err := policies.LoadCompensation(t.Context(), policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// yuan is a case in China in which so much was lost, and offers it back in cash.
func yuan(fen int64) policies.CompensationInput {
	return policies.CompensationInput{
		Tenant: "default", Jurisdiction: "CN", Kind: "price", Rules: []policies.BrokenRule{{ID: "cn-answer-untrue", Severity: policies.High}},
		Harm:     policies.CompensationHarm{AmountMinor: fen, Currency: "CNY"},
		Proposal: policies.Offer{Form: "cash", AmountMinor: fen, Currency: "CNY"},
	}
}

// The shipped tables: up to 200 yuan one person, up to 5,000 two, above that finance too.
func TestWhoApprovesHowMuch(t *testing.T) {
	c := compensation(t)
	for _, tt := range []struct {
		fen     int64
		people  int
		finance bool
	}{{1, 1, false}, {200_00, 1, false}, {200_01, 2, false}, {5000_00, 2, false}, {5000_01, 2, true}, {1_000_000_000_00, 2, true}} {
		got, err := c.Approval(t.Context(), yuan(tt.fen))
		if err != nil || !got.Allowed || got.People != tt.people || got.Finance != tt.finance || got.Why.ZH == "" || got.Why.EN == "" {
			t.Errorf("%d fen: %+v, %v", tt.fen, got, err)
		}
	}
	if c.Deadlines != (policies.CaseDeadlines{Answer: 24 * time.Hour, Decision: 72 * time.Hour, Payment: 7 * 24 * time.Hour}) {
		t.Errorf("deadlines are %+v", c.Deadlines)
	}
}

func TestFraudIsThreeTimesThePriceAndAtLeast500Yuan(t *testing.T) {
	c := compensation(t)
	for price, want := range map[int64]int64{100_00: 500_00, 166_66: 500_00, 166_67: 500_01, 199_00: 597_00} {
		in := yuan(0)
		in.Fraud, in.Harm.PriceMinor = true, price
		got, err := c.Advise(t.Context(), in)
		if err != nil || !got.Eligible || got.Form != "cash" || got.AmountMinor != want || got.LeastMinor != want || !slices.Equal(got.Basis, []string{"cn-cpl-55-3x", "cn-cpl-20-answer"}) {
			t.Errorf("a price of %d: %+v, %v", price, got, err)
		}
		in.Harm.AmountMinor = 30_00
		if got, err := c.Advise(t.Context(), in); err != nil || got.AmountMinor != want+30_00 {
			t.Errorf("a price of %d and a loss: %+v, %v", price, got, err)
		}
	}
	clause, ok := c.Clause("cn-cpl-55-3x")
	if !ok || !clause.Verified || !strings.Contains(clause.Wording.ZH, "三倍") {
		t.Errorf("the clause is %+v", clause)
	}
}

func TestWhatIsNoAmountIsRefused(t *testing.T) {
	c := compensation(t)
	for what, change := range map[string]func(*policies.CompensationInput){
		"a currency without a row": func(in *policies.CompensationInput) { in.Harm.Currency, in.Proposal.Currency = "USD", "USD" },
		"a negative loss":          func(in *policies.CompensationInput) { in.Harm.AmountMinor = -1 },
		"a negative price":         func(in *policies.CompensationInput) { in.Harm.PriceMinor = -1 },
		"the largest integer":      func(in *policies.CompensationInput) { in.Harm.AmountMinor, in.Fraud = 1<<63-1, true },
		"three times overflows": func(in *policies.CompensationInput) {
			in.Harm.PriceMinor, in.Fraud = 1<<62, true
		},
		"a negative proposal": func(in *policies.CompensationInput) { in.Proposal.AmountMinor = -5 },
		"another currency":    func(in *policies.CompensationInput) { in.Proposal.Currency = "EUR" },
	} {
		in := yuan(100)
		change(&in)
		if got, err := c.Approval(t.Context(), in); err == nil && got.Allowed {
			t.Errorf("%s: %+v", what, got)
		}
	}
	in := yuan(100)
	in.Kind = "weather"
	if got, err := c.Advise(t.Context(), in); err == nil {
		t.Errorf("an unknown kind: %+v", got)
	}
}

// Whatever is asked, what is suggested lies between the limits, and what lies there is allowed.
func TestAdviceAndApprovalAgree(t *testing.T) {
	c := compensation(t)
	rapid.Check(t, func(t *rapid.T) {
		in := yuan(rapid.Int64Range(0, 10_000_00).Draw(t, "loss"))
		in.Kind = rapid.SampledFrom([]string{"price", "refund", "quality", "service", "other", "personal_information"}).Draw(t, "kind")
		in.Harm.PriceMinor = rapid.Int64Range(1, 5_000_00).Draw(t, "price")
		in.Fraud = rapid.Bool().Draw(t, "fraud")
		in.PaidMinor = rapid.Int64Range(0, 1_000_00).Draw(t, "paid")
		a, err := c.Advise(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if a.LeastMinor < 0 || a.LeastMinor > a.AmountMinor && a.AmountMinor > 0 || a.AmountMinor > a.MostMinor {
			t.Fatalf("%+v: %+v", in, a)
		}
		in.Proposal = policies.Offer{Form: a.Forms[0], Currency: "CNY"}
		switch a.Forms[0] {
		case "cash", "coupon":
			in.Proposal.AmountMinor = rapid.Int64Range(max(1, a.LeastMinor), max(1, a.MostMinor)).Draw(t, "amount")
		case "points":
			in.Proposal.Points = rapid.Int64Range(1, a.MostPoints).Draw(t, "points")
		}
		got, err := c.Approval(t.Context(), in)
		if err != nil || got.Allowed != a.Eligible || got.People < 1 {
			t.Fatalf("%+v: %+v, then %+v, %v", in, a, got, err)
		}
		if in.Proposal.AmountMinor = a.MostMinor + 1; in.Proposal.Form == "cash" {
			if got, err := c.Approval(t.Context(), in); err != nil || got.Allowed {
				t.Fatalf("more than the most: %+v, %v", got, err)
			}
		}
	})
}

// Every rule that opens a case has its row, so that a case of it says what it is about.
func TestEveryMisjudgementHasItsRowOfCompensation(t *testing.T) {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	c, n := compensation(t), 0
	for _, r := range bundle.Rules {
		if r.Misjudgement {
			n++
			if c.KindOf(r.ID) == "other" {
				t.Errorf("%s has no row in the tables", r.ID)
			}
		}
	}
	if n == 0 || c.KindOf("no-such-rule") != "other" {
		t.Errorf("%d rules open a case", n)
	}
}

func TestCompensationSourceWithFaultsIsRefused(t *testing.T) {
	good := fstest.MapFS{}
	for _, file := range []string{"compensation/advice.rego", "compensation/approval.rego", "compensation/tables.yaml", "clauses.yaml"} {
		text, err := fs.ReadFile(policies.Builtin(), file)
		if err != nil {
			t.Fatal(err)
		}
		good[file] = &fstest.MapFile{Data: text}
	}
	if _, err := policies.LoadCompensation(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	swap := func(file, old, with string) fstest.MapFS {
		files := maps.Clone(good)
		text := string(good[file].Data)
		if !strings.Contains(text, old) {
			t.Fatalf("%s does not say %q", file, old)
		}
		files[file] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, with, 1))}
		return files
	}
	for what, files := range map[string]fstest.MapFS{
		"no deadline":         swap("compensation/tables.yaml", "answer_h: 24", "answer_h: 0"),
		"no such clause":      swap("compensation/tables.yaml", "[cn-cpl-44]", "[cn-cpl-99]"),
		"no such kind":        swap("compensation/tables.yaml", "{kind: refund", "{kind: weather"),
		"no clause for fraud": swap("clauses.yaml", "- id: cn-cpl-55-3x", "- id: cn-cpl-55-4x"),
		"tables of no shape":  swap("compensation/tables.yaml", "kinds:", "kinds: 3\nkind:"),
		"a limit misspelt":    swap("compensation/tables.yaml", "{up_to_minor: 20000,", "{up_to: 20000,"),
		"limits that go back": swap("compensation/tables.yaml", "{up_to_minor: 500000,", "{up_to_minor: 20000,"),
		"nobody approves":     swap("compensation/tables.yaml", "people: 1,", "people: 0,"),
		"a limit at the end":  swap("compensation/tables.yaml", "- {people: 2, finance: true}", "- {up_to_minor: 900000, people: 2, finance: true}"),
		"broken rules":        swap("compensation/advice.rego", "count(obstacles) == 0,", "undefined_name == 0,"),
		"no Rego":             swap("compensation/approval.rego", "package ", "pack "),
	} {
		if _, err := policies.LoadCompensation(t.Context(), files); err == nil {
			t.Errorf("%s: loaded", what)
		}
	}
}
