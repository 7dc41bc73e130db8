package identity

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"mingjian/audit/store"
)

// tokenPrefix lets scanners for leaked secrets know a token when they see one.
const tokenPrefix = "mingjian_"

// How long a token may be good for. A program that runs for longer gets a new one before.
const (
	LongestToken = 366 * 24 * time.Hour
	UsualToken   = 90 * 24 * time.Hour // as the form proposes
)

// usedEvery is how often a token's use is written down.
const usedEvery = time.Minute

// mostTokens is how many tokens of one account are valid at once: more are forgotten ones.
const mostTokens = 50

// Token is what is known of a token: never the token itself.
type Token struct {
	ID        string // for revoking it
	Account   string // whose rights it has, as far as its scopes go
	Name      string // what it is for
	Scopes    []string
	MadeBy    string
	MadeAt    time.Time
	Until     time.Time
	UsedAt    time.Time // zero: never
	RevokedAt time.Time // zero: it was not
}

// TokenRequest is a token to be made.
type TokenRequest struct {
	Account string        // "": the asker's own
	Name    string        // what it is for, 1 to 100 characters
	Scopes  []string      // permissions (findings:read), or nouns for all of theirs (findings); at least one
	For     time.Duration // up to LongestToken
}

// ErrNoToken is returned for a token that is not there, or not the asker's to know of.
var ErrNoToken = errors.New("there is no such token; GET /api/v1/tokens lists them")

// Tokens are what programs send in place of a cookie: the administrator's, which stands in a file, and those
// that people make, each for its scopes. What a token may do is never more than its account may at that
// moment. Safe for concurrent use.
type Tokens struct {
	db    *store.DB
	admin adminToken
}

// withheld are the permissions of the second pair of eyes: a token that somebody made for another account
// never has them.
var withheld = []Permission{ApproveCases, PayCases, DecideReviews}

// Make makes a token in the name of the principal in ctx: for themselves, never wider than what they may
// themselves; or, for whoever manages people, for a program: an account by which nobody signs in, within its
// rights and without what is withheld. A token makes none. The text is shown once. What is wrong with
// the request is a *Refusal; ErrNoAccount for an account that the principal may not know of.
func (t *Tokens) Make(ctx context.Context, in TokenRequest) (text string, made Token, err error) {
	p, ok := From(ctx)
	if !ok {
		return "", Token{}, errNobodyActs
	}
	if err := inPerson(ctx); err != nil {
		return "", Token{}, err
	}
	in.Name = strings.TrimSpace(in.Name)
	if n := utf8.RuneCountInString(in.Name); n == 0 || n > maxName || !utf8.ValidString(in.Name) || strings.ContainsFunc(in.Name, unicode.IsControl) {
		return "", Token{}, refuse("name", "say what the token is for, in 1 to %d characters", maxName)
	}
	if in.For < time.Minute || in.For > LongestToken {
		return "", Token{}, refuse("until", "a token is good for at most %d days", int(LongestToken.Hours()/24))
	}
	if in.Account == "" {
		in.Account = p.ID
	}
	now := t.db.Now()
	text = tokenPrefix + random()
	made = Token{ID: uuid.NewString(), Account: in.Account, Name: in.Name, MadeBy: p.ID, MadeAt: now, Until: now.Add(in.For)}
	err = t.db.Write(ctx, func(tx *store.Tx) error {
		k, err := seen(ctx, tx, in.Account)
		if err != nil {
			return err
		}
		if k.Disabled {
			return refuse("account", "the account %s is shut", k.ID)
		}
		if k.ID != p.ID && (k.Password || k.Provider || k.ID == Administrator.ID) {
			return refuse("account", "%s is a person, who makes their own tokens; invite an account for the program and set no password for it", k.ID)
		}
		if made.Scopes, err = scopesOf(k.principal(), in.Scopes); err != nil {
			return err
		}
		if k.ID != p.ID {
			if err := programs(made.Scopes); err != nil {
				return err
			}
		}
		var valid int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM api_tokens WHERE account = $1 AND revoked_ms = 0 AND until_ms > $2`, k.ID, now.UnixMilli()).Scan(&valid); err != nil {
			return err
		}
		if valid >= mostTokens {
			return refuse("name", "%s has %d valid tokens already; revoke those that nobody uses", k.ID, valid)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO api_tokens (id, digest, account, name, scopes, made_by, made_ms, until_ms, used_ms, revoked_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)`,
			made.ID, digest(text), made.Account, made.Name, asList(made.Scopes), made.MadeBy, now.UnixMilli(), made.Until.UnixMilli())
		if err != nil {
			return err
		}
		return recordToken(ctx, tx, p, "token.made", made)
	})
	if err != nil {
		return "", Token{}, told(err, "make a token")
	}
	return text, made, nil
}

func recordToken(ctx context.Context, tx *store.Tx, p Principal, action string, k Token) error {
	detail, err := json.Marshal(map[string]any{"account": k.Account, "name": k.Name, "scopes": k.Scopes, "until": k.Until, "made_by": k.MadeBy})
	if err != nil {
		return err
	}
	return tx.Record(ctx, store.Entry{Actor: p.ID, Action: action, Subject: "token:" + k.ID, Detail: detail})
}

// scopesOf checks what a token is to be for: each scope gives its owner something, and nothing that they do
// not hold themselves.
func scopesOf(owner Principal, asked []string) ([]string, error) {
	held := owner.Permissions()
	var out []string
	for _, scope := range asked {
		if scope = strings.TrimSpace(scope); scope == "" {
			continue
		}
		narrow := Principal{Roles: owner.Roles, Scopes: []string{scope}}
		if !slices.ContainsFunc(held, narrow.May) {
			return nil, refuse("scopes", "%q is not among what %s may do; that is %s", scope, owner.ID, strings.Join(texts(held), ", "))
		}
		out = append(out, scope)
	}
	if len(out) == 0 {
		return nil, refuse("scopes", "say what the token is for: one or more of %s", strings.Join(texts(held), ", "))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// programs refuses scopes that no program gets from somebody else. A noun is refused too, whose withheld part
// the account does not hold yet: it would come with the role.
func programs(scopes []string) error {
	for _, scope := range scopes {
		for _, perm := range withheld {
			if noun, _, _ := strings.Cut(string(perm), ":"); scope == string(perm) || scope == noun {
				return refuse("scopes", "%q holds %s, which a person does and no program for them; name what the program needs, like %s:read", scope, perm, noun)
			}
		}
	}
	return nil
}

// List is the tokens of an account that the principal in ctx may know of ("" for their own), newest first,
// those that ran out or were revoked included.
func (t *Tokens) List(ctx context.Context, account string) (out []Token, err error) {
	p, ok := From(ctx)
	if !ok {
		return nil, errNobodyActs
	}
	if account == "" {
		account = p.ID
	}
	err = t.db.Read(ctx, func(tx *store.Tx) error {
		if _, err := seen(ctx, tx, account); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT `+tokenColumns+` FROM api_tokens WHERE account = $1 ORDER BY made_ms DESC, id`, account)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			k, err := scanToken(rows)
			if err != nil {
				return err
			}
			out = append(out, k)
		}
		return rows.Err()
	})
	return out, told(err, "list tokens")
}

// Revoke ends a token: the asker's own, or, for whoever manages people, anybody's. ErrNoToken where there is
// none. Revoking twice is revoking once.
func (t *Tokens) Revoke(ctx context.Context, id string) error {
	p, ok := From(ctx)
	if !ok {
		return errNobodyActs
	}
	err := t.db.Write(ctx, func(tx *store.Tx) error {
		k, err := scanToken(tx.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM api_tokens WHERE id = $1`, id))
		if err != nil {
			return err
		}
		if _, err := seen(ctx, tx, k.Account); err != nil {
			return cmp.Or(notFound(err), ErrNoToken)
		}
		if k.Account != p.ID {
			if err := inPerson(ctx); err != nil {
				return err
			}
		}
		if !k.RevokedAt.IsZero() {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE api_tokens SET revoked_ms = $2 WHERE id = $1`, id, t.db.Now().UnixMilli()); err != nil {
			return err
		}
		return recordToken(ctx, tx, p, "token.revoked", k)
	})
	if errors.Is(err, ErrNoToken) {
		return err
	}
	return told(err, "revoke a token")
}

// revokeAll ends an account's tokens in the name of the principal in ctx.
func revokeAll(ctx context.Context, tx *store.Tx, now time.Time, account string) error {
	p, ok := From(ctx)
	if !ok {
		return errNobodyActs
	}
	rows, err := tx.QueryContext(ctx, `UPDATE api_tokens SET revoked_ms = $2 WHERE account = $1 AND revoked_ms = 0 AND until_ms > $2 RETURNING `+tokenColumns, account, now.UnixMilli())
	if err != nil {
		return err
	}
	defer rows.Close()
	var ended []Token
	for rows.Next() {
		k, err := scanToken(rows)
		if err != nil {
			return err
		}
		ended = append(ended, k)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, k := range ended {
		if err := recordToken(ctx, tx, p, "token.revoked", k); err != nil {
			return err
		}
	}
	return nil
}

// notFound is nil for an account that is not there, and any other error itself.
func notFound(err error) error {
	if errors.Is(err, ErrNoAccount) {
		return nil
	}
	return err
}

const tokenColumns = `id, account, name, scopes, made_by, made_ms, until_ms, used_ms, revoked_ms`

func scanToken(row interface{ Scan(...any) error }) (k Token, err error) {
	var scopes string
	var made, until, used, revoked int64
	err = row.Scan(&k.ID, &k.Account, &k.Name, &scopes, &k.MadeBy, &made, &until, &used, &revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return k, ErrNoToken
	}
	if err != nil {
		return k, err
	}
	k.MadeAt, k.Until, k.UsedAt, k.RevokedAt = moment(made), moment(until), moment(used), moment(revoked)
	return k, json.Unmarshal([]byte(scopes), &k.Scopes)
}

// Authenticate knows the administrator's token and every other that is valid now. Its principal acts with
// the account's rights as they are at this moment, within the token's scopes.
func (t *Tokens) Authenticate(r *http.Request) (Principal, bool, error) {
	text, ok, err := bearer(r)
	if !ok || err != nil {
		return Principal{}, false, err
	}
	if t.admin.matches(text) {
		return Administrator, true, nil
	}
	if !strings.HasPrefix(text, tokenPrefix) {
		return Principal{}, false, errBearer
	}
	ctx, now := r.Context(), t.db.Now()
	var k Token
	var a Account
	err = t.db.Read(ctx, func(tx *store.Tx) error {
		k, err = scanToken(tx.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM api_tokens WHERE digest = $1 AND revoked_ms = 0 AND until_ms > $2`, digest(text), now.UnixMilli()))
		if err != nil {
			return err
		}
		a, err = selectAccount(ctx, tx, `id = $1 AND disabled = 0`, k.Account)
		return err
	})
	if errors.Is(err, ErrNoToken) || errors.Is(err, ErrNoAccount) {
		return Principal{}, false, errBearer
	}
	if err != nil {
		return Principal{}, false, fmt.Errorf("whose token this is cannot be looked up now: %w", err)
	}
	if now.Sub(k.UsedAt) >= usedEvery {
		err := t.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE api_tokens SET used_ms = $2 WHERE id = $1`, k.ID, now.UnixMilli())
			return err
		})
		if err != nil {
			return Principal{}, false, fmt.Errorf("the token's use cannot be written down now: %w", err)
		}
	}
	p := a.principal()
	p.Scopes = k.Scopes
	return p, true, nil
}
