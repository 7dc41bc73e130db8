// Package export makes the package that a regulator receives: the record of a tenant and a period with what it
// takes to check it without trusting anybody, and a report for people. What the package looks like is said in
// its folder dossier; who checks it is in verify.
//
//	log at a checkpoint ─► seals in the order of their chains ─► rows, versions of findings, in their order
//	workflow store ──────► reviews, samples, cases, money ─┐        │
//	archive of policies ─► rules as they were ─────────────┼─► report, tables, conversations ─► manifest, signed
//
// The same request at the same checkpoint gives the same bytes: nothing is taken from the clock, and what
// people did is taken as it stood when the checkpoint's newest entry was made. An erasure in between is the
// exception, because what it destroyed is nowhere any more.
//
// Everything is streamed. What is held in memory is some tens of bytes for each session and finding.
//
// Exports (exports.go, run.go, routes.go) makes packages in the background and hands them out.
//
// Not promised: that rows of before there was evidence are in a package, nor those that were sealed as the
// default tenant's because their session had not yet said whose it was. The report says how many there are.
package export

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/note"

	"mingjian/audit/evidence"
	"mingjian/audit/export/dossier"
	"mingjian/audit/store"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// defaultTenant is whose record is asked for where nobody says.
const defaultTenant = sealed.DefaultTenant

// Request is a package to be made.
type Request struct {
	Scope    dossier.Scope // RecordedBy may be 0: 48 hours after the period, or the newest seal if that is earlier
	Purpose  string        // what it is for; stands in the manifest
	At       uint64        // size of the log in the checkpoint; 0: the newest
	IssuedTo string        // id of the regulator whom it is issued to once it is made; "": nobody
}

// afterwards is how long after a period the record of it is waited for: the 48 hours in which reviews are due,
// in which sources that were cut off are there again too.
const afterwards = 48 * time.Hour

// Made is a package that was written.
type Made struct {
	Manifest     dossier.Manifest
	Interactions int64 // rows in it, those that were erased among them
}

// Maker writes the package of a request to w and tells how far it is. (*Sources).Write is one.
type Maker func(ctx context.Context, w io.Writer, r Request, progress func(Progress)) (*Made, error)

// Record is what a package is made of; *warehouse.Store is one.
type Record interface {
	SealSpans(ctx context.Context, topic string, from, to policies.Millis) ([]warehouse.SealSpan, error)
	SealsOf(ctx context.Context, topic string, span warehouse.SealSpan, each func(*warehouse.Seal) error) error
	ExportRows(ctx context.Context, q warehouse.ExportQuery, each func(*warehouse.ExportRow) error) error
	ExportLeaves(ctx context.Context, q warehouse.ExportQuery, moved bool, each func(*warehouse.ExportLeaf) error) error
	ErasedAt(ctx context.Context, topic, tenant string, span warehouse.SealSpan, each func(warehouse.Erased) error) error
	Crossing(ctx context.Context, topic, tenant string, from, to policies.Millis, each func(warehouse.Placed) error) error
	PlacesOf(ctx context.Context, topic, tenant string, sessions []string, each func(warehouse.Placed) error) error
	SessionsWhere(ctx context.Context, topic, tenant string, jurisdictions, rules []string, from, to policies.Millis, each func(warehouse.Placed) error) error
	VersionsOf(ctx context.Context, topic, tenant string, span warehouse.SealSpan, each func(*warehouse.FindingVersion) error) error
	ExportSessions(ctx context.Context, topic, tenant string, from, to policies.Millis, each func(*warehouse.ExportSession) error) error
	Events(ctx context.Context, tenant, sessionID string) ([]warehouse.Interaction, error)
	Policies(ctx context.Context, revision string) (warehouse.Policies, bool, error)
}

// Sources are what packages are made of. All fields without a remark are needed.
type Sources struct {
	Record   Record
	Topic    string // of the interactions
	Log      *evidence.Log
	Signer   note.Signer                        // the log's (evidence.OpenSigner)
	Blinding func(tenant string) seal.Key       // vault.Vault.Blinding
	Store    *store.DB                          // reviews, samples, cases, the fund; only read
	Zone     func(tenant string) *time.Location // of the tenant's days; Shanghai when nil
	Program  string                             // version of this program
}

// packing is a package on its way.
type packing struct {
	*Sources
	request  Request
	scope    dossier.Scope
	past     *evidence.Past
	log      *logged
	out      *dossier.Writer
	manifest dossier.Manifest
	report   func(Progress)
	progress Progress
	zone     *time.Location

	partitions []*chain
	chosen     map[string]bool           // sessions of a narrower scope; nil: all
	border     map[*link]map[string]bool // of groups that do not reach into the period: sessions whose rows are shown
	reaches    map[string]bool           // sessions with rows on both sides of the period's border
	erasures   map[string]bool           // that the package names
	sessions   map[string]*talk          // with a row in the package
	found      map[string]*finding       // newest version of each finding in the package
	ofRule     map[string]int            // versions of findings, by rule
	words      map[string]string         // strings that many findings have
	revisions  map[string]bool
	figures    *figures
	bundle     *policies.Bundle // says what rules and clauses are called: of the newest revision that can be read
	missing    []string         // revisions that are not in the archive
	untested   []string         // revisions whose tests are not
	wanted     map[uint64]bool  // entries of the log that the package has
	checkpoint []byte
	blank      int // rows that were erased
	moved      int // rows that stand in the package as skipped because they are another tenant's by now
}

// lostRow is what is known of a row that was erased.
type lostRow struct {
	offset  int64
	leaf    seal.Hash
	erasure string
}

// Write makes the package of a request. Where it returns an error, what was written is no package.
func (s *Sources) Write(ctx context.Context, w io.Writer, r Request, progress func(Progress)) (*Made, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	p := &packing{
		Sources: s, request: r, scope: r.Scope, out: dossier.NewWriter(w), report: progress,
		border: map[*link]map[string]bool{}, erasures: map[string]bool{},
		sessions: map[string]*talk{}, found: map[string]*finding{}, ofRule: map[string]int{}, words: map[string]string{}, revisions: map[string]bool{}, wanted: map[uint64]bool{},
	}
	for _, list := range []*[]string{&p.scope.Jurisdictions, &p.scope.Rules, &p.scope.Sessions} {
		*list = slices.Compact(slices.Sorted(slices.Values(*list)))
	}
	p.zone = shanghai
	if s.Zone != nil {
		p.zone = s.Zone(r.Scope.Tenant)
	}
	if err := p.steps(ctx, step{"log", p.begin}, step{"seals", p.chains}); err != nil {
		return nil, err
	}
	if err := p.nothing(); err != nil {
		return nil, err
	}
	if err := p.steps(ctx,
		step{"scope", p.choose}, step{"interactions", p.writeInteractions}, step{"findings", p.writeFindings},
		step{"sessions", p.writeSessions}, step{"workflow", p.writeWorkflow}, step{"policies", p.writePolicies}, step{"evidence", p.writeEvidence},
		step{"report", p.writeReport}, step{"manifest", p.seal},
	); err != nil {
		return nil, err
	}
	return &Made{Manifest: p.manifest, Interactions: int64(p.manifest.Counts[dossier.InteractionsFile])}, nil
}

// step is a part of making a package.
type step struct {
	phase string
	do    func(context.Context) error
}

func (p *packing) steps(ctx context.Context, steps ...step) error {
	for _, s := range steps {
		p.progress.Phase = s.phase
		p.report(p.progress)
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("make the package: %s: %w", s.phase, err)
		}
	}
	return nil
}

// nothing is the error of a package of which no seal has anything: most often the tenant's name is not right.
func (p *packing) nothing() error {
	for _, c := range p.partitions {
		if slices.ContainsFunc(c.links, func(l *link) bool { return l.whole }) {
			return nil
		}
	}
	moment := func(ms int64) string { return time.UnixMilli(ms).In(p.zone).Format(time.RFC3339) }
	return fmt.Errorf("the record has nothing of tenant %s in this period (%s to %s, recorded by %s); its tenants are in 'mingjian sql \"SELECT DISTINCT tenant FROM mingjian.interactions_v\"'",
		p.scope.Tenant, moment(p.scope.From), moment(p.scope.To), moment(p.scope.RecordedBy))
}

// shanghai is the zone of days where nobody says another.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// begin reads the log at the checkpoint.
func (p *packing) begin(ctx context.Context) (err error) {
	if p.past, err = p.Log.At(ctx, p.request.At); err != nil {
		return err
	}
	if p.log, err = readLog(ctx, p.past, p.Topic); err != nil {
		return err
	}
	if len(p.log.seals) == 0 {
		return errors.New("the evidence log has no seal at this checkpoint: nothing can be proven yet; the notary appends them within seconds while the audit service runs")
	}
	if p.scope.RecordedBy == 0 {
		p.scope.RecordedBy = min(p.scope.To+afterwards.Milliseconds(), p.log.newest)
	}
	if p.checkpoint, err = note.Sign(&note.Note{Text: p.past.Body()}, p.Signer); err != nil {
		return fmt.Errorf("sign the checkpoint: %w", err)
	}
	p.manifest = dossier.Manifest{
		Version: dossier.Version, Program: p.Program, Scope: p.scope, Purpose: p.request.Purpose, Topic: p.Topic,
		Blinding: seal.Hash(p.Blinding(p.scope.Tenant)), LogSize: p.past.Size, Origin: p.past.Origin(), Counts: map[string]int{},
	}
	id, err := json.Marshal(p.scope)
	if err != nil {
		return err
	}
	digest := seal.Leaf(append(id, p.past.Body()...))
	p.manifest.ID = "pkg-" + hex.EncodeToString(digest[:16])
	return nil
}

// by is the moment as of which a package says what people did: when the newest entry of its log was made.
func (p *packing) by() time.Time { return time.UnixMilli(p.log.made).UTC() }

// file writes a file of the package.
func (p *packing) file(name string, write func(w io.Writer) error) error {
	w, err := p.out.Create(name)
	if err != nil {
		return err
	}
	err = write(w)
	return errors.Join(err, w.Close())
}

// lines writes a file of JSON Lines; put writes one and counts it.
func (p *packing) lines(name string, write func(put func(any) error) error) error {
	n := 0
	err := p.file(name, func(w io.Writer) error {
		return write(func(v any) error {
			line, ok := v.(jsontext.Value)
			if !ok {
				var err error
				if line, err = json.Marshal(v, json.Deterministic(true)); err != nil {
					return fmt.Errorf("write a line of %s: %w", name, err)
				}
			}
			n++
			_, err := w.Write(append(line, '\n'))
			return err
		})
	})
	p.manifest.Counts[name] = n
	return err
}

// seal ends the package.
func (p *packing) seal(context.Context) error {
	p.manifest.Made = 0
	for _, c := range p.partitions {
		first, last := c.links[0], c.links[len(c.links)-1]
		p.manifest.Made = max(p.manifest.Made, last.Header.At)
		p.manifest.Partitions = append(p.manifest.Partitions, dossier.Partition{Partition: c.partition, First: first.ID, Last: last.ID, Seals: len(c.links)})
	}
	p.manifest.Unproven = []string{dossier.SessionsFile, dossier.ReviewsFile, dossier.CasesFile, dossier.FundFile}
	extensions, err := json.Marshal(map[string]any{
		"workflow_by": p.log.made, "moved_rows": p.moved, "policies_not_archived": p.missing, "policy_tests_not_archived": p.untested,
	}, json.Deterministic(true))
	if err != nil {
		return err
	}
	p.manifest.Extensions = extensions
	return p.out.Close(&p.manifest, func(manifest []byte) ([]byte, error) { return dossier.Sign(manifest, p.Signer) })
}
