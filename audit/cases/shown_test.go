package cases_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestOnlyWhoeverWorksCasesReadsWhoseTheyAre(t *testing.T) {
	o := openOffice(t, t.TempDir()+"/state.db")
	k := o.candidate(t, "s-4711")
	s := o.serve(t)
	const whole, end = `"customer":"c-s-4711"`, `"customer":"•••711"`
	shows := func(who, what, body, want, not string) {
		t.Helper()
		if !strings.Contains(body, want) || strings.Contains(body, not) {
			t.Errorf("%s shows %s: %s", what, who, body)
		}
	}
	for who, want := range map[string]string{"viewer-x": end, "inspector-li": end, "officer-zhao": whole, "approver-x": whole, "finance-x": whole} {
		not := whole
		if want == whole {
			not = end
		}
		for _, path := range []string{"/api/v1/cases?limit=10", "/api/v1/cases/" + k.ID} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Who", who)
			answer, err := s.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			shows(who, path, string(text), want, not)
		}
	}
	_, body := send(t, s, "/api/v1/cases", `{"session_id":"s-4711","kind":"price","reason":"x"}`, "Who", "inspector-wu")
	shows("inspector-wu", "a report", body, end, whole)
}
