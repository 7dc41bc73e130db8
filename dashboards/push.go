package dashboards

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Grafana is a running one, with a service account's token that may write dashboards and alert rules.
type Grafana struct {
	URL    string // http://host:port, with the path it is served under
	Token  string
	Client *http.Client
}

// Change is one thing that Push would do.
type Change struct {
	Kind    string   `json:"kind"` // folder, dashboard, alerts
	UID     string   `json:"uid"`
	Title   string   `json:"title"`
	State   string   `json:"state"`             // new, changed or same
	Details []string `json:"details,omitempty"` // of a change: what is added, removed and changed

	method, path string
	body         any
}

// The states of a change.
const (
	isNew     = "new"
	isChanged = "changed"
	isSame    = "same"
)

// Plan reads what the Grafana has and says what would change. Nothing is written.
func (g Grafana) Plan(ctx context.Context, o Options) ([]Change, error) {
	built, err := Build(o)
	if err != nil {
		return nil, err
	}
	var out []Change
	folder := func(uid, title string) error {
		c := Change{Kind: "folder", UID: uid, Title: title, State: isSame, method: http.MethodPost, path: "/api/folders", body: map[string]any{"uid": uid, "title": title}}
		_, found, err := g.get(ctx, "/api/folders/"+url.PathEscape(uid))
		if !found {
			c.State = isNew
		}
		out = append(out, c)
		return err
	}
	for _, e := range Editions {
		if err := folder(folders[e].uid, folders[e].title); err != nil {
			return nil, err
		}
	}
	if err := folder(alertFolderUID, alertFolder); err != nil {
		return nil, err
	}
	for _, d := range built {
		text, err := d.JSON()
		if err != nil {
			return nil, err
		}
		want, err := decoded(text)
		if err != nil {
			return nil, err
		}
		got, found, err := g.get(ctx, "/api/dashboards/uid/"+url.PathEscape(*d.Uid))
		if err != nil {
			return nil, err
		}
		c := Change{Kind: "dashboard", UID: *d.Uid, Title: *d.Title, method: http.MethodPost, path: "/api/dashboards/db", body: map[string]any{
			"dashboard": want, "folderUid": folders[d.Edition].uid, "overwrite": true, "message": "mingjian dashboards push",
		}}
		there, _ := got["dashboard"].(map[string]any)
		c.compare(found, there, want, "panels", "title", "id", "version")
		out = append(out, c)
	}
	c, err := g.alerts(ctx, o)
	if err != nil {
		return nil, err
	}
	return append(out, c), nil
}

// alerts plans the rule group.
func (g Grafana) alerts(ctx context.Context, o Options) (Change, error) {
	var faults []error
	w := writer{Options: o, faults: &faults}
	text, err := json.Marshal(w.ruleGroup())
	if err != nil {
		return Change{}, fmt.Errorf("alert rules: %w", err)
	}
	want, err := decoded(text)
	if err != nil {
		return Change{}, err
	}
	path := "/api/v1/provisioning/folder/" + alertFolderUID + "/rule-groups/" + alertGroup
	got, found, err := g.get(ctx, path)
	if err != nil {
		return Change{}, err
	}
	c := Change{Kind: "alerts", UID: alertGroup, Title: alertFolder, method: http.MethodPut, path: path, body: want}
	c.compare(found, got, want, "rules", "uid", "id", "updated", "provenance")
	return c, nil
}

// compare says how what is there differs from what should be: item by item in a list, and otherwise by
// field. Fields that Grafana sets are left out, as are fields that it adds with a value of its own.
func (c *Change) compare(found bool, there, want map[string]any, list, name string, own ...string) {
	if !found {
		c.State = isNew
		c.Details = append(c.Details, fmt.Sprintf("%d %s", len(named(want[list], name)), list))
		return
	}
	before, after := named(there[list], name), named(want[list], name)
	for _, key := range slices.Sorted(maps.Keys(after)) {
		old, ok := before[key]
		switch {
		case !ok:
			c.Details = append(c.Details, "+ "+key)
		case !covers(old, after[key], own):
			c.Details = append(c.Details, "~ "+key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[key]; !ok {
			c.Details = append(c.Details, "- "+key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if key != list && !slices.Contains(own, key) && !covers(there[key], want[key], own) {
			c.Details = append(c.Details, "~ "+key)
		}
	}
	c.State = isSame
	if len(c.Details) > 0 {
		c.State = isChanged
	}
}

// named are the items of a list by name; the second of a name has its number behind it.
func named(list any, name string) map[string]any {
	out := map[string]any{}
	items, _ := list.([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		key := fmt.Sprint(cmp.Or(fields[name], any("?")))
		for n := 2; ; n++ {
			if _, taken := out[key]; !taken {
				break
			}
			key = fmt.Sprintf("%v (%d)", fields[name], n)
		}
		out[key] = item
	}
	return out
}

// covers reports whether everything that is wanted is there.
func covers(there, want any, own []string) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := there.(map[string]any)
		for key, value := range want {
			if ok = ok && (slices.Contains(own, key) || covers(got[key], value, own)); !ok {
				return false
			}
		}
		return ok
	case []any:
		got, ok := there.([]any)
		ok = ok && len(got) == len(want)
		for i := 0; ok && i < len(want); i++ {
			ok = covers(got[i], want[i], own)
		}
		return ok
	}
	return reflect.DeepEqual(there, want)
}

// Apply does what Plan said, in its order; what is the same is left alone. It stops at the first that fails.
func (g Grafana) Apply(ctx context.Context, changes []Change) error {
	for _, c := range changes {
		if c.State == isSame {
			continue
		}
		if _, err := g.send(ctx, c.method, c.path, c.body); err != nil {
			return fmt.Errorf("push %s %s: %w", c.Kind, c.UID, err)
		}
	}
	return nil
}

// get reads an object; found is false where Grafana has none.
func (g Grafana) get(ctx context.Context, path string) (object map[string]any, found bool, err error) {
	object, err = g.send(ctx, http.MethodGet, path, nil)
	var refused *refusal
	if errors.As(err, &refused) && refused.status == http.StatusNotFound {
		return nil, false, nil
	}
	return object, err == nil, err
}

// refusal is an answer other than success.
type refusal struct {
	status int
	text   string
}

// Error tells the status and what Grafana said, with the way out where it is known.
func (r *refusal) Error() string {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("Grafana answers %d: the token in MINGJIAN_GRAFANA_TOKEN may not do this; it needs the role Editor, and for alert rules the permission to write them", r.status)
	case http.StatusPreconditionFailed, http.StatusConflict:
		return fmt.Sprintf("Grafana answers %d: it has this from files; change it there: %s", r.status, r.text)
	}
	return fmt.Sprintf("Grafana answers %d: %s", r.status, r.text)
}

// largest is how much of an answer is read: dashboards are some hundred kilobytes.
const largest = 16 << 20

func (g Grafana) send(ctx context.Context, method, path string, body any) (map[string]any, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(g.URL, "/")+path, content)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+g.Token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Disable-Provenance", "true") // people may change alert rules in Grafana, as they may dashboards
	answer, err := g.Client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask Grafana: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, largest))
	if err != nil {
		return nil, fmt.Errorf("read Grafana's answer: %w", err)
	}
	if answer.StatusCode >= 300 {
		var said struct{ Message string }
		_ = json.Unmarshal(text, &said) // anything else is told as it is
		return nil, &refusal{answer.StatusCode, cmp.Or(said.Message, strings.TrimSpace(string(text[:min(len(text), 200)])))}
	}
	return decoded(text)
}

func decoded(text []byte) (map[string]any, error) {
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("this is no Grafana: its answer is not JSON: %w", err)
	}
	return out, nil
}
