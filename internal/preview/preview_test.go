package preview

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/destination/s3"
	"firehose/internal/enrich"
	"firehose/internal/erroroutput"
	"firehose/internal/filter"
	"firehose/internal/mask"
	"firehose/internal/object/folder"
	"firehose/internal/process"
	"firehose/internal/process/lambda"
	"firehose/internal/record"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const lead = `{"event_id":"e1","event_type":"recipient.failed","outcome":"failure","metadata":{"price":12},
  "lead_data":{"email":"john.smith@email.com","ssn":"123-45-6789","phones":[{"number":"512-555-0199"}]},"note":"call john.smith@email.com"}`

func around(t *testing.T) (destination.Env, string) {
	t.Helper()
	dir := t.TempDir()
	store, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return destination.Env{Stream: "leads", StreamID: record.StreamID{1}, Delivery: "archive", Objects: store}, dir
}

// delivery masks what is personal, and enriches.
func delivery(f *filter.Config) stream.Delivery {
	return stream.Delivery{ID: "archive", Destination: s3.Config{Bucket: "leads", Compression: "GZIP", Delimiter: true}, Process: process.Config{Events: &process.Events{
		Filter: f,
		Enrich: &enrich.Config{Tags: map[string]string{"team": "west"}},
		Masks: []mask.Rule{{Path: "lead_data.email", Kind: "email:partial"}, {Path: "lead_data.ssn", Kind: "ssn:last4"},
			{Path: "lead_data.phones[*].number", Kind: "phone:area"}, {Path: "*", Kind: "pattern"}},
	}}}
}

func where(conditions ...string) *filter.Config {
	return &filter.Config{Include: []filter.Clause{{Where: conditions}}}
}

// hidden are the pieces of the event that masks hide.
var secret = regexp.MustCompile(`john|smith|123-45|555-0199`)

func through(t *testing.T, d stream.Delivery, event string) (Result, string) {
	t.Helper()
	return throughFunction(t, d, nil, event)
}

func throughFunction(t *testing.T, d stream.Delivery, call deliver.Function, event string) (Result, string) {
	t.Helper()
	env, _ := around(t)
	r := Run(t.Context(), d, Surroundings{Env: env, Function: call}, []byte(event))
	for i := range r.Stages {
		r.Stages[i].Milliseconds = 0
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return r, string(text)
}

func TestEveryStageIsShownAsTheMasksLeaveIt(t *testing.T) {
	var all bytes.Buffer
	f := func(title string, want Outcome, d stream.Delivery, event string) {
		t.Helper()
		r, text := through(t, d, event)
		if r.Outcome != want {
			t.Errorf("%s: %s, want %s", title, r.Outcome, want)
		}
		if found := secret.FindString(text); found != "" {
			t.Errorf("%s: %q is shown in %s", title, found, text)
		}
		all.WriteString(title + "\n" + text + "\n")
	}
	f("passes", Shown, delivery(where("metadata.price > 10")), lead)
	f("no filter", Shown, delivery(nil), lead)
	f("is left out by a masked field", Filtered, delivery(where(`lead_data.email == "ann@example.com"`)), lead)
	f("by a masked field in an array", Filtered, delivery(where(`lead_data.phones[*].number == "1"`)), lead)
	f("by a masked object", Filtered, delivery(where(`lead_data == "x"`)), lead)
	f("by a pattern", Filtered, delivery(where(`note == "x"`)), lead)
	f("by a field that may be seen", Filtered, delivery(where("metadata.price > 20")), lead)
	f("by a missing field", Filtered, delivery(where("metadata.cost > 20")), lead)
	f("by an expression", Filtered, delivery(&filter.Config{Expression: `event.lead_data.ssn.startsWith("9")`}), lead)
	f("no JSON", Failed, delivery(nil), `john.smith@email.com`)
	f("no object", Failed, delivery(nil), `["john.smith@email.com"]`)
	f("nothing", Failed, delivery(nil), ``)

	if *update {
		os.MkdirAll("testdata", 0o755)
		os.WriteFile("testdata/stages.txt", all.Bytes(), 0o644)
	}
	want, err := os.ReadFile("testdata/stages.txt")
	if err != nil || all.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", all.String(), want)
	}
}

// function answers for one record.
type function func(lambda.Record) (lambda.Result, error)

func (f function) Call(_ context.Context, records []lambda.Record) ([]lambda.Result, error) {
	result, err := f(records[0])
	return []lambda.Result{result}, err
}

// Deliveries take whatever jsonscan takes, so such events are no failures here either.
func TestWhatIsDeliveredThoughItIsUnusualIsShown(t *testing.T) {
	for _, event := range []string{`{"lead_data":{"ssn":"123-45-6789","ssn":"123-45-6780"}}`, "{\"note\":\"a\xff\",\"lead_data\":{\"ssn\":\"123-45-6789\"}}"} {
		r, text := through(t, delivery(nil), event)
		if r.Outcome != Shown || len(r.Stages[0].Event) == 0 || secret.MatchString(text) || !utf8.ValidString(text) {
			t.Errorf("%q: %s, %s", event, r.Outcome, text)
		}
	}
}

func TestTheFunctionIsCalledAndWhatItMadeIsShownMasked(t *testing.T) {
	f := func(title string, want Outcome, wantDetail, wantEvent, wantFormat string, answer lambda.Result, err error) {
		t.Helper()
		var given string
		r, text := throughFunction(t, delivery(nil), function(func(one lambda.Record) (lambda.Result, error) {
			given = string(one.Data)
			return answer, err
		}), lead)
		if !strings.Contains(given, "john.smith@email.com") || !strings.Contains(given, `"team":"west"`) {
			t.Errorf("%s: the function got %s, want the enriched event as it is", title, given)
		}
		if found := secret.FindString(text); found != "" {
			t.Errorf("%s: %q is shown in %s", title, found, text)
		}
		stage, last := r.Stages[3], r.Stages[len(r.Stages)-1]
		detail := stage.Detail
		if stage.Trouble != nil {
			detail = stage.Code + ": " + stage.Cause
		}
		if r.Outcome != want || stage.Name != Function || detail != wantDetail || string(stage.Event) != wantEvent || last.Body != wantFormat {
			t.Errorf("%s: %s, %s", title, r.Outcome, text)
		}
	}
	const made, masked = `{"lead_data":{"email":"john.smith@email.com"},"note":"john.smith@email.com"}`, `{"lead_data":{"email":"j***@e***.com"},"note":"[REDACTED]"}`
	f("transforms", Shown, "", masked, masked, lambda.Result{Data: []byte(made)}, nil)
	f("drops", Dropped, "the function drops the event, and it is not delivered here", "", "", lambda.Result{Dropped: true}, nil)
	f("makes no object", Failed, "", "", "", lambda.Result{Data: []byte(`["john.smith@email.com"]`)}, nil)
	f("makes no JSON", Failed, "the function made 20 bytes that are not JSON", "", "", lambda.Result{Data: []byte(`john.smith@email.com`)}, nil)
	f("fails", Failed, "Lambda.FunctionError: as it says", "", "", lambda.Result{Failure: &erroroutput.Failure{Code: "Lambda.FunctionError", Message: "as it says"}}, nil)
	f("is not waited for", Failed, "Timeout: there was no answer in time", "", "", lambda.Result{}, context.DeadlineExceeded)
}

func TestWhatIsMissingIsToldBeforeAnything(t *testing.T) {
	d := delivery(nil)
	d.Process.Events.Resolve = func() (process.Events, error) {
		return process.Events{}, &verdict.SetUp{Code: "Secret.Missing", Fix: "Set KEY.", Err: errors.New("KEY is not set")}
	}
	r, text := through(t, d, lead)
	if first := r.Stages[0]; r.Outcome != Failed || first.Name != Prepare || first.Code != "Secret.Missing" || first.Fix != "Set KEY." {
		t.Error(text)
	}
}

// What is shown is what a delivery makes, byte for byte.
func TestTheBodyIsThatOfADelivery(t *testing.T) {
	r, _ := through(t, delivery(nil), lead)
	last := r.Stages[len(r.Stages)-1]
	steps, err := process.Prepare(*delivery(nil).Process.Events, process.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	s := steps.Steps()
	enriched, _, _ := s.Enrich([]byte(lead), record.ID{}.Time, record.ID{}.Time)
	masked, _, _ := s.Mask(enriched)
	if last.Name != Format || last.Body != string(masked) {
		t.Errorf("%s\n%s\nwant\n%s", last.Name, last.Body, masked)
	}
}

func TestSendPutsTheMaskedEventUnderATestName(t *testing.T) {
	env, dir := around(t)
	d := delivery(nil)
	r := Run(t.Context(), d, Surroundings{Env: env}, []byte(lead))
	r.Send(t.Context(), d, env)
	last := r.Stages[len(r.Stages)-1]
	if r.Outcome != Sent || last.Name != Send || !strings.Contains(last.Detail, "firehose-ping-") {
		t.Fatalf("%s, %+v", r.Outcome, last)
	}
	files, err := filepath.Glob(filepath.Join(dir, "buckets", "leads", "*", "*", "*", "*", "firehose-ping-*.gz"))
	if err != nil || len(files) != 1 {
		t.Errorf("put %q, %v", files, err)
	}
}

func TestWhatIsNotToBeDeliveredIsNotSent(t *testing.T) {
	env, dir := around(t)
	d := delivery(where("metadata.price > 20"))
	r := Run(t.Context(), d, Surroundings{Env: env}, []byte(lead))
	r.Send(t.Context(), d, env)
	if entries, err := os.ReadDir(filepath.Join(dir, "buckets")); r.Outcome != Filtered || err != nil || len(entries) > 0 {
		t.Errorf("%s, put %v, %v", r.Outcome, entries, err)
	}
}

// No value that a filter finds is shown where a mask hides it, however path and event are spelled.
func FuzzFoundValuesAreMasked(f *testing.F) {
	f.Add(`{"lead_data":{"email":"john.smith@email.com"}}`)
	f.Add(`{"lead_data":[{"email":["john.smith@email.com"]}]}`)
	f.Add(`{"lead_data.email":"john.smith@email.com"}`)
	f.Add(`{"lead_data":{"email":{"x":"john.smith@email.com"}}}`)
	d := delivery(where(`lead_data.email == "a"`, `lead_data[*].email[*] == "a"`, `["lead_data.email"] == "a"`, `lead_data == "a"`))
	d.Process.Events.Enrich = nil
	env := destination.Env{Stream: "leads"}
	f.Fuzz(func(t *testing.T, event string) {
		steps, err := process.Prepare(*d.Process.Events, process.Surroundings{})
		if err != nil {
			t.Fatal(err)
		}
		shown := steps.Steps().Shown([]byte(event))
		r := Run(t.Context(), d, Surroundings{Env: env}, []byte(event))
		for _, s := range r.Stages {
			if s.Explanation == nil {
				continue
			}
			text, err := json.Marshal(s.Explanation)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte("john.smith")) && !bytes.Contains(shown, []byte("john.smith")) {
				t.Errorf("%s shows what the masks hide in %s", text, shown)
			}
		}
	})
}
