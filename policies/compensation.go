package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// The files of the decision point mingjian.compensation.
var compensationModules = []string{"compensation/advice.rego", "compensation/approval.rego"}

const compensationTables = "compensation/tables.yaml"

// CompensationInput is a case as mingjian.compensation sees it. Amounts are integers in minor units.
type CompensationInput struct {
	Tenant       string           `json:"tenant"`
	Jurisdiction string           `json:"jurisdiction"` // of the session: CN, ES, US-CA …
	Kind         string           `json:"kind"`         // claim.kind
	Rules        []BrokenRule     `json:"rules"`        // of the findings that stand
	Harm         CompensationHarm `json:"harm"`
	Fraud        bool             `json:"fraud"`      // asserted by who assessed it
	PaidMinor    int64            `json:"paid_minor"` // what the case has paid before
	// Proposal is what is to be approved; Advise does not look at it.
	Proposal Offer `json:"proposal"`
}

// BrokenRule is a finding that stands.
type BrokenRule struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
}

// CompensationHarm is what a misjudgement cost.
type CompensationHarm struct {
	AmountMinor int64  `json:"amount_minor"` // the loss; 0 where none in money
	PriceMinor  int64  `json:"price_minor"`  // what was paid for the goods or the service
	Currency    string `json:"currency"`     // ISO 4217
}

// Offer is what is proposed that a customer gets.
type Offer struct {
	Form        string `json:"form"` // cash, coupon, points, redo
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	Points      int64  `json:"points"`
}

// Advice is what the policy says of a case.
type Advice struct {
	Eligible    bool     `json:"eligible" doc:"Something is owed or may be given"`
	Form        string   `json:"form" doc:"The suggested one"`
	Forms       []string `json:"forms" nullable:"false" doc:"Those that fit"`
	AmountMinor int64    `json:"amount_minor" doc:"Suggested, in minor units; 0 where nothing was lost in money"`
	Currency    string   `json:"currency"`
	LeastMinor  int64    `json:"least_minor" doc:"A proposal in money lies between least and most"`
	MostMinor   int64    `json:"most_minor"`
	Points      int64    `json:"points" doc:"Suggested, where points fit"`
	MostPoints  int64    `json:"most_points"`
	Basis       []string `json:"basis" nullable:"false" doc:"Ids of clauses; empty where no clause gives an amount"`
	Why         Text     `json:"why"`
}

// Approval is who has to approve a proposal; never the person who proposed it.
type Approval struct {
	Allowed bool `json:"allowed" doc:"It lies within the limits"`
	People  int  `json:"people" doc:"How many have to approve"`
	Finance bool `json:"finance" doc:"One of them for finance"`
	Why     Text `json:"why"`
}

// CaseDeadlines are how long a case may take, from when it came in.
type CaseDeadlines struct {
	Answer, Decision, Payment time.Duration
}

// Compensation is the decision point mingjian.compensation; safe for many goroutines. Like Sampling it is
// no part of a Bundle's revision.
type Compensation struct {
	// Deadlines are those of every case.
	Deadlines CaseDeadlines

	advice, approval rego.PreparedEvalQuery
	tables           compensationTable
	clauses          map[string]Clause
}

// compensationTable is what Go reads of the tables; the rules read all of them.
type compensationTable struct {
	Deadlines struct {
		Answer   int `json:"answer_h"`
		Decision int `json:"decision_h"`
		Payment  int `json:"payment_h"`
	} `json:"deadlines"`
	Currencies map[string]struct {
		Fraud struct {
			Clause string `json:"clause"`
		} `json:"fraud"`
		Approvals []struct {
			UpTo   *int64 `json:"up_to_minor"` // nil: no limit
			People int    `json:"people"`
		} `json:"approvals"`
	} `json:"currencies"`
	Kinds map[string]any `json:"kinds"`
	Rules map[string]struct {
		Kind     string   `json:"kind"`
		Clauses  []string `json:"clauses"`
		Critical []string `json:"critical"`
	} `json:"rules"`
}

// LoadCompensation reads the decision point from a bundle's source, and checks that the clauses it
// rests on are in clauses.yaml.
func LoadCompensation(ctx context.Context, fsys fs.FS) (*Compensation, error) {
	var tables map[string]any
	if err := readYAML(fsys, compensationTables, &tables); err != nil {
		return nil, err
	}
	c := &Compensation{}
	text, err := json.Marshal(tables)
	if err == nil {
		err = json.Unmarshal(text, &c.tables)
	}
	if err != nil {
		return nil, faultf(compensationTables, 0, "%v", err)
	}
	if c.clauses, err = loadClauses(fsys); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	hours := func(n int) time.Duration { return time.Duration(n) * time.Hour }
	d := c.tables.Deadlines
	c.Deadlines = CaseDeadlines{Answer: hours(d.Answer), Decision: hours(d.Decision), Payment: hours(d.Payment)}

	modules := map[string]*ast.Module{}
	for _, file := range compensationModules {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if modules[file], err = ast.ParseModuleWithOpts(file, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1}); err != nil {
			return nil, regoFaults(file, err)
		}
	}
	compiler := ast.NewCompiler().WithStrict(true)
	if compiler.Compile(modules); compiler.Failed() {
		return nil, regoFaults(compensationModules[0], compiler.Errors)
	}
	data := inmem.NewFromObject(map[string]any{"mingjian": map[string]any{"tables": tables}})
	prepare := func(query string) (rego.PreparedEvalQuery, error) {
		return rego.New(rego.Query(query), rego.Compiler(compiler), rego.Store(data), rego.StrictBuiltinErrors(true)).PrepareForEval(ctx)
	}
	var adviceErr, approvalErr error
	c.advice, adviceErr = prepare("data.mingjian.compensation.advice")
	c.approval, approvalErr = prepare("data.mingjian.compensation.approval")
	if err := errors.Join(adviceErr, approvalErr); err != nil {
		return nil, fmt.Errorf("prepare mingjian.compensation: %w", err)
	}
	return c, nil
}

// check names what is wrong with the tables.
func (c *Compensation) check() error {
	var faults []error
	cited := func(where string, ids ...string) {
		for _, id := range ids {
			if _, ok := c.clauses[id]; !ok {
				faults = append(faults, faultf(compensationTables, 0, "%s cites %q, which is not in %s", where, id, clausesFile))
			}
		}
	}
	if d := c.tables.Deadlines; d.Answer <= 0 || d.Decision <= 0 || d.Payment <= 0 {
		faults = append(faults, faultf(compensationTables, 0, "deadlines needs answer_h, decision_h and payment_h, each over 0"))
	}
	for name, row := range c.tables.Currencies {
		if row.Fraud.Clause != "" {
			cited("currency "+name, row.Fraud.Clause)
		}
		// A limit that is misspelt or out of its place would let one person approve everything.
		last := int64(0)
		for i, limit := range row.Approvals {
			switch end := i == len(row.Approvals)-1; {
			case limit.People < 1:
				faults = append(faults, faultf(compensationTables, 0, "currency %s: row %d of approvals needs people, at least 1", name, i+1))
			case (limit.UpTo == nil) != end:
				faults = append(faults, faultf(compensationTables, 0, "currency %s: each row of approvals but the last needs up_to_minor, and the last has none", name))
			case !end && *limit.UpTo <= last:
				faults = append(faults, faultf(compensationTables, 0, "currency %s: row %d of approvals has to reach further than the one before", name, i+1))
			case !end:
				last = *limit.UpTo
			}
		}
	}
	for id, r := range c.tables.Rules {
		if _, ok := c.tables.Kinds[r.Kind]; !ok {
			faults = append(faults, faultf(compensationTables, 0, "rule %s has kind %q, which is not among kinds", id, r.Kind))
		}
		cited("rule "+id, r.Clauses...)
		cited("rule "+id, r.Critical...)
	}
	return errors.Join(faults...)
}

// KindOf is what a misjudgement by a rule is about; "other" where the table does not say.
func (c *Compensation) KindOf(rule string) string {
	if r, ok := c.tables.Rules[rule]; ok {
		return r.Kind
	}
	return "other"
}

// Clause is one that advice rests on.
func (c *Compensation) Clause(id string) (Clause, bool) {
	clause, ok := c.clauses[id]
	return clause, ok
}

// Advise says what a customer is owed. An unknown kind is an error; what stands in the way otherwise
// is in the advice.
func (c *Compensation) Advise(ctx context.Context, in CompensationInput) (Advice, error) {
	var out Advice
	if err := c.ask(ctx, c.advice, in, &out); err != nil {
		return Advice{}, fmt.Errorf("compensation: %w", err)
	}
	return out, nil
}

// Approval says whether the proposal lies within the advice and who approves it.
func (c *Compensation) Approval(ctx context.Context, in CompensationInput) (Approval, error) {
	var out Approval
	if err := c.ask(ctx, c.approval, in, &out); err != nil {
		return Approval{}, fmt.Errorf("compensation: %w", err)
	}
	return out, nil
}

func (c *Compensation) ask(ctx context.Context, query rego.PreparedEvalQuery, in CompensationInput, out any) error {
	if _, ok := c.tables.Kinds[in.Kind]; !ok {
		return fmt.Errorf("the tables have no kind %q", in.Kind)
	}
	if in.Rules == nil {
		in.Rules = []BrokenRule{}
	}
	return decide(ctx, query, in, out)
}
