package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"mingjian/policies"
)

type versionCommand struct {
	JSON bool `help:"Print JSON." env:"-"`
}

func (*versionCommand) Help() string { return "Example:\n  mingjian version --json" }

// Run prints what this binary is: its version, its commit and the policy revision inside it.
func (c *versionCommand) Run() error {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		return err
	}
	out := struct {
		Version  string `json:"version"`
		Commit   string `json:"commit"`
		Go       string `json:"go"`
		Policies string `json:"policies"`
		Rules    int    `json:"rules"`
	}{Version: programVersion(), Commit: "unknown", Go: runtime.Version(), Policies: bundle.Revision, Rules: len(bundle.Rules)}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				out.Commit = s.Value
			}
		}
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	fmt.Printf("mingjian %s (commit %s, %s), %d rules at revision %s\n", out.Version, out.Commit, out.Go, out.Rules, out.Policies)
	return nil
}

// programVersion is the module's version as the Go tool recorded it.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
