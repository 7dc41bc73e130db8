package export

import (
	"cmp"
	"context"
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mingjian/audit/export/dossier"
	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/replay"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// sessionLine is a line of data/sessions.jsonl: a session with an event in the period.
type sessionLine struct {
	dossier.Session `json:",inline"`
	Rows            int            `json:"rows"` // of it in the package
	First           int64          `json:"first_at"`
	Last            int64          `json:"last_at"`
	Channel         string         `json:"channel"`
	BusinessLine    string         `json:"business_line"`
	BotVersion      string         `json:"bot_version"`
	Jurisdiction    string         `json:"jurisdiction"`
	Findings        []string       `json:"findings,omitempty"` // that stand
	NotAssessed     []notAssessed  `json:"not_assessed,omitempty"`
	Facts           jsontext.Value `json:"facts,omitempty"` // as of the package's recorded_by; what is not there is zero
	Revision        string         `json:"policy_revision,omitempty"`
	// Unsettled says why there are no facts.
	Unsettled string `json:"unsettled,omitempty"`
}

type notAssessed struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
}

// settled is how long after a moment a snapshot may have been written that says how a session stood then, in
// milliseconds: as long as the warehouse gives one insert to be answered.
const settled = 10 * 60 * 1000

// writeSessions writes what was checked. The newest state of a session says how it stood at the package's
// moment unless something came later; then the session is inspected again, from its rows and by the rules of
// that time.
func (p *packing) writeSessions(ctx context.Context) error {
	standing := map[string][]string{}
	for _, f := range p.found {
		if f.standing {
			standing[f.session] = append(standing[f.session], f.id)
		}
	}
	var ids []string
	for id, t := range p.sessions {
		if t.inside > 0 {
			ids = append(ids, id)
		}
		t.findings = int32(len(standing[id]))
	}
	slices.Sort(ids)
	p.figures = newFigures()
	judges := &judges{record: p.Record, of: map[string]*inspect.Inspector{}}
	return p.lines(dossier.SessionsFile, func(put func(any) error) error {
		next := 0
		write := func(s *warehouse.ExportSession) error {
			id := ids[next]
			next++
			line, err := p.sessionLine(ctx, judges, id, s)
			if err != nil {
				return fmt.Errorf("session %s: %w", id, err)
			}
			line.Findings = slices.Sorted(slices.Values(standing[id]))
			p.figures.session(line)
			return put(line)
		}
		err := p.Record.ExportSessions(ctx, p.Topic, p.scope.Tenant, p.scope.From, p.scope.To, func(s *warehouse.ExportSession) error {
			for next < len(ids) && ids[next] < s.SessionID {
				if err := write(nil); err != nil {
					return err
				}
			}
			if next < len(ids) && ids[next] == s.SessionID {
				return write(s)
			}
			return nil
		})
		for err == nil && next < len(ids) {
			err = write(nil)
		}
		return err
	})
}

func (p *packing) sessionLine(ctx context.Context, judges *judges, id string, s *warehouse.ExportSession) (*sessionLine, error) {
	t := p.sessions[id]
	line := &sessionLine{
		Session: dossier.Session{SessionID: id, Events: int(t.events)}, Rows: int(t.events), First: t.first, Last: t.last,
		Channel: t.channel, BusinessLine: t.line, BotVersion: t.version, Jurisdiction: t.place,
	}
	c := p.partition(int(t.partition))
	if s != nil && s.Partition == c.partition && s.LastOffset <= c.cut() && !s.Pending && s.Recorded <= p.scope.RecordedBy+settled {
		line.Events, line.Facts, line.Revision = s.Events, jsontext.Value(s.Facts), s.Revision
		for _, n := range s.NotAssessed {
			line.NotAssessed = append(line.NotAssessed, notAssessed{n.Rule, n.Reason})
		}
		return line, line.tidy()
	}
	rows, err := p.Record.Events(ctx, p.scope.Tenant, id)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r warehouse.Interaction) bool {
		return r.Topic != p.Topic || r.Partition != c.partition || r.Offset > c.cut()
	})
	if len(rows) == 0 {
		line.Unsettled = "it is another tenant's by now"
		return line, nil
	}
	last := slices.MaxFunc(rows, func(a, b warehouse.Interaction) int { return cmp.Compare(a.Offset, b.Offset) })
	l, ok := c.at(last.Offset)
	if !ok {
		line.Unsettled = "it has events of before there was evidence"
		return line, nil
	}
	judge, err := judges.inspector(ctx, l.Header.Revision)
	if err != nil {
		return nil, err
	}
	line.Events = len(rows)
	if judge == nil {
		line.Unsettled = "it changed later, and this version of the program cannot inspect it by policy revision " + l.Header.Revision
		return line, nil
	}
	again := replay.Session{Tenant: p.scope.Tenant, ID: id}
	for i := range rows {
		r := &rows[i]
		e, err := event.FromStored(r.Body, r.Text, r.TextBytes, r.Flags, "", r.Extra)
		if err != nil {
			return nil, err
		}
		again.Events = append(again.Events, inspect.Placed{Event: e, Offset: r.Offset})
	}
	state, err := again.Stand(ctx, judge, p.scope.RecordedBy)
	if err != nil {
		return nil, err
	}
	line.Revision = l.Header.Revision
	for _, n := range state.NotAssessed {
		line.NotAssessed = append(line.NotAssessed, notAssessed{n.Rule, n.Reason})
	}
	if line.Facts, err = json.Marshal(&state.Facts, json.OmitZeroStructFields(true)); err != nil {
		return nil, err
	}
	return line, line.tidy()
}

// tidy brings what has no order of its own into one.
func (l *sessionLine) tidy() error {
	slices.SortFunc(l.NotAssessed, func(a, b notAssessed) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason))
	})
	if len(l.Facts) == 0 {
		return nil
	}
	if err := l.Facts.Canonicalize(); err != nil {
		return fmt.Errorf("its facts: %w", err)
	}
	return nil
}

// judges inspect sessions by the policies of their time.
type judges struct {
	record Record
	of     map[string]*inspect.Inspector
}

// inspector is of an archived revision; nil where this program is of another fold, or the archive has none.
func (j *judges) inspector(ctx context.Context, revision string) (*inspect.Inspector, error) {
	if i, ok := j.of[revision]; ok {
		return i, nil
	}
	j.of[revision] = nil
	b, err := archived(ctx, j.record, revision)
	if err != nil || b == nil {
		return nil, err
	}
	i, err := inspect.New(b)
	if err != nil {
		return nil, err
	}
	j.of[revision] = i
	return i, nil
}

// archived loads a revision from the record; nil where it is not there, or this program would not judge by it
// as the one did that kept it.
func archived(ctx context.Context, record Record, revision string) (*policies.Bundle, error) {
	files, fold, err := archivedFiles(ctx, record, revision)
	if err != nil || files == nil || fold != policies.FoldVersion {
		return nil, err
	}
	source, err := policies.Archived(files)
	if err != nil {
		return nil, err
	}
	b, err := policies.Load(source)
	if err != nil {
		return nil, fmt.Errorf("load archived policies %s: %w", revision, err)
	}
	if b.Revision != revision {
		return nil, nil
	}
	return b, nil
}

func archivedFiles(ctx context.Context, record Record, revision string) (files map[string][]byte, fold int, err error) {
	kept, ok, err := record.Policies(ctx, revision)
	if err != nil || !ok {
		return nil, 0, err
	}
	var packed map[string]string
	if err := stdjson.Unmarshal([]byte(kept.Files), &packed); err != nil {
		return nil, 0, fmt.Errorf("read archived policies %s: %w", revision, err)
	}
	files = map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(packed)) {
		if files[name], err = base64.StdEncoding.DecodeString(packed[name]); err != nil {
			return nil, 0, fmt.Errorf("read archived policies %s: %s: %w", revision, name, err)
		}
	}
	return files, kept.Fold, nil
}
