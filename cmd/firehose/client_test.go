package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
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
