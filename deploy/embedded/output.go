package embedded

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
)

// lines brings what several children write to one place without mixing their lines.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer. It never fails: where the lines cannot be passed on, the children must
// go on all the same.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to.Write(p)
	return len(p), nil
}

const (
	// longestLine bounds, in bytes, what is kept of a line that does not end.
	longestLine = 64 << 10

	// lastLines is how many lines of a process are kept, beside the one that begins a crash: enough
	// for the goroutine that panicked.
	lastLines = 40
)

// output is what one process writes: whole lines go on to lines, the last ones are kept.
type output struct {
	to *lines

	mu    sync.Mutex
	part  []byte
	kept  []string
	crash string // the line that began one
}

// Write implements io.Writer. A carriage return ends a line too, for progress bars.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.part = append(o.part, p...)
	end := bytes.LastIndexAny(o.part, "\r\n") + 1
	if end == 0 && len(o.part) > longestLine {
		end = len(o.part)
	}
	o.pass(o.part[:end])
	o.part = append(o.part[:0], o.part[end:]...)
	return len(p), nil
}

// flush passes on a last line that does not end.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.part) > 0 {
		o.pass(append(o.part, '\n'))
		o.part = nil
	}
}

func (o *output) pass(p []byte) {
	if len(p) == 0 {
		return
	}
	o.to.Write(p)
	for line := range bytes.FieldsFuncSeq(p, func(r rune) bool { return r == '\n' || r == '\r' }) {
		o.kept = append(o.kept, strings.TrimSpace(string(line)))
		if o.crash == "" && crashBegins.Match(line) {
			o.crash = string(line)
		}
	}
	o.kept = o.kept[max(0, len(o.kept)-lastLines):]
}

// last gives the last lines, one under the other.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.kept, "\n")
}

// crashBegins matches the first line of what the Go runtime writes when a process crashes.
var crashBegins = regexp.MustCompile(`^(panic: |fatal error: |SIG[A-Z]+: )`)

// lastWord is the line that says why the process ended: a crash's first, otherwise the last one;
// empty where it wrote nothing.
func (o *output) lastWord() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.crash != "" || len(o.kept) == 0 {
		return o.crash
	}
	return o.kept[len(o.kept)-1]
}
