package intake_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mingjian/collector/intake"
	"mingjian/collector/stream"
)

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestImportReadsEveryForm(t *testing.T) {
	a, b, c := line("s-1", 1, "一"), line("s-1", 2, "二"), line("s-2", 1, "三")
	pretty := strings.NewReplacer(",", ",\n  ", "{", "{\n  ").Replace(a)
	for name, content := range map[string]string{
		"lines":                 a + "\n" + b + "\n" + c + "\n",
		"lines of Windows":      "\xEF\xBB\xBF" + a + "\r\n\r\n" + b + "\r\n" + c,
		"list":                  "[" + a + "," + b + ",\n" + c + "]\n",
		"list over lines":       "\n [\n" + pretty + ",\n" + b + ",\n" + c + "\n]",
		"object over lines":     pretty,
		"objects over lines":    pretty + "\n" + pretty,
		"compressed":            zipped(t, a+"\n"+b+"\n"+c+"\n"),
		"nothing":               "",
		"blank":                 "\n \n",
		"empty list":            "[]",
		"one line, no line end": a,
	} {
		want := map[string]int{"object over lines": 1, "objects over lines": 2, "nothing": 0, "blank": 0, "empty list": 0, "one line, no line end": 1}
		t.Run(name, func(t *testing.T) {
			s := open(t)
			n, ok := want[name]
			if !ok {
				n = 3
			}
			got, err := intake.Import(t.Context(), s.Producer, []string{file(t, "f", content)}, intake.ImportOptions{})
			if err != nil || got.Read != n || got.Sent != n || len(got.Refused) != 0 || got.SuspectCount != 0 {
				t.Fatalf("%+v, %v; want %d events", got, err, n)
			}
			messages := s.messages(t)
			if len(messages) != n {
				t.Fatalf("%d messages in the stream, want %d", len(messages), n)
			}
			for _, m := range messages {
				if !strings.HasPrefix(string(m.Key), "s-") {
					t.Errorf("key %q", m.Key)
				}
			}
		})
	}
}

func TestImportSendsWhatIsBadAsEvidenceAndTellsIt(t *testing.T) {
	s := open(t)
	good := line("s-1", 1, "好")
	cut := good[:len(good)-5]
	noID := `{"session_id":"s-9","kind":"message"}`
	junk := "hello"
	path := file(t, "mixed.jsonl", strings.Join([]string{good, cut, "", noID, junk, "\xFF\xFE", good}, "\n"))
	got, err := intake.Import(t.Context(), s.Producer, []string{path}, intake.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Read != 6 || got.Sent != 6 || got.SuspectCount != 4 || len(got.Refused) != 0 {
		t.Errorf("%+v", got)
	}
	for i, want := range []string{
		path + ":2: json: the message is cut off", path + ":4: event_id: event_id is missing",
		path + ":5: json: the message is not JSON", path + ":6: json: ",
	} {
		if i >= len(got.Suspect) || !strings.HasPrefix(got.Suspect[i], want) {
			t.Errorf("suspect %d of %q, want %s…", i, got.Suspect, want)
		}
	}
	keys := map[string]string{}
	for _, m := range s.messages(t) {
		keys[string(m.Value)] = string(m.Key)
	}
	if keys[cut] != "s-1" || keys[noID] != "s-9" {
		t.Errorf("a readable session_id is not the key: %q, %q", keys[cut], keys[noID])
	}
	if k := keys[junk]; len(k) != 32 {
		t.Errorf("key of what has no session: %q", k)
	}
}

func TestImportBoundsItsListOfSuspects(t *testing.T) {
	s := open(t)
	path := file(t, "wrong.csv", strings.Repeat("a,b,c\n", 3*intake.MaxSuspect))
	got, err := intake.Import(t.Context(), s.Producer, []string{path}, intake.ImportOptions{})
	if err != nil || got.SuspectCount != 3*intake.MaxSuspect || len(got.Suspect) != intake.MaxSuspect {
		t.Errorf("%d suspects, %d told, %v", got.SuspectCount, len(got.Suspect), err)
	}
}

func TestImportRefusesWhatIsTooLargeAndGoesOn(t *testing.T) {
	for name, form := range map[string]struct{ open, between, end, second, third string }{
		"lines": {"", "\n", "\n", ":2", ":3"},
		"list":  {"[", ",", "]", "[1]", "[2]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			kept := line("s-1", 1, strings.Repeat("长", 300_000)) // 900 KB
			over := line("s-1", 2, strings.Repeat("a", 1_048_500))
			far := line("s-1", 3, strings.Repeat("a", 9<<20))
			last := line("s-1", 4, "好")
			path := file(t, "large", form.open+strings.Join([]string{kept, over, far, last}, form.between)+form.end)
			got, err := intake.Import(t.Context(), s.Producer, []string{path}, intake.ImportOptions{})
			if err != nil || got.Read != 4 || got.Sent != 2 || len(got.Refused) != 2 {
				t.Fatalf("read %d, sent %d, refused %q, %v", got.Read, got.Sent, got.Refused, err)
			}
			for i, want := range []string{path + form.second + ": message of 1,048,", path + form.third + ": message of 9,437,"} {
				if !strings.HasPrefix(got.Refused[i], want) || !strings.HasSuffix(got.Refused[i], "is larger than the broker takes (1,048,588)") {
					t.Errorf("got %s, want %s…", got.Refused[i], want)
				}
			}
			if in := values(s.messages(t)); len(in) != 2 || in[0] != kept && in[1] != kept {
				t.Errorf("%d messages in the stream", len(in))
			}
		})
	}
}

func TestImportTellsWhereAListBreaksAndReadsTheNextFile(t *testing.T) {
	s := open(t)
	broken := file(t, "broken.json", "["+line("s-1", 1, "一")+", {oops}, "+line("s-1", 2, "二")+"]")
	cut := file(t, "cut.json", "["+line("s-1", 3, "三"))
	endless := file(t, "endless.json", `["`+strings.Repeat("a", 11<<20)+`"]`)
	next := file(t, "next.jsonl", line("s-1", 4, "四"))
	got, err := intake.Import(t.Context(), s.Producer, []string{broken, cut, endless, next}, intake.ImportOptions{})
	if err != nil || got.Sent != 3 || len(got.Refused) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []string{broken + "[1]: not JSON: byte ", cut + "[1]: not JSON: it is cut off", endless + "[0]: not JSON: a value is larger than any message"} {
		if !strings.HasPrefix(got.Refused[i], want) || !strings.HasSuffix(got.Refused[i], "; the rest of the file was not read") {
			t.Errorf("got %s\nwant %s…", got.Refused[i], want)
		}
	}
}

func TestImportTwiceSendsTheSame(t *testing.T) {
	s := open(t)
	var b strings.Builder
	for n := range 9000 {
		b.WriteString(line(fmt.Sprintf("s-%d", n%70), n, "好") + "\n")
	}
	path := file(t, "many.jsonl", b.String())
	for range 2 {
		got, err := intake.Import(t.Context(), s.Producer, []string{path}, intake.ImportOptions{})
		if err != nil || got.Read != 9000 || got.Sent != 9000 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	in := values(s.messages(t))
	if len(in) != 18000 {
		t.Fatalf("%d messages", len(in))
	}
	for i := 0; i < len(in); i += 2 {
		if in[i] != in[i+1] {
			t.Fatalf("%s is there once", in[i])
		}
	}
}

func TestImportSaysWhatIsWrongWithAFileBeforeItSendsAny(t *testing.T) {
	s := open(t)
	good := file(t, "good.jsonl", line("s-1", 1, "好"))
	for bad, want := range map[string]string{
		filepath.Join(t.TempDir(), "absent"): "no such file",
		t.TempDir():                          "is a directory",
	} {
		if _, err := intake.Import(t.Context(), s.Producer, []string{good, bad}, intake.ImportOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	damaged := zipped(t, strings.Repeat(line("s-1", 1, "好")+"\n", 50))
	if _, err := intake.Import(t.Context(), s.Producer, []string{file(t, "d.gz", damaged[:len(damaged)-12])}, intake.ImportOptions{}); err == nil || !strings.Contains(err.Error(), "it is compressed, and damaged") {
		t.Errorf("damaged: %v", err)
	}
	if n := len(s.messages(t)); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

func TestImportEndsWithItsContext(t *testing.T) {
	s := open(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	got, err := intake.Import(ctx, s.Producer, []string{file(t, "f", line("s-1", 1, "好"))}, intake.ImportOptions{})
	if !errors.Is(err, context.Canceled) || got.Sent != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestImportSaysThatTheBrokerIsAway(t *testing.T) {
	p := intake.NewProducer(stream.At("127.0.0.1:1"), topic)
	defer p.Close()
	got, err := intake.Import(t.Context(), p, []string{file(t, "f", line("s-1", 1, "好"))}, intake.ImportOptions{})
	if !errors.Is(err, intake.ErrAway) || got.Sent != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
