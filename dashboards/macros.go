package dashboards

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// What happens to a query between a dashboard and ClickHouse, as grafana-clickhouse-datasource 4.14 does
// it. Its front end decides $__conditionalAll and fills in variables; its backend then replaces the
// macros of time. The pairs of query and expansion in testdata/macros.json are from the data source's
// own documentation and tests. Its macros that rewrite a whole statement ($__columns and its like) are
// not here, because no dashboard uses them.

// allSelected is a variable's value while "All" is chosen.
const allSelected = "$__all"

// Window is the time that a panel shows.
type Window struct {
	From, To time.Time
	Interval time.Duration // between two points; the data source takes no less than a second (or millisecond)
}

// Expand gives the query as ClickHouse is sent it. A variable that vars does not have stays as it is
// written; one whose only value is $__all is set to "All".
func Expand(sql string, w Window, vars map[string][]string) (string, error) {
	return expandMacros(fillVariables(decideAll(sql, vars), vars), w)
}

const conditionalAll = "$__conditionalAll("

// variableName finds the variable in the second argument of $__conditionalAll.
var variableName = regexp.MustCompile(`\$\{?(\w+)`)

// decideAll replaces each $__conditionalAll(condition, $variable) by its condition, or by 1=1 where the
// variable is set to all or to nothing. Like the data source it goes from the last one to the first.
func decideAll(sql string, vars map[string][]string) string {
	for end := len(sql); ; {
		at := strings.LastIndex(sql[:end], conditionalAll)
		if at < 0 {
			return sql
		}
		end = at
		args, length, err := arguments(sql[at+len(conditionalAll)-1:])
		if err != nil || len(args) != 2 {
			continue // the data source leaves it, and ClickHouse will refuse it
		}
		phrase := args[0]
		if name := variableName.FindStringSubmatch(args[1]); name != nil {
			values, known := vars[name[1]]
			if joined := strings.Join(values, ","); known && (joined == "" || joined == allSelected) {
				phrase = "1=1"
			}
		}
		sql = sql[:at] + phrase + sql[at+len(conditionalAll)-1+length:]
	}
}

// variable finds $name, ${name} and ${name:format}.
var variable = regexp.MustCompile(`\$\{(\w+)(?::(\w+))?\}|\$(\w+)`)

// fillVariables puts the values of variables in. The format singlequote quotes each, with a
// backslash before a quote inside; without a format, values are joined by commas as they are.
func fillVariables(sql string, vars map[string][]string) string {
	return variable.ReplaceAllStringFunc(sql, func(found string) string {
		m := variable.FindStringSubmatch(found)
		values, known := vars[m[1]+m[3]]
		if !known {
			return found
		}
		if m[2] != "singlequote" {
			return strings.Join(values, ",")
		}
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = "'" + strings.ReplaceAll(v, "'", `\'`) + "'"
		}
		return strings.Join(quoted, ",")
	})
}

// macro expands one macro with its arguments.
type macro struct {
	arguments int
	expand    func(w Window, args []string) string
}

// macros are the backend's, by name.
var macros = map[string]macro{
	"fromTime":        {0, func(w Window, _ []string) string { return seconds(w.From) }},
	"toTime":          {0, func(w Window, _ []string) string { return seconds(w.To) }},
	"fromTime_ms":     {0, func(w Window, _ []string) string { return millis(w.From) }},
	"toTime_ms":       {0, func(w Window, _ []string) string { return millis(w.To) }},
	"timeFilter":      {1, func(w Window, a []string) string { return between(a[0], w, seconds) }},
	"timeFilter_ms":   {1, func(w Window, a []string) string { return between(a[0], w, millis) }},
	"dateFilter":      {1, func(w Window, a []string) string { return between(a[0], w, date) }},
	"dateTimeFilter":  {2, dateTimeFilter},
	"dt":              {2, dateTimeFilter},
	"timeInterval":    {1, timeInterval},
	"timeInterval_ms": {1, timeIntervalMillis},
	"interval_s":      {0, func(w Window, _ []string) string { return fmt.Sprint(wholeSeconds(w)) }},
}

func seconds(t time.Time) string { return fmt.Sprintf("toDateTime(%d)", t.Unix()) }
func millis(t time.Time) string  { return fmt.Sprintf("fromUnixTimestamp64Milli(%d)", t.UnixMilli()) }
func date(t time.Time) string    { return "toDate('" + t.Format(time.DateOnly) + "')" }

func between(column string, w Window, as func(time.Time) string) string {
	return fmt.Sprintf("%s >= %s AND %s <= %s", column, as(w.From), column, as(w.To))
}

func dateTimeFilter(w Window, a []string) string {
	return "(" + between(a[0], w, date) + ") AND (" + between(a[1], w, seconds) + ")"
}

func wholeSeconds(w Window) int { return int(max(w.Interval.Seconds(), 1)) }

func timeInterval(w Window, a []string) string {
	return fmt.Sprintf("toStartOfInterval(toDateTime(%s), INTERVAL %d second)", a[0], wholeSeconds(w))
}

func timeIntervalMillis(w Window, a []string) string {
	return fmt.Sprintf("toStartOfInterval(toDateTime64(%s, 3), INTERVAL %d millisecond)", a[0], max(w.Interval.Milliseconds(), 1))
}

// macroCall finds where a macro may begin; what is none of ours stays.
var macroCall = regexp.MustCompile(`\$__(\w+)`)

// expandMacros replaces the macros of time.
func expandMacros(sql string, w Window) (string, error) {
	var out strings.Builder
	for {
		m := macroCall.FindStringSubmatchIndex(sql)
		if m == nil {
			out.WriteString(sql)
			return out.String(), nil
		}
		out.WriteString(sql[:m[0]])
		name := sql[m[2]:m[3]]
		known, ok := macros[name]
		if !ok {
			out.WriteString(sql[m[0]:m[1]])
			sql = sql[m[1]:]
			continue
		}
		sql = sql[m[1]:]
		var args []string
		if strings.HasPrefix(sql, "(") {
			found, length, err := arguments(sql)
			if err != nil {
				return "", fmt.Errorf("macro $__%s: %w", name, err)
			}
			args, sql = found, sql[length:]
		}
		if known.arguments > 0 && len(args) != known.arguments {
			return "", fmt.Errorf("macro $__%s takes %d arguments and got %d", name, known.arguments, len(args))
		}
		out.WriteString(known.expand(w, args))
	}
}

// arguments splits "(a, f(b, c)) rest" into its arguments, trimmed; length is up to and with the
// closing bracket.
func arguments(s string) (args []string, length int, err error) {
	depth, begin := 0, 1
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		if c == ',' && depth == 1 || depth == 0 {
			args = append(args, strings.TrimSpace(s[begin:i]))
			begin = i + 1
		}
		if depth == 0 {
			return args, i + 1, nil
		}
	}
	return nil, 0, errors.New("a closing bracket is missing")
}
