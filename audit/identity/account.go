package identity

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"mingjian/audit/store"
)

// Account is a person, or a program, that the service knows.
type Account struct {
	ID         string   // what they sign in with; stable, stands in the journal
	Name       string   // as it is shown; the ID where none was given
	Email      string   // "" for none; by it a provider's person is known at their first sign-in
	Roles      []Role   // at least one
	Tenants    []string // those whose things they see; empty: all
	Lines      []string // business lines whose things they see; empty: all
	Password   bool     // one is set
	Provider   bool     // signs in at the OpenID Connect provider
	ByGroups   bool     // roles and tenants follow the provider's groups, and cannot be changed here
	Disabled   bool
	CreatedAt  time.Time
	ChangedAt  time.Time
	SignedInAt time.Time // zero: never

	ungrouped bool // disabled because the provider's groups let them in no more: when they do again, it opens
}

// Rights are what somebody may do, and where.
type Rights struct {
	Roles   []Role
	Tenants []string // empty: all
	Lines   []string // empty: all
}

// Invitation is who is invited.
type Invitation struct {
	ID    string // what they will sign in with: 1 to 64 letters, digits, dots, hyphens, underscores
	Name  string // "" for the ID
	Email string // "" for none
	Rights
}

// Refusal is something that an account cannot be; Field is that of the form, "" where none. Error is a
// sentence with the way out, in English.
type Refusal struct{ Field, Reason string }

func (r *Refusal) Error() string { return r.Reason }

func refuse(field, format string, args ...any) error {
	return &Refusal{field, fmt.Sprintf(format, args...)}
}

// ErrNoAccount is returned for an account that is not there, or not the asker's to know of.
var ErrNoAccount = errors.New("there is no such account; GET /api/v1/people lists them")

// Accounts are the people and programs that may sign in or hold tokens. Whoever calls checks the
// permission ManagePeople by the route; an administrator of some tenants or lines only manages accounts
// that see no more than they do. Safe for concurrent use.
//
// The account of the administrator is always there. Its rights cannot be changed, so that there is a way
// in; it is also who the token in admin.token stands for.
type Accounts struct {
	db      *store.DB
	hashes  *hashing
	settled atomic.Bool // an account can sign in; it stays so
	inUse   atomic.Bool // there is somebody to be asked who they are; it stays so
}

func newAccounts(ctx context.Context, db *store.DB, h *hashing) (*Accounts, error) {
	a := &Accounts{db: db, hashes: h}
	err := db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO accounts (id, name, email, roles, tenants, lines, password, issuer, subject, by_groups, disabled, created_ms, changed_ms, signed_in_ms)
			VALUES ($1, $1, '', $2, '[]', '[]', '', '', '', 0, 0, $3, $3, 0) ON CONFLICT (id) DO NOTHING`,
			Administrator.ID, asList(Administrator.Roles), db.Now().UnixMilli())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make the administrator's account: %w", err)
	}
	return a, nil
}

// Settled reports whether somebody can sign in with a password or at the provider. Until then there is
// nobody to ask for one.
func (a *Accounts) Settled(ctx context.Context) (bool, error) {
	if a.settled.Load() {
		return true, nil
	}
	var n int
	err := a.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM accounts WHERE password <> '' OR subject <> ''`).Scan(&n)
	})
	if err != nil {
		return false, fmt.Errorf("look for accounts: %w", err)
	}
	if n > 0 {
		a.settled.Store(true)
	}
	return n > 0, nil
}

// InUse reports whether people or programs are told apart here: somebody can sign in, is invited, or a token
// was made. Settled comes later, when there is a password to ask for.
func (a *Accounts) InUse(ctx context.Context) (bool, error) {
	if a.inUse.Load() {
		return true, nil
	}
	if settled, err := a.Settled(ctx); err != nil || settled {
		return settled, err
	}
	var n int
	err := a.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM accounts WHERE id <> $1) + (SELECT count(*) FROM api_tokens)`, Administrator.ID).Scan(&n)
	})
	if err != nil {
		return false, fmt.Errorf("look for accounts and tokens: %w", err)
	}
	if n > 0 {
		a.inUse.Store(true)
	}
	return n > 0, nil
}

// Invite makes an account for whoever the principal in ctx invites, and the one-time link by which they
// set their password. An account of a program needs no password: its link is simply not used. What is
// wrong with the invitation is a *Refusal.
func (a *Accounts) Invite(ctx context.Context, in Invitation) (Account, Link, error) {
	k, err := in.account()
	if err == nil {
		err = cmp.Or(inPerson(ctx), within(ctx, k))
	}
	if err != nil {
		return Account{}, Link{}, err
	}
	k.CreatedAt, k.ChangedAt = a.db.Now(), a.db.Now()
	var link Link
	err = a.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := selectAccount(ctx, tx, `id = $1`, k.ID); !errors.Is(err, ErrNoAccount) {
			return cmp.Or(err, refuse("id", "somebody is called %s already; choose another name", k.ID))
		}
		if k.Email != "" {
			if _, err := selectAccount(ctx, tx, `email = $1`, k.Email); !errors.Is(err, ErrNoAccount) {
				return cmp.Or(err, refuse("email", "another account has this address"))
			}
		}
		if err := insertAccount(ctx, tx, k, "", ""); err != nil {
			return err
		}
		if link, err = a.link(ctx, tx, k.ID, by(ctx), invitedFor); err != nil {
			return err
		}
		return record(ctx, tx, "account.invited", k, "")
	})
	if err != nil {
		return Account{}, Link{}, told(err, "invite %s", k.ID)
	}
	return k, link, nil
}

// account checks an invitation.
func (in Invitation) account() (Account, error) {
	id, err := accountID(in.ID)
	if err != nil {
		return Account{}, err
	}
	if slices.Contains(taken, id) {
		return Account{}, refuse("id", "%s stands for something else in the journal; choose another name", id)
	}
	name, err := shownName(in.Name, id)
	if err != nil {
		return Account{}, err
	}
	email, err := address(in.Email)
	if err != nil {
		return Account{}, err
	}
	rights, err := in.checked()
	if err != nil {
		return Account{}, err
	}
	return Account{ID: id, Name: name, Email: email, Roles: rights.Roles, Tenants: rights.Tenants, Lines: rights.Lines}, nil
}

// accountID is a name as it is stored: without case and width, which people do not type alike (RFC 8265,
// section 3.3).
func accountID(typed string) (string, error) {
	id, err := precis.UsernameCaseMapped.String(strings.TrimSpace(typed))
	if err != nil || !names.MatchString(id) {
		return "", refuse("id", "a name to sign in with is 1 to 64 letters, digits, dots, hyphens or underscores, and begins with a letter or digit")
	}
	return id, nil
}

// maxName is how long a name that is shown may be, in characters.
const maxName = 100

func shownName(typed, id string) (string, error) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return id, nil
	}
	if utf8.RuneCountInString(typed) > maxName || !utf8.ValidString(typed) || strings.ContainsFunc(typed, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", refuse("name", "a name has at most %d characters, all of which can be seen", maxName)
	}
	return typed, nil
}

func address(typed string) (string, error) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "", nil
	}
	parsed, err := mail.ParseAddress(typed)
	if err != nil || parsed.Address != typed || len(typed) > 254 {
		return "", refuse("email", "%q is no e-mail address", typed)
	}
	return strings.ToLower(typed), nil
}

// maxBound is how many tenants or lines somebody can be bound to, and maxBoundName how long their names
// are (the event model).
const (
	maxBound     = 100
	maxBoundName = 128
)

func (r Rights) checked() (Rights, error) {
	if len(r.Roles) == 0 {
		return r, refuse("roles", "choose at least one role")
	}
	for _, role := range r.Roles {
		if !slices.Contains(Roles, role) {
			return r, refuse("roles", "there is no role %q; there are %s", role, strings.Join(texts(Roles), ", "))
		}
	}
	r.Roles = slices.Compact(slices.Sorted(slices.Values(r.Roles)))
	for field, list := range map[string]*[]string{"tenants": &r.Tenants, "lines": &r.Lines} {
		var clean []string
		for _, v := range *list {
			if v = strings.TrimSpace(v); v == "" {
				continue
			}
			if len(v) > maxBoundName || strings.ContainsFunc(v, unicode.IsControl) {
				return r, refuse(field, "%q cannot be the name of a tenant or business line", v)
			}
			clean = append(clean, v)
		}
		if len(*list) > 0 && len(clean) == 0 || len(clean) > maxBound {
			return r, refuse(field, "name 1 to %d, or none at all for all of them", maxBound)
		}
		slices.Sort(clean)
		*list = slices.Compact(clean)
	}
	return r, nil
}

// within refuses an account that sees more than the principal in ctx does.
func within(ctx context.Context, k Account) error {
	p, ok := From(ctx)
	if !ok {
		return errNobodyActs
	}
	inside := func(own, asked []string) bool {
		return len(own) == 0 || len(asked) > 0 && !slices.ContainsFunc(asked, func(v string) bool { return !slices.Contains(own, v) })
	}
	switch {
	case !inside(p.Tenants, k.Tenants):
		return refuse("tenants", "you manage people of %s only", strings.Join(p.Tenants, ", "))
	case !inside(p.Lines, k.Lines):
		return refuse("lines", "you manage people of the lines %s only", strings.Join(p.Lines, ", "))
	}
	return nil
}

var errNobodyActs = errors.New("accounts are changed by a principal, and there is none")

// inPerson refuses what a token must not do: a link, or rights for another account, would be worth more than
// the token's own scopes, and would outlive it. The administrator's own token has no scopes and is a person's.
func inPerson(ctx context.Context) error {
	p, ok := From(ctx)
	if !ok {
		return errNobodyActs
	}
	if p.Scopes != nil {
		return refuse("", "a token does not manage people or tokens; sign in, or use the token from the file admin.token")
	}
	return nil
}

// by is who acts, for what is written down of it.
func by(ctx context.Context) string {
	p, _ := From(ctx)
	return p.ID
}

// Change gives an account other rights. Whoever is signed in with it is signed out.
func (a *Accounts) Change(ctx context.Context, id string, to Rights) error {
	to, err := to.checked()
	if err != nil {
		return err
	}
	return a.change(ctx, id, "account.changed", "", func(k *Account) error {
		if k.ByGroups {
			return refuse("roles", "the rights of %s follow the groups at the provider; change those", k.ID)
		}
		k.Roles, k.Tenants, k.Lines = to.Roles, to.Tenants, to.Lines
		return nil
	})
}

// Disable shuts an account for good: its sign-ins end, its tokens are revoked, its one-time link is void, and
// groups at a provider do not open it again. The reason stands in the journal.
func (a *Accounts) Disable(ctx context.Context, id, reason string) error {
	if reason = strings.TrimSpace(reason); reason == "" || utf8.RuneCountInString(reason) > maxReason || strings.ContainsRune(reason, 0) {
		return refuse("reason", "say why, in 1 to %d characters", maxReason)
	}
	return a.change(ctx, id, "account.disabled", reason, func(k *Account) error { k.Disabled, k.ungrouped = true, false; return nil })
}

// maxReason is how long a reason may be, in characters.
const maxReason = 1000

// Enable opens an account again. The tokens that it had stay revoked.
func (a *Accounts) Enable(ctx context.Context, id string) error {
	return a.change(ctx, id, "account.enabled", "", func(k *Account) error { k.Disabled, k.ungrouped = false, false; return nil })
}

// change changes an account in the name of the principal in ctx and ends its sign-ins.
func (a *Accounts) change(ctx context.Context, id, action, reason string, how func(*Account) error) error {
	if err := inPerson(ctx); err != nil {
		return err
	}
	err := a.db.Write(ctx, func(tx *store.Tx) error {
		k, err := seen(ctx, tx, id)
		if err != nil {
			return err
		}
		if k.ID == Administrator.ID {
			return refuse("id", "the account %s stays as it is, so that there is a way in; set its password anew if somebody knows it who should not", k.ID)
		}
		if err := how(&k); err != nil {
			return err
		}
		if err := within(ctx, k); err != nil {
			return err
		}
		if err := a.write(ctx, tx, k); err != nil {
			return err
		}
		return record(ctx, tx, action, k, reason)
	})
	return told(err, "change the account %s", id)
}

// write stores what can change of an account and ends its sign-ins, so that what it may do is never older
// than what is stored. Of one that is shut nothing is left that would open again with it.
func (a *Accounts) write(ctx context.Context, tx *store.Tx, k Account) error {
	disabled := 0
	switch {
	case k.ungrouped:
		disabled = disabledByGroups
	case k.Disabled:
		disabled = 1
	}
	if k.Disabled {
		if err := errors.Join(revokeAll(ctx, tx, a.db.Now(), k.ID), endLink(ctx, tx, k.ID)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE accounts SET name = $2, email = $3, roles = $4, tenants = $5, lines = $6, disabled = $7, changed_ms = $8 WHERE id = $1`,
		k.ID, k.Name, k.Email, asList(k.Roles), asList(k.Tenants), asList(k.Lines), disabled, a.db.Now().UnixMilli())
	if err != nil {
		return err
	}
	return endSignIns(ctx, tx, k.ID)
}

// disabledByGroups stands in the column disabled of an account that follows the provider's groups and was left
// without one.
const disabledByGroups = 2

func endSignIns(ctx context.Context, tx *store.Tx, account string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM signed_in WHERE account = $1`, account)
	return err
}

// List is everybody whom the principal in ctx may know of, by ID.
func (a *Accounts) List(ctx context.Context) (out []Account, err error) {
	err = a.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+accountColumns+` FROM accounts ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			k, err := scanAccount(rows)
			if err != nil {
				return err
			}
			if within(ctx, k) == nil {
				out = append(out, k)
			}
		}
		return rows.Err()
	})
	return out, told(err, "list accounts")
}

// Get is one account that the principal in ctx may know of: their own, or one that they manage. Else
// ErrNoAccount.
func (a *Accounts) Get(ctx context.Context, id string) (k Account, err error) {
	err = a.db.Read(ctx, func(tx *store.Tx) error {
		k, err = seen(ctx, tx, id)
		return err
	})
	return k, told(err, "read the account %s", id)
}

func seen(ctx context.Context, tx *store.Tx, id string) (Account, error) {
	p, ok := From(ctx)
	if !ok {
		return Account{}, errNobodyActs
	}
	k, err := selectAccount(ctx, tx, `id = $1`, id)
	if err == nil && k.ID != p.ID && (!p.May(ManagePeople) || within(ctx, k) != nil) {
		return Account{}, ErrNoAccount
	}
	return k, err
}

// principal is who acts with the account.
func (k Account) principal() Principal {
	return Principal{ID: k.ID, Name: k.Name, Roles: k.Roles, Tenants: k.Tenants, Lines: k.Lines}
}

const accountColumns = `id, name, email, roles, tenants, lines, password <> '', subject <> '', by_groups, disabled <> 0, disabled = 2, created_ms, changed_ms, signed_in_ms`

// selectAccount returns the account that a condition of one argument selects, or ErrNoAccount.
func selectAccount(ctx context.Context, tx *store.Tx, condition string, args ...any) (Account, error) {
	return scanAccount(tx.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE `+condition, args...))
}

func scanAccount(row interface{ Scan(...any) error }) (k Account, err error) {
	var roles, tenants, lines string
	var created, changed, signedIn int64
	err = row.Scan(&k.ID, &k.Name, &k.Email, &roles, &tenants, &lines, &k.Password, &k.Provider, &k.ByGroups, &k.Disabled, &k.ungrouped, &created, &changed, &signedIn)
	if errors.Is(err, sql.ErrNoRows) {
		return k, ErrNoAccount
	}
	if err != nil {
		return k, err
	}
	k.CreatedAt, k.ChangedAt, k.SignedInAt = moment(created), moment(changed), moment(signedIn)
	return k, errors.Join(json.Unmarshal([]byte(roles), &k.Roles), json.Unmarshal([]byte(tenants), &k.Tenants), json.Unmarshal([]byte(lines), &k.Lines))
}

func insertAccount(ctx context.Context, tx *store.Tx, k Account, issuer, subject string) error {
	byGroups := 0
	if k.ByGroups {
		byGroups = 1
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO accounts (id, name, email, roles, tenants, lines, password, issuer, subject, by_groups, disabled, created_ms, changed_ms, signed_in_ms)
		VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8, $9, 0, $10, $10, 0)`,
		k.ID, k.Name, k.Email, asList(k.Roles), asList(k.Tenants), asList(k.Lines), issuer, subject, byGroups, k.CreatedAt.UnixMilli())
	return err
}

// moment is a stored time; 0 is none.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func asList[S ~string](list []S) string {
	text, err := json.Marshal(texts(list))
	if err != nil {
		panic(err) // texts can be written
	}
	return string(text)
}

// record writes what was done to an account into the journal, by the principal in ctx.
func record(ctx context.Context, tx *store.Tx, action string, k Account, reason string) error {
	p, ok := From(ctx)
	if !ok {
		return errNobodyActs
	}
	return tx.Record(ctx, store.Entry{Actor: p.ID, Action: action, Subject: "account:" + k.ID, Reason: reason, Detail: k.detail("")})
}

// detail is what the journal keeps of an account: what it may do, and, where a one-time link was used, who had
// made that: they could have used it themselves.
func (k Account) detail(linkBy string) json.RawMessage {
	kept := map[string]any{"roles": texts(k.Roles), "tenants": texts(k.Tenants), "lines": texts(k.Lines), "disabled": k.Disabled}
	if linkBy != "" {
		kept["link_made_by"] = linkBy
	}
	text, err := json.Marshal(kept)
	if err != nil {
		panic(err) // texts can be written
	}
	return text
}

// told passes on what the user can mend as it is, and says of any other error what was being done.
func told(err error, format string, args ...any) error {
	var r *Refusal
	if err == nil || errors.As(err, &r) || errors.Is(err, ErrNoAccount) || errors.Is(err, ErrLink) {
		return err
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
