package sampling_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mingjian/audit/sampling"
)

// The draw, done by hand: HMAC-SHA-256 under the key of the checkpoint's text followed by the id.
func TestScoreIsWhatAnybodyCanCompute(t *testing.T) {
	key, checkpoint := []byte("0123456789abcdef0123456789abcdef"), []byte("origin\n7\nroot=\n")
	h := hmac.New(sha256.New, key)
	h.Write([]byte("origin\n7\nroot=\ns-1"))
	if got := sampling.Score(key, checkpoint, "s-1"); !slices.Equal(got[:], h.Sum(nil)) {
		t.Errorf("score %s", hex.EncodeToString(got[:]))
	}
}

func TestDrawDependsOnNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringN(1, 20, -1), 1, 60, rapid.ID[string]).Draw(t, "sessions")
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
		checkpoint := rapid.SliceOf(rapid.Byte()).Draw(t, "checkpoint")
		n := rapid.IntRange(0, len(ids)+3).Draw(t, "n")
		got := sampling.Draw(key, checkpoint, ids, n)

		// In which order the sessions arrived changes nothing.
		shuffled := rapid.Permutation(ids).Draw(t, "order")
		if again := sampling.Draw(key, checkpoint, shuffled, n); !slices.Equal(got, again) {
			t.Fatalf("%q in another order gives %q, not %q", ids, again, got)
		}
		// It is n different sessions of the lot, all where the lot has fewer.
		if len(got) != min(n, len(ids)) {
			t.Fatalf("%d of %d drawn, want %d", len(got), len(ids), n)
		}
		for i, id := range got {
			if !slices.Contains(ids, id) || slices.Contains(got[:i], id) {
				t.Fatalf("drew %q from %q", got, ids)
			}
		}
		// A smaller sample is the beginning of a larger one.
		if more := sampling.Draw(key, checkpoint, ids, n+1); !slices.Equal(got, more[:len(got)]) {
			t.Fatalf("%d: %q, %d: %q", n, got, n+1, more)
		}
		// A session that is not drawn can leave without changing the sample.
		for _, id := range ids {
			if slices.Contains(got, id) {
				continue
			}
			without := slices.DeleteFunc(slices.Clone(ids), func(other string) bool { return other == id })
			if again := sampling.Draw(key, checkpoint, without, n); !slices.Equal(got, again) {
				t.Fatalf("without %q: %q, not %q", id, again, got)
			}
			break
		}
	})
}

// Over many keys and over many checkpoints every session, and every pair, is drawn equally often.
func TestDrawIsUniform(t *testing.T) {
	const rounds, sessions, n = 6000, 20, 5
	ids := make([]string, sessions)
	for i := range ids {
		ids[i] = fmt.Sprintf("session-%d", i)
	}
	for name, draw := range map[string]func(round []byte) []string{
		"keys":        func(round []byte) []string { return sampling.Draw(round, []byte("c"), ids, n) },
		"checkpoints": func(round []byte) []string { return sampling.Draw([]byte("k"), round, ids, n) },
	} {
		var one [sessions]int
		var two [sessions][sessions]int
		for r := range rounds {
			round := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(r)))
			var at []int
			for _, id := range draw(round[:]) {
				at = append(at, slices.Index(ids, id))
			}
			for _, i := range at {
				one[i]++
				for _, j := range at {
					two[i][j]++
				}
			}
		}
		within := func(what string, got int, p float64) {
			// Five standard deviations: about one in a million, and the rounds are always the same.
			if off := math.Abs(float64(got) - rounds*p); off > 5*math.Sqrt(rounds*p*(1-p)) {
				t.Errorf("%s: %s drawn %d times, expected about %.0f", name, what, got, rounds*p)
			}
		}
		for i := range sessions {
			within(ids[i], one[i], float64(n)/sessions)
			for j := range i {
				within(ids[i]+" with "+ids[j], two[i][j], float64(n*(n-1))/(sessions*(sessions-1)))
			}
		}
	}
}
