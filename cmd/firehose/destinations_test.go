package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"firehose/internal/api"
	"firehose/internal/stream"
)

func TestDestinationsSayWhyTheyDoNotDeliver(t *testing.T) {
	now := time.Date(2026, 3, 5, 14, 0, 0, 0, time.UTC)
	f := func(d api.Destination, want string) {
		t.Helper()
		d.ID = "lake"
		var out bytes.Buffer
		if err := printDestinations(&out, []api.Destination{d}, now); err != nil {
			t.Fatal(err)
		}
		_, said, _ := strings.Cut(out.String(), "\n\n")
		if said != want {
			t.Errorf("got %q, want %q", said, want)
		}
	}
	since := now.Add(-time.Minute)
	f(api.Destination{}, "")
	f(api.Destination{Problem: &api.Problem{Since: since, Cause: "no TOKEN", Fix: "Set TOKEN."}},
		"lake: cannot begin since 2026-03-05T13:59:00Z (1m0s): no TOKEN\n  Set TOKEN.\n")
	f(api.Destination{Problem: &api.Problem{Since: since, Cause: "no TOKEN", Fix: "Set TOKEN.", Next: now.Add(12 * time.Second)}},
		"lake: cannot begin since 2026-03-05T13:59:00Z (1m0s): no TOKEN\n  Set TOKEN.\n  tries again in 12s\n")
	f(api.Destination{Problem: &api.Problem{Since: since, Cause: "no TOKEN", Next: since}}, "lake: cannot begin since 2026-03-05T13:59:00Z (1m0s): no TOKEN\n  tries again in 0s\n")
	f(api.Destination{Problem: &api.Problem{Since: since, Tries: 1, Cause: "reset"}}, "lake: failed 1 time since 2026-03-05T13:59:00Z (1m0s): reset\n")
	f(api.Destination{Problem: &api.Problem{Since: since, Tries: 9, Cause: "reset"}}, "lake: failed 9 times since 2026-03-05T13:59:00Z (1m0s): reset\n")
	f(api.Destination{Paused: &stream.Pause{By: "ada", Since: since, Reason: "rebuilt"}}, "lake: paused by ada since 2026-03-05T13:59:00Z (1m0s): rebuilt\n")
}
