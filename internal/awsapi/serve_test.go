package awsapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"firehose/internal/sigv4"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
)

func TestAnswersCarryTheServicesHeaders(t *testing.T) {
	d := newDoor(t)
	for _, target := range []string{"Firehose_20150804.ListDeliveryStreams", "Firehose_20150804.Nothing"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.server.URL, strings.NewReader("{}"))
		must(t, err)
		r.Header.Set("X-Amz-Target", target)
		response, err := http.DefaultClient.Do(r)
		must(t, err)
		response.Body.Close()
		same(t, "application/x-amz-json-1.1", response.Header.Get("Content-Type"))
		for header, pattern := range map[string]string{
			"x-amzn-RequestId": `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
			"x-amz-id-2":       `^[A-Za-z0-9+/]{64}$`,
			"Content-Length":   `^\d+$`, "Date": `GMT$`,
		} {
			if got := response.Header.Get(header); !regexp.MustCompile(pattern).MatchString(got) {
				t.Errorf("%s: %s is %q", target, header, got)
			}
		}
	}
	same(t, "", d.seen[1].Operation)
	same(t, "UnknownOperationException", d.seen[1].Error)
}

func TestOnlyThePublishedOperationsAreKnown(t *testing.T) {
	d := newDoor(t)
	unknown := func(method, path, target string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, d.server.URL+path, strings.NewReader("{}"))
		must(t, err)
		r.Header.Set("X-Amz-Target", target)
		status, answer := d.do(r)
		if status != 400 || answer != `{"__type":"UnknownOperationException"}` {
			t.Errorf("%s %s %s: %d %s", method, path, target, status, answer)
		}
	}
	unknown("GET", "/", "")
	unknown("POST", "/", "")
	unknown("POST", "/", "ListDeliveryStreams")
	unknown("POST", "/", "Firehose_20150804.listDeliveryStreams")
	unknown("POST", "/", "Kinesis_20131202.ListDeliveryStreams")
	unknown("GET", "/", "Firehose_20150804.ListDeliveryStreams")
	unknown("POST", "/x", "Firehose_20150804.ListDeliveryStreams")
}

func TestBodiesAreBounded(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	space := func(n int) string { return strings.Repeat(" ", n) }
	d.accept("ListDeliveryStreams", "{}"+space(controlBodyMax-2))
	d.refuse("ListDeliveryStreams", "{}"+space(controlBodyMax-1), "RequestEntityTooLargeException", "The request body must not be larger than 1048576 bytes.")
	put := `{"DeliveryStreamName":"a","Record":{"Data":""}}`
	d.accept("PutRecord", put+space(putBodyMax-len(put)))
	d.refuse("PutRecord", put+space(putBodyMax-len(put)+1), "RequestEntityTooLargeException", "The request body must not be larger than 8388608 bytes.")

	// A body of unknown length is measured as it comes.
	chunked := func(body string, wantStatus int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.server.URL, io.MultiReader(strings.NewReader(body)))
		must(t, err)
		r.Header.Set("X-Amz-Target", "Firehose_20150804.ListDeliveryStreams")
		status, _ := d.do(r)
		same(t, wantStatus, status)
	}
	chunked("{}", 200)
	chunked("{}"+space(controlBodyMax-1), 413)
}

// Many clients write all of a request before they read; a refusal must reach these too.
func TestRefusalsReachClientsThatWriteFirst(t *testing.T) {
	d := newDoor(t)
	const size = 40 << 20 // more than the kernel's buffers hold
	refused := func(header, want string) {
		t.Helper()
		conn, err := net.Dial("tcp", d.server.Listener.Addr().String())
		must(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\nContent-Length: %d\r\n\r\n", header, size)
		must(t, err)
		_, err = conn.Write(make([]byte, size))
		must(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		defer response.Body.Close()
		same(t, want, response.Header.Get("x-amzn-ErrorType"))
	}
	refused("X-Amz-Target: Firehose_20150804.PutRecordBatch", "RequestEntityTooLargeException")
	refused("X-Amz-Target: Firehose_20150804.PutRecordBatch\r\nContent-Encoding: gzip", "UnsupportedMediaTypeException")
	refused("X-Amz-Target: Nothing", "UnknownOperationException")
}

func TestCompressedBodiesAreRefused(t *testing.T) {
	d := newDoor(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.server.URL, strings.NewReader("{}"))
	must(t, err)
	r.Header.Set("X-Amz-Target", "Firehose_20150804.ListDeliveryStreams")
	r.Header.Set("Content-Encoding", "gzip")
	status, answer := d.do(r)
	same(t, 415, status)
	same(t, `{"__type":"UnsupportedMediaTypeException","message":"Content-Encoding is not supported; send the request body as it is."}`, answer)
}

// stalled is a body that is announced and does not come until end is closed.
type stalled struct{ begun, end chan struct{} }

func (s stalled) Read([]byte) (int, error) {
	s.begun <- struct{}{}
	<-s.end
	return 0, io.ErrUnexpectedEOF
}

// Who announces large bodies and does not send them keeps nobody out.
func TestOnlyWhatHasComeIsInFlight(t *testing.T) {
	const clients = 10
	h := New(newMemory(), Options{Account: testAccount, Region: testRegion, BytesMax: 2 * controlBodyMax, RequestsMax: 1})
	list := func(body io.Reader, length int64) int {
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.ContentLength = length
		r.Header.Set("X-Amz-Target", "Firehose_20150804.ListDeliveryStreams")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	s := stalled{make(chan struct{}, 2*clients), make(chan struct{})}
	var done sync.WaitGroup
	for range clients {
		done.Go(func() { list(s, controlBodyMax) })
	}
	for range clients {
		<-s.begun
	}
	same(t, 200, list(strings.NewReader("{}"), 2))
	close(s.end)
	done.Wait()
	same(t, 2*controlBodyMax, h.flight.bytes)
	same(t, true, h.flight.turns.TryAcquire(h.flight.work))
}

// At the bound a request is refused, and taken again when there is room.
func TestRequestsInFlightAreBounded(t *testing.T) {
	check := func(set func(*Options), second string) {
		t.Helper()
		d := newDoor(t, set)
		d.create("a", "")
		entered, leave := make(chan struct{}), make(chan struct{})
		d.memory.put = func(records [][]byte) (int, error) {
			if len(records[0]) > 0 {
				close(entered)
				<-leave
			}
			return 1, nil
		}
		done := make(chan struct{})
		go func() { // waited for by done
			defer close(done)
			d.accept("PutRecord", `{"DeliveryStreamName":"a","Record":{"Data":"YQ=="}}`)
		}()
		<-entered
		d.refuse("PutRecord", second, "ServiceUnavailableException", "Slow down.")
		close(leave)
		<-done
		d.accept("PutRecord", second)
	}
	put := `{"DeliveryStreamName":"a","Record":{"Data":""}}`
	check(func(o *Options) { o.RequestsMax = 1 }, put)
	check(func(o *Options) { o.BytesMax = 1000 }, put+strings.Repeat(" ", 450-len(put)))
}

// A burst beyond the bound is worked on as turns come.
func TestABurstWaitsItsTurn(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.RequestsMax = 1 })
	d.create("a", "")
	d.memory.put = func(records [][]byte) (int, error) { return len(records), nil }
	var burst sync.WaitGroup
	for range 50 {
		burst.Go(func() { d.accept("PutRecord", `{"DeliveryStreamName":"a","Record":{"Data":"YQ=="}}`) })
	}
	burst.Wait()
}

func TestAPanicIsAnsweredAndLogged(t *testing.T) {
	var text bytes.Buffer
	d := newDoor(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&text, nil)) })
	d.create("a", "")
	d.memory.put = func([][]byte) (int, error) { panic("broken invariant") }
	d.refuse("PutRecord", `{"DeliveryStreamName":"a","Record":{"Data":"c2VjcmV0"}}`, errInternal.Type, errInternal.Message)
	for _, want := range []string{"broken invariant", "request_id=", "operation=PutRecord"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("log lacks %q: %s", want, text.String())
		}
	}
	d.memory.put = nil
	d.accept("PutRecord", `{"DeliveryStreamName":"a","Record":{"Data":""}}`)
}

// A client that does not wait for its answer is no fault of the server's, and does not fill its log.
func TestOnlyTheServersFaultsAreLogged(t *testing.T) {
	var text bytes.Buffer
	d := newDoor(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&text, nil)) })
	d.create("a", "")
	put := func(fault error) {
		d.memory.put = func([][]byte) (int, error) { return 0, fault }
		d.refuse("PutRecord", `{"DeliveryStreamName":"a","Record":{"Data":""}}`, errInternal.Type, errInternal.Message)
	}
	put(fmt.Errorf("append: %w", context.Canceled))
	same(t, "", text.String())
	put(errors.New("disk is on fire"))
	if !strings.Contains(text.String(), "disk is on fire") {
		t.Errorf("log: %s", text.String())
	}
}

// The account comes from the access key and the region from the signature; streams of others do not exist.
func TestSignedRequestsReachTheirOwnAccountOnly(t *testing.T) {
	keys := map[string]sigv4.Key{
		"AKID":  {AccessKey: "AKID", SecretKey: "secret", Account: testAccount},
		"OTHER": {AccessKey: "OTHER", SecretKey: "secret", Account: "999999999999"},
	}
	d := newDoor(t, func(o *Options) {
		o.Verifier = sigv4.New(nil, "firehose", func(k string) (sigv4.Key, bool) { key, ok := keys[k]; return key, ok }, time.Now)
	})
	client := func(region, key, secret string) *firehose.Client {
		return firehose.New(firehose.Options{Region: region, BaseEndpoint: aws.String(d.server.URL),
			Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""), Retryer: aws.NopRetryer{}})
	}
	names := func(c *firehose.Client) string {
		t.Helper()
		out, err := c.ListDeliveryStreams(t.Context(), &firehose.ListDeliveryStreamsInput{})
		must(t, err)
		return strings.Join(out.DeliveryStreamNames, " ")
	}
	must(t, d.memory.Create(t.Context(), stream.Stream{Key: d.key("mine")}))
	must(t, d.memory.Create(t.Context(), stream.Stream{Key: stream.Key{Account: testAccount, Region: "eu-west-1", Name: "far"}}))
	must(t, d.memory.Create(t.Context(), stream.Stream{Key: stream.Key{Account: "999999999999", Region: testRegion, Name: "theirs"}}))
	same(t, "mine", names(d.client))
	same(t, "far", names(client("eu-west-1", "AKID", "secret")))
	same(t, "theirs", names(client(testRegion, "OTHER", "secret")))

	_, err := client(testRegion, "AKID", "wrong").ListDeliveryStreams(t.Context(), &firehose.ListDeliveryStreamsInput{})
	if err == nil || !strings.Contains(err.Error(), "InvalidSignatureException") {
		t.Error(err)
	}
	d.refuse("ListDeliveryStreams", "{}", "MissingAuthenticationTokenException", "Missing Authentication Token")
}

// Without verification the region still comes from the signature's scope.
func TestUnverifiedRequestsNameTheirRegion(t *testing.T) {
	d := newDoor(t)
	must(t, d.memory.Create(t.Context(), stream.Stream{Key: stream.Key{Account: testAccount, Region: "eu-west-1", Name: "far"}}))
	c := firehose.New(firehose.Options{Region: "eu-west-1", BaseEndpoint: aws.String(d.server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("any", "thing", ""), Retryer: aws.NopRetryer{}})
	out, err := c.ListDeliveryStreams(t.Context(), &firehose.ListDeliveryStreamsInput{})
	must(t, err)
	same(t, "far", strings.Join(out.DeliveryStreamNames, " "))
}

// A client that goes away in the middle of its body leaves nothing behind.
func TestABodyThatBreaksOffIsRefused(t *testing.T) {
	h := New(newMemory(), Options{Account: testAccount, Region: testRegion, RequestsMax: 1})
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{"))
		r.ContentLength = 100
		r.Header.Set("X-Amz-Target", "Firehose_20150804.ListDeliveryStreams")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		same(t, 400, w.Code)
		same(t, `{"__type":"SerializationException","message":"The request body could not be read whole."}`, w.Body.String())
	}
}

// Whatever comes in, the answer is JSON and the process lives.
func FuzzServe(f *testing.F) {
	f.Add("CreateDeliveryStream", []byte(s3Body(`,"Prefix":"!{timestamp:yyyy}","ErrorOutputPrefix":"e","S3BackupMode":"Enabled","S3BackupConfiguration":{`+required+`}`)))
	f.Add("CreateDeliveryStream", []byte(s3Body(`,"ProcessingConfiguration":{"Enabled":false,"Processors":[`+lambda+`,{"Type":"CloudWatchLogProcessing"}]}`)))
	f.Add("CreateDeliveryStream", []byte(`{"DeliveryStreamName":"n",`+terraform+`}`))
	f.Add("UpdateDestination", []byte(updateBody("a", 1, `"DataFormatConversionConfiguration":{"SchemaConfiguration":{}},"S3BackupUpdate":{"BufferingHints":{"SizeInMBs":1}}`)))
	f.Add("PutRecordBatch", []byte(batchBody(1, 2)))
	f.Add("TagDeliveryStream", []byte(`{"DeliveryStreamName":"a","Tags":[{"Key":"k","Value":null}]}`))
	f.Add("StartDeliveryStreamEncryption", []byte(`{"DeliveryStreamName":"a","DeliveryStreamEncryptionConfigurationInput":{"KeyType":"CUSTOMER_MANAGED_CMK","KeyARN":"arn:aws:kms:us-east-1:123456789012:key/k"}}`))
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		var text bytes.Buffer
		m := newMemory()
		h := New(m, Options{Account: testAccount, Region: testRegion, Logger: slog.New(slog.NewTextHandler(&text, nil))})
		send := func(operation string, body []byte) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", bytes.NewReader(body))
			r.Header.Set("X-Amz-Target", targetPrefix+operation)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		send("CreateDeliveryStream", []byte(`{"DeliveryStreamName":"a","S3DestinationConfiguration":{`+required+`}}`))
		w := send(operation, body)
		if !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Code == 500 && !strings.Contains(string(body), "null") || text.Len() > 0 {
			t.Fatalf("%d %s\n%s", w.Code, w.Body, &text)
		}
		for key, s := range m.streams {
			if _, err := Compile(key, s.Document()); err != nil {
				t.Fatalf("stored what cannot run: %v", err)
			}
		}
	})
}
