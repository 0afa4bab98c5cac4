package native

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firehose/internal/destination"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// A digest says when a secret is another, and never what it is.
func TestTheDigestOfReferencesFollowsFilesAlone(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "key"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configOf := func(to string) destination.Config {
		t.Helper()
		d := parseYAML(t, "name: a\ndestinations: [{id: d, "+to+"}]\n")
		spec, err := Environment(dir, "").Compile(stream.Key{}, d.Stored())
		if err != nil {
			t.Fatal(err)
		}
		return spec.Deliveries[0].Destination
	}
	f := func(to string, follows bool) {
		t.Helper()
		digest := func() string {
			t.Helper()
			write("MDEyMzQ1Njc4OWFiY2RlZg==\n")
			got, err := destination.References(configOf(to))
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		before := digest()
		if (before != "") != follows || before != digest() || strings.Contains(before, "MDEy") {
			t.Errorf("%s: the digest is %q", to, before)
		}
		write("YW5vdGhlci1rZXktYXQtYWxs\n")
		after, err := destination.References(configOf(to))
		if err != nil || (after != before) != follows {
			t.Errorf("%s: after a change it is %q, %v", to, after, err)
		}
		if err := os.Remove(filepath.Join(dir, "key")); err != nil {
			t.Fatal(err)
		}
		if _, err := destination.References(configOf(to)); (err != nil) != follows {
			t.Errorf("%s: without the file: %v", to, err)
		}
	}
	t.Setenv("HOOK", "MDEyMzQ1Njc4OWFiY2RlZg==")
	f("type: webhook, webhook: {url: 'http://h', secrets: ['file:key']}", true)
	f("type: webhook, webhook: {url: 'http://h', secrets: ['${HOOK}', 'file:key'], headers: {X: '${HOOK}'}}", true)
	f("type: webhook, webhook: {url: 'http://h', secrets: ['${HOOK}']}", false)
	f("type: http_endpoint, http_endpoint: {url: 'http://h', access_key: 'file:key'}, errors: {bucket: abc}", true)
	f("type: s3, s3: {bucket: abc}, mask: {rules: [{path: a, kind: hash}], key: 'file:key'}", false)
}

// Who reads what to do must know whether it takes a start of the server.
func TestOnlyWhatTheServerWasStartedWithAsksForAStart(t *testing.T) {
	for text, starts := range map[string]bool{"file:none": false, "${UNSET}": true} {
		_, err := Environment(t.TempDir(), "").secret(Secret(text))
		broken := unresolved(err)
		if starts != strings.HasSuffix(broken.Fix, "start the server again.") || starts == strings.HasSuffix(broken.Fix, "by itself.") {
			t.Errorf("%s: %s", text, broken.Fix)
		}
		if again := unresolved(err); again.Fix != broken.Fix || verdict.AsSetUp(again) == nil {
			t.Errorf("%s: %s, then %s", text, broken.Fix, again.Fix)
		}
	}
}
