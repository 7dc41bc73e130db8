package bench

import (
	"math"

	"mingjian/collector"
)

// Result is what a run found. Times are wall time unless they say CPU.
type Result struct {
	Interactions int64   `json:"interactions"` // produced, and in the record
	Seconds      float64 `json:"seconds"`      // from the first one produced to the last one sealed
	Rate         float64 `json:"rate"`         // interactions a second, from end to end, while production goes on

	// The plainest copy from Kafka to ClickHouse, and the same with one OPA query for each event through
	// JSON, in interactions a second, and what this rate is of them. See Copy and Naive.
	CopyRate  float64 `json:"copy_rate"`
	NaiveRate float64 `json:"naive_rate"`
	OfCopy    float64 `json:"rate_to_copy_rate"`
	OfNaive   float64 `json:"rate_to_naive_rate"`
	CatchUp   CatchUp `json:"catch_up"`

	Latency *Latency `json:"latency_ms,omitempty"`
	Stages  Stages   `json:"stages_us"`
	// NaiveCheck is Check of the stages done the naive way, with all packs asked;
	// NaiveCheckApplicable with those of the customer's jurisdiction.
	NaiveCheck           float64 `json:"naive_check_us"`
	NaiveCheckApplicable float64 `json:"naive_check_applicable_us"`

	Findings int64             `json:"findings"` // that stand
	Checks   []collector.Check `json:"checks"`   // what doctor says of the record

	Dashboards Dashboards `json:"dashboards"`

	CopyCPU float64 `json:"copy_cpu_seconds_per_million"`
	PeakRSS parts   `json:"peak_rss_mb"`             // MiB
	CPU     parts   `json:"cpu_seconds_per_million"` // user and system

	MessageBytes     float64 `json:"message_bytes"` // on average, key not included
	EventsPerSession float64 `json:"events_per_session"`
	SessionsBegun    int64   `json:"sessions_begun"`
	Sessions         int     `json:"sessions"` // open at once
	Partitions       int     `json:"partitions"`

	Cores    int      `json:"cores"`
	Versions Versions `json:"versions"`
	Rules    int      `json:"rules"`
	Revision string   `json:"policy_revision"`

	Open *Opened `json:"open,omitempty"` // where only that was measured
}

// Dashboards says how long the queries of Grafana's panels took over this record, with the time range that
// a board opens with and nothing filtered.
type Dashboards struct {
	Queries int     `json:"queries"`
	Over    int64   `json:"interactions"`
	Slowest float64 `json:"slowest_ms"`
	Which   string  `json:"slowest"` // board and panel
	Slow    int     `json:"over_1s"`
}

// Versions are those of what was measured, beside this program's own.
type Versions struct {
	Go         string `json:"go"`
	ClickHouse string `json:"clickhouse"`
}

// round keeps so many decimals.
func round(x float64, decimals int) float64 {
	p := math.Pow10(decimals)
	return math.Round(x*p) / p
}

// CatchUp are interactions a second of each reader over messages that were all there before it began,
// from its first rows to nine tenths of all. Those of short runs are rough: a reader's first rows may be
// most of them.
type CatchUp struct {
	Collector float64 `json:"collector"`
	Copy      float64 `json:"copy"`
	// The engine's own Kafka table with a materialized view: with one consumer, as it has where nothing is said, and
	// with one for each partition.
	EngineTable    float64 `json:"engine_table"`
	EngineParallel float64 `json:"engine_table_parallel"`

	// CPU is what broker, engine and reader used together meanwhile, in seconds for a million. Where the
	// machine does other things besides, it tells more than the rates.
	CPU struct {
		Collector      float64 `json:"collector"`
		Copy           float64 `json:"copy"`
		EngineTable    float64 `json:"engine_table"`
		EngineParallel float64 `json:"engine_table_parallel"`
	} `json:"cpu_seconds_per_million"`
}
