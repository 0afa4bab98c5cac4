package lambda

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// echoing answers as a function that changes nothing.
func echoing(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Write(echo(payload))
}

func TestAnHTTPServerIsAFunction(t *testing.T) {
	f := serving(t, 0, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || r.URL.Path != "/function" || r.Header.Get("Content-Type") != "application/json" || r.ContentLength <= 0 {
			t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
		}
		echoing(w, r)
	})
	for i, r := range call(t, f, recordsOf("a", "", "\x00\xff")) {
		transformed(t, r, []string{"a", "", "\x00\xff"}[i])
	}
}

// faulty is a function whose server answers with a status, a body and a header.
func faulty(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestAnHTTPServersErrorsAreFailures(t *testing.T) {
	check := func(code string, attempts int, status int, body string, header ...string) {
		t.Helper()
		for _, r := range call(t, serving(t, 2, faulty(status, body, header...)), recordsOf("a", "b")) {
			failed(t, r, code, attempts)
		}
	}
	// The function's own errors, with the API's header and as a runtime interface has them.
	check("Lambda.FunctionError", 3, 200, `{"errorMessage":"no","errorType":"Error"}`, "X-Amz-Function-Error", "Unhandled")
	check("Lambda.FunctionError", 3, 200, `not even JSON`, "X-Amz-Function-Error", "Handled")
	check("Lambda.FunctionTimedOut", 3, 200, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: x"}`, "X-Amz-Function-Error", "Unhandled")
	check("Lambda.FunctionTimedOut", 3, 200, `{"errorMessage":"2026-01-02T03:04:05.678Z 1 Task timed out after 3.00 seconds"}`, "X-Amz-Function-Error", "Unhandled")
	check("Lambda.FunctionError", 3, 200, `{"errorMessage":"no","errorType":"Error","stackTrace":[]}`)
	check("Lambda.FunctionError", 3, 200, `{"errorType":"Error"}`)
	check("Lambda.FunctionTimedOut", 3, 200, `Task timed out after 2.00 seconds`)
	check("Lambda.FunctionError", 3, 502, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 1 Error: Runtime exited with error: exit status 7"}`)
	// An answer that only mentions errors is one.
	check("Lambda.MissingRecordId", 1, 200, `{"records":[],"errorType":"Error"}`)
	check("Lambda.MissingRecordId", 1, 200, `{"errors":{"errorType":"Error"}}`)
	// The server's.
	check("Lambda.InvokeLimitExceeded", 3, 429, ``)
	check("Lambda.InvokeAccessDenied", 1, 403, ``)
	check("Lambda.InvokeAccessDenied", 1, 401, ``)
	check("Lambda.ResourceNotFound", 1, 404, ``)
	check("Lambda.RequestTooLargeException", 1, 413, ``)
	check("Lambda.FunctionTimedOut", 3, 408, ``)
	check("Lambda.ServiceException", 3, 500, `oops`)
	check("Lambda.ServiceException", 3, 503, ``)
	check("Lambda.FunctionError", 3, 400, ``)
	check("Lambda.FunctionError", 3, 307, ``, "Location", "http://127.0.0.1:1/")
}

func TestABusyRuntimeInterfaceIsTriedAgain(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != runtimePath || calls.Add(1) == 1 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		echoing(w, r)
	}))
	defer server.Close()
	f := open(t, Options{Functions: map[string]string{"transform": server.URL}}).Function(testARN, 1, testStream)
	transformed(t, call(t, f, recordsOf("a"))[0], "a")
}

func TestCallsToARuntimeInterfaceTakeTurns(t *testing.T) {
	var at atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at.Add(1) > 1 {
			t.Error("two calls are made at once")
		}
		echoing(w, r)
		at.Add(-1)
	}))
	defer server.Close()
	functions := open(t, Options{Functions: map[string]string{"transform": server.URL, "other": server.URL + "/"}})
	var calls sync.WaitGroup
	for i := range 20 {
		arn := []string{testARN, "arn:aws:lambda:eu-west-1:123456789012:function:other"}[i%2]
		calls.Go(func() {
			results, err := functions.Function(arn, 0, testStream).Call(t.Context(), recordsOf("a"))
			if err != nil || results[0].Failure != nil {
				t.Errorf("%+v, %v", results, err)
			}
		})
	}
	calls.Wait()
}

func TestAFunctionThatIsNotThereIsAConnectionThatFailed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // so nobody listens there
	f := open(t, Options{Functions: map[string]string{"*": "http://user:secret@" + listener.Addr().String() + "/?code=secret"}}).Function(testARN, 2, testStream)
	r := call(t, f, recordsOf("a"))[0]
	failed(t, r, "Lambda.ConnectionFailed", 3)
	if m := r.Failure.Message; strings.Contains(m, "secret") || !strings.Contains(m, "refused") {
		t.Errorf("the message is %s", m)
	}
}

// hijack takes the connection of a request over.
func hijack(t *testing.T, w http.ResponseWriter) net.Conn {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
	}
	return connection
}

func TestAFunctionThatIsKilledInACallIsTriedAgain(t *testing.T) {
	check := func(name string, die func(net.Conn)) {
		t.Helper()
		var calls atomic.Int32
		var log bytes.Buffer
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) > 2 {
				echoing(w, r)
				return
			}
			io.Copy(io.Discard, r.Body)
			die(hijack(t, w))
		}))
		defer server.Close()
		f := open(t, Options{Functions: map[string]string{"*": server.URL}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		transformed(t, call(t, f.Function(testARN, 3, testStream), recordsOf("a"))[0], "a")
		if n := strings.Count(log.String(), "Lambda.ConnectionFailed"); n != 2 {
			t.Errorf("%s: the log is\n%s", name, log.String())
		}
	}
	check("without a word", func(c net.Conn) { c.Close() })
	check("by a reset", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() })
	check("in its answer", func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"records\":[")
		c.Close()
	})
}

func TestAnHTTPServerThatDoesNotAnswerHasTimedOut(t *testing.T) {
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-over
	}))
	defer server.Close()
	defer close(over)
	f := open(t, Options{Functions: map[string]string{"*": server.URL + "/f"}, Timeout: 20 * time.Millisecond})
	failed(t, call(t, f.Function(testARN, 1, testStream), recordsOf("a"))[0], "Lambda.FunctionTimedOut", 2)
}

func TestAnAnswerBeyondTheLimitIsTheFunctionsError(t *testing.T) {
	head, tail := `{"records":[{"recordId":"id-0","result":"Ok","data":"`, `"}]}`
	answer := func(length int) http.HandlerFunc {
		return answering(head + strings.Repeat("AAAA", (length-len(head)-len(tail))/4) + tail + strings.Repeat(" ", (length-len(head)-len(tail))%4))
	}
	if r := call(t, serving(t, 0, answer(answerMax)), recordsOf("a"))[0]; r.Failure != nil {
		t.Errorf("the longest answer fails: %+v", *r.Failure)
	}
	failed(t, call(t, serving(t, 1, answer(answerMax+1)), recordsOf("a"))[0], "Lambda.FunctionError", 2)
}
