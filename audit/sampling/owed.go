package sampling

import (
	"context"

	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

// checkMandatory checks that every session that must be reviewed was picked.
func (c *verifying) checkMandatory(ctx context.Context) error {
	for tenant, p := range c.progress {
		if c.tenant != "" && c.tenant != tenant {
			continue
		}
		d := day{p.terms.Zone, c.day}
		found, err := readGrounds(ctx, c.Record, c.systemic, warehouse.ReasonQuery{
			Tenant: tenant, From: max(d.begins().UnixMilli(), p.first.UnixMilli()), To: d.ends().UnixMilli(),
		})
		if err != nil {
			return err
		}
		picked := map[string]bool{}
		err = c.Store.Read(ctx, func(tx *store.Tx) error {
			rows, err := tx.QueryContext(ctx, `SELECT id FROM sampling_picks WHERE tenant = $1 AND closed_ms >= $2 AND closed_ms < $3 AND kind <> $4`,
				tenant, d.begins().UnixMilli(), d.ends().UnixMilli(), Sample)
			if err != nil {
				return err
			}
			return eachRow(rows, func() error {
				var id string
				err := rows.Scan(&id)
				picked[id] = true
				return err
			})
		})
		if err != nil {
			return err
		}
		c.out.Picks += len(picked)
		c.missingPicks(p.terms, found, picked)
	}
	return nil
}

func (c *verifying) missingPicks(terms Terms, found []grounds, picked map[string]bool) {
	named := map[string]bool{}
	missing := func(g grounds, r warehouse.Reason, id, text string) {
		// What was recorded after the last look is picked at the next one.
		if picked[id] || named[id] || max(r.Known, g.Recorded) > c.marked {
			return
		}
		named[id] = true
		c.problem("session:"+g.SessionID, "%s (%s) and there is no pick %s", text, r.What, id)
	}
	for _, g := range found {
		if g.own != nil {
			missing(g, *g.own, mandatoryID(g.ClosedSession), "the session must be reviewed")
		}
		for _, r := range g.systemic {
			missing(g, r, terms.systemicID(r), "a session of bot version "+g.BotVersion+" must be reviewed for this day")
		}
	}
}

// checkTasks checks that the day's picks have review tasks.
func (c *verifying) checkTasks(ctx context.Context) error {
	if c.Opened == nil {
		return nil
	}
	var all []Pick
	err := c.Store.Read(ctx, func(tx *store.Tx) error {
		for _, l := range c.lots {
			picks, err := picksOf(ctx, tx, `lot_id = $1`, l.ID)
			if err != nil {
				return err
			}
			all = append(all, picks...)
		}
		for tenant, p := range c.progress {
			if c.tenant != "" && c.tenant != tenant {
				continue
			}
			d := day{p.terms.Zone, c.day}
			picks, err := picksOf(ctx, tx, `tenant = $1 AND closed_ms >= $2 AND closed_ms < $3 AND lot_id = ''`, tenant, d.begins().UnixMilli(), d.ends().UnixMilli())
			if err != nil {
				return err
			}
			all = append(all, picks...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	missing, err := c.Opened.Missing(ctx, all)
	if err != nil {
		return err
	}
	for _, p := range missing {
		c.problem("pick:"+p.ID, "session %s was picked and has no review task", p.SessionID)
	}
	return nil
}
