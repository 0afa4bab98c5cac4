package api

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"firehose/internal/apikey"

	"github.com/klauspost/compress/gzip"
)

// A misspelt parameter must not be passed over: the dry run of a redrive would put everything.
func TestParametersThatAPathDoesNotHaveAreRefused(t *testing.T) {
	f := func(method, path string, wantStatus int, want string) {
		t.Helper()
		s := &streams{}
		mux, _ := doorOf(t, s, nil)
		r := httptest.NewRequest(method, path, strings.NewReader(`{"a":1}`))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != wantStatus || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		if wantStatus != 200 && (len(s.put) > 0 || len(s.flushed) > 0) {
			t.Errorf("%s %s: done all the same", method, path)
		}
	}
	f("POST", "/v1/streams/b/events?kye=x", 400, `"code":"unknown_parameter","message":"\"kye\" is no parameter of this path; it has account, key, region, results"`)
	f("POST", "/v1/streams/b/events?results=maybe", 400, `results is \"maybe\": want true or false`)
	f("POST", "/v1/streams/b/events?results=0&account=222222222222&region=us-east-1", 200, `"stored":1`)
	f("POST", "/v1/streams/b:flush?dry_run=true", 400, "unknown_parameter")
	f("POST", "/v1/streams/b:redrive?dry_run=true", 400, "unknown_parameter")
	f("GET", "/v1/streams/b/errors?typ=x", 400, "it has account, after, limit, region, since, type, until")
	f("GET", "/v1/keys?role=admin", 400, "it has account, region")
	f("POST", "/v1/streams/b/events?key=a&key=b", 400, "key is given twice")
	f("POST", "/v1/streams/b/events?key=%zz", 400, "the query cannot be read")
}

// What is wrong with a body is said in words of JSON.
func TestValuesOfTheWrongTypeAreNamedWithoutTypesOfTheProgram(t *testing.T) {
	f := func(wanted any, body, want string) {
		t.Helper()
		_, err := readJSON(httptest.NewRequest("POST", "/", strings.NewReader(body)), bodyMax, wanted, "WANTED")
		if want = "the body is not as wanted, WANTED: " + want; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
	f(&replayRequest{}, `{"rate":"x"}`, "rate is a text, want a number")
	f(&replayRequest{}, `{"from":7}`, "from is a number, want a text")
	f(&replayRequest{}, `[]`, "it is a list, want an object")
	f(&replayRequest{}, `"x"`, "it is a text, want an object")
	f(&redriveRequest{}, `{"keys":"a"}`, "keys is a text, want a list")
	f(&redriveRequest{}, `{"keys":[7]}`, "keys is a number, want a text")
	f(&redriveRequest{}, `{"force":"yes"}`, "force is a text, want true or false")
	f(&redriveRequest{}, `{"since":"1h"}`, `"1h" is no time such as 2026-02-03T04:05:06Z`)
	f(&redriveRequest{}, `{"since":3600}`, "a time is no text such as 2026-02-03T04:05:06Z")
	f(&pauseRequest{}, `{"reason":{}}`, "reason is an object, want a text")
	f(&wantedKey{}, `{"streams":{"a":1}}`, "streams is an object, want a list")
	f(&wantedKey{}, `{"stream":["a"]}`, `unknown field "stream"`)
	f(&wantedKey{}, `{`, "unexpected EOF")
}

func TestAKeyIsATextOfSomeLength(t *testing.T) {
	f := func(key string, wantStatus int, want string) {
		t.Helper()
		mux, _ := doorOf(t, &streams{}, nil)
		status, answer := send(t, mux, "POST", "/v1/streams/b/events?key="+url.QueryEscape(key), "", `{"a":1}`)
		failed, _ := answer["error"].(map[string]any)
		if text, _ := failed["message"].(string); status != wantStatus || text != want {
			t.Errorf("%.20q: %d %q", key, status, text)
		}
	}
	f("lead-7", 200, "")
	f(strings.Repeat("é", 128), 200, "")
	f("", 400, `key is "": want 1 to 256 bytes of UTF-8`)
	f("\xff", 400, `key is "\xff": want 1 to 256 bytes of UTF-8`)
	f(strings.Repeat("é", 129), 400, "key has 258 bytes: want 1 to 256 bytes of UTF-8")
}

func TestOtherMethodsOfAPathAreNamed(t *testing.T) {
	f := func(method, path string, wantStatus int, wantAllow string) {
		t.Helper()
		mux, _ := doorOf(t, &streams{}, nil)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code != wantStatus || w.Header().Get("Allow") != wantAllow {
			t.Errorf("%s %s: %d, allowed are %s: %s", method, path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
	f("GET", "/v1/streams/b/events", 405, "POST")
	f("PUT", "/v1/keys", 405, "GET, HEAD, POST")
	f("PATCH", "/v1/keys/k", 405, "DELETE")
	f("POST", "/v1/stream/b", 404, "")
	f("OPTIONS", "/v1/", 404, "")
}

// late is a body whose rest does not come in time.
type late struct{ io.Reader }

func (l late) Read(p []byte) (int, error) {
	if n, err := l.Reader.Read(p); n > 0 || err == nil {
		return n, err
	}
	return 0, os.ErrDeadlineExceeded
}

func TestBodiesThatCannotBeReadSayWhy(t *testing.T) {
	f := func(path, encoding string, body io.Reader, wantStatus int, want string) {
		t.Helper()
		mux, ring := doorOf(t, &streams{}, signer{})
		_, key, err := ring.Make(apikey.Key{Role: apikey.Admin, Account: b.Account, Region: b.Region})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", path, body)
		if encoding == "lines" {
			r.Header.Set("Content-Type", "application/x-ndjson")
		} else {
			r.Header.Set("Content-Encoding", encoding)
		}
		if encoding != "signed" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != wantStatus || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Body, want)
		}
	}
	text := strings.NewReader
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	io.WriteString(z, `{"a":1}{"a":"`+strings.Repeat("x", 8<<20)+`"}`)
	z.Close()
	events := "/v1/streams/b/events"
	f(events, "", text("{\"a\":\"\xff\"}\n{\"b\":2}"), 200, `"stored":1,"duplicates":0,"rejected":[{"index":0,"code":"not_utf8","message":"event 0: the event is not UTF-8"}]`)
	f(events, "", text(`{"a":1}`+"\n"+`{'b':2}`), 400, `"stored":1,"duplicates":0,"error":{"code":"bad_body","message":"event 1, at byte 9: invalid character '\\'' at start of string (expecting '\"')"}`)
	f(events, "lines", text("{\"a\":1}\nnonsense\n{\"b\":2}\n"), 200, `"next":3,"stored":2,"duplicates":0,"rejected":[{"index":1,"code":"not_json","message":"event 1: the line is not JSON: `)
	f(events, "", late{text(`{"a":1}{"b"`)}, 408, `"next":1,"stored":1,"duplicates":0,"error":{"code":"slow_body"`)
	f(events, "gzip", text(`{"a":1}`), 400, `decompress the body as gzip: unexpected EOF`)
	f(events, "zstd", text(`{"a":1}`), 400, `decompress the body as zstd: `)
	f(events, "gzip", &bomb, 400, `"next":1,"stored":1,"duplicates":0,"error":{"code":"bad_body","message":"event 1, at byte 2359360: an event of more than 2097152 bytes"}`)
	f(events, "br", text(`{}`), 415, `Content-Encoding is \"br\"; want gzip, zstd or none`)
	f(events, "signed", text(strings.Repeat(" ", signedBodyMax+1)), 413, `"code":"body_too_large","message":"the body has more than 8388608 bytes"`)
	f("/v1/keys", "gzip", text(`{}`), 415, `Content-Encoding is \"gzip\": want none`)
	f("/v1/keys", "", text(strings.Repeat(" ", bodyMax+1)), 413, "body_too_large")
	f("/v1/keys", "", late{text("{")}, 408, "slow_body")
	f("/v1/keys", "", text(``), 400, "role")
	f("/v1/keys", "", text(`{"role":"admin"} {}`), 400, "there is more behind the object")
	f("/v1/keys", "", text(`{"rol":"admin"}`), 400, `unknown field \"rol\"`)
}

// What a door has not read of a body must not keep it from answering.
func TestARefusalIsAnsweredThoughTheBodyGoesOn(t *testing.T) {
	mux := http.NewServeMux()
	New(&streams{}, Options{Logger: slog.New(slog.DiscardHandler)}).Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	r, err := http.NewRequest("POST", server.URL+"/v1/streams/none/events", strings.NewReader(strings.Repeat(`{"a":1}`, 20_000)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Expect", "100-continue")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 404 {
		t.Errorf("status %d", answer.StatusCode)
	}
}
