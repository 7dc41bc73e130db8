package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"mingjian/collector"
	"mingjian/collector/inspect"
	"mingjian/collector/scenario"
	"mingjian/policies"
)

type policyCommand struct {
	List  policyListCommand  `cmd:"" help:"List the rules with what they cite."`
	Test  policyTestCommand  `cmd:"" help:"Run the tests of the rules and say how much of them is covered."`
	Check policyCheckCommand `cmd:"" help:"Run scenarios and say where findings differ from what they expect."`

	Backtest policyBacktestCommand `cmd:"" help:"Say what changed policies would have found in stored interactions."`
	Explain  policyExplainCommand  `cmd:"" help:"Say why a finding stands: facts, rule, conditions and clauses."`
}

// ruled is where a command's policies come from.
type ruled struct {
	played   bool   // by the tenants of the scenarios
	Policies string `help:"Directory of policy files that take the place of those that ship, by the same path; see policies/README.md." placeholder:"DIR" type:"path"`
}

// source is what ships with the directory over it.
func (r ruled) source() policies.Source { return policies.Source{Dir: r.Policies, Demo: r.played} }

// follow puts the source into force, and in the group follows its changes until ctx ends.
func (r ruled) follow(ctx context.Context, group *errgroup.Group, log *slog.Logger) (*collector.Rules, error) {
	source := r.source()
	// A file that changes between the two is loaded once more for nothing; the other way round the change
	// would be missed.
	stamp, stampErr := source.Stamp()
	bundle, err := source.Load()
	if err == nil {
		err = stampErr
	}
	if err != nil {
		return nil, err // a directory that is not there is told by Load, with the way out
	}
	rules, err := collector.NewRules(bundle)
	if err != nil {
		return nil, err
	}
	group.Go(func() error {
		rules.Follow(ctx, source, stamp, policies.FollowEvery, log)
		return nil
	})
	return rules, nil
}

type policyListCommand struct {
	ruled
	JSON bool `help:"Print JSON." env:"-"`
}

func (*policyListCommand) Help() string { return "Example:\n  mingjian policy list --json" }

// Run prints the catalogue.
func (c *policyListCommand) Run() error {
	bundle, err := c.source().Load()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(bundle.Rules)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tPACK\tSEVERITY\tSTATUS\tCITES\tTITLE")
	for _, r := range bundle.Rules {
		cites := make([]string, len(r.Clauses))
		for i, clause := range r.Clauses {
			cites[i] = clause.ID
			if !clause.Verified {
				cites[i] += " (unverified)"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s  %s\n", r.ID, r.Pack, r.Severity, r.Status, strings.Join(cites, ", "), r.Title.ZH, r.Title.EN)
	}
	fmt.Fprintf(w, "\n%d rules at revision %s\n", len(bundle.Rules), bundle.Revision)
	return w.Flush()
}

type policyTestCommand struct {
	ruled
	JSON bool `help:"Print JSON." env:"-"`
}

func (*policyTestCommand) Help() string {
	return "Example:\n  mingjian policy test --policies policies"
}

// Run runs every test_… rule.
func (c *policyTestCommand) Run(ctx context.Context) error {
	source, err := c.source().FS()
	if err != nil {
		return err
	}
	report, err := policies.RunTests(ctx, source)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(report); err != nil {
			return err
		}
	} else {
		for _, f := range report.Failed {
			fmt.Printf("%s: %s failed %s\n", f.Place, f.Name, f.Error)
		}
		for _, place := range report.NotCovered {
			fmt.Println(place, "is covered by no test")
		}
		fmt.Printf("%d tests passed, %d failed; %.1f %% of %d policy lines covered\n", report.Passed, len(report.Failed), report.Coverage(), report.Lines)
	}
	if len(report.Failed) > 0 {
		return errReported
	}
	return nil
}

type policyCheckCommand struct {
	ruled
	Paths []string `arg:"" name:"dir|file" help:"Scenario files, or folders of them." type:"path"`
	JSON  bool     `help:"Print JSON." env:"-"`
}

func (*policyCheckCommand) Help() string {
	return "Example:\n  mingjian policy check policies/scenarios"
}

// Run checks every scenario and prints each difference.
func (c *policyCheckCommand) Run(ctx context.Context) error {
	bundle, err := c.source().Load()
	if err != nil {
		return err
	}
	if bundle, err = scenario.Tenants(bundle); err != nil {
		return err
	}
	inspector, err := inspect.New(bundle)
	if err != nil {
		return err
	}
	results, failed, unknown := []scenario.Result{}, 0, 0
	for _, path := range c.Paths {
		list, warnings, err := scenario.Load(os.DirFS(filepath.Dir(path)), filepath.Base(path))
		for _, w := range warnings {
			fmt.Fprintln(os.Stderr, "warning:", w)
		}
		if err != nil {
			return err
		}
		for _, s := range list {
			r, err := scenario.Run(ctx, inspector, s)
			if err != nil {
				return err
			}
			if !r.OK {
				failed++
			}
			results = append(results, r)
		}
	}
	if c.JSON {
		if err := printJSON(results); err != nil {
			return err
		}
	} else {
		for _, r := range results {
			if !r.OK {
				fmt.Printf("%s: expected %v, found %v\n", r.ID, r.Expected, r.Found)
			}
			if len(r.Unknown) > 0 {
				unknown++
			}
		}
		fmt.Printf("%d scenarios, %d differ\n", len(results), failed)
		if unknown > 0 {
			fmt.Printf("%d of them also expect rules that this version does not have (--json names them); those count neither way\n", unknown)
		}
	}
	if failed > 0 {
		return errReported
	}
	return nil
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
