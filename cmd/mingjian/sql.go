package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/deploy/embedded"
)

type sqlCommand struct {
	where
	Query string `arg:"" help:"One SELECT, SHOW or DESCRIBE; '-' reads it from standard input."`
	JSON  bool   `help:"Print a JSON array of objects." xor:"format" env:"-"`
	CSV   bool   `help:"Print CSV with a header." xor:"format" env:"-"`
}

func (*sqlCommand) Help() string {
	return "Reads as a user who may change nothing. Views end in _v.\n\nExample:\n  mingjian sql \"SELECT rule, count() FROM mingjian.findings_v GROUP BY rule ORDER BY 2 DESC\""
}

// Run prints the rows as they come.
func (c *sqlCommand) Run(ctx context.Context) error {
	if c.Query == "-" {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		c.Query = string(text)
	}
	if strings.TrimSpace(c.Query) == "" {
		return errors.New("the query is empty: try \"SELECT rule, count() FROM mingjian.findings_v GROUP BY rule\"")
	}
	if ownFormat.MatchString(c.Query) {
		return errors.New("leave FORMAT out of the query: --json prints JSON, --csv prints CSV")
	}
	store, err := c.open(ctx, embedded.ReaderUser)
	if err != nil {
		return err
	}
	defer store.Close()
	rows, err := store.Query(ctx, c.Query)
	if err != nil {
		return err
	}
	defer rows.Close()
	var out table
	switch {
	case c.JSON:
		out = &jsonTable{w: os.Stdout, columns: rows.Columns()}
	case c.CSV:
		out = newCSVTable(rows.Columns())
	default:
		out = newTextTable(rows.Columns())
	}
	return printRows(rows, out)
}

// printRows prints rows to their end.
func printRows(rows driver.Rows, out table) error {
	types := rows.ColumnTypes()
	for rows.Next() {
		targets := make([]any, len(types))
		for i, t := range types {
			targets[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		for i := range targets {
			targets[i] = reflect.ValueOf(targets[i]).Elem().Interface()
		}
		if err := out.row(targets); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return out.end()
}

// ownFormat finds a FORMAT clause: rows come in the driver's own format, and another cannot be read.
var ownFormat = regexp.MustCompile(`(?i)\sFORMAT\s+\w+\s*;?\s*$`)

// table prints rows in one format.
type table interface {
	row(values []any) error
	end() error
}

type textTable struct{ w *tabwriter.Writer }

func newTextTable(columns []string) table {
	t := textTable{tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)}
	fmt.Fprintln(t.w, strings.Join(columns, "\t"))
	return t
}

func (t textTable) row(values []any) error {
	for i, v := range values {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, strings.NewReplacer("\t", " ", "\n", " ").Replace(shown(v)))
	}
	_, err := fmt.Fprintln(t.w)
	return err
}

func (t textTable) end() error { return t.w.Flush() }

type csvTable struct{ w *csv.Writer }

func newCSVTable(columns []string) table {
	t := csvTable{csv.NewWriter(os.Stdout)}
	_ = t.w.Write(columns) // kept by the writer and told by end
	return t
}

func (t csvTable) row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = shown(v)
	}
	return t.w.Write(cells)
}

func (t csvTable) end() error {
	t.w.Flush()
	return t.w.Error()
}

type jsonTable struct {
	w       io.Writer
	columns []string
	n       int
}

func (t *jsonTable) row(values []any) error {
	separator := ",\n "
	if t.n == 0 {
		separator = "[\n "
	}
	t.n++
	object := make(map[string]any, len(values))
	for i, v := range values {
		object[t.columns[i]] = v
	}
	text, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("row %d: %w", t.n, err)
	}
	_, err = fmt.Fprint(t.w, separator, string(text))
	return err
}

func (t *jsonTable) end() error {
	if t.n == 0 {
		_, err := fmt.Fprintln(t.w, "[]")
		return err
	}
	_, err := fmt.Fprintln(t.w, "\n]")
	return err
}

// shown is a value as a person reads it.
func shown(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.Format("2006-01-02 15:04:05.999")
	case string:
		return v
	}
	if value := reflect.ValueOf(v); value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return "NULL"
		}
		return shown(value.Elem().Interface())
	}
	return fmt.Sprint(v)
}
