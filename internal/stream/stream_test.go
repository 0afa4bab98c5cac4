package stream

import (
	"encoding/json"
	"testing"
)

func TestDocumentsAreShownWithoutTheirSecrets(t *testing.T) {
	f := func(document, want string) {
		t.Helper()
		if got := string(Shown(json.RawMessage(document))); got != want {
			t.Errorf("%s is shown as %s, want %s", document, got, want)
		}
	}
	f(`{"Destination":{"Url":"u"}, "Secrets":{"AccessKey":"k"}}`, `{"Destination":{"Url":"u"}}`)
	f(`{"Secrets":"k"}`, `{}`)
	f(`{"name":"Secrets", "b":1, "a":2}`, `{"a":2,"b":1,"name":"Secrets"}`)
	f(`{"b":1, "a":2}`, `{"b":1, "a":2}`) // as it is kept
	f(`{"Secrets":`, ``)
	f(``, ``)
}
