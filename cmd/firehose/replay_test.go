package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAReplayIsFollowedOverWhatMayPass(t *testing.T) {
	f := func(problem, wantOut, wantErr string) {
		t.Helper()
		shown := func(status, problem string) string {
			return fmt.Sprintf(`{"id": "replay-1", "destination": "hook", "status": %q, "events": 5, "problem": %s}`, status, problem)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusCreated)
				io.WriteString(w, shown("running", problem))
				return
			}
			io.WriteString(w, shown("done", "null"))
		}))
		defer server.Close()
		var out bytes.Buffer
		err := writeReplay(t.Context(), &out, []string{"leads", "--url", server.URL, "--destination", "hook"})
		if out.String() != wantOut || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: got %q, %v; want %q, %q", problem, &out, err, wantOut, wantErr)
		}
	}
	const done = "replay-1 done: a range of 5 events, for hook\n"
	f(`null`, done, "")
	f(`{"cause": "refused", "fix": "Start the other side."}`, done, "")
	f(`{"code": "Webhook.NotFound", "cause": "404", "fix": "Correct the URL."}`, "", "goes on when this is repaired: 404: Correct the URL.")
}
