package clickhouse

import "strings"

// A kind of token. Comments and white space are none.
type kind int

const (
	end     kind = iota
	word         // identifier, keyword or number
	quoted       // `identifier` or "identifier"
	literal      // 'string' or $$string$$
	sign         // any other byte
)

type token struct {
	kind kind
	text string
	from int
	to   int
}

// is reports whether the token is the keyword, which is given in upper case.
func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.text, keyword) }

func (t token) isSign(s string) bool { return t.kind == sign && t.text == s }

// A scanner cuts a statement into tokens as ClickHouse does
// (src/Parsers/Lexer.cpp), closely enough to find where a clause begins.
type scanner struct {
	sql string
	pos int
}

func isWordByte(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// until moves behind the next occurrence of s, or to the end.
func (sc *scanner) until(s string) {
	if i := strings.Index(sc.sql[sc.pos:], s); i >= 0 {
		sc.pos += i + len(s)
		return
	}
	sc.pos = len(sc.sql)
}

// skip moves over white space and comments.
func (sc *scanner) skip() {
	for sc.pos < len(sc.sql) {
		rest := sc.sql[sc.pos:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v", rest[0]) >= 0:
			sc.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			sc.until("\n")
		case strings.HasPrefix(rest, "/*"):
			sc.pos += 2
			sc.until("*/")
		default:
			return
		}
	}
}

func (sc *scanner) next() token {
	sc.skip()
	t := token{from: sc.pos}
	if sc.pos >= len(sc.sql) {
		t.to = sc.pos
		return t
	}
	switch c := sc.sql[sc.pos]; {
	case isWordByte(c):
		t.kind = word
		for sc.pos < len(sc.sql) && (isWordByte(sc.sql[sc.pos]) || sc.sql[sc.pos] == '$') {
			sc.pos++
		}
	case c == '\'' || c == '"' || c == '`':
		t.kind = quoted
		if c == '\'' {
			t.kind = literal
		}
		for sc.pos++; sc.pos < len(sc.sql); sc.pos++ {
			if sc.sql[sc.pos] == '\\' {
				sc.pos++
			} else if sc.sql[sc.pos] == c {
				if sc.pos+1 < len(sc.sql) && sc.sql[sc.pos+1] == c {
					sc.pos++ // a doubled quote stands for itself
					continue
				}
				break
			}
		}
		sc.pos = min(sc.pos+1, len(sc.sql))
	case c == '$':
		t.kind = literal
		tag := strings.IndexByte(sc.sql[sc.pos+1:], '$')
		if tag < 0 {
			sc.pos = len(sc.sql)
			break
		}
		mark := sc.sql[sc.pos : sc.pos+tag+2]
		sc.pos += len(mark)
		sc.until(mark)
	default:
		t.kind = sign
		sc.pos++
	}
	t.to = sc.pos
	t.text = sc.sql[t.from:t.to]
	return t
}

// group moves behind the parenthesis that closes the one just read.
func (sc *scanner) group() {
	for depth := 1; depth > 0; {
		switch t := sc.next(); {
		case t.kind == end:
			return
		case t.isSign("("):
			depth++
		case t.isSign(")"):
			depth--
		}
	}
}

// An insertion is an INSERT whose rows follow the statement.
type insertion struct {
	head   string // up to FORMAT or VALUES
	format string
	rows   int // where they begin
}

// splitInsert finds where the rows of an INSERT begin. It reports false for
// anything else, an INSERT … SELECT included. Of sql only the beginning is
// looked at, which need not be the whole statement.
func splitInsert(sql string) (insertion, bool) {
	sc := scanner{sql: sql}
	if !sc.next().is("INSERT") || !sc.next().is("INTO") {
		return insertion{}, false
	}
	if t := sc.next(); t.is("TABLE") || t.is("FUNCTION") {
		sc.next()
	}
	// The table, or its database, is behind us.
	t := sc.next()
	for ; t.isSign("."); t = sc.next() {
		sc.next()
	}
	for ; ; t = sc.next() {
		switch {
		case t.kind == end, t.isSign(";"), t.is("SELECT"), t.is("WITH"), t.is("FROM"), t.is("WATCH"):
			return insertion{}, false
		case t.isSign("("):
			sc.group()
		case t.is("VALUES"):
			return insertion{head: sql[:t.from], format: "Values", rows: t.to}, true
		case t.is("FORMAT"):
			name := sc.next()
			if name.kind != word {
				return insertion{}, false
			}
			return insertion{head: sql[:t.from], format: name.text, rows: afterFormat(sql, name.to)}, true
		}
	}
}

// afterFormat is where rows begin behind a FORMAT clause: behind spaces and one
// line break (src/Parsers/ParserInsertQuery.cpp of ClickHouse).
func afterFormat(sql string, pos int) int {
	for pos < len(sql) && strings.IndexByte(" \t\f", sql[pos]) >= 0 {
		pos++
	}
	if pos < len(sql) && sql[pos] == ';' {
		pos++
	}
	if pos < len(sql) && sql[pos] == '\r' {
		pos++
	}
	if pos < len(sql) && sql[pos] == '\n' {
		pos++
	}
	return pos
}

// An outline is what has to be known of a statement that is not an insertion.
type outline struct {
	// selects is whether the statement is a SELECT, so that its answer can be
	// long and can be sent elsewhere.
	selects bool
	// into is where INTO OUTFILE would stand.
	into int
	// format is what the statement's own FORMAT clause asks for, or "".
	format string
	// outfile is whether the statement has an INTO OUTFILE clause itself.
	outfile bool
	// several is whether another statement follows.
	several bool
}

// outlineOf looks a statement over.
func outlineOf(sql string) outline {
	sc := scanner{sql: sql}
	t := sc.next()
	o := outline{selects: t.is("SELECT") || t.is("WITH") || t.is("FROM") || t.isSign("(")}
	closed := false
	var last token
	for ; t.kind != end; last, t = t, sc.next() {
		if t.isSign(";") {
			closed = true
			continue
		}
		if closed {
			o.several = true
			return o
		}
		switch {
		case t.isSign("("):
			sc.group()
			t.to = sc.pos
			o.format = ""
		case last.is("FORMAT") && (t.kind == word || t.kind == quoted):
			// The engine's own wording has quotes around Null, a keyword.
			o.format, o.into = strings.Trim(t.text, "`\""), last.from
		case o.format != "" && t.is("SETTINGS"):
			// A SETTINGS clause behind FORMAT is the statement's last.
			if rest := outlineOf(sql[t.to:]); rest.several {
				o.several = true
			}
			return o
		default:
			o.format = ""
			o.outfile = o.outfile || last.is("INTO") && t.is("OUTFILE")
			o.selects = o.selects && !t.is("INSERT")
		}
		if o.format == "" {
			o.into = t.to
		}
	}
	return o
}

// mentionsFile reports whether a statement in the engine's own wording names
// something "file" that is not a table's column (t.file): it may be the
// function file, called or handed to another function, which reads any file of
// this machine and which no grant governs.
func mentionsFile(canonical string) bool {
	sc := scanner{sql: canonical}
	var last token
	for t := sc.next(); t.kind != end; last, t = t, sc.next() {
		if (t.kind == word || t.kind == quoted) && strings.Trim(t.text, "`\"") == "file" && !last.isSign(".") {
			return true
		}
		// A name given as a parameter: {x:Identifier}.
		if last.isSign(":") && t.is("Identifier") {
			return true
		}
	}
	return false
}
