package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"firehose/internal/control"
	"firehose/internal/deliver"
	"firehose/internal/record"
	"firehose/internal/sigv4"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// deliveries are those of one stream, of which it notes what is asked of them.
type deliveries struct {
	asked string
	err   error
	list  []control.Replay
	doc   string // of the stream
}

func (d *deliveries) Get(key stream.Key) (stream.Stream, error) {
	return stream.Stream{Key: key, Language: "native", Version: 1, Documents: map[int]json.RawMessage{1: json.RawMessage(d.doc)}}, nil
}

func (d *deliveries) Standings(stream.Key) ([]control.Standing, error) {
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return []control.Standing{
		{Delivery: "s3", Kind: "s3", Target: "arn", State: control.StatePaused, Pause: &stream.Pause{By: "ops", Reason: "moving", Since: since}, Position: record.Position{Block: 7, Index: 2}},
		{Delivery: "hook", Kind: "webhook", State: control.StateDegraded, Oldest: time.Now().Add(-time.Hour), Retention: 0.5,
			Problem: &deliver.Problem{Since: since, Tries: 3, Err: fmt.Errorf("try: %w", &verdict.SetUp{Code: "Webhook.NotFound", Fix: "Correct the URL.", Err: errors.New("404")})}},
	}, d.err
}

func (d *deliveries) Pause(key stream.Key, id, by, reason string) error {
	d.asked = fmt.Sprintf("pause %s %s by %s: %s", key.Name, id, by, reason)
	return d.err
}

func (d *deliveries) Resume(key stream.Key, id, by string) error {
	d.asked = fmt.Sprintf("resume %s %s by %s", key.Name, id, by)
	return d.err
}

func (d *deliveries) PlanReplay(_ context.Context, _ stream.Key, q control.ReplayRequest) (control.ReplayRange, error) {
	d.note("plan", q)
	passing := int64(2)
	return control.ReplayRange{From: record.Position{Block: 1}, Until: record.Position{Block: 3}, Records: 5, Bytes: 50, Passing: &passing}, d.err
}

func (d *deliveries) StartReplay(_ context.Context, _ stream.Key, q control.ReplayRequest) (stream.Replay, error) {
	d.note("start", q)
	return stream.Replay{ID: "replay-1", Delivery: q.Delivery, Status: stream.ReplayRunning, From: record.Position{Block: 1}, Until: record.Position{Block: 3}, Records: 5, By: q.By}, d.err
}

func (d *deliveries) note(what string, q control.ReplayRequest) {
	d.asked = fmt.Sprintf("%s %s %s %s to %s rate %v by %s: %s", what, q.Delivery, q.Document, shownBound(q.From), shownBound(q.Until), q.Rate, q.By, q.Reason)
}

func shownBound(b control.Bound) string {
	switch {
	case b.Position != (record.Position{}):
		return b.Position.String()
	case !b.Time.IsZero():
		return b.Time.Format(time.RFC3339Nano)
	}
	return "end"
}

func (d *deliveries) Replays(stream.Key) ([]control.Replay, error) { return d.list, d.err }

func (d *deliveries) CancelReplay(key stream.Key, id string) error {
	d.asked = "cancel " + key.Name + " " + id
	return d.err
}

// askDeliveries sends a request, and compares the answer and what was asked of the deliveries.
func askDeliveries(t *testing.T, d *deliveries, v Verifier, method, path, body string, wantStatus int, wantBody, wantAsked string) {
	t.Helper()
	mux := http.NewServeMux()
	New(&streams{}, Options{Verifier: v, Deliveries: d, Logger: slog.New(slog.DiscardHandler)}).Register(mux)
	w := httptest.NewRecorder()
	d.asked = ""
	mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code != wantStatus || !strings.Contains(w.Body.String(), wantBody) || d.asked != wantAsked {
		t.Errorf("%s %s %s: %d %s, want %d %s\nasked %q, want %q", method, path, body, w.Code, w.Body, wantStatus, wantBody, d.asked, wantAsked)
	}
}

func TestReplaysAreAskedForInEveryForm(t *testing.T) {
	id := record.ID{Partition: 0, Position: record.Position{Block: 9, Index: 4}}
	f := func(path, body string, wantStatus int, wantBody, wantAsked string) {
		t.Helper()
		askDeliveries(t, &deliveries{doc: `{"name":"b","metadata":{"plan":"pro"},"destinations":[{"type":"s3","s3":{"bucket":"lake"}}]}`}, nil, "POST", path, body, wantStatus, wantBody, wantAsked)
	}
	replays := "/v1/streams/b/replays"
	nobody := " by a request without authentication: "
	f(replays, `{"destination":"s3"}`, 201, `"id":"replay-1"`, "start s3  end to end rate 0"+nobody)
	f(replays, `{"destination":"s3","from":"oldest","until":"now","by":"ops"}`, 201, `"by":"ops"`, "start s3  end to end rate 0 by ops: ")
	f(replays, `{"destination":"s3","from":"2026-03-01T12:00:00.5+01:00","until":"7:3","rate":2.5,"reason":"lost"}`, 201, `"events":5`,
		"start s3  2026-03-01T12:00:00.5+01:00 to 7:3 rate 2.5"+nobody+"lost")
	f(replays, `{"destination":"s3","from":"`+id.String()+`"}`, 201, "", "start s3  9:4 to end rate 0"+nobody)
	f(replays+"?dry_run=true", `{"destination":"s3"}`, 200, `{"from":"1:0","until":"3:0","events":5,"bytes":50,"passing":2}`, "plan s3  end to end rate 0"+nobody)
	f(replays, `{"destination":{"type":"webhook","webhook":{"url":"https://example.com/"}}}`, 201, "",
		`start webhook {"destinations":[{"type":"webhook","webhook":{"url":"https://example.com/"}}],"metadata":{"plan":"pro"},"name":"b"} end to end rate 0`+nobody)

	f(replays, `{}`, 400, "destination is missing", "")
	f(replays, `{"destination":7}`, 400, "destination is missing", "")
	f(replays, `{"destination":{"type":"s3"}}`, 400, "destinations[0].s3", "")
	f(replays, `{"destination":"s3","from":"yesterday"}`, 400, `from is \"yesterday\": want a time`, "")
	f(replays, `{"destination":"s3","from":"2d"}`, 400, `from is \"2d\": want a time such as 2026-02-03T04:05:06Z, an age such as 90m or 48h (days are written in hours)`, "")
	f(replays, `{"destination":"s3","from":"03:50"}`, 400, `from is \"03:50\": want a time`, "")
	f(replays, `{"destination":"s3","from":"1h","until":"2h"}`, 400, `until is \"2h\": want what is later than from, \"1h\"`, "")
	f(replays, `{"destination":"s3","until":"0:1"}`, 400, `until is \"0:1\"`, "")
	f(replays, `{"destination":"s3","rate":0.001}`, 400, "rate", "")
	f(replays, `{"destination":"s3","speed":1}`, 400, `unknown field`, "")
	f(replays+"?dry_run=perhaps", `{"destination":"s3"}`, 400, "dry_run", "")
	f("/v1/streams/none/replays", `{"destination":"s3"}`, 404, "stream_not_found", "")
}

func TestReplaysSayWhatWentWrong(t *testing.T) {
	f := func(err error, wantStatus int, wantCode string) {
		t.Helper()
		askDeliveries(t, &deliveries{err: err}, nil, "POST", "/v1/streams/b/replays", `{"destination":"s3"}`, wantStatus, `"code":"`+wantCode+`"`,
			"start s3  end to end rate 0 by a request without authentication: ")
	}
	f(fmt.Errorf("%w as x", control.ErrNoDelivery), 404, "destination_not_found")
	f(&control.HistoryGone{Since: time.Now()}, 410, "history_gone")
	f(control.ErrReplays, 409, "too_many_replays")
	f(stream.ErrNotActive, 409, "stream_not_active")
	askDeliveries(t, &deliveries{err: control.ErrReplayEnded}, nil, "DELETE", "/v1/streams/b/replays/r", "", 409, "replay_ended", "cancel b r")
	askDeliveries(t, &deliveries{err: control.ErrNoReplay}, nil, "DELETE", "/v1/streams/b/replays/r", "", 404, "replay_not_found", "cancel b r")
}

func TestReplaysAreShown(t *testing.T) {
	d := &deliveries{list: []control.Replay{
		{Replay: stream.Replay{ID: "one", Status: stream.ReplayDone, From: record.Position{Block: 1}, Until: record.Position{Block: 1}, Document: []byte(`{"secret":1}`)}, Position: record.Position{Block: 1}},
		{Replay: stream.Replay{ID: "two", Status: stream.ReplayRunning, From: record.Position{Block: 1}, Until: record.Position{Block: 4}}, Position: record.Position{Block: 3}},
	}}
	askDeliveries(t, d, nil, "GET", "/v1/streams/b/replays", "", 200, `"id":"one","destination":"","status":"done","from":"1:0","until":"1:0","position":"1:0","done":1,`, "")
	askDeliveries(t, d, nil, "GET", "/v1/streams/b/replays/two", "", 200, `{"id":"two","destination":"","status":"running","from":"1:0","until":"4:0","position":"3:0","done":0.5,`, "")
	askDeliveries(t, d, nil, "GET", "/v1/streams/b/replays/three", "", 404, "replay_not_found", "")
}

func TestProblemsThatMayPassHaveTheirRemedyToo(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		shown := shownProblem(&deliver.Problem{Tries: 2, Err: fmt.Errorf("try: %w", err)})
		if got := shown.Code + ": " + shown.Fix; got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	f(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, ": Start the other side, or correct the port: nothing listens there, or a firewall refuses.")
	f(&verdict.SetUp{Code: "Webhook.NotFound", Fix: "Correct the URL.", Err: errors.New("404")}, "Webhook.NotFound: Correct the URL.")
	f(errors.New("unknown"), ": ")
}

func TestDestinationsAreShownPausedAndResumed(t *testing.T) {
	at := "/v1/streams/b/destinations"
	askDeliveries(t, &deliveries{}, nil, "GET", at, "", 200, `"state":"paused","paused":{"by":"ops","reason":"moving","since":"2026-03-01T12:00:00Z"},"position":"7:2"`, "")
	askDeliveries(t, &deliveries{}, nil, "GET", at, "", 200, `"problem":{"since":"2026-03-01T12:00:00Z","tries":3,"code":"Webhook.NotFound","cause":"try: Webhook.NotFound: 404","fix":"Correct the URL."}`, "")
	askDeliveries(t, &deliveries{}, nil, "POST", at+"/s3:pause", `{"reason":"moving","by":"ops"}`, 200, `"status":"paused"`, "pause b s3 by ops: moving")
	askDeliveries(t, &deliveries{}, nil, "POST", at+"/s3:resume", "", 200, `"status":"resumed"`, "resume b s3 by a request without authentication")
	askDeliveries(t, &deliveries{err: control.ErrNotPaused}, nil, "POST", at+"/s3:resume", "", 200, `"status":"not paused"`, "resume b s3 by a request without authentication")
	who := signer{who: sigv4.Identity{Account: b.Account, Region: b.Region, AccessKey: "AKID"}}
	askDeliveries(t, &deliveries{}, who, "POST", at+"/s3:pause", `{"by":"somebody else"}`, 200, "", "pause b s3 by AKID: ")
	askDeliveries(t, &deliveries{err: control.ErrPausedByDocument}, nil, "POST", at+"/s3:resume", "", 409, "paused_by_document", "resume b s3 by a request without authentication")
	askDeliveries(t, &deliveries{}, nil, "POST", at+"/s3:stop", "", 404, "unknown_action", "")
	askDeliveries(t, &deliveries{}, nil, "POST", at+"/s3:pause", "[]", 400, "bad_body", "")
}
