package clickhouse

import "fmt"

// confine leaves the session with a reader's rights and bounds, for good: the
// engine refuses to take readonly back, taking the role back is a statement
// that permit does not let through, and the profile's constraints stay under
// any other profile. Settings without a constraint may still be changed.
func (s *session) confine(memory uint64) error {
	if err := s.exec(fmt.Sprintf("SET max_memory_usage = %d, max_temporary_data_on_disk_size_for_query = %d, max_execution_time = %d, profile = '%s'",
		memory, int64(readerSpill), readerSeconds, readerProfile)); err != nil {
		return err
	}
	if err := s.exec("SET ROLE " + readerRole); err != nil {
		return err
	}
	return s.readonly()
}

// readonly makes the session refuse what changes anything, as ClickHouse does
// for GET requests.
func (s *session) readonly() error { return s.exec("SET readonly = 2") }

// permit returns a reader's statement in the engine's own wording, which is
// what may be run, or an error where a reader may not run it. Grants and
// readonly, which the engine enforces, cover tables, table functions and
// settings. Three things they do not cover: statements that the engine's
// client side executes itself (INTO OUTFILE), session control (SET ROLE,
// KILL, …), and the function file, which needs no grant.
func (s *session) permit(sql string) (string, error) {
	// The engine's own parser gives the text back without comments and with
	// plain names and quotes, so that there are no two ways to read it.
	// The reader's own settings must not touch this answer.
	canonical, err := s.value("SELECT formatQuerySingleLine({sql:String}) SETTINGS limit = 0, offset = 0, extremes = 0", param{"sql", escape(sql)})
	if err != nil {
		return "", err
	}
	a, err := s.classify(canonical)
	if err != nil {
		return "", err
	}
	if a.class != classReadOnly || a.statements != 1 {
		return "", raise(codeReadonly, "READONLY", "Cannot execute query in readonly mode: this user may only read")
	}
	if mentionsFile(canonical) {
		return "", raise(codeAccessDenied, "ACCESS_DENIED", "Not enough privileges: this user may read no files, nor use {name:Identifier}; write a column named file as t.file")
	}
	return canonical, nil
}
