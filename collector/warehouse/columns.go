package warehouse

import (
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/policies"
)

// table is how one kind of row lies in ClickHouse: its name and its columns, each with the field
// that it holds. Writing appends the columns one after the other; reading scans them in the same
// order, so that the two cannot drift apart.
type table[T any] struct {
	name    string
	columns []column[T]
}

// column is one column of a table.
type column[T any] struct {
	name   string
	append func(driver.BatchColumn, []T) error
	target func(*T) any // where a row of it is scanned to
}

// names lists a table's columns in order.
func (t table[T]) names() []string {
	out := make([]string, len(t.columns))
	for i, c := range t.columns {
		out[i] = c.name
	}
	return out
}

// scan reads the current row of a result that begins with the table's columns; more is where the
// columns behind them go.
func (t table[T]) scan(rows driver.Rows, row *T, more ...any) error {
	targets := make([]any, 0, len(t.columns)+len(more))
	for _, c := range t.columns {
		targets = append(targets, c.target(row))
	}
	if err := rows.Scan(append(targets, more...)...); err != nil {
		return fmt.Errorf("read a row of %s: %w", t.name, err)
	}
	return nil
}

// handful is how many values the driver is given at a time, out of one place for them that is small.
const handful = 1024

// plain is a column whose values the driver takes and gives as they are.
func plain[T, V any](name string, field func(*T) *V) column[T] {
	return column[T]{
		name: name,
		append: func(c driver.BatchColumn, rows []T) error {
			values := make([]V, 0, min(len(rows), handful))
			for some := range slices.Chunk(rows, handful) {
				values = values[:0]
				for i := range some {
					values = append(values, *field(&some[i]))
				}
				if err := c.Append(values); err != nil {
					return err
				}
			}
			return nil
		},
		target: func(row *T) any { return field(row) },
	}
}

// number is a column of Int64 over an int.
func number[T any](name string, field func(*T) *int) column[T] {
	return column[T]{
		name: name,
		append: func(c driver.BatchColumn, rows []T) error {
			values := make([]int64, len(rows))
			for i := range rows {
				values[i] = int64(*field(&rows[i]))
			}
			return c.Append(values)
		},
		target: func(row *T) any { return intTarget{field(row)} },
	}
}

// list is a column of Array(String). A list is appended row by row: the driver takes a column of
// lists only through reflection.
func list[T any](name string, field func(*T) []string, set func(*T, []string)) column[T] {
	return column[T]{
		name: name,
		append: func(c driver.BatchColumn, rows []T) error {
			for i := range rows {
				values := field(&rows[i])
				if values == nil {
					values = []string{}
				}
				if err := c.AppendRow(values); err != nil {
					return err
				}
			}
			return nil
		},
		target: func(row *T) any {
			return listTarget(func(values []string) { set(row, values) })
		},
	}
}

// words is a list that is a plain field.
func words[T any](name string, field func(*T) *[]string) column[T] {
	return list(name,
		func(row *T) []string { return *field(row) },
		func(row *T, values []string) {
			if len(values) > 0 {
				*field(row) = values
			}
		})
}

// moment is a column of DateTime64(3, 'UTC').
func moment[T any](name string, field func(*T) *policies.Millis) column[T] {
	return column[T]{
		name: name,
		append: func(c driver.BatchColumn, rows []T) error {
			values := make([]int64, len(rows))
			for i := range rows {
				values[i] = storable(*field(&rows[i]))
			}
			return c.Append(values)
		},
		target: func(row *T) any { return field(row) },
	}
}

// flag is a column of UInt8 that holds 0 or 1, as the table engine wants is_deleted.
func flag[T any](name string, field func(*T) *bool) column[T] {
	return column[T]{
		name: name,
		append: func(c driver.BatchColumn, rows []T) error {
			values := make([]uint8, len(rows))
			for i := range rows {
				if *field(&rows[i]) {
					values[i] = 1
				}
			}
			return c.Append(values)
		},
		target: func(row *T) any { return flagTarget{field(row)} },
	}
}

// lastMoment is 2200-01-01, before the end of what the driver can compute with (2262). Only a
// broker's time stamp, which producers set, can lie beyond.
const lastMoment policies.Millis = 7258118400000

// storable is the moment that can be stored nearest to one.
func storable(ms policies.Millis) policies.Millis { return min(max(ms, 0), lastMoment) }

type intTarget struct{ to *int }

// Scan implements sql.Scanner.
func (t intTarget) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("%T is not an Int64", v)
	}
	*t.to = int(n)
	return nil
}

type flagTarget struct{ to *bool }

// Scan implements sql.Scanner.
func (t flagTarget) Scan(v any) error {
	n, ok := v.(uint8)
	if !ok {
		return fmt.Errorf("%T is not a UInt8", v)
	}
	*t.to = n != 0
	return nil
}

type listTarget func([]string)

// Scan implements sql.Scanner.
func (t listTarget) Scan(v any) error {
	values, ok := v.([]string)
	if !ok {
		return fmt.Errorf("%T is not an array of strings", v)
	}
	t(values)
	return nil
}
