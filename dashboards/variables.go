package dashboards

import (
	"cmp"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// channels are those of the event model, version 1.
var channels = []struct {
	id   string
	name text
}{
	{"app", text{"手机应用", "App"}}, {"web", text{"网页", "Web"}}, {"wechat", text{"微信", "WeChat"}}, {"miniprogram", text{"小程序", "Mini program"}},
	{"phone", text{"电话", "Phone"}}, {"sms", text{"短信", "SMS"}}, {"email", text{"邮件", "Email"}}, {"kiosk", text{"自助终端", "Kiosk"}},
}

// The queries that tenants and business lines are chosen from. Indicators have a row for each, and are
// few. A business line is one of the chosen tenants'.
const (
	tenantsQuery = "SELECT DISTINCT tenant FROM indicators_v ORDER BY tenant"
	linesQuery   = "SELECT DISTINCT business_line FROM indicators_v WHERE business_line != '' AND $__conditionalAll(tenant IN (${tenant:singlequote}), $tenant) ORDER BY business_line"
)

// zoneVariable holds the zone whose hours and days are shown.
const zoneVariable = "zone"

// variables are the same on every board.
func (w writer) variables() []cog.Builder[dashboard.VariableModel] {
	all := func(name string, label text) dashboard.VariableModel {
		v := dashboard.NewVariableModel()
		v.Name, v.Label, v.Multi, v.IncludeAll, v.AllowCustomValue = name, ptr(label.in(w.edition)), ptr(true), ptr(true), ptr(false)
		v.Current = &dashboard.VariableOption{Text: oneOf(text{"全部", "All"}.in(w.edition)), Value: oneOf(allSelected)}
		v.Auto, v.AutoMin, v.AutoCount = nil, nil, nil // of intervals
		return *v
	}
	query := func(name string, label text, sql string) dashboard.VariableModel {
		v := all(name, label)
		v.Type, v.Query, v.Definition = dashboard.VariableTypeQuery, &dashboard.StringOrMap{String: ptr(sql)}, ptr(sql)
		v.Datasource, v.Refresh, v.Sort = ptr(source()), ptr(dashboard.VariableRefreshOnDashboardLoad), ptr(dashboard.VariableSortDisabled)
		return v
	}
	channel := all("channel", text{"渠道", "Channel"})
	var names []string
	for _, c := range channels {
		names = append(names, c.name.in(w.edition)+" : "+c.id)
	}
	channel.Type, channel.Query = dashboard.VariableTypeCustom, &dashboard.StringOrMap{String: ptr(strings.Join(names, ", "))}
	constant := func(name string, about text, value string) cog.Builder[dashboard.VariableModel] {
		return dashboard.NewConstantVariableBuilder(name).Description(about.in(w.edition)).Value(dashboard.StringOrMap{String: ptr(value)})
	}
	return []cog.Builder[dashboard.VariableModel]{
		ready[dashboard.VariableModel]{query("tenant", text{"租户", "Tenant"}, tenantsQuery)},
		ready[dashboard.VariableModel]{query("business_line", text{"业务线", "Business line"}, linesQuery)},
		ready[dashboard.VariableModel]{channel},
		constant("console", text{"控制台的地址，链接由此打开", "Address of the console, where links lead"}, cmp.Or(w.Console, DefaultConsole)),
		constant(zoneVariable, text{"按小时统计所用的时区", "The time zone of hours of the day"}, w.Rules.Zone(defaultTenant).String()),
	}
}

// defaultTenant is the tenant of events that name none (event model, version 1).
const defaultTenant = "default"

func oneOf(s string) dashboard.StringOrArrayOfString {
	return dashboard.StringOrArrayOfString{String: ptr(s)}
}

// Conditions that the variables put into a query. A value that a person chose stands in quotes.
const (
	ofTenant  = "$__conditionalAll(tenant IN (${tenant:singlequote}), $tenant)"
	ofLine    = "$__conditionalAll(business_line IN (${business_line:singlequote}), $business_line)"
	ofChannel = "$__conditionalAll(channel IN (${channel:singlequote}), $channel)"
	chosen    = ofTenant + " AND " + ofLine + " AND " + ofChannel
	// Of tables that know the session and not where it was held. Two tenants may have a session of one id.
	chosenSession = ofTenant +
		" AND $__conditionalAll((tenant, session_id) IN (SELECT tenant, session_id FROM sessions_v WHERE business_line IN (${business_line:singlequote})), $business_line)" +
		" AND $__conditionalAll((tenant, session_id) IN (SELECT tenant, session_id FROM sessions_v WHERE channel IN (${channel:singlequote})), $channel)"
)
