package destinationtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"firehose/internal/destination"
)

// Checks gathers what checks report, for a golden file.
type Checks struct {
	text strings.Builder
}

// varying is what differs from run to run.
var varying = regexp.MustCompile(`\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9a-f]{12}|127\.0\.0\.1:\d+|\d{4}-\d\d-\d\d( \d\d:\d\d)?|[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// Try tries a destination, and notes the steps under a title.
func (c *Checks) Try(t *testing.T, title string, to destination.Config, env destination.Env) (failed string) {
	t.Helper()
	fmt.Fprintf(&c.text, "%s\n", title)
	return destination.Try(t.Context(), to, env, func(s destination.Step) {
		if s.Milliseconds < 0 || s.Milliseconds > 60_000 {
			t.Errorf("%s: step %s took %v ms", title, s.Name, s.Milliseconds)
		}
		line := fmt.Sprintf("  %s: %s %s", s.Name, s.Result, s.Detail)
		c.text.WriteString(strings.TrimRight(line, " ") + "\n")
		if s.Trouble != nil {
			fmt.Fprintf(&c.text, "    code: %s\n    cause: %s\n    fix: %s\n", s.Code, s.Cause, s.Fix)
		}
	})
}

// Compare compares with a golden file, or rewrites it with -update.
func (c *Checks) Compare(t *testing.T, name string) {
	t.Helper()
	got := varying.ReplaceAllStringFunc(c.text.String(), func(found string) string {
		if strings.HasPrefix(found, "127.") {
			return "127.0.0.1:PORT"
		}
		return "VARYING"
	})
	file := filepath.Join("testdata", name)
	if update := flag.Lookup("update"); update != nil && update.Value.String() == "true" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has other steps; got\n%s\nwant\n%s", name, got, want)
	}
}
