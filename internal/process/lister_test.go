package process

import (
	"strings"
	"testing"

	"firehose/internal/mask"
)

func TestMaskedFieldsAreListedInTheEvent(t *testing.T) {
	masks := []mask.Rule{{Path: "lead.ssn", Kind: "ssn:last4"}, {Path: "lead.email", Kind: "email:partial"}, {Path: "pin", Kind: "drop"}}
	f := func(listed bool, event, want string) {
		t.Helper()
		p, err := Prepare(Events{Masks: masks, MaskedFields: listed}, Surroundings{})
		if err != nil {
			t.Fatal(err)
		}
		s := p.Steps()
		for range 2 { // the second time in used memory
			got, _, failure := s.Mask([]byte(event))
			if failure != nil || string(got) != want {
				t.Errorf("%s: %s, %v; want %s", event, got, failure, want)
			}
		}
		if shown := string(s.Shown([]byte(event))); strings.Contains(shown, "6789") != strings.Contains(want, "6789") {
			t.Errorf("%s is shown as %s", event, shown)
		}
	}
	const masked = `{"lead":{"ssn":"***-**-6789","email":"a***@e***.org"},"id":1`
	event := `{"lead":{"ssn":"123-45-6789","email":"ann@example.org"},"id":1,"pin":7}`
	f(false, event, masked+`}`)
	f(true, event, masked+`,"firehose_metadata":{"masked_fields":["lead.email","lead.ssn","pin"]}}`)
	f(true, `{"id":1}`, `{"id":1,"firehose_metadata":{"masked_fields":[]}}`)
	f(true, `{"firehose_metadata":{"masked_fields":["forged"],"mine":1},"pin":1}`, `{"firehose_metadata":{"mine":1,"masked_fields":["pin"]}}`)
	f(true, `{"firehose_metadata":7,"pin":1}`, `{"firehose_metadata":{"masked_fields":["pin"]}}`)
}

func TestWhatCannotBeMaskedIsNotListedEither(t *testing.T) {
	p, err := Prepare(Events{Masks: []mask.Rule{{Path: "a", Kind: "all"}}, MaskedFields: true}, Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"", "7", "[]", `{"a":`, `{"a":1}{}`} {
		if got, _, failure := p.Steps().Mask([]byte(event)); failure == nil || got != nil {
			t.Errorf("%q: %q, %v", event, got, failure)
		}
	}
}

// Whatever the masks leave can be listed in, so that the panic cannot happen.
func FuzzMaskedFields(f *testing.F) {
	f.Add(`{"a":1,"firehose_metadata":{"masked_fields":["x"]}}`)
	f.Add("{\"a\":\"\xff\"} ")
	f.Add(`{"b":[{"a":null}],"\u0061":"x"}`)
	p, err := Prepare(Events{Masks: []mask.Rule{{Path: "a", Kind: "drop"}, {Path: "*", Kind: "pattern"}}, MaskedFields: true}, Surroundings{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, event string) {
		got, _, failure := p.Steps().Mask([]byte(event))
		if failure == nil && !strings.Contains(string(got), `"masked_fields":[`) {
			t.Errorf("%q: %q", event, got)
		}
	})
}
