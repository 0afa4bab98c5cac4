package lambda

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// The Lambda API is a fake here, since no server of it runs without containers: it answers with the shapes of the API's
// model, and the client is the official one.

// byAPI is a function behind a Lambda API whose Invoke a handler stands for.
func byAPI(t *testing.T, retries int, handler http.HandlerFunc) *Function {
	t.Helper()
	withCredentials(t)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return open(t, Options{Endpoint: server.URL}).Function(testARN, retries, testStream)
}

// withCredentials keeps the SDK from asking this machine for others.
func withCredentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_MAX_ATTEMPTS", "5") // does not add to ours
}

func TestTheAPIGetsTheFunctionsARNAndThePayload(t *testing.T) {
	f := byAPI(t, 0, func(w http.ResponseWriter, r *http.Request) {
		if want := "/2015-03-31/functions/" + url.QueryEscape(testARN) + "/invocations"; r.Method != "POST" || r.URL.EscapedPath() != want {
			t.Errorf("%s %s, want %s", r.Method, r.URL.EscapedPath(), want)
		}
		if got := r.Header.Get("X-Amz-Invocation-Type"); got != "RequestResponse" {
			t.Errorf("the invocation is of type %q", got)
		}
		if got := r.Header.Get("Authorization"); !strings.Contains(got, "/eu-west-1/lambda/aws4_request") {
			t.Errorf("the signature is %q", got)
		}
		w.Header().Set("X-Amz-Executed-Version", "7")
		echoing(w, r)
	})
	results := call(t, f, recordsOf("a", "\xff"))
	transformed(t, results[0], "a")
	transformed(t, results[1], "\xff")
}

func TestTheAPIsErrorsAreFailures(t *testing.T) {
	check := func(code string, attempts int, status int, body string, header ...string) *Function {
		t.Helper()
		calls := 0
		f := byAPI(t, 2, func(w http.ResponseWriter, r *http.Request) { calls++; faulty(status, body, header...)(w, r) })
		for _, r := range call(t, f, recordsOf("a", "b")) {
			failed(t, r, code, attempts)
		}
		if calls != attempts {
			t.Errorf("%s: the API was called %d times, want %d", code, calls, attempts)
		}
		return f
	}
	api := func(code string, attempts int, status int, name, message string) {
		t.Helper()
		check(code, attempts, status, fmt.Sprintf(`{"Type":"User","message":%q}`, message), "X-Amzn-ErrorType", name, "Content-Type", "application/json")
	}
	check("Lambda.FunctionError", 3, 200, `{"errorMessage":"no","errorType":"Error"}`, "X-Amz-Function-Error", "Unhandled")
	check("Lambda.FunctionTimedOut", 3, 200, `{"errorMessage":"2026-01-02T03:04:05.678Z 1 Task timed out after 3.00 seconds"}`, "X-Amz-Function-Error", "Unhandled")
	check("Lambda.MissingRecordId", 1, 200, `{"errorMessage":"returned, not thrown","errorType":"Error"}`)
	check("Lambda.MissingRecordId", 1, 200, `null`)
	check("Lambda.JsonProcessingException", 1, 200, `text`)
	check("Lambda.JsonProcessingException", 1, 200, ``)

	api("Lambda.InvokeLimitExceeded", 3, 429, "TooManyRequestsException", "Rate Exceeded.")
	api("Lambda.InvokeLimitExceeded", 3, 502, "EC2ThrottledException", "throttled")
	api("Lambda.ResourceNotFound", 1, 404, "ResourceNotFoundException", "Function not found: "+testARN)
	api("Lambda.InvokeAccessDenied", 1, 403, "AccessDeniedException", "User is not authorized to perform: lambda:InvokeFunction")
	api("Lambda.InvokeAccessDenied", 1, 403, "UnrecognizedClientException", "The security token included in the request is invalid.")
	api("Lambda.ServiceException", 3, 500, "ServiceException", "An error occurred and the request cannot be processed.")
	api("Lambda.ServiceException", 3, 503, "ServiceUnavailableException", "Service is unavailable")
	api("Lambda.RequestTooLargeException", 1, 413, "RequestTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation")
	api("Lambda.ENILimitReachedException", 3, 502, "ENILimitReachedException", "limit")
	api("Lambda.InvalidSubnetIDException", 3, 502, "InvalidSubnetIDException", "subnet")
	api("Lambda.InvalidRequestContentException", 1, 400, "InvalidRequestContentException", "Could not parse request body into json")

	// What stands between us and the API answers too.
	check("Lambda.ServiceException", 3, 502, `<html>Bad Gateway</html>`, "Content-Type", "text/html")
	check("Lambda.InvokeLimitExceeded", 3, 429, ``)
	check("Lambda.InvokeAccessDenied", 1, 403, `<html>Forbidden</html>`, "Content-Type", "text/html")
	check("Lambda.ResourceNotFound", 1, 404, ``)
}

func TestTheAPIsOwnTextIsKeptWhereNoOtherIsKnown(t *testing.T) {
	f := byAPI(t, 0, faulty(502, `{"Message":"`+strings.Repeat("é", 1000)+`"}`, "X-Amzn-ErrorType", "EFSIOException"))
	r := call(t, f, recordsOf("a"))[0]
	if r.Failure == nil || r.Failure.Code != "Lambda.EFSIOException" || r.Failure.Message != strings.Repeat("é", messageMax/2) {
		t.Errorf("the result is %+v", r.Failure)
	}
}

func TestAnAPIThatIsNotThereIsAConnectionThatFailed(t *testing.T) {
	withCredentials(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // so nobody listens there
	f := open(t, Options{Endpoint: "http://" + listener.Addr().String()}).Function(testARN, 1, testStream)
	failed(t, call(t, f, recordsOf("a"))[0], "Lambda.ConnectionFailed", 2)
}

func TestAnAPIWithoutCredentialsDeniesAccess(t *testing.T) {
	withCredentials(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	f := open(t, Options{Endpoint: "http://127.0.0.1:1"}).Function(testARN, 1, testStream)
	failed(t, call(t, f, recordsOf("a"))[0], "Lambda.InvokeAccessDenied", 2)
}

func TestAnAnswerOfTheAPIBeyondTheLimitIsTheFunctionsError(t *testing.T) {
	f := byAPI(t, 1, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Write(make([]byte, answerMax+1))
	})
	failed(t, call(t, f, recordsOf("a"))[0], "Lambda.FunctionError", 2)
}

func TestATableGoesBeforeTheAPI(t *testing.T) {
	withCredentials(t)
	server := httptest.NewServer(http.HandlerFunc(echoing))
	defer server.Close()
	f := open(t, Options{Endpoint: "http://127.0.0.1:1", Functions: map[string]string{"transform": server.URL}}).Function(testARN, 0, testStream)
	transformed(t, call(t, f, recordsOf("a"))[0], "a")
}

func TestALongAnswerOfAQuickAPIIsRead(t *testing.T) {
	answer := `{"records":[{"recordId":"id-0","result":"Ok","data":"` + strings.Repeat("AAAA", 1_000_000) + `"}]}`
	f := byAPI(t, 0, answering(answer))
	for range 50 {
		if r := call(t, f, recordsOf("a"))[0]; r.Failure != nil {
			t.Fatal(r.Failure.Message)
		}
	}
}
