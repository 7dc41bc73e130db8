package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// killEvery is how often a query whose caller is gone is asked to stop: it
// may not have been registered with the engine yet when it was asked first.
const killEvery = 50 * time.Millisecond

// An engine is the one ClickHouse engine of this process, over one data
// directory. It is safe for use by many goroutines; each statement runs on a
// session of its own.
type engine struct {
	lib    *libchdb
	args   []string
	store  string  // where its tables lie
	anchor *handle // held open so that the engine stays between sessions
	tags   atomic.Uint64
	open   sync.WaitGroup
}

// startEngine loads the library and starts the engine over the directory
// data, which it creates.
func startEngine(library, data string) (*engine, error) {
	config, err := writeConfig(data)
	if err != nil {
		return nil, err
	}
	lib, err := openLibrary(library)
	if err != nil {
		return nil, err
	}
	// Signals belong to the Go runtime.
	lib.signals(0)
	store := filepath.Join(data, "store")
	if err := os.MkdirAll(store, 0o700); err != nil {
		return nil, fmt.Errorf("create the ClickHouse data directory: %w", err)
	}
	e := &engine{lib: lib, store: store, args: []string{"mingjian", "--path=" + store, "--config-file=" + config}}
	if e.anchor = e.connect(e.args); e.anchor == nil {
		return nil, fmt.Errorf("the ClickHouse engine did not start on %s: the reason stands above on standard error", data)
	}
	return e, nil
}

// close ends the engine once every session is closed: its tables and merges
// end with the last connection. Nothing that was acknowledged is in memory
// only, so this is a courtesy and not a need.
func (e *engine) close() {
	e.open.Wait()
	e.lib.closeConn(e.anchor)
}

func (e *engine) connect(args []string) *handle {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]unsafe.Pointer, len(args))
	for i, a := range args {
		b := append([]byte(a), 0)
		pin.Pin(&b[0])
		argv[i] = unsafe.Pointer(&b[0])
	}
	return e.lib.connect(int32(len(argv)), unsafe.Pointer(&argv[0]))
}

// A session is one connection to the engine. Settings, the current database
// and the role last as long as it does; opening one takes about 0.15 ms, so
// every request has its own and none can leak into another. It runs one
// statement at a time.
type session struct {
	engine *engine
	ptr    *handle
	tag    string
}

// session opens a connection that belongs to nobody else. The settings are
// the server's own, each as name=value.
func (e *engine) session(settings ...string) (*session, error) {
	tag := fmt.Sprintf("mingjian-%d", e.tags.Add(1))
	// query_cache_tag has no effect here (there is no query cache) and shows
	// in system.processes, so it serves to find a session's query again.
	args := append(slices.Clone(e.args), "--query_cache_tag="+tag)
	for _, set := range settings {
		args = append(args, "--"+set)
	}
	ptr := e.connect(args)
	if ptr == nil {
		return nil, &exception{code: codeUnknown, text: "Code: 1002. DB::Exception: The engine accepts no connection. (UNKNOWN_EXCEPTION)"}
	}
	e.open.Add(1)
	return &session{engine: e, ptr: ptr, tag: tag}, nil
}

func (s *session) close() {
	s.engine.lib.closeConn(s.ptr)
	s.engine.open.Done()
}

// kill asks the engine to stop what the session runs.
func (s *session) kill() {
	k, err := s.engine.session()
	if err != nil {
		return // the engine is ending, and the query with it
	}
	defer k.close()
	// The outcome shows in the killed query itself.
	_ = k.exec("KILL QUERY WHERE Settings['query_cache_tag'] = '" + s.tag + "' ASYNC")
}

// until sees to it that whatever the session runs is killed when ctx ends. The
// returned function ends the watch; it must be called before close.
func (s *session) until(ctx context.Context) (release func()) {
	done, idle := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(idle)
		for {
			s.kill()
			select {
			case <-done:
				return
			case <-time.After(killEvery):
			}
		}
	})
	return func() {
		close(done)
		if !stop() {
			<-idle
		}
	}
}

// exec runs a statement whose answer does not matter.
func (s *session) exec(sql string) error {
	_, err := s.query(sql, "Null", nil, func(io.Reader) error { return nil })
	return err
}

// value runs a statement and returns its answer in the format TSVRaw.
func (s *session) value(sql string, params ...param) (string, error) {
	var answer []byte
	_, err := s.query(sql, "TSVRaw", params, func(r io.Reader) (err error) {
		answer, err = io.ReadAll(r)
		return err
	})
	return strings.TrimSuffix(string(answer), "\n"), err
}

// classify says how many statements the text holds and the class of the
// most far-reaching among them.
func (s *session) classify(sql string) (analysis, error) {
	a := analysis{size: uint32(unsafe.Sizeof(analysis{}))}
	if s.engine.lib.classify(*s.ptr, text(sql), uintptr(len(sql)), nil, 0, &a) != 0 {
		return a, &exception{code: codeUnknown, text: "Code: 1002. DB::Exception: The statement cannot be classified. (UNKNOWN_EXCEPTION)"}
	}
	return a, nil
}

// A param is the value of a {name:Type} placeholder, escaped as ClickHouse's
// TabSeparated format escapes.
type param struct{ name, value string }

// cParams lays params out as the engine wants them: names, lengths of names,
// values, lengths of values.
type cParams struct {
	names, values       []unsafe.Pointer
	nameLens, valueLens []uintptr
}

func (c *cParams) lay(pin *runtime.Pinner, params []param) (names, nameLens, values, valueLens unsafe.Pointer) {
	if len(params) == 0 {
		return nil, nil, nil, nil
	}
	pinned := func(s string) unsafe.Pointer {
		b := append([]byte(s), 0) // never empty, so that it has an address
		pin.Pin(&b[0])
		return unsafe.Pointer(&b[0])
	}
	for _, p := range params {
		c.names, c.nameLens = append(c.names, pinned(p.name)), append(c.nameLens, uintptr(len(p.name)))
		c.values, c.valueLens = append(c.values, pinned(p.value)), append(c.valueLens, uintptr(len(p.value)))
	}
	return unsafe.Pointer(&c.names[0]), unsafe.Pointer(&c.nameLens[0]), unsafe.Pointer(&c.values[0]), unsafe.Pointer(&c.valueLens[0])
}

// text is the address of s for a call that takes its length too.
func text(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s)) }

// statistics of a statement, in rows and bytes.
type statistics struct {
	readRows, readBytes, writtenRows, writtenBytes, resultRows, resultBytes uint64
}

// query runs a statement to its end and hands its answer, in the given format
// unless the statement names another, to the function answer. A SELECT's
// answer comes through a pipe while the statement runs, so it may be of any
// size: the engine's interface for streaming would start a new document with
// every block. The engine's error comes before one of answer, unless that is
// an exception, which is why the engine was stopped.
func (s *session) query(sql, format string, params []param, answer func(io.Reader) error) (statistics, error) {
	o := outlineOf(sql)
	if !o.selects || o.outfile {
		return s.run(sql, format, params, answer)
	}
	out, in, err := os.Pipe()
	if err != nil {
		return statistics{}, fmt.Errorf("open a pipe to the ClickHouse engine: %w", err)
	}
	defer out.Close()
	answered := make(chan error, 1)
	go func() {
		err := answer(out)
		if err != nil {
			s.kill() // nobody reads on
		}
		// The engine must never write into a pipe without a reader.
		_, drained := io.Copy(io.Discard, out)
		answered <- errors.Join(err, drained)
	}()
	into := fmt.Sprintf(" INTO OUTFILE '/proc/self/fd/%d' APPEND ", in.Fd())
	stats, err := s.run(sql[:o.into]+into+sql[o.into:], format, params, func(io.Reader) error { return nil })
	closed := in.Close()
	e := <-answered
	var ex *exception
	if err == nil || errors.As(e, &ex) {
		return stats, errors.Join(closed, e)
	}
	if errors.As(err, &ex) {
		ex.text = strings.ReplaceAll(strings.ReplaceAll(ex.text, into, ""), strings.TrimRight(into, " "), "")
	}
	return stats, err
}

// run runs a statement to its end and then hands over its answer.
func (s *session) run(sql, format string, params []param, answer func(io.Reader) error) (statistics, error) {
	lib := s.engine.lib
	var pin runtime.Pinner
	defer pin.Unpin()
	var c cParams
	names, nameLens, values, valueLens := c.lay(&pin, params)
	h := lib.query(*s.ptr, text(sql), uintptr(len(sql)), text(format), uintptr(len(format)), names, nameLens, values, valueLens, uintptr(len(params)))
	defer lib.destroyResult(h)
	if message, failed := s.failure(h); failed {
		return statistics{}, newException(message)
	}
	stats := statistics{
		readRows: lib.storageRows(h), readBytes: lib.storageBytes(h),
		writtenRows: lib.rowsWritten(h), writtenBytes: lib.bytesWritten(h),
		resultRows: lib.rowsRead(h), resultBytes: lib.bytesRead(h),
	}
	var b []byte
	if n := lib.resultLength(h); n > 0 {
		b = unsafe.Slice(lib.resultBuffer(h), n)
	}
	return stats, answer(bytes.NewReader(b))
}

// failure returns the error that a result holds. No result at all is an
// error too.
func (s *session) failure(h handle) (string, bool) {
	if h == 0 {
		return "the engine gave no answer", true
	}
	message := s.engine.lib.resultError(h)
	return message, message != ""
}

// insert runs an INSERT whose rows come from data in the given format, and
// returns when the rows are in the table. Nothing is promised about how much
// of it stands when an error is returned, as with any ClickHouse insert of
// more than one block.
func (s *session) insert(sql, format string, params []param, data io.Reader) (statistics, error) {
	lib := s.engine.lib
	var pin runtime.Pinner
	var c cParams
	names, nameLens, values, valueLens := c.lay(&pin, params)
	h := lib.streamInsert(*s.ptr, text(sql), uintptr(len(sql)), text(format), uintptr(len(format)), names, nameLens, values, valueLens, uintptr(len(params)))
	pin.Unpin()
	if h == 0 {
		return statistics{}, newException("the engine gave no answer")
	}
	defer lib.destroyInsert(h)
	if message := lib.insertError(h); message != "" {
		return statistics{}, newException(message)
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := data.Read(buf)
		if n > 0 && lib.appendChunk(h, unsafe.Pointer(&buf[0]), uintptr(n)) != 0 {
			break // the insert failed already; done says why
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			lib.cancelInsert(h)
			return statistics{}, fmt.Errorf("read the rows to insert: %w", err)
		}
	}
	done := lib.insertDone(h)
	defer lib.destroyResult(done)
	if message, failed := s.failure(done); failed {
		return statistics{}, newException(message)
	}
	return statistics{writtenRows: lib.rowsWritten(done), writtenBytes: lib.bytesWritten(done)}, nil
}
