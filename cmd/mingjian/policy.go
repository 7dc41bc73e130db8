package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"mingjian/collector/inspect"
	"mingjian/collector/scenario"
	"mingjian/policies"
)

type policyCommand struct {
	List  policyListCommand  `cmd:"" help:"List the rules with what they cite."`
	Check policyCheckCommand `cmd:"" help:"Run scenarios and say where findings differ from what they expect."`
}

type policyListCommand struct {
	JSON bool `help:"Print JSON." env:"-"`
}

func (*policyListCommand) Help() string { return "Example:\n  mingjian policy list --json" }

// Run prints the catalogue.
func (c *policyListCommand) Run() error {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(bundle.Rules)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tSEVERITY\tSTATUS\tCITES\tTITLE")
	for _, r := range bundle.Rules {
		cites := make([]string, len(r.Clauses))
		for i, clause := range r.Clauses {
			cites[i] = clause.ID
			if !clause.Verified {
				cites[i] += " (unverified)"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s  %s\n", r.ID, r.Severity, r.Status, strings.Join(cites, ", "), r.Title.ZH, r.Title.EN)
	}
	fmt.Fprintf(w, "\n%d rules at revision %s\n", len(bundle.Rules), bundle.Revision)
	return w.Flush()
}

type policyCheckCommand struct {
	Paths []string `arg:"" name:"dir|file" help:"Scenario files, or folders of them." type:"path"`
	JSON  bool     `help:"Print JSON." env:"-"`
}

func (*policyCheckCommand) Help() string {
	return "Example:\n  mingjian policy check policies/scenarios"
}

// Run checks every scenario and prints each difference.
func (c *policyCheckCommand) Run(ctx context.Context) error {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
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
