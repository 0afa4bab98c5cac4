package cloudwatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"firehose/internal/task"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// put is a PutLogEvents request as it came over the wire.
type put struct {
	LogGroupName, LogStreamName string
	LogEvents                   []struct {
		Message   string
		Timestamp int64
	}
	raw    []byte
	region string
}

// fakeLogs answers PutLogEvents as the reference of CloudWatch Logs describes it; the requests are the official SDK's.
// It stands in for the SDK's HTTP client, so that time stands still while it works under synctest.
type fakeLogs struct {
	t *testing.T

	mu      sync.Mutex
	puts    []put
	answer  string          // body of the next answers
	fail    string          // error code of the next answers
	hang    bool            // next requests wait until they are cancelled
	arrived map[string]bool // events, to find what comes twice
}

func (f *fakeLogs) Do(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	hang := f.hang
	f.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result(), nil
}

func (f *fakeLogs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var p put
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &p)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" ||
		r.Header.Get("X-Amz-Target") != "Logs_20140328.PutLogEvents" {
		f.t.Errorf("request %s %v: %v", r.Method, r.Header, err)
	}
	scope := strings.Split(r.Header.Get("Authorization"), "/")
	if len(scope) < 5 || scope[3] != "logs" {
		f.t.Fatalf("authorization for %q", scope)
	}
	p.raw, p.region = body, scope[2]
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if f.fail != "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":"the reason"}`, f.fail)
		return
	}
	f.check(p)
	f.puts = append(f.puts, p)
	if f.answer == "" {
		f.answer = "{}"
	}
	io.WriteString(w, f.answer)
}

// check holds a request against the service's rules.
func (f *fakeLogs) check(p put) {
	size := 0
	for i, e := range p.LogEvents {
		size += len(e.Message) + 26
		if i > 0 && e.Timestamp < p.LogEvents[i-1].Timestamp {
			f.t.Errorf("event %d is out of order", i)
		}
		id := fmt.Sprint(p.LogStreamName, e.Timestamp, e.Message)
		if f.arrived[id] {
			f.t.Errorf("%s came twice", e.Message)
		}
		f.arrived[id] = true
	}
	if len(p.LogEvents) == 0 || len(p.LogEvents) > 10_000 || size > 1_048_576 {
		f.t.Errorf("%d events of %d bytes", len(p.LogEvents), size)
	}
}

// codes returns the error codes of the events that came.
func (f *fakeLogs) codes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var codes []string
	for _, p := range f.puts {
		for _, e := range p.LogEvents {
			var b body
			if err := json.Unmarshal([]byte(e.Message), &b); err != nil {
				f.t.Errorf("event %q: %v", e.Message, err)
			}
			codes = append(codes, b.ErrorCode)
		}
	}
	return codes
}

func credentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// run calls test under synctest with a sink that runs. stop ends it.
func run(t *testing.T, test func(t *testing.T, k *Sink, f *fakeLogs, log *bytes.Buffer, stop func())) {
	t.Helper()
	credentials(t)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		k, err := Open(t.Context(), Settings{Endpoint: "http://logs.test", Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		f := &fakeLogs{t: t, arrived: map[string]bool{}}
		k.client = cloudwatchlogs.New(k.client.Options(), func(o *cloudwatchlogs.Options) { o.HTTPClient = f })
		g := task.NewGroup(t.Context())
		g.Go("diagnostics", k.Run)
		stop := func() {
			g.Stop()
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
		}
		test(t, k, f, &log, stop)
		stop()
	})
}

func diagnostic(code string) Diagnostic {
	return Diagnostic{
		StreamARN: "arn:aws:firehose:eu-central-1:123456789012:deliverystream/orders",
		Region:    "eu-central-1",
		Version:   7,
		Target:    "arn:aws:s3:::lake",
		Code:      code,
		Message:   `put s3://lake/k: <"broken"> & gone`,
		LogGroup:  "/aws/kinesisfirehose/orders",
		LogStream: "DestinationDelivery",
		Occurred:  time.Now(),
	}
}

func TestRequestIsWhatTheServiceWrites(t *testing.T) {
	run(t, func(t *testing.T, k *Sink, f *fakeLogs, _ *bytes.Buffer, stop func()) {
		k.Diagnose(diagnostic("S3.NoSuchBucket"))
		time.Sleep(time.Millisecond)
		k.Diagnose(diagnostic("S3.AccessDenied"))
		stop()
		if len(f.puts) != 1 || f.puts[0].region != "eu-central-1" {
			t.Fatalf("%d requests, %+v", len(f.puts), f.puts)
		}
		var got bytes.Buffer
		if err := json.Indent(&got, f.puts[0].raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
		golden := filepath.Join("testdata", "put_log_events.json")
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("request:\n%s\nwant:\n%s\n%v", &got, want, err)
		}
	})
}

func TestOneEventOfAKindInTenSeconds(t *testing.T) {
	run(t, func(t *testing.T, k *Sink, f *fakeLogs, _ *bytes.Buffer, stop func()) {
		for range 1000 { // 50 seconds
			k.Diagnose(diagnostic("S3.AccessDenied"))
			time.Sleep(50 * time.Millisecond)
		}
		other, elsewhere := diagnostic("InternalError"), diagnostic("S3.AccessDenied")
		elsewhere.LogStream = "BackupDelivery"
		k.Diagnose(other)
		k.Diagnose(elsewhere)
		elsewhere.StreamARN += "2"
		k.Diagnose(elsewhere)
		stop()
		codes := f.codes()
		slices.Sort(codes)
		if want := []string{"InternalError", "S3.AccessDenied", "S3.AccessDenied", "S3.AccessDenied", "S3.AccessDenied",
			"S3.AccessDenied", "S3.AccessDenied", "S3.AccessDenied"}; !slices.Equal(codes, want) {
			t.Fatalf("sent %q", codes)
		}
		if got := k.Stats(); got != (Stats{Sent: 8, LeftOut: 995}) {
			t.Fatalf("%+v", got)
		}
		if len(k.taken) > 4 {
			t.Fatalf("%d kinds remembered", len(k.taken))
		}
	})
}

func TestEventsOfALogStreamGoTogether(t *testing.T) {
	run(t, func(t *testing.T, k *Sink, f *fakeLogs, _ *bytes.Buffer, stop func()) {
		for i := range 30 {
			d := diagnostic(fmt.Sprint("Code", i))
			d.LogStream = fmt.Sprint("stream", i%3)
			d.Occurred = d.Occurred.Add(-time.Duration(i) * time.Second) // they come in the wrong order
			k.Diagnose(d)
		}
		time.Sleep(gatherTime)
		synctest.Wait()
		if len(f.puts) != 3 || len(f.codes()) != 30 {
			t.Fatalf("%d events in %d requests", len(f.codes()), len(f.puts))
		}
	})
}

func TestLargeEventsAreSplitIntoRequests(t *testing.T) {
	run(t, func(t *testing.T, k *Sink, f *fakeLogs, _ *bytes.Buffer, stop func()) {
		const events = 300
		for i := range events {
			d := diagnostic(fmt.Sprint("Code", i))
			d.Message = strings.Repeat("\x01é", 3000) // each control character takes six bytes
			k.Diagnose(d)
		}
		stop()
		if len(f.codes()) != events || len(f.puts) < 2 || len(f.puts) > 5 {
			t.Fatalf("%d events in %d requests", len(f.codes()), len(f.puts))
		}
	})
}

func TestOldestAreDroppedWhileTheServiceHangs(t *testing.T) {
	run(t, func(t *testing.T, k *Sink, f *fakeLogs, _ *bytes.Buffer, stop func()) {
		f.hang = true
		k.Diagnose(diagnostic("First"))
		time.Sleep(gatherTime)
		synctest.Wait() // the request hangs
		for i := range queueMax + 10 {
			k.Diagnose(diagnostic(fmt.Sprint("Code", i)))
		}
		f.mu.Lock()
		f.hang = false
		f.mu.Unlock()
		time.Sleep(requestTimeout + gatherTime)
		synctest.Wait()
		if got := k.Stats(); got != (Stats{Sent: queueMax, Dropped: 10, Rejected: 1}) {
			t.Fatalf("%+v", got)
		}
		if codes := f.codes(); slices.Contains(codes, "Code9") || !slices.Contains(codes, "Code10") {
			t.Fatal("dropped others than the oldest")
		}
	})
}

func TestTroubleIsLoggedOnce(t *testing.T) {
	run(t, func(t *testing.T, k *Sink, f *fakeLogs, log *bytes.Buffer, stop func()) {
		try := func(fail, text string, want int) {
			t.Helper()
			f.fail = fail
			k.Diagnose(diagnostic("S3.AccessDenied"))
			time.Sleep(sampleInterval)
			synctest.Wait()
			if got := strings.Count(log.String(), text); got != want {
				t.Fatalf("log says %q %d times, want %d:\n%s", text, got, want, log)
			}
		}
		const missing, denied = "create the log group and the log stream", "AccessDeniedException"
		try("ResourceNotFoundException", missing, 1)
		try("ResourceNotFoundException", missing, 1)
		try("AccessDeniedException", denied, 1)
		try("AccessDeniedException", denied, 1)
		try("", missing, 1)
		try("ResourceNotFoundException", missing, 2)
		if got := k.Stats(); got != (Stats{Sent: 1, Rejected: 5}) {
			t.Fatalf("%+v", got)
		}
	})
}

func TestWhatWaitsIsSentAtTheEnd(t *testing.T) {
	run(t, func(t *testing.T, k *Sink, f *fakeLogs, _ *bytes.Buffer, stop func()) {
		k.Diagnose(diagnostic("Last"))
		stop()
		if codes := f.codes(); !slices.Equal(codes, []string{"Last"}) {
			t.Fatalf("sent %q", codes)
		}
	})
}

func TestEndDoesNotWaitForAServiceThatHangs(t *testing.T) {
	run(t, func(t *testing.T, k *Sink, f *fakeLogs, _ *bytes.Buffer, stop func()) {
		f.hang = true
		for i := range 10 {
			d := diagnostic("Last")
			d.LogStream = fmt.Sprint(i)
			k.Diagnose(d)
		}
		begin := time.Now()
		stop()
		if took := time.Since(begin); took > closeTimeout {
			t.Fatalf("the end took %v", took)
		}
	})
}

func TestEventsOutsideTheServicesTimeAreCounted(t *testing.T) {
	run(t, func(t *testing.T, k *Sink, f *fakeLogs, _ *bytes.Buffer, stop func()) {
		f.answer = `{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":2,"expiredLogEventEndIndex":1,"tooNewLogEventStartIndex":5}}`
		for i := range 6 {
			k.Diagnose(diagnostic(fmt.Sprint(i)))
		}
		stop()
		if got := k.Stats(); got != (Stats{Sent: 3, Rejected: 3}) {
			t.Fatalf("%+v", got)
		}
	})
}

func TestLongMessagesAreCutBetweenCharacters(t *testing.T) {
	d := diagnostic("InternalError")
	d.Message = "x" + strings.Repeat("é", messageMax)
	if got := message(&d); got != "x"+strings.Repeat("é", messageMax/2-1) {
		t.Fatalf("message of %d bytes ends in %q", len(got), got[len(got)-4:])
	}
}

func TestNothingIsSentWithoutAnEndpoint(t *testing.T) {
	k, err := Open(t.Context(), Settings{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	k.Diagnose(diagnostic("S3.AccessDenied"))
	if len(k.queue) > 0 {
		t.Fatal("an event waits")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("end"))
	if err := k.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestEventsReachTheConfiguredEndpoint(t *testing.T) {
	credentials(t)
	f := &fakeLogs{t: t, arrived: map[string]bool{}}
	server := httptest.NewServer(f)
	defer server.Close()
	k, err := Open(t.Context(), Settings{Endpoint: server.URL, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	k.Diagnose(diagnostic("S3.AccessDenied"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // what waits is sent all the same
	if err := k.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if got := k.Stats(); got.Sent != 1 || len(f.puts) != 1 {
		t.Fatalf("%+v", got)
	}
}
