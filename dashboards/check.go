package dashboards

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Source answers queries, as a user who may only read. A *warehouse.Store is one.
type Source interface {
	Query(ctx context.Context, sql string) (driver.Rows, error)
}

// Query is a query of a dashboard or an alert rule, as ClickHouse is sent it.
type Query struct {
	Board string `json:"board"` // of a dashboard; "alerts" or "variables"
	Panel string `json:"panel"` // its key in the board
	SQL   string `json:"-"`
	// Filled: the demo has something to show there.
	Filled bool `json:"filled"`

	fits func(columns []described) error // what the result must look like
	zero bool                            // a number of 0 is nothing
}

// described is a column of a result.
type described struct{ name, kind string }

// Answer is what became of a query.
type Answer struct {
	Query
	Rows   int     `json:"rows"`
	Millis float64 `json:"ms"`    // until the last row was read; of the time range that the board opens with
	Empty  bool    `json:"empty"` // nothing that a panel would show
	Fault  string  `json:"fault,omitempty"`
}

// ranges are the time ranges that boards open with.
var ranges = map[string]time.Duration{"now-6h": 6 * time.Hour, "now-24h": 24 * time.Hour, "now-7d": 7 * 24 * time.Hour, "now-30d": 30 * 24 * time.Hour}

// points is about how many points a panel of half a screen asks for.
const points = 500

// everything sets each variable to "All".
func everything() map[string][]string {
	return map[string][]string{"tenant": {allSelected}, "business_line": {allSelected}, "channel": {allSelected}}
}

// Queries are all queries of dashboards and alert rules up to a moment, with every variable set to
// "All". Both editions ask the same, so they are here once.
func Queries(o Options) ([]Query, error) { return queries(o, everything()) }

func queries(o Options, vars map[string][]string) ([]Query, error) {
	var faults []error
	w := writer{Options: o, edition: Chinese, faults: &faults}
	vars[zoneVariable] = []string{o.Rules.Zone(defaultTenant).String()}
	var out []Query
	add := func(board, key, sql string, window Window, q Query) {
		expanded, err := Expand(sql, window, vars)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s/%s: %w", board, key, err))
		}
		q.Board, q.Panel, q.SQL = board, key, expanded
		out = append(out, q)
	}
	month := Window{From: o.Now.AddDate(0, 0, -30), To: o.Now, Interval: time.Hour}
	add("variables", "tenant", tenantsQuery, month, Query{Filled: true, fits: oneText})
	add("variables", "business_line", linesQuery, month, Query{Filled: true, fits: oneText})
	for _, b := range w.boards() {
		span, ok := ranges[b.from]
		if !ok {
			faults = append(faults, fmt.Errorf("%s: the time range %s is not one that check knows", b.uid, b.from))
		}
		window := Window{From: o.Now.Add(-span), To: o.Now, Interval: span / points}
		for _, r := range b.rows {
			for _, p := range r.panels {
				add(b.uid, p.key, p.sql, window, Query{Filled: p.filled, fits: p.fits, zero: p.kind == figure && p.unit == ""})
			}
		}
	}
	for _, a := range w.alerts() {
		add("alerts", a.uid, a.sql, month, Query{Filled: a.filled, fits: oneNumber})
	}
	return out, errors.Join(faults...)
}

// Check runs every query twice: with every variable set to "All", which is what is answered for, and
// with one value chosen for each, which only has to work. An error is one of ours; what is wrong with a
// query stands in its answer.
func Check(ctx context.Context, o Options, source Source) ([]Answer, error) {
	all, err := Queries(o)
	if err != nil {
		return nil, err
	}
	var out []Answer
	picked := map[string][]string{"channel": {channels[0].id}}
	for _, q := range all {
		a, first := ask(ctx, source, q)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := q.shape(ctx, source); a.Fault == "" && err != nil {
			a.Fault = oneLine(err)
		}
		if q.Board == "variables" {
			picked[q.Panel] = []string{first}
		}
		out = append(out, a)
	}
	chosen, err := queries(o, picked)
	if err != nil {
		return nil, err
	}
	for i, q := range chosen {
		if q.SQL == all[i].SQL || out[i].Fault != "" {
			continue // no variable in it, or wrong already
		}
		q.Filled = false // of one line and one channel there may well be nothing
		if a, _ := ask(ctx, source, q); a.Fault != "" {
			out[i].Fault = "with variables chosen: " + a.Fault
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return out, nil
}

// ask runs a query and reads it to its end; first is the first text of the first row.
func ask(ctx context.Context, source Source, q Query) (a Answer, first string) {
	a = Answer{Query: q}
	begun := time.Now()
	shown, err := a.read(ctx, source, &first)
	a.Millis = math.Round(float64(time.Since(begun).Microseconds())) / 1000
	a.Empty = !shown
	switch {
	case err != nil:
		a.Fault = oneLine(err)
	case a.Empty && q.Filled:
		a.Fault = "shows nothing, and the demo should fill it"
	}
	return a, first
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// shape asks what the query's columns are, which an empty result does not tell, and holds them against
// what they must be.
func (q Query) shape(ctx context.Context, source Source) error {
	found, err := source.Query(ctx, "DESCRIBE TABLE ("+q.SQL+")")
	if err != nil {
		return err
	}
	defer found.Close()
	var columns []described
	for found.Next() {
		var c described
		var rest [5]string // default kind and expression, comment, codec, TTL
		if err := found.Scan(&c.name, &c.kind, &rest[0], &rest[1], &rest[2], &rest[3], &rest[4]); err != nil {
			return err
		}
		columns = append(columns, c)
	}
	if err := found.Err(); err != nil {
		return err
	}
	return q.fits(columns)
}

// read counts rows; shown says whether any of them has something to show.
func (a *Answer) read(ctx context.Context, source Source, first *string) (shown bool, err error) {
	found, err := source.Query(ctx, a.SQL)
	if err != nil {
		return false, err
	}
	defer found.Close()
	types := found.ColumnTypes()
	targets := make([]any, len(types))
	for found.Next() {
		for i, t := range types {
			targets[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := found.Scan(targets...); err != nil {
			return false, err
		}
		if s, ok := targets[0].(*string); ok && a.Rows == 0 {
			*first = *s
		}
		a.Rows++
		shown = shown || a.shows(targets)
	}
	return shown, found.Err()
}

// shows reports whether a row has a number to show; one of texts alone has something in any case.
func (a *Answer) shows(row []any) bool {
	numbers := false
	for _, cell := range row {
		v := reflect.ValueOf(cell)
		missing := false
		for v.Kind() == reflect.Pointer && !missing {
			if missing = v.IsNil(); !missing {
				v = v.Elem()
			} else {
				v = reflect.Zero(v.Type().Elem())
			}
		}
		var n float64
		switch {
		case v.CanInt():
			n = float64(v.Int())
		case v.CanUint():
			n = float64(v.Uint())
		case v.CanFloat():
			n = v.Float()
		default:
			continue
		}
		numbers = true
		if !missing && !math.IsNaN(n) && (n != 0 || !a.zero) {
			return true
		}
	}
	return !numbers
}

// inRow finds the columns that a link takes from its row.
var inRow = regexp.MustCompile(`__data\.fields\.(\w+)`)

// fits checks a result against what the panel is told to show: a graph begins with its time, what is
// declared of columns is about columns that there are, and links find what they take from their row.
func (p panel) fits(columns []described) error {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	if first := columns[0]; p.kind == lines && (first.name != "time" || !strings.Contains(first.kind, "DateTime")) {
		return fmt.Errorf("a graph's first column is its time, and this one's is %s %s", first.name, first.kind)
	}
	needed := slices.Clone(p.links)
	for _, c := range p.columns {
		if !slices.Contains(names, c.name) {
			return fmt.Errorf("column %s is described and not there", c.name)
		}
		needed = append(needed, c.links...)
	}
	for _, name := range names {
		if p.kind == rows && !slices.ContainsFunc(p.columns, func(c column) bool { return c.name == name }) {
			return fmt.Errorf("column %s is not described", name)
		}
	}
	for _, l := range needed {
		for _, m := range inRow.FindAllStringSubmatch(l.url, -1) {
			if !slices.Contains(names, m[1]) {
				return fmt.Errorf("a link takes %s from its row, and there is no such column", m[1])
			}
		}
	}
	return nil
}

// oneText is what a variable is chosen from.
func oneText(columns []described) error {
	if len(columns) != 1 {
		return fmt.Errorf("a variable is chosen from one column, not %d", len(columns))
	}
	return nil
}

// oneNumber is what an alert rule is evaluated on: texts, which become labels, and one number.
func oneNumber(columns []described) error {
	numbers := 0
	for _, c := range columns {
		switch {
		case c.kind == "Float64":
			numbers++
		case strings.Contains(c.kind, "String"):
		default:
			return fmt.Errorf("column %s of an alert is %s: only texts and one Float64 can be", c.name, c.kind)
		}
	}
	if numbers != 1 {
		return fmt.Errorf("an alert has one number for each series, not %d", numbers)
	}
	return nil
}
