package httpendpoint

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"firehose/internal/destination"
	"firehose/internal/destination/destinationtest"
	"firehose/internal/destination/httpendpoint/httpendpointtest"
	"firehose/internal/outbound"
	"firehose/internal/record"
)

var _ = flag.Bool("update", false, "rewrite the golden files")

func TestCheckOfAnEndpointSaysWhichStepFailsAndWhy(t *testing.T) {
	client := outbound.New(outbound.Options{AllowPrivate: true})
	defer client.Close()
	env := destination.Env{Stream: "leads", StreamID: record.StreamID{1}, Delivery: "endpoint", HTTP: client}
	var checks destinationtest.Checks
	timeout := 5 * time.Second
	f := func(title, wantFailed string, answer func(w http.ResponseWriter, r *http.Request, id string) bool) {
		t.Helper()
		// The receiver refuses every request that is not as the protocol has it, so the test's keeps the rules.
		receiver := &httpendpointtest.Receiver{URI: "/hush-path?token=hush-query", SourceARN: "arn:aws:firehose:us-east-1:123456789012:deliverystream/leads",
			AccessKey: "hush-key", Attributes: map[string]string{"firehose-test": "true"}, Answer: answer}
		server := httptest.NewServer(receiver)
		defer server.Close()
		c := Config{URL: server.URL + receiver.URI, AllowHTTP: true, AccessKey: "hush-key", SourceARN: receiver.SourceARN, Timeout: timeout}
		if failed := checks.Try(t, title, c, env); failed != wantFailed {
			t.Errorf("%s: %q failed, want %q", title, failed, wantFailed)
		}
		if problems := receiver.Problems(); len(problems) > 0 {
			t.Errorf("%s: %q", title, problems)
		}
		if bodies := receiver.Bodies(); wantFailed == "" && (len(bodies) != 1 || !strings.Contains(string(bodies[0].Records[0]), "firehose.test")) {
			t.Errorf("%s: took %v", title, bodies)
		}
	}
	f("taken", "", nil)
	for _, status := range []int{401, 404, 413, 429, 500, 302} {
		wantFailed := destination.Write
		if status == 401 {
			wantFailed = destination.Authenticate
		}
		f(fmt.Sprint("status ", status), wantFailed, func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			w.WriteHeader(status)
			fmt.Fprint(w, "no, hush-key")
			return false
		})
	}
	f("answer of another protocol", destination.Write, func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		fmt.Fprint(w, "ok")
		return false
	})
	f("port of TLS", destination.Write, func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintln(w, "Client sent an HTTP request to an HTTPS server.")
		return false
	})
	timeout = 2 * time.Second
	f("no answer", destination.Write, func(_ http.ResponseWriter, r *http.Request, _ string) bool {
		<-r.Context().Done()
		return false
	})
	checks.Try(t, "address inside", Config{URL: "https://169.254.169.254/latest"}, destination.Env{})
	checks.Compare(t, "check.txt")
	if golden, _ := os.ReadFile("testdata/check.txt"); strings.Contains(string(golden), "hush") {
		t.Error("the steps show a secret")
	}
}
