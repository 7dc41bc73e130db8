package identity

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"mingjian/audit/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the table of signed-in browsers.
var Noun = store.Noun{Name: "identity", Files: migrationFiles}

// cookieName names the cookie of a signed-in browser.
const cookieName = "mingjian_session"

// signedInFor is how long a sign-in lasts: a working day.
const signedInFor = 12 * time.Hour

// ErrWrongToken is returned for a token that nobody holds.
var ErrWrongToken = errors.New("this is not the token")

// ErrPerson is returned for a name or role that nobody can sign in with.
var ErrPerson = errors.New("a name is 1 to 64 letters, digits, dots, hyphens or underscores and none that the service uses itself, and goes with a role of people")

// Person is whom the holder of the administrator's token signs in as. The zero Person is the
// administrator. A name makes a principal of that id with one role, so that the journal tells
// colleagues apart who share the token. It is taken on trust: who holds the token may be anybody.
type Person struct {
	Name string
	Role Role
}

// Positions are the roles that a named person can sign in with: those of people who work in the pages.
var Positions = []Role{Inspector, Supervisor, Officer, Approver, Finance, Viewer}

// names are ids as rosters write them: readable in a journal, and safe in any address.
var names = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$`)

// taken are the ids that stand for something else in the journal.
var taken = []string{Administrator.ID, Local.ID, "system", "rule"}

func (p Person) principal() (Principal, error) {
	if p == (Person{}) {
		return Administrator, nil
	}
	if !names.MatchString(p.Name) || slices.Contains(taken, strings.ToLower(p.Name)) || !slices.Contains(Positions, p.Role) {
		return Principal{}, ErrPerson
	}
	return Principal{ID: p.Name, Name: p.Name, Roles: []Role{p.Role}}, nil
}

// SignIn lets browsers in: a person pastes the administrator's token once and gets a cookie with a
// random id. The store knows only the id's digest, so that a copy of it opens nothing.
type SignIn struct {
	db    *store.DB
	token Bearer
}

// NewSignIn brings its table up to date.
func NewSignIn(ctx context.Context, db *store.DB, adminToken string) (*SignIn, error) {
	if err := db.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	return &SignIn{db: db, token: Bearer(adminToken)}, nil
}

// Open signs in whoever knows the token, as a person: ErrWrongToken, ErrPerson, or the cookie to set.
// Every call makes a new id, so an id that somebody planted beforehand is worth nothing.
func (s *SignIn) Open(ctx context.Context, r *http.Request, token string, as Person) (*http.Cookie, error) {
	if !s.token.matches(strings.TrimSpace(token)) {
		return nil, ErrWrongToken
	}
	p, err := as.principal()
	if err != nil {
		return nil, err
	}
	who, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	id, now := random(), s.db.Now()
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM signed_in WHERE until_ms <= $1`, now.UnixMilli()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO signed_in (id_digest, principal, until_ms) VALUES ($1, $2, $3)`,
			digest(id), string(who), now.Add(signedInFor).UnixMilli()); err != nil {
			return err
		}
		return tx.Record(ctx, store.Entry{Actor: p.ID, Action: "identity.signed_in", Subject: "principal:" + p.ID, Detail: who})
	})
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return cookie(r, id, int(signedInFor/time.Second)), nil
}

// Close signs the browser out and returns the cookie that removes its cookie.
func (s *SignIn) Close(ctx context.Context, r *http.Request) (*http.Cookie, error) {
	if c, err := r.Cookie(cookieName); err == nil {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM signed_in WHERE id_digest = $1`, digest(c.Value))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("sign out: %w", err)
		}
	}
	return cookie(r, "", -1), nil
}

// Authenticate reads the cookie. A cookie that ran out is as good as none.
func (s *SignIn) Authenticate(r *http.Request) (Principal, bool, error) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return Principal{}, false, nil
	}
	var p Principal
	err = s.db.Read(r.Context(), func(tx *store.Tx) error {
		var who string
		err := tx.QueryRowContext(r.Context(), `SELECT principal FROM signed_in WHERE id_digest = $1 AND until_ms > $2`,
			digest(c.Value), s.db.Now().UnixMilli()).Scan(&who)
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(who), &p)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Principal{}, false, nil
	}
	if err != nil {
		return Principal{}, false, fmt.Errorf("who is signed in cannot be looked up now: %w", err)
	}
	return p, true, nil
}

func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// cookie is out of reach for scripts, and does not go along when another site posts here. Lax
// rather than Strict, so that a link in a colleague's message opens signed in.
func cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	}
}
