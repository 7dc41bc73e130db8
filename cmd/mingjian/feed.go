package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"mingjian/collector"
	"mingjian/collector/intake"
	"mingjian/collector/scenario"
	"mingjian/policies"
)

type importCommand struct {
	where
	Files []string `arg:"" name:"file" help:"NDJSON, a JSON array or one object each; '-' is standard input."`
	JSON  bool     `help:"Print the summary as JSON." env:"-"`
}

func (*importCommand) Help() string {
	return "Every line is one event of the event model. Importing a file twice adds nothing.\n\nExample:\n  mingjian import conversations.jsonl"
}

// Run sends the files and says what became of every event.
func (c *importCommand) Run(ctx context.Context) error {
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	producer := intake.NewProducer(cluster, collector.InteractionsTopic)
	defer producer.Close()
	summary, err := intake.Import(ctx, producer, c.Files, intake.ImportOptions{Progress: os.Stderr})
	for _, line := range summary.Refused {
		fmt.Fprintln(os.Stderr, "not sent:", line)
	}
	if more := summary.SuspectCount - len(summary.Suspect); more > 0 {
		defer fmt.Fprintf(os.Stderr, "sent, but the collector will reject it: %d more\n", more)
	}
	for _, line := range summary.Suspect {
		fmt.Fprintln(os.Stderr, "sent, but the collector will reject it:", line)
	}
	if c.JSON {
		if e := printJSON(summary); e != nil && err == nil {
			err = e
		}
	} else {
		fmt.Printf("%d events read, %d sent, %d refused\n", summary.Read, summary.Sent, len(summary.Refused))
		if n := summary.SuspectCount; n > 0 {
			fmt.Printf("%d of those sent are not events: they will stand among the rejects, with the reason\n", n)
		}
		if console := c.console(); console != "" && summary.Sent > summary.SuspectCount {
			fmt.Printf("See what is found: %s/findings?period=all\n", console)
		}
	}
	if err == nil && len(summary.Refused) > 0 {
		return errReported
	}
	return err
}

type simulateCommand struct {
	where
	ruled
	Sessions          int           `help:"Sessions before now." default:"400"`
	History           time.Duration `help:"The time they are spread over." default:"8h"`
	Before            time.Duration `help:"Let the history end that long ago, so that its last sessions, which go on after it, are over too." default:"0s"`
	Live              bool          `help:"Go on with new sessions in real time until interrupted."`
	SessionsPerMinute float64       `help:"Pace of --live." default:"10"`
	Seed              uint64        `help:"Seed of all choices." default:"1"`
	JSON              bool          `help:"Print the summary as JSON." env:"-"`
}

func (*simulateCommand) Help() string {
	return "What was planted stands in each session's labels.\n\nExample:\n  mingjian simulate --sessions 2000 --history 24h --seed 7"
}

// Run plays the scenarios into the stream.
func (c *simulateCommand) Run(ctx context.Context) error {
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	bundle, err := c.source().Load()
	if err != nil {
		return err
	}
	player, err := scenario.Demo(ctx, bundle, policies.Builtin(), scenario.PlayOptions{
		Seed: c.Seed, Now: time.Now().Add(-c.Before), Sessions: c.Sessions, History: c.History, Live: c.Live, SessionsPerMinute: c.SessionsPerMinute,
	})
	if err != nil {
		return err
	}
	producer := intake.NewProducer(cluster, collector.InteractionsTopic)
	defer producer.Close()
	sent, err := intake.Simulate(ctx, producer, player, time.Now)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(map[string]int{"sessions": c.Sessions, "interactions": sent})
	}
	fmt.Printf("%d sessions, %d interactions\n", c.Sessions, sent)
	return nil
}
