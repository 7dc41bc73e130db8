// Package dossier is the form of the package that a regulator receives: what its files are called, what a
// line of each says, and how the whole is made into one file whose every byte is fixed.
//
//	manifest.json            what is in the package, for which scope, at which checkpoint   (Manifest)
//	manifest.sig             the log's signature over the manifest (C2SP signed-note; see Sign)
//	README.html              the report for reading, Chinese and English
//	report/…                 CSV and XLSX for people; nothing here is proof
//	evidence/checkpoint      the log's signed checkpoint (C2SP tlog-checkpoint)
//	evidence/log.pub         the log's public key (C2SP signed-note verifier key)
//	evidence/seals.jsonl     every seal of the scope, in the order of its partition's chain  (Seal)
//	evidence/entries.jsonl   the log's entries of seals, keys, policies, verdicts, decisions  (LogEntry)
//	evidence/proofs/N.tlog-proof   inclusion of entry N in the checkpoint (C2SP tlog-proof)
//	data/interactions.jsonl  every row, in the order of the seals                             (Row)
//	data/findings.jsonl      every version of every finding, in the order of the seals        (Finding)
//	data/sessions.jsonl, data/reviews.jsonl, data/cases.jsonl, data/fund.jsonl, data/sampling.jsonl
//	policies/REVISION/…      the policies as they were, with their tests
//
// How it proves. The checkpoint is signed; each seal's header is an entry of the log, and its proof leads to
// the checkpoint. The header's tenants_root is over the blinded list of its groups, and the package's blinding
// key opens the tenant's own: where a list has no blind of the tenant's, the seal holds nothing of it. The
// group's roots are over the rows and findings of the package, whose every leaf is there or stands in a skipped
// run. Headers form one chain by their field previous, so that no batch is missing between the first and
// the last; a gap in the offsets of a whole chain is messages that the broker lost before they were read.
//
// Nor is one missing before the first or behind the last. The first seal of a partition follows none, or was
// sealed more than Ahead before the period begins, when no interaction of the period could have been taken
// yet. The last was sealed after the manifest's recorded_by; where the partition has none such, the package has
// every entry of the log behind that of its last seal, up to the checkpoint, and none is a seal of it. (Seals
// outside of the period, and the one after recorded_by, have no rows and no findings in the package: they are
// there for the chain.)
//
// What is complete: every row of the tenant whose ts lies in the period and that was recorded by the moment
// that the manifest names. A group is in the package with all its rows where its first_at and last_at reach
// into the period, but that of rows outside of it, whose conversations do not reach into it, only the moment is
// there; of other groups it may have the rows of conversations that cross the period's border, so that
// conversations are whole. Where the scope is narrower (jurisdictions, rules, sessions) the rows of it are proven,
// and that there are no others is not: the manifest says so, and so does whoever verifies.
package dossier

import (
	"github.com/go-json-experiment/json/jsontext"

	"mingjian/collector/seal"
)

// Version is the form's version, which the manifest names.
const Version = 1

// The files that every package has.
const (
	ManifestFile     = "manifest.json"
	SignatureFile    = "manifest.sig"
	ReportFile       = "README.html"
	CheckpointFile   = "evidence/checkpoint"
	PublicKeyFile    = "evidence/log.pub"
	SealsFile        = "evidence/seals.jsonl"
	EntriesFile      = "evidence/entries.jsonl"
	ProofsDir        = "evidence/proofs"
	InteractionsFile = "data/interactions.jsonl"
	FindingsFile     = "data/findings.jsonl"
	SessionsFile     = "data/sessions.jsonl"
	ReviewsFile      = "data/reviews.jsonl"
	SamplingFile     = "data/sampling.jsonl"
	CasesFile        = "data/cases.jsonl"
	FundFile         = "data/fund.jsonl"
	ErasuresFile     = "data/erasures.jsonl"
	PoliciesDir      = "policies"
)

// Scope is what a package is about. Moments are Unix milliseconds.
type Scope struct {
	Tenant        string   `json:"tenant"`
	From          int64    `json:"from"` // the ts of interactions, inclusive
	To            int64    `json:"to"`   // exclusive
	Jurisdictions []string `json:"jurisdictions,omitempty"`
	Rules         []string `json:"rules,omitempty"`
	Sessions      []string `json:"sessions,omitempty"`
	// RecordedBy is the moment of sealing up to which seals are looked at, inclusive: what came later, late
	// events and imports of old conversations, is not in the package.
	RecordedBy int64 `json:"recorded_by"`
}

// Whole reports whether the package is complete for its tenant and period.
func (s *Scope) Whole() bool { return len(s.Jurisdictions)+len(s.Rules)+len(s.Sessions) == 0 }

// Manifest says what is in a package. Files are in the order in which they stand in it, the manifest itself
// and its signature excepted, which stand last.
type Manifest struct {
	Version    int            `json:"version"`
	ID         string         `json:"id"` // of scope and checkpoint: the same request at the same checkpoint has the same
	Made       int64          `json:"made"`
	Program    string         `json:"program"` // version of the program that made it
	Scope      Scope          `json:"scope"`
	Purpose    string         `json:"purpose"`
	Topic      string         `json:"topic"`
	Blinding   seal.Hash      `json:"blinding"` // the tenant's key (seal.Key)
	LogSize    uint64         `json:"log_size"` // of the checkpoint
	Origin     string         `json:"log_origin"`
	Partitions []Partition    `json:"partitions"`
	Counts     map[string]int `json:"counts"` // by file of data: lines
	Revisions  []string       `json:"policy_revisions"`
	Unproven   []string       `json:"unproven,omitempty"` // files of data that nothing in the log covers row by row
	Files      []File         `json:"files"`
	Extensions jsontext.Value `json:"extensions,omitzero"`
}

// Ahead is how far ahead of its clock the ts of an interaction may be for the collector to take it, in
// milliseconds (event model, version 1: 24 h).
const Ahead = 24 * 60 * 60 * 1000

// Partition is the run of seals that the package has of one partition, superseded ones not counted.
type Partition struct {
	Partition int    `json:"partition"`
	First     string `json:"first"` // id of the first seal in the package
	Last      string `json:"last"`
	Seals     int    `json:"seals"`
}

// File is one file of the package. Bytes and SHA256 are of what it says, Packed and PackedSHA256 of the bytes
// that stand for it in the zip.
type File struct {
	Name         string    `json:"name"`
	Bytes        int64     `json:"bytes"`
	SHA256       seal.Hash `json:"sha256"`
	Packed       int64     `json:"packed"`
	PackedSHA256 seal.Hash `json:"packed_sha256"`
}

// Seal is a line of evidence/seals.jsonl.
type Seal struct {
	Index  uint64         `json:"index"` // of its entry in the log
	ID     string         `json:"id"`
	Header seal.Header    `json:"header"`
	List   []seal.Blinded `json:"list"`            // of all groups
	Group  *seal.Group    `json:"group,omitempty"` // the tenant's own; nil where the seal holds nothing of it
	// Rows and Findings tell where the group's leaves are in data/interactions.jsonl and data/findings.jsonl,
	// which have them in this order. Both are nil for a group that the scope does not reach.
	Rows     []Run `json:"rows,omitempty"`
	Findings []Run `json:"findings,omitempty"`
	// Superseded seals are those of an owner who had lost the partition without knowing it. They prove nothing
	// and are named because the log has them.
	Superseded bool `json:"superseded,omitzero"`
}

// Run is a run of a group's leaves: either so many lines of the file, or leaves that are not shown.
type Run struct {
	Lines int        `json:"lines,omitzero"`
	Skip  *seal.Skip `json:"skip,omitempty"`
}

// Row is a line of data/interactions.jsonl. Entry is the canonical row, byte for byte what was hashed. A row
// that was erased has its leaf and the erasure's id, and nothing else.
type Row struct {
	Commitment seal.Hash      `json:"commitment,omitzero"` // of the encrypted original; zero where there is none
	Entry      jsontext.Value `json:"entry,omitzero"`      // seal.Entry
	Erased     *Erased        `json:"erased,omitempty"`
	Outside    *Outside       `json:"outside,omitempty"`
	Salt       string         `json:"salt,omitzero"` // hex
}

// Outside is what is shown of a row outside of the period whose conversation does not reach into it: that it
// lies outside, which its leaf proves (seal.MomentLeaf), and nothing else.
type Outside struct {
	Offset int64     `json:"offset"`
	At     int64     `json:"at"` // Unix milliseconds
	Digest seal.Hash `json:"digest"`
}

// Erased is what is left of a row that was erased or whose time of keeping was over.
type Erased struct {
	Offset  int64     `json:"offset"`
	Leaf    seal.Hash `json:"leaf"`
	Erasure string    `json:"erasure"`
}

// Finding is a line of data/findings.jsonl: the canonical version, byte for byte what was hashed.
type Finding = jsontext.Value // seal.Finding

// LogEntry is a line of evidence/entries.jsonl: an entry of the log as it stands there.
type LogEntry struct {
	Index uint64 `json:"index"`
	Entry string `json:"entry"` // the entry's bytes
}

// SamplingLine is a line of data/sampling.jsonl: a lot, or one of the members of the lot above it, which stand
// in the order of the lot's root.
type SamplingLine struct {
	Lot    *Lot    `json:"lot,omitempty"`
	Member *Member `json:"member,omitempty"`
}

// Lot is what it takes to draw a lot of sessions again. What the lot is stands in the log: its entry
// (sampling.lot.closed), and those of the key of its day (sampling.key.committed, and .published once the day
// is over), are among the package's.
type Lot struct {
	ID         string `json:"lot_id"`
	Index      uint64 `json:"index"`      // of its entry
	Checkpoint string `json:"checkpoint"` // the signed checkpoint that was drawn with
	// Consistency leads from that checkpoint to the package's (RFC 6962, 2.1.2).
	Consistency []seal.Hash `json:"consistency,omitempty"`
	Members     int         `json:"members"` // lines behind this one
	Drawn       []string    `json:"drawn,omitempty"`
}

// Member is a session of a lot: an object with these members in this order is what its root is over.
type Member struct {
	ID     string `json:"id"`
	Closed int64  `json:"closed"`           // Unix milliseconds
	Reason string `json:"reason,omitempty"` // why it was left out of the draw
}

// Erasure is a line of data/erasures.jsonl: one by which rows of the package were erased, with the entry of the
// log that states it (person.erased or retention.swept, key "erasure:" and the id).
type Erasure struct {
	ID    string `json:"id"` // as rows name it
	Index uint64 `json:"index"`
	// Leaves is what the root in that entry is over: lines are the rows of the package that were erased by it,
	// in the order of partition and offset, and the others are skipped. Without it an erasure of which the
	// package has not all rows does not show that it was of those.
	Leaves []Run `json:"leaves,omitempty"`
}

// Session is what a line of data/sessions.jsonl says at least. A session with fewer rows in the package than it
// had events is not whole in it, because it began before there was evidence, was erased, or was another
// tenant's at first.
type Session struct {
	SessionID string `json:"session_id"`
	Events    int    `json:"events"`
}
