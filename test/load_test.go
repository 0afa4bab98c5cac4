package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/smithy-go"
)

// line returns the record of an id: a line of JSON whose length and content follow from the id. Half of it can be
// compressed.
func line(id string) []byte {
	hash := fnv.New64a()
	hash.Write([]byte(id))
	random := rand.New(rand.NewPCG(hash.Sum64(), 1))
	b := append(make([]byte, 0, 512), `{"id":"`...)
	b = append(b, id...)
	b = append(b, `","pad":"`...)
	for n := random.IntN(50); n > 0; n-- {
		b = strconv.AppendUint(b, random.Uint64(), 36)
		b = append(b, " and then again "...)
	}
	return append(b, "\"}\n"...)
}

// idOf returns the id of a line that is whole.
func idOf(text []byte) (id string, err error) {
	_, rest, found := bytes.Cut(text, []byte(`{"id":"`))
	name, _, more := bytes.Cut(rest, []byte(`"`))
	if !found || !more || !bytes.Equal(text, line(string(name))) {
		return "", fmt.Errorf("not the record that was put: %.100q", text)
	}
	return string(name), nil
}

// account is what clients were told of the records that they put.
type account struct {
	mu      sync.Mutex
	acked   map[string]bool
	unknown map[string]bool // nothing was told
	refused map[string]bool
	errs    map[string]int // how often which error came
}

func newAccount() *account {
	return &account{acked: map[string]bool{}, unknown: map[string]bool{}, refused: map[string]bool{}, errs: map[string]int{}}
}

// acknowledge notes records that were acknowledged.
func (a *account) acknowledge(ids ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		a.acked[id] = true
	}
}

// answered notes the answer of a batch.
func (a *account) answered(ids []string, out *firehose.PutRecordBatchOutput, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, id := range ids {
		switch {
		case err != nil && refusal(err):
			a.refused[id] = true
		case err != nil:
			a.unknown[id] = true
		case out.RequestResponses[i].ErrorCode != nil:
			a.refused[id] = true
		default:
			a.acked[id] = true
		}
	}
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		a.errs[api.ErrorCode()]++
	case err != nil:
		a.errs["no answer"]++
	case *out.FailedPutCount > 0:
		a.errs["some refused: "+*out.RequestResponses[len(ids)-1].ErrorCode]++
	}
}

// refusal says whether an error means that nothing was taken: any that the service answers but its own faults.
func refusal(err error) bool {
	var answer *http.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() < 400 {
		return false // the connection broke, perhaps in the middle of a success
	}
	return answer.HTTPStatusCode() < 500 || isCode(err, "ServiceUnavailableException")
}

func isCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// counts returns how many records were acknowledged, refused, and of unknown fate.
func (a *account) counts() (acked, refused, unknown int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.acked), len(a.refused), len(a.unknown)
}

func (a *account) String() string {
	acked, refused, unknown := a.counts()
	return fmt.Sprintf("%d acknowledged, %d refused, %d without an answer %v", acked, refused, unknown, a.errs)
}

// missing returns how many acknowledged records are not among those counted.
func (a *account) missing(counts map[string]int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for id := range a.acked {
		if counts[id] == 0 {
			n++
		}
	}
	return n
}

// verify checks what is in the objects against what clients were told.
func (a *account) verify(t testing.TB, counts map[string]int) {
	t.Helper()
	a.verifyBut(t, counts, nil)
}

// verifyBut is verify, with acknowledged records that are allowed to be missing.
func (a *account) verifyBut(t testing.TB, counts map[string]int, damaged map[string]bool) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	wrong := complaints{t: t}
	landed := 0
	for id := range a.acked {
		if n := counts[id]; n != 1 && !(n == 0 && damaged[id]) {
			wrong.add("acknowledged record %s is there %d times", id, n)
		}
	}
	for id, n := range counts {
		switch {
		case a.acked[id]:
		case !a.unknown[id]:
			wrong.add("record %s is there %d times; it was refused: %v", id, n, a.refused[id])
		case n > 1:
			wrong.add("record %s, of unknown fate, is there %d times", id, n)
		default:
			landed++
		}
	}
	wrong.end()
	if len(a.acked) == 0 {
		t.Error("no record was acknowledged: nothing was tested")
	}
	t.Logf("%d records acknowledged and there once, %d refused, %d without an answer of which %d are there; errors: %v",
		len(a.acked), len(a.refused), len(a.unknown), landed, a.errs)
}

// complaints reports the first few of many errors.
type complaints struct {
	t testing.TB
	n int
}

func (c *complaints) add(format string, args ...any) {
	c.t.Helper()
	if c.n++; c.n <= 5 {
		c.t.Errorf(format, args...)
	}
}

func (c *complaints) end() {
	c.t.Helper()
	if c.n > 5 {
		c.t.Errorf("and %d more", c.n-5)
	}
}

// load is clients that put without end, each to every stream in turn.
type load struct {
	node    *node
	account map[string]*account // by stream
	stop    func()              // returns when the clients have ended
}

// startLoad starts clients that put to the streams in turn. Where the node goes they follow.
func startLoad(n *node, clients int, streams ...string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{node: n, account: map[string]*account{}}
	for _, s := range streams {
		l.account[s] = newAccount()
	}
	var running sync.WaitGroup
	for i := range clients {
		c := &loader{load: l, name: fmt.Sprintf("%08x-%d", rand.Uint32(), i), streams: streams}
		running.Go(func() { c.run(ctx) })
	}
	l.stop = func() { cancel(); running.Wait() }
	n.t.Cleanup(l.stop)
	return l
}

// loader is one client.
type loader struct {
	load    *load
	name    string
	n       int // records put
	streams []string
}

// Pauses between two puts of a client: the tests want faults at many moments, not many gigabytes to count.
const (
	loadPause  = 8 * time.Millisecond
	errorPause = 50 * time.Millisecond // after an error, as clients make it
)

func (c *loader) run(ctx context.Context) {
	var api *firehose.Client
	at := ""
	for turn := 0; ctx.Err() == nil; turn++ {
		url, changed := c.load.node.address()
		if url == "" {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		if url != at {
			api, at = newAPI(url, "test", "test", c.load.node.client), url
		}
		stream := c.streams[turn%len(c.streams)]
		ids := make([]string, 1+rand.IntN(60))
		for i := range ids {
			ids[i] = fmt.Sprintf("%s-%d", c.name, c.n)
			c.n++
		}
		out, err := c.put(api, stream, ids)
		c.load.account[stream].answered(ids, out, err)
		pause := rand.N(loadPause)
		if err != nil {
			pause = errorPause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// put sends the records, one alone by PutRecord. It is not cancelled: a client that stops waits for its answer.
func (c *loader) put(api *firehose.Client, stream string, ids []string) (*firehose.PutRecordBatchOutput, error) {
	ctx := context.Background()
	records := make([]types.Record, len(ids))
	for i, id := range ids {
		records[i].Data = line(id)
	}
	if len(ids) > 1 {
		return api.PutRecordBatch(ctx, &firehose.PutRecordBatchInput{DeliveryStreamName: &stream, Records: records})
	}
	one, err := api.PutRecord(ctx, &firehose.PutRecordInput{DeliveryStreamName: &stream, Record: &records[0]})
	if err != nil {
		return nil, err
	}
	return &firehose.PutRecordBatchOutput{FailedPutCount: aws.Int32(0),
		RequestResponses: []types.PutRecordBatchResponseEntry{{RecordId: one.RecordId}}}, nil
}

// grow returns when so many more records of every stream were acknowledged.
func (l *load) grow(by int) {
	l.node.t.Helper()
	for stream, a := range l.account {
		before, _, _ := a.counts()
		wait(l.node.t, 30*time.Second, "puts to "+stream, func() (bool, string) {
			acked, _, _ := a.counts()
			return acked >= before+by, a.String()
		})
	}
}
