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
	"firehose/internal/destination"
	"firehose/internal/native"
)

const testUsage = `Tries the destinations of a document, step by step, before it is applied: whether the name resolves, the
address can be connected to, the credentials are known, and an object or a request is taken, which is marked as a test.
Exit status 1 if a step fails.

Usage: firehose test FILE [flags]

FILE is a document of streams, or a destination alone; - is standard input.`

// testCommand is firehose test with its flags.
type testCommand struct {
	*client
	destination string
	json        bool
	in          io.Reader
	out         *bufio.Writer
}

func runTest(ctx context.Context, args []string) error {
	return writeTest(ctx, os.Stdin, os.Stdout, args)
}

// writeTest runs the command with other files for standard input and output.
func writeTest(ctx context.Context, in io.Reader, w io.Writer, args []string) error {
	flags, c := newFlags("test", testUsage)
	t := testCommand{client: c, in: in, out: bufio.NewWriter(w)}
	flags.StringVar(&t.destination, "destination", "", "id of the one destination to try; all of them if left out")
	flags.BoolVar(&t.json, "json", false, "write a JSON object a line")
	file, err := parse(flags, args, "file")
	if err != nil {
		return err
	}
	documents, err := t.read(file)
	if err != nil {
		return err
	}
	return errors.Join(t.all(ctx, documents), t.out.Flush())
}

// read reads the documents of a file.
func (t *testCommand) read(file string) ([]*native.Document, error) {
	text, err := readFile(file, t.in)
	if err != nil {
		return nil, err
	}
	form := native.Guess(text)
	var documents []*native.Document
	if native.IsDestination(text, form) {
		var d *native.Document
		if d, _, err = native.ParseDestination(text, form, "test", ""); err == nil {
			documents = append(documents, d)
		}
	} else {
		documents, err = native.ParseAll(text, form)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.ReplaceAll(err.Error(), "\n", "\n"+file+": "))
	}
	return documents, nil
}

// readFile reads a file; - is standard input.
func readFile(file string, in io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(file)
}

func (t *testCommand) all(ctx context.Context, documents []*native.Document) error {
	tried, failed := 0, 0
	var ids []string
	for _, d := range documents {
		for _, to := range d.Destinations {
			ids = append(ids, to.ID)
			if t.destination != "" && t.destination != to.ID {
				continue
			}
			ok, err := t.try(ctx, d, to.ID)
			if err != nil {
				return fmt.Errorf("%s, destination %s: %w", d.Name, to.ID, err)
			}
			if tried++; !ok {
				failed++
			}
		}
	}
	switch {
	case tried == 0:
		return fmt.Errorf("there is no destination %q; there are %s", t.destination, strings.Join(ids, ", "))
	case failed > 0:
		return fmt.Errorf("%d of %s cannot be delivered to", failed, counted(tried, "destination"))
	}
	return nil
}

// try tries one destination, and prints each step when it is taken.
func (t *testCommand) try(ctx context.Context, d *native.Document, id string) (ok bool, err error) {
	query := url.Values{"stream": {d.Name}, "destination": {id}}
	if !t.json {
		fmt.Fprintf(t.out, "%s, destination %s\n", d.Name, id)
	}
	err = t.lines(ctx, http.MethodPost, "/v1/destinations:test", query, json.RawMessage(d.Stored()), func(line []byte) error {
		var step destination.Step
		var whole api.TestResult
		if err := errors.Join(json.Unmarshal(line, &step), json.Unmarshal(line, &whole)); err != nil {
			return err
		}
		switch {
		case step.Name == "":
			ok = whole.Result == destination.OK
			if !t.json {
				fmt.Fprintf(t.out, "%s\n\n", sumUp(whole))
			}
		case !t.json:
			t.print(step)
		}
		if t.json {
			fmt.Fprintf(t.out, "%s\n", line)
		}
		return t.out.Flush() // steps may take long
	})
	return ok, err
}

func (t *testCommand) print(s destination.Step) {
	line := fmt.Sprintf("  %-13s %-8s %10s  %s", s.Name, s.Result, timeText(s.Result, s.Milliseconds), printable(s.Detail))
	fmt.Fprintln(t.out, strings.TrimRight(line, " "))
	printTrouble(t.out, 36, s.Trouble)
}

// timeText is how long a step took.
func timeText(r destination.Result, milliseconds float64) string {
	if r == destination.Skipped {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", milliseconds)
}

// printTrouble prints cause and fix, indented.
func printTrouble(w io.Writer, indent int, t *destination.Trouble) {
	if t == nil {
		return
	}
	space := strings.Repeat(" ", indent)
	cause := printable(t.Cause)
	if t.Code != "" {
		cause += " (" + printable(t.Code) + ")"
	}
	fmt.Fprintf(w, "%scause  %s\n%sfix    %s\n", space, cause, space, printable(t.Fix))
}

func sumUp(r api.TestResult) string {
	if r.Result == destination.OK {
		return fmt.Sprintf("  %s %s can be delivered to: %.0f ms", r.Kind, r.Target, r.Milliseconds)
	}
	return fmt.Sprintf("  %s %s cannot be delivered to: %s failed", r.Kind, r.Target, r.Failed)
}
