package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"firehose/internal/api"
	"firehose/internal/preview"
)

const pingUsage = `Sends an event to the destinations of a stream, marked as a test, and shows it after each stage: filter,
enrichment, masks, format. Without --event it is the stream's latest one, or a sample. All is shown as the masks leave it.
Exit status 1 if a stage fails; an event that a filter leaves out is no failure.

Usage: firehose ping NAME [flags]`

// pingCommand is firehose ping with its flags.
type pingCommand struct {
	*client
	stream string
	dryRun bool
	json   bool
	out    *bufio.Writer
}

func runPing(ctx context.Context, args []string) error {
	return writePing(ctx, os.Stdin, os.Stdout, args)
}

// writePing runs the command with other files for standard input and output.
func writePing(ctx context.Context, in io.Reader, w io.Writer, args []string) error {
	flags, c := newFlags("ping", pingUsage)
	p := pingCommand{client: c, out: bufio.NewWriter(w)}
	to := flags.String("destination", "", "id of the one destination; all of them if left out")
	file := flags.String("event", "", "file of the event, a JSON object; - is standard input")
	flags.BoolVar(&p.dryRun, "dry-run", false, "only show, send nothing")
	flags.BoolVar(&p.json, "json", false, "write the server's answer")
	var err error
	if p.stream, err = parse(flags, args, "name of a stream"); err != nil {
		return err
	}
	var event []byte
	if *file != "" {
		if event, err = readFile(*file, in); err != nil {
			return err
		}
	}
	query := url.Values{}
	if *to != "" {
		query.Set("destination", *to)
	}
	if p.dryRun {
		query.Set("dry_run", "true")
	}
	return errors.Join(p.run(ctx, query, event), p.out.Flush())
}

func (p *pingCommand) run(ctx context.Context, query url.Values, event []byte) error {
	body, err := p.send(ctx, http.MethodPost, "/v1/streams/"+url.PathEscape(p.stream)+":ping", query, event)
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return p.unanswered(err)
	}
	var answer api.Ping
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	failed := 0
	for _, r := range answer.Destinations {
		if r.Outcome == preview.Failed {
			failed++
		}
		if !p.json {
			p.print(r)
		}
	}
	if p.json {
		p.out.Write(text)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %s failed", failed, counted(len(answer.Destinations), "destination"))
	}
	return nil
}

func (p *pingCommand) print(r preview.Result) {
	fmt.Fprintf(p.out, "%s, destination %s (%s %s): %s\n", p.stream, r.Destination, r.Kind, r.Target, r.Outcome)
	for _, s := range r.Stages {
		line := fmt.Sprintf("  %-9s %-8s %10s  %s", s.Name, s.Result, timeText(s.Result, s.Milliseconds), printable(s.Detail))
		fmt.Fprintln(p.out, strings.TrimRight(line, " "))
		printTrouble(p.out, 32, s.Trouble)
		if s.Explanation != nil && !s.Explanation.Passes {
			p.indented(s.Explanation.String())
		}
		if s.Event != nil {
			p.indented(printable(string(s.Event)))
		}
		if s.Body != "" {
			p.indented(s.Body)
		}
	}
	fmt.Fprintln(p.out)
}

// indented prints lines below a stage.
func (p *pingCommand) indented(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(p.out, "      %s\n", printable(strings.TrimRight(line, "\r\n")))
	}
}
