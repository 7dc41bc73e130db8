package clickhouse

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/google/uuid"
)

// maxHead is how much of a request is looked at to find where the rows of an
// INSERT begin; ClickHouse's default max_query_size, fourfold.
const maxHead = 1 << 20

// maxStatement is the longest statement that is taken, in bytes; of a reader
// it is maxHead.
const maxStatement = 64 << 20

// notSettings are URL parameters of the HTTP interface itself; param_* are
// values, and every other one is a setting.
var notSettings = map[string]bool{
	"query": true, "query_id": true, "quota_key": true, "user": true, "password": true,
	"database": true, "default_format": true, "client_protocol_version": true,
	"compress": true, "decompress": true, "buffer_size": true, "wait_end_of_query": true,
	"stacktrace": true, "query_cache_tag": true, // the last marks a session's query, see engine.session
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// A request is one statement as it came over HTTP.
type request struct {
	sql      string
	rows     io.Reader // what an INSERT's rows are read from, or nil
	input    string    // their format
	id       string
	database string
	format   string // of the answer
	revision uint64 // of the Native format in the answer
	params   []param
	settings []param
	url      url.Values
}

// readRequest takes the statement from the URL, the body, or both: then it is
// the URL's part, a line break, and the body. It is at most longest bytes.
func readRequest(r *http.Request, longest int) (*request, error) {
	q := &request{url: r.URL.Query()}
	if err := q.readURL(r); err != nil {
		return nil, err
	}
	var body io.Reader = strings.NewReader("")
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
			return nil, raise(codeNotImplemented, "NOT_IMPLEMENTED", "External tables are not taken over HTTP here: put the data into a table, or into the statement")
		}
		var err error
		if body, err = decoder(r.Header.Get("Content-Encoding"), r.Body); err != nil {
			return nil, badBody(err)
		}
		if isOn(q.url.Get("decompress")) {
			body = unframed{compress.NewReader(body)}
		}
	}
	if first := q.url.Get("query"); first != "" {
		first += "\n"
		if ins, ok := splitInsert(first); ok {
			q.sql, q.input = ins.head, ins.format
			q.rows = io.MultiReader(strings.NewReader(first[ins.rows:]), body)
			return q, nil
		}
		body = io.MultiReader(strings.NewReader(first), body)
	}
	return q, q.readStatement(body, longest)
}

func (q *request) readURL(r *http.Request) error {
	q.id = q.url.Get("query_id")
	if q.id == "" {
		q.id = uuid.NewString()
	}
	q.database = q.url.Get("database")
	if q.database == "" {
		q.database = r.Header.Get("X-ClickHouse-Database")
	}
	q.format = q.url.Get("default_format")
	if q.format == "" {
		q.format = r.Header.Get("X-ClickHouse-Format")
	}
	if q.format == "" {
		q.format = "TabSeparated"
	}
	if v := q.url.Get("client_protocol_version"); v != "" {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return raise(codeBadArguments, "BAD_ARGUMENTS", "client_protocol_version is not a number: %q", v)
		}
		q.revision = n
	}
	for name, values := range q.url {
		value := values[len(values)-1]
		switch p, isParam := strings.CutPrefix(name, "param_"); {
		case isParam:
			q.params = append(q.params, param{p, value})
		case name == "session_id":
			return raise(codeNotImplemented, "NOT_IMPLEMENTED", "Sessions are not kept here (session_id): send each statement with its settings")
		case notSettings[name] || name == "session_timeout" || name == "session_check":
		case !settingName.MatchString(name):
			return raise(codeUnknownSetting, "UNKNOWN_SETTING", "Unknown setting %q", name)
		default:
			q.settings = append(q.settings, param{name, value})
		}
	}
	return nil
}

// readStatement reads a statement, of an INSERT only up to its rows.
func (q *request) readStatement(body io.Reader, longest int) error {
	in := bufio.NewReaderSize(body, maxHead)
	head, err := in.Peek(maxHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return badBody(err)
	}
	if ins, ok := splitInsert(string(head)); ok {
		q.sql, q.input, q.rows = ins.head, ins.format, in
		if _, err := in.Discard(ins.rows); err != nil {
			return badBody(err)
		}
		return nil
	}
	all, err := io.ReadAll(io.LimitReader(in, int64(longest)+1))
	if err != nil {
		return badBody(err)
	}
	if len(all) > longest {
		return raise(codeQueryIsTooLarge, "QUERY_IS_TOO_LARGE", "The statement is longer than %d MiB: send rows with INSERT … FORMAT", longest>>20)
	}
	q.sql = string(all)
	if strings.TrimSpace(q.sql) == "" {
		return raise(codeSyntaxError, "SYNTAX_ERROR", "Empty query")
	}
	o := outlineOf(q.sql)
	switch {
	case o.several:
		return raise(codeSyntaxError, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): send one statement at a time")
	case o.outfile:
		return raise(codeIntoOutfile, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed")
	case o.format != "":
		q.format = o.format
	}
	return nil
}

func badBody(err error) error {
	var e *exception
	if errors.As(err, &e) {
		return err
	}
	return raise(codeIncorrectData, "INCORRECT_DATA", "The request's body cannot be read: %v", err)
}

func isOn(v string) bool { return v == "1" || v == "true" }

var escaper = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`, "'", `\'`)

// escape words a value as ClickHouse's TabSeparated format does, which is how
// parameters are written; between single quotes it is a literal too.
func escape(v string) string { return escaper.Replace(v) }
