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

// fixedSettings cannot be changed by anyone, neither in a URL nor in a
// SETTINGS clause: each would let a SELECT read or write a file, evaluate an
// expression out of sight of the statement, or be parsed as something else
// than it was checked as.
var fixedSettings = []string{
	"additional_result_filter", "additional_table_filters", "parallel_replicas_custom_key",
	"dialect", "polyglot_dialect", "implicit_table_at_top_level",
	"format_schema", "format_schema_source", "output_format_schema", "format_avro_schema_registry_url",
	"format_template_resultset", "format_template_row",
	"input_format_record_errors_file_path", "rename_files_after_processing",
}

// writeConfig writes the engine's configuration into the directory data and
// returns the name of its main file. Without a section for them the engine
// keeps no system logs (query_log, trace_log, metric_log …), so none can grow.
func writeConfig(data string) (string, error) {
	var constraints strings.Builder
	for _, s := range fixedSettings {
		fmt.Fprintf(&constraints, "<%[1]s><const/></%[1]s>", s)
	}
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
		config: "<clickhouse><users_config>" + escaped.String() + "</users_config></clickhouse>\n",
		// The engine lets every connection in as "default". What that one may
		// do comes from roles alone, and a session gives up the writer's
		// before a reader's statement runs in it. Sources (file, url, s3,
		// remote …) are granted to writers only.
		users: `<clickhouse>
 <profiles><default><async_insert>0</async_insert><implicit_select>0</implicit_select><allow_introspection_functions>0</allow_introspection_functions><constraints>` + constraints.String() + `</constraints></default></profiles>
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
