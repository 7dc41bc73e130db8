// Package warehouse is the record in ClickHouse: its names, its migrations, what is written to it
// and what is read back. Everything else in Mingjian knows the tables only through this package;
// people and dashboards read the views ending in _v.
//
// Writing is idempotent, not transactional: rows have keys computed from their inputs, tables
// collapse rows of equal key, and a batch's seal is written after everything else. A batch that
// was written in part is simply written again. The seals say how far a partition is done.
//
// Reading goes through views that collapse duplicates at query time; that a raw table holds one
// row per key at any moment is not promised. Nor is anything about an event_id that is stored with
// two different moments: a repeat is for the caller to recognise.
//
// Which seals stand is read from their chain (field Previous), not from their offsets: where two
// follow the same seal the higher generation stands, at equal generation the later At. A caller
// whose Write failed with unknown outcome writes the same seal again, or asks for Progress anew.
package warehouse

import (
	"context"

	"mingjian/policies"
)

// Writer writes batches. A nil error means that every row, the seal included, is durable.
type Writer interface {
	// Write stores policies, interactions, rejects, findings, their versions and sessions, and then the seal. It may be
	// called again with the same or an overlapping batch after a failure or a crash.
	Write(ctx context.Context, b *Batch) error
}

// Batch is what one run of offsets of one partition came to, or (without a Seal) what deadlines
// came to between two runs.
type Batch struct {
	Interactions []Interaction
	Rejects      []Reject
	Findings     []Finding
	Versions     []FindingVersion
	Sessions     []Session
	Policies     *Policies // a revision that comes into use
	Seal         *Seal
}

// Reader is what the collector needs in order to go on where another stopped.
type Reader interface {
	// Progress returns the newest standing seal of each partition of a topic.
	Progress(ctx context.Context, topic string) (map[int]Seal, error)
	// Open streams the snapshots of a partition's sessions that are open or have a deadline
	// pending, with the findings that stand in the record for each. Of a session all but its
	// Facts is filled in, which are in its State.
	Open(ctx context.Context, topic string, partition int, each func(Snapshot) error) error
	// Snapshots returns the sessions of a topic that exist among ids.
	Snapshots(ctx context.Context, topic string, ids []string) ([]Snapshot, error)
	// SessionHashes streams the xxHash64 of the id of every session that there is when it is called, of all topics,
	// in no order and some more than once.
	SessionHashes(ctx context.Context, each func(uint64)) error
	// Events returns a session's stored interactions ordered by (ts, offset).
	Events(ctx context.Context, tenant, sessionID string) ([]Interaction, error)
}

// Snapshot is a stored session with its findings, withdrawn ones included.
type Snapshot struct {
	Session  Session
	Findings []Finding
}

// Mirror copies workflow state (reviews, cases, fund entries) into ClickHouse for dashboards. The
// workflow store stays the authority; the highest version of an id wins.
type Mirror interface {
	Put(ctx context.Context, table MirrorTable, rows []MirrorRow) error
}

// MirrorTable is one of the mirrored nouns.
type MirrorTable string

// The mirrored tables.
const (
	Reviews     MirrorTable = "reviews"
	Cases       MirrorTable = "cases"
	FundEntries MirrorTable = "fund_entries"
)

// MirrorRow is one version of one row of workflow state.
type MirrorRow struct {
	ID        string
	Version   int64
	Tenant    string
	SessionID string
	State     string
	At        policies.Millis
	Document  []byte // the whole row as JSON
}

// Interaction is one stored event. Body is the event as canonical JSON without text and labels, so
// that the event can be rebuilt and inspected again.
type Interaction struct {
	Tenant, SessionID, EventID string
	Topic                      string
	Partition                  int
	Offset                     int64
	At                         policies.Millis
	Kind, Role, ActorID        string
	Channel, BusinessLine      string
	BotVersion, Jurisdiction   string
	Text                       string
	TextBytes                  int // as sent, before cutting and masking
	Flags, Signals             []string
	Body, Labels, Extra        string
	MaskKinds                  []string // what was masked in text, body, labels and extra
	// OriginalEnc is the message as it came, encrypted, where anything was masked, cut or removed;
	// KeyID names the key that opens it, and that Salt (16 bytes) was made with. Leaf is the row's leaf in
	// the evidence (32 bytes). A row that was erased has its leaf, and no salt.
	OriginalEnc, KeyID, Salt, Leaf string
	// Version grows when a stored row is to be replaced; 0 does for a row that never is. Deleted
	// takes the row away (the session moved to another tenant) and needs a higher Version than the
	// row has; a still higher one brings it back. A row that was sealed as the default tenant's, and whose
	// session moved to its tenant later, has Version Moved there.
	Version int64
	Deleted bool
}

// Moved is the Version of rows that their tenant's seals do not have: they are in the default tenant's.
const Moved = 1

// Session is the newest state of a session.
type Session struct {
	Tenant, SessionID                             string
	Topic                                         string
	Partition                                     int
	LastOffset                                    int64 // highest offset folded in
	Version                                       int64 // grows with each change; the highest wins
	Opened, Closed, LastAt, Due                   policies.Millis
	Pending                                       bool // open, or a deadline is pending
	Derived                                       bool
	Channel, BusinessLine, Industry, Jurisdiction string
	CustomerID, BotID, BotVersion                 string
	Events                                        int
	Facts                                         string // policies.Facts as JSON, without what is zero
	NotAssessed                                   []policies.NotAssessable
	Revision                                      string
	State                                         []byte // the fold's snapshot, opaque here
	Owners                                        string // whose its events are, as the collector writes it, opaque here
	Erased                                        bool   // its person was erased: nothing judges it any more
	Deleted                                       bool   // moved to another tenant; needs a new Version
}

// Finding is one version of one finding. ID is derived from tenant, session and rule.
type Finding struct {
	ID                                string
	Tenant, SessionID, Rule, Pack     string
	Severity, Status, Level           string // level: session, indicator
	Subject                           string // event_id, "" for a deadline
	At                                policies.Millis
	Facts                             string // JSON: the values that decided
	Clauses                           []string
	Revision                          string
	Standing                          bool
	Version                           int64
	Channel, BusinessLine, BotVersion string
	Jurisdiction, CustomerID          string
	Deleted                           bool // moved to another tenant; needs a new Version
}

// FindingVersion is one version of a finding as one batch wrote it: the leaf at Ordinal of those that a
// seal's FindingsRoot is over.
type FindingVersion struct {
	Topic                       string
	Partition                   int
	First                       int64  // the seal's first offset
	Seal                        string // its id
	Ordinal                     int    // from 0
	ID, Tenant, SessionID, Rule string
	Severity, Status, Subject   string
	At                          policies.Millis
	Facts, Revision             string
	Standing                    bool
	Version                     int64
	Leaf                        string // 32 bytes
}

// Reject is a message that was refused. Payload is its first 64 KiB, encrypted by the key of KeyID;
// rows of before payloads were encrypted have no KeyID.
type Reject struct {
	Topic     string
	Partition int
	Offset    int64
	At        policies.Millis // the broker's time stamp
	Key       string
	Reason    string
	Detail    string
	Size      int
	SHA256    string
	Payload   []byte
	KeyID     string
	Leaf      string // in the evidence, 32 bytes
}

// Seal closes a run of offsets of one partition: everything up to Last is in the record. One over no offsets
// (Last = First-1) closes findings that deadlines brought.
type Seal struct {
	Topic             string
	Partition         int
	First, Last       int64 // offsets, inclusive
	Stored, Repeats   int
	Rejected, Control int    // Control: offsets with no message (transaction markers, compaction)
	Generation        int    // of the consumer group; where two sealed the same, the higher stands
	Previous          string // id (hash) of the seal before
	ID                string // hash over this row
	InteractionsRoot  string
	FindingsRoot      string
	Findings          int    // versions of findings
	TenantsRoot       string // "" on seals of before groups were
	Groups            string // seal.Group of each tenant as a JSON array, in the order of the seal's list
	Gaps              string // seal.Gaps as JSON
	Revision          string
	At                policies.Millis
}
