package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"firehose/internal/api"
	"firehose/internal/control"
)

const errorsUsage = `Lists and shows what a stream could not process, and puts it into the stream again.

Usage: firehose errors NAME [flags]

  firehose errors NAME                      how many error outputs there are, by type, and the list of them
  firehose errors NAME --show KEY           the records of one
  firehose errors NAME --redrive --dry-run  what would be put again
  firehose errors NAME --redrive            put it`

// errorsCommand is firehose errors with its flags.
type errorsCommand struct {
	*client
	stream  string
	kind    string
	since   string
	from    time.Time // what since means
	key     string
	records bool
	redrive bool
	dryRun  bool
	force   bool
	json    bool
	out     *bufio.Writer
}

func runErrors(ctx context.Context, args []string) error { return writeErrors(ctx, os.Stdout, args) }

// writeErrors runs the command with w for standard output.
func writeErrors(ctx context.Context, w io.Writer, args []string) (err error) {
	flags, c := newFlags("errors", errorsUsage)
	e := errorsCommand{client: c, out: bufio.NewWriter(w)}
	flags.StringVar(&e.kind, "type", "", "only error outputs of this type, such as processing-failed")
	flags.StringVar(&e.since, "since", "", "only those that begin since then: 90m, 24h, or a time such as 2026-02-03T04:05:06Z")
	flags.StringVar(&e.key, "show", "", "show the records of the error output with this key; with --redrive, put only them")
	flags.BoolVar(&e.records, "lines", false, "show the records of all of them")
	flags.BoolVar(&e.redrive, "redrive", false, "put the original records into the stream again")
	flags.BoolVar(&e.dryRun, "dry-run", false, "with --redrive: only count what would be put")
	flags.BoolVar(&e.force, "force", false, "with --redrive: also what was put before")
	flags.BoolVar(&e.json, "json", false, "write a JSON object a line")
	if e.stream, err = parse(flags, args, "name of a stream"); err != nil {
		return err
	}
	if err := e.check(time.Now()); err != nil {
		return err
	}
	switch {
	case e.redrive:
		err = e.runRedrive(ctx)
	case e.key != "":
		err = e.show(ctx, e.key)
	default:
		err = e.list(ctx)
	}
	if flushed := e.out.Flush(); err == nil {
		err = flushed
	}
	return err
}

// check checks the flags against each other.
func (e *errorsCommand) check(now time.Time) error {
	switch {
	case !e.redrive && (e.dryRun || e.force):
		return fmt.Errorf("--dry-run and --force say how to redrive: add --redrive")
	case e.key != "" && (e.kind != "" || e.since != "" || e.records):
		return fmt.Errorf("--show names one error output: leave out --type, --since and --lines")
	case e.redrive && e.records:
		return fmt.Errorf("--lines shows and --redrive puts: choose one of them")
	case e.since == "":
		return nil
	}
	if d, err := time.ParseDuration(e.since); err == nil && d >= 0 {
		e.from = now.Add(-d)
		return nil
	}
	var err error
	if e.from, err = time.Parse(time.RFC3339, e.since); err != nil {
		return fmt.Errorf("--since %q: want a duration such as 90m or 24h, or a time such as 2026-02-03T04:05:06Z", e.since)
	}
	return nil
}

func (e *errorsCommand) path() string { return "/v1/streams/" + url.PathEscape(e.stream) }

// all calls each with every error output that the flags choose.
func (e *errorsCommand) all(ctx context.Context, each func(control.ErrorOutput) error) error {
	query := url.Values{}
	if e.kind != "" {
		query.Set("type", e.kind)
	}
	if !e.from.IsZero() {
		query.Set("since", e.from.UTC().Format(time.RFC3339))
	}
	for {
		var page struct {
			Errors []control.ErrorOutput
			Next   string
		}
		if err := e.do(ctx, http.MethodGet, e.path()+"/errors", query, &page); err != nil {
			return err
		}
		for _, o := range page.Errors {
			if err := each(o); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Set("after", page.Next)
	}
}

// list prints the error outputs, a summary by type first, or their records.
func (e *errorsCommand) list(ctx context.Context) error {
	if e.records {
		return e.all(ctx, func(o control.ErrorOutput) error { return e.show(ctx, o.Key) })
	}
	if e.json {
		return e.all(ctx, func(o control.ErrorOutput) error { return json.NewEncoder(e.out).Encode(o) })
	}
	var outputs []control.ErrorOutput
	err := e.all(ctx, func(o control.ErrorOutput) error {
		outputs = append(outputs, o)
		return nil
	})
	if err != nil {
		return err
	}
	if len(outputs) == 0 {
		fmt.Fprintln(e.out, e.stream, "has no error outputs"+e.chosen())
		return nil
	}
	printErrorTypes(e.out, outputs)
	fmt.Fprintln(e.out)
	printErrorOutputs(e.out, outputs)
	fmt.Fprintf(e.out, "\nSee the records with --show KEY or --lines; put them again with --redrive (first --dry-run).\n")
	return nil
}

// chosen says that flags leave out some outputs.
func (e *errorsCommand) chosen() string {
	if e.kind == "" && e.since == "" {
		return ""
	}
	return " that --type and --since choose"
}

// printErrorTypes prints how much there is of each type.
func printErrorTypes(w io.Writer, outputs []control.ErrorOutput) {
	type sum struct{ outputs, redriven, size int64 }
	sums := map[string]sum{}
	for _, o := range outputs {
		s := sums[o.Type]
		s.outputs++
		s.size += o.Size
		if o.Redriven.Whole {
			s.redriven++
		}
		sums[o.Type] = s
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TYPE\tOUTPUTS\tREDRIVEN\tSIZE")
	for _, kind := range slices.Sorted(maps.Keys(sums)) {
		s := sums[kind]
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", cmp.Or(kind, "-"), s.outputs, s.redriven, sizeText(s.size))
	}
	table.Flush()
}

func printErrorOutputs(w io.Writer, outputs []control.ErrorOutput) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "BEGINS\tSIZE\tREDRIVEN\tDESTINATION\tKEY")
	for _, o := range outputs {
		redriven := "-"
		switch mark := o.Redriven; {
		case mark.Whole:
			redriven = fmt.Sprintf("all %d", mark.Records)
		case mark.Records > 0:
			redriven = fmt.Sprintf("first %d", mark.Records)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", o.Time.UTC().Format(time.RFC3339), sizeText(o.Size), redriven, o.Delivery, printable(o.Key))
	}
	table.Flush()
}

// show prints the records of an error output.
func (e *errorsCommand) show(ctx context.Context, key string) error {
	return e.lines(ctx, http.MethodGet, e.path()+"/errors/"+url.PathEscape(key), url.Values{}, nil, func(line []byte) error {
		if e.json {
			_, err := fmt.Fprintf(e.out, "%s\n", line)
			return err
		}
		var r api.ErrorRecord
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		data := printable(r.Text)
		if r.Text == "" {
			data = fmt.Sprintf("%d bytes: %s", len(r.Data), base64.StdEncoding.EncodeToString(r.Data))
		}
		_, err := fmt.Fprintf(e.out, "%s  %s  %s: %s (attempt %d)\n    %s\n", r.Arrival.UTC().Format("2006-01-02T15:04:05.000Z"),
			cmp.Or(r.Type, "-"), printable(r.Code), printable(r.Message), r.Attempts, data)
		return err
	})
}

// redriven adds up what a redrive reports.
type redriven struct {
	outputs, records, skipped, failed int
	bytes                             int64
}

// runRedrive puts error outputs again and prints what became of each.
func (e *errorsCommand) runRedrive(ctx context.Context) error {
	asked := map[string]any{"dry_run": e.dryRun, "force": e.force}
	if e.key != "" {
		asked["keys"] = []string{e.key}
	}
	if e.kind != "" {
		asked["type"] = e.kind
	}
	if !e.from.IsZero() {
		asked["since"] = e.from.UTC().Format(time.RFC3339)
	}
	var sum redriven
	err := e.lines(ctx, http.MethodPost, e.path()+":redrive", url.Values{}, asked, func(line []byte) error {
		var o control.RedrivenOutput
		if err := json.Unmarshal(line, &o); err != nil {
			return err
		}
		sum.add(o)
		if e.json {
			fmt.Fprintf(e.out, "%s\n", line)
		} else {
			e.printRedriven(o)
		}
		return e.out.Flush() // a redrive may take long
	})
	if !e.json && (err == nil || sum.outputs > 0) {
		e.printSum(sum)
	}
	switch {
	case err != nil && sum.records > 0 && !e.dryRun:
		return fmt.Errorf("%w; what was put is marked, and another --redrive goes on there", err)
	case err != nil:
		return err
	case sum.failed > 0:
		return fmt.Errorf("%d of %s did not get through to the end; another --redrive tries again", sum.failed, counted(sum.outputs, "error output"))
	}
	return nil
}

func (r *redriven) add(o control.RedrivenOutput) {
	if o.Note != "" { // nothing was tried
		return
	}
	r.outputs++
	r.records += o.Records
	r.skipped += o.Skipped
	r.bytes += o.Bytes
	if o.Error != "" {
		r.failed++
	}
}

func (e *errorsCommand) printRedriven(o control.RedrivenOutput) {
	fmt.Fprintf(e.out, "%7d records  %9s  %s", o.Records, sizeText(o.Bytes), printable(o.Key))
	if o.Skipped > 0 {
		fmt.Fprintf(e.out, "  (%d were put before)", o.Skipped)
	}
	for _, why := range []string{o.Error, o.Note} {
		if why != "" {
			fmt.Fprintf(e.out, "\n        %s", printable(why))
		}
	}
	fmt.Fprintln(e.out)
}

func (e *errorsCommand) printSum(sum redriven) {
	did := "put into " + e.stream + " again"
	if e.dryRun {
		did = "would be " + did
	}
	fmt.Fprintf(e.out, "%s of %s (%s) %s", counted(sum.records, "record"), counted(sum.outputs, "error output"), sizeText(sum.bytes), did)
	if sum.skipped > 0 {
		fmt.Fprintf(e.out, "; %d were put before (--force puts them too)", sum.skipped)
	}
	fmt.Fprintln(e.out)
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// sizeText is a size for people.
func sizeText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// printable is a text that cannot steer a terminal: records are anybody's.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, strings.TrimRight(text, "\r\n"))
}
