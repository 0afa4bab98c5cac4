package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"firehose/internal/disk"
	"firehose/internal/log/segment"
)

const logUsage = `Looks at the log's files, also while a server uses them. Nothing is changed.

Usage: firehose log inspect [--json] DIR   lists segments: their blocks, times, sizes
       firehose log verify [--json] DIR    checks every block; exit status 1 if one is damaged

DIR is the data folder (or the folder "log" in it).
`

func runLog(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("log", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print one JSON object a segment")
	flags.Usage = func() { fmt.Fprint(flags.Output(), logUsage) }
	if len(args) == 0 || args[0] != "inspect" && args[0] != "verify" {
		flags.Usage()
		return errUsage
	}
	dir, err := parse(flags, args[1:], "folder")
	if err != nil {
		return err
	}
	if below := filepath.Join(dir, "log"); isFolder(below) {
		dir = below
	}
	print := printSegment
	if *asJSON {
		print = func(r segment.Report) { json.NewEncoder(os.Stdout).Encode(r) }
	}
	var total logTotal
	err = segment.Inspect(disk.OS, dir, func(r segment.Report) error {
		total.add(r)
		if args[0] == "inspect" || len(r.Damage) > 0 {
			print(r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !*asJSON {
		fmt.Printf("%d segments, %d blocks, %d bytes; %d damaged pieces, %d bytes of unfinished appends\n",
			total.segments, total.blocks, total.bytes, total.damaged, total.tails)
	}
	if args[0] == "verify" && total.damaged > 0 {
		return fmt.Errorf("%d pieces of the log are damaged", total.damaged)
	}
	return nil
}

// logTotal sums segments up.
type logTotal struct {
	segments, blocks, damaged int
	bytes, tails              int64
}

func (t *logTotal) add(r segment.Report) {
	t.segments++
	t.blocks += r.Entries
	t.damaged += len(r.Damage)
	t.bytes += r.Bytes
	t.tails += r.Tail
}

func printSegment(r segment.Report) {
	fmt.Printf("%s/%s  %d bytes, began %s", r.Log, r.File, r.Bytes, r.Began.Format(time.RFC3339))
	if r.Entries > 0 {
		fmt.Printf(", %d blocks %d to %d, %s to %s", r.Entries, r.First, r.Last, r.FirstTime.Format(time.RFC3339Nano), r.LastTime.Format(time.RFC3339Nano))
	}
	if r.Tail > 0 {
		fmt.Printf(", then %d bytes of an unfinished append", r.Tail)
	}
	fmt.Println()
	for _, d := range r.Damage {
		fmt.Printf("  damaged: %d bytes at offset %d, blocks %d to before %d\n", d.Bytes, d.Offset, d.First, d.Next)
	}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
