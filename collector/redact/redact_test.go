package redact_test

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"mingjian/collector/redact"
)

// cases reads testdata/cases.txt: texts and what must come out of them.
func cases(t testing.TB) (out [][2]string) {
	t.Helper()
	f, err := os.Open("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		in, want, ok := strings.Cut(line, "\t")
		if !ok {
			t.Fatalf("no tab in %q", line)
		}
		if want == "=" {
			want = in
		}
		out = append(out, [2]string{in, want})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCases(t *testing.T) {
	all := cases(t)
	if len(all) < 200 {
		t.Fatalf("only %d cases", len(all))
	}
	for _, c := range all {
		got, kinds := redact.Text(c[0])
		if got != c[1] {
			t.Errorf("%s\n  want %s\n  got  %s", c[0], c[1], got)
		}
		if (kinds == 0) != (got == c[0]) {
			t.Errorf("%s: kinds %v", c[0], kinds.Names())
		}
		for _, name := range kinds.Names() {
			if !strings.Contains(got, "⟦"+name+"⟧") {
				t.Errorf("%s: %s is said to be masked and is not", c[0], name)
			}
		}
		// Inside a sentence it is the same.
		in, want := "您好，"+c[0]+"。", "您好，"+c[1]+"。"
		if got, _ := redact.Text(in); got != want {
			t.Errorf("%s\n  want %s\n  got  %s", in, want, got)
		}
	}
	t.Logf("%d cases", len(all))
}
