package main

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"firehose/internal/config"
	"firehose/internal/server"
)

var update = flag.Bool("update", false, "write the golden files")

var times = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// The session is one that a newcomer would have; what the command prints is in the golden file.
func TestStreamsAreAppliedComparedAndShown(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "FIREHOSE_API_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "FIREHOSE_REGION"} {
		t.Setenv(name, "")
	}
	c := config.Default()
	c.Listen, c.DataDir, c.Store = "127.0.0.1:0", t.TempDir(), "file"
	s, err := server.Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t.Context()) })
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())

	var session bytes.Buffer
	run := func(input string, args ...string) {
		t.Helper()
		session.WriteString("$ firehose streams " + strings.Join(args, " ") + "\n")
		err := writeStreams(t.Context(), strings.NewReader(input), &session, append(args, "--url", s.URL()))
		switch {
		case errors.Is(err, errDifferent):
			session.WriteString("[exit status 1]\n")
		case err != nil:
			session.WriteString("firehose streams: " + err.Error() + "\n[exit status 1]\n")
		}
	}
	file := func(text string) {
		t.Helper()
		if err := os.WriteFile("streams.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := "name: clicks\ndestinations:\n  - {id: lake, type: s3, s3: {bucket: lake}}\n"
	second := "---\nname: orders\ndestinations:\n  - {type: s3, preset: cost, s3: {bucket: orders}}\n"
	file(first + second)
	run("", "diff", "streams.yaml")
	run("", "apply", "streams.yaml")
	run("", "diff", "streams.yaml")
	changed := strings.Replace(first, "s3: {", "batch: {size: 1MiB}, s3: {kms_key: 'arn:aws:kms:us-east-1:123456789012:key/1', ", 1)
	run(changed, "diff", "-")
	file(changed + "  - {id: raw, type: s3, s3: {bucket: raw}, format: {type: raw}}\n" + second)
	run("", "apply", "streams.yaml")
	run(first, "apply", "-")
	run("", "get", "clicks")
	run("", "get", "clicks", "--version", "1", "-o", "json")
	run("", "get", "orders", "--defaults")
	run("name: clicks\ndestination: []\n", "apply", "-")
	run("name: clicks\ndestinations:\n  - {id: lake, type: webhook, webhook: {url: 'http://127.0.0.1/'}}\n", "apply", "-")
	run("name: hooks\ndestinations:\n  - {type: webhook, webhook: {url: 'http://127.0.0.1/', headers: {Authorization: '${FIREHOOK_TOKEN_OF_NOBODY}'}}}\n", "apply", "-")
	begins := strings.Replace(first, "type: s3", "type: s3, start: oldest", 1)
	run(begins, "diff", "-")
	run(begins, "apply", "-")
	run(begins, "diff", "-")
	run(first, "apply", "-")
	run("", "list")
	run("", "delete", "orders", "--force")
	run("", "get", "nothing")
	run("", "get", "clicks", "-o", "xml")

	got := times.ReplaceAll(session.Bytes(), []byte("2026-02-03T04:05:06Z"))
	golden := filepath.Join(here, "testdata", "streams.txt")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not in step (go test -update writes it); got:\n%s", golden, got)
	}
}

func TestStreamsOfASignerAreInHisAccount(t *testing.T) {
	world := newErrorsWorld(t, "file") // whose signer has the account 123456789012 and the stream clicks of Amazon's API
	run := func(input string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if err := writeStreams(t.Context(), strings.NewReader(input), &out, append(args, "--url", world.url)); err != nil {
			out.WriteString(err.Error())
		}
		return times.ReplaceAllString(out.String(), "TIME")
	}
	const document = "name: orders\ndestinations: [{type: s3, s3: {bucket: orders}}]\n"
	if got, want := run(document, "apply", "-"), "orders: made, version 1, ACTIVE\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := run("", "list")
	for _, want := range []string{"clicks  ACTIVE  1        aws ", "orders  ACTIVE  1        native "} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if got, want := run(strings.Replace(document, "orders", "clicks", 1), "diff", "-"), "other_language"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := run("", "get", "clicks"); !strings.Contains(got, "BucketARN") {
		t.Errorf("got %q", got)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	if got := run("", "list"); !strings.Contains(got, "signature") {
		t.Errorf("got %q", got)
	}
}
