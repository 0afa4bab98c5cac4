package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firehose/test/fakes3"
)

// broken is a stream with one destination that is well, and one for each way of not being so until they are repaired.
type broken struct {
	node      *node
	s3        fake
	receivers map[string]receiver // by destination
	repair    func()
	ids       []string // events that were put
}

const brokenStream = `destinations:
  - {id: lake, type: s3, batch: {count: 100, wait: 1s}, s3: {bucket: lake}}
  - {id: locked, type: s3, batch: {count: 100, wait: 1s}, s3: {bucket: locked}}
  - {id: mute, type: webhook, batch: {count: 100, wait: 1s}, webhook: {url: %q, timeout: 1s, secrets: ["${HOOK_SECRET}"]}}
  - {id: deaf, type: webhook, batch: {count: 100, wait: 1s}, webhook: {url: %q, timeout: 1s, secrets: ["${HOOK_SECRET}"]}}
  - {id: denied, type: webhook, batch: {count: 100, wait: 1s}, webhook: {url: %q, secrets: ["${HOOK_SECRET}"]}}
  - {id: failing, type: http_endpoint, batch: {count: 100, wait: 1s},
     http_endpoint: {url: %q, access_key: "${ENDPOINT_KEY}", attributes: {site: one}}}
`

func startBroken(t *testing.T) *broken {
	repaired := make(chan struct{})
	b := &broken{s3: startFake(t, "lake", "locked"), repair: sync.OnceFunc(func() { close(repaired) })}
	b.s3.SetRule(func(r fakes3.Request) fakes3.Fault {
		if r.Bucket == "locked" {
			return fakes3.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		}
		return fakes3.Fault{}
	})
	b.receivers = map[string]receiver{
		"mute": newHook(until(repaired, mute)), "deaf": newHook(kindly), "denied": newHook(until(repaired, answers(http.StatusForbidden))),
		"failing": newEndpoint(t, "s", false, until(repaired, answers(http.StatusInternalServerError))),
	}
	hard := httptest.NewUnstartedServer(b.receivers["deaf"])
	hard.Listener = deaf{hard.Listener, repaired}
	hard.Start()
	t.Cleanup(func() {
		b.repair()
		hard.CloseClientConnections()
		hard.Close()
	})
	b.node = newNode(t, s3Args(b.s3.URL)...)
	b.node.env = receiverEnv()
	b.node.start()
	b.node.want(http.StatusCreated, http.MethodPut, "/v1/streams/s", fmt.Sprintf(brokenStream,
		listen(t, b.receivers["mute"]), hard.URL, listen(t, b.receivers["denied"]), listen(t, b.receivers["failing"])+"/firehose"))
	return b
}

// put puts events in requests of a hundred.
func (b *broken) put(count int) {
	b.node.t.Helper()
	for chunk := range slices.Chunk(make([]struct{}, count), 100) {
		var body strings.Builder
		for range chunk {
			id := fmt.Sprintf("b-%d", len(b.ids))
			b.ids = append(b.ids, id)
			body.Write(line(id))
		}
		if got := b.node.putEvents("s", body.String(), "Content-Type: application/x-ndjson"); got.Stored != len(chunk) {
			b.node.t.Fatalf("of %d events %d are stored", len(chunk), got.Stored)
		}
	}
}

// counts returns how often each event is in a destination.
func (b *broken) counts(to string) map[string]int {
	b.node.t.Helper()
	if r := b.receivers[to]; r != nil {
		return received(b.node.t, r)
	}
	return objects(b.s3.Objects(to)).ended(b.node.t).count(b.node.t, "")
}

// arrive waits until every event is in a destination, and checks that each is there once.
func (b *broken) arrive(to string) {
	t := b.node.t
	t.Helper()
	var counts map[string]int
	wait(t, 30*time.Second, "events of "+to, func() (bool, string) {
		counts = b.counts(to)
		return len(counts) >= len(b.ids), fmt.Sprintf("%d of %d are there", len(counts), len(b.ids))
	})
	wrong := complaints{t: t}
	for _, id := range b.ids {
		if counts[id] != 1 {
			wrong.add("%s: event %s is there %d times", to, id, counts[id])
		}
	}
	wrong.end()
	if len(counts) != len(b.ids) {
		t.Errorf("%s: %d events are there, %d were put", to, len(counts), len(b.ids))
	}
}

// checkProblems checks what the node says of the destinations.
func (b *broken) checkProblems() {
	t := b.node.t
	t.Helper()
	want := map[string]problem{ // parts of what must be said
		"locked":  {Code: "S3.AccessDenied", Target: "locked", Cause: "403", Fix: "s3:PutObject"},
		"denied":  {Code: "Webhook.AccessDenied", Target: "http://127.0.0.1", Cause: "403", Fix: "Correct the credentials"},
		"mute":    {Target: "http://127.0.0.1", Cause: "Webhook.Timeout"},
		"deaf":    {Target: "http://127.0.0.1", Cause: "Webhook.Timeout"},
		"failing": {Target: "http://127.0.0.1", Cause: "HttpEndpoint.DestinationException: The following response was received from the endpoint destination. 500"},
	}
	var got map[string]problem
	wait(t, 20*time.Second, "problems", func() (bool, string) {
		got = b.node.troubles("s")
		return len(got) >= len(want), fmt.Sprint(got)
	})
	for to, w := range want {
		g := got[to]
		if g.Code != w.Code || !strings.Contains(g.Target, w.Target) || !strings.Contains(g.Cause, w.Cause) || !strings.Contains(g.Fix, w.Fix) {
			t.Errorf("%s: healthz says %+v, want %+v", to, g, w)
		}
		if delivered := b.counts(to); len(delivered) > 0 {
			t.Errorf("%s: %d events arrived before it was repaired", to, len(delivered))
		}
		if n := b.node.metric("firehose_delivery_failures_total", `delivery="`+to+`"`, `code="`+w.Code+`"`); n == 0 {
			t.Errorf("%s: no failed try with the code %q is counted", to, w.Code)
		}
		setUp := 0.0
		if w.Code != "" {
			setUp = 1
		}
		if n := b.node.metric("firehose_delivery_broken", `delivery="`+to+`"`); n != setUp {
			t.Errorf("%s: the metric of broken set-ups is %v, want %v", to, n, setUp)
		}
	}
	if len(got) != len(want) {
		t.Errorf("healthz says %+v", got)
	}
	if n := b.node.metric("firehose_delivery_records_total", `delivery="lake"`); n != float64(len(b.ids)) {
		t.Errorf("%v delivered events are counted, want %d", n, len(b.ids))
	}
}

// One that does not answer, one that does not even listen, two that deny and one that fails are more than the batches that a
// delivery has in flight, and hold up nobody but themselves, also after a crash. Repaired, each gets everything.
func TestBrokenDestinationsHoldUpNoOtherAndGetEverythingOnceRepaired(t *testing.T) {
	t.Parallel()
	b := startBroken(t)
	b.put(1500)
	b.arrive("lake")
	b.checkProblems()
	b.node.kill()
	b.node.start()
	b.put(500)
	b.arrive("lake")

	b.s3.SetRule(nil)
	b.repair()
	b.arrive("locked")
	for to := range b.receivers {
		b.arrive(to)
	}
	b.node.flush("s")
	if got := b.node.troubles("s"); len(got) > 0 {
		t.Errorf("all is delivered, and healthz says %+v", got)
	}
	b.node.stop()
	b.s3.unchanged(t)
	for to, r := range b.receivers {
		b.arrive(to) // and nothing came after that
		if repeated := checkRequests(t, to, r); repeated == 0 && to != "deaf" {
			t.Errorf("%s: no request was repeated: nothing was tested", to)
		}
	}
	b.arrive("lake")
	b.arrive("locked")
}

const severalOnce = `idempotency: {field: id}
destinations:
  - {id: lake, type: s3, batch: {count: 70, wait: 1s}, s3: {bucket: events, key: lake/}}
  - {id: filtered, type: s3, batch: {count: 90, wait: 1s}, s3: {bucket: events, key: filtered/}, filter: {expression: 'event.id != ""'}}
  - {id: hook, type: webhook, batch: {count: 50, wait: 1s}, webhook: {url: %q, secrets: ["${HOOK_SECRET}"]}}
`

// chunks are events as they were sent, a request each.
type chunks struct {
	node *node

	mu          sync.Mutex
	begun       int // events
	acked, open [][]string
	known       int // events that were answered as known
}

// send sends a request of events. It is an error if not each of them is stored or known.
func (c *chunks) send(ids []string) (got stored, err error) {
	var body strings.Builder
	for _, id := range ids {
		body.Write(line(id))
	}
	a, err := c.node.send(c.node.t.Context(), http.MethodPost, "/v1/streams/s/events", body.String(), "Content-Type: application/x-ndjson")
	if err == nil {
		err = json.Unmarshal([]byte(a.body), &got)
	}
	if err == nil && got.Stored+got.Duplicates != len(ids) {
		err = fmt.Errorf("%d %s", a.status, a.body)
	}
	return got, err
}

// sendNew sends new events until one request fails, as all do once the node is killed.
func (c *chunks) sendNew() {
	for failed := false; !failed; {
		c.mu.Lock()
		ids := make([]string, 1+rand.IntN(40))
		for i := range ids {
			ids[i] = fmt.Sprintf("twice-%d", c.begun)
			c.begun++
		}
		c.mu.Unlock()
		_, err := c.send(ids)
		failed = err != nil
		c.mu.Lock()
		if failed {
			c.open = append(c.open, ids)
		} else {
			c.acked = append(c.acked, ids)
		}
		c.mu.Unlock()
		randomly(loadPause)
	}
}

// sendAgain sends all of it again: what was acknowledged must be known, and what was not becomes so.
func (c *chunks) sendAgain() {
	t := c.node.t
	t.Helper()
	wrong := complaints{t: t}
	for _, ids := range c.open {
		if _, err := c.send(ids); err != nil {
			wrong.add("events that were not acknowledged are not taken: %v", err)
		}
	}
	c.acked, c.open = append(c.acked, c.open...), nil
	for _, ids := range c.acked {
		got, err := c.send(ids)
		if err != nil || got.Duplicates != len(ids) {
			wrong.add("of %d acknowledged events %d are known: %v", len(ids), got.Duplicates, err)
		}
		c.known += got.Duplicates
	}
	wrong.end()
}

// What was acknowledged before a crash is known after it, whatever each destination had of it then.
func TestEventsSentTwiceAcrossAKillAreOnceInEachDestination(t *testing.T) {
	t.Parallel()
	calm := make(chan struct{})
	n, to := newNode(t), newHook(until(calm, moody))
	n.env = receiverEnv()
	n.start()
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/s", fmt.Sprintf(severalOnce, listen(t, to)))
	c := &chunks{node: n}
	for range kills(t) {
		var clients sync.WaitGroup
		for range 2 {
			clients.Go(c.sendNew)
		}
		wait(t, 30*time.Second, "puts", func() (bool, string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.acked) > 0, ""
		})
		randomly(500 * time.Millisecond)
		n.kill()
		clients.Wait()
		n.start()
		c.sendAgain()
	}
	close(calm)
	n.flush("s")
	n.stop()
	checkRequests(t, "hook", to)
	for name, counts := range map[string]map[string]int{"lake": n.ids("lake"), "filtered": n.ids("filtered"), "hook": received(t, to)} {
		wrong := complaints{t: t}
		for i := range c.begun {
			if id := fmt.Sprintf("twice-%d", i); counts[id] != 1 {
				wrong.add("%s: event %s is there %d times", name, id, counts[id])
			}
		}
		wrong.end()
		if len(counts) != c.begun {
			t.Errorf("%s: %d events are there, %d were sent", name, len(counts), c.begun)
		}
	}
	t.Logf("%d events, known already %d times", c.begun, c.known)
}
