package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
)

// The data source that dashboards read: the official plugin, under the uid that provisioning gives it.
const (
	sourceType = "grafana-clickhouse-datasource"
	sourceUID  = "mingjian-clickhouse"
	sourceName = "Mingjian ClickHouse"
	// pluginVersion is the data source's version that queries are written for.
	pluginVersion = "4.14.0"
)

// The formats of a query's result (field format of the data source's query).
const (
	asTimeSeries = 0
	asTable      = 1
)

// clickhouseQuery is a query as the data source's SQL editor keeps it. The SDK has no type for it; this
// is its Dataquery.
type clickhouseQuery struct {
	Datasource    common.DataSourceRef `json:"datasource"`
	RefID         string               `json:"refId"`
	PluginVersion string               `json:"pluginVersion"`
	EditorType    string               `json:"editorType"`
	RawSQL        string               `json:"rawSql"`
	Format        int                  `json:"format"`
	QueryType     string               `json:"queryType"`
}

// newQuery makes the query of a panel or an alert rule.
func newQuery(sql string, format int) clickhouseQuery {
	q := clickhouseQuery{
		Datasource: source(), RefID: "A", PluginVersion: pluginVersion, EditorType: "sql", RawSQL: sql, Format: format, QueryType: "table",
	}
	if format == asTimeSeries {
		q.QueryType = "timeseries"
	}
	return q
}

// source refers to the data source.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: ptr(sourceType), Uid: ptr(sourceUID)}
}

// ImplementsDataqueryVariant marks the query as one.
func (clickhouseQuery) ImplementsDataqueryVariant() {}

// DataqueryType is the data source that understands the query.
func (clickhouseQuery) DataqueryType() string { return sourceType }

// Equals reports whether two queries are the same.
func (q clickhouseQuery) Equals(other variants.Dataquery) bool { return reflect.DeepEqual(q, other) }

// Validate refuses a query that asks nothing.
func (q clickhouseQuery) Validate() error {
	if q.RawSQL == "" || q.RefID == "" {
		return fmt.Errorf("query %q has no SQL", q.RefID)
	}
	return nil
}

// QueryVariant teaches the SDK to read this query, strictly: a field that is not the data source's is
// an error.
func QueryVariant() variants.DataqueryConfig {
	read := func(strict bool) func([]byte) (variants.Dataquery, error) {
		return func(raw []byte) (variants.Dataquery, error) {
			d := json.NewDecoder(bytes.NewReader(raw))
			if strict {
				d.DisallowUnknownFields()
			}
			var q clickhouseQuery
			if err := d.Decode(&q); err != nil {
				return nil, fmt.Errorf("query of %s: %w", sourceType, err)
			}
			return q, q.Validate()
		}
	}
	return variants.DataqueryConfig{Identifier: sourceType, DataqueryUnmarshaler: read(false), StrictDataqueryUnmarshaler: read(true)}
}

// ptr is for the SDK's optional fields.
func ptr[T any](v T) *T { return &v }
