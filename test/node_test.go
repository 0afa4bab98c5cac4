package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// node is the product's binary and its data folder. It may run or not.
type node struct {
	t      testing.TB
	dir    string   // data folder
	args   []string // of serve, besides those that every node has
	env    []string // besides what is set for every node
	out    *output
	proc   *process
	client *http.Client

	mu      sync.Mutex
	url     string        // where it answers; empty while it does not
	changed chan struct{} // closed and replaced when url changes
}

// newNode returns a node with an empty data folder. It is not started.
func newNode(t testing.TB, args ...string) *node {
	return newNodeIn(t, dataDir(t), args...)
}

// newNodeIn returns a node with a given data folder.
func newNodeIn(t testing.TB, dir string, args ...string) *node {
	n := &node{t: t, dir: dir, args: args, changed: make(chan struct{}),
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	n.out = &output{lines: n.line}
	t.Cleanup(func() {
		n.client.CloseIdleConnections()
		if t.Failed() {
			t.Logf("log of the node in %s:\n%s", dir, n.out.tail(16<<10))
		}
	})
	return n
}

// dataDir makes a folder that goes with the test.
func dataDir(t testing.TB) string {
	if os.Getenv("FIREHOSE_TEST_KEEP") == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("", "firehose-data-")
	check(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("data folder kept: %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return dir
}

// startNode returns a node that is ready.
func startNode(t testing.TB, args ...string) *node {
	t.Helper()
	n := newNode(t, args...)
	n.start()
	return n
}

// start starts the node and returns when it is ready.
func (n *node) start() {
	n.t.Helper()
	n.launch()
	n.waitReady(30 * time.Second)
}

// launch starts the node's process and returns at once.
func (n *node) launch() {
	n.t.Helper()
	path, err := product()
	check(n.t, err)
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data-dir", n.dir, "--log-format", "json",
		"--log-min-free", "1MiB", "--delivery-retry-max", "2s", "--delivery-interval-min", "100ms"}
	cmd := exec.Command(path, append(args, n.args...)...)
	cmd.Env = append(environment(), n.env...)
	n.proc = spawn(n.t, "firehose serve", cmd, n.out)
}

// environment is the test's own, without what would configure the binary or the AWS SDK in it.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "FIREHOSE_")
	})
}

// line looks for the address in the node's log.
func (n *node) line(text []byte) {
	var line struct{ Msg, Address string }
	if json.Unmarshal(text, &line) != nil || line.Msg != "Ready." {
		return
	}
	scheme := "http://"
	if slices.Contains(n.args, "--tls-cert") {
		scheme = "https://"
	}
	n.setURL(scheme + line.Address)
}

func (n *node) setURL(url string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.url = url
	close(n.changed)
	n.changed = make(chan struct{})
}

// address returns where the node answers, and a channel that is closed when that changes.
func (n *node) address() (url string, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.url, n.changed
}

// waitReady returns when the node is ready.
func (n *node) waitReady(within time.Duration) {
	n.t.Helper()
	for over := time.After(within); ; {
		url, changed := n.address()
		if url != "" {
			return
		}
		select {
		case <-changed:
		case <-n.proc.ended:
			n.t.Fatalf("the node ended instead of starting: %v", n.proc.err)
		case <-over:
			n.t.Fatalf("the node is not ready after %v", within)
		}
	}
}

// kill ends the node as kill -9 does.
func (n *node) kill() {
	n.proc.kill()
	n.setURL("")
}

// stop ends the node in order.
func (n *node) stop() {
	n.t.Helper()
	err := n.proc.terminate(n.t, time.Minute)
	n.setURL("")
	if err != nil {
		n.t.Fatalf("the node ended with an error after SIGTERM: %v", err)
	}
}

// ask sends a request of the product's own API and returns the answer.
func (n *node) ask(method, path string) (status int, body []byte) {
	n.t.Helper()
	url, _ := n.address()
	r, err := http.NewRequest(method, url+path, nil)
	check(n.t, err)
	answer, err := n.client.Do(r)
	check(n.t, err)
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	check(n.t, err)
	return answer.StatusCode, body
}

// flush delivers what a stream holds.
func (n *node) flush(stream string) {
	n.t.Helper()
	if status, body := n.ask(http.MethodPost, "/v1/streams/"+url.PathEscape(stream)+":flush"); status != http.StatusOK {
		n.t.Fatalf("flush %s: %d %s", stream, status, body)
	}
}

// problem is what healthz says of a stream.
type problem struct{ Stream, Delivery, Target, Code, Cause, Fix string }

// problems returns what healthz says, by stream.
func (n *node) problems() map[string]problem {
	n.t.Helper()
	all := map[string]problem{}
	for _, p := range n.healthz() {
		all[p.Stream] = p
	}
	return all
}

// troubles returns what healthz says of a stream, by destination.
func (n *node) troubles(stream string) map[string]problem {
	n.t.Helper()
	all := map[string]problem{}
	for _, p := range n.healthz() {
		if p.Stream == stream {
			all[p.Delivery] = p
		}
	}
	return all
}

func (n *node) healthz() []problem {
	n.t.Helper()
	_, body := n.ask(http.MethodGet, "/healthz")
	var answer struct{ Problems []problem }
	check(n.t, json.Unmarshal(body, &answer))
	return answer.Problems
}

// metric returns the sum of a metric's series that have all the labels given, such as stream="a".
func (n *node) metric(name string, labels ...string) float64 {
	n.t.Helper()
	_, body := n.ask(http.MethodGet, "/metrics")
	found := regexp.MustCompile(`(?m)^`+name+`(?:\{(.*)\})? (\S+)$`).FindAllSubmatch(body, -1)
	if found == nil {
		return 0
	}
	sum := 0.0
	for _, series := range found {
		if has := func(l string) bool { return bytes.Contains(series[1], []byte(l)) }; !slices.ContainsFunc(labels, func(l string) bool { return !has(l) }) {
			value, err := strconv.ParseFloat(string(series[2]), 64)
			check(n.t, err)
			sum += value
		}
	}
	return sum
}

// copy copies the data folder of a node that does not run, and returns a node on the copy.
func (n *node) copy() *node {
	n.t.Helper()
	dir := filepath.Join(dataDir(n.t), "copy")
	check(n.t, os.CopyFS(dir, os.DirFS(n.dir)))
	c := newNodeIn(n.t, dir, n.args...)
	c.env = n.env
	return c
}

// command runs a subcommand of the binary and returns what it prints and its exit status.
func command(t testing.TB, args ...string) (output string, status int) {
	t.Helper()
	path, err := product()
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("run firehose %s: %v", strings.Join(args, " "), err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// check ends the test if there is an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wait polls until done says so, and ends the test with what it says if that takes too long.
func wait(t testing.TB, within time.Duration, what string, done func() (ok bool, state string)) {
	t.Helper()
	state := ""
	for end := time.Now().Add(within); time.Now().Before(end); {
		began := time.Now()
		var ok bool
		if ok, state = done(); ok {
			return
		}
		time.Sleep(max(pollInterval, time.Since(began))) // at least half of the time is left to who is waited for
	}
	t.Fatalf("after %v still waiting for %s: %s", within, what, state)
}

// pollInterval is how often a process outside is asked again, which tells nobody when it is done.
const pollInterval = 25 * time.Millisecond

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// at returns where the node answers now.
func (n *node) at() string {
	url, _ := n.address()
	return url
}
