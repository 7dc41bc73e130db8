package intake

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"mingjian/collector/event"
)

// ImportOptions say how an import shows itself; the zero value shows nothing.
type ImportOptions struct {
	// Progress is where a bar is drawn if that is a terminal.
	Progress io.Writer
	// Now is the clock by which moments are judged; time.Now where it is nil.
	Now func() time.Time
}

// Summary is what became of the events in the files.
type Summary struct {
	Read int `json:"read"` // lines, elements and objects, blank lines aside
	Sent int `json:"sent"` // in the stream, durably
	// Refused are those that are not in the stream, each as "file:line: reason". Where the rest of a
	// file could not be read, its last entry says so.
	Refused []string `json:"refused"`
	// SuspectCount counts those that were sent but are no events: the collector will keep them as
	// rejects. Suspect tells the first MaxSuspect of them as "file:line: reason: sentence".
	SuspectCount int      `json:"suspect_count"`
	Suspect      []string `json:"suspect"`
}

// MaxSuspect bounds how many suspects a summary names: enough to see what is wrong, and no file of
// another kind can fill the memory.
const MaxSuspect = 100

// Import sends files to the producer's topic: one event per line, a list, or one object each; with
// gzip around it or not; "-" is standard input. All files are opened once before anything is sent.
// The summary holds at every end, also beside an error: a file that cannot be read, ErrAway, or the
// context's. Importing a file twice is harmless.
func Import(ctx context.Context, p *Producer, files []string, o ImportOptions) (Summary, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := importer{producer: p, now: o.Now, summary: Summary{Refused: []string{}, Suspect: []string{}}}
	total, err := measure(files)
	if err != nil {
		return m.summary, err
	}
	m.bar = bar(o.Progress, total)
	for _, file := range files {
		if err := m.file(ctx, file); err != nil {
			return m.summary, err
		}
	}
	if err := m.flush(ctx); err != nil {
		return m.summary, err
	}
	_ = m.bar.Finish() // it only draws
	return m.summary, nil
}

// measure opens every file for a moment and adds up their sizes; -1 where one is not known.
func measure(files []string) (int64, error) {
	var total int64
	for _, file := range files {
		if file == "-" {
			total = -1
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			return 0, err
		}
		info, err := f.Stat()
		f.Close()
		switch {
		case err != nil:
			return 0, err
		case info.IsDir():
			return 0, fmt.Errorf("%s is a directory; name the files in it", file)
		case !info.Mode().IsRegular():
			total = -1
		case total >= 0:
			total += info.Size()
		}
	}
	return total, nil
}

func bar(w io.Writer, total int64) *progressbar.ProgressBar {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return progressbar.DefaultBytesSilent(total)
	}
	return progressbar.NewOptions64(total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("import"),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}

type importer struct {
	producer *Producer
	now      func() time.Time
	bar      *progressbar.ProgressBar
	pile     pile
	summary  Summary
}

func (m *importer) file(ctx context.Context, name string) error {
	var f *os.File
	if name == "-" {
		f, name = os.Stdin, "standard input"
	} else {
		var err error
		if f, err = os.Open(name); err != nil {
			return err
		}
		defer f.Close()
	}
	counted := progressbar.NewReader(f, m.bar)
	r, err := unzip(bufio.NewReader(&counted))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	err = split(r, func(it item) error { return m.take(ctx, name, it) })
	var bad *errMalformed
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, ErrAway):
		return err
	case errors.As(err, &bad):
		m.summary.Refused = append(m.summary.Refused, name+place(bad.place)+": "+(&errMalformed{cause: bad.cause}).Error()+"; the rest of the file was not read")
		return nil
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read %s: it is compressed, and damaged: %w", name, err)
	}
	return fmt.Errorf("read %s: %w", name, err)
}

// unzip takes gzip off where its mark is.
func unzip(r *bufio.Reader) (io.Reader, error) {
	if mark, _ := r.Peek(2); string(mark) == "\x1f\x8b" {
		return gzip.NewReader(r)
	}
	return r, nil
}

func place(p string) string {
	if p == "" || p[0] == '[' {
		return p
	}
	return ":" + p
}

func (m *importer) take(ctx context.Context, file string, it item) error {
	m.summary.Read++
	where := file + place(it.place)
	if it.value == nil {
		m.summary.Refused = append(m.summary.Refused, where+": "+(&TooLargeError{Bytes: it.bytes}).Error())
		return nil
	}
	var key []byte
	e, bad := event.Decode(nil, it.value, m.now())
	if bad == nil {
		key = []byte(e.SessionID)
	} else {
		key = keyOf(it.value)
	}
	if err := checkSize(key, it.value); err != nil {
		m.summary.Refused = append(m.summary.Refused, where+": "+err.Error())
		return nil
	}
	if bad != nil {
		m.summary.SuspectCount++
		if len(m.summary.Suspect) < MaxSuspect {
			m.summary.Suspect = append(m.summary.Suspect, where+": "+bad.Error())
		}
	}
	m.pile.add(m.producer.topic, where, key, it.value)
	if m.pile.full() {
		return m.flush(ctx)
	}
	return nil
}

func (m *importer) flush(ctx context.Context) error {
	if len(m.pile.messages) == 0 {
		return ctx.Err()
	}
	refused, err := m.producer.write(ctx, m.pile.messages)
	if err != nil {
		return err
	}
	for i, e := range refused {
		if e != nil {
			m.summary.Refused = append(m.summary.Refused, m.pile.places[i]+": "+e.Error())
		} else {
			m.summary.Sent++
		}
	}
	m.pile.reset()
	return nil
}
