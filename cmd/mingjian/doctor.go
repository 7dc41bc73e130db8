package main

import (
	"context"
	"fmt"

	"mingjian/collector"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
)

type doctorCommand struct {
	where
	JSON bool `help:"Print JSON." env:"-"`
}

func (*doctorCommand) Help() string { return "Example:\n  mingjian doctor --json" }

// Run examines a system from outside and says what is wrong; it fails where anything is.
func (c *doctorCommand) Run(ctx context.Context) error {
	report := struct {
		OK     bool              `json:"ok"`
		Checks []collector.Check `json:"checks"`
	}{OK: true}
	brokers, record, err := c.reach(ctx)
	if err != nil {
		report.Checks = []collector.Check{{Name: "system", Detail: err.Error()}}
	} else {
		defer record.Close()
		report.Checks = collector.Examine(ctx, brokers, collector.InteractionsTopic, record)
	}
	for _, check := range report.Checks {
		report.OK = report.OK && check.OK
	}
	if c.JSON {
		if err := printJSON(report); err != nil {
			return err
		}
	} else {
		for _, check := range report.Checks {
			mark := "ok   "
			if !check.OK {
				mark = "FAULT"
			}
			fmt.Printf("%s  %-12s %s\n", mark, check.Name, check.Detail)
		}
	}
	if !report.OK {
		return errReported
	}
	return nil
}

func (c *doctorCommand) reach(ctx context.Context) ([]string, *warehouse.Store, error) {
	brokers, err := c.brokers()
	if err != nil {
		return nil, nil, err
	}
	record, err := c.open(ctx, embedded.ReaderUser)
	return brokers, record, err
}
