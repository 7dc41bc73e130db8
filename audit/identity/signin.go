package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"

	"mingjian/audit/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the tables of accounts, sign-ins and tokens.
var Noun = store.Noun{Name: "identity", Files: migrationFiles}

// The cookie of a signed-in browser. Over TLS its name says that no other host and no page without TLS can
// have set it (RFC 6265bis, section 4.1.3.2).
const (
	plainCookie  = "mingjian_session"
	secureCookie = "__Host-mingjian_session"
)

// How long a sign-in lasts: a working day, and while its browser is used (OWASP ASVS 5.0, 7.3.1 and 7.3.2;
// 12 hours is what NIST SP 800-63B asks for at AAL2). Two hours rather than half of one, because whoever
// reviews a long call reads without a click, and a sign-in that ends then costs work.
const (
	signedInFor = 12 * time.Hour
	idleFor     = 2 * time.Hour
)

// seenEvery is how often use is written down: often enough for idleFor, seldom enough to cost nothing.
const seenEvery = time.Minute

// ErrCredentials is the one answer to a name that nobody has, a wrong password and an account that is shut.
var ErrCredentials = errors.New("name and password do not go together, or the account is shut")

// ErrWrongToken is returned for a token that nobody holds.
var ErrWrongToken = errors.New("this is not the token")

// names are ids as rosters write them: readable in a journal, and safe in any address.
var names = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$`)

// taken are the ids that stand for something else in the journal.
var taken = []string{Administrator.ID, Local.ID, "system", "rule", "nobody", "grafana", "payouts"}

// Options are what signing in is wired up with.
type Options struct {
	AdminToken string           // that of AdminToken; "": nobody holds it
	Address    string           // of the console as browsers reach it, https://…; "" where it is reached as it listens
	Cost       *argon2id.Params // of a password hash; nil: Cost
	Proxies    []netip.Prefix   // whose X-Forwarded-For says where a request came from; none: nobody's
	Provider   *ProviderOptions // where production signs in; nil: with passwords only
	Log        *slog.Logger     // what went wrong on the provider's side; slog.Default when nil
}

// SignIn lets browsers in: a person shows who they are and gets a cookie with a random id. The store knows
// only the id's digest, so that a copy of it opens nothing. What the person may do is read from their account at
// each request.
type SignIn struct {
	Accounts *Accounts
	Tokens   *Tokens
	Provider *Provider // nil: there is none
	Address  string    // of the console as browsers reach it, without a slash at its end; "" where it is not known

	db      *store.DB
	token   adminToken
	secure  bool
	proxies []netip.Prefix
	hashes  *hashing
	notes   notes
}

// NewSignIn brings its tables up to date. An address that cannot be read, or settings of the provider that
// cannot work, are an error.
func NewSignIn(ctx context.Context, db *store.DB, o Options) (*SignIn, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Cost == nil {
		o.Cost = &Cost
	}
	address, err := url.Parse(o.Address)
	if o.Address != "" && (err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http") {
		return nil, fmt.Errorf("the console's address %q has to be a whole one, like https://mingjian.example.com", o.Address)
	}
	if err := db.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	s := &SignIn{Address: strings.TrimRight(o.Address, "/"), db: db, token: adminToken(o.AdminToken), proxies: o.Proxies, secure: o.Address != "" && address.Scheme == "https"}
	if s.hashes, err = newHashing(*o.Cost); err != nil {
		return nil, err
	}
	if s.Accounts, err = newAccounts(ctx, db, s.hashes); err != nil {
		return nil, err
	}
	s.Tokens = &Tokens{db: db, admin: s.token}
	if o.Provider != nil {
		if s.Provider, err = newProvider(*o.Provider, o.Address, db, o.Log); err != nil {
			return nil, err
		}
		s.Accounts.settled.Store(true) // whoever is to come in can
	}
	return s, nil
}

// WithPassword signs in with a name and a password: the cookie to set, ErrCredentials, a *Throttled, or
// ErrBusy. Whoever has no account is answered the same, after the same work.
func (s *SignIn) WithPassword(ctx context.Context, r *http.Request, name, password string) (*http.Cookie, error) {
	id, err := accountID(name)
	if err != nil {
		id = "?" + name // nobody's, counted like any other
	}
	from := s.source(r)
	n, err := s.attempt(ctx, id, from)
	if err != nil {
		return nil, signInError(err)
	}
	k, hash, err := s.passwordOf(ctx, id)
	if err != nil {
		return nil, signInError(err)
	}
	same, again, err := s.hashes.compare(ctx, hash, password)
	if err != nil {
		return nil, signInError(err)
	}
	if !same {
		return nil, cmp.Or(s.failed(ctx, k.ID, from, "password", n), ErrCredentials)
	}
	if again { // the cost was changed since
		if anew, err := s.hashes.of(ctx, k, password); err == nil {
			if err := s.db.Write(ctx, func(tx *store.Tx) error { return replaceHash(ctx, tx, k, hash, anew) }); err != nil {
				return nil, signInError(err)
			}
			hash = anew
		}
	}
	return s.let(ctx, r, k, "password", hash)
}

// replaceHash stores another hash, unless the password was changed since the one before was read.
// ErrCredentials then.
func replaceHash(ctx context.Context, tx *store.Tx, k Account, before, hash string) error {
	res, err := tx.ExecContext(ctx, `UPDATE accounts SET password = $3 WHERE id = $1 AND password = $2 AND disabled = 0`, k.ID, before, hash)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return cmp.Or(err, ErrCredentials)
	}
	return nil
}

// passwordOf is an account that can sign in with a password, and its hash; both empty where there is none.
func (s *SignIn) passwordOf(ctx context.Context, id string) (k Account, hash string, err error) {
	err = s.db.Read(ctx, func(tx *store.Tx) error {
		k, err = selectAccount(ctx, tx, `id = $1 AND disabled = 0 AND password <> ''`, id)
		if errors.Is(err, ErrNoAccount) {
			k = Account{}
			return nil
		}
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT password FROM accounts WHERE id = $1`, id).Scan(&hash)
	})
	return k, hash, err
}

// WithAdminToken signs in whoever holds the administrator's token, as the administrator: the cookie to set, a
// *Throttled, or ErrWrongToken.
func (s *SignIn) WithAdminToken(ctx context.Context, r *http.Request, token string) (*http.Cookie, error) {
	// 256 bits are not guessed, so whoever has the token need not wait for those who try.
	if s.token.matches(strings.TrimSpace(token)) {
		return s.let(ctx, r, Account{ID: Administrator.ID, Roles: Administrator.Roles}, "token", "")
	}
	from := s.source(r)
	n, err := s.attempt(ctx, "", from)
	if err != nil {
		return nil, signInError(err)
	}
	return nil, cmp.Or(s.failed(ctx, "", from, "token", n), ErrWrongToken)
}

// WithLink uses a one-time link and signs in: ErrLink, a *Refusal for a password that will not do, or the
// cookie to set.
func (s *SignIn) WithLink(ctx context.Context, r *http.Request, code, password string) (*http.Cookie, error) {
	k, hash, err := s.Accounts.setPassword(ctx, strings.TrimSpace(code), password)
	if err != nil {
		return nil, err
	}
	return s.let(ctx, r, k, "link", hash)
}

// ChangePassword changes the password of the principal in ctx, who shows the one they have. All their
// sign-ins end; the cookie is of a new one. ErrCredentials, a *Refusal, a *Throttled or ErrBusy.
func (s *SignIn) ChangePassword(ctx context.Context, r *http.Request, old, password string) (*http.Cookie, error) {
	p, ok := From(ctx)
	if !ok || p.Scopes != nil {
		return nil, errNobodyActs
	}
	from := s.source(r)
	n, err := s.attempt(ctx, p.ID, from)
	if err != nil {
		return nil, signInError(err)
	}
	k, hash, err := s.passwordOf(ctx, p.ID)
	if err != nil {
		return nil, signInError(err)
	}
	same, _, err := s.hashes.compare(ctx, hash, old)
	if err != nil {
		return nil, signInError(err)
	}
	if !same {
		return nil, cmp.Or(s.failed(ctx, k.ID, from, "change", n), ErrCredentials)
	}
	anew, err := s.hashes.of(ctx, k, password)
	if err != nil {
		return nil, err
	}
	if err := s.db.Write(ctx, func(tx *store.Tx) error {
		if err := replaceHash(ctx, tx, k, hash, anew); err != nil {
			return err
		}
		return s.Accounts.passwordSet(ctx, tx, k, "")
	}); err != nil {
		return nil, signInError(err)
	}
	return s.let(ctx, r, k, "password", anew)
}

// signInError passes on what is said to whoever signs in, and says of any other error what was being done.
func signInError(err error) error {
	var t *Throttled
	if errors.As(err, &t) || errors.Is(err, ErrBusy) || errors.Is(err, ErrCredentials) {
		return err
	}
	return fmt.Errorf("sign in: %w", err)
}

// let lets an account in: a new id at every sign-in, so that one that somebody planted beforehand is worth
// nothing; the one that the browser had ends. hash is that of the password which they showed ("" for none): if
// the account has another one by now, or was shut, nobody is let in but answered ErrCredentials.
func (s *SignIn) let(ctx context.Context, r *http.Request, k Account, how, hash string) (*http.Cookie, error) {
	id, now, from := random(), s.db.Now(), s.source(r)
	detail, err := json.Marshal(map[string]any{"how": how, "source": from, "roles": texts(k.Roles)})
	if err != nil {
		return nil, signInError(err)
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		// First, since it takes the row's lock: who changes the password at the same time ends this sign-in too.
		res, err := tx.ExecContext(ctx, `UPDATE accounts SET signed_in_ms = $2 WHERE id = $1 AND disabled = 0 AND (password = $3 OR $3 = '')`, k.ID, now.UnixMilli(), hash)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, ErrCredentials)
		}
		if err := succeeded(ctx, tx, how, k.ID, from); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM signed_in WHERE since_ms <= $1 OR seen_ms <= $2 OR id_digest = $3`,
			now.Add(-signedInFor).UnixMilli(), now.Add(-idleFor).UnixMilli(), digest(s.cookieOf(r))); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO signed_in (id_digest, account, since_ms, seen_ms) VALUES ($1, $2, $3, $3)`,
			digest(id), k.ID, now.UnixMilli()); err != nil {
			return err
		}
		return tx.Record(ctx, store.Entry{Actor: k.ID, Action: "identity.signed_in", Subject: "account:" + k.ID, Detail: detail})
	})
	if err != nil {
		return nil, signInError(err)
	}
	return s.cookie(r, id, int(signedInFor/time.Second)), nil
}

// Close signs the browser out and returns the cookie that removes its cookie.
func (s *SignIn) Close(ctx context.Context, r *http.Request) (*http.Cookie, error) {
	if value := s.cookieOf(r); value != "" {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			var account string
			err := tx.QueryRowContext(ctx, `DELETE FROM signed_in WHERE id_digest = $1 RETURNING account`, digest(value)).Scan(&account)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			return tx.Record(ctx, store.Entry{Actor: account, Action: "identity.signed_out", Subject: "account:" + account})
		})
		if err != nil {
			return nil, fmt.Errorf("sign out: %w", err)
		}
	}
	return s.cookie(r, "", -1), nil
}

// Authenticate reads the cookie. A cookie that ran out is as good as none, and so is one whose account is
// shut or gone.
func (s *SignIn) Authenticate(r *http.Request) (Principal, bool, error) {
	value := s.cookieOf(r)
	if value == "" {
		return Principal{}, false, nil
	}
	ctx, now := r.Context(), s.db.Now()
	var p Principal
	var seen int64
	err := s.db.Read(ctx, func(tx *store.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, `SELECT account, seen_ms FROM signed_in WHERE id_digest = $1 AND since_ms > $2 AND seen_ms > $3`,
			digest(value), now.Add(-signedInFor).UnixMilli(), now.Add(-idleFor).UnixMilli()).Scan(&id, &seen)
		if err != nil {
			return err
		}
		k, err := selectAccount(ctx, tx, `id = $1 AND disabled = 0`, id)
		p = k.principal()
		return err
	})
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, ErrNoAccount) {
		return Principal{}, false, nil
	}
	if err != nil {
		return Principal{}, false, fmt.Errorf("who is signed in cannot be looked up now: %w", err)
	}
	if now.Sub(time.UnixMilli(seen)) >= seenEvery && used(r) {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE signed_in SET seen_ms = $2 WHERE id_digest = $1`, digest(value), now.UnixMilli())
			return err
		})
		if err != nil {
			return Principal{}, false, fmt.Errorf("who is signed in cannot be written down now: %w", err)
		}
	}
	return p, true, nil
}

// used tells a person's request from one that a page makes by itself: lists that renew themselves all night
// are no use of a browser.
func used(r *http.Request) bool {
	return r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") == "" || r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

func (s *SignIn) encrypted(r *http.Request) bool { return s.secure || r.TLS != nil }

// cookieOf is the value of the request's cookie, "" without one.
func (s *SignIn) cookieOf(r *http.Request) string {
	name := plainCookie
	if s.encrypted(r) {
		name = secureCookie
	}
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// cookie is out of reach for scripts, and does not go along when another site posts here. Lax
// rather than Strict, so that a link in a colleague's message opens signed in.
func (s *SignIn) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	c := &http.Cookie{Name: plainCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if s.encrypted(r) {
		c.Name, c.Secure = secureCookie, true
	}
	return c
}
