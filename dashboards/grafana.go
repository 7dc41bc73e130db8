package dashboards

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// writer turns descriptions into the SDK's types, in one edition.
type writer struct {
	Options
	edition Edition
	faults  *[]error // what was wrong with what the boards are made of
}

// defaultHeights are how high panels are that say nothing, in Grafana's grid of about 30 pixels.
var defaultHeights = map[kind]uint32{figure: 5, rows: 10, lines: 9, bars: 9}

// tag is what the links between the boards of an edition find them by.
func (w writer) tag() string { return "mingjian-" + string(w.edition) }

// uid is a dashboard's: stable, so that addresses of dashboards are.
func (w writer) uid(b board) string { return "mingjian-" + b.uid + "-" + string(w.edition) }

// dashboard makes one.
func (w writer) dashboard(b board) (dashboard.Dashboard, error) {
	d := dashboard.NewDashboardBuilder(b.title.in(w.edition)).
		Uid(w.uid(b)).
		Description(b.about.in(w.edition)).
		Tags([]string{"mingjian", w.tag()}).
		Time(b.from, "now").
		Timezone("browser").
		Refresh("1m").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Link(dashboard.NewDashboardLinkBuilder(text{"看板", "Dashboards"}.in(w.edition)).
			Type(dashboard.DashboardLinkTypeDashboards).Tags([]string{w.tag()}).AsDropdown(true).IncludeVars(true).KeepTime(true)).
		Link(dashboard.NewDashboardLinkBuilder(text{"控制台", "Console"}.in(w.edition)).
			Type(dashboard.DashboardLinkTypeLink).Url("${console:raw}/?lang=" + string(w.edition)).TargetBlank(true))
	for _, v := range w.variables() {
		d = d.WithVariable(v)
	}
	id := uint32(0)
	for _, r := range b.rows {
		id++
		d = d.WithRow(dashboard.NewRowBuilder(r.title.in(w.edition)).Id(id))
		for _, p := range r.panels {
			id++
			built, err := w.panel(p, id)
			if err != nil {
				return dashboard.Dashboard{}, fmt.Errorf("panel %s: %w", p.key, err)
			}
			d = d.WithPanel(ready[dashboard.Panel]{built})
		}
	}
	return d.Build()
}

// ready is a builder of what is built already.
type ready[T any] struct{ v T }

// Build gives it.
func (r ready[T]) Build() (T, error) { return r.v, nil }

var _ cog.Builder[dashboard.Panel] = ready[dashboard.Panel]{}

// panel makes one.
func (w writer) panel(p panel, id uint32) (dashboard.Panel, error) {
	about, err := w.describe(p.about, p.rules)
	if err != nil {
		return dashboard.Panel{}, err
	}
	format := asTable
	if p.kind == lines {
		format = asTimeSeries
	}
	options, custom := w.shape(p)
	field := dashboard.FieldConfig{
		Unit: ptr(cmp.Or(p.unit, "short")), Decimals: p.decimals, NoValue: ptr(p.empty.in(w.edition)), Custom: custom,
		Color: &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdPaletteClassic}, Links: w.links(p.links),
	}
	if p.kind == rows {
		field.Unit = nil // each column has its own
	}
	if len(p.steps) > 0 {
		field.Thresholds = thresholds(p.steps)
	}
	if p.kind == figure {
		field.Color.Mode = dashboard.FieldColorModeIdThresholds
	}
	out := dashboard.Panel{
		Type: string(p.kind), Id: &id, Title: ptr(p.title.in(w.edition)), Description: &about, Datasource: ptr(source()),
		GridPos: &dashboard.GridPos{W: p.width, H: cmp.Or(p.height, defaultHeights[p.kind])},
		Options: options, FieldConfig: &dashboard.FieldConfigSource{Defaults: field, Overrides: w.overrides(p)},
	}
	out.Targets = append(out.Targets, newQuery(p.sql, format))
	return out, nil
}

// shape gives the options of the panel's plugin, and what its fields look like.
func (w writer) shape(p panel) (options, custom any) {
	legend := common.VizLegendOptions{DisplayMode: common.LegendDisplayModeList, Placement: common.LegendPlacementBottom, ShowLegend: true, Calcs: []string{}}
	switch p.kind {
	case figure:
		o := stat.NewOptions()
		o.ReduceOptions = common.ReduceDataOptions{Calcs: []string{"lastNotNull"}}
		o.ColorMode, o.GraphMode, o.TextMode = common.BigValueColorModeValue, common.BigValueGraphModeNone, common.BigValueTextModeValue
		return o, nil
	case rows:
		o := table.NewOptions()
		o.Footer = nil
		return o, table.NewFieldConfig()
	case bars:
		o := barchart.NewOptions()
		o.Orientation, o.Legend = common.VizOrientationHorizontal, legend
		if p.stacked {
			o.Stacking = common.StackingModeNormal
		}
		return o, barchart.NewFieldConfig()
	}
	o, f := timeseries.NewOptions(), timeseries.NewFieldConfig()
	o.Legend, o.Tooltip = legend, common.VizTooltipOptions{Mode: common.TooltipDisplayModeMulti, Sort: common.SortOrderDescending}
	f.LineWidth, f.FillOpacity, f.ShowPoints = ptr(1.), ptr(10.), ptr(common.VisibilityModeAuto)
	if p.stacked {
		f.DrawStyle, f.FillOpacity = ptr(common.GraphDrawStyleBars), ptr(80.)
		f.Stacking = &common.StackingConfig{Mode: ptr(common.StackingModeNormal), Group: ptr("A")}
	}
	if p.limit {
		f.ThresholdsStyle = &common.GraphThresholdsStyleConfig{Mode: common.GraphThresholdsStyleModeDashed}
	}
	return o, f
}

func thresholds(steps []step) *dashboard.ThresholdsConfig {
	out := &dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute}
	for i, s := range steps {
		t := dashboard.Threshold{Color: s.color}
		if i > 0 {
			t.Value = ptr(s.from)
		}
		out.Steps = append(out.Steps, t)
	}
	return out
}

// overrides say what the columns of a table are.
func (w writer) overrides(p panel) []dashboard.DashboardFieldConfigSourceOverrides {
	out := []dashboard.DashboardFieldConfigSourceOverrides{}
	for _, c := range p.columns {
		properties := []dashboard.DynamicConfigValue{{Id: "displayName", Value: c.title.in(w.edition)}}
		add := func(id string, value any) {
			properties = append(properties, dashboard.DynamicConfigValue{Id: id, Value: value})
		}
		if c.unit != "" {
			add("unit", c.unit)
		}
		if c.width > 0 {
			add("custom.width", c.width)
		}
		if c.hidden {
			add("custom.hidden", true)       // Grafana 12.0 and 12.1
			add("custom.hideFrom.viz", true) // later ones
		}
		if len(c.words) > 0 {
			m := dashboard.NewValueMap()
			for value, name := range c.words {
				m.Options[value] = dashboard.ValueMappingResult{Text: ptr(name.in(w.edition))}
			}
			add("mappings", []dashboard.ValueMapping{{ValueMap: m}})
		}
		if links := w.links(c.links); links != nil {
			add("links", links)
		}
		out = append(out, dashboard.DashboardFieldConfigSourceOverrides{
			Matcher: dashboard.MatcherConfig{Id: "byName", Options: c.name}, Properties: properties,
		})
	}
	return out
}

// links are data links as the SDK has them.
func (w writer) links(links []link) []dashboard.DashboardLink {
	var out []dashboard.DashboardLink
	for _, l := range links {
		d := dashboard.NewDashboardLink()
		d.Title, d.Type, d.Url, d.TargetBlank, d.Placement = l.title.in(w.edition), dashboard.DashboardLinkTypeLink, ptr(l.url), true, nil
		out = append(out, *d)
	}
	return out
}

// maxNamed is how many rules a description names in full.
const maxNamed = 12

// describe adds the rules and their clauses to a description.
func (w writer) describe(about text, rules []string) (string, error) {
	var b strings.Builder
	b.WriteString(about.in(w.edition))
	for i, id := range rules {
		r, ok := w.Rules.Rule(id)
		if !ok {
			return "", fmt.Errorf("there is no rule %s in the catalogue", id)
		}
		switch {
		case i == 0:
			b.WriteString(text{"\n\n规则与条款：", "\n\nRules and clauses:"}.in(w.edition))
		case i == maxNamed:
			fmt.Fprintf(&b, text{"\n- 以及另外 %d 条", "\n- and %d more"}.in(w.edition), len(rules)-i)
		}
		if i >= maxNamed {
			continue
		}
		fmt.Fprintf(&b, "\n- %s `%s`", w.title(r.Title.ZH, r.Title.EN), r.ID)
		for j, c := range r.Clauses {
			separator := "; "
			if j == 0 {
				separator = " — "
			}
			fmt.Fprintf(&b, "%s%s %s", separator, c.Instrument, c.Article)
		}
	}
	return b.String(), nil
}

func (w writer) title(zh, en string) string { return text{zh, en}.in(w.edition) }
