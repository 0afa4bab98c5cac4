package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func parsed(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestConnectTellsWhatItFinds(t *testing.T) {
	requests := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	to := parsed(t, server.URL)

	found, err := New(Options{AllowPrivate: true, TLS: &tls.Config{RootCAs: roots}}).Connect(t.Context(), to)
	if err != nil || found.Address.String() != to.Host || found.TLS != "TLS 1.3" || found.Expires.Before(time.Now()) {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err := New(Options{AllowPrivate: true}).Connect(t.Context(), to); FaultOf(err) != Handshake {
		t.Errorf("a certificate of nobody: %v", err)
	}
	if _, err := New(Options{TLS: &tls.Config{RootCAs: roots}}).Connect(t.Context(), to); FaultOf(err) != Forbidden {
		t.Errorf("a private address: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(Options{AllowPrivate: true}).Connect(ended, to); err == nil {
		t.Error("connected though its context had ended")
	}
	if requests > 0 {
		t.Errorf("sent %d requests", requests)
	}
}

func TestResolveFindsTheAddressesOfAName(t *testing.T) {
	c := New(Options{})
	f := func(text, want string) {
		t.Helper()
		found, err := c.Resolve(t.Context(), parsed(t, text))
		if err != nil || len(found) == 0 || !strings.Contains(want, found[0].String()) {
			t.Errorf("%s: %v, %v; want %s", text, found, err, want)
		}
	}
	f("https://127.0.0.1:8080/x", "127.0.0.1")
	f("https://[::ffff:127.0.0.1]/", "127.0.0.1")
	f("https://localhost", "127.0.0.1 ::1")
	if _, err := c.Resolve(t.Context(), parsed(t, "https://name.invalid")); FaultOf(err) != Unresolved {
		t.Errorf("a name that does not exist: %v", err)
	}
}
