package test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// functionTexts are the service's messages by code.
var functionTexts = map[string]string{
	"Lambda.FunctionError":          "The Lambda function was successfully invoked but it returned an error result.",
	"Lambda.FunctionTimedOut":       "The Lambda function invocation timed out. Increase the Timeout setting in the Lambda function.",
	"Lambda.ProcessingFailedStatus": "ProcessingFailed status set for record",
	"Lambda.MissingRecordId":        "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids.",
	"Lambda.DuplicatedRecordId":     "Multiple records were returned with the same record Id. Ensure that the Lambda function returns a unique record Id for each record.",
	"Lambda.InvalidReturnFormat":    "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource and processing result is Ok. The value field cannot be null when the SourceType is MSKAsSource and processing result is Ok.",
}

// malformedAnswer is the message of Lambda.FunctionError for an answer of the wrong form.
const malformedAnswer = "Check your function and make sure the output is in required format. In addition to that, make sure the processed records contain valid result status of Dropped, Ok, or ProcessingFailed"

// functionCase is a stream whose records, first, second and third, went through a function.
type functionCase struct {
	name     string
	data     string   // what must be delivered
	failed   []string // records that must be in the error output, all with the same
	code     string
	message  string // empty: that of the code, if there is one
	attempts int
}

var threeRecords = []string{"first", "second", "third"}

// secondly makes a function that transforms the second record in its own way, and the others to capitals.
func secondly(second func() result) http.HandlerFunc {
	return transforming(func(data string) result {
		if data == "second" {
			return second()
		}
		return ok(strings.ToUpper(data))
	})
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func says(answer string) http.HandlerFunc { return answering(func(event) any { return answer }) }

func TestWhateverAFunctionAnswersEveryRecordIsAccountedFor(t *testing.T) {
	t.Parallel()
	functions := map[string]http.Handler{}
	var cases []functionCase
	retries := map[string]int{}
	f := func(name string, function http.Handler, again int, want functionCase) {
		want.name = name
		functions[name], retries[name] = function, again
		cases = append(cases, want)
	}
	some := func(data, code string) functionCase { // the second fails
		return functionCase{data: data, failed: []string{"second"}, code: code, attempts: 1}
	}
	all := func(code string, attempts int) functionCase {
		return functionCase{failed: threeRecords, code: code, attempts: attempts}
	}
	malformed := all("Lambda.FunctionError", 1)
	malformed.message = malformedAnswer

	f("enriched", secondly(func() result { return ok("with\nmore\n") }), 1, functionCase{data: "FIRSTwith\nmore\nTHIRD"})
	f("emptied", secondly(func() result { return ok("") }), 1, functionCase{data: "FIRSTTHIRD"})
	f("dropped", secondly(func() result { return result{"result": "Dropped"} }), 1, functionCase{data: "FIRSTTHIRD"})
	f("refused", secondly(func() result { return result{"result": "ProcessingFailed", "data": []byte("x")} }), 1, some("FIRSTTHIRD", "Lambda.ProcessingFailedStatus"))
	f("missing", secondly(func() result { return nil }), 1, some("FIRSTTHIRD", "Lambda.MissingRecordId"))
	f("null-data", secondly(func() result { return result{"result": "Ok", "data": nil} }), 1, some("FIRSTTHIRD", "Lambda.InvalidReturnFormat"))
	f("no-data", secondly(func() result { return result{"result": "Ok"} }), 1, some("FIRSTTHIRD", "Lambda.InvalidReturnFormat"))
	f("unknown-result", secondly(func() result { return result{"result": "ok", "data": "eA=="} }), 1, malformed)
	f("bad-base64", secondly(func() result { return result{"result": "Ok", "data": "%"} }), 1, malformed)
	f("number-as-data", secondly(func() result { return result{"result": "Ok", "data": 1} }), 1, malformed)
	f("duplicate", answering(func(e event) any {
		var records []result
		for _, i := range []int{0, 1, 2, 1} {
			r := ok(strings.ToUpper(string(e.Records[i].Data)))
			r["recordId"] = e.Records[i].RecordID
			records = append(records, r)
		}
		return map[string]any{"records": records}
	}), 1, some("FIRSTTHIRD", "Lambda.DuplicatedRecordId"))
	f("extra", answering(func(e event) any {
		records := []result{{"recordId": "other", "result": "Ok", "data": "eA=="}}
		for i := range e.Records { // in another order than they were given
			r := ok(strings.ToUpper(string(e.Records[2-i].Data)))
			r["recordId"] = e.Records[2-i].RecordID
			records = append(records, r)
		}
		return map[string]any{"records": records}
	}), 1, functionCase{data: "FIRSTSECONDTHIRD"})

	f("text", says("oops"), 1, all("Lambda.JsonProcessingException", 1))
	f("cut", says(`{"records":[{"recordId":`), 1, all("Lambda.JsonProcessingException", 1))
	f("nothing", says(""), 1, all("Lambda.JsonProcessingException", 1))
	f("no-records", says(`{"answer":42}`), 1, all("Lambda.MissingRecordId", 1))
	f("null-records", says(`{"records":null}`), 1, all("Lambda.MissingRecordId", 1))
	f("empty-records", says(`{"records":[]}`), 1, all("Lambda.MissingRecordId", 1))
	f("array", says(`[]`), 1, all("Lambda.MissingRecordId", 1))

	f("error", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		io.WriteString(w, `{"errorType":"ValueError","errorMessage":"oops"}`)
	}), 1, all("Lambda.FunctionError", 2))
	f("bare-error", says(`{"errorType":"Runtime.ExitError","errorMessage":"exit status 1"}`), 0, all("Lambda.FunctionError", 1))
	f("own-timeout", says(`{"errorMessage":"2026-01-01T00:00:00Z 1 Task timed out after 3.00 seconds"}`), 0, all("Lambda.FunctionTimedOut", 1))
	f("throttled", status(http.StatusTooManyRequests), 1, all("Lambda.InvokeLimitExceeded", 2))
	f("absent", status(http.StatusNotFound), 1, all("Lambda.ResourceNotFound", 1))
	f("forbidden", status(http.StatusForbidden), 1, all("Lambda.InvokeAccessDenied", 1))
	f("broken", status(http.StatusInternalServerError), 1, all("Lambda.ServiceException", 2))
	f("killed", http.HandlerFunc(reset), 1, all("Lambda.ConnectionFailed", 2))
	f("long", says(`{"records":[],"pad":"`+strings.Repeat("x", 7<<20)+`"}`), 0, all("Lambda.FunctionError", 1))
	var calls atomic.Int32
	second := secondly(func() result { return result{"result": "ProcessingFailed"} })
	recovered := some("FIRSTTHIRD", "Lambda.ProcessingFailedStatus")
	recovered.attempts = 2
	f("recovered", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			reset(w, r)
			return
		}
		second(w, r)
	}), 1, recovered)

	n := newNode(t)
	n.env = []string{functionsAt(t, functions)}
	n.start()
	for _, c := range cases {
		n.create(c.name, named(c.name), transformedBy(c.name, retries[c.name]))
		n.putData(c.name, threeRecords...)
	}
	lost := 0
	for _, c := range cases {
		c.check(n)
		lost += len(c.failed)
	}
	counted := func(result string, want int) {
		t.Helper()
		if got := n.metric("firehose_processing_records_total", `result="`+result+`"`); got != float64(want) {
			t.Errorf("%v records are counted as %s, want %d", got, result, want)
		}
	}
	counted("dropped", 1)
	counted("failed", lost)
	counted("ok", len(threeRecords)*len(cases)-lost-1)
	if got := n.metric("firehose_error_output_records_total", `type="processing-failed"`); got != float64(lost) {
		t.Errorf("%v records in error outputs are counted, want %d", got, lost)
	}
}

// reset ends the connection as a killed function does.
func reset(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	connection.(*net.TCPConn).SetLinger(0)
	connection.Close()
}

// check checks what came of the records, after a function of the stream's name.
func (c functionCase) check(n *node) {
	n.t.Helper()
	c.checkOf(n, c.name)
}

func (c functionCase) checkOf(n *node, function string) {
	n.t.Helper()
	got := n.outcome(c.name)
	if data := got.data[dataOf(c.name)]; data != c.data {
		n.t.Errorf("%s: %q is delivered, want %q", c.name, data, c.data)
	}
	lines := got.failed[processingFailed]
	if len(lines) != len(c.failed) || got.failures() != len(lines) {
		n.t.Fatalf("%s: %d records failed, want %d: %+v", c.name, got.failures(), len(c.failed), got.failed)
	}
	for i, line := range lines {
		message := c.message
		if message == "" {
			message = functionTexts[c.code]
		}
		if string(line.RawData) != c.failed[i] || line.ErrorCode != c.code || line.AttemptsMade != c.attempts || line.LambdaARN != arnOf(function) {
			n.t.Errorf("%s: %+v, want %q of %s after %d attempts", c.name, line, c.failed[i], c.code, c.attempts)
		}
		if line.ErrorMessage != message && (message != "" || line.ErrorMessage == "") {
			n.t.Errorf("%s: the message is %q, want %q", c.name, line.ErrorMessage, message)
		}
	}
}

func TestFunctionThatTakesTooLongOrIsGoneFailsItsRecords(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(slow.Close)
	n := newNode(t, "--lambda-timeout", "1s")
	n.env = []string{fmt.Sprintf(`FIREHOSE_LAMBDA_FUNCTIONS={"slow": %q, "gone": %q}`, slow.URL+"/f", gone.URL+"/f")}
	n.start()
	for _, name := range []string{"slow", "gone"} {
		n.create(name, named(name), transformedBy(name, 1))
		n.putData(name, threeRecords...)
	}
	functionCase{name: "slow", failed: threeRecords, code: "Lambda.FunctionTimedOut", attempts: 2}.check(n)
	functionCase{name: "gone", failed: threeRecords, code: "Lambda.ConnectionFailed", attempts: 2}.check(n)
}

func TestFunctionIsToldWhatTheServiceTells(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var bodies []string
	n := newNode(t)
	n.env = []string{functionsAt(t, map[string]http.Handler{"told": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost {
			t.Errorf("%s: %v", r.Method, err)
		}
		mu.Lock()
		bodies = append(bodies, string(body))
		mu.Unlock()
		w.WriteHeader(http.StatusBadGateway)
	})})}
	n.start()
	n.create("told", named("told"), processed(types.ProcessorTypeLambda,
		parameter(types.ProcessorParameterNameLambdaArn, arnOf("told")+":live"),
		parameter(types.ProcessorParameterNameLambdaNumberOfRetries, "1")))
	began := time.Now().UnixMilli()
	n.putData("told", "first", "\xff\x00", "")
	lines := n.outcome("told").failed[processingFailed]
	if len(lines) != 3 || lines[0].LambdaARN != arnOf("told")+":live" || string(lines[1].RawData) != "\xff\x00" || len(lines[2].RawData) != 0 {
		t.Fatalf("%+v", lines)
	}

	form := regexp.MustCompile(`^\{"invocationId":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",` +
		`"deliveryStreamArn":"arn:aws:firehose:us-east-1:000000000000:deliverystream/told","region":"us-east-1",` +
		`"records":(\[\{"recordId":"(\d+)","approximateArrivalTimestamp":(\d{13}),"data":"Zmlyc3Q="\},` +
		`\{"recordId":"(\d+)","approximateArrivalTimestamp":\d{13},"data":"/wA="\},` +
		`\{"recordId":"(\d+)","approximateArrivalTimestamp":\d{13},"data":""\}\])\}$`)
	if len(bodies) != 2 {
		t.Fatalf("the function was called %d times", len(bodies))
	}
	one, two := form.FindStringSubmatch(bodies[0]), form.FindStringSubmatch(bodies[1])
	if one == nil || two == nil {
		t.Fatalf("the function was called with\n%s\n%s", bodies[0], bodies[1])
	}
	if one[1] == two[1] || one[2] != two[2] {
		t.Errorf("the attempts were called\n%s\n%s", bodies[0], bodies[1])
	}
	if one[3] == one[5] || one[5] == one[6] || one[3] == one[6] {
		t.Errorf("records share IDs: %s", bodies[0])
	}
	if at := fmt.Sprint(lines[0].ArrivalTimestamp); one[4] != at || one[4] < fmt.Sprint(began) {
		t.Errorf("a record arrived at %s, by the error output at %s, put after %d", one[4], at, began)
	}
}

// callsInFlight is how many calls a delivery makes at once.
const callsInFlight = 5

func TestRecordsKeepTheirOrderThoughCallsOvertakeEachOther(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	count, last := 0, chan struct{}(nil)
	arrive := func() (turn, before chan struct{}) { // of five calls the last is answered first
		mu.Lock()
		defer mu.Unlock()
		turn = make(chan struct{})
		if count%callsInFlight > 0 {
			before = last
		}
		if count, last = count+1, turn; count%callsInFlight == 0 {
			close(turn)
		}
		return turn, before
	}
	echo := transforming(func(data string) result { return ok(data) })
	n := newNode(t)
	n.env = []string{functionsAt(t, map[string]http.Handler{"echo": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn, before := arrive()
		<-turn
		echo(w, r)
		http.NewResponseController(w).Flush()
		if before != nil {
			close(before)
		}
	})})}
	n.start()
	n.create("s", named("s"), buffered(5, 900), processed(types.ProcessorTypeLambda,
		parameter(types.ProcessorParameterNameLambdaArn, arnOf("echo")),
		parameter(types.ProcessorParameterNameBufferSizeInMb, "0.2"),
		parameter(types.ProcessorParameterNameBufferIntervalInSeconds, "900")))
	var records []string
	for i := range 4 * callsInFlight { // two make a call
		records = append(records, fmt.Sprintf("%02d%s", i, strings.Repeat(".", 100_000)))
	}
	n.putData("s", records...)
	got := n.outcome("s")
	if got.failures() > 0 || got.data[dataOf("s")] != strings.Join(records, "") {
		t.Errorf("%d records failed; the others are not in the order in which they were put", got.failures())
	}
}
