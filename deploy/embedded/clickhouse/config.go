package clickhouse

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// readerRole is the engine's role for whoever may only read.
const readerRole = "mingjian_reader"

// writerRole is the engine's role for whoever may do everything.
const writerRole = "mingjian_writer"

// readerProfile is the engine's settings profile for whoever may only read.
const readerProfile = "mingjian_reader"

// Bounds on the engine as a whole and on readers, so that no reader can take
// from the one who writes what that one needs.
const (
	// memoryRatio is the engine's part of the machine's (or the control
	// group's) memory: stream, collector and console are on it too.
	memoryRatio = 0.6

	// mergeNice is how much merges stand back behind what somebody waits for, as nice(1) counts: where all cores are
	// busy they have a tenth of one, and a rush is over before they are missed. Parts that become too many slow
	// inserts down by themselves. The engine heeds it where it may (CAP_SYS_NICE).
	mergeNice = 10

	// keepFree is what the engine leaves free on the disk, in bytes. A merge for which there seemed to be just enough
	// room, and was not, leaves a part whose marks are empty and takes it for whole (seen in 26.7): what it was made of
	// is removed eight minutes later.
	keepFree = 64 << 20

	// readerShare of the engine's memory is what one reader's statement may
	// take; maxReading of them leave a third. Sorting and grouping go on on
	// disk at half of it, by the engine's default.
	readerShare = 12

	// readerSpill is what one reader's statement may put on disk for that, in
	// bytes: maxReading of them are 16 GiB.
	readerSpill = 2 << 30

	// readerSeconds is how long a reader's statement may run: longer than any
	// dashboard waits (Grafana 60 s), and enough to export some 10⁸ rows.
	readerSeconds = 600
)

// fixedSettings cannot be changed by anyone, neither in a URL nor in a
// SETTINGS clause.
var fixedSettings = []string{
	// Each would let a SELECT read or write a file, evaluate an expression or
	// a statement out of sight of the statement, or be parsed as something
	// else than it was checked as.
	"additional_result_filter", "additional_table_filters", "parallel_replicas_custom_key",
	"dialect", "polyglot_dialect", "implicit_table_at_top_level",
	"format_schema", "format_schema_source", "output_format_schema", "format_avro_schema_registry_url",
	"format_template_resultset", "format_template_row",
	"input_format_record_errors_file_path", "rename_files_after_processing",
	"allow_experimental_eval_table_function", "allow_experimental_ai_functions", "ast_fuzzer_runs", "ast_fuzzer_any_query",
	// How a statement is found to be stopped (engine.session).
	"query_cache_tag",
	// Memory that is not counted, signals to the process, lines in its log.
	"max_untracked_memory", "reserve_memory", "memory_overcommit_ratio_denominator",
	"query_profiler_real_time_period_ns", "query_profiler_cpu_time_period_ns", "jemalloc_enable_profiler", "send_logs_level",
}

// writeConfig writes the engine's configuration into the directory data and
// returns the name of its main file. Without a section for them the engine
// keeps no system logs (query_log, trace_log, metric_log …), so none can grow.
func writeConfig(data string) (string, error) {
	var constraints strings.Builder
	for _, s := range fixedSettings {
		fmt.Fprintf(&constraints, "<%[1]s><const/></%[1]s>", s)
	}
	// The values that these hold in place are set by session.confine. A client
	// may shorten its time (0 would be no limit).
	reader := fmt.Sprintf("<max_memory_usage><const/></max_memory_usage><max_temporary_data_on_disk_size_for_query><const/></max_temporary_data_on_disk_size_for_query><max_execution_time><min>0.001</min><max>%d</max></max_execution_time>", readerSeconds)
	dir := filepath.Join(data, "config")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("create the ClickHouse configuration: %w", err)
	}
	users := filepath.Join(dir, "users.xml")
	var escaped strings.Builder
	if err := xml.EscapeText(&escaped, []byte(users)); err != nil {
		return "", fmt.Errorf("create the ClickHouse configuration: %w", err)
	}
	config := filepath.Join(dir, "config.xml")
	for name, content := range map[string]string{
		config: fmt.Sprintf("<clickhouse><users_config>%s</users_config><max_server_memory_usage_to_ram_ratio>%v</max_server_memory_usage_to_ram_ratio><os_threads_nice_value_merge_mutate>%[4]d</os_threads_nice_value_merge_mutate><storage_configuration><disks><default><keep_free_space_bytes>%[5]d</keep_free_space_bytes></default></disks></storage_configuration><macros><%[3]s>1</%[3]s></macros></clickhouse>\n", &escaped, memoryRatio, flushesMacro, mergeNice, keepFree),
		// The engine lets every connection in as "default". What that one may
		// do comes from roles alone, and a session gives up the writer's
		// before a reader's statement runs in it. Sources (file, url, s3,
		// remote …) are granted to writers only.
		users: `<clickhouse>
 <profiles><default><async_insert>0</async_insert><implicit_select>0</implicit_select><allow_introspection_functions>0</allow_introspection_functions><constraints>` + constraints.String() + `</constraints></default>
  <` + readerProfile + `><constraints>` + reader + `</constraints></` + readerProfile + `>
 </profiles>
 <roles>
  <` + readerRole + `><grants><query>GRANT SELECT, SHOW, dictGet ON *.*</query></grants></` + readerRole + `>
  <` + writerRole + `><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></` + writerRole + `>
 </roles>
 <users><default>
  <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
  <grants><query>GRANT ` + readerRole + `</query><query>GRANT ` + writerRole + `</query></grants>
 </default></users>
 <quotas><default></default></quotas>
</clickhouse>
`,
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			return "", fmt.Errorf("create the ClickHouse configuration: %w", err)
		}
	}
	return config, nil
}
