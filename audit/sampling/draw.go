package sampling

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
)

// Score is what a session is drawn by: the lower, the sooner. It is the HMAC-SHA-256, under the day's
// key, of the signed text of the log's checkpoint followed by the session's id.
func Score(key, checkpoint []byte, sessionID string) [sha256.Size]byte {
	h := hmac.New(sha256.New, key)
	h.Write(checkpoint)
	h.Write([]byte(sessionID))
	return [sha256.Size]byte(h.Sum(nil))
}

// Draw returns the n sessions with the lowest scores, lowest first; all of them where there are fewer.
func Draw(key, checkpoint []byte, sessionIDs []string, n int) []string {
	type scored struct {
		id    string
		score [sha256.Size]byte
	}
	all := make([]scored, len(sessionIDs))
	for i, id := range sessionIDs {
		all[i] = scored{id, Score(key, checkpoint, id)}
	}
	slices.SortFunc(all, func(a, b scored) int {
		return cmp.Or(bytes.Compare(a.score[:], b.score[:]), cmp.Compare(a.id, b.id))
	})
	out := make([]string, min(n, len(all)))
	for i := range out {
		out[i] = all[i].id
	}
	return out
}
