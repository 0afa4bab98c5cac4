package test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"firehose/test/fakes3"
)

// What the enrichments put behind an event's own members.
const (
	tags  = `,"enrichment":{"tags":{"team":"west"}}`
	times = `,"enrichment":{"processing":{"stored_at":"[-0-9T:.]+Z","queue_ms":\d+}}`
)

const byHTTP = `destinations:
  - {id: endpoint, type: http_endpoint, batch: {count: 90, wait: 1s}, format: {compression: gzip},
     http_endpoint: {url: %q, access_key: "${ENDPOINT_KEY}", attributes: {site: one}}}
  - {id: hook, type: webhook, batch: {count: 70, wait: 1s}, webhook: {url: %q, secrets: ["${HOOK_SECRET}"]}}
  - {id: tagged, type: webhook, batch: {count: 50, wait: 1s}, webhook: {url: %q, secrets: ["${HOOK_SECRET}"]},
     filter: {expression: '!event.id.endsWith("7")'}, enrich: {metadata: false, tags: {team: west}}}
  - {id: timed, type: webhook, batch: {size: 50KB, wait: 1s}, webhook: {url: %q, secrets: ["${HOOK_SECRET}"]},
     enrich: {metadata: false, processing: true}}
`

// killedUnderLoad puts to a stream while the node is killed again and again, ends what is wrong with its receivers, and
// delivers everything. What is to happen while the node is dead happens then.
func killedUnderLoad(n *node, calm chan struct{}, dead ...func()) *load {
	l := startLoad(n, 4, "s")
	for range kills(n.t) {
		l.grow(200)
		randomly(time.Second)
		n.kill()
		for _, happen := range dead {
			happen()
		}
		n.start()
	}
	l.grow(200)
	l.stop()
	close(calm)
	n.flush("s")
	n.stop()
	return l
}

// A request that comes again after a crash has the id and the bytes that it had before, so a receiver that knows the ids of
// what it took has every record once.
func TestRequestsOfAKilledNodeBringEveryRecordOnceToWhoKnowsTheirIDs(t *testing.T) {
	t.Parallel()
	calm := make(chan struct{})
	m := until(calm, moody)
	to, hook, tagged, timed := newEndpoint(t, "s", true, m), newHook(m), newHookOf(m, tags), newHookOf(m, times)
	n := newNode(t)
	n.env = receiverEnv()
	n.start()
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/s", fmt.Sprintf(byHTTP, listen(t, to)+"/firehose", listen(t, hook), listen(t, tagged), listen(t, timed)))
	l := killedUnderLoad(n, calm)

	for name, r := range map[string]receiver{"endpoint": to, "hook": hook, "tagged": tagged, "timed": timed} {
		repeated := checkRequests(t, name, r)
		t.Logf("%s: %d requests, of which %d came again", name, len(r.Tries()), repeated)
		if repeated == 0 {
			t.Errorf("%s: no request came again: nothing was tested", name)
		}
		counts, filtered := received(t, r), map[string]bool{}
		for id := range l.account["s"].acked {
			if name == "tagged" && strings.HasSuffix(id, "7") {
				filtered[id] = true
				if counts[id] > 0 {
					t.Errorf("record %s passed the filter", id)
				}
			}
		}
		l.account["s"].verifyBut(t, counts, filtered)
	}
}

const poisonedByHTTP = `destinations:
  - {id: hook, type: webhook, batch: {count: 40, wait: 1s}, webhook: {url: %q, secrets: ["${HOOK_SECRET}"]},
     errors: {bucket: events, key: "hook/{{error_type}}/"}}
  - {id: endpoint, type: http_endpoint, batch: {count: 40, wait: 1s},
     http_endpoint: {url: %q, access_key: "${ENDPOINT_KEY}", attributes: {site: one}}, errors: {bucket: events, key: "endpoint/{{error_type}}/"}}
`

// poisoned says which records a receiver refuses.
func poisoned(number int) bool { return number%23 == 0 }

// refuses is a mood that refuses a request with poisoned records in it, each time with one of the statuses.
func refuses(m mood, poisoned func(number int) bool, statuses ...int) mood {
	return func(w http.ResponseWriter, r *http.Request, records [][]byte, accept func()) bool {
		for _, text := range records {
			if id, err := idOf(text); err != nil || poisoned(numberOf(id)) {
				w.WriteHeader(statuses[rand.IntN(len(statuses))])
				return false
			}
		}
		return m(w, r, records, accept)
	}
}

// refused returns how often each record is in the error outputs below a prefix, all of which must be of one type.
func (all objects) refused(t testing.TB, prefix, kind string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for key, body := range all {
		if !strings.HasPrefix(key, prefix+"/") {
			continue
		}
		if path.Dir(key) != path.Join(prefix, kind) {
			t.Errorf("error output %s is not of the type %s", key, kind)
			continue
		}
		for _, f := range readFailures(t, kind, key, body) {
			id, err := idOf(f.RawData)
			check(t, err)
			counts[id]++
		}
	}
	return counts
}

// Batches are divided until the records are found that the receiver will never take. A crash between the parts changes
// nothing about who gets what.
func TestRecordsThatReceiversOfAKilledNodeRefuseAreInTheErrorOutputAndNoOthers(t *testing.T) {
	t.Parallel()
	calm := make(chan struct{})
	hook := newHook(refuses(until(calm, moody), poisoned, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity))
	to := newEndpoint(t, "s", false, refuses(until(calm, moody), poisoned, http.StatusRequestEntityTooLarge))
	n := newNode(t, "--limits-records-per-second", "1000") // every poisoned record costs a dozen requests
	n.env = receiverEnv()
	n.start()
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/s", fmt.Sprintf(poisonedByHTTP, listen(t, hook), listen(t, to)+"/firehose"))
	l := killedUnderLoad(n, calm)

	f := func(name, kind string, r receiver) {
		t.Helper()
		failures := folders(n.dir).read(t, bucket).refused(t, name, kind)
		l.verifyParted("s", received(t, r), failures, poisoned)
		repeated := checkRequests(t, name, r)
		t.Logf("%s: %d records refused, %d requests, of which %d came again", name, len(failures), len(r.Tries()), repeated)
	}
	f("hook", webhookFailed, hook)
	f("endpoint", endpointFailed, to)
}

// A receiver that is repaired or breaks while the node is dead may have a record that is in the error output too, but there
// is none that nobody has. Nor does it matter that error outputs are denied or lost on their way.
func TestReceiversThatChangeTheirMindsAndErrorOutputsThatFailLoseNothing(t *testing.T) {
	t.Parallel()
	calm := make(chan struct{})
	var mind atomic.Int64
	poisoned := func(number int) bool { return (number+int(mind.Load()))%41 == 0 }
	hook := newHook(refuses(until(calm, moody), poisoned, http.StatusBadRequest))
	to := newEndpoint(t, "s", false, refuses(until(calm, moody), poisoned, http.StatusRequestEntityTooLarge))
	s3 := startFake(t, bucket)
	s3.SetRule(func(fakes3.Request) fakes3.Fault {
		switch rand.IntN(24) {
		case 0:
			return fakes3.Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		case 1, 2:
			return fakes3.Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
		case 3:
			return fakes3.Fault{ResetAnswer: true}
		}
		return fakes3.Fault{}
	})
	n := newNode(t, s3Args(s3.URL, "--limits-records-per-second", "1000")...)
	n.env = receiverEnv()
	n.start()
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/s", fmt.Sprintf(poisonedByHTTP, listen(t, hook), listen(t, to)+"/firehose"))
	l := killedUnderLoad(n, calm, func() { mind.Add(1) })

	f := func(name, kind string, r receiver) {
		t.Helper()
		checkRequests(t, name, r)
		counts, failures := received(t, r), objects(s3.Objects(bucket)).refused(t, name, kind)
		both := 0
		for id := range failures {
			if counts[id] > 0 {
				both++
			}
			counts[id]++
		}
		if missing := l.account["s"].missing(counts); missing > 0 || len(failures) == 0 {
			t.Errorf("%s: %s neither delivered nor in an error output, where %d are", name, plural(missing, "acknowledged record"), len(failures))
		}
		t.Logf("%s: %d records in error outputs, of which %d were delivered too", name, len(failures), both)
	}
	f("hook", webhookFailed, hook)
	f("endpoint", endpointFailed, to)
}
