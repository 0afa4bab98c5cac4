package webhook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/config"
	"firehose/internal/destination"
	"firehose/internal/destination/destinationtest"
	"firehose/internal/outbound"
	"firehose/internal/record"
)

var _ = flag.Bool("update", false, "rewrite the golden files")

// textBody is a format that is nothing but the records.
type textBody struct{ kind string }

func (b textBody) Encoder(_ batch.Head, w io.Writer) (batch.Encoder, error) {
	return textEncoder{w}, nil
}
func (b textBody) ContentType() string   { return b.kind }
func (textBody) ContentEncoding() string { return "" }

type textEncoder struct{ io.Writer }

func (e textEncoder) Write(r batch.Records) error {
	_, err := e.Writer.Write(r.Bytes())
	return err
}
func (textEncoder) Close() error { return nil }

// trying is what a webhook is tried with.
func trying(client *outbound.Client) destination.Env {
	return destination.Env{Stream: "leads", StreamID: record.StreamID{1}, Delivery: "hook", HTTP: client}
}

func TestCheckOfAWebhookSaysWhichStepFailsAndWhy(t *testing.T) {
	var checks destinationtest.Checks
	answer := func(w http.ResponseWriter, _ *http.Request) {}
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	receiver.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	receiver.StartTLS()
	defer receiver.Close()
	roots := x509.NewCertPool()
	roots.AddCert(receiver.Certificate())
	trusting := outbound.New(outbound.Options{AllowPrivate: true, TLS: &tls.Config{RootCAs: roots}})
	defer trusting.Close()
	try := func(title, wantFailed string, client *outbound.Client, change func(*Config)) {
		t.Helper()
		c := Config{URL: receiver.URL + "/hush-path?token=hush-query", Body: textBody{"application/x-ndjson"},
			Headers: []Header{{"Authorization", "Bearer hush-header"}}, Timeout: 5 * time.Second}
		if change != nil {
			change(&c)
		}
		if failed := checks.Try(t, title, c, trying(client)); failed != wantFailed {
			t.Errorf("%s: %q failed, want %q", title, failed, wantFailed)
		}
	}
	status := func(status int, wantFailed string) {
		t.Helper()
		answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://169.254.169.254/")
			w.WriteHeader(status)
			fmt.Fprint(w, "hush-answer")
		}
		try(fmt.Sprint("status ", status), wantFailed, trusting, nil)
	}
	status(200, "")
	status(401, destination.Authenticate)
	status(403, destination.Authenticate)
	status(404, destination.Write)
	status(405, destination.Write)
	status(422, destination.Write)
	status(429, destination.Write)
	status(500, destination.Write)
	status(301, destination.Write)
	answer = func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // else the sender may notice while it is writing, and says something else
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.Close()
	}
	try("connection ended", destination.Write, trusting, nil)
	answer = func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	try("no answer", destination.Write, trusting, func(c *Config) { c.Timeout = 2 * time.Second })

	doubting := outbound.New(outbound.Options{AllowPrivate: true})
	defer doubting.Close()
	try("certificate of nobody", destination.Connect, doubting, nil)
	later := outbound.New(outbound.Options{AllowPrivate: true, TLS: &tls.Config{RootCAs: roots, Time: func() time.Time { return time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC) }}})
	defer later.Close()
	try("certificate has expired", destination.Connect, later, nil)
	_, port, _ := net.SplitHostPort(receiver.Listener.Addr().String())
	try("certificate of another name", destination.Connect, trusting, func(c *Config) { c.URL = "https://localhost:" + port })
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	try("no TLS there", destination.Connect, trusting, func(c *Config) { c.URL = strings.Replace(plain.URL, "http:", "https:", 1) })
	closed := httptest.NewServer(nil)
	closed.Close()
	try("nobody listens", destination.Connect, trusting, func(c *Config) { c.URL, c.AllowHTTP = closed.URL, true })
	try("no such name", destination.Resolve, trusting, func(c *Config) { c.URL = "https://hooks.invalid/x" })
	try("no such port", destination.Connect, trusting, func(c *Config) { c.URL = "https://127.0.0.1:99999/x" })
	nameless := httptest.NewUnstartedServer(http.NotFoundHandler())
	nameless.Config.ErrorLog = receiver.Config.ErrorLog
	nameless.TLS = &tls.Config{Certificates: []tls.Certificate{certificateWithoutNames(t)}}
	nameless.StartTLS()
	defer nameless.Close()
	try("certificate without names", destination.Connect, trusting, func(c *Config) { c.URL = nameless.URL })
	try("no URL", destination.Resolve, trusting, func(c *Config) { c.URL = "https://%zz hush-path" })
	checks.Compare(t, "check.txt")
	if golden, _ := os.ReadFile("testdata/check.txt"); strings.Contains(string(golden), "hush") {
		t.Error("the steps show a secret")
	}
}

func TestCheckBooksTheTimeOfARequestWithoutAnswerUnderTheStepThatFails(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer receiver.Close()
	client := outbound.New(outbound.Options{AllowPrivate: true})
	defer client.Close()
	c := Config{URL: receiver.URL, AllowHTTP: true, Body: textBody{"application/x-ndjson"}, Timeout: 2 * time.Second}
	took := map[string]float64{}
	destination.Try(t.Context(), c, trying(client), func(s destination.Step) { took[s.Name] = s.Milliseconds })
	if took[destination.Authenticate] != 0 || took[destination.Write] < 2000 {
		t.Errorf("the steps took %v ms", took)
	}
}

// A receiver sees one request, signed as every other, that says that it is a test.
func TestCheckSendsOneMarkedAndSignedRequest(t *testing.T) {
	var seen []*http.Request
	var bodies []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen, bodies = append(seen, r), append(bodies, string(body))
	}))
	defer receiver.Close()
	client := outbound.New(outbound.Options{AllowPrivate: true})
	defer client.Close()
	c := Config{URL: receiver.URL, AllowHTTP: true, Body: textBody{"application/x-ndjson"}, Secrets: []config.Secret{"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"}}
	if failed := destination.Try(t.Context(), c, trying(client), func(destination.Step) {}); failed != "" {
		t.Fatalf("%s failed", failed)
	}
	if len(seen) != 1 || seen[0].Header.Get("X-Firehose-Test") != "true" || seen[0].Header.Get("Webhook-Signature") == "" || !strings.Contains(bodies[0], `"event_type":"firehose.test"`) {
		t.Errorf("got %d requests, %v, %q", len(seen), seen, bodies)
	}
}

func TestCheckAsksReceiversOfCloudEvents(t *testing.T) {
	client := outbound.New(outbound.Options{AllowPrivate: true})
	defer client.Close()
	f := func(allowed string, status int, wantFailed string, wantRequests int) {
		t.Helper()
		requests := 0
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodOptions && r.Header.Get("WebHook-Request-Origin") != "" {
				w.Header().Set("WebHook-Allowed-Origin", allowed)
				w.WriteHeader(status)
				return
			}
			requests++
		}))
		defer receiver.Close()
		c := Config{URL: receiver.URL, AllowHTTP: true, Body: textBody{"application/cloudevents-batch+json"}}
		if failed := destination.Try(t.Context(), c, trying(client), func(destination.Step) {}); failed != wantFailed || requests != wantRequests {
			t.Errorf("allowed %q, status %d: %q failed after %d requests", allowed, status, failed, requests)
		}
	}
	f("*", 200, "", 1)
	f("", 405, "", 1)
	f("", 200, "", 1)
	f("others.example.com", 200, destination.Authenticate, 0)
}

// No test of a destination reaches what only this server can reach.
func TestCheckReachesNothingInside(t *testing.T) {
	reached := 0
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer inside.Close()
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	public := outbound.New(outbound.Options{})
	defer public.Close()
	f := func(url string) {
		t.Helper()
		var trouble *destination.Trouble
		c := Config{URL: url, AllowHTTP: true, Body: textBody{"text/plain"}}
		failed := destination.Try(t.Context(), c, trying(public), func(s destination.Step) {
			if s.Trouble != nil {
				trouble = s.Trouble
			}
		})
		if failed != destination.Connect || trouble.Code != "AddressForbidden" || !strings.Contains(trouble.Fix, outbound.Setting) {
			t.Errorf("%s: %q failed, %+v", url, failed, trouble)
		}
		if _, err := c.Send(t.Context(), trying(public), []byte("{}")); outbound.FaultOf(err) != outbound.Forbidden {
			t.Errorf("%s: sent, %v", url, err)
		}
	}
	f("http://127.0.0.1:" + port)
	f("http://localhost:" + port) // a name that resolves to a private address
	f("http://169.254.169.254/latest/meta-data/")
	f("http://[::1]:" + port)
	f("http://[::ffff:127.0.0.1]:" + port)
	f("http://10.0.0.1")
	f("http://0.0.0.0:" + port)

	redirecting := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusFound))
	defer redirecting.Close()
	local := outbound.New(outbound.Options{AllowPrivate: true})
	defer local.Close()
	c := Config{URL: redirecting.URL, AllowHTTP: true, Body: textBody{"text/plain"}}
	if failed := destination.Try(t.Context(), c, trying(local), func(destination.Step) {}); failed != destination.Write {
		t.Errorf("after a redirect %q failed", failed)
	}
	if reached > 0 {
		t.Errorf("the inside was reached %d times", reached)
	}
}

// certificateWithoutNames makes one that has a common name alone, which nobody looks at any more.
func certificateWithoutNames(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotAfter: time.Now().Add(time.Hour)}
	text, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{text}, PrivateKey: key}
}
