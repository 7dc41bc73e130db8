package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mingjian/collector/inspect"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Rules is the revision in force. It is exchanged whole while collectors run: each batch is judged and
// sealed under one revision, and a session that is open then is judged under the new one from its next
// event or deadline on. It is safe for many goroutines.
type Rules struct {
	mu        sync.RWMutex
	now       *ruling
	since     time.Time
	refused   error // why the newest change did not come into force; nil: it did
	refusedAt time.Time
}

// ruling is one revision, ready to judge.
type ruling struct {
	bundle    *policies.Bundle
	inspector *inspect.Inspector
	catalogue catalogue
}

// NewRules puts a revision into force.
func NewRules(b *policies.Bundle) (*Rules, error) {
	r := &Rules{}
	return r, r.Use(b)
}

// Use puts another revision into force, or returns an error, and the one in force stays.
func (r *Rules) Use(b *policies.Bundle) error {
	next := r.ruling()
	if next == nil || next.bundle.Revision != b.Revision {
		inspector, err := inspect.New(b)
		if err != nil {
			return err
		}
		next = &ruling{b, inspector, newCatalogue(b)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != next {
		r.now, r.since = next, time.Now()
	}
	r.refused, r.refusedAt = nil, time.Time{}
	return nil
}

// Refuse notes that a change did not come into force, and why.
func (r *Rules) Refuse(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused, r.refusedAt = why, time.Now()
}

// Follow exchanges the revision whenever the files of a source change, until ctx ends, and logs what
// becomes of each change. stamp is that of what is in force; see policies.Source.
func (r *Rules) Follow(ctx context.Context, source policies.Source, stamp string, every time.Duration, log *slog.Logger) {
	source.Follow(ctx, stamp, every, func(b *policies.Bundle) error {
		was := r.Bundle().Revision
		err := r.Use(b)
		if err == nil && was != b.Revision {
			log.Info("changed policies are in force", "revision", b.Revision, "before", was)
		}
		return err
	}, func(why error) {
		r.Refuse(why)
		log.Error("changed policies are refused as a whole, and the revision in force stays", "revision", r.Bundle().Revision, "error", why)
	})
}

// Bundle is the one in force; at the next call it may be another.
func (r *Rules) Bundle() *policies.Bundle { return r.ruling().bundle }

func (r *Rules) ruling() *ruling {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.now
}

// RulesHealth is which revision judges, and what was refused since.
type RulesHealth struct {
	Revision string    `json:"revision"`
	Since    time.Time `json:"since"` // when it came into force in this process
	// Refused says why the newest change did not come into force: each fault on a line of its own, with
	// file and line.
	Refused   string    `json:"refused,omitempty"`
	RefusedAt time.Time `json:"refused_at,omitzero"`
}

// Health says which revision is in force, and what was refused.
func (r *Rules) Health() RulesHealth {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h := RulesHealth{Revision: r.now.bundle.Revision, Since: r.since, RefusedAt: r.refusedAt}
	if r.refused != nil {
		h.Refused = r.refused.Error()
	}
	return h
}

// row is the revision as the record keeps it.
func (r *ruling) row(at time.Time) (*warehouse.Policies, error) {
	files, err := json.Marshal(r.bundle.Files())
	if err != nil {
		return nil, fmt.Errorf("archive policies %s: %w", r.bundle.Revision, err)
	}
	return &warehouse.Policies{Revision: r.bundle.Revision, Fold: policies.FoldVersion, At: at.UnixMilli(), Files: string(files)}, nil
}

// adopt takes the revision in force into use, until it is called again. The record has a revision's files
// before anything that it makes.
func (w *worker) adopt(ctx context.Context) error {
	now := w.Rules.ruling()
	if now == w.ruling {
		return nil
	}
	if w.recorded.Load() != now {
		row, err := now.row(w.Now())
		if err != nil {
			return err
		}
		if err := w.store(ctx, "write policies", &warehouse.Batch{Policies: row}); err != nil {
			return err
		}
		w.recorded.Store(now) // by several workers at worst, and the same each time
	}
	w.ruling = now
	return nil
}
