package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"firehose/internal/block"
	"firehose/internal/disk"
	stored "firehose/internal/log"
	"firehose/internal/log/segment"
)

const logUsage = `Looks at the log's files, also while a server uses them. Nothing is changed.

Usage: firehose log inspect [--blocks] [--json] DIR   lists segments, and their blocks
       firehose log verify [--json] DIR               checks every block; exit status 1 if one is damaged

DIR is the data folder (or the folder "log" in it).
`

func runLog(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("log", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print one JSON object a line")
	blocks := flags.Bool("blocks", false, "list every block too, before its segment")
	flags.Usage = func() { fmt.Fprint(flags.Output(), logUsage) }
	if len(args) == 0 || args[0] != "inspect" && args[0] != "verify" {
		if err := parseFlags(flags, args); err != nil {
			return err
		}
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
	var total logTotal
	v := segment.Visitor{Segment: func(r segment.Report) error {
		total.add(r)
		if args[0] == "inspect" || len(r.Damage) > 0 {
			show(*asJSON, r, func() { printSegment(r) })
		}
		return nil
	}}
	if *blocks && args[0] == "inspect" {
		v.Entry = func(log, file string, offset int64, e stored.Entry) error {
			b := describeBlock(log, file, offset, e)
			show(*asJSON, b, func() { b.print() })
			return nil
		}
	}
	if err := segment.Inspect(disk.OS, dir, v); err != nil {
		return err
	}
	if total.segments == 0 && filepath.Base(dir) != "log" {
		return fmt.Errorf("%s holds no log; want the data folder, or the folder \"log\" in it", dir)
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

func show(asJSON bool, value any, print func()) {
	if asJSON {
		json.NewEncoder(os.Stdout).Encode(value)
		return
	}
	print()
}

// storedBlock is a block as it is listed.
type storedBlock struct {
	Log     string    `json:"log"`
	File    string    `json:"file"`
	Offset  int64     `json:"offset"`
	Number  uint64    `json:"number"`
	Time    time.Time `json:"time"`
	Bytes   int       `json:"bytes"` // as stored
	Records int       `json:"records"`
	Data    int       `json:"data"`     // bytes of the records
	DataKey uint32    `json:"data_key"` // that encrypts it; 0 for none
}

func describeBlock(log, file string, offset int64, e stored.Entry) storedBlock {
	b := storedBlock{Log: log, File: file, Offset: offset, Number: e.Number, Time: e.Time, Bytes: len(e.Body)}
	b.Records, b.Data, b.DataKey, _ = block.Describe(e.Body) // zeros for bytes that are no block
	return b
}

func (b storedBlock) print() {
	fmt.Printf("  block %d  %s  %d records of %d bytes, stored in %d bytes at offset %d", b.Number, b.Time.Format(time.RFC3339Nano), b.Records, b.Data, b.Bytes, b.Offset)
	if b.DataKey != 0 {
		fmt.Printf(", encrypted with data key %d", b.DataKey)
	}
	fmt.Println()
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
