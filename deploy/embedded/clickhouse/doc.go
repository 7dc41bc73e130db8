// Package clickhouse runs the real ClickHouse engine as a server of its own,
// so that the product needs no installed database: Library finds or fetches
// the engine's shared library, and Run serves the ClickHouse HTTP protocol
// from it, to clickhouse-go, Grafana's data source and curl alike.
//
// A request is authenticated (auth.go), read (request.go), run on a session of
// the engine that exists for it alone (engine.go), and answered chunk by chunk
// (reply.go), so neither a large result nor a large insert is ever held whole.
// The engine answers in Native format for protocol revision 0 only; native.go
// rewrites blocks for clients that ask for a later one.
//
// A reader cannot take from the one who writes: few readers' statements run at
// the same time, each with a bound on memory, disk and time, and the engine as a
// whole leaves memory to the machine's other processes (config.go, server.go).
//
// Who may only read is held to it by the engine: a role without any right but
// to read tables, the setting readonly, and settings that nobody can change
// (config.go); readonly.go names the three ways around that and closes them.
//
// What was acknowledged survives the death of the process and the loss of
// power: the filesystem is flushed before an answer to what changes anything
// (disk.go). A macro tells so to whoever makes tables.
//
// Not served: the native protocol, sessions (session_id), external tables,
// progress in headers (X-ClickHouse-Progress), a client's own query_id in
// system.processes, system logs (query_log and the like are off, so that they
// cannot grow). To the engine everybody is "default": in system.processes
// readers see the statements of all.
package clickhouse
