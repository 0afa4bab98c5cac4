package main

import (
	"bufio"
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
)

const destinationsUsage = `Says where a stream's destinations stand, pauses one, has it go on.

Usage: firehose destinations NAME [flags]

  firehose destinations NAME                           state, position and problem of each
  firehose destinations NAME --pause ID --reason TEXT  it takes nothing; the log keeps what comes
  firehose destinations NAME --resume ID               it goes on, with what was kept`

func runDestinations(ctx context.Context, args []string) error {
	return writeDestinations(ctx, os.Stdout, args)
}

// writeDestinations runs the command with w for standard output.
func writeDestinations(ctx context.Context, w io.Writer, args []string) error {
	flags, c := newFlags("destinations", destinationsUsage)
	pause := flags.String("pause", "", "id of the destination to pause")
	resume := flags.String("resume", "", "id of the destination that is to go on")
	reason := flags.String("reason", "", "with --pause: why, for whoever looks next")
	asJSON := flags.Bool("json", false, "write the answer as JSON")
	name, err := parse(flags, args, "name of a stream")
	if err != nil {
		return err
	}
	path := "/v1/streams/" + url.PathEscape(name) + "/destinations"
	switch {
	case *pause != "" && *resume != "":
		return fmt.Errorf("--pause and --resume are opposites: choose one of them")
	case *reason != "" && *pause == "":
		return fmt.Errorf("--reason says why a destination is paused: add --pause ID")
	case *pause != "":
		return c.post(ctx, w, path+"/"+url.PathEscape(*pause)+":pause", map[string]string{"reason": *reason, "by": user()})
	case *resume != "":
		return c.post(ctx, w, path+"/"+url.PathEscape(*resume)+":resume", map[string]string{"by": user()})
	}
	var answer struct {
		Destinations []api.Destination `json:"destinations"`
	}
	if err := c.do(ctx, http.MethodGet, path, url.Values{}, &answer); err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(w).Encode(answer)
	}
	return printDestinations(w, answer.Destinations, time.Now())
}

// user names who runs the command, where the server does not know.
func user() string {
	if name := os.Getenv("USER"); name != "" {
		return "user " + name
	}
	return ""
}

// post sends a small request and prints what became of its destination.
func (c *client) post(ctx context.Context, w io.Writer, path string, content any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	body, err := c.send(ctx, http.MethodPost, path, url.Values{}, text)
	if err != nil {
		return err
	}
	defer body.Close()
	var answer struct{ Stream, Destination, Status string }
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s %s %s\n", answer.Stream, answer.Destination, answer.Status)
	return err
}

func printDestinations(w io.Writer, list []api.Destination, now time.Time) error {
	out := bufio.NewWriter(w)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tTYPE\tSTATE\tBEHIND\tPOSITION\tTARGET")
	for _, d := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.Type, d.State, behind(d), d.Position, d.Target)
	}
	table.Flush() // into memory
	for _, d := range list {
		if p := d.Paused; p != nil {
			fmt.Fprintf(out, "\n%s: paused by %s since %s", d.ID, p.By, since(p.Since, now))
			if p.Reason != "" {
				fmt.Fprintf(out, ": %s", p.Reason)
			}
			fmt.Fprintln(out)
		}
		if p := d.Problem; p != nil {
			failed := "cannot begin"
			if p.Tries > 0 {
				failed = "failed " + counted(p.Tries, "time")
			}
			fmt.Fprintf(out, "\n%s: %s since %s: %s\n", d.ID, failed, since(p.Since, now), p.Cause)
			if p.Fix != "" {
				fmt.Fprintf(out, "  %s\n", p.Fix)
			}
			if !p.Next.IsZero() {
				fmt.Fprintf(out, "  tries again in %s\n", max(0, p.Next.Sub(now)).Round(time.Second))
			}
		}
		if d.Retention >= 0.5 {
			fmt.Fprintf(out, "\n%s: holds events for %.0f %% of the retention. They are kept; the log's room is what ends.\n", d.ID, 100*d.Retention)
		}
	}
	return out.Flush()
}

// behind is the age of the oldest event that is not delivered.
func behind(d api.Destination) string {
	if d.Oldest.IsZero() {
		return "nothing"
	}
	return time.Duration(d.Age * float64(time.Second)).Round(time.Second).String()
}

func since(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", t.UTC().Format(time.RFC3339), now.Sub(t).Round(time.Second))
}
