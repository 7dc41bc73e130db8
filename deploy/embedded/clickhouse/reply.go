package clickhouse

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// A reply is the answer to one statement. Its first mebibyte is held back,
// with wait_end_of_query all of it, so that an error until then gets its own
// status; an error after that breaks the connection behind ClickHouse's
// exception block, which no client can take for the end of the data.
type reply struct {
	w       http.ResponseWriter
	begun   time.Time
	stats   statistics
	whole   bool
	sent    bool
	wrote   bool
	held    []byte
	spill   *os.File // what does not fit into held, with whole
	spilled int64    // its size
	tag     string   // makes this reply's exception block unmistakable
	coding  flusher  // Content-Encoding, or nil
	framing flusher  // ClickHouse's compressed frames, or nil
}

const (
	// maxSpill is the longest answer, in bytes, that is held back on disk.
	maxSpill = 1 << 30

	// sendWait is how long a client may take for sendPart bytes of its answer.
	// It is long because a slow client's system opens its window only every
	// few megabytes.
	sendWait = 5 * time.Minute
	sendPart = 32 << 10
)

// newReply sets up the compression that the request asks for.
func newReply(w http.ResponseWriter, r *http.Request, q *request) (*reply, error) {
	p := &reply{w: w, begun: time.Now(), whole: isOn(q.url.Get("wait_end_of_query")), tag: rand.Text()[:16]}
	h := w.Header()
	tell(h, "X-ClickHouse-Exception-Tag", p.tag)
	h.Set("Content-Type", contentType(q.format))
	if q.rows == nil {
		tell(h, "X-ClickHouse-Format", q.format)
	}
	if isOn(q.url.Get("enable_http_compression")) {
		if e := negotiate(r.Header.Get("Accept-Encoding")); e != "" {
			var err error
			if p.coding, err = encoder(e, gate{p}); err != nil {
				return nil, err
			}
			h.Set("Content-Encoding", e)
		}
	}
	if isOn(q.url.Get("compress")) {
		p.framing = newFramer(p.coded(), q.url)
	}
	return p, nil
}

// coded is the writer below the framing.
func (p *reply) coded() io.Writer {
	if p.coding != nil {
		return p.coding
	}
	return gate{p}
}

// Write takes bytes of the answer in its format.
func (p *reply) Write(b []byte) (int, error) {
	p.wrote = p.wrote || len(b) > 0
	if p.framing != nil {
		return p.framing.Write(b)
	}
	return p.coded().Write(b)
}

// gate is where bytes leave for the client, or are held back.
type gate struct{ p *reply }

func (g gate) Write(b []byte) (int, error) {
	p := g.p
	if !p.sent && len(p.held)+len(b) <= frameSize && p.spill == nil {
		p.held = append(p.held, b...)
		return len(b), nil
	}
	if p.whole {
		if p.spill == nil {
			f, err := os.CreateTemp("", "mingjian-reply-*")
			if err != nil {
				return 0, fmt.Errorf("hold the answer back: %w", err)
			}
			if err := os.Remove(f.Name()); err != nil { // the open file stays usable
				return 0, fmt.Errorf("hold the answer back: %w", err)
			}
			p.spill = f
		}
		if p.spilled += int64(len(b)); p.spilled > maxSpill {
			return 0, raise(codeTooMuch, "TOO_MANY_ROWS_OR_BYTES", "The answer is longer than %d MiB, which is too much for wait_end_of_query: ask without it", maxSpill>>20)
		}
		return p.spill.Write(b)
	}
	if err := p.send(); err != nil {
		return 0, err
	}
	return p.pass(b)
}

// pass gives bytes to the client, part by part: one that takes none for
// sendWait has lost its answer.
func (p *reply) pass(b []byte) (n int, err error) {
	control := http.NewResponseController(p.w)
	for n < len(b) && err == nil {
		if err = control.SetWriteDeadline(time.Now().Add(sendWait)); err == nil {
			var m int
			m, err = p.w.Write(b[n:min(len(b), n+sendPart)])
			n += m
		}
	}
	return n, err
}

// send sends the header and what was held back.
func (p *reply) send() error {
	if p.sent {
		return nil
	}
	p.sent = true
	tell(p.w.Header(), "X-ClickHouse-Summary", p.summary())
	p.w.WriteHeader(http.StatusOK)
	_, err := p.pass(p.held)
	p.held = nil
	return err
}

func (p *reply) summary() string {
	n := func(v uint64) string { return strconv.FormatUint(v, 10) }
	// A map of strings always encodes.
	b, _ := json.Marshal(map[string]string{
		"read_rows": n(p.stats.readRows), "read_bytes": n(p.stats.readBytes),
		"written_rows": n(p.stats.writtenRows), "written_bytes": n(p.stats.writtenBytes),
		"total_rows_to_read": "0", "result_rows": n(p.stats.resultRows), "result_bytes": n(p.stats.resultBytes),
		"elapsed_ns": strconv.FormatInt(time.Since(p.begun).Nanoseconds(), 10),
	})
	return string(b)
}

// finish sends what is still held. An error means that the client is gone.
func (p *reply) finish() error {
	for _, c := range []flusher{p.framing, p.coding} {
		if c == nil {
			continue
		}
		if len(p.held) == 0 && !p.sent && p.spill == nil && !p.wrote {
			p.w.Header().Del("Content-Encoding") // an empty answer stays empty
			continue
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	if !p.sent {
		p.w.Header().Set("Content-Length", strconv.FormatInt(int64(len(p.held))+p.spilled, 10))
	}
	if err := p.send(); err != nil {
		return err
	}
	if p.spill != nil {
		if _, err := p.spill.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.Copy(writerFunc(p.pass), p.spill); err != nil {
			return err
		}
	}
	// The next request of the connection has its own time.
	return http.NewResponseController(p.w).SetWriteDeadline(time.Time{})
}

// writerFunc is a function as a writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// fail answers with the exception, or ends the answer with it.
func (p *reply) fail(e *exception, version string) {
	if !p.sent {
		refuse(p.w, e, version)
		return
	}
	// The block goes inside the content coding but outside ClickHouse's own
	// frames, which is where clients look for it.
	message := worded(e, version)
	for _, c := range []flusher{p.framing, p.coding} {
		if c != nil {
			_ = c.Flush() // the client may be gone; the connection is broken below either way
		}
		if c == p.framing {
			_, _ = fmt.Fprintf(p.coded(), "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", p.tag, message, len(message)+1, p.tag)
		}
	}
	_ = http.NewResponseController(p.w).Flush()
	panic(http.ErrAbortHandler)
}

// discard frees what a reply holds.
func (p *reply) discard() {
	if p.spill != nil {
		_ = p.spill.Close() // it has no name any more
	}
}

func worded(e *exception, version string) string {
	return e.text + " (version " + version + " (official build))"
}

// tell sets a header in ClickHouse's own spelling, which Header.Set would
// change: not everybody who looks for it in a log minds the case.
func tell(h http.Header, name, value string) { h[name] = []string{value} }

// refuse answers with an exception instead of a result.
func refuse(w http.ResponseWriter, e *exception, version string) {
	h := w.Header()
	h.Del("Content-Encoding")
	delete(h, "X-ClickHouse-Format")
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	tell(h, "X-ClickHouse-Exception-Code", strconv.Itoa(e.code))
	w.WriteHeader(e.status())
	_, _ = io.WriteString(w, worded(e, version)+"\n") // a client that is gone needs no answer
}

// contentType is the media type of a ClickHouse output format.
func contentType(format string) string {
	switch f := strings.ToLower(format); {
	case strings.HasSuffix(f, "eachrow") && strings.HasPrefix(f, "json"):
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(f, "json"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(f, "csv"):
		return "text/csv; charset=UTF-8"
	case strings.HasPrefix(f, "tabseparated"), strings.HasPrefix(f, "tsv"):
		return "text/tab-separated-values; charset=UTF-8"
	case f == "xml":
		return "application/xml; charset=UTF-8"
	case f == "native", f == "parquet", f == "arrow", f == "arrowstream", f == "orc", f == "avro", f == "msgpack",
		strings.HasPrefix(f, "rowbinary"):
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}
