package dashboards

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// grafana is enough of one: it keeps what it is sent, and adds what a real one adds.
type grafana struct {
	objects map[string]map[string]any // by the path they are read at
	writes  []string
	refuse  int
}

func (g *grafana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, body any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	if r.Header.Get("Authorization") != "Bearer glsa_x" {
		answer(http.StatusUnauthorized, map[string]any{"message": "Invalid API key"})
		return
	}
	if r.Method == http.MethodGet {
		if o, ok := g.objects[r.URL.Path]; ok {
			answer(http.StatusOK, o)
			return
		}
		answer(http.StatusNotFound, map[string]any{"message": "not found"})
		return
	}
	if g.refuse > 0 {
		answer(g.refuse, map[string]any{"message": "provisioned"})
		return
	}
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		answer(http.StatusBadRequest, map[string]any{"message": err.Error()})
		return
	}
	g.writes = append(g.writes, r.Method+" "+r.URL.Path)
	switch r.URL.Path {
	case "/api/folders":
		g.objects["/api/folders/"+body["uid"].(string)] = body
	case "/api/dashboards/db":
		d := body["dashboard"].(map[string]any)
		d["id"], d["version"] = 7, 3
		g.objects["/api/dashboards/uid/"+d["uid"].(string)] = map[string]any{"dashboard": d, "meta": map[string]any{"folderUid": body["folderUid"]}}
	default:
		for _, rule := range body["rules"].([]any) {
			rule.(map[string]any)["id"], rule.(map[string]any)["updated"] = 9, "2026-11-20T00:00:00Z"
		}
		g.objects[r.URL.Path] = body
	}
	answer(http.StatusOK, map[string]any{"status": "success"})
}

func states(changes []Change) map[string]int {
	out := map[string]int{}
	for _, c := range changes {
		out[c.Kind+" "+c.State]++
	}
	return out
}

func TestPushShowsWhatWillChangeAndThenDoesIt(t *testing.T) {
	there := &grafana{objects: map[string]map[string]any{}}
	server := httptest.NewServer(there)
	defer server.Close()
	g := Grafana{URL: server.URL + "/", Token: "glsa_x", Client: server.Client()}
	plan := func() []Change {
		t.Helper()
		changes, err := g.Plan(t.Context(), options(t))
		if err != nil {
			t.Fatal(err)
		}
		return changes
	}
	changes := plan()
	if got := states(changes); got["folder new"] != 3 || got["dashboard new"] != 16 || got["alerts new"] != 1 || len(there.writes) != 0 {
		t.Errorf("an empty Grafana: %v, written %v", got, there.writes)
	}
	if err := g.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	if got := states(plan()); got["folder same"] != 3 || got["dashboard same"] != 16 || got["alerts same"] != 1 {
		t.Errorf("after the push: %v", got)
	}

	// Somebody renames a panel, drops one and changes an alert.
	d := there.objects["/api/dashboards/uid/mingjian-human-en"]["dashboard"].(map[string]any)
	panels := d["panels"].([]any)
	panels[1].(map[string]any)["title"] = "My own"
	d["panels"] = panels[:len(panels)-1]
	path := "/api/v1/provisioning/folder/" + alertFolderUID + "/rule-groups/" + alertGroup
	there.objects[path]["rules"].([]any)[0].(map[string]any)["for"] = "1h"
	there.writes = nil
	changes = slices.DeleteFunc(plan(), func(c Change) bool { return c.State == isSame })
	if len(changes) != 2 || changes[0].UID != "mingjian-human-en" || changes[1].Kind != "alerts" {
		t.Fatalf("changes %+v", changes)
	}
	if got, want := strings.Join(changes[0].Details, ", "), "+ Rules about reaching a person, + Sessions without a person, - My own"; got != want {
		t.Errorf("the dashboard: %s, want %s", got, want)
	}
	if got, want := strings.Join(changes[1].Details, ", "), "~ mingjian-misjudgement"; got != want {
		t.Errorf("the alerts: %s, want %s", got, want)
	}
	there.refuse = http.StatusPreconditionFailed
	if err := g.Apply(t.Context(), changes); err == nil || !strings.Contains(err.Error(), "from files") {
		t.Errorf("a provisioned dashboard: %v", err)
	}
	there.refuse = 0
	if err := g.Apply(t.Context(), changes); err != nil || len(there.writes) != 2 {
		t.Errorf("%v, written %v", err, there.writes)
	}
	g.Token = "wrong"
	if _, err := g.Plan(t.Context(), options(t)); err == nil || !strings.Contains(err.Error(), "MINGJIAN_GRAFANA_TOKEN") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a token that is none: %v", err)
	}
}
