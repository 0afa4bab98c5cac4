package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"firehose/internal/api"
	"firehose/internal/native"
)

const streamsUsage = `Makes, changes, compares, shows and deletes streams by their documents.

Usage: firehose streams ACTION [flags]

  firehose streams apply FILE    make the streams of a file's documents, or change them; - is standard input
  firehose streams diff FILE     what apply would change; exit status 1 if that is anything
  firehose streams get NAME      the document of a stream, as it can be applied again
  firehose streams list          all streams with their state
  firehose streams delete NAME   delete a stream; what it has not delivered is delivered first
  firehose streams schema        JSON Schema of documents, for editors`

// errDifferent asks for exit status 1; what is different has been printed.
var errDifferent = errors.New("different")

// streamsCommand is firehose streams with its flags.
type streamsCommand struct {
	*client
	output   string
	defaults bool
	version  int
	force    bool
	in       io.Reader
	out      *bufio.Writer
}

func runStreams(ctx context.Context, args []string) error {
	return writeStreams(ctx, os.Stdin, os.Stdout, args)
}

// writeStreams runs the command with other files for standard input and output.
func writeStreams(ctx context.Context, in io.Reader, w io.Writer, args []string) error {
	flags, c := newFlags("streams", streamsUsage)
	s := streamsCommand{client: c, in: in, out: bufio.NewWriter(w)}
	flags.StringVar(&s.output, "o", "yaml", "with get: yaml or json")
	flags.BoolVar(&s.defaults, "defaults", false, "with get: fill in what the document leaves out")
	flags.IntVar(&s.version, "version", 0, "with get: the document of an older version")
	flags.BoolVar(&s.force, "force", false, "with delete: do not wait for what is not delivered")
	// Actions that take an argument, and those that stand alone.
	actions := map[string]func(context.Context, string) error{"apply": s.apply, "diff": s.diff, "get": s.get, "delete": s.delete}
	alone := map[string]func(context.Context) error{"list": s.list, "schema": s.schema}
	if len(args) > 0 && actions[args[0]] != nil {
		argument, err := parse(flags, args[1:], map[bool]string{true: "file", false: "name of a stream"}[args[0] == "apply" || args[0] == "diff"])
		if err != nil {
			return err
		}
		return errors.Join(actions[args[0]](ctx, argument), s.out.Flush())
	}
	action, err := parse(flags, args, "of apply FILE, diff FILE, get NAME, list, delete NAME and schema")
	if err != nil {
		return err
	}
	if alone[action] == nil {
		return unexpected("streams", action)
	}
	return errors.Join(alone[action](ctx), s.out.Flush())
}

func (s *streamsCommand) path(name string) string { return "/v1/streams/" + url.PathEscape(name) }

// read reads the documents of a file.
func (s *streamsCommand) read(file string) ([]*native.Document, error) {
	var text []byte
	var err error
	if file == "-" {
		file = "standard input"
		text, err = io.ReadAll(s.in)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err
	}
	documents, err := native.ParseAll(text, native.Guess(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.ReplaceAll(err.Error(), "\n", "\n"+file+": "))
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s has no documents", file)
	}
	return documents, nil
}

// put sends a document.
func (s *streamsCommand) put(ctx context.Context, d *native.Document, dryRun bool) (result api.PutResult, err error) {
	query := url.Values{}
	if dryRun {
		query.Set("dry_run", "true")
	}
	body, err := s.send(ctx, http.MethodPut, s.path(d.Name), query, d.Stored())
	if err != nil {
		return result, fmt.Errorf("%s: %w", d.Name, err)
	}
	defer body.Close()
	return result, json.NewDecoder(body).Decode(&result)
}

// apply puts every document, and goes on where one is refused.
func (s *streamsCommand) apply(ctx context.Context, file string) error {
	documents, err := s.read(file)
	if err != nil {
		return err
	}
	var failed error
	for _, d := range documents {
		result, err := s.put(ctx, d, false)
		switch {
		case err != nil:
			failed = errors.Join(failed, err)
		case result.Created:
			fmt.Fprintf(s.out, "%s: made, version %d, %s\n", d.Name, result.Stream.Version, result.Stream.Status)
		case len(result.Changes) == 0:
			fmt.Fprintf(s.out, "%s: as it was, version %d\n", d.Name, result.Stream.Version)
		default:
			fmt.Fprintf(s.out, "%s: changed, version %d\n", d.Name, result.Stream.Version)
			s.printChanges(result.Changes)
		}
		s.printWarnings(result.Warnings)
		s.printProblems(result.Stream)
	}
	return failed
}

// diff tells what apply would do.
func (s *streamsCommand) diff(ctx context.Context, file string) error {
	documents, err := s.read(file)
	if err != nil {
		return err
	}
	different := false
	for _, d := range documents {
		result, err := s.put(ctx, d, true)
		if err != nil {
			return err
		}
		different = different || len(result.Changes) > 0
		switch {
		case result.Created:
			fmt.Fprintf(s.out, "%s: would be made\n", d.Name)
		case len(result.Changes) > 0:
			fmt.Fprintf(s.out, "%s: would be changed\n", d.Name)
			s.printChanges(result.Changes)
		}
		s.printWarnings(result.Warnings)
	}
	if different {
		return errDifferent
	}
	return nil
}

func (s *streamsCommand) printChanges(changes []native.Change) {
	for _, c := range changes {
		switch {
		case c.From == nil:
			fmt.Fprintf(s.out, "  + %s: %s\n", c.Path, c.To)
		case c.To == nil:
			fmt.Fprintf(s.out, "  - %s: %s\n", c.Path, c.From)
		default:
			fmt.Fprintf(s.out, "  ~ %s: %s -> %s\n", c.Path, c.From, c.To)
		}
	}
}

// printWarnings tells what a document says and nobody does.
func (s *streamsCommand) printWarnings(warnings []native.Warning) {
	for _, w := range warnings {
		fmt.Fprintf(s.out, "  ! %s: %s\n", w.Path, w.Message)
	}
}

// printProblems tells why destinations of a stream as it is now take nothing. Problems that are older are of what was there
// before.
func (s *streamsCommand) printProblems(of api.Stream) {
	changed := of.Updated
	if changed.IsZero() {
		changed = of.Created
	}
	for _, p := range of.Problems {
		if p.Tries > 0 && p.Since.Before(changed) {
			continue
		}
		fmt.Fprintf(s.out, "  ! %s: %s\n", p.Delivery, printable(p.Cause))
		if p.Fix != "" {
			fmt.Fprintf(s.out, "    %s\n", p.Fix)
		}
	}
}

// get prints a document.
func (s *streamsCommand) get(ctx context.Context, name string) error {
	form, ok := map[string]native.Form{"yaml": native.YAML, "json": native.JSON}[s.output]
	if !ok {
		return fmt.Errorf("-o %q: want yaml or json", s.output)
	}
	path, query := s.path(name), url.Values{}
	if s.version != 0 {
		path += "/versions/" + strconv.Itoa(s.version)
	}
	if s.defaults {
		query.Set("defaults", "true")
	}
	var answer struct{ Document json.RawMessage }
	if err := s.do(ctx, http.MethodGet, path, query, &answer); err != nil {
		return err
	}
	text, err := native.Convert(answer.Document, form)
	if err != nil {
		return err
	}
	_, err = io.Copy(s.out, bytes.NewReader(text))
	return err
}

// list prints a line for each stream.
func (s *streamsCommand) list(ctx context.Context) error {
	var answer struct{ Streams []api.Stream }
	if err := s.do(ctx, http.MethodGet, "/v1/streams", url.Values{}, &answer); err != nil {
		return err
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTATUS\tVERSION\tLANGUAGE\tCHANGED\tPROBLEM")
	for _, one := range answer.Streams {
		changed := one.Updated
		if changed.IsZero() {
			changed = one.Created
		}
		problem := "-"
		if len(one.Problems) > 0 {
			problem = printable(one.Problems[0].Delivery + ": " + one.Problems[0].Cause)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", one.Name, one.Status, one.Version, one.Language, changed.UTC().Format(time.RFC3339), problem)
	}
	return table.Flush()
}

func (s *streamsCommand) delete(ctx context.Context, name string) error {
	query := url.Values{}
	if s.force {
		query.Set("force", "true")
	}
	var answer struct{ Status string }
	if err := s.do(ctx, http.MethodDelete, s.path(name), query, &answer); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s: %s\n", name, answer.Status)
	return nil
}

func (s *streamsCommand) schema(context.Context) error {
	text, err := native.Schema()
	if err != nil {
		return err
	}
	_, err = s.out.Write(text)
	return err
}
