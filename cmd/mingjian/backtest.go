package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"mingjian/collector/replay"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
	"mingjian/policies"
)

type policyBacktestCommand struct {
	where
	ruled
	Since  string `help:"Sessions opened since then: how long ago (168h), a day (2026-11-01, from 00:00 UTC) or a moment (RFC 3339)." required:"" placeholder:"WHEN" env:"-"`
	Until  string `help:"… and before then, in the same forms." placeholder:"WHEN" env:"-"`
	Tenant string `help:"Only this tenant's sessions; without it, all." env:"-"`
	Params string `help:"YAML file in the form of params.yaml with the values that would change." placeholder:"FILE" type:"path" env:"-"`
	Packs  string `help:"Directory of policy files that would take the place of those in force, by the same path." placeholder:"DIR" type:"path" env:"-"`
	JSON   bool   `help:"Print JSON." env:"-"`
}

func (*policyBacktestCommand) Help() string {
	return "Inspects stored interactions again, under the policies in force (--policies, as the running system was given) and under the changed ones, and says what would have been found more, less or otherwise. Nothing is written.\n\nExample, with the line 'cn: {human_slow_s: 20}' in stricter.yaml:\n  mingjian policy backtest --since 168h --params stricter.yaml"
}

// Run compares and prints.
func (c *policyBacktestCommand) Run(ctx context.Context) error {
	now := time.Now()
	query := warehouse.ReplayQuery{Tenant: c.Tenant}
	var err error
	if query.From, err = when("--since", c.Since, now); err != nil {
		return err
	}
	if query.To, err = when("--until", c.Until, now); err != nil {
		return err
	}
	if query.To != 0 && query.To <= query.From {
		return errors.New("--until is not after --since: nothing lies between them")
	}
	before, after, err := c.bundles()
	if err != nil {
		return err
	}
	record, err := c.open(ctx, embedded.ReaderUser)
	if err != nil {
		return err
	}
	defer record.Close()
	progress, end := counting(os.Stderr)
	result, err := replay.Compare(ctx, record, replay.Backtest{Sessions: query, Before: before, After: after, Now: now.UnixMilli(), Progress: progress})
	end()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(result)
	}
	return printComparison(os.Stdout, result)
}

// bundles loads the policies in force and the changed ones. A fault in either is told before anything runs.
func (c *policyBacktestCommand) bundles() (before, after *policies.Bundle, err error) {
	if c.Params == "" && c.Packs == "" {
		return nil, nil, errors.New("say what would change: --params FILE, --packs DIR or both")
	}
	source, err := c.source().FS()
	if err != nil {
		return nil, nil, err
	}
	if before, err = policies.Load(source); err != nil {
		return nil, nil, fmt.Errorf("the policies in force:\n%w", err)
	}
	if c.Packs != "" {
		if info, err := os.Stat(c.Packs); err != nil || !info.IsDir() {
			return nil, nil, fmt.Errorf("--packs: %s is not a directory", c.Packs)
		}
		source = policies.Over(source, os.DirFS(c.Packs))
	}
	if c.Params != "" {
		text, err := os.ReadFile(c.Params)
		if err != nil {
			return nil, nil, fmt.Errorf("--params: %w", err)
		}
		over, err := policies.Archived(map[string][]byte{"params.yaml": text})
		if err != nil {
			return nil, nil, err
		}
		source = policies.Over(source, over)
	}
	if after, err = policies.Load(source); err != nil {
		return nil, nil, fmt.Errorf("the changed policies are refused as a whole:\n%w", err)
	}
	if after.Revision == before.Revision {
		return nil, nil, fmt.Errorf("nothing would change: with --params and --packs the policies are those in force, revision %s", before.Revision)
	}
	return before, after, nil
}

// when reads a moment as the command line gives it; "" is 0.
func when(flag, text string, now time.Time) (policies.Millis, error) {
	if text == "" {
		return 0, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d).UnixMilli(), nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%s %q is no moment: give how long ago (168h), a day (2026-11-01) or RFC 3339", flag, text)
}

// counting shows how far a replay is, where a person watches.
func counting(f *os.File) (progress func(done, total int64), end func()) {
	if !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	var mu sync.Mutex
	var bar *progressbar.ProgressBar
	return func(done, total int64) {
			mu.Lock()
			defer mu.Unlock()
			if bar == nil {
				bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("backtest"),
					progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
			}
			if done > bar.State().CurrentNum {
				_ = bar.Set64(done) // a bar that cannot be drawn is no reason to stop
			}
		}, func() {
			if bar != nil {
				_ = bar.Finish()
			}
		}
}

// printComparison is a table of the rules that differ, and examples.
func printComparison(out io.Writer, c *replay.Comparison) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tGAINED\tLOST\tCHANGED\tUNCHANGED")
	alike := 0
	for _, d := range c.Rules {
		if d.Gained+d.Lost+d.Changed == 0 {
			alike++
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", d.Rule, d.Gained, d.Lost, d.Changed, d.Unchanged)
	}
	fmt.Fprintf(w, "all rules\t%d\t%d\t%d\t%d\n", c.Gained, c.Lost, c.Changed, c.Unchanged)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d other rules found something, and would find the same. %d interactions of %d sessions in %.1f s.\n", alike, c.Interactions, c.Sessions, c.Seconds)
	fmt.Fprintf(out, "In force: revision %s\nChanged:  revision %s\n", c.Before, c.After)
	if c.Unreadable > 0 {
		fmt.Fprintf(out, "%d sessions could not be inspected again and count nowhere:\n", c.Unreadable)
		for _, fault := range c.Faults {
			fmt.Fprintln(out, " ", fault)
		}
	}
	for _, d := range c.Rules {
		for i, e := range d.Examples {
			if i == 0 {
				fmt.Fprintf(out, "\n%s, for example:\n", d.Rule)
			}
			fmt.Fprintf(out, "  %-7s  %s  session %s of tenant %s\n", e.Kind, time.UnixMilli(e.At()).UTC().Format(time.RFC3339), e.SessionID, e.Tenant)
			if e.Was != nil {
				fmt.Fprintf(out, "           in force: %s %s\n", e.Was.Severity, e.Was.Facts)
			}
			if e.Is != nil {
				fmt.Fprintf(out, "           changed:  %s %s\n", e.Is.Severity, e.Is.Facts)
			}
		}
	}
	return nil
}
