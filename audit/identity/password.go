package identity

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/secure/precis"
)

// Cost is what one password hash costs: Argon2id as RFC 9106, section 4, recommends it where memory is
// limited (its second option: 3 passes over 64 MiB in 4 lanes, 128 bits of salt, 256 bits of tag). OWASP's
// least (19 MiB, 2 passes) is less.
var Cost = argon2id.Params{Memory: 64 << 10, Iterations: 3, Parallelism: 4, SaltLength: 16, KeyLength: 32}

// How long a password is, in characters: where it is all that is asked for, at least 15, and at least 64
// must be possible (NIST SP 800-63B-4, section 3.1.1.2). The bound in bytes keeps a form from costing time.
const (
	LeastPassword     = 15
	mostPasswordBytes = 1024
)

// leastOwn is how many characters of a password have to be left once what everybody guesses first is taken
// out of it, and leastDifferent how many of them differ.
const (
	leastOwn       = 6
	leastDifferent = 5
)

// commonest are what guessing begins with, longer ones first. With the least length a list of leaked
// passwords would hardly apply; what applies is what they are put together from.
var commonest = strings.Fields(`qwertyuiopasdfghjklzxcvbnm qwertyuiop asdfghjkl zxcvbnm 1q2w3e4r5t6y 1qaz2wsx3edc 1qaz2wsx qazwsxedc
	passwort password passw0rd p@ssw0rd p@ssword pa55word passphrase contraseña motdepasse mypassword administrator admin mingjian 明鉴 密码
	01234567890 1234567890 123456789 12345678 1234567 123456 12345 1234 123 9876543210 987654321 87654321 654321 54321 4321 321
	abcdefghijklmnopqrstuvwxyz abcdefgh abcdef abcde abcd abc qwerty azerty letmein welcome iloveyou woaini 5201314 1314 520 monkey dragon
	football baseball sunshine princess superman changeme secret login master shadow test user root`)

// ErrBusy is returned where more people sign in at once than the memory set aside for it takes.
var ErrBusy = errors.New("too many people are signing in at this moment; try again in a few seconds")

// hashing hashes and compares passwords, few at a time: each takes Cost.Memory, and whoever floods the
// sign-in page must not take the memory of everything else.
type hashing struct {
	cost    argon2id.Params
	places  *semaphore.Weighted
	waiting atomic.Int64
	unknown string // a hash of nothing that anybody has typed, for names that nobody has
}

// mostWaiting is how many sign-ins wait for a place: at some 100 ms each, as long as people wait.
const mostWaiting = 50

func newHashing(cost argon2id.Params) (*hashing, error) {
	unknown, err := argon2id.CreateHash(random(), &cost)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return &hashing{cost: cost, unknown: unknown, places: semaphore.NewWeighted(int64(max(2, runtime.GOMAXPROCS(0)/2)))}, nil
}

// place waits for a turn; the returned function gives it back.
func (h *hashing) place(ctx context.Context) (func(), error) {
	if h.waiting.Add(1) > mostWaiting {
		h.waiting.Add(-1)
		return nil, ErrBusy
	}
	defer h.waiting.Add(-1)
	if err := h.places.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a turn: %w", err)
	}
	return func() { h.places.Release(1) }, nil
}

// of hashes a password that the account may have; else a *Refusal.
func (h *hashing) of(ctx context.Context, k Account, password string) (string, error) {
	clean, err := goodPassword(k, password)
	if err != nil {
		return "", err
	}
	done, err := h.place(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return argon2id.CreateHash(clean, &h.cost)
}

// compare says whether a password is the one that was hashed. Without a hash it works as long as with one.
// again is true where the hash was made at another cost and is to be made again.
func (h *hashing) compare(ctx context.Context, hash, password string) (same, again bool, err error) {
	known := hash != ""
	if !known {
		hash = h.unknown
	}
	clean, err := precis.OpaqueString.String(password)
	if err != nil || len(password) > mostPasswordBytes {
		clean, known = "", false // what no password can be
	}
	done, err := h.place(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	same, cost, err := argon2id.CheckHash(clean, hash)
	if err != nil {
		return false, false, fmt.Errorf("compare a password: %w", err)
	}
	return same && known, *cost != h.cost, nil
}

// goodPassword is a password as it is hashed (RFC 8265, section 4.2), or why it will not do. There are no
// rules of composition and no changes by the calendar, which make passwords worse (NIST SP 800-63B-4).
func goodPassword(k Account, password string) (string, error) {
	if len(password) > mostPasswordBytes {
		return "", refuse("password", "a password has at most %d bytes", mostPasswordBytes)
	}
	clean, err := precis.OpaqueString.String(password)
	if n := utf8.RuneCountInString(clean); err != nil || n < LeastPassword {
		return "", refuse("password", "a password has at least %d characters, any that can be typed; a sentence of a few words is easy to remember", LeastPassword)
	}
	left := strings.ToLower(clean)
	own := append([]string{strings.ToLower(k.ID), strings.ToLower(k.Name)}, strings.FieldsFunc(strings.ToLower(k.Name+"@"+k.Email), func(r rune) bool { return strings.ContainsRune(" .@_-", r) })...)
	for _, guess := range append(own, commonest...) {
		if utf8.RuneCountInString(guess) > 1 {
			left = strings.ReplaceAll(left, guess, "")
		}
	}
	different := map[rune]bool{}
	for _, r := range left {
		different[r] = true
	}
	if utf8.RuneCountInString(left) < leastOwn || len(different) < leastDifferent {
		return "", refuse("password", "this is among what is guessed first: your own name, common words and rows of keys add nothing; take a sentence of a few words")
	}
	return clean, nil
}
