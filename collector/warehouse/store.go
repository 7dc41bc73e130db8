package warehouse

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// DefaultDatabase is where the tables live unless Options says otherwise.
const DefaultDatabase = "mingjian"

const (
	// dialTimeout is how long a server may take to accept a connection before it counts as away.
	// It is also how long a caller waits for one of the pool.
	dialTimeout = 5 * time.Second
	// answerTimeout is how long a server may be silent over one statement. A large insert into a
	// busy table takes seconds, a migration minutes; a caller that wants less has its context.
	answerTimeout = 10 * time.Minute
	// maxConns bounds the connections of one Store: a collector writes one batch per partition at a
	// time (topics have up to 64), and reads as many beside it. A new connection costs a round trip,
	// so some are kept.
	maxConns  = 128
	idleConns = 32
	// keepRoom is for how long the memory is kept that inserts took, by connections and by columns: in a rush it is used
	// again and again, and made anew once in a while; afterwards it goes.
	keepRoom = time.Minute
)

// Options say where the record is.
type Options struct {
	Addr     string // http:// or https://host:port, or clickhouse://host:port (native; over TLS with ?secure=true)
	User     string // "" is ClickHouse's user default
	Password string
	Database string // "" is DefaultDatabase
	// TLS is how https:// and secure=true are spoken; nil trusts whom this machine trusts. With an address that
	// asks for no TLS it is refused.
	TLS *tls.Config
	// ReadOnly leaves the schema as it is and has the server refuse every statement that would
	// change anything, also for a user who might.
	ReadOnly bool
	Engine   Engine
}

// Store is the record in one ClickHouse database. It implements Writer, Reader, Record and Mirror
// and is safe for many goroutines. It does not try again: an error goes to the caller, who knows
// whether waiting makes sense.
type Store struct {
	conn     driver.Conn
	together together

	mu     sync.Mutex
	shapes map[string]*shape // by table
}

var (
	_ Writer = (*Store)(nil)
	_ Reader = (*Store)(nil)
	_ Record = (*Store)(nil)
	_ Mirror = (*Store)(nil)
)

// Connect opens the record, and unless ReadOnly is set makes the database where it is missing and
// brings its schema up to date; several processes may do so at once. What it returns as an error is
// one line for the person who started the program.
func Connect(ctx context.Context, o Options) (*Store, error) {
	if o.Database == "" {
		o.Database = DefaultDatabase
	}
	driverOptions, err := o.driver()
	if err != nil {
		return nil, err
	}
	conn, err := open(ctx, driverOptions)
	if code(err) == unknownDatabase && !o.ReadOnly {
		if err = createDatabase(ctx, *driverOptions, o); err == nil {
			conn, err = open(ctx, driverOptions)
		}
	}
	if err != nil {
		return nil, o.explain(err, driverOptions.TLS != nil)
	}
	if !o.ReadOnly {
		// A user who may only read gets through the migrations when there are none to run, and would
		// fail at the first batch, again and again.
		var held string
		if err := conn.QueryRow(ctx, "SELECT toString(getSetting('readonly'))").Scan(&held); err == nil && held != "0" {
			conn.Close()
			return nil, fmt.Errorf("ClickHouse at %s lets user %q only read: connect as one who may write (--clickhouse-user)", redacted(o.Addr), cmp.Or(o.User, "default"))
		}
		patient := *driverOptions
		patient.ConnMaxLifetime = time.Hour // migrations run on one connection, which is given up where it is older
		db := clickhouse.OpenDB(&patient)
		err := migrate(ctx, db, o.Engine)
		if err := errors.Join(err, db.Close()); err != nil {
			conn.Close()
			return nil, o.explain(err, driverOptions.TLS != nil)
		}
	}
	return &Store{conn: conn, shapes: map[string]*shape{}}, nil
}

// Close ends the connections. Calls that are under way fail.
func (s *Store) Close() error { return s.conn.Close() }

// Ping reports whether the server answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("ping ClickHouse: %w", err)
	}
	return nil
}

// driver puts the options into the driver's words.
func (o Options) driver() (*clickhouse.Options, error) {
	u, err := url.Parse(o.Addr)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the ClickHouse address %q is not one: write http://host:port or clickhouse://host:port", redacted(o.Addr))
	}
	if u.User != nil {
		return nil, fmt.Errorf("the ClickHouse address of %s names a user: give user and password by themselves", u.Host)
	}
	secure, err := encrypted(u)
	if err != nil {
		return nil, fmt.Errorf("the ClickHouse address %s: %w", redacted(o.Addr), err)
	}
	if o.TLS != nil && !secure {
		return nil, fmt.Errorf("the ClickHouse address %s asks for no TLS, of which more was said: write https://host:8443 or clickhouse://host:9440?secure=true", redacted(o.Addr))
	}
	out := &clickhouse.Options{
		Addr:            []string{u.Host},
		Auth:            clickhouse.Auth{Database: o.Database, Username: o.User, Password: o.Password},
		ClientInfo:      clickhouse.ClientInfo{Products: []struct{ Name, Version string }{{Name: "mingjian"}}},
		DialTimeout:     dialTimeout,
		ReadTimeout:     answerTimeout,
		MaxOpenConns:    maxConns,
		MaxIdleConns:    idleConns,
		ConnMaxLifetime: keepRoom,
	}
	if o.ReadOnly {
		out.Settings = clickhouse.Settings{"readonly": 2} // reads and settings only, whatever the user may do
	}
	if secure {
		out.TLS = cmp.Or(o.TLS, &tls.Config{MinVersion: tls.VersionTLS12})
	}
	switch u.Scheme {
	case "http", "https":
		// Not compressed: the driver (v2.50.0) takes a compressed result for a failed one when a text
		// in it holds "__exception__" and a line break, and a customer may write what he likes. To
		// the engine on the same machine compression is only work.
		out.Protocol = clickhouse.HTTP
	case "clickhouse":
		out.Protocol = clickhouse.Native
		out.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	default:
		return nil, fmt.Errorf("the ClickHouse address %s begins with %s: only http://, https:// and clickhouse:// are understood", redacted(o.Addr), u.Scheme)
	}
	return out, nil
}

// encrypted says whether an address asks for TLS. A parameter that is misspelt must not leave a connection in
// the clear, so that no other is taken.
func encrypted(u *url.URL) (bool, error) {
	switch {
	case u.RawQuery == "":
		return u.Scheme == "https", nil
	case u.Scheme == "clickhouse" && (u.RawQuery == "secure=true" || u.RawQuery == "secure"): // the second as in ClickHouse's own client
		return true, nil
	}
	return false, errors.New("what stands behind its ? is not understood: clickhouse:// may have ?secure=true there, and others nothing")
}

// open connects and makes sure that somebody answers.
func open(ctx context.Context, o *clickhouse.Options) (driver.Conn, error) {
	conn, err := clickhouse.Open(o)
	if err != nil {
		return nil, err
	}
	if err := conn.Ping(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// createDatabase makes the database from within the one that every server has.
func createDatabase(ctx context.Context, d clickhouse.Options, o Options) error {
	d.Auth.Database = "default"
	conn, err := open(ctx, &d)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS {database:Identifier}"+o.Engine.OnCluster(),
		clickhouse.Named("database", o.Database))
}

// Codes of ClickHouse's own errors (src/Common/ErrorCodes.cpp).
const (
	unknownTable         = 60
	unknownDatabase      = 81
	readonly             = 164
	unknownUser          = 192
	wrongPassword        = 193
	requiredPassword     = 194
	accessDenied         = 497
	authenticationFailed = 516
)

// code is the server's error code, or 0 where the error is not the server's.
func code(err error) int32 {
	var e *clickhouse.Exception
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// explain says in one line what went wrong at the start, over TLS where secure is set, and what to do about it.
func (o Options) explain(err error, secure bool) error {
	addr := redacted(o.Addr)
	switch code(err) {
	case unknownUser, wrongPassword, requiredPassword, authenticationFailed:
		return fmt.Errorf("ClickHouse at %s refuses user %q: check user and password: %w", addr, o.User, brief{err})
	case readonly, accessDenied:
		return fmt.Errorf("ClickHouse at %s does not let user %q set up database %s: grant it, or let an administrator start once: %w", addr, o.User, o.Database, brief{err})
	case unknownDatabase:
		return fmt.Errorf("ClickHouse at %s has no database %s: start the collector once, which makes it: %w", addr, o.Database, brief{err})
	case 0:
		_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
		_, misnamed := errors.AsType[x509.HostnameError](err)
		_, clear := errors.AsType[tls.RecordHeaderError](err)
		switch {
		case unknown:
			return fmt.Errorf("ClickHouse at %s shows a certificate of somebody whom we do not trust: name who signed it (--clickhouse-ca): %w", addr, brief{err})
		case misnamed:
			return fmt.Errorf("ClickHouse at %s is called otherwise by its certificate: write the name that stands there: %w", addr, brief{err})
		case clear || errors.Is(err, http.ErrSchemeMismatch):
			return fmt.Errorf("ClickHouse at %s speaks no TLS there: write http://, or clickhouse:// without ?secure=true, or its other port: %w", addr, brief{err})
		case (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)) && !secure:
			return fmt.Errorf("ClickHouse at %s closes the connection: write https://, or ?secure=true behind clickhouse://, if it speaks TLS there: %w", addr, brief{err})
		}
		var away net.Error
		if errors.As(err, &away) {
			return fmt.Errorf("ClickHouse at %s does not answer: start it or correct the address: %w", addr, brief{err})
		}
	}
	return fmt.Errorf("connect to ClickHouse at %s: %w", addr, brief{err})
}

// brief shows only the first line of an error; servers send stack traces behind it.
type brief struct{ error }

func (b brief) Error() string {
	line, _, _ := strings.Cut(b.error.Error(), "\n")
	return line
}

func (b brief) Unwrap() error { return b.error }

// redacted is an address without a password that somebody put into it.
func redacted(addr string) string {
	u, err := url.Parse(addr)
	if err != nil {
		return "(unreadable)"
	}
	u.RawQuery = "" // drivers take passwords there too
	return u.Redacted()
}
