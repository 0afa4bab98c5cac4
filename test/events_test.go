package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// answered is what a node answers to a request.
type answered struct {
	status int
	header http.Header
	body   string
}

// send sends a request; headers are given as Name: value.
func (n *node) send(ctx context.Context, method, path, body string, headers ...string) (answered, error) {
	r, err := http.NewRequestWithContext(ctx, method, n.at()+path, strings.NewReader(body))
	if err != nil {
		return answered{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := n.client.Do(r)
	if err != nil {
		return answered{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answered{response.StatusCode, response.Header, string(text)}, err
}

// want sends a request and checks the status.
func (n *node) want(status int, method, path, body string, headers ...string) answered {
	n.t.Helper()
	got, err := n.send(n.t.Context(), method, path, body, headers...)
	check(n.t, err)
	if got.status != status {
		n.t.Errorf("%s %s: %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}

// declare makes a stream that knows events by their field id, and delivers to a folder of its name.
func (n *node) declare(name string, headers ...string) {
	n.t.Helper()
	n.want(http.StatusCreated, http.MethodPut, "/v1/streams/"+name, "idempotency: {field: id}\ndestinations:\n"+
		"  - {type: s3, batch: {size: 1MiB, wait: 1s}, s3: {bucket: "+bucket+", key: "+name+"/}}\n", headers...)
}

// stored is the answer to events that were put.
type stored struct {
	Next, Stored, Duplicates int
	Rejected                 []struct {
		Index int
		Code  string
	}
	Results []struct {
		Index     int
		Record    string
		Duplicate bool
	}
}

// putEvents puts events and returns the answer, whose status must be 200.
func (n *node) putEvents(stream, body string, headers ...string) (s stored) {
	n.t.Helper()
	got := n.want(http.StatusOK, http.MethodPost, "/v1/streams/"+stream+"/events?results=true", body, headers...)
	check(n.t, json.Unmarshal([]byte(got.body), &s))
	return s
}

// events returns what is in the objects of a stream, event by event.
func (n *node) events(bucket, stream string) (events []string) {
	n.t.Helper()
	for key, body := range folders(n.dir).read(n.t, bucket) {
		if !strings.HasPrefix(key, stream+"/") {
			continue
		}
		text, err := decompress(key, body)
		check(n.t, err)
		for line := range strings.Lines(string(text)) {
			events = append(events, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(events)
	return events
}

// ids returns how often each event of a load is in the objects of a stream, all of which must be whole.
func (n *node) ids(stream string) map[string]int {
	n.t.Helper()
	counts := map[string]int{}
	wrong := complaints{t: n.t}
	for _, event := range n.events(bucket, stream) {
		id, err := idOf([]byte(event + "\n"))
		if err != nil {
			wrong.add("%v", err)
		}
		counts[id]++
	}
	wrong.end()
	return counts
}

func zipped(text string) string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, text)
	w.Close()
	return packed.String()
}

func zstandard(t testing.TB, text string) string {
	w, err := zstd.NewWriter(nil)
	check(t, err)
	return string(w.EncodeAll([]byte(text), nil))
}

func TestEventsArriveInEveryForm(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.declare("forms")
	var want []string
	f := func(body string, events, duplicates int, headers ...string) {
		t.Helper()
		got := n.putEvents("forms", body, headers...)
		if got.Stored != events || got.Duplicates != duplicates || got.Next != events+duplicates+len(got.Rejected) || len(got.Results) != events+duplicates {
			t.Errorf("%q %q: %+v", headers, body, got)
		}
	}
	expect := func(events ...string) { want = append(want, events...) }
	f(` {"id": 1, "a": [1, 2]} `, 1, 0)
	expect(`{"id":1,"a":[1,2]}`)
	f(`[{"id":2},{"id":3},{"id":2}]`, 2, 1, "Content-Type: application/json")
	expect(`{"id":2}`, `{"id":3}`)
	f("{\"id\":4}\n\n{\"id\":\"4\"}\r\n{\"id\":4.5}", 3, 0, "Content-Type: application/x-ndjson")
	expect(`{"id":4}`, `{"id":"4"}`, `{"id":4.5}`)
	f(`{"specversion":"1.0","id":"c-1","source":"/s","type":"t","data":{"x":1}}`, 1, 0, "Content-Type: application/cloudevents+json; charset=UTF-8")
	expect(`{"specversion":"1.0","id":"c-1","source":"/s","type":"t","data":{"x":1}}`)
	f(`[{"specversion":"1.0","id":"c-2","source":"/s","type":"t"},{"specversion":"1.0","id":"c-1","source":"/s","type":"t"}]`, 1, 1, "Content-Type: application/cloudevents-batch+json")
	expect(`{"specversion":"1.0","id":"c-2","source":"/s","type":"t"}`)
	f(zipped("{\"id\":5}\n{\"id\":6}\n"), 2, 0, "Content-Encoding: gzip", "Content-Type: application/x-ndjson")
	f(zstandard(t, `[{"id":7},{"id":6}]`), 1, 1, "Content-Encoding: zstd")
	expect(`{"id":5}`, `{"id":6}`, `{"id":7}`)
	f("{}\n{}\n{\"id\":null}", 3, 0, "Content-Type: application/x-ndjson") // without an id nothing is the same
	expect(`{}`, `{}`, `{"id":null}`)
	if got := n.putEvents("forms", "{\"id\":8}\n8\n{\"id\":9}", "Content-Type: application/x-ndjson"); len(got.Rejected) != 1 || got.Rejected[0].Index != 1 || got.Stored != 2 {
		t.Errorf("what is no object: %+v", got)
	}
	expect(`{"id":8}`, `{"id":9}`)
	var long strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&long, "{\"id\":\"long-%d\"}\n", i)
		expect(fmt.Sprintf(`{"id":"long-%d"}`, i))
	}
	if got := n.putEvents("forms", zipped(long.String()), "Content-Encoding: gzip", "Content-Type: application/x-ndjson"); got.Stored != 20_000 || got.Next != 20_000 {
		t.Errorf("of a long body %d are stored", got.Stored)
	}

	n.want(http.StatusBadRequest, http.MethodPost, "/v1/streams/forms/events", `{"id":`)
	n.want(http.StatusBadRequest, http.MethodPost, "/v1/streams/forms/events", "no gzip", "Content-Encoding: gzip")
	n.want(http.StatusUnsupportedMediaType, http.MethodPost, "/v1/streams/forms/events", "a=b", "Content-Type: text/csv")
	n.want(http.StatusNotFound, http.MethodPost, "/v1/streams/none/events", `{}`)
	n.kill()
	n.start()
	f(`[{"id":1},{"id":"c-2"},{"id":"long-19999"}]`, 0, 3) // the ids outlive a crash
	n.flush("forms")
	n.stop()
	slices.Sort(want)
	if got := n.events(bucket, "forms"); !slices.Equal(got, want) {
		t.Errorf("%d events are delivered, %d were put; first difference: %s", len(got), len(want), firstDifference(got, want))
	}
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("got %s, want %s", g, w)
		}
	}
	return "none"
}

// commandWith is command with additions to the environment.
func commandWith(t testing.TB, env []string, args ...string) (output string, status int) {
	t.Helper()
	path, err := product()
	check(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(environment(), env...)
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatalf("run firehose %s: %v", strings.Join(args, " "), err)
	}
	return all.String(), cmd.ProcessState.ExitCode()
}

func TestAPIKeysAllowWhatTheirRoleSays(t *testing.T) {
	t.Parallel()
	n := newNode(t, "--auth-mode", "sigv4")
	n.env = []string{`FIREHOSE_AUTH_KEYS=[{access_key: AKIDROOT, secret_key: root}]`}
	n.start()
	root := []string{"AWS_ACCESS_KEY_ID=AKIDROOT", "AWS_SECRET_ACCESS_KEY=root"}
	makeKey := func(env []string, args ...string) (key, id string) {
		t.Helper()
		said, status := commandWith(t, env, append([]string{"keys", "create", "--url", n.at()}, args...)...)
		for line := range strings.Lines(said) {
			if strings.HasPrefix(line, "fh_") {
				key = strings.TrimSpace(line)
			}
		}
		if status != 0 || key == "" {
			t.Fatalf("no key is made: %s", said)
		}
		return key, strings.Split(key, "_")[1]
	}
	admin, _ := makeKey(root, "--role", "admin")
	asAdmin := []string{"FIREHOSE_API_KEY=" + admin}
	producer, producerID := makeKey(asAdmin, "--role", "producer", "--streams", "web*")
	consumer, _ := makeKey(asAdmin, "--role", "consumer")
	bearer := func(key string) string { return "Authorization: Bearer " + key }
	n.declare("web-clicks", bearer(admin))
	n.declare("orders", bearer(admin))

	id := 0
	f := func(status int, stream string, headers ...string) {
		t.Helper()
		id++
		n.want(status, http.MethodPost, "/v1/streams/"+stream+"/events", fmt.Sprintf(`{"id":%d}`, id), headers...)
	}
	f(200, "web-clicks", bearer(producer))
	f(200, "orders", bearer(admin))
	f(403, "orders", bearer(producer))
	f(403, "web-clicks", bearer(consumer))
	f(403, "web-clicks")
	f(401, "web-clicks", bearer("fh_none_at_all"))
	f(401, "web-clicks", bearer(producer[:len(producer)-4]+"AAAA"))
	n.want(403, http.MethodGet, "/v1/keys", "", bearer(producer))
	n.want(403, http.MethodDelete, "/v1/streams/web-clicks", "", bearer(producer))

	text, err := os.ReadFile(filepath.Join(n.dir, "state.db"))
	check(t, err)
	if _, secret, _ := strings.Cut(strings.TrimPrefix(producer, "fh_"), "_"); bytes.Contains(text, []byte(secret)) {
		t.Error("the key's secret is on the disk")
	}
	n.kill()
	n.start()
	f(200, "web-clicks", bearer(producer))
	if said, status := commandWith(t, asAdmin, "keys", "revoke", producerID, "--url", n.at()); status != 0 {
		t.Errorf("revoke: %s", said)
	}
	f(401, "web-clicks", bearer(producer))
	n.kill()
	n.start()
	f(401, "web-clicks", bearer(producer))
	if said, status := commandWith(t, asAdmin, "keys", "list", "--url", n.at()); status != 0 || strings.Contains(said, producerID) || !strings.Contains(said, "consumer") {
		t.Errorf("list: %s", said)
	}
}

// again puts the same events again and again, from several clients, until each was acknowledged to each client.
type again struct {
	node   *node
	stream string
	newest atomic.Int64 // events up to this number are sent
	acked  atomic.Int64
	double atomic.Int64 // events that were answered as known
}

// once sends events until they are acknowledged, and follows the node where it goes.
func (a *again) once(ctx context.Context, ids []int64) {
	var body strings.Builder
	for _, id := range ids {
		body.Write(line(fmt.Sprintf("again-%d", id)))
	}
	for ctx.Err() == nil {
		url, changed := a.node.address()
		if url == "" {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		got, err := a.node.send(ctx, http.MethodPost, "/v1/streams/"+a.stream+"/events", body.String(), "Content-Type: application/x-ndjson")
		if err == nil && got.status == http.StatusOK {
			var s stored
			if err := json.Unmarshal([]byte(got.body), &s); err == nil && s.Stored+s.Duplicates == len(ids) {
				a.acked.Add(int64(len(ids)))
				a.double.Add(int64(s.Duplicates))
				return
			}
		}
		select {
		case <-time.After(errorPause):
		case <-ctx.Done():
		}
	}
}

// run sends what is new, mixed with what was sent before, until enough is closed; then everything once more.
func (a *again) run(ctx context.Context, enough <-chan struct{}) {
	for open := true; open && ctx.Err() == nil; {
		newest := a.newest.Add(rand.Int64N(20))
		ids := make([]int64, 0, 60)
		for id := max(0, newest-int64(rand.IntN(60))); id < newest; id++ {
			ids = append(ids, id)
		}
		rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		a.once(ctx, ids)
		select {
		case <-enough:
			open = false
		case <-time.After(rand.N(loadPause)):
		}
	}
}

func TestEventsSentAgainAndAgainWhileTheNodeIsKilledAreThereOnce(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.declare("once")
	a := &again{node: n, stream: "once"}
	enough := make(chan struct{})
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() { a.run(t.Context(), enough) })
	}
	for range 2 * kills(t) {
		before := a.acked.Load()
		wait(t, 30*time.Second, "acknowledgements", func() (bool, string) { return a.acked.Load() > before+200, "" })
		randomly(700 * time.Millisecond)
		n.kill()
		n.start()
	}
	close(enough)
	clients.Wait()
	all := make([]int64, a.newest.Load())
	for i := range all {
		all[i] = int64(i)
	}
	for chunk := range slices.Chunk(all, 500) {
		a.once(t.Context(), chunk)
	}
	n.flush("once")
	n.stop()
	counts := n.ids("once")
	wrong := complaints{t: t}
	for _, id := range all {
		if c := counts[fmt.Sprintf("again-%d", id)]; c != 1 {
			wrong.add("event %d is there %d times", id, c)
		}
	}
	wrong.end()
	if len(counts) != len(all) || len(all) < 100 || a.double.Load() == 0 {
		t.Errorf("%d events are there, %d were sent, %d were known", len(counts), len(all), a.double.Load())
	}
	t.Logf("%d events, acknowledged %d times, known already %d times", len(all), a.acked.Load(), a.double.Load())
}

func TestAFileIsPutToItsEndThoughTheCommandIsKilled(t *testing.T) {
	t.Parallel()
	n := startNode(t, "--limits-records-per-second", "10000") // so that there is time to kill
	n.declare("file")
	const count = 30_000
	dir := t.TempDir()
	var text bytes.Buffer
	for i := range count {
		text.Write(line(fmt.Sprintf("file-%d", i)))
	}
	file := filepath.Join(dir, "events.ndjson")
	check(t, os.WriteFile(file, text.Bytes(), 0o644))
	env := []string{"XDG_CACHE_HOME=" + dir, "HOME=" + dir}
	put := func() *exec.Cmd {
		path, err := product()
		check(t, err)
		cmd := exec.Command(path, "put", "file", file, "--url", n.at())
		cmd.Env = append(environment(), env...)
		return cmd
	}
	marks := func() (far int) {
		found, err := filepath.Glob(filepath.Join(dir, "*", "put-*.json")) // also below Library/Caches
		check(t, err)
		deeper, err := filepath.Glob(filepath.Join(dir, "*", "*", "*", "put-*.json"))
		check(t, err)
		for _, name := range append(found, deeper...) {
			mark, err := os.ReadFile(name)
			var m struct{ Events int }
			if err == nil && json.Unmarshal(mark, &m) == nil {
				far = max(far, m.Events)
			}
		}
		return far
	}
	far := 0
	for range 2 {
		p := spawn(t, "firehose put", put(), io.Discard)
		before := far
		wait(t, 30*time.Second, "progress", func() (bool, string) {
			far = marks()
			return far > before, ""
		})
		randomly(200 * time.Millisecond)
		p.kill()
		far = marks()
	}
	if far >= count {
		t.Fatal("it was never interrupted")
	}
	said, status := commandWith(t, env, "put", "file", file, "--url", n.at())
	if status != 0 || !strings.Contains(said, fmt.Sprintf("going on after %d events", far)) {
		t.Errorf("status %d: %s", status, said)
	}
	if marks() != 0 {
		t.Error("it is remembered how far it came, though it came to the end")
	}
	n.flush("file")
	n.stop()
	counts := n.ids("file")
	wrong := complaints{t: t}
	for i := range count {
		if c := counts[fmt.Sprintf("file-%d", i)]; c != 1 {
			wrong.add("event %d is there %d times", i, c)
		}
	}
	wrong.end()
	if len(counts) != count {
		t.Errorf("%d events are there, want %d", len(counts), count)
	}
	t.Logf("killed twice, the last time after %d events; then: %s", far, said)
}
