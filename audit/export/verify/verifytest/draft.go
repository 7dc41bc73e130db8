package verifytest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
)

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// cutNote parts a signed note into its text and its signatures.
func cutNote(b []byte) (text, signatures []byte, ok bool) {
	at := bytes.Index(b, []byte("\n\n"))
	if at < 0 {
		return b, nil, false
	}
	return b[:at+1], b[at+2:], true
}

// Draft is a package that is not packed yet. What it holds may be changed at will: Pack makes it canonical.
type Draft struct {
	Manifest   dossier.Manifest
	Checkpoint []byte
	Public     string
	Seals      []dossier.Seal
	Entries    []dossier.LogEntry
	Proofs     map[uint64]proof.TLogProof
	Rows       [][]byte // lines
	Findings   [][]byte
	Sampling   []dossier.SamplingLine
	Erasures   []dossier.Erasure
	Sessions   []dossier.Session
	Files      map[string][]byte // all others
	Counts     map[string]int    // nil: counted by Pack
}

// Period is a scope in the middle of a record.
func Period(tenant string) dossier.Scope {
	return dossier.Scope{Tenant: tenant, From: Begin + 3*Day/2, To: Begin + 3*Day, RecordedBy: Begin + 3*Day + Day/4}
}

// Draft makes a package of a record.
func (r *Record) Draft(scope dossier.Scope) *Draft {
	d := &Draft{
		Manifest: dossier.Manifest{
			ID: "pkg-test", Made: scope.RecordedBy, Program: "test", Scope: scope, Purpose: "test", Topic: Topic, Blinding: seal.Hash(Key(scope.Tenant)),
			LogSize: r.Log.Size(), Origin: r.origin, Partitions: []dossier.Partition{}, Revisions: []string{r.Bundle.Revision}, Unproven: []string{dossier.SessionsFile},
		},
		Checkpoint: r.Checkpoint(), Public: r.Public, Proofs: map[uint64]proof.TLogProof{}, Files: map[string][]byte{dossier.ReportFile: []byte("<p>报告</p>")},
	}
	for name, b := range r.Bundle.Files() {
		d.Files[dossier.PoliciesDir+"/"+r.Bundle.Revision+"/"+name] = b
	}
	erasures, sessions := map[string]bool{}, map[string]bool{}
	chains := map[int][]*Sealed{}
	for _, s := range r.Seals {
		chains[s.Header.Partition] = append(chains[s.Header.Partition], s)
	}
	var last uint64
	for _, n := range slices.Sorted(maps.Keys(chains)) {
		chain := chains[n]
		first, end := 0, len(chain)-1
		for first < end && chain[first+1].Header.At < scope.From-dossier.Ahead {
			first++
		}
		for end > first && chain[end-1].Header.At > scope.RecordedBy {
			end--
		}
		chain = chain[first : end+1]
		d.Manifest.Partitions = append(d.Manifest.Partitions, dossier.Partition{Partition: n, First: chain[0].ID, Last: chain[len(chain)-1].ID, Seals: len(chain)})
		if end := chain[len(chain)-1]; end.Header.At <= scope.RecordedBy {
			last = max(last, r.Log.Size()-end.Index)
		}
		for _, s := range chain {
			for _, lost := range r.Deposed {
				if lost.Header.Partition == n && lost.Header.First == s.Header.First {
					d.Seals = append(d.Seals, dossier.Seal{Index: lost.Index, ID: lost.ID, Header: lost.Header, List: lost.List, Superseded: true})
					d.entry(r, lost.Index)
				}
			}
			d.seal(r, s, scope, erasures, sessions)
			d.entry(r, s.Index)
		}
	}
	for index := range r.Entries {
		text := r.Entries[index]
		if uint64(index) >= r.Log.Size()-last || !bytes.Contains([]byte(text), []byte(`"type":"seal"`)) {
			d.entry(r, uint64(index))
		}
	}
	slices.SortFunc(d.Entries, func(a, b dossier.LogEntry) int { return int(a.Index) - int(b.Index) })
	d.Entries = slices.CompactFunc(d.Entries, func(a, b dossier.LogEntry) bool { return a.Index == b.Index })
	for _, id := range slices.Sorted(maps.Keys(erasures)) {
		d.Erasures = append(d.Erasures, r.erasure(id, d.Seals, scope))
	}
	events := map[string]int{}
	for _, s := range r.Seals {
		for _, row := range s.Rows[scope.Tenant] {
			events[row.Session]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		d.Sessions = append(d.Sessions, dossier.Session{SessionID: id, Events: events[id]})
	}
	if l := r.Lot; l != nil && l.Tenant == scope.Tenant {
		lot := &dossier.Lot{ID: "lot-1", Index: l.Index, Checkpoint: string(l.Checkpoint), Members: len(l.Members), Drawn: l.Drawn}
		path, err := r.Log.ConsistencyProof(l.Size, r.Log.Size())
		if err != nil {
			panic(err)
		}
		for _, h := range path {
			lot.Consistency = append(lot.Consistency, seal.HashOf(string(h)))
		}
		d.Sampling = append(d.Sampling, dossier.SamplingLine{Lot: lot})
		for _, id := range l.Members {
			d.Sampling = append(d.Sampling, dossier.SamplingLine{Member: &dossier.Member{ID: id, Closed: Begin}})
		}
	}
	return d
}

// erasure tells which of an erasure's rows are in a package.
func (r *Record) erasure(id string, seals []dossier.Seal, scope dossier.Scope) dossier.Erasure {
	all := r.Erasures[id].Leaves
	there := func(l *ErasedLeaf) bool {
		return slices.ContainsFunc(seals, func(s dossier.Seal) bool {
			return s.Header.Partition == l.Partition && s.Header.First <= l.Offset && s.Header.Last >= l.Offset && s.Group.FirstAt < scope.To && s.Group.LastAt >= scope.From && len(s.Rows) > 0
		})
	}
	out := dossier.Erasure{ID: id, Index: r.Erasures[id].Index}
	for i := 0; i < len(all); {
		from := i
		for i < len(all) && there(&all[i]) == there(&all[from]) {
			i++
		}
		run := dossier.Run{Lines: i - from}
		if !there(&all[from]) {
			leaves := make([]seal.Hash, i-from)
			for k := range leaves {
				leaves[k] = all[from+k].Leaf
			}
			skip, err := seal.SkipLeaves(from, leaves)
			if err != nil {
				panic(err)
			}
			run = dossier.Run{Skip: &skip}
		}
		out.Leaves = append(out.Leaves, run)
	}
	return out
}

func (d *Draft) entry(r *Record, index uint64) {
	if _, ok := d.Proofs[index]; ok {
		return
	}
	d.Entries = append(d.Entries, dossier.LogEntry{Index: index, Entry: r.Entries[index]})
	path, err := r.Log.InclusionProof(index, r.Log.Size())
	if err != nil {
		panic(err)
	}
	p := proof.TLogProof{Index: index, Checkpoint: d.Checkpoint}
	for _, h := range path {
		p.Hashes = append(p.Hashes, [32]byte(h))
	}
	d.Proofs[index] = p
}

// seal adds a seal with what it holds of the tenant.
func (d *Draft) seal(r *Record, s *Sealed, scope dossier.Scope, erasures map[string]bool, sessions map[string]bool) {
	line := dossier.Seal{Index: s.Index, ID: s.ID, Header: s.Header, List: s.List}
	for _, g := range s.Groups {
		if g.Tenant != scope.Tenant {
			continue
		}
		line.Group = &g
		if s.Header.At > scope.RecordedBy {
			continue
		}
		reaches := g.Leaves > 0 && g.FirstAt < scope.To && g.LastAt >= scope.From
		line.Rows = d.rows(r, s.Rows[g.Tenant], reaches, erasures, sessions)
		if g.Findings > 0 {
			line.Findings = []dossier.Run{{Lines: g.Findings}}
		}
		d.Findings = append(d.Findings, s.Findings[g.Tenant]...)
	}
	d.Seals = append(d.Seals, line)
}

// rows adds rows: all of a group that reaches into the period, and of others every second session's.
func (d *Draft) rows(r *Record, rows []Row, reaches bool, erasures map[string]bool, sessions map[string]bool) (out []dossier.Run) {
	shown := func(row *Row) bool {
		return reaches || r.Erased[row.Session] == "" && row.Session[len(row.Session)-1]%2 == 0
	}
	for i := 0; i < len(rows); {
		from := i
		for i < len(rows) && shown(&rows[i]) == shown(&rows[from]) {
			i++
		}
		if !shown(&rows[from]) {
			var leaves []seal.Hash
			for k := from; k < i; k++ {
				leaves = append(leaves, rows[k].Leaf)
				sessions[rows[k].Session] = true
			}
			skip, err := seal.SkipLeaves(from, leaves)
			if err != nil {
				panic(err)
			}
			out = append(out, dossier.Run{Skip: &skip})
			continue
		}
		for k := from; k < i; k++ {
			d.Rows = append(d.Rows, Line(r, &rows[k], erasures))
			sessions[rows[k].Session] = true
		}
		out = append(out, dossier.Run{Lines: i - from})
	}
	return out
}

// Line is a row's line.
func Line(r *Record, row *Row, erasures map[string]bool) []byte {
	line := dossier.Row{Commitment: row.Commitment, Entry: row.Entry, Salt: hex.EncodeToString(row.Salt[:])}
	if id := r.Erased[row.Session]; id != "" {
		erasures[id] = true
		line = dossier.Row{Erased: &dossier.Erased{Offset: row.Offset, Leaf: row.Leaf, Erasure: id}}
	}
	return Marshal(line)
}

// Marshal writes a line.
func Marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// Pack writes the package and signs its manifest with a key (a note signer's).
func (d *Draft) Pack(private string) []byte {
	signer, err := note.NewSigner(private)
	if err != nil {
		panic(err)
	}
	var out bytes.Buffer
	w := dossier.NewWriter(&out)
	m := d.Manifest
	m.Counts = map[string]int{}
	file := func(name string, write func(w io.Writer)) {
		f, err := w.Create(name)
		if err != nil {
			panic(err)
		}
		write(f)
		if err := f.Close(); err != nil {
			panic(err)
		}
	}
	write := func(w io.Writer, b []byte) {
		if _, err := w.Write(b); err != nil {
			panic(err)
		}
	}
	lines := func(name string, n int, line func(int) []byte) {
		file(name, func(w io.Writer) {
			for i := range n {
				write(w, append(line(i), '\n'))
			}
		})
		if name[:5] == "data/" {
			m.Counts[name] = n
		}
	}
	lines(dossier.InteractionsFile, len(d.Rows), func(i int) []byte { return slices.Clip(d.Rows[i]) })
	lines(dossier.FindingsFile, len(d.Findings), func(i int) []byte { return slices.Clip(d.Findings[i]) })
	lines(dossier.SessionsFile, len(d.Sessions), func(i int) []byte { return Marshal(d.Sessions[i]) })
	lines(dossier.SamplingFile, len(d.Sampling), func(i int) []byte { return Marshal(d.Sampling[i]) })
	lines(dossier.ErasuresFile, len(d.Erasures), func(i int) []byte { return Marshal(d.Erasures[i]) })
	lines(dossier.SealsFile, len(d.Seals), func(i int) []byte { return Marshal(d.Seals[i]) })
	lines(dossier.EntriesFile, len(d.Entries), func(i int) []byte { return Marshal(d.Entries[i]) })
	file(dossier.CheckpointFile, func(w io.Writer) { write(w, d.Checkpoint) })
	file(dossier.PublicKeyFile, func(w io.Writer) { write(w, []byte(d.Public+"\n")) })
	for _, index := range slices.Sorted(maps.Keys(d.Proofs)) {
		file(fmt.Sprintf("%s/%d.tlog-proof", dossier.ProofsDir, index), func(w io.Writer) { write(w, d.Proofs[index].Marshal()) })
	}
	for _, name := range slices.Sorted(maps.Keys(d.Files)) {
		file(name, func(w io.Writer) { write(w, d.Files[name]) })
	}
	if d.Counts != nil {
		m.Counts = d.Counts
	}
	if err := w.Close(&m, func(manifest []byte) ([]byte, error) { return dossier.Sign(manifest, signer) }); err != nil {
		panic(err)
	}
	return out.Bytes()
}
