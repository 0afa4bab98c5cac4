package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/gif"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"firehose/internal/control"
	"firehose/internal/ingest"
	"firehose/internal/native"
	"firehose/internal/record"
	"firehose/internal/stream"
)

// streams keeps documents by key, and what was put.
type streams struct {
	all []stream.Stream
	put []string
	err error // of puts
	why error // for which every event is refused
	of  []stream.Key
}

func (s *streams) Find(name string) (keys []stream.Key) {
	for _, one := range s.all {
		if one.Name == name {
			keys = append(keys, one.Key)
		}
	}
	return keys
}

func (s *streams) Get(key stream.Key) (stream.Stream, error) {
	for _, one := range s.all {
		if one.Key == key {
			return one, nil
		}
	}
	return stream.Stream{}, stream.ErrNotFound
}

func (s *streams) PutEvents(_ context.Context, key stream.Key, events [][]byte) (control.Events, error) {
	if s.err != nil {
		return control.Events{}, s.err
	}
	if s.why != nil {
		return control.Events{Taken: 1, Duplicate: []bool{false}, Refused: map[int]error{0: s.why}}, nil
	}
	s.put, s.of = append(s.put, string(events[0])), append(s.of, key)
	return control.Events{Taken: 1, Stored: 1, Duplicate: []bool{false}}, nil
}

// declare adds a stream, or another version of one.
func (s *streams) declare(t *testing.T, account, collector string) {
	t.Helper()
	document, err := native.Parse([]byte("name: web\ndestinations: [{type: s3, s3: {bucket: abc}}]\n"+collector), native.YAML)
	if err != nil {
		t.Fatal(err)
	}
	key := stream.Key{Account: account, Region: "us-east-1", Name: "web"}
	for i := range s.all {
		if s.all[i].Key == key {
			s.all[i].Version++
			s.all[i].Documents = map[int]json.RawMessage{s.all[i].Version: document.Stored()}
			return
		}
	}
	s.all = append(s.all, stream.Stream{Key: key, ID: record.StreamID{byte(len(s.all))}, Version: 1, Language: native.Language,
		Documents: map[int]json.RawMessage{1: document.Stored()}})
}

// shop is the collector of most tests.
const shop = `collector:
  write_keys: [wk_shop_1, wk_shop_2]
  origins: ["https://shop.example.com", "https://*.example.org", "http://localhost:*"]
  fields: {page: query.u, n: query.n, first: query.first, event: body.event, props: body.props, list: body.list, agent: header.User-Agent}
  types: {n: number, first: bool, event: text, props: object, list: list}
  body_size: 1KiB
  text_size: 32B
`

// noon is when everything happens.
var noon = time.Date(2026, 2, 3, 12, 0, 0, 5e6, time.UTC)

// door is one with a stream of account 1.
type door struct {
	*testing.T
	*Door
	streams *streams
}

func open(t *testing.T, collector string) door {
	s := &streams{}
	s.declare(t, "111111111111", collector)
	return door{t, New(s, Options{Now: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler)}), s}
}

// send sends a request; headers are given as Name: value.
func (d door) send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "From" {
			r.RemoteAddr = value
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

// last returns the event that was put last, and forgets all.
func (d door) last() (event string) {
	if n := len(d.streams.put); n > 0 {
		event = d.streams.put[n-1]
	}
	d.streams.put = nil
	return event
}

func TestEventsAreMadeOfTheDeclaredSources(t *testing.T) {
	d := open(t, shop)
	f := func(method, query, body, want string, headers ...string) {
		t.Helper()
		w := d.send(method, "/collect/web?k=wk_shop_1"+query, body, headers...)
		if w.Code/100 != 2 || w.Header().Get(errorHeader) != "" {
			t.Errorf("%s %s %s: %d %s %s", method, query, body, w.Code, w.Header().Get(errorHeader), w.Body)
		}
		if got := d.last(); got != want {
			t.Errorf("%s %s %s: got %s, want %s", method, query, body, got, want)
		}
	}
	f("GET", "&u=%2Fcart%3Fa%26b", "", `{"page":"/cart?a&b"}`)
	f("GET", "&u=a%22b", "", `{"page":"a\"b"}`)
	f("GET", "&n=-1.5e3&first=true", "", `{"first":true,"n":-1.5e3}`)
	f("GET", "&u=", "", `{"page":""}`)
	f("POST", "&u=/", `{"event":"click","props":{"a":[1, 2]},"list":[]}`, `{"event":"click","list":[],"page":"/","props":{"a":[1,2]}}`)
	f("POST", "&u=/", "", `{"page":"/"}`)
	f("POST", "", ` {"event" : "\u0061" } `, `{"event":"\u0061"}`, "Content-Type: text/plain;charset=UTF-8")
	f("POST", "", `{"event":"a","props":null}`, `{"event":"a"}`, "Content-Type: application/json")
	f("GET", "", "", `{"agent":"Mozilla/5.0 (X11; Linux x86_64) "}`, "User-Agent: Mozilla/5.0 (X11; Linux x86_64) is cut")
	f("GET", "", "", `{"agent":"Mozilla/5.0 (X11; Linux x86_64"}`, "User-Agent: Mozilla/5.0 (X11; Linux x86_64€")
	f("GET", "", "", `{"agent":"a�b"}`, "User-Agent: a\xffb")

	d = open(t, "collector: {write_keys: [wk_shop_1], origins: ['*'], fields: {event: body.event | query.e, at: query.at | server.time}}\n")
	f("GET", "&e=view&at=1", "", `{"at":"1","event":"view"}`)
	f("POST", "&e=view", `{"event":"click"}`, `{"at":"2026-02-03T12:00:00.005Z","event":"click"}`)

	d = open(t, "collector: {write_keys: [wk_shop_1], origins: ['*'], ignore_unknown: true, fields: {time: server.time, ip: client.address, event: body.event}}\n")
	f("POST", "&utm=1", `{"event":{"any":"value"},"more":1}`, `{"event":{"any":"value"},"ip":"192.0.2.1","time":"2026-02-03T12:00:00.005Z"}`)
}

func TestWhatIsNotDeclaredIsRefusedWithWhatIs(t *testing.T) {
	d := open(t, strings.Replace(shop, "  body_size", "  required: [page]\n  body_size", 1))
	f := func(method, query, body string, status int, code, message string, headers ...string) {
		t.Helper()
		w := d.send(method, "/collect/web?k=wk_shop_1"+query, body, headers...)
		want := fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, message)
		if got := strings.TrimSpace(w.Body.String()); w.Code != status || got != want {
			t.Errorf("%s %s %s: %d %s, want %d %s", method, query, body, w.Code, got, status, want)
		}
		if put := d.last(); put != "" {
			t.Errorf("%s %s %s: %s is put", method, query, body, put)
		}
	}
	const notObject = "want a body that is one JSON object, in UTF-8 and with each name once"
	f("POST", "&u=/&<x>=1", "", 400, "unknown_parameter", "the query has a parameter that is not collected; allowed are first, k, n, u")
	f("POST", "&u=/&u=/", "", 400, "bad_query", "a parameter of the query is given twice")
	f("POST", "&u=%zz", "", 400, "bad_query", "the query is not one of a URL")
	f("POST", "&u=/"+strings.Repeat("&", queryMax), "", 400, "bad_query", "the query has too many parameters")
	f("POST", "&u=/", `{"<x>":1}`, 400, "unknown_member", "the body has a member that is not collected; allowed are event, list, props")
	f("POST", "&n=1", "", 400, "missing_field", "field page is missing; it comes from query.u")
	f("POST", "&u=/&n=one", "", 400, "wrong_field", "field n, from query.n, is not of its type; want number")
	f("POST", "&u=/&n=1,2", "", 400, "wrong_field", "field n, from query.n, is not of its type; want number")
	f("POST", "&u=/&first=1", "", 400, "wrong_field", "field first, from query.first, is not of its type; want bool")
	f("POST", "&u="+strings.Repeat("x", 33), "", 400, "wrong_field", "field page, from query.u, is longer than 32 bytes")
	f("POST", "&u=%ff", "", 400, "wrong_field", "field page is not UTF-8")
	f("POST", "&u=/", `{"event":1}`, 400, "wrong_field", "field event, from body.event, is not of its type; want text")
	f("POST", "&u=/", `{"event":"`+strings.Repeat("x", 33)+`"}`, 400, "wrong_field", "field event, from body.event, is longer than 32 bytes")
	f("POST", "&u=/", `{"props":[]}`, 400, "wrong_field", "field props, from body.props, is not of its type; want object")
	f("POST", "&u=/", `{"list":{}}`, 400, "wrong_field", "field list, from body.list, is not of its type; want list")
	for _, body := range []string{"x", "[]", "1", `{"event":"a"`, `{"event":"a"}{}`, `{"event":"a","event":"b"}`, "{\"event\":\"\xff\"}", `{"props":{"a":1,"a":2}}`} {
		f("POST", "&u=/", body, 400, "bad_body", notObject)
	}
	f("POST", "&u=/", `{"event":"`+strings.Repeat("x", 2000)+`"}`, 413, "body_too_large", "the body has more than 1024 bytes")
	f("POST", "&u=/", "a=b", 415, "unsupported_body", "want a body of the type application/json or text/plain", "Content-Type: application/x-www-form-urlencoded")
	f("POST", "&u=/", "{}", 415, "unsupported_body", "want a body that is not compressed", "Content-Encoding: gzip")
	f("PUT", "&u=/", "", 405, "method_not_allowed", "want GET, POST or OPTIONS")
	f("POST", "&u=/", "", 403, "origin_not_allowed", "pages from this origin may not send to the stream", "Origin: https://evil.example.com")
	d.streams.err = ingest.ErrThrottled
	f("POST", "&u=/", "", 429, "slow_down", "too many events; try again later")
	d.streams.why = &control.TooLargeError{Size: 20, Max: 10}
	d.streams.err = nil
	f("POST", "&u=/", "", 413, "event_too_large", "the event has 20 bytes; the stream takes events of 10 at most (source.max_event_bytes)")
	d.streams.err = errors.New("the disk is gone")
	f("POST", "&u=/", "", 500, "internal", "the server's log says what went wrong")
}

func TestAnImageIsAnsweredWhateverHappens(t *testing.T) {
	d := open(t, shop)
	f := func(target, wantError string) {
		t.Helper()
		w := d.send("GET", target, "")
		image, err := gif.Decode(bytes.NewReader(w.Body.Bytes()))
		if w.Code != 200 || w.Body.Len() != 43 || err != nil || image.Bounds().Dx() != 1 || image.Bounds().Dy() != 1 {
			t.Errorf("%s: %d, %d bytes, %v", target, w.Code, w.Body.Len(), err)
		} else if _, _, _, alpha := image.At(0, 0).RGBA(); alpha != 0 {
			t.Error("the pixel is seen")
		}
		if h := w.Header(); h.Get(errorHeader) != wantError || h.Get("Content-Type") != "image/gif" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v, want the error %q", target, h, wantError)
		}
	}
	f("/collect/web?k=wk_shop_2&u=/", "")
	f("/collect/web?k=wk_shop_2&v=/", "unknown_parameter: the query has a parameter that is not collected; allowed are first, k, n, u")
	f("/collect/web?k=wk_shop_3&u=/", "unknown_key: "+errUnknown.message)
	f("/collect/other?k=wk_shop_2&u=/", "unknown_key: "+errUnknown.message)
	f("/collect/web/x?k=wk_shop_2&u=/", "unknown_key: "+errUnknown.message)

	d.streams.declare(t, "111111111111", shop+"  strict: true\n")
	if w := d.send("GET", "/collect/web?k=wk_shop_2&v=/", ""); w.Code != 400 || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("a strict collector answers %d %v", w.Code, w.Header())
	}
}

func TestWriteKeysTellStreamsOfOneNameApart(t *testing.T) {
	d := open(t, shop)
	d.streams.declare(t, "222222222222", strings.ReplaceAll(shop, "wk_shop", "wk_other"))
	for key, account := range map[string]string{"wk_shop_2": "111111111111", "wk_other_1": "222222222222"} {
		if w := d.send("POST", "/collect/web?u=/", "", "X-Write-Key: "+key); w.Code != 204 || d.streams.of[len(d.streams.of)-1].Account != account {
			t.Errorf("%s: %d, %v", key, w.Code, d.streams.of)
		}
	}
	d.streams.declare(t, "111111111111", strings.ReplaceAll(shop, "wk_shop_1, ", ""))
	if w := d.send("POST", "/collect/web?u=/&k=wk_shop_1", ""); w.Code != 403 {
		t.Errorf("a key that was taken away is answered with %d", w.Code)
	}
	d.streams.declare(t, "111111111111", "")
	if w := d.send("POST", "/collect/web?u=/&k=", ""); w.Code != 403 {
		t.Errorf("a stream without a collector answers %d", w.Code)
	}
}

func TestOriginsAreThoseDeclaredAndNoOthers(t *testing.T) {
	d := open(t, shop)
	f := func(origin string, allowed bool) {
		t.Helper()
		w := d.send("POST", "/collect/web?k=wk_shop_1&u=/", "", "Origin: "+origin)
		want, status := "", 403
		if allowed {
			want, status = origin, 204
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != want || w.Code != status || w.Header().Get("Vary") != "Origin" {
			t.Errorf("%s: %d, allowed is %q", origin, w.Code, got)
		}
		w = d.send("OPTIONS", "/collect/web", "", "Origin: "+origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
		h := w.Header()
		if got := h.Get("Access-Control-Allow-Origin"); got != want || (w.Code == 204) != allowed || (h.Get("Access-Control-Allow-Headers") != "") != allowed {
			t.Errorf("preflight of %s: %d %v", origin, w.Code, h)
		}
		if h.Get("Access-Control-Allow-Credentials") != "" {
			t.Error("credentials are allowed")
		}
		w = d.send("POST", "/collect/web?k=wk_shop_1&u=/", "", "Referer: "+origin+"/page?q=1") // as an image has
		if w.Code != status || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("from a page of %s: %d %v", origin, w.Code, w.Header())
		}
	}
	f("https://shop.example.com", true)
	f("https://a.example.org", true)
	f("https://a.b.example.org", true)
	f("http://localhost", true)
	f("http://localhost:3000", true)
	f("http://shop.example.com", false)
	f("https://shop.example.com:8443", false)
	f("https://shopxexample.com", false)
	f("https://example.org", false)
	f("https://evil.com/.example.org", false)
	f("https://evilexample.org", false)
	f("https://a.example.org.evil.com", false)
	f("http://localhost:3000.evil.com", false)
	f("null", false)

	if w := d.send("OPTIONS", "/collect/web?k=wk_shop_3", "", "Origin: https://shop.example.com"); w.Code != 403 {
		t.Errorf("the preflight of an unknown key is answered with %d", w.Code)
	}
	d = open(t, strings.Replace(shop, `"http://localhost:*"`, `"*"`, 1))
	if w := d.send("POST", "/collect/web?k=wk_shop_1&u=/", "", "Origin: null"); w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("from anywhere: %d %v", w.Code, w.Header())
	}
}

func TestHeadersThatComeTwiceAreNone(t *testing.T) {
	d := open(t, shop)
	f := func(want int, name string, values ...string) {
		t.Helper()
		r := httptest.NewRequest("POST", "/collect/web?k=wk_shop_1&u=/", strings.NewReader("{}"))
		r.Header[name] = values
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s of %q: %d, want %d", name, values, w.Code, want)
		}
	}
	f(204, "Origin", "https://shop.example.com")
	f(403, "Origin", "https://shop.example.com", "https://evil.com")
	f(403, "Referer", "https://shop.example.com/", "https://evil.com/")
	f(204, "Content-Type", "text/plain")
	f(415, "Content-Type", "text/plain", "text/html")
}

func TestAnAddressAndTheWholeAreLimited(t *testing.T) {
	d := open(t, shop+"  rate: {address: 1, total: 3}\n")
	f := func(from string, want int) {
		t.Helper()
		if w := d.send("POST", "/collect/web?k=wk_shop_1&u=/", "", "From: "+from); w.Code != want {
			t.Errorf("from %s: %d, want %d", from, w.Code, want)
		}
	}
	for range 5 {
		f("192.0.2.1:1000", 204)
	}
	f("192.0.2.1:1001", 429)
	f("[::ffff:192.0.2.1]:1001", 429)
	for i := range 5 {
		f(fmt.Sprintf("[2001:db8::%d]:1", i), 204)
	}
	f("[2001:db8::ffff]:1", 429) // the same network
	f("[2001:db8:0:1::1]:1", 204)
	d.streams.declare(t, "111111111111", shop+"  rate: {address: 1, total: 3}\n  strict: true\n")
	f("192.0.2.1:1002", 429) // a change of all else is no new chance
	for range 4 {
		f("192.0.2.9:1", 204)
	}
	f("192.0.2.10:1", 429) // all together
	if w := d.send("POST", "/collect/web?k=wk_shop_1&u=/", ""); w.Header().Get("Retry-After") == "" {
		t.Error("nothing says when to try again")
	}
}

func TestTheTableOfAddressesIsBounded(t *testing.T) {
	l := newLimits(native.CollectorRate{Address: 1, Total: 1_000_000})
	often := netip.MustParseAddr("192.0.2.1")
	for range burstSeconds {
		l.allow(often, noon)
	}
	a := netip.MustParseAddr("10.0.0.0")
	for range 3 * addressesMax {
		l.allow(a, noon)
		if l.allow(often, noon) {
			t.Fatal("an address that is seen all the time is forgotten")
		}
		a = a.Next()
	}
	if n := len(l.young) + len(l.old); n > addressesMax {
		t.Errorf("%d addresses are known", n)
	}
}

func TestTheClientsAddressIsBelievedOfProxiesOnly(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f := func(peer, want string, forwarded ...string) {
		t.Helper()
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = forwarded
		if got := clientAddress(r, proxies); got.String() != want {
			t.Errorf("%s %v: %s, want %s", peer, forwarded, got, want)
		}
	}
	f("192.0.2.1:80", "192.0.2.1")
	f("192.0.2.1:80", "192.0.2.1", "198.51.100.1")
	f("10.0.0.1:80", "10.0.0.1")
	f("10.0.0.1:80", "198.51.100.1", "198.51.100.1")
	f("10.0.0.1:80", "198.51.100.1", "203.0.113.9, 198.51.100.1, 10.2.3.4")
	f("10.0.0.1:80", "198.51.100.1", "203.0.113.9, 198.51.100.1", "10.2.3.4")
	f("10.0.0.1:80", "10.2.3.4", "nonsense, 10.2.3.4")
	f("[fd00::1%eth0]:80", "2001:db8::1", "[2001:db8::1]:4711")
	f("10.0.0.1:80", "198.51.100.1", "198.51.100.1:80")
	f("@", "invalid IP", "198.51.100.1")
}

// Whatever is sent, an event has the declared fields alone, and no answer repeats what was said.
func FuzzEvent(f *testing.F) {
	f.Add("&u=/&n=1", []byte(`{"event":"a","props":{"b":null}}`), "Mozilla")
	f.Add("&first=false", []byte(" {} "), "\xff")
	f.Add("&k=2", []byte(`{"event":"\ud800"}`), "")
	f.Fuzz(func(t *testing.T, query string, body []byte, agent string) {
		d := open(t, shop)
		r := httptest.NewRequest("POST", "/collect/web", bytes.NewReader(body))
		r.URL.RawQuery = "k=wk_shop_1" + query
		r.Header["User-Agent"] = []string{agent}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		put := d.last()
		if (w.Code == http.StatusNoContent) != (put != "") {
			t.Fatalf("%d, and put is %q", w.Code, put)
		}
		if put == "" {
			return
		}
		var event map[string]any
		if err := json.Unmarshal([]byte(put), &event); err != nil {
			t.Fatalf("%q: %v", put, err)
		}
		for name := range event {
			switch name {
			case "page", "n", "first", "event", "props", "list", "agent":
			default:
				t.Errorf("%q has the field %q", put, name)
			}
		}
	})
}

func TestWhatIsRefusedIsCountedByItsReason(t *testing.T) {
	d := open(t, shop)
	var counted []string
	d.Refused = func(key stream.Key, reason string) { counted = append(counted, key.Account+" "+reason) }
	f := func(method, target, body, want string, headers ...string) {
		t.Helper()
		counted = nil
		d.send(method, target, body, headers...)
		if got := strings.Join(counted, ","); got != want {
			t.Errorf("%s %s: counted %q, want %q", method, target, got, want)
		}
	}
	const account = "111111111111 "
	f("GET", "/collect/web?k=wk_shop_1&u=/", "", "")
	f("OPTIONS", "/collect/web?k=wk_shop_1", "", "")
	f("GET", "/collect/web?k=wrong_key&u=/", "", " unknown_key")
	f("POST", "/collect/other?k=wk_shop_1&u=/", "", " unknown_key")
	f("GET", "/collect/web?k=wk_shop_1&k=wk_shop_2", "", " bad_query")
	f("GET", "/collect/web?k=wk_shop_1&secret=1", "", account+"unknown_parameter") // though the pixel is answered
	f("POST", "/collect/web?k=wk_shop_1", `{"event":1}`, account+"wrong_field")
	f("POST", "/collect/web?k=wk_shop_1&u=/", "", account+"origin_not_allowed", "Origin: https://evil.example.com")
	d.streams.err = ingest.ErrThrottled
	f("POST", "/collect/web?k=wk_shop_1&u=/", "", account+"slow_down")
	d.streams.err = fmt.Errorf("put: %w", context.Canceled)
	f("POST", "/collect/web?k=wk_shop_1&u=/", "", account+"gone_away")
	d.streams.err = errors.New("the disk is gone")
	f("POST", "/collect/web?k=wk_shop_1&u=/", "", account+"internal")
}
