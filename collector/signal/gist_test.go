package signal

import (
	"strings"
	"testing"
)

func TestGistKnowsTheSameQuestionInOtherWords(t *testing.T) {
	const wanted = 0.95 // precision and recall each
	var count tally
	pairs := map[string]int{}
	for _, row := range utterances(t, "gist.txt", 1) {
		a, b, ok := strings.Cut(row[1], "|")
		if !ok {
			t.Fatalf("%s is no pair", row[1])
		}
		x, okX := GistOf(a)
		y, okY := GistOf(b)
		same := okX && okY && x.Same(y)
		if same != (okX && okY && y.Same(x)) {
			t.Errorf("%s: depends on the order", row[1])
		}
		pairs[row[0]]++
		count.add(same, row[0] == "=")
		if same != (row[0] == "=") {
			t.Logf("%s %s: %v", row[0], row[1], same)
		}
	}
	t.Logf("precision %.3f, recall %.3f of %v pairs", count.precision(), count.recall(), pairs)
	if count.precision() < wanted || count.recall() < wanted || pairs["="] < 60 || pairs["-"] < 60 {
		t.Errorf("precision %.3f, recall %.3f of %v pairs", count.precision(), count.recall(), pairs)
	}
}

func TestGistOfNothing(t *testing.T) {
	for _, text := range []string{"", "你好", "谢谢", "怎么办呢", "？？", "please", "ok is it"} {
		if g, ok := GistOf(text); ok || g != (Gist{}) {
			t.Errorf("%q: %v", text, g)
		}
	}
	if (Gist{}).Same(Gist{}) {
		t.Error("nothing is the same question as nothing")
	}
}
