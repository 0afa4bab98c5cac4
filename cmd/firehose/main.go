// Firehose captures records the moment they happen, keeps them durably, and delivers them in batches.
//
// This is the one binary: each subcommand is a file of this folder.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// command is a subcommand. Its run returns what went wrong, to be printed in one line.
type command struct {
	name string
	help string
	run  func(ctx context.Context, args []string) error
}

// commands in the order in which a newcomer meets them.
func commands() []command {
	return []command{
		{"demo", "Show the whole way once: start, send a sample, deliver it to a folder, check that all is there.", runDemo},
		{"serve", "Run the service.", runServe},
		{"put", "Put the events of a file into a stream: firehose put NAME FILE.", runPut},
		{"keys", "Make, list and revoke API keys: firehose keys create|list|revoke.", runKeys},
		{"streams", "Make, compare and show streams by their documents: firehose streams apply FILE.", runStreams},
		{"test", "Try the destinations of a document before it is applied: firehose test FILE.", runTest},
		{"ping", "Send an event to a stream's destinations and show every stage: firehose ping NAME.", runPing},
		{"flush", "Deliver what a stream holds, now: firehose flush NAME.", runFlush},
		{"errors", "Look at what could not be processed, and put it again: firehose errors NAME.", runErrors},
		{"destinations", "Say where a stream's destinations stand, pause and resume one: firehose destinations NAME.", runDestinations},
		{"replay", "Deliver a part of a stream's history once more: firehose replay NAME.", runReplay},
		{"record", "Say where a record stands: firehose record ID.", runRecord},
		{"schema", "Propose a table for records: firehose schema infer FILE.", runSchema},
		{"bench", "Measure the service: firehose bench put|e2e|idle|all.", runBench},
		{"log", "Look at the log's files: firehose log inspect|verify DIR.", runLog},
		{"version", "Print the version.", runVersion},
	}
}

// errUsage asks for exit status 2; what was wrong has been printed.
var errUsage = errors.New("usage")

// unexpected says that a subcommand takes no such argument.
func unexpected(command, argument string) error {
	fmt.Fprintf(os.Stderr, "firehose %s: unexpected argument %q; see firehose %s --help\n", command, argument, command)
	return errUsage
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:]))
}

// run runs one subcommand and returns the exit status: 0 for success, 1 for failure, 2 for a wrong call.
func run(ctx context.Context, args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(os.Stdout)
		return 0
	}
	if args[0] == "--version" || args[0] == "-version" {
		args = []string{"version"}
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:])
		switch {
		case err == nil:
			return 0
		case errors.Is(err, errUsage):
			return 2
		case errors.Is(err, errDifferent):
			return 1
		}
		fmt.Fprintf(os.Stderr, "firehose %s: %v\n", c.name, err)
		return 1
	}
	fmt.Fprintf(os.Stderr, "firehose: there is no command %q\n\n", args[0])
	usage(os.Stderr)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Firehose captures records, keeps them durably, and delivers them in batches.\n\nUsage: firehose COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-12s %s\n", c.name, c.help)
	}
	fmt.Fprint(w, "\nEvery command explains itself with --help.\n")
}

func runVersion(context.Context, []string) error {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				version += " " + s.Value
			}
		}
	}
	fmt.Println("firehose", version)
	return nil
}
