package server

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firehose/internal/config"
)

func settings(t *testing.T) config.Config {
	c := config.Default()
	c.Listen, c.DataDir, c.Store = "127.0.0.1:0", t.TempDir(), "file"
	return c
}

func start(t *testing.T, c config.Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t.Context()) })
	return s
}

func TestReadinessTellsAFullDiskBeforeAPutDoes(t *testing.T) {
	f := func(change func(*config.Config), status int, want string) {
		t.Helper()
		c := settings(t)
		change(&c)
		s := start(t, c)
		answer, err := http.Get(s.URL() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != status || !strings.Contains(string(body), want) {
			t.Errorf("%d %s; want %d and %q", answer.StatusCode, body, status, want)
		}
	}
	f(func(c *config.Config) { c.Log.MinFree = 0 }, http.StatusOK, `"ready":true`)
	f(func(c *config.Config) { c.Log.MinFree = 1 << 60 }, http.StatusServiceUnavailable, "log.min_free")
}

func TestStartSaysWhatItCannotUse(t *testing.T) {
	first := settings(t)
	first.Listen = start(t, first).Address()
	second := settings(t)

	f := func(change func(*config.Config), want ...string) {
		t.Helper()
		c := second
		change(&c)
		s, err := Start(t.Context(), c, slog.New(slog.DiscardHandler))
		if err == nil {
			s.Stop(t.Context())
			t.Errorf("%+v: started", c)
			return
		}
		for _, text := range want {
			if strings.Count(err.Error(), text) != 1 {
				t.Errorf("%q does not say %q once", err, text)
			}
		}
	}
	f(func(c *config.Config) { c.Listen = first.Listen }, first.Listen, "address already in use", "--listen")
	f(func(c *config.Config) { c.DataDir = first.DataDir }, "state.db", "another process is using this data folder")
	catalogue := filepath.Join(second.DataDir, "state.db")
	if err := os.WriteFile(catalogue, []byte("no catalogue"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(func(*config.Config) {}, catalogue, "damaged")
	f(func(c *config.Config) { c.DataDir = catalogue }, catalogue, "make the data folder")
}

func TestALostCatalogueIsNotTakenForAnEmptyNode(t *testing.T) {
	c := settings(t)
	orphan := filepath.Join(c.DataDir, "log", strings.Repeat("0a", 16))
	if err := os.MkdirAll(orphan, 0o750); err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err == nil {
		s.Stop(t.Context())
		t.Fatal("started")
	}
	if want := "bring the right state.db back"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
	if err := os.RemoveAll(orphan); err != nil {
		t.Fatal(err)
	}
	start(t, c)
}
