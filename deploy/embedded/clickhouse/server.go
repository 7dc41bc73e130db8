package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Bounds of starting and stopping.
const (
	lockWait    = 10 * time.Second // for a predecessor that is just dying
	stopGrace   = 10 * time.Second // for running statements to end by themselves
	killGrace   = 5 * time.Second  // for killed statements to notice
	headerWait  = 10 * time.Second // for a client to send its request's header
	idleTimeout = 2 * time.Minute  // of a kept-alive connection
	bodyWait    = 30 * time.Second // for a reader to send its statement
)

// How many statements run at the same time; more wait for their turn.
const (
	// maxRunning are by users who may write: ClickHouse's own default for
	// max_concurrent_queries.
	maxRunning = 100
	// maxReading are by readers, who so can never take the writers' turns. A
	// dashboard's panels beyond that many wait for one another.
	maxReading = 8
)

// Options say what to serve.
type Options struct {
	// Data is the directory that the store lives in. It is created with mode
	// 0700; one process at a time may use it.
	Data string
	// Listener is where HTTP is served. Run closes it.
	Listener net.Listener
	// Users may use the server; there are no others.
	Users []User
	// Library is the engine's file, as Library returns it.
	Library string
	// Log takes what an operator should know; nil is slog.Default().
	Log *slog.Logger
}

type server struct {
	engine  *engine
	disk    *disk
	fail    func(error) // ends the process
	users   []User
	log     *slog.Logger
	version string
	name    string
	zone    string
	running chan struct{} // one in it for each statement of a writer
	reading chan struct{} // and of a reader
	ration  uint64        // bytes of memory for a reader's statement
}

// Run serves the ClickHouse HTTP protocol until ctx ends. It then stops
// accepting, lets running statements finish for ten seconds, kills the rest
// and closes the engine. A process can call it only once, because the engine
// can be started only once in a process.
func Run(ctx context.Context, o Options) error {
	defer o.Listener.Close()
	log := o.Log
	if log == nil {
		log = slog.Default()
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("create the ClickHouse data directory: %w", err)
	}
	lock := flock.New(filepath.Join(o.Data, "lock"), flock.SetPermissions(0o600))
	waiting, cancel := context.WithTimeout(ctx, lockWait)
	locked, err := lock.TryLockContext(waiting, 100*time.Millisecond)
	cancel()
	if !locked {
		if ctx.Err() != nil {
			return nil
		}
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%s is in use by another process: stop that one, or use another data directory", o.Data)
		}
		return fmt.Errorf("lock %s: %w", o.Data, err)
	}
	defer lock.Unlock() //nolint:errcheck // the end of the process unlocks too

	begun := time.Now()
	e, err := startEngine(o.Library, o.Data)
	if err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	d, dir, err := diskOf(e.store, fail) // which may be a mount of its own
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // nothing is written to it
	s := &server{engine: e, disk: d, fail: fail, users: o.Users, log: log, running: make(chan struct{}, maxRunning), reading: make(chan struct{}, maxReading)}
	if err := s.introduce(); err != nil {
		return fmt.Errorf("ask the ClickHouse engine for its version: %w", err)
	}
	// What merges had written may still be on its way, and what they were made of goes soon after a restart.
	if err := d.wait(); err != nil {
		return err
	}
	log.Info("clickhouse is ready", "address", o.Listener.Addr().String(), "version", s.version, "after", time.Since(begun))
	return s.serve(ctx, o.Listener)
}

// introduce learns what every answer's header tells, and how much memory the
// engine allows itself.
func (s *server) introduce() error {
	ses, err := s.engine.session()
	if err != nil {
		return err
	}
	defer ses.close()
	line, err := ses.value("SELECT version(), hostName(), timezone(), getServerSetting('max_server_memory_usage')")
	if err != nil {
		return err
	}
	fields := strings.Split(line, "\t")
	if len(fields) != 4 {
		return fmt.Errorf("unexpected answer %q", line)
	}
	memory, err := strconv.ParseUint(fields[3], 10, 64)
	if err != nil || memory < readerShare {
		return fmt.Errorf("its memory is not bounded: %q", line)
	}
	s.ration = memory / readerShare
	s.version, s.name, s.zone = fields[0], fields[1], fields[2]
	return nil
}

func (s *server) serve(ctx context.Context, l net.Listener) error {
	// Statements outlive ctx by stopGrace.
	statements, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerWait,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead, // a statement may stand in the URL
		BaseContext:       func(net.Listener) context.Context { return statements },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve ClickHouse: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	err := h.Shutdown(grace)
	cancel()
	if err != nil {
		s.log.Warn("clickhouse: killing statements that are still running")
		kill()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), killGrace)
		err = h.Shutdown(grace)
		cancel()
	}
	if err != nil {
		return fmt.Errorf("stop ClickHouse: statements are still running: %w", err)
	}
	s.engine.close()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return fmt.Errorf("serve ClickHouse: %w; a new process lays aside parts that are not whole", cause)
	}
	return nil
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	tell(h, "X-ClickHouse-Server-Display-Name", s.name)
	tell(h, "X-ClickHouse-Timezone", s.zone)
	switch {
	case r.URL.Path == "/ping", r.URL.Path == "/replicas_status",
		r.URL.Path == "/" && !r.URL.Query().Has("query") && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.Set("Content-Type", "text/html; charset=UTF-8")
		_, _ = io.WriteString(w, "Ok.\n") // a client that is gone needs no answer
		return
	case r.URL.Path != "/":
		http.Error(w, "There is no handle "+r.URL.Path+"\n\nUse / or /ping for health checks.\nSend queries from your program with POST method or GET /?query=...", http.StatusNotFound)
		return
	}
	user, err := s.authenticate(r)
	if err != nil {
		refuse(w, asException(err), s.version)
		return
	}
	// The turn comes first, so that what is read of requests is bounded too.
	leave, err := s.turn(r.Context(), user)
	if err != nil {
		return // the client is gone
	}
	defer leave()
	q, err := s.read(w, r, user)
	if err != nil {
		refuse(w, asException(err), s.version)
		return
	}
	tell(h, "X-ClickHouse-Query-Id", q.id)
	p, err := newReply(w, r, q)
	if err != nil {
		refuse(w, asException(err), s.version)
		return
	}
	defer p.discard()
	if err := s.run(r, user, q, p); err != nil {
		s.log.Debug("clickhouse statement failed", "query_id", q.id, "user", user.Name, "error", err)
		if e := asException(err); e.code == codeCorruptedData && strings.Contains(e.text, "Empty marks file") {
			// A merge that a full disk cut short (see keepFree). When it starts, the engine lays such a part aside
			// and takes what it was made of, which is there for some minutes.
			s.fail(e)
		}
		p.fail(asException(err), s.version)
		return
	}
	if err := p.finish(); err != nil {
		s.log.Debug("clickhouse client is gone", "query_id", q.id, "error", err)
		panic(http.ErrAbortHandler) // an answer cut short must not look whole
	}
}

// turn waits until a statement of the user may run; the returned function
// gives the turn to the next.
func (s *server) turn(ctx context.Context, user User) (leave func(), err error) {
	turns := s.running
	if user.ReadOnly {
		turns = s.reading
	}
	select {
	case turns <- struct{}{}:
		return func() { <-turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read reads the request. A reader has no rows to send, so its statement is
// short and comes soon.
func (s *server) read(w http.ResponseWriter, r *http.Request, user User) (*request, error) {
	if !user.ReadOnly {
		return readRequest(r, maxStatement)
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(bodyWait)); err != nil {
		return nil, err
	}
	q, err := readRequest(r, maxHead)
	// From here on the connection is only watched for the client's end.
	return q, errors.Join(err, control.SetReadDeadline(time.Time{}))
}

// run runs the request's statement on a session of its own. What changes anything is on the disk when it returns.
func (s *server) run(r *http.Request, user User, q *request, p *reply) error {
	var settings []string
	if q.revision > 0 {
		settings = reencodable
	}
	ses, err := s.engine.session(settings...)
	if err != nil {
		return err
	}
	defer ses.close()
	defer ses.until(r.Context())()
	if err := s.prepare(ses, user, r.Method, q); err != nil {
		return err
	}
	if q.rows != nil {
		if p.stats, err = ses.insert(q.sql, q.input, q.params, q.rows); err != nil {
			return err
		}
		return s.disk.wait()
	}
	p.stats, err = ses.query(q.sql, q.format, q.params, func(answer io.Reader) error {
		if q.revision > 0 && strings.EqualFold(q.format, "Native") {
			return reencode(p, answer, q.revision)
		}
		_, err := io.Copy(p, answer)
		return err
	})
	if err != nil || user.ReadOnly || outlineOf(q.sql).selects {
		return err
	}
	return s.disk.wait()
}

// prepare gives the session the request's database, rights and settings.
func (s *server) prepare(ses *session, user User, method string, q *request) error {
	if q.database != "" && q.database != "default" {
		if err := ses.exec("USE `" + strings.ReplaceAll(escape(q.database), "`", "\\`") + "`"); err != nil {
			return err
		}
	}
	switch {
	case user.ReadOnly:
		if err := ses.confine(s.ration); err != nil {
			return err
		}
	case method != http.MethodPost && method != http.MethodPut:
		if err := ses.readonly(); err != nil {
			return err
		}
	}
	if len(q.settings) > 0 {
		var set strings.Builder
		for i, p := range q.settings {
			fmt.Fprintf(&set, "%s`%s` = '%s'", map[bool]string{true: "SET ", false: ", "}[i == 0], p.name, escape(p.value))
		}
		if err := ses.exec(set.String()); err != nil {
			return err
		}
	}
	if !user.ReadOnly {
		return nil
	}
	if q.rows != nil {
		return raise(codeReadonly, "READONLY", "Cannot execute query in readonly mode: this user may only read")
	}
	var err error
	q.sql, err = ses.permit(q.sql)
	return err
}
