// Command mingjian keeps every interaction of an AI customer service, checks each one against the
// regulations and shows what was found. It is one binary: the servers it needs by default are
// started as processes of its own.
//
// Nothing is decided here. Each command parses its flags, wires packages together and waits: the
// packages do the work and can be embedded without this command.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"mingjian/collector"
	"mingjian/dashboards"
	"mingjian/deploy/embedded"
)

// cli is the command line: one field per command, in the order of the help.
type cli struct {
	Config   kong.ConfigFlag `help:"YAML file with flag values; flags and MINGJIAN_* variables win." placeholder:"FILE" env:"MINGJIAN_CONFIG"`
	LogLevel slog.Level      `help:"Least level that is logged to standard error: debug, info, warn, error." default:"info"`

	Up         upCommand         `cmd:"" help:"Run everything on this machine: broker, ClickHouse, collector, console."`
	Collect    collectCommand    `cmd:"" help:"Run a collector against your own Kafka and ClickHouse."`
	Serve      serveCommand      `cmd:"" help:"Run the console and API against your own Kafka and ClickHouse."`
	ClickHouse clickhouseCommand `cmd:"" name:"clickhouse" help:"Run the embedded ClickHouse engine alone."`
	Kafka      kafkaCommand      `cmd:"" help:"Run the embedded broker alone."`
	Import     importCommand     `cmd:"" help:"Send conversations from files into the stream."`
	Simulate   simulateCommand   `cmd:"" help:"Play the scenarios as a contact centre into the stream."`
	SQL        sqlCommand        `cmd:"" name:"sql" help:"Read the record with a SQL query."`
	Policy     policyCommand     `cmd:"" help:"List and check the rules."`
	Audit      auditCommand      `cmd:"" help:"Check what the audit service did."`
	Export     exportCommand     `cmd:"" help:"Write the record of a tenant and a period as a package that a regulator can check."`
	Verify     verifyCommand     `cmd:"" help:"Check a regulator's package, offline."`
	Replay     rejectsCommand    `cmd:"" name:"replay-rejects" help:"Send refused messages into the stream again, after a fix."`
	Dashboards dashboardsCommand `cmd:"" help:"Build, check and push Grafana's dashboards and alerts."`
	Doctor     doctorCommand     `cmd:"" help:"Say whether a system is healthy and complete."`
	Bench      benchCommand      `cmd:"" help:"Measure what this machine does, with yardsticks beside."`
	BenchCopy  benchCopyCommand  `cmd:"" hidden:"" name:"bench-copy"`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

func main() {
	// SIGHUP is a terminal that was closed: a reason to stop in order like the others.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // who interrupts twice does not want to wait
	os.Exit(run(ctx, os.Args[1:]))
}

// run parses and runs one command line and returns the exit code: 0, 1 for a failure, 2 for a
// command line that cannot be understood.
func run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var c cli
	command, err := parser(&c).Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "mingjian: %v (see 'mingjian --help')\n", err)
		return 2
	}
	os.Setenv("MINGJIAN_LOG_LEVEL", c.LogLevel.String()) // for the servers that up starts
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	command.BindTo(ctx, (*context.Context)(nil))
	command.Bind(log)
	if err := command.Run(); err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return 130 // interrupted by the user, as a shell counts it
		}
		if !errors.Is(err, errReported) {
			fmt.Fprintln(os.Stderr, "mingjian:", err)
		}
		if e, ok := errors.AsType[*exit](err); ok {
			return e.code
		}
		return 1
	}
	return 0
}

// parser reads a command line into c.
func parser(c *cli) *kong.Kong {
	return kong.Must(c,
		kong.Name("mingjian"),
		kong.Description("明鉴 Mingjian: compliance and quality audit for AI customer service."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.DefaultEnvars("MINGJIAN"),
		kong.Vars{
			"listen": defaultListen, "kafka_listen": embedded.DefaultKafkaListen, "clickhouse_listen": embedded.DefaultClickHouseListen,
			"group": collector.DefaultGroup, "console_url": dashboards.DefaultConsole,
		},
		kong.Configuration(yamlFile),
	)
}

// errReported fails a command whose output has already said what is wrong.
var errReported = errors.New("failed as reported")
