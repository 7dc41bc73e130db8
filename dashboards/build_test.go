package dashboards

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/grafana/grafana-foundation-sdk/go/alerting"
	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/expr"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"mingjian/policies"
)

// now is when the tests' dashboards are built; limits do not change by the hour.
var now = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

var bundle = func() func(testing.TB) *policies.Bundle {
	var b *policies.Bundle
	return func(t testing.TB) *policies.Bundle {
		t.Helper()
		if b == nil {
			var err error
			if b, err = policies.Load(policies.Builtin()); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
}()

func options(t testing.TB) Options { return Options{Rules: bundle(t), Now: now} }

// TestDeployIsWhatTheCodeBuilds fails when the files of deploy/grafana and the code drift apart.
func TestDeployIsWhatTheCodeBuilds(t *testing.T) {
	files, err := Files(options(t))
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", filepath.FromSlash(Folder))
	const remedy = "; run 'go run ./cmd/mingjian dashboards build'"
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name))); err != nil || string(got) != string(want) {
			t.Errorf("%s/%s is not what is built (%v)%s", Folder, name, err, remedy)
		}
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if _, ok := files[filepath.ToSlash(name)]; !ok {
			t.Errorf("%s is there and not built%s", path, remedy)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Files(options(t))
	if err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if string(again[name]) != string(files[name]) {
			t.Errorf("%s differs from one build to the next", name)
		}
	}
}

// strictly registers what dashboards consist of, so that the SDK reads all of it strictly.
func strictly() {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(table.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterPanelcfgVariant(barchart.VariantConfig())
	runtime.RegisterDataqueryVariant(expr.VariantConfig())
	runtime.RegisterDataqueryVariant(QueryVariant())
}

func TestDashboardsAreDecodedStrictly(t *testing.T) {
	strictly()
	built, err := Build(options(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(built) != 16 {
		t.Errorf("%d dashboards, and there should be 8 in 2 editions", len(built))
	}
	for _, d := range built {
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var read dashboard.Dashboard
		if err := read.UnmarshalJSONStrict(text); err != nil {
			t.Errorf("%s %s: %v", d.Board, d.Edition, err)
		}
		if err := read.Validate(); err != nil {
			t.Errorf("%s %s: %v", d.Board, d.Edition, err)
		}
		// The SDK reads fieldConfig leniently where it stands in a panel, and strictly by itself.
		var raw struct {
			Panels []struct{ FieldConfig json.RawMessage }
		}
		if err := json.Unmarshal(text, &raw); err != nil {
			t.Fatal(err)
		}
		for i, p := range raw.Panels {
			var fields dashboard.FieldConfigSource
			if err := fields.UnmarshalJSONStrict(p.FieldConfig); p.FieldConfig != nil && err != nil {
				t.Errorf("%s %s, panel %d: %v", d.Board, d.Edition, i, err)
			}
		}
		for _, wrong := range []string{`"rawSql":`, `"gridPos":`, `"templating":`} {
			if bad := strings.Replace(string(text), wrong, `"surprise": 1, `+wrong, 1); read.UnmarshalJSONStrict([]byte(bad)) == nil {
				t.Errorf("%s %s: a field that is none beside %s is not noticed", d.Board, d.Edition, wrong)
			}
		}
	}
	var faults []error
	text, err := json.Marshal(writer{Options: options(t), faults: &faults}.ruleGroup())
	if err != nil {
		t.Fatal(err)
	}
	var group alerting.RuleGroup
	if err := group.UnmarshalJSONStrict(text); err != nil {
		t.Errorf("alert rules: %v", err)
	}
}

// each calls f with every panel of every board, in an edition.
func each(t *testing.T, e Edition, f func(board, panel)) {
	t.Helper()
	var faults []error
	w := writer{Options: options(t), edition: e, faults: &faults}
	for _, b := range w.boards() {
		for _, r := range b.rows {
			for _, p := range r.panels {
				f(b, p)
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		t.Fatal(err)
	}
}

func TestEveryPanelSaysWhatItIsAndLeadsToItsSessions(t *testing.T) {
	editions := map[string][2]string{}
	for i, e := range Editions {
		keys := map[string]bool{}
		each(t, e, func(b board, p panel) {
			at := b.uid + "/" + p.key
			if keys[at] {
				t.Errorf("%s is there twice", at)
			}
			keys[at] = true
			for what, text := range map[string]text{"title": p.title, "description": p.about, "empty text": p.empty, "board": b.about} {
				if text.zh == "" || text.en == "" || text.zh == text.en {
					t.Errorf("%s has no %s in both languages: %q, %q", at, what, text.zh, text.en)
				}
			}
			if p.key == "" || p.width == 0 || len(p.links) == 0 {
				t.Errorf("%s has no key, no width or no link", at)
			}
			if p.kind == figure && len(p.steps) == 0 {
				t.Errorf("%s has no thresholds", at)
			}
			for _, l := range p.links {
				if !strings.HasPrefix(l.url, "${console:raw}/") || !strings.Contains(l.url, "lang="+string(e)) {
					t.Errorf("%s leads to %s", at, l.url)
				}
			}
			pair := editions[at]
			pair[i] = p.sql
			editions[at] = pair
		})
	}
	for at, pair := range editions {
		if pair[0] != pair[1] {
			t.Errorf("%s asks another question in English", at)
		}
	}
	each(t, English, func(b board, p panel) {
		if b.uid == "human" && p.key == "mean" {
			var faults []error
			about, err := writer{Options: options(t), edition: English, faults: &faults}.describe(p.about, p.rules)
			if err != nil || !strings.Contains(about, "`cn-human-slow`") || !strings.Contains(about, "工信部") && !strings.Contains(about, "MIIT") {
				t.Errorf("the description names no rule and clause (%v): %s", err, about)
			}
		}
	})
}

func TestLimitsAreThoseOfThePolicies(t *testing.T) {
	want := map[string]float64{"i-breakpoint-rate": 0.15, "i-second-inquiry-rate": 0.25, "i-forced-human-rate": 0.40, "i-human-answer-rate-days": 0.85}
	each(t, Chinese, func(b board, p panel) {
		if limit, ok := want[p.key]; ok && b.uid == "limits" {
			delete(want, p.key)
			if got := p.steps[len(p.steps)-1].from; got != limit {
				t.Errorf("%s: limit %v, want %v", p.key, got, limit)
			}
		}
	})
	if len(want) > 0 {
		t.Errorf("no panel for %v", want)
	}
	o := options(t)
	params, err := fs.ReadFile(policies.Builtin(), "params.yaml")
	if err != nil {
		t.Fatal(err)
	}
	params = []byte(strings.Replace(string(params), "breakpoint_max_percent: 15", "breakpoint_max_percent: 12", 1))
	if o.Rules, err = policies.Load(policies.Over(policies.Builtin(), fstest.MapFS{"params.yaml": {Data: params}})); err != nil {
		t.Fatal(err)
	}
	var faults []error
	if got := (writer{Options: o, faults: &faults}).steps(fatal[0])[1].from; got != 0.12 {
		t.Errorf("the officer set 12 %%, and the board says %v", got)
	}
	if (writer{Options: o, faults: &faults}).number("quality", "no_such_limit"); len(faults) != 1 {
		t.Errorf("a limit that is not there: %v", faults)
	}
}

// readFrom finds what a query reads: the first word behind FROM and JOIN.
var readFrom = regexp.MustCompile(`(?i)\b(?:FROM|JOIN)\s+([^\s()]+|\()`)

func TestQueriesReadViewsOnly(t *testing.T) {
	every := append([]string{tenantsQuery, linesQuery}, sqlOf(t)...)
	for _, sql := range every {
		found := readFrom.FindAllStringSubmatch(sql, -1)
		if len(found) == 0 {
			t.Errorf("reads nothing: %s", sql)
		}
		for _, m := range found {
			if m[1] != "(" && !regexp.MustCompile(`^[a-z_]+_v$`).MatchString(m[1]) {
				t.Errorf("reads %s: %s", m[1], sql)
			}
		}
	}
}

// sqlOf are the queries of all panels and alerts.
func sqlOf(t *testing.T) []string {
	var out []string
	each(t, Chinese, func(_ board, p panel) { out = append(out, p.sql) })
	var faults []error
	for _, a := range (writer{Options: options(t), faults: &faults}).alerts() {
		out = append(out, a.sql)
		if strings.ContainsAny(a.sql+a.summary+a.title, "$") {
			t.Errorf("%s: file provisioning would take what follows a dollar sign for a variable of the environment", a.uid)
		}
	}
	return out
}

func TestWhatPeopleChooseIsQuoted(t *testing.T) {
	for _, sql := range append([]string{tenantsQuery, linesQuery}, sqlOf(t)...) {
		rest := sql
		for _, name := range []string{"tenant", "business_line", "channel", zoneVariable} {
			rest = strings.ReplaceAll(rest, "${"+name+":singlequote}", "")
			rest = strings.ReplaceAll(rest, ", $"+name+")", ")") // of $__conditionalAll, which only looks at it
		}
		for name := range macros {
			rest = regexp.MustCompile(`\$__`+name+`\b`).ReplaceAllString(rest, "")
		}
		rest = strings.ReplaceAll(rest, conditionalAll, "(")
		if strings.Contains(rest, "$") {
			t.Errorf("a variable that is not quoted: %s", rest)
		}
	}
	// Quoted is what Grafana quotes: a value cannot end its own text.
	got, err := Expand("SELECT "+ofTenant, Window{}, map[string][]string{"tenant": {"x') OR 1 = 1 --", "y"}})
	if want := `SELECT tenant IN ('x\') OR 1 = 1 --','y')`; err != nil || got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}

func TestProvisioningHoldsNoSecrets(t *testing.T) {
	files, err := Files(options(t))
	if err != nil {
		t.Fatal(err)
	}
	var contacts struct {
		ContactPoints []struct {
			Name      string
			Receivers []struct {
				Type     string
				Settings struct {
					URL        string
					HTTPMethod string            `yaml:"httpMethod"`
					HMACConfig map[string]string `yaml:"hmacConfig"`
				}
			}
		} `yaml:"contactPoints"`
	}
	if err := yaml.Unmarshal(files["provisioning/alerting/contactpoints.yaml"], &contacts); err != nil {
		t.Fatal(err)
	}
	hook := contacts.ContactPoints[0].Receivers[0]
	if hook.Type != "webhook" || hook.Settings.URL != "$MINGJIAN_CONSOLE_URL/api/v1/hooks/grafana" || hook.Settings.HMACConfig["secret"] != "$MINGJIAN_GRAFANA_SECRET" || hook.Settings.HMACConfig["timestampHeader"] == "" {
		t.Errorf("the hook is %+v", hook)
	}
	secret := regexp.MustCompile(`(?i)(password|secret|token|credentials)["']?:\s*["']?([^\s"'}]*)`)
	for name, text := range files {
		for _, m := range secret.FindAllStringSubmatch(string(text), -1) {
			if m[2] != "" && !strings.HasPrefix(m[2], "$") {
				t.Errorf("%s has a secret: %s", name, m[0])
			}
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				UID, Title, Condition, For string
				Labels, Annotations        map[string]string
				Data                       []struct {
					RefID string `yaml:"refId"`
					Model map[string]any
				}
			}
		}
	}
	if err := yaml.Unmarshal(files["provisioning/alerting/rules.yaml"], &rules); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, r := range rules.Groups[0].Rules {
		kinds = append(kinds, r.Labels["kind"])
		if len(r.Data) != 3 || r.Data[0].Model["rawSql"] == "" || r.Data[2].RefID != r.Condition || r.Annotations["summary"] == "" {
			t.Errorf("%s is not a query, its last value and a condition: %+v", r.UID, r)
		}
	}
	// A rule that cannot ask its query raises an alert of its kind without a session; the hook would ignore it.
	var told struct {
		Policies []struct {
			Receiver string
			Routes   []struct {
				Receiver       string
				ObjectMatchers [][]string `yaml:"object_matchers"`
			}
		}
	}
	if err := yaml.Unmarshal(files["provisioning/alerting/policies.yaml"], &told); err != nil {
		t.Fatal(err)
	}
	p := told.Policies[0]
	if hook := p.Routes[0]; p.Receiver != peopleContact || hook.Receiver != casesContact || !slices.ContainsFunc(hook.ObjectMatchers, func(m []string) bool { return slices.Equal(m, []string{"session_id", "!=", ""}) }) {
		t.Errorf("alerts are told to %+v", p)
	}
	if want := []string{kindMisjudgement, kindUnreachable, kindFundLow, kindOverdue, kindStalled}; !slices.Equal(kinds, want) {
		t.Errorf("alerts %v, want %v", kinds, want)
	}
}
