package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"firehose/internal/control"
	"firehose/internal/record"
	"firehose/internal/sigv4"
	"firehose/internal/stream"
)

// streams are a, in two regions, and b.
type streams struct {
	flushed  []stream.Key
	err      error // of Flush, and of what is done with error outputs
	filter   control.ErrorFilter
	after    control.ErrorPlace
	opened   string
	lines    string // of every error output
	redriven control.Redrive
	put      []string // events
	room     int      // for so many; 0 for all
	more     int      // room that comes with each refusal
}

var (
	aEast = stream.Key{Account: "111111111111", Region: "us-east-1", Name: "a"}
	aWest = stream.Key{Account: "111111111111", Region: "eu-west-1", Name: "a"}
	b     = stream.Key{Account: "222222222222", Region: "us-east-1", Name: "b"}
)

func (s *streams) Find(name string) (found []stream.Key) {
	for _, key := range []stream.Key{aEast, aWest, b} {
		if key.Name == name {
			found = append(found, key)
		}
	}
	return found
}

func (s *streams) Flush(_ context.Context, key stream.Key) error {
	s.flushed = append(s.flushed, key)
	return s.err
}

// Locate finds all records in stream a of the east.
func (s *streams) Locate(record.ID) (control.Location, error) {
	return control.Location{Stream: aEast}, nil
}

// PutEvents takes what room there is, and knows events with "again" in them.
func (s *streams) PutEvents(_ context.Context, key stream.Key, events [][]byte) (control.Events, error) {
	if s.err != nil {
		return control.Events{}, s.err
	}
	var done control.Events
	for _, e := range events {
		if s.room > 0 && len(s.put) >= s.room {
			s.room += s.more
			break
		}
		again := strings.Contains(string(e), "again")
		if !again {
			s.put = append(s.put, key.Name+" "+string(e))
			done.Stored++
		}
		done.Duplicate = append(done.Duplicate, again)
		done.Taken++
	}
	return done, nil
}

// signer verifies everybody as one identity, or refuses them.
type signer struct {
	who sigv4.Identity
	err error
}

func (s signer) Verify(*http.Request, []byte) (sigv4.Identity, error) { return s.who, s.err }

// ask sends a request to a door and compares its answer.
func ask(t *testing.T, s *streams, v Verifier, method, path string, wantStatus int, wantBody string) {
	t.Helper()
	mux := http.NewServeMux()
	New(s, Options{Verifier: v, Logger: slog.New(slog.DiscardHandler)}).Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	if w.Code != wantStatus || !strings.Contains(w.Body.String(), wantBody) {
		t.Errorf("%s %s: %d %s, want %d %s", method, path, w.Code, w.Body, wantStatus, wantBody)
	}
}

func TestFlushFindsTheStreamByAsMuchAsIsNeeded(t *testing.T) {
	flush := func(path string, wantStatus int, wantBody string, want ...stream.Key) {
		t.Helper()
		s := &streams{}
		ask(t, s, nil, "POST", path, wantStatus, wantBody)
		if fmt.Sprint(s.flushed) != fmt.Sprint(want) {
			t.Errorf("%s: flushed %v, want %v", path, s.flushed, want)
		}
	}
	flush("/v1/streams/b:flush", 200, `{"status":"delivered","stream":"b"}`, b)
	flush("/v1/streams/a:flush", 409, "ambiguous_name")
	flush("/v1/streams/a:flush?region=eu-west-1", 200, "delivered", aWest)
	flush("/v1/streams/b:flush?account=111111111111", 404, `"code":"stream_not_found","message":"there is no stream \"b\" of account 111111111111"`)
	flush("/v1/streams/b:flush?region=eu-north-1", 404, `there is no stream \"b\" in region eu-north-1`)
	flush("/v1/streams/none:flush", 404, "stream_not_found")
	flush("/v1/streams/b:drop", 404, "unknown_action")
	flush("/v1/streams/b", 404, "unknown_action")
	flush("/v1/stream/b:flush", 404, `"code":"unknown_path","message":"POST /v1/stream/b:flush is nothing`)
}

func TestWhatCannotBeAskedIsSaidWithTheTextAsItCame(t *testing.T) {
	ask(t, &streams{}, nil, "GET", "/v1/stream/a&b", 404, `"code":"unknown_path","message":"GET /v1/stream/a&b is nothing`)
}

func TestFlushSaysWhatWentWrong(t *testing.T) {
	fail := func(err error, wantStatus int, wantCode string) {
		t.Helper()
		ask(t, &streams{err: err}, nil, "POST", "/v1/streams/b:flush", wantStatus, `"code":"`+wantCode+`"`)
	}
	fail(stream.ErrNotFound, 404, "stream_not_found")
	fail(stream.ErrNotActive, 409, "stream_not_active")
	fail(fmt.Errorf("flush: %w", context.DeadlineExceeded), 504, "not_delivered_yet")
	fail(errors.New("disk is on fire"), 500, "internal")
}

// With authentication on, others' streams and records do not exist, whatever the query says.
func TestTheVerifiedSeeOnlyTheirOwn(t *testing.T) {
	records := "/v1/records?id=" + url.QueryEscape(record.ID{Partition: 1}.String())
	east := signer{who: sigv4.Identity{Account: aEast.Account, Region: aEast.Region}}
	ask(t, &streams{}, east, "POST", "/v1/streams/a:flush", 200, "delivered")
	ask(t, &streams{}, east, "POST", "/v1/streams/b:flush?account=222222222222", 404, "stream_not_found")
	ask(t, &streams{}, east, "GET", records, 200, aEast.Account)
	for _, other := range []stream.Key{aWest, b} {
		who := signer{who: sigv4.Identity{Account: other.Account, Region: other.Region}}
		ask(t, &streams{}, who, "GET", records, 404, "stream_not_found")
	}
	unsigned := signer{err: &sigv4.Error{Type: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"}}
	ask(t, &streams{}, unsigned, "POST", "/v1/streams/b:flush", 403, "Missing Authentication Token")
	ask(t, &streams{}, unsigned, "GET", records, 403, "Missing Authentication Token")
}

// An id holds base64, whose plus sign means a space in a query where nobody escaped it.
func TestRecordsAreFoundByUnescapedIds(t *testing.T) {
	var id record.ID
	for i := range id.Stream {
		id.Stream[i] = 0xfb // which makes plus signs
	}
	text := id.String()
	if !strings.Contains(text, "+") {
		t.Fatalf("no plus sign in %s", text)
	}
	ask(t, &streams{}, nil, "GET", "/v1/records?id="+text, 200, `"stream"`)
	ask(t, &streams{}, nil, "GET", "/v1/records?id=nonsense", 400, "bad_record_id")
	ask(t, &streams{}, nil, "GET", "/v1/records", 400, "bad_record_id")
}
