package warehouse

import (
	"context"

	"mingjian/policies"
)

// LogEntry is one entry of the evidence log, as dashboards see it.
type LogEntry struct {
	Index int64  // its place in the log, from 0
	Key   string // what it is about; no two entries share one
	Type  string
	At    policies.Millis // when it was made, by the notary's clock
	Entry string          // the whole entry, canonical JSON: the bytes whose hash is in the log
}

var logEntries = table[LogEntry]{"log_entries", []column[LogEntry]{
	plain("index", func(r *LogEntry) *int64 { return &r.Index }),
	plain("key", func(r *LogEntry) *string { return &r.Key }),
	plain("type", func(r *LogEntry) *string { return &r.Type }),
	moment("at", func(r *LogEntry) *policies.Millis { return &r.At }),
	plain("entry", func(r *LogEntry) *string { return &r.Entry }),
}}

// PutLog copies entries of the evidence log. Copying an entry again changes nothing.
func (s *Store) PutLog(ctx context.Context, entries []LogEntry) error {
	return insert(ctx, s, logEntries, entries)
}
