package identity

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"mingjian/audit/store"
)

// How long a one-time link can be used: over a weekend, and the first administrator's, who sits before the
// screen, for a day.
const (
	invitedFor = 72 * time.Hour
	firstFor   = 24 * time.Hour
)

// WelcomePath is the page on which a one-time link is used. The code stands behind a # so that no server,
// proxy or log on the way sees it; without script it is pasted into the page's form.
const WelcomePath = "/welcome"

// Link is a one-time link. It is shown once; the store knows only the code's digest.
type Link struct {
	Code  string
	Until time.Time
}

// Path is the link below the console's address: /welcome#CODE.
func (l Link) Path() string { return WelcomePath + "#" + l.Code }

// ErrLink is returned for a link that was used, ran out, or was replaced by a newer one.
var ErrLink = errors.New("this link was used already, has expired, or was replaced by a newer one; ask an administrator for a new one")

// link makes the account's link, in place of the one it may have.
func (a *Accounts) link(ctx context.Context, tx *store.Tx, account, madeBy string, length time.Duration) (Link, error) {
	l := Link{Code: random(), Until: a.db.Now().Add(length)}
	_, err := tx.ExecContext(ctx, `INSERT INTO account_links (account, digest, until_ms, made_by) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account) DO UPDATE SET digest = excluded.digest, until_ms = excluded.until_ms, made_by = excluded.made_by`,
		account, digest(l.Code), l.Until.UnixMilli(), madeBy)
	return l, err
}

func endLink(ctx context.Context, tx *store.Tx, account string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM account_links WHERE account = $1`, account)
	return err
}

// NewLink makes a new one-time link for an account whose password was forgotten, or whose invitation ran
// out. The password that it has stays until the link is used, or goes when its owner sets another. Whoever makes
// the link could use it: the journal tells who that was, here and where the link is used.
func (a *Accounts) NewLink(ctx context.Context, id string) (l Link, err error) {
	if err := inPerson(ctx); err != nil {
		return Link{}, err
	}
	err = a.db.Write(ctx, func(tx *store.Tx) error {
		k, err := seen(ctx, tx, id)
		if err != nil {
			return err
		}
		if k.Provider {
			return refuse("id", "%s signs in at the provider and needs no password here", k.ID)
		}
		if l, err = a.link(ctx, tx, k.ID, by(ctx), invitedFor); err != nil {
			return err
		}
		return record(ctx, tx, "account.link_made", k, "")
	})
	return l, told(err, "make a link for %s", id)
}

// FirstLink is the one-time link by which the administrator's password is set, for as long as nobody can
// sign in: at every start a new one, in place of the one before. needed is false afterwards.
func (a *Accounts) FirstLink(ctx context.Context) (l Link, needed bool, err error) {
	settled, err := a.Settled(ctx)
	if err != nil || settled {
		return Link{}, false, err
	}
	err = a.db.Write(ctx, func(tx *store.Tx) error {
		l, err = a.link(ctx, tx, Administrator.ID, "system", firstFor)
		return err
	})
	if err != nil {
		return Link{}, false, fmt.Errorf("make the first link: %w", err)
	}
	return l, true, nil
}

// Invited is whose link a code is, or ErrLink.
func (a *Accounts) Invited(ctx context.Context, code string) (k Account, err error) {
	err = a.db.Read(ctx, func(tx *store.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, `SELECT account FROM account_links WHERE digest = $1 AND until_ms > $2`, digest(code), a.db.Now().UnixMilli()).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrLink
		}
		if err != nil {
			return err
		}
		k, err = selectAccount(ctx, tx, `id = $1 AND disabled = 0`, id)
		if errors.Is(err, ErrNoAccount) {
			return ErrLink
		}
		return err
	})
	return k, told(err, "look a link up")
}

// SetPassword uses a one-time link: its account gets the password, whoever was signed in with it is
// signed out, and its tokens end: somebody else may have made them. ErrLink, or a *Refusal for a password that will not do, after which the link can be used
// again.
func (a *Accounts) SetPassword(ctx context.Context, code, password string) (Account, error) {
	k, _, err := a.setPassword(ctx, code, password)
	return k, err
}

func (a *Accounts) setPassword(ctx context.Context, code, password string) (k Account, hash string, err error) {
	if k, err = a.Invited(ctx, code); err != nil {
		return Account{}, "", err
	}
	if hash, err = a.hashes.of(ctx, k, password); err != nil {
		return Account{}, "", err
	}
	err = a.db.Write(ctx, func(tx *store.Tx) error {
		// Of two that use it at once, one deletes it.
		var madeBy string
		err := tx.QueryRowContext(ctx, `DELETE FROM account_links WHERE account = $1 AND digest = $2 AND until_ms > $3 RETURNING made_by`,
			k.ID, digest(code), a.db.Now().UnixMilli()).Scan(&madeBy)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrLink
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE accounts SET password = $2 WHERE id = $1`, k.ID, hash); err != nil {
			return err
		}
		if err := revokeAll(With(ctx, k.principal()), tx, a.db.Now(), k.ID); err != nil {
			return err
		}
		return a.passwordSet(ctx, tx, k, madeBy)
	})
	if err != nil {
		return Account{}, "", told(err, "set a password")
	}
	a.settled.Store(true)
	return k, hash, nil
}

// passwordSet ends what opened the account until it got another password.
func (a *Accounts) passwordSet(ctx context.Context, tx *store.Tx, k Account, linkBy string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE accounts SET changed_ms = $2 WHERE id = $1`, k.ID, a.db.Now().UnixMilli()); err != nil {
		return err
	}
	if err := errors.Join(endSignIns(ctx, tx, k.ID), endLink(ctx, tx, k.ID)); err != nil {
		return err
	}
	return tx.Record(ctx, store.Entry{Actor: k.ID, Action: "account.password_set", Subject: "account:" + k.ID, Detail: k.detail(linkBy)})
}
