// Package indicator computes the numbers that a service as a whole is held to: how many conversations
// break off, how many requests for a person are answered, whether every bot text is labelled.
//
//	record ──which days were touched?──► days of a tenant's zone
//	days ──count in ClickHouse──► tallies ──interval──► policies.Indicator
//	     ──Engine.Judge──► row of table indicators, finding of level indicator
//
// There is one number per indicator, tenant, business line and day; of a monthly one, each day has the
// month so far. A day is computed again as long as something is written that belongs to it, however
// late: the row gets a new version where it differs, and a finding that no longer follows is withdrawn.
// Computing again what has not changed writes nothing, and several processes may compute at once.
//
// What is judged is the number; the 95 % interval is shown beside it. It is not promised that a number sees what the
// source does not report: each rule's description says what it cannot see. Days of before the last 35
// are computed only where something of them was written within the last 35 days.
package indicator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

const (
	// reach is how far back written rows are taken in when the first round begins, or the first under
	// another revision: a month that goes on, and some days of grace for what comes late.
	reach = 35 * 24 * time.Hour
	// overlap is how far a round goes back behind the one before it: an insert may have begun then and
	// have become visible later. It is the time after which the record gives a statement up.
	overlap = 10 * time.Minute
	// echo is how many days before a touched one can change with it: a customer comes back within 72 hours.
	echo = 3
	// rest is how many times as long as a round took the next one waits: over a large record the
	// numbers come later, and take a twentieth of a core at most.
	rest = 20
	// idle is the pause after a round that wrote nothing: soon enough for somebody who imports a file, or starts
	// the demo, and looks.
	idle = 5 * time.Second
)

// Options are what a Service needs.
type Options struct {
	Record *warehouse.Store
	Rules  func() *policies.Bundle // the revision in force
	Now    func() time.Time
	Every  time.Duration // from a round that wrote something to the next, at least; longer where rounds take long
	Log    *slog.Logger
}

// Service computes indicators.
type Service struct {
	Options

	engine   *policies.Engine
	bundle   *policies.Bundle
	taken    time.Time // rows written until then, by the server's clock, are taken in; zero: none
	lookedAt time.Time // when that round began, by our clock
	wrote    bool      // the newest round wrote something
}

// New makes a Service; nothing is computed yet.
func New(o Options) *Service { return &Service{Options: o} }

// Run computes round after round until ctx ends. A round that fails is logged, and made up for by the next.
func (s *Service) Run(ctx context.Context) error {
	for {
		began := s.Now()
		err := s.prepare(ctx)
		if err == nil {
			began = s.Now() // what was prepared is once for each revision, and not what a round takes
			err = s.Compute(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "indicators could not be computed; the next round makes up for it", "error", err)
		}
		pause := s.Every
		if err == nil && !s.wrote {
			pause = min(pause, idle)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(pause, rest*s.Now().Sub(began))):
		}
	}
}

// Compute is one round: every number that may have changed since the last one. It is not to be called
// by two goroutines at once.
func (s *Service) Compute(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.wrote = false
	began, err := s.Record.Now(ctx)
	if err != nil {
		return fmt.Errorf("indicators: %w", err)
	}
	now := s.Now()
	written, due := s.taken.Add(-overlap), s.lookedAt
	if s.taken.IsZero() {
		written, due = began.Add(-reach), now.Add(-reach)
	}
	tenants, err := s.Record.IndicatorTenants(ctx)
	if err != nil {
		return fmt.Errorf("indicators: %w", err)
	}
	var faults []error
	for _, tenant := range tenants {
		if err := s.tenant(ctx, tenant, warehouse.Touched{Written: written.UnixMilli(), DueSince: due.UnixMilli(), Now: now.UnixMilli()}); err != nil {
			faults = append(faults, fmt.Errorf("indicators of tenant %s: %w", tenant, err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	s.taken, s.lookedAt = began, now
	return nil
}

// prepare makes the rules in force ready; under others than before everything is computed again.
func (s *Service) prepare(ctx context.Context) error {
	b := s.Rules()
	if s.bundle != nil && s.bundle.Revision == b.Revision {
		return nil
	}
	engine, err := policies.NewEngine(ctx, b)
	if err != nil {
		return fmt.Errorf("indicators: %w", err)
	}
	s.engine, s.bundle, s.taken = engine, b, time.Time{}
	return nil
}

// tenant computes a tenant's touched days.
func (s *Service) tenant(ctx context.Context, tenant string, t warehouse.Touched) error {
	zone := s.bundle.Zone(tenant)
	days, err := s.Record.TouchedDays(ctx, tenant, zone, t)
	if err != nil {
		return err
	}
	for _, run := range runs(days) {
		if err := s.run(ctx, warehouse.Days{Tenant: tenant, Zone: zone, First: run.first, Last: run.last}, t.Now); err != nil {
			return fmt.Errorf("days %s to %s: %w", run.first.Format(time.DateOnly), run.last.Format(time.DateOnly), err)
		}
	}
	return nil
}

// run computes every indicator over a run of days, writes what differs from what is recorded, and takes
// back what is no longer there.
func (s *Service) run(ctx context.Context, days warehouse.Days, now policies.Millis) error {
	month := days // a touched day changes the rest of its month
	month.Last = monthEnd(days.Last)
	recorded, err := s.Record.Indicators(ctx, month)
	if err != nil {
		return err
	}
	known := map[key]warehouse.Indicator{}
	for _, row := range recorded {
		known[keyOf(row)] = row
	}
	var changed changes
	for _, d := range definitions {
		if _, ok := s.bundle.Rule(d.name); !ok {
			continue // taken out of the packs; what it left is taken back below
		}
		counts, err := d.of(ctx, s, days, now)
		if err != nil {
			return err
		}
		for _, c := range counts {
			row, err := s.judge(ctx, d, days, c, known, &changed)
			if err != nil {
				return err
			}
			delete(known, keyOf(row))
		}
	}
	for _, was := range known {
		if was.Period == daily && was.Day.After(days.Last) || was.State == warehouse.Empty {
			continue
		}
		if err := s.empty(ctx, was, &changed); err != nil {
			return err
		}
	}
	s.wrote = s.wrote || len(changed.rows) > 0
	return s.Record.WriteIndicators(ctx, changed.rows, changed.findings)
}
