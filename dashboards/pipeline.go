package dashboards

// Limits of the pipeline's health. They are ours: no clause sets them.
const (
	stalledAfter = 900 // seconds without a sealed batch: three times the longest quiet of a busy service
	slowAfter    = 60  // seconds from an event to its row, beyond which nobody calls it live
)

// pipeline is about whether everything arrives.
func (w writer) pipeline() board {
	nothing := text{"没有数据", "No data"}
	back := []link{w.toSystem(), w.toSessions()}
	return board{
		uid: "pipeline", title: text{"采集链路", "The pipeline's health"}, from: "now-6h",
		about: text{"每条消息是否入库、封存，延迟多少，拒绝了什么。封存与拒绝不分租户。", "Is every message stored and sealed, how late, what was refused. Seals and rejects know no tenant."},
		rows: []row{
			{text{"需要处理", "What needs attention"}, []panel{
				{
					key: "silence", kind: figure, width: 4, unit: "s", steps: []step{{color: fine}, {stalledAfter / 3, watch}, {stalledAfter, wrong}}, empty: nothing, filled: true,
					title: text{"距上次封存", "Since the last seal"}, about: text{"没有新消息时会增长；业务时间内增长即为停滞。", "Grows while nothing comes in; in business hours that is a stall."},
					sql: "SELECT if(count() = 0, NULL, dateDiff('second', max(recorded_at), now64(3))) AS seconds FROM seals_v", links: back,
				},
				{
					key: "delay", kind: figure, width: 4, unit: "s", steps: []step{{color: fine}, {slowAfter, watch}}, empty: nothing, filled: true,
					title: text{"入库延迟", "Delay to the record"}, about: text{"事件发生到入库的中位数；导入的旧会话会拉高。", "Median from an event to its row; imported conversations of long ago raise it."},
					sql: "SELECT if(count() = 0, NULL, median(dateDiff('millisecond', at, recorded_at)) / 1000) AS seconds FROM interactions_v WHERE $__timeFilter_ms(at) AND " + chosen, links: back,
				},
				{
					key: "rejected", kind: figure, width: 4, steps: anyWatched, empty: text{"没有拒绝", "Nothing was refused"},
					title: text{"被拒的消息", "Messages refused"}, about: text{"读不懂或违反格式的消息，全部保留并附原因。", "Messages that could not be read; all are kept, with the reason."},
					sql: "SELECT count() AS messages FROM rejects_v WHERE $__timeFilter_ms(recorded_at)", links: back,
				},
				{
					key: "superseded", kind: figure, width: 4, steps: anyWatched, empty: text{"没有", "None"}, title: text{"被取代的封存", "Seals superseded"},
					about: text{"两个采集进程封存了同一段；后接手的有效，先前的保留。", "Two collectors sealed the same offsets; the later owner's stands and the other is kept."},
					sql:   "SELECT count() AS seals FROM seals_v WHERE state = 'superseded' AND $__timeFilter_ms(recorded_at)", links: back,
				},
				{
					key: "stored", kind: figure, width: 4, steps: counted, empty: nothing, filled: true, title: text{"入库的消息", "Messages stored"}, about: text{"所选时间内封存的消息。", "Messages sealed in the time range."},
					sql: "SELECT sum(stored) AS messages FROM seals_v WHERE state = 'standing' AND $__timeFilter_ms(recorded_at)", links: back,
				},
				{
					key: "open", kind: figure, width: 4, steps: counted, empty: nothing, filled: true, title: text{"进行中的会话", "Sessions under way"}, about: text{"还没有结束的会话，此刻的数。", "Sessions that have not ended, as of now."},
					sql: "SELECT count() AS sessions FROM sessions_v WHERE state = 'open' AND " + chosen, links: []link{w.toSessions()},
				},
			}},
			{text{"流量", "Flow"}, []panel{
				{
					key: "flow", kind: lines, width: 12, stacked: true, empty: nothing, filled: true, title: text{"封存的消息，按去向", "Messages sealed, by what became of them"},
					about:   text{"入库、重复、拒绝。每个位移都有去向。", "Stored, repeats, refused. Every offset is accounted for."},
					sql:     "SELECT $__timeInterval(recorded_at) AS time, sum(stored) AS stored, sum(repeats) AS repeated, sum(rejected) AS refused FROM seals_v WHERE state = 'standing' AND $__timeFilter_ms(recorded_at) GROUP BY time ORDER BY time",
					columns: []column{{name: "stored", title: text{"入库", "Stored"}}, {name: "repeated", title: text{"重复", "Repeats"}}, {name: "refused", title: text{"拒绝", "Refused"}}},
					links:   back,
				},
				{
					key: "delays", kind: lines, width: 12, unit: "s", empty: nothing, filled: true, title: text{"入库延迟随时间", "Delay to the record over time"},
					about: text{"事件发生到入库：中位数与 99%。", "From an event to its row: median and 99 %."},
					sql: "SELECT $__timeInterval(at) AS time, quantile(0.5)(dateDiff('millisecond', at, recorded_at)) / 1000 AS p50, quantile(0.99)(dateDiff('millisecond', at, recorded_at)) / 1000 AS p99 FROM interactions_v WHERE $__timeFilter_ms(at) AND " +
						chosen + " GROUP BY time ORDER BY time",
					columns: []column{{name: "p50", title: text{"中位数", "Median"}}, {name: "p99", title: text{"99%", "99 %"}}},
					links:   back,
				},
			}},
			{text{"分区、拒绝、证据", "Partitions, rejects, evidence"}, []panel{
				{
					key: "partitions", kind: rows, width: 12, empty: nothing, filled: true, title: text{"分区", "Partitions"}, about: text{"每个分区封存到哪里。", "How far each partition is sealed."},
					sql: "SELECT topic, partition, max(last_offset) AS sealed_to, max(recorded_at) AS last, count() AS seals, max(generation) AS owner FROM seals_v WHERE state = 'standing' GROUP BY topic, partition ORDER BY topic, partition",
					columns: []column{
						{name: "topic", title: text{"主题", "Topic"}}, {name: "partition", title: text{"分区", "Partition"}, width: 80}, {name: "sealed_to", title: text{"位移", "Offset"}, width: 100},
						{name: "last", title: text{"最近", "Last"}, width: 170}, {name: "seals", title: text{"封存", "Seals"}, width: 80}, {name: "owner", title: text{"代", "Generation"}, width: 100},
					},
					links: back,
				},
				{
					key: "rejects", kind: rows, width: 12, empty: text{"没有拒绝", "Nothing was refused"}, title: text{"拒绝的原因", "Why messages were refused"}, about: text{"按原因，附最近的说明。", "By reason, with the latest detail."},
					sql: "SELECT reason, count() AS messages, max(recorded_at) AS last, argMax(detail, recorded_at) AS example FROM rejects_v WHERE $__timeFilter_ms(recorded_at) GROUP BY reason ORDER BY messages DESC",
					columns: []column{
						{name: "reason", title: text{"原因", "Reason"}, width: 120}, {name: "messages", title: text{"消息", "Messages"}, width: 90},
						{name: "last", title: text{"最近", "Last"}, width: 170}, {name: "example", title: text{"说明", "Detail"}},
					},
					links: back,
				},
				{
					key: "revisions", kind: rows, width: 12, empty: nothing, filled: true, title: text{"规则版本", "Revisions of the rules"}, about: text{"曾经生效的规则、词库、参数与条款的摘要。", "Digests of the rules, lexicons, parameters and clauses that were ever in force."},
					sql:     "SELECT at, left(revision, 16) AS digest, fold FROM policies_v ORDER BY at DESC LIMIT 20",
					columns: []column{{name: "at", title: text{"生效", "Since"}, width: 170}, {name: "digest", title: text{"摘要", "Digest"}}, {name: "fold", title: text{"归并版本", "Fold"}, width: 100}},
					links:   back,
				},
				{
					key: "evidence", kind: rows, width: 12, empty: nothing, filled: true, title: text{"证据日志", "Evidence log"}, about: text{"证据日志中各类条目的数与最近一条。", "Entries of the evidence log by type, and the last of each."},
					sql:     "SELECT toString(type) AS entry_type, count() AS entries, max(at) AS last, max(`index`) AS newest FROM log_entries_v GROUP BY entry_type ORDER BY entry_type",
					columns: []column{{name: "entry_type", title: text{"类型", "Type"}}, {name: "entries", title: text{"条目", "Entries"}, width: 100}, {name: "last", title: text{"最近", "Last"}, width: 170}, {name: "newest", title: text{"序号", "Index"}, width: 100}},
					links:   back,
				},
			}},
		},
	}
}
