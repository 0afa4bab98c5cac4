package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/smithy-go"
)

// turn is an event of a producer that counts its events.
type turn struct {
	Producer string `json:"producer"`
	Number   int    `json:"number"`
}

func turns(producer string, from, until int) string {
	var text strings.Builder
	for i := from; i < until; i++ {
		fmt.Fprintf(&text, `{"producer":%q,"number":%d}`+"\n", producer, i)
	}
	return text.String()
}

func TestEventsThatArePutWithOneKeyAreDeliveredInTheirOrder(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/ordered", "destinations:\n"+
		"  - {type: s3, batch: {count: 17, wait: 1s}, s3: {bucket: "+bucket+", key: ordered/}}\n")
	n.want(http.StatusBadRequest, http.MethodPost, "/v1/streams/ordered/events?kye=a", turns("none", 0, 1))
	const requests, events = 60, 5
	var producing sync.WaitGroup
	for _, producer := range []string{"a", "b"} {
		producing.Go(func() {
			for i := range requests {
				got, err := n.send(t.Context(), http.MethodPost, "/v1/streams/ordered/events?key="+producer, turns(producer, i*events, (i+1)*events))
				if err != nil || got.status != http.StatusOK {
					t.Errorf("put of %s: %d %s %v", producer, got.status, got.body, err)
					return
				}
			}
		})
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "events.ndjson")
	check(t, os.WriteFile(file, []byte(turns("c", 0, requests*events)), 0o644))
	said, status := commandWith(t, []string{"XDG_CACHE_HOME=" + dir, "HOME=" + dir}, "put", "ordered", file, "--key", "the file c", "--url", n.at())
	if status != 0 {
		t.Errorf("status %d: %s", status, said)
	}
	producing.Wait()
	n.flush("ordered")
	n.stop()
	all := folders(n.dir).read(t, bucket)
	if len(all) < 10 {
		t.Errorf("%d objects", len(all))
	}
	for producer, stretches := range stretchesOf(t, all) {
		slices.SortFunc(stretches, func(a, b stretch) int { return a.first - b.first })
		next, second := 0, ""
		for _, r := range stretches {
			if r.first != next || r.second < second {
				t.Errorf("%s: an object of %s holds from event %d on, after one of %s that ends before %d", producer, r.second, r.first, second, next)
			}
			next, second = r.next, r.second
		}
		if next != requests*events {
			t.Errorf("%s: %d events", producer, next)
		}
	}
}

// stretch is what an object has of a producer's events.
type stretch struct {
	second      string // of the object's name
	first, next int
}

// stretchesOf returns the stretches of each producer, in which events must follow each other.
func stretchesOf(t *testing.T, all objects) map[string][]stretch {
	t.Helper()
	stretches := map[string][]stretch{}
	for key, body := range all {
		text, err := decompress(key, body)
		check(t, err)
		here := map[string]stretch{}
		for line := range strings.Lines(string(text)) {
			var e turn
			check(t, json.Unmarshal([]byte(line), &e))
			r, begun := here[e.Producer]
			if !begun {
				r = stretch{second: key[:len("ordered/ordered-1-2006-01-02-15-04-05")], first: e.Number, next: e.Number}
			}
			if e.Number != r.next {
				t.Fatalf("%s: event %d of %s comes where %d is wanted", key, e.Number, e.Producer, r.next)
			}
			r.next++
			here[e.Producer] = r
		}
		for producer, r := range here {
			stretches[producer] = append(stretches[producer], r)
		}
	}
	if len(stretches) != 3 {
		t.Errorf("events of %d producers", len(stretches))
	}
	return stretches
}

// A record that is too large for its stream is refused as one that is too large for any: with all of its put, so that no
// client sends it again and again.
func TestRecordsThatAreTooLargeForTheirStreamAreRefusedThroughAmazonsAPI(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	const document = "destinations:\n  - {type: s3, batch: {wait: 1s}, s3: {bucket: " + bucket + ", key: small/}}\n"
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/small", document+"source: {max_event_bytes: 100B}\n")
	api, name, ctx := n.api(), aws.String("small"), t.Context()
	record := func(mark string, size int) types.Record {
		return types.Record{Data: []byte(`{"id":"` + mark + strings.Repeat("x", size-len(`{"id":""}`)-len(mark)) + "\"}")}
	}
	refused := func(err error, want string) {
		t.Helper()
		var answered smithy.APIError
		if !errors.As(err, &answered) || answered.ErrorCode() != "ValidationException" || answered.ErrorMessage() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	put := func(r types.Record) error {
		_, err := api.PutRecord(ctx, &firehose.PutRecordInput{DeliveryStreamName: name, Record: &r})
		return err
	}
	putBatch := func(records ...types.Record) error {
		_, err := api.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{DeliveryStreamName: name, Records: records})
		return err
	}
	const large = "failed to satisfy constraint: Member must have length less than or equal to 100"
	check(t, put(record("a", 100)))
	refused(put(record("b", 101)), "1 validation error detected: Value at 'record.data' "+large)
	check(t, putBatch(record("c", 10), record("d", 100)))
	refused(putBatch(record("e", 10), record("f", 101)), "1 validation error detected: Value at 'records.2.member.data' "+large)
	refused(putBatch(record("g", 200), record("h", 10), record("i", 101)),
		"2 validation errors detected: Value at 'records.1.member.data' "+large+"; Value at 'records.3.member.data' "+large)
	n.want(http.StatusOK, http.MethodPut, "/v1/streams/small", document)
	check(t, put(record("j", 101)))
	n.flush("small")
	n.stop()
	marks := ""
	for _, event := range n.events(bucket, "small") {
		marks += event[len(`{"id":"`):][:1]
	}
	if marks != "acdj" {
		t.Errorf("%s are there, want acdj", marks)
	}
}

// What somebody must know who gives a webhook an error output is what it is for.
func TestARefusalForWhichThereIsNoErrorOutputIsToldWithIt(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnprocessableEntity) }))
	defer hook.Close()
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/refused", "destinations:\n  - {type: webhook, batch: {wait: 0s}, webhook: {url: "+hook.URL+"}}\n")
	n.putEvents("refused", `{"a":1}`)
	wait(t, 30*time.Second, "the refusal", func() (bool, string) {
		got := n.want(http.StatusOK, http.MethodGet, "/v1/streams/refused/destinations", "")
		var answer struct {
			Destinations []struct {
				State   string
				Problem struct{ Code, Cause, Fix string }
			}
		}
		check(t, json.Unmarshal([]byte(got.body), &answer))
		to := answer.Destinations[0]
		return to.State == "degraded" && to.Problem.Code == "ErrorOutput.Missing" && strings.Contains(to.Problem.Fix, "errors.bucket") &&
			strings.Contains(to.Problem.Cause, "Webhook.Refused") && strings.Contains(to.Problem.Cause, "422"), got.body
	})
	said, _ := commandWith(t, nil, "destinations", "refused", "--url", n.at())
	if !strings.Contains(said, "422") || !strings.Contains(said, "errors.bucket") {
		t.Errorf("the command says %s", said)
	}
}
