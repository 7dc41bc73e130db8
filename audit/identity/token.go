package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// tokenFile is the administrator's token in the data directory.
const tokenFile = "admin.token"

// tokenBytes is the token's strength: 256 bits cannot be guessed, so no throttling is needed.
const tokenBytes = 32

// AdminToken returns the administrator's token kept in dir, and makes one with mode 0600 at the
// first start.
func AdminToken(dir string) (string, error) {
	path := filepath.Join(dir, tokenFile)
	text, err := os.ReadFile(path)
	if err == nil {
		token := strings.TrimSpace(string(text))
		if len(token) < tokenBytes {
			return "", fmt.Errorf("%s holds no usable token; remove the file and start again to get a new one", path)
		}
		return token, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the administrator's token: %w", err)
	}
	token := random()
	// EXCL: of two that start at once, the second fails instead of replacing the first one's token.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("make the administrator's token: %w", err)
	}
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("make the administrator's token: %w", err)
	}
	return token, nil
}

// random returns 256 random bits as text that needs no escaping in a header, a form or a link.
func random() string {
	b := make([]byte, tokenBytes)
	rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Administrator is who holds the administrator's token.
var Administrator = Principal{ID: "admin", Name: "admin", Roles: []Role{Admin}}

// adminToken is the administrator's.
type adminToken string

var errBearer = errors.New("send a token that is valid, or the one from the file admin.token, as: Authorization: Bearer TOKEN")

// bearer is the token that a request carries as "Authorization: Bearer …" (RFC 6750); false where it has no credentials of this kind.
func bearer(r *http.Request) (token string, ok bool, err error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", false, nil
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false, errBearer
	}
	return strings.TrimSpace(token), true, nil
}

// matches compares digests, so that not even the length shows in the time it takes.
func (b adminToken) matches(token string) bool {
	want, got := sha256.Sum256([]byte(b)), sha256.Sum256([]byte(token))
	return b != "" && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}
