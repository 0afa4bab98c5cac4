package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"firehose/internal/control"
	"firehose/internal/erroroutput"
	"firehose/internal/object"
	"firehose/internal/sigv4"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// ErrorOutputs lists k1 to k3 of the delivery main.
func (s *streams) ErrorOutputs(_ context.Context, _ stream.Key, f control.ErrorFilter, after control.ErrorPlace, yield func(control.ErrorOutput) bool) error {
	s.filter, s.after = f, after
	for i := 1; i <= 3 && s.err == nil; i++ {
		if key := fmt.Sprintf("k%d", i); key > after.Key && !yield(control.ErrorOutput{Delivery: "main", Key: key}) {
			break
		}
	}
	return s.err
}

func (s *streams) OpenErrorOutput(_ context.Context, _ stream.Key, key string) (control.ErrorOutput, io.ReadCloser, error) {
	s.opened = key
	return control.ErrorOutput{Key: key, Type: erroroutput.Processing}, io.NopCloser(strings.NewReader(s.lines)), s.err
}

// Redrive redrives k1 and then meets the error.
func (s *streams) Redrive(_ context.Context, _ stream.Key, what control.Redrive, report func(control.RedrivenOutput)) error {
	s.redriven = what
	if s.lines != "" {
		report(control.RedrivenOutput{Key: "k1", Records: 7})
	}
	return s.err
}

// post sends a body to a door and returns the answer.
func post(t *testing.T, s *streams, path, body string) (int, string) {
	t.Helper()
	mux := http.NewServeMux()
	New(s, Options{Logger: slog.New(slog.DiscardHandler)}).Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func TestErrorOutputsAreListedInPages(t *testing.T) {
	list := func(query string, wantStatus int, wantBody string, wantAfter control.ErrorPlace) {
		t.Helper()
		s := &streams{}
		ask(t, s, nil, "GET", "/v1/streams/b/errors"+query, wantStatus, wantBody)
		if s.after != wantAfter {
			t.Errorf("%s: listed after %+v, want %+v", query, s.after, wantAfter)
		}
	}
	none := control.ErrorPlace{}
	list("", 200, `"key":"k3"`, none)
	list("?limit=2", 200, `"next":"main:k2"`, none)
	list("?limit=2&after=main:k2", 200, `"key":"k3"`, control.ErrorPlace{Delivery: "main", Key: "k2"})
	list("?after=main:x:y%2F%3F", 200, `{"errors":[]}`, control.ErrorPlace{Delivery: "main", Key: "x:y/?"})
	list("?limit=0", 400, "limit", none)
	list("?limit=1001", 400, "limit", none)
	list("?since=yesterday", 400, "since", none)
	list("?until=1h", 400, "until", none)

	s := &streams{}
	ask(t, s, nil, "GET", "/v1/streams/b/errors?type=processing-failed&since=2026-01-02T03:04:05Z&until=2026-01-02T04:04:05%2B01:00", 200, "")
	at := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	if s.filter.Type != "processing-failed" || !s.filter.Since.Equal(at) || !s.filter.Until.Equal(at) {
		t.Errorf("listed by %+v", s.filter)
	}
}

func TestTheLinesOfAnErrorOutputAreShown(t *testing.T) {
	line := func(raw string) string {
		return string(erroroutput.Line{Failure: erroroutput.Failure{Code: "Lambda.FunctionError", Message: "m", Attempts: 2,
			LambdaARN: "arn"}, Arrival: time.UnixMilli(5), Ended: time.UnixMilli(6), Raw: []byte(raw)}.Append(nil))
	}
	show := func(path, lines string, wantStatus int, want, wantKey string) {
		t.Helper()
		s := &streams{lines: lines}
		ask(t, s, nil, "GET", "/v1/streams/b/errors/"+path, wantStatus, want)
		if s.opened != wantKey {
			t.Errorf("%s: opened %q, want %q", path, s.opened, wantKey)
		}
	}
	show("a/b", line(`{"a":1}`), 200, `"code":"Lambda.FunctionError","message":"m","attempts":2,"arrival":"1970-01-01T00:00:00.005Z",`+
		`"ended":"1970-01-01T00:00:00.006Z","function":"arn","data":"eyJhIjoxfQ==","text":"{\"a\":1}"}`+"\n", "a/b")
	show("a%2F%2Fb%2F..%2F%25", line("\xff"), 200, `"data":"/w=="}`+"\n", "a//b/../%")
	show("a", "", 200, "", "a")
	show("a", "none\n", 502, `"code":"bad_error_output"`, "a")
	show("a", line("x")+"none\n", 200, `"text":"x"}`+"\n"+`{"error":{"code":"bad_error_output","message":"a: line 2`, "a")
}

func TestRedriveIsAskedForByItsBody(t *testing.T) {
	f := func(body string, want control.Redrive) {
		t.Helper()
		s := &streams{lines: "some"}
		status, answer := post(t, s, "/v1/streams/b:redrive", body)
		if status != 200 || answer != `{"key":"k1","records":7,"bytes":0}`+"\n" {
			t.Errorf("%s: %d %s", body, status, answer)
		}
		if !reflect.DeepEqual(s.redriven, want) {
			t.Errorf("%s: redriven %+v, want %+v", body, s.redriven, want)
		}
	}
	at := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	f("", control.Redrive{})
	f("{}", control.Redrive{})
	f(`{"dry_run":true,"force":true}`, control.Redrive{DryRun: true, Force: true})
	f(`{"keys":["a","b"]}`, control.Redrive{Keys: []string{"a", "b"}})
	f(`{"type":"t","since":"2026-01-02T03:04:05Z","until":"2026-01-02T03:04:05Z"}`,
		control.Redrive{ErrorFilter: control.ErrorFilter{Type: "t", Since: at, Until: at}})

	for _, body := range []string{"nonsense", `{"key":"a"}`, `{"since":"1h"}`, `{"keys":["a"],"type":"t"}`, `{"keys":["a"]}{}`} {
		s := &streams{lines: "some"}
		if status, answer := post(t, s, "/v1/streams/b:redrive", body); status != 400 || !strings.Contains(answer, `"code":"bad_body"`) {
			t.Errorf("%.50s: %d %s", body, status, answer)
		}
	}
}

func TestErrorOutputsSayWhatWentWrong(t *testing.T) {
	f := func(err error, wantStatus int, wantCode string) {
		t.Helper()
		code := `"code":"` + wantCode + `"`
		s := &streams{err: err}
		ask(t, s, nil, "GET", "/v1/streams/b/errors", wantStatus, code)
		ask(t, s, nil, "GET", "/v1/streams/b/errors/k", wantStatus, code)
		ask(t, s, nil, "POST", "/v1/streams/b:redrive", wantStatus, code)
		s.lines = "some"
		if status, answer := post(t, s, "/v1/streams/b:redrive", ""); status != 200 || !strings.HasPrefix(answer, `{"key":"k1"`) || !strings.Contains(answer, "}\n"+`{"error":{`+code) {
			t.Errorf("after the first output: %d %s", status, answer)
		}
	}
	f(control.ErrNoErrorOutputs, 409, "no_error_outputs")
	f(control.ErrRedriving, 409, "redrive_under_way")
	f(fmt.Errorf("get: %w", object.ErrNotFound), 404, "error_output_not_found")
	f(&verdict.SetUp{Code: "S3.NoSuchBucket", Fix: "Create it.", Err: errors.New("e")}, 502, "S3.NoSuchBucket")
	f(stream.ErrNotActive, 409, "stream_not_active")
	f(errors.New("disk is on fire"), 500, "internal")

	west := signer{who: sigv4.Identity{Account: aWest.Account, Region: aWest.Region}}
	for _, asked := range []string{"GET /v1/streams/b/errors", "GET /v1/streams/b/errors/k", "POST /v1/streams/b:redrive"} {
		method, path, _ := strings.Cut(asked, " ")
		ask(t, &streams{}, west, method, path, 404, "stream_not_found")
	}
}
