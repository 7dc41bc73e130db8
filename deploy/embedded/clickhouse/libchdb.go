package clickhouse

import (
	"debug/elf"
	"fmt"
	"os"
	"unsafe"

	"github.com/ebitengine/purego"
)

// handle is an opaque pointer of the engine's own; 0 is none. It never points
// into Go memory.
type handle uintptr

// libchdb is the part of the engine's C interface (chdb.h, 26.7) that is used
// here. Every text goes in with its length, because the engine cuts text that
// goes in without one at its first NUL byte.
type libchdb struct {
	signals       func(enabled int32)
	connect       func(argc int32, argv unsafe.Pointer) *handle
	closeConn     func(conn *handle)
	classify      func(conn handle, sql unsafe.Pointer, n uintptr, database unsafe.Pointer, databaseLen uintptr, out *analysis) int32
	query         func(conn handle, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) handle
	destroyResult func(result handle)
	streamInsert  func(conn handle, sql unsafe.Pointer, n uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) handle
	insertError   func(stream handle) string
	appendChunk   func(stream handle, data unsafe.Pointer, n uintptr) int32
	insertDone    func(stream handle) handle
	cancelInsert  func(stream handle)
	destroyInsert func(stream handle)
	resultBuffer  func(result handle) *byte
	resultLength  func(result handle) uintptr
	resultError   func(result handle) string
	rowsRead      func(result handle) uint64
	bytesRead     func(result handle) uint64
	storageRows   func(result handle) uint64
	storageBytes  func(result handle) uint64
	rowsWritten   func(result handle) uint64
	bytesWritten  func(result handle) uint64
}

// analysis is chdb_query_analysis_v1: what the engine's own parser says of a
// text without running it.
type analysis struct {
	size       uint32 // set by the caller to the size of this struct
	statements uint32
	_          uint32 // flags
	class      uint32
}

// Values of chdb_query_class that matter here; every other one changes
// something, ends or controls something, or could not be read.
const classReadOnly = 0

// checkWhole refuses what is no shared library, or the beginning of one: the
// loader would map what is not there, and the process die at the first touch.
func checkWhole(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	so, err := elf.NewFile(f)
	if err != nil {
		return fmt.Errorf("it is no shared library, or not a whole one (%w)", err)
	}
	for _, p := range so.Progs {
		if p.Type == elf.PT_LOAD && p.Off+p.Filesz > uint64(info.Size()) {
			return fmt.Errorf("it is cut short: it has %d bytes", info.Size())
		}
	}
	return nil
}

// openLibrary loads the engine's shared library. Nothing is started yet.
func openLibrary(path string) (lib *libchdb, err error) {
	if err := checkWhole(path); err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine %s: %w: remove it, or set %s to a whole copy of libchdb.so %s", path, err, libraryEnv, Version)
	}
	so, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine %s: %w", path, err)
	}
	// RegisterLibFunc panics where a symbol is missing: another version.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("load the ClickHouse engine %s: not the version %s that is needed: %v", path, Version, r)
		}
	}()
	lib = new(libchdb)
	for name, fn := range map[string]any{
		"chdb_set_signal_handlers_enabled": &lib.signals,
		"chdb_connect":                     &lib.connect,
		"chdb_close_conn":                  &lib.closeConn,
		"chdb_classify_query_n":            &lib.classify,
		"chdb_query_with_params_n":         &lib.query,
		"chdb_destroy_query_result":        &lib.destroyResult,
		"chdb_stream_insert_with_params_n": &lib.streamInsert,
		"chdb_stream_insert_error":         &lib.insertError,
		"chdb_stream_append":               &lib.appendChunk,
		"chdb_stream_done":                 &lib.insertDone,
		"chdb_stream_cancel_insert":        &lib.cancelInsert,
		"chdb_destroy_insert_stream":       &lib.destroyInsert,
		"chdb_result_buffer":               &lib.resultBuffer,
		"chdb_result_length":               &lib.resultLength,
		"chdb_result_error":                &lib.resultError,
		"chdb_result_rows_read":            &lib.rowsRead,
		"chdb_result_bytes_read":           &lib.bytesRead,
		"chdb_result_storage_rows_read":    &lib.storageRows,
		"chdb_result_storage_bytes_read":   &lib.storageBytes,
		"chdb_result_rows_written":         &lib.rowsWritten,
		"chdb_result_bytes_written":        &lib.bytesWritten,
	} {
		purego.RegisterLibFunc(fn, so, name)
	}
	return lib, nil
}
