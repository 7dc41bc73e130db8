package main

import (
	"context"
	"strings"

	"mingjian/audit/evidence"
	"mingjian/audit/review"
	"mingjian/audit/sampling"
	"mingjian/audit/store"
	"mingjian/policies"
)

// sampler is what brings sessions to people: it draws the lots and opens the review tasks. The notary commits
// to each day's key before the day begins.
func (a auditService) sampler(ctx context.Context, notary *evidence.Notary, reviews *review.Reviews) (*sampling.Sampler, error) {
	plans, err := policies.LoadSampling(ctx, policies.Builtin())
	if err != nil {
		return nil, err
	}
	return sampling.New(ctx, sampling.Options{
		Store: a.db, Record: a.record, Notary: notary, Tasks: desk{reviews}, Results: reviews,
		Plans: plans, Rules: a.rules.Bundle().Rules, Poll: a.casework.LookEvery, Log: a.log,
	})
}

// desk turns what sampling picks into review tasks.
type desk struct{ reviews *review.Reviews }

// Open opens the picks' tasks in the caller's transaction.
func (d desk) Open(ctx context.Context, tx *store.Tx, picks []sampling.Pick) error {
	tasks := make([]review.NewTask, len(picks))
	for i, p := range picks {
		tasks[i] = asTask(p)
	}
	return d.reviews.Open(ctx, tx, tasks)
}

// Missing finds the picks without a task.
func (d desk) Missing(ctx context.Context, picks []sampling.Pick) ([]sampling.Pick, error) {
	ids, of := make([]string, len(picks)), map[string]sampling.Pick{}
	for i, p := range picks {
		ids[i] = asTask(p).ID()
		of[ids[i]] = p
	}
	without, err := d.reviews.Missing(ctx, ids)
	if err != nil {
		return nil, err
	}
	missing := make([]sampling.Pick, len(without))
	for i, id := range without {
		missing[i] = of[id]
	}
	return missing, nil
}

// spoken is the language that a conversation is most likely held in, by the customer's country: sources
// do not report it, and inspectors are found by it.
var spoken = map[string]string{"CN": "zh", "ES": "es", "US": "en", "KR": "ko"}

// country is a jurisdiction without its region.
func country(jurisdiction string) string {
	code, _, _ := strings.Cut(jurisdiction, "-")
	return code
}

// asTask is the review of a pick.
func asTask(p sampling.Pick) review.NewTask {
	t := review.NewTask{
		Key: p.ID, Tenant: p.Tenant, BusinessLine: p.BusinessLine, Channel: p.Channel, BotVersion: p.BotVersion,
		Jurisdiction: p.Jurisdiction, Language: spoken[country(p.Jurisdiction)], SessionID: p.SessionID, LotID: p.LotID, Kind: review.Kind(p.Kind),
		Reason: p.Reason, ClosedAt: p.ClosedAt, ReasonAt: p.ReasonAt,
	}
	// A conversation that the record heard of long after it ended is due from then on.
	if p.Due.After(t.Due()) {
		t.ReasonAt = p.Due.Add(-review.DueAfter)
	}
	return t
}
