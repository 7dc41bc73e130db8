package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"mingjian/collector/warehouse"
	"mingjian/dashboards"
	"mingjian/deploy/embedded"
	"mingjian/policies"
)

// dashboardsCommand groups what is done with Grafana's dashboards and alerts.
type dashboardsCommand struct {
	Build dashboardsBuild `cmd:"" help:"Write the dashboards and Grafana's provisioning files."`
	Check dashboardsCheck `cmd:"" help:"Run every query of dashboards and alerts against a running system."`
	Push  dashboardsPush  `cmd:"" help:"Send dashboards and alert rules to a Grafana; shows what will change first."`
}

// boards is what dashboards are made of.
func boards(console string) (dashboards.Options, error) {
	bundle, err := policies.Load(policies.Builtin())
	return dashboards.Options{Rules: bundle, Console: strings.TrimSuffix(console, "/"), Now: time.Now()}, err
}

type dashboardsBuild struct {
	Out        string `help:"Folder to write to." default:"deploy/grafana" placeholder:"DIR" env:"-"`
	ConsoleURL string `name:"console-url" help:"Address of the console, where the dashboards' links lead." default:"${console_url}" placeholder:"URL"`
}

func (*dashboardsBuild) Help() string {
	return "The files are the same whenever the policies are. Grafana fills in addresses and secrets from its environment; each file says which.\n\nExample:\n  mingjian dashboards build --console-url https://mingjian.example.com"
}

// Run writes the files that differ, and removes dashboards that are no longer built.
func (c *dashboardsBuild) Run() error {
	o, err := boards(c.ConsoleURL)
	if err != nil {
		return err
	}
	files, err := dashboards.Files(o)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(c.Out, filepath.FromSlash(name))
		if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, files[name]) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		fmt.Println(path)
	}
	return filepath.WalkDir(filepath.Join(c.Out, "dashboards"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		name, err := filepath.Rel(c.Out, path)
		if _, built := files[filepath.ToSlash(name)]; err != nil || built {
			return err
		}
		fmt.Println("removed", path)
		return os.Remove(path)
	})
}

type dashboardsCheck struct {
	where
	JSON bool `help:"Print a JSON array of objects." env:"-"`
}

func (*dashboardsCheck) Help() string {
	return "Expands macros and variables as Grafana's ClickHouse data source does, reads as a user who may change nothing, and fails on an error or on an empty panel that the demo should fill.\n\nExample:\n  mingjian up --demo        # in one terminal, for a minute\n  mingjian dashboards check # in another"
}

// Run prints each query with its rows and how long it took.
func (c *dashboardsCheck) Run(ctx context.Context) error {
	store, err := c.open(ctx, embedded.ReaderUser)
	if err != nil {
		return err
	}
	defer store.Close()
	return checkDashboards(ctx, store, c.JSON)
}

func checkDashboards(ctx context.Context, store *warehouse.Store, asJSON bool) error {
	o, err := boards("")
	if err != nil {
		return err
	}
	answers, err := dashboards.Check(ctx, o, store)
	if err != nil {
		return err
	}
	faults := 0
	for _, a := range answers {
		if a.Fault != "" {
			faults++
		}
	}
	if asJSON {
		text, err := json.MarshalIndent(answers, "", " ")
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	} else {
		w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "board\tpanel\trows\tms\t")
		for _, a := range answers {
			verdict := "ok"
			switch {
			case a.Fault != "":
				verdict = "FAULT: " + a.Fault
			case a.Empty:
				verdict = "empty (the demo does not fill it)"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%.1f\t%s\n", a.Board, a.Panel, a.Rows, a.Millis, verdict)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Printf("%d queries, %d faults\n", len(answers), faults)
	}
	if faults > 0 {
		return errReported
	}
	return nil
}

type dashboardsPush struct {
	GrafanaURL string `name:"grafana-url" help:"Address of the Grafana; the token of a service account is read from MINGJIAN_GRAFANA_TOKEN." placeholder:"URL"`
	ConsoleURL string `name:"console-url" help:"Address of the console, where the dashboards' links lead." default:"${console_url}" placeholder:"URL"`
	Yes        bool   `help:"Do it; without this, only what would change is shown." env:"-"`
	JSON       bool   `help:"Print the changes as a JSON array of objects." env:"-"`
}

func (*dashboardsPush) Help() string {
	return "Shows each folder, dashboard and the group of alert rules as new, changed or same; what changed is listed with + - ~. Data source, contact points and notification policies are provisioned by file (mingjian dashboards build).\n\nExample:\n  export MINGJIAN_GRAFANA_URL=https://grafana.example.com MINGJIAN_GRAFANA_TOKEN=…\n  mingjian dashboards push        # what would change\n  mingjian dashboards push --yes"
}

// pushWait bounds one request to Grafana.
const pushWait = 30 * time.Second

// Run shows the changes, and makes them where --yes says so.
func (c *dashboardsPush) Run(ctx context.Context) error {
	token := os.Getenv("MINGJIAN_GRAFANA_TOKEN")
	if c.GrafanaURL == "" || token == "" {
		return errors.New("name the Grafana with --grafana-url or MINGJIAN_GRAFANA_URL, and put a service account's token into MINGJIAN_GRAFANA_TOKEN")
	}
	o, err := boards(c.ConsoleURL)
	if err != nil {
		return err
	}
	g := dashboards.Grafana{URL: c.GrafanaURL, Token: token, Client: &http.Client{Timeout: pushWait}}
	changes, err := g.Plan(ctx, o)
	if err != nil {
		return err
	}
	if c.JSON {
		text, err := json.MarshalIndent(changes, "", " ")
		if err != nil {
			return err
		}
		fmt.Println(string(text))
	} else {
		for _, change := range changes {
			fmt.Printf("%-8s %-10s %s (%s)\n", change.State, change.Kind, change.Title, change.UID)
			for _, detail := range change.Details {
				fmt.Println("    ", detail)
			}
		}
	}
	if !c.Yes {
		fmt.Fprintln(os.Stderr, "nothing was sent; --yes sends it")
		return nil
	}
	return g.Apply(ctx, changes)
}
