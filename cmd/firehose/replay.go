package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"firehose/internal/api"
	"firehose/internal/native"
)

const replayUsage = `Delivers a part of a stream's history once more.

Usage: firehose replay NAME [flags]

  firehose replay NAME                                        the stream's replays
  firehose replay NAME --destination ID --from 2h --dry-run   what would be delivered
  firehose replay NAME --destination ID --from 2h --until 1h  deliver it, and wait until it is
  firehose replay NAME --to FILE --rate 500                   all that is kept, to a destination that a file declares
  firehose replay NAME --cancel REPLAY                        end one where it is

From and until are times such as 2026-02-03T04:05:06Z, ages such as 90m or 72h, positions such as 12:0, or RecordIds. What is put
at until or later is left out. A replay goes on over restarts of the server; --detach does not wait for its end.`

// replayCommand is firehose replay with its flags.
type replayCommand struct {
	*client
	stream      string
	destination string
	file        string
	from, until string
	rate        float64
	reason      string
	dryRun      bool
	detach      bool
	cancel      string
	json        bool
	out         *bufio.Writer
}

func runReplay(ctx context.Context, args []string) error { return writeReplay(ctx, os.Stdout, args) }

// writeReplay runs the command with w for standard output.
func writeReplay(ctx context.Context, w io.Writer, args []string) (err error) {
	flags, c := newFlags("replay", replayUsage)
	p := replayCommand{client: c, out: bufio.NewWriter(w)}
	flags.StringVar(&p.destination, "destination", "", "id of the stream's destination that gets the events once more")
	flags.StringVar(&p.file, "to", "", "file that declares the destination that gets the events, as a document would")
	flags.StringVar(&p.from, "from", "", "where it begins, or oldest; left out it is the oldest event that is kept")
	flags.StringVar(&p.until, "until", "", "where it ends; left out it is now")
	flags.Float64Var(&p.rate, "rate", 0, "events a second at most; 0 for no limit")
	flags.StringVar(&p.reason, "reason", "", "why, for whoever looks next")
	flags.BoolVar(&p.dryRun, "dry-run", false, "only count what would be delivered")
	flags.BoolVar(&p.detach, "detach", false, "do not wait for the end")
	flags.StringVar(&p.cancel, "cancel", "", "id of a replay to end where it is")
	flags.BoolVar(&p.json, "json", false, "write answers as JSON")
	if p.stream, err = parse(flags, args, "name of a stream"); err != nil {
		return err
	}
	switch {
	case p.cancel != "":
		err = p.end(ctx)
	case p.destination != "" && p.file != "":
		err = fmt.Errorf("--destination names one of the stream's and --to declares another: choose one of them")
	case p.destination != "" || p.file != "":
		err = p.begin(ctx)
	case p.from != "" || p.until != "" || p.dryRun:
		err = fmt.Errorf("where to: add --destination ID or --to FILE")
	default:
		err = p.list(ctx)
	}
	if flushed := p.out.Flush(); err == nil {
		err = flushed
	}
	return err
}

func (p *replayCommand) path() string { return "/v1/streams/" + url.PathEscape(p.stream) + "/replays" }

// end cancels a replay.
func (p *replayCommand) end(ctx context.Context) error {
	var answer struct{ Replay, Status string }
	if err := p.do(ctx, http.MethodDelete, p.path()+"/"+url.PathEscape(p.cancel), url.Values{}, &answer); err != nil {
		return err
	}
	fmt.Fprintln(p.out, answer.Replay, answer.Status)
	return nil
}

// list prints the stream's replays.
func (p *replayCommand) list(ctx context.Context) error {
	var answer struct {
		Replays []api.Replay `json:"replays"`
	}
	if err := p.do(ctx, http.MethodGet, p.path(), url.Values{}, &answer); err != nil {
		return err
	}
	if p.json {
		return json.NewEncoder(p.out).Encode(answer)
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REPLAY\tDESTINATION\tSTATUS\tDONE\tEVENTS\tBEGUN\tBY\tREASON")
	for _, r := range answer.Replays {
		fmt.Fprintf(table, "%s\t%s\t%s\t%.0f %%\t%d\t%s\t%s\t%s\n", r.ID, r.Destination, r.Status, 100*r.Done, r.Events, r.Created.Format(time.RFC3339), r.By, cmp.Or(r.Reason, "-"))
	}
	return table.Flush()
}

// begin begins a replay and follows it, or says what it would deliver.
func (p *replayCommand) begin(ctx context.Context) error {
	to, err := p.where()
	if err != nil {
		return err
	}
	wanted := map[string]any{"destination": to, "from": p.from, "until": p.until, "rate": p.rate, "reason": p.reason, "by": user()}
	text, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	query := url.Values{}
	if p.dryRun {
		query.Set("dry_run", "true")
	}
	body, err := p.send(ctx, http.MethodPost, p.path(), query, text)
	if err != nil {
		return err
	}
	defer body.Close()
	if p.dryRun {
		return p.printPlan(body)
	}
	var began api.Replay
	if err := json.NewDecoder(body).Decode(&began); err != nil {
		return err
	}
	if p.detach {
		return p.print(began)
	}
	return p.follow(ctx, began)
}

// where is the destination of the request.
func (p *replayCommand) where() (any, error) {
	if p.file == "" {
		return p.destination, nil
	}
	text, err := os.ReadFile(p.file)
	if err != nil {
		return nil, err
	}
	document, _, err := native.ParseDestination(text, native.Guess(text), p.stream, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.file, err)
	}
	var stored struct{ Destinations []json.RawMessage }
	if err := json.Unmarshal(document.Stored(), &stored); err != nil {
		return nil, err
	}
	return stored.Destinations[0], nil
}

func (p *replayCommand) printPlan(body io.Reader) error {
	var plan api.ReplayPlan
	if err := json.NewDecoder(body).Decode(&plan); err != nil {
		return err
	}
	if p.json {
		return json.NewEncoder(p.out).Encode(plan)
	}
	fmt.Fprintf(p.out, "%s, %s, from %s to %s\n", counted(int(plan.Events), "event"), counted(int(plan.Bytes), "byte"), plan.From, plan.Until)
	if plan.Passing != nil {
		fmt.Fprintf(p.out, "%d of them pass the destination's filter\n", *plan.Passing)
	}
	if plan.Events > 0 {
		fmt.Fprintf(p.out, "put from %s to %s\n", plan.First.Format(time.RFC3339), plan.Last.Format(time.RFC3339))
	}
	return nil
}

func (p *replayCommand) print(r api.Replay) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(r)
	}
	fmt.Fprintf(p.out, "%s %s: a range of %s, for %s\n", r.ID, r.Status, counted(int(r.Events), "event"), r.Destination)
	if r.Gap {
		return fmt.Errorf("%s is not whole: the log did not have all of the range, which was dropped meanwhile or is damaged", r.ID)
	}
	return nil
}

// followEvery is the time between two looks at a replay.
const followEvery = 500 * time.Millisecond

// follow waits until a replay has ended, and says on standard error how far it is.
func (p *replayCommand) follow(ctx context.Context, r api.Replay) error {
	said := ""
	for r.Status == "running" {
		now := fmt.Sprintf("%s: %.0f %% of %s", r.ID, 100*r.Done, counted(int(r.Events), "event"))
		if r.Problem != nil && r.Problem.Code == "" && r.Problem.Fix != "" {
			now += ", failing and tried again: " + r.Problem.Fix
		}
		if now != said {
			fmt.Fprintln(os.Stderr, now)
			said = now
		}
		if r.Problem != nil && r.Problem.Code != "" {
			return fmt.Errorf("%s waits, and goes on when this is repaired: %s: %s (cancel it with --cancel %s)", r.ID, r.Problem.Cause, r.Problem.Fix, r.ID)
		}
		select {
		case <-time.After(followEvery):
		case <-ctx.Done():
			fmt.Fprintf(os.Stderr, "%s goes on without you; end it with firehose replay %s --cancel %s\n", r.ID, p.stream, r.ID)
			return ctx.Err()
		}
		var next api.Replay
		if err := p.do(ctx, http.MethodGet, p.path()+"/"+url.PathEscape(r.ID), url.Values{}, &next); err != nil {
			return err
		}
		r = next
	}
	return p.print(r)
}
