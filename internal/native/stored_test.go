package native

import (
	"context"
	"strings"
	"testing"

	"firehose/internal/destination"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// What is stored was accepted once. Rules that came later hold up what breaks them, and nothing else.
func TestStoredDocumentsThatBreakRulesOfNowHoldUpWhatBreaksThem(t *testing.T) {
	f := func(document string, want ...string) {
		t.Helper()
		spec, err := Compile(stream.Key{Name: "a"}, []byte(document))
		if err != nil {
			t.Errorf("%s: %v", document, err)
			return
		}
		var got []string
		for _, d := range spec.Deliveries {
			text := d.ID + " " + d.Destination.Kind()
			if d.Buffer.Size <= 0 {
				t.Errorf("%s: %s cuts batches of %d bytes", document, d.ID, d.Buffer.Size)
			}
			if _, of := d.Destination.(outdated); of {
				to, err := d.Destination.Open(destination.Env{})
				why := destination.AsHeld(to)
				if err != nil || why == nil || why.Code != "Document.Invalid" {
					t.Fatalf("%s: %s opens as %v, %v", document, d.ID, to, err)
				}
				text += ": " + strings.TrimPrefix(verdict.AsSetUp(why).Err.Error(), "Document.Invalid: ")
			}
			got = append(got, text)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s\ngot  %s\nwant %s", document, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
	const good, other = `{"type":"s3","s3":{"bucket":"abc"}}`, `{"id":"other","type":"webhook","webhook":{"url":"http://h"}}`
	f(`{"name":"a","destinations":[`+good+`,`+other+`]}`, "s3 s3", "other webhook")
	f(`{"name":"a","destinations":[`+good+`,{"type":"webhook","webhook":{"url":"http://[::1/"}},`+other+`]}`, "s3 s3",
		`webhook webhook: destinations[1].webhook.url: is no valid URL; want one such as https://host/path, or https://[2001:db8::1]/path for an address of IPv6`, "other webhook")
	f(`{"name":"a","destinations":[{"type":"s3","s3":{"bucket":"abc"},"format":{"type":"csv","columns":["a."]}}]}`,
		`s3 s3: destinations[0].format.columns[0]: "a.": is wrong; want a path of names with dots between them, such as metadata.price`)
	f(`{"name":"a","destinations":[{"id":"x","type":"s3","s3":{"bucket":"abc"},"paused":"no"},`+good+`,{"id":"y","type":"s3","s3":{"bucket":"abc"},"mask":{"rules":[]}}]}`,
		`x s3: destinations[0].paused: "no": is a text; want true or false`, "s3 s3",
		`y s3: destinations[2].mask.rules: is empty; want at least one rule, or no mask at all`)
	f(`{"name":"a","collector":{"write_keys":["x"]},"destinations":[`+good+`]}`, "s3 s3")

	for _, document := range []string{`{"name":"a"}`, `{"name":"a","destinations":[]}`, `{"name":"a","destinations":[7]}`, `{"name":"a","destinations":[{}]}`, `{"name":"a","destinations":{}}`,
		`{"name":"a","order_key":"a.","destinations":[` + good + `]}`, `[]`, `{`, `1`, ``} {
		if spec, err := Compile(stream.Key{Name: "a"}, []byte(document)); err == nil {
			t.Errorf("%s is %+v", document, spec)
		}
	}
}

// oneStream keeps a stream.
type oneStream struct{ stored *stream.Stream }

func (o *oneStream) Get(stream.Key) (stream.Stream, error) {
	if o.stored == nil {
		return stream.Stream{}, stream.ErrNotFound
	}
	return *o.stored, nil
}

func (o *oneStream) Create(_ context.Context, s stream.Stream) error {
	o.stored = &s
	return nil
}

func (o *oneStream) Update(_ context.Context, _ stream.Key, change func(*stream.Stream) error) (stream.Stream, error) {
	err := change(o.stored)
	return *o.stored, err
}

func TestStoredDocumentsThatBreakRulesOfNowCanBeCorrected(t *testing.T) {
	streams := &oneStream{}
	key := stream.Key{Name: "a"}
	put := func(document string) Outcome {
		t.Helper()
		d, err := Parse([]byte(document), JSON)
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := Put(t.Context(), streams, key, d, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return outcome
	}
	put(`{"name":"a","destinations":[{"type":"s3","s3":{"bucket":"abc"},"format":{"type":"csv","columns":["a"]}}]}`)
	streams.stored.Documents[1] = []byte(strings.Replace(string(streams.stored.Documents[1]), `"a"]`, `"a."]`, 1))
	streams.stored.Status = stream.Active
	if outcome := put(`{"name":"a","destinations":[{"type":"s3","s3":{"bucket":"abc"},"format":{"type":"csv","columns":["a"]}}]}`); outcome.Stream.Version != 2 {
		t.Errorf("it is put as %+v", outcome)
	}
}
