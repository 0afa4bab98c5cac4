package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// replayed is a replay as a node shows it.
type replayed struct {
	ID, Status string
	Events     int
	Done       float64
}

// replay begins a replay.
func (n *node) replay(stream, request string) (r replayed) {
	n.t.Helper()
	got := n.want(http.StatusCreated, http.MethodPost, "/v1/streams/"+stream+"/replays", request)
	check(n.t, json.Unmarshal([]byte(got.body), &r))
	return r
}

// awaitReplay waits until a replay is done.
func (n *node) awaitReplay(stream, id string) {
	n.t.Helper()
	wait(n.t, time.Minute, "the replay", func() (bool, string) {
		var r replayed
		got := n.want(http.StatusOK, http.MethodGet, "/v1/streams/"+stream+"/replays/"+id, "")
		check(n.t, json.Unmarshal([]byte(got.body), &r))
		return r.Status == "done", got.body
	})
}

// batchOfEvents is a body of events with the ids from one to before another.
func batchOfEvents(from, until int) string {
	var b strings.Builder
	for id := from; id < until; id++ {
		fmt.Fprintf(&b, "{\"id\":%d,\"price\":%d}\n", id, id%50)
	}
	return b.String()
}

func TestAReplayOverKillsDeliversEachEventOfItsRangeOnce(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.declare("shop")
	put := func(from, until int) {
		t.Helper()
		for ; from < until; from += 100 {
			n.putEvents("shop", batchOfEvents(from, from+100), "Content-Type: application/x-ndjson")
		}
	}
	put(0, 1000)
	from := time.Now()
	put(1000, 3000)
	until := time.Now()
	put(3000, 4000)
	n.flush("shop")

	times := fmt.Sprintf(`"from": %q, "until": %q`, from.UTC().Format(time.RFC3339Nano), until.UTC().Format(time.RFC3339Nano))
	again := func(bucket, rest string) string {
		return `{"destination": {"type": "s3", "id": "again", "batch": {"count": 30}, "format": {"metadata": true}, ` + rest + `"s3": {"bucket": "` + bucket + `", "key": "r/"}}, ` + times + `, "rate": 1000}`
	}
	var plan struct{ Events, Passing int }
	got := n.want(http.StatusOK, http.MethodPost, "/v1/streams/shop/replays?dry_run=true", again("some", `"filter": {"expression": "event.price >= 40"}, `))
	check(t, json.Unmarshal([]byte(got.body), &plan))
	if plan.Events != 2000 || plan.Passing != 400 {
		t.Errorf("a dry run counts %s", got.body)
	}
	all := n.replay("shop", again("all", ""))
	some := n.replay("shop", again("some", `"filter": {"expression": "event.price >= 40"}, `))
	for k := range kills(t) {
		randomly(700 * time.Millisecond)
		n.kill()
		n.start()
		put(4000+100*k, 4100+100*k)
	}
	n.awaitReplay("shop", all.ID)
	n.awaitReplay("shop", some.ID)
	n.flush("shop")
	n.stop()

	once := func(events []string, replay string, wanted func(id int) bool) {
		t.Helper()
		counts := map[int]int{}
		for _, event := range events {
			var e struct {
				ID       int
				Metadata struct {
					ReplayID string `json:"replay_id"`
				} `json:"firehose_metadata"`
			}
			check(t, json.Unmarshal([]byte(event), &e))
			counts[e.ID]++
			if e.Metadata.ReplayID != replay {
				t.Fatalf("%s is not marked as of %q", event, replay)
			}
		}
		wrong := complaints{t: t}
		for id := range 4000 + 100*kills(t) {
			if counts[id] > 1 || (counts[id] == 1) != wanted(id) {
				wrong.add("event %d of %q was delivered %d times", id, replay, counts[id])
			}
		}
		wrong.end()
	}
	inRange := func(id int) bool { return id >= 1000 && id < 3000 }
	once(n.events("all", "r"), all.ID, inRange)
	once(n.events("some", "r"), some.ID, func(id int) bool { return inRange(id) && id%50 >= 40 })
	once(n.events(bucket, "shop"), "", func(int) bool { return true })
}

func TestADestinationThatSomebodyPausedStaysPausedOverAKill(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.declare("shop")
	state := func() (state, by, reason string) {
		t.Helper()
		var answer struct {
			Destinations []struct {
				State  string
				Paused struct{ By, Reason string }
			}
		}
		got := n.want(http.StatusOK, http.MethodGet, "/v1/streams/shop/destinations", "")
		check(t, json.Unmarshal([]byte(got.body), &answer))
		return answer.Destinations[0].State, answer.Destinations[0].Paused.By, answer.Destinations[0].Paused.Reason
	}
	said, status := command(t, "destinations", "shop", "--url", n.at(), "--pause", "s3", "--reason", "the lake is moved")
	if status != 0 || said != "shop s3 paused\n" {
		t.Fatalf("%d: %s", status, said)
	}
	n.putEvents("shop", batchOfEvents(0, 10), "Content-Type: application/x-ndjson")
	n.kill()
	n.start()
	if state, by, reason := state(); state != "paused" || by == "" || reason != "the lake is moved" {
		t.Errorf("it is %s by %q, %q", state, by, reason)
	}
	if said, _ := command(t, "destinations", "shop", "--url", n.at()); !strings.Contains(said, "paused by") || !strings.Contains(said, "the lake is moved") {
		t.Errorf("the command says %s", said)
	}
	n.flush("shop")
	if events := n.events(bucket, "shop"); len(events) > 0 {
		t.Errorf("%d events were delivered", len(events))
	}
	n.want(http.StatusOK, http.MethodPost, "/v1/streams/shop/destinations/s3:resume", "")
	n.flush("shop")
	if state, _, _ := state(); state != "active" {
		t.Errorf("it is %s", state)
	}
	if events := n.events(bucket, "shop"); len(events) != 10 {
		t.Errorf("%d events were delivered", len(events))
	}
}
