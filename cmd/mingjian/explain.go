package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"mingjian/collector/replay"
	"mingjian/deploy/embedded"
	"mingjian/policies"
)

type policyExplainCommand struct {
	where
	Finding string `arg:"" name:"finding_id" help:"Id of a finding, as lists and pages show it."`
	JSON    bool   `help:"Print JSON." env:"-"`
}

func (*policyExplainCommand) Help() string {
	return "Needs nothing but the record, which has every revision that judged in it.\n\nExample:\n  mingjian policy explain 3f0c5d1e9a7b42c08d6e1f2a3b4c5d6e"
}

// Run explains one finding.
func (c *policyExplainCommand) Run(ctx context.Context) error {
	record, err := c.open(ctx, embedded.ReaderUser)
	if err != nil {
		return err
	}
	defer record.Close()
	x, err := replay.Explain(ctx, record, strings.ToLower(strings.TrimSpace(c.Finding)), time.Now().UnixMilli())
	if errors.Is(err, replay.ErrNoFinding) {
		return fmt.Errorf("%w: %s; 'mingjian sql \"SELECT finding_id, rule FROM mingjian.findings_v\"' lists them", err, c.Finding)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(x)
	}
	printExplanation(os.Stdout, x)
	return nil
}

// printExplanation tells a finding to a lawyer: what, by which rule, on which facts, and why.
func printExplanation(w io.Writer, x *replay.Explanation) {
	f := x.Finding
	if r := x.Rule; r != nil {
		fmt.Fprintf(w, "%s  %s\n", r.Title.ZH, r.Title.EN)
	}
	fmt.Fprintf(w, "规则 Rule        %s, %s, %s (%s)\n", f.Rule, f.Severity, f.Status, f.State)
	fmt.Fprintf(w, "会话 Session     %s of tenant %s\n", f.SessionID, f.Tenant)
	fmt.Fprintf(w, "时间 Complete    %s\n", moment(f.At))
	fmt.Fprintf(w, "修订 Revision    %s, version %d of the finding\n", f.Revision, f.Version)
	if x.Untraced != "" {
		fmt.Fprintf(w, "注意 Note        %s\n", x.Untraced)
	}
	if r := x.Rule; r != nil {
		fmt.Fprintf(w, "\n%s\n%s\n", r.Description.ZH, r.Description.EN)
		fmt.Fprintln(w, "\n依据 Clauses")
		if len(r.Clauses) == 0 {
			fmt.Fprintln(w, "  无 none")
		}
		for _, k := range r.Clauses {
			seen := "条文未核对 wording not verified"
			if k.Verified {
				seen = "条文已核对 wording verified"
			}
			fmt.Fprintf(w, "  %s  %s %s, %s\n    %s\n    %s\n", k.ID, k.Instrument, k.Article, seen, k.Wording.ZH, k.Wording.EN)
		}
	}
	fmt.Fprintln(w, "\n事实 Facts")
	var facts map[string]json.RawMessage
	if json.Unmarshal(x.Facts, &facts) != nil {
		fmt.Fprintf(w, "  %s\n", x.Facts)
	}
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		fmt.Fprintf(w, "  %s = %s\n", name, readable(name, string(facts[name])))
	}
	if len(x.Decided) > 0 {
		fmt.Fprintln(w, "\n决定性交互 The events that decided")
		for _, m := range x.Decided {
			fmt.Fprintf(w, "  %s  %s  %s %s  %s\n", moment(m.At), m.EventID, m.Kind, m.Role, strings.Join(strings.Fields(m.Text), " "))
		}
	}
	if x.Trace != nil {
		printTrace(w, x.Trace)
	}
}

func printTrace(w io.Writer, t *policies.Trace) {
	if len(t.Params) > 0 {
		fmt.Fprintln(w, "\n参数 Parameters")
		for _, p := range t.Params {
			fmt.Fprintf(w, "  %s = %s\n", p.Name, p.Value)
		}
	}
	fmt.Fprintln(w, "\n条件 Conditions")
	for _, s := range t.Steps {
		indent := "  "
		if s.Depth > 0 {
			indent = "    "
			held := "不成立 did not hold"
			if s.Held {
				held = "成立 held"
			}
			fmt.Fprintf(w, "  所用定义 definition %s (%s:%d): %s\n", s.Name, s.File, s.Line, held)
		}
		for _, c := range s.Conditions {
			came := "✗ 不成立 did not hold"
			switch {
			case !c.Asked:
				came = "– 未及 not reached"
			case c.Held:
				came = "✓ 成立 held"
			}
			fmt.Fprintf(w, "%s%s\n%s  %s\n", indent, c.Text, indent, came)
			for _, v := range c.Values {
				fmt.Fprintf(w, "%s    %s = %s\n", indent, v.Name, readable(v.Name, v.Value))
			}
		}
	}
	fmt.Fprintf(w, "\n规则原文 The rule as written (%s:%d)\n%s\n", t.File, t.Line, t.Text)
}

// readable is a value with moments told as such.
func readable(name, value string) string {
	var ms int64
	if strings.HasSuffix(name, "at") || name == "now" || name == "opened" || name == "closed" {
		// Later than 2001: anything smaller is no moment of ours.
		if json.Unmarshal([]byte(value), &ms) == nil && ms > 1e12 {
			return fmt.Sprintf("%s (%s)", value, moment(ms))
		}
	}
	return value
}

func moment(ms policies.Millis) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000 UTC")
}
