package lambda

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"firehose/internal/erroroutput"
)

const (
	testARN = "arn:aws:lambda:eu-west-1:123456789012:function:transform:live"
	bareARN = "arn:aws:lambda:eu-west-1:123456789012:function:transform"
)

var testStream = Stream{ARN: "arn:aws:firehose:eu-west-1:123456789012:deliverystream/demo", Region: "eu-west-1"}

// open opens functions whose pauses are too short to notice.
func open(t testing.TB, o Options) *Functions {
	t.Helper()
	o.PauseMin, o.PauseMax = cmp.Or(o.PauseMin, time.Microsecond), cmp.Or(o.PauseMax, time.Microsecond)
	f, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// serving is a function that a handler stands for.
func serving(t testing.TB, retries int, handler http.HandlerFunc) *Function {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	f := open(t, Options{Functions: map[string]string{"*": server.URL + "/function"}})
	return f.Function(testARN, retries, testStream)
}

// answering answers every call with a body.
func answering(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, body)
	}
}

// recordsOf makes records with the IDs id-0, id-1 and so on.
func recordsOf(data ...string) []Record {
	var list []Record
	for i, d := range data {
		list = append(list, Record{ID: fmt.Sprint("id-", i), Arrival: time.UnixMilli(1_495_072_949_453 + int64(i)), Data: []byte(d)})
	}
	return list
}

func call(t testing.TB, f *Function, records []Record) []Result {
	t.Helper()
	results, err := f.Call(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(records) {
		t.Fatalf("%d records have %d results", len(records), len(results))
	}
	return results
}

// failed checks that a result is a failure.
func failed(t testing.TB, r Result, code string, attempts int) {
	t.Helper()
	if r.Failure == nil {
		t.Errorf("the record did not fail; want %s", code)
		return
	}
	want := erroroutput.Failure{Type: "processing-failed", Code: code, Message: texts[code], Attempts: attempts, LambdaARN: testARN}
	if want.Message == "" {
		want.Message = r.Failure.Message
	}
	if *r.Failure != want {
		t.Errorf("the failure is\n%+v\nwant\n%+v", *r.Failure, want)
	}
	if r.Dropped || r.Data != nil || r.Keys != nil {
		t.Errorf("a failed record has an output too: %+v", r)
	}
}

// transformed checks that a record was transformed.
func transformed(t testing.TB, r Result, data string) {
	t.Helper()
	if r.Failure != nil {
		t.Errorf("the record failed: %+v", *r.Failure)
	} else if r.Dropped || r.Data == nil || string(r.Data) != data {
		t.Errorf("the result is %+v, want the data %q", r, data)
	}
}

func TestAFunctionIsFoundByTheMostSpecificName(t *testing.T) {
	f := open(t, Options{Functions: map[string]string{
		testARN:         "http://exact.test",
		bareARN:         "http://unqualified.test",
		"transform":     "http://name.test",
		"trans*":        "http://prefix.test",
		"*:transmute:*": "http://arnpattern.test",
		"*":             "http://all.test",
	}})
	check := func(arn, host string) {
		t.Helper()
		by, err := f.resolve(arn)
		if err != nil {
			t.Errorf("%s: %v", arn, err)
		} else if w := by.(*web); w.url.Host != host+".test" {
			t.Errorf("%s is called at %s, want %s", arn, w.url.Host, host)
		}
	}
	check(testARN, "exact")
	check(bareARN, "unqualified")
	check(bareARN+":other", "unqualified")
	check("arn:aws:lambda:us-east-1:123456789012:function:transform:1", "name")
	check("arn:aws:lambda:us-east-1:123456789012:function:transit:1", "prefix")
	check("arn:aws:lambda:us-east-1:123456789012:function:transmute:1", "arnpattern")
	check("arn:aws:lambda:us-east-1:123456789012:function:other", "all")
}

func TestAURLWithoutAPathIsARuntimeInterface(t *testing.T) {
	check := func(given, want string, turns bool) {
		t.Helper()
		f := open(t, Options{Functions: map[string]string{"f": given}})
		if got := f.byKey["f"].url.String(); got != want {
			t.Errorf("%s becomes %s, want %s", given, got, want)
		}
		if got := f.byKey["f"].turn != nil; got != turns {
			t.Errorf("calls to %s take turns: %v", given, got)
		}
	}
	check("http://host:9000", "http://host:9000/2015-03-31/functions/function/invocations", true)
	check("http://host:9000/", "http://host:9000/2015-03-31/functions/function/invocations", true)
	check("http://host/2015-03-31/functions/own-name/invocations", "http://host/2015-03-31/functions/own-name/invocations", true)
	check("https://host/function?code=1", "https://host/function?code=1", false)
}

func TestOpenRefusesWhatIsNoURLAndDoesNotRepeatIt(t *testing.T) {
	check := func(key, u string) {
		t.Helper()
		_, err := Open(t.Context(), Options{Functions: map[string]string{key: u}})
		if err == nil {
			t.Errorf("%q: %q is taken", key, u)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the URL: %v", err)
		}
	}
	check("f", "")
	check("f", "host:9000/secret")
	check("f", "ftp://user:secret@host")
	check("f", "http://user:secret@host:port")
	check("", "http://host")
	check("[", "http://host")
}

func TestReachableSaysWhatToConfigure(t *testing.T) {
	none := open(t, Options{})
	if err := none.Reachable(testARN); err == nil || !strings.Contains(err.Error(), "lambda.functions") || !strings.Contains(err.Error(), testARN) {
		t.Errorf("without any way the error is %v", err)
	}
	some := open(t, Options{Functions: map[string]string{"transform": "http://host"}})
	if err := some.Reachable(testARN); err != nil {
		t.Error(err)
	}
	if err := some.Reachable("arn:aws:lambda:eu-west-1:123456789012:function:other"); err == nil {
		t.Error("a function that the table does not name is reachable")
	}
	service := open(t, Options{Endpoint: "http://127.0.0.1:1"})
	if err := service.Reachable(testARN); err != nil {
		t.Error(err)
	}
	if err := service.Reachable("arn:aws:s3:::bucket"); err == nil {
		t.Error("a bucket is a reachable function")
	}
}

func TestAFunctionWithoutAWayFailsAsOneThatDoesNotExist(t *testing.T) {
	results := call(t, open(t, Options{}).Function(testARN, 3, testStream), recordsOf("a", "b"))
	for _, r := range results {
		if r.Failure == nil || r.Failure.Code != "Lambda.ResourceNotFound" || r.Failure.Attempts != 1 {
			t.Errorf("the result is %+v", r)
		} else if !strings.Contains(r.Failure.Message, "lambda.functions") {
			t.Errorf("the message does not help: %s", r.Failure.Message)
		}
	}
}

func TestNoRecordsAreNoCall(t *testing.T) {
	f := serving(t, 0, func(http.ResponseWriter, *http.Request) { t.Error("the function was called") })
	if results, err := f.Call(context.Background(), nil); len(results) != 0 || err != nil {
		t.Errorf("%v, %v", results, err)
	}
}
