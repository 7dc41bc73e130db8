package verify

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"mingjian/audit/export/verify/verifytest"
)

func TestCommandAnswersPlainly(t *testing.T) {
	r := record()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	b := r.Draft(verifytest.Period("acme")).Pack(r.Private)
	good, key := write("good.zip", b), write("log.pub", []byte(r.Public+"\n"))
	bad := bytes.Clone(b)
	bad[len(bad)/2] ^= 8
	for _, c := range []struct {
		name    string
		command Command
		code    int
		want    []string
	}{
		{"in order", Command{File: good, Key: key, Recheck: 5, Lang: "en"}, 0, []string{"OK: ", "Complete for tenant acme", "were judged again", "signed with the key that was given"}},
		{"in Chinese", Command{File: good, Recheck: -1, Lang: "zh"}, 0, []string{"通过：", "完整：租户acme", Fingerprint(r.Public)}},
		{"not in order", Command{File: write("bad.zip", bad), Key: key, Recheck: -1, Lang: "en"}, 1, []string{"NOT IN ORDER: "}},
		{"no package", Command{File: key, Lang: "en"}, 1, []string{"the zip's end"}},
		{"no file", Command{File: filepath.Join(dir, "none")}, 2, nil},
		{"no key", Command{File: good, Key: write("empty", nil)}, 2, nil},
		{"a key that is none", Command{File: good, Key: write("other", []byte("ssh-ed25519 AAAA"))}, 2, nil},
	} {
		var out bytes.Buffer
		err := c.command.Verify(t.Context(), &out)
		if code := ExitCode(err); code != c.code {
			t.Errorf("%s: exit code %d (%v), expected %d", c.name, code, err, c.code)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q is not in the answer:\n%s", c.name, want, out.String())
			}
		}
	}
	var out bytes.Buffer
	if err := (&Command{File: good, Recheck: -1, JSON: true}).Verify(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var report Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || !report.OK || !strings.Contains(out.String(), `"problems": []`) {
		t.Errorf("%v\n%s", err, out.String())
	}
	if err := (&Command{File: key}).Verify(t.Context(), &out); !errors.Is(err, ErrWrong) {
		t.Errorf("%v", err)
	}
}

// Every sentence has its Chinese form, with as many values.
func TestEverySentenceIsThereInChinese(t *testing.T) {
	source, err := os.ReadFile("tell.go")
	if err != nil {
		t.Fatal(err)
	}
	for english, zh := range chinese {
		if strings.Count(string(source), english[:len(english)-1]) < 2 {
			t.Errorf("%q is said nowhere", english)
		}
		if strings.Count(english, "%") != strings.Count(zh, "%") {
			t.Errorf("%q and %q have not the same values", english, zh)
		}
	}
}

func TestOneProblemIsTold(t *testing.T) {
	for lang, want := range map[string]string{"en": "NOT IN ORDER: one problem.\n  a: b\n", "zh": "不通过：发现1个问题。\n  a: b\n"} {
		var out bytes.Buffer
		(&Report{Problems: []Problem{{Where: "a", What: "b"}}}).tell(&out, lang)
		if out.String() != want {
			t.Errorf("%s: %q, want %q", lang, &out, want)
		}
	}
}
