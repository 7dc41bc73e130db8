// Package dashboards is Grafana as code: the boards on which people see what goes wrong, the alerts
// that open cases, and the check that every one of their queries works.
//
//	boards (one file each) ──Build──► dashboards of the Grafana Foundation SDK, Chinese and English
//	alerts ──────────────────Files──► deploy/grafana: what Grafana's file provisioning reads
//	both ──expand──Check──► every query against a live ClickHouse, as the data source would send it
//	both ──Push──► a running Grafana, after showing what will change
//
// A board is a small description (board, panel, column); one place turns it into the SDK's types. What a
// panel means is written once: limits are read from the policies' parameters, and descriptions name the
// rules and clauses of the catalogue. Queries read views only, and whatever a person picks goes into
// them quoted, by Grafana's own formats.
//
// # Not promised
//
// Grafana itself is not run here. The dashboards are decoded strictly by the SDK, and the queries run as
// the data source's macros and variables expand (macros.go says which version); that a panel also looks
// well, and that alerting takes its files as they are, has to be seen in a Grafana. Contact points,
// notification policies and message templates are provisioned by file only.
package dashboards

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"mingjian/policies"
)

// Edition is the language that dashboards are written in.
type Edition string

// The editions.
const (
	Chinese Edition = "zh"
	English Edition = "en"
)

// Editions are all of them.
var Editions = []Edition{Chinese, English}

// DefaultConsole is where the links of dashboards lead when nobody says otherwise: where 'mingjian up'
// serves the console.
const DefaultConsole = "http://127.0.0.1:8080"

// Options are what dashboards are built from.
type Options struct {
	Rules   *policies.Bundle // the catalogue, the clauses and the limits
	Console string           // address of the console, http://host:port; "" is DefaultConsole
	Now     time.Time        // limits are those of this moment
}

// Built is a dashboard in one edition.
type Built struct {
	Board   string // the same in all editions
	Edition Edition
	dashboard.Dashboard
}

// JSON is the dashboard in the classic schema, indented, with a line end.
func (b Built) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(b.Dashboard, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", b.Board, err)
	}
	return append(text, '\n'), nil
}

// Build makes every dashboard in every edition, always in the same order.
func Build(o Options) ([]Built, error) {
	var out []Built
	for _, e := range Editions {
		var faults []error
		w := writer{Options: o, edition: e, faults: &faults}
		boards := w.boards()
		if len(faults) > 0 {
			return nil, errors.Join(faults...)
		}
		for _, b := range boards {
			d, err := w.dashboard(b)
			if err != nil {
				return nil, fmt.Errorf("dashboard %s: %w", b.uid, err)
			}
			out = append(out, Built{b.uid, e, d})
		}
	}
	return out, nil
}

// boards are all, in the order of the links between them.
func (w writer) boards() []board {
	return []board{
		w.overview(), w.human(), w.disclosure(), w.access(), w.limits(), w.review(), w.compensation(), w.pipeline(),
	}
}
