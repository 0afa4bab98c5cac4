package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestClientSaysWhatIsInTheWay(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	server := func(answer http.HandlerFunc) string {
		s := httptest.NewServer(answer)
		t.Cleanup(s.Close)
		return s.URL
	}
	gone := httptest.NewServer(nil)
	gone.Close()

	f := func(address string, want ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		c := client{url: address}
		err := c.do(ctx, http.MethodGet, "/v1/records", url.Values{}, &struct{}{})
		if err == nil {
			t.Errorf("%s: no error", address)
			return
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not say %q", address, err, text)
			}
		}
		if strings.Contains(err.Error(), "is the server running") != (address == gone.URL) {
			t.Errorf("%s: %q asks the wrong question", address, err)
		}
	}
	f("127.0.0.1:4573", `--url "127.0.0.1:4573"`, "http://127.0.0.1:4573")
	f(gone.URL, gone.URL, "connection refused", "is the server running?")
	f(server(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "--timeout", "/healthz")
	f(server(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this is HTTPS\nand more", http.StatusBadRequest)
	}),
		"400 Bad Request: this is HTTPS")
	f(server(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte(`{"error": {"code": "stream_not_found", "message": "there is none"}}`))
	}), "there is none (stream_not_found)")
	f(server(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`{"error": {"code": "MissingAuthenticationTokenException", "message": "Missing"}}`))
	}), "FIREHOSE_API_KEY", "AWS_ACCESS_KEY_ID")
	plain := httptest.NewServer(nil)
	t.Cleanup(plain.Close)
	f(strings.Replace(plain.URL, "http:", "https:", 1), "without TLS", "http://")
}

func TestVerifyOfAFolderWithoutALogFails(t *testing.T) {
	dir := t.TempDir()
	if err := runLog(t.Context(), []string{"verify", dir}); err == nil || !strings.Contains(err.Error(), "holds no log") {
		t.Errorf("%v, want that the folder holds no log", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "log"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{dir, filepath.Join(dir, "log")} {
		if err := runLog(t.Context(), []string{"verify", of}); err != nil {
			t.Errorf("an empty log: %v", err)
		}
	}
}

func TestHelpGoesToStandardOutput(t *testing.T) {
	if of := os.Getenv("FIREHOSE_TEST_RUN"); of != "" {
		os.Exit(run(t.Context(), strings.Fields(of)))
	}
	f := func(call string, status int, stdout, stderr string) {
		t.Helper()
		c := exec.Command(os.Args[0], "-test.run=^TestHelpGoesToStandardOutput$")
		c.Env = append(os.Environ(), "FIREHOSE_TEST_RUN="+call)
		var out, problem strings.Builder
		c.Stdout, c.Stderr = &out, &problem
		if err := c.Run(); err != nil && c.ProcessState == nil {
			t.Fatal(err)
		}
		if c.ProcessState.ExitCode() != status || !strings.HasPrefix(out.String(), stdout) || !strings.HasPrefix(problem.String(), stderr) {
			t.Errorf("%s: status %d, standard output %q, standard error %q; want %d, %q, %q", call, c.ProcessState.ExitCode(), &out, &problem, status, stdout, stderr)
		}
	}
	f("flush --help", 0, "Delivers what a stream holds", "")
	f("put NAME -h", 0, "Puts the events", "")
	f("log --help", 0, "Looks at the log", "")
	f("schema --help", 0, "Proposes a table", "")
	f("demo --help", 0, "Shows the whole way", "")
	f("bench put --help", 0, "Usage of bench put", "")
	f("--version", 0, "firehose ", "")
	f("flush --bogus NAME", 2, "", "firehose flush: flag provided but not defined: -bogus; see firehose flush --help\n")
	f("flush", 2, "", "firehose flush: want one name of a stream, got none\n")
	f("log", 2, "", "Looks at the log")
	f("streems", 2, "", `firehose: there is no command "streems"`)
}
