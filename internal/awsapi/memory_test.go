package awsapi

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firehose/internal/ingest"
	"firehose/internal/log"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
)

const (
	testAccount = "123456789012"
	testRegion  = "us-east-1"
	testRole    = "arn:aws:iam::123456789012:role/delivery"
	testBucket  = "arn:aws:s3:::events"
)

// memory keeps streams for tests. A created stream is ACTIVE at once unless hold is set.
type memory struct {
	mu      sync.Mutex
	streams map[stream.Key]stream.Stream
	quota   int
	hold    bool                                     // keep created streams CREATING
	put     func([][]byte) (accepted int, err error) // decides about a put; nil takes everything
	taken   map[string][][]byte                      // records by stream's name
}

func newMemory() *memory {
	return &memory{streams: map[stream.Key]stream.Stream{}, taken: map[string][][]byte{}, quota: 100}
}

func (m *memory) Create(_ context.Context, s stream.Stream) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.streams[s.Key]; ok {
		return stream.ErrExists
	}
	if len(m.streams) >= m.quota {
		return stream.ErrQuota
	}
	if !m.hold {
		s.Status = stream.Active
	}
	m.streams[s.Key] = s.Clone()
	return nil
}

func (m *memory) Get(key stream.Key) (stream.Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.streams[key]
	if !ok {
		return stream.Stream{}, stream.ErrNotFound
	}
	return s.Clone(), nil
}

func (m *memory) List(account, region string) (list []stream.Stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range slices.SortedFunc(maps.Values(m.streams), func(a, b stream.Stream) int { return strings.Compare(a.Name, b.Name) }) {
		if s.Account == account && s.Region == region {
			list = append(list, s.Clone())
		}
	}
	return list
}

func (m *memory) Update(_ context.Context, key stream.Key, change func(*stream.Stream) error) (stream.Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.streams[key]
	if !ok {
		return stream.Stream{}, stream.ErrNotFound
	}
	s = s.Clone()
	if err := change(&s); err != nil {
		return stream.Stream{}, err
	}
	m.streams[key] = s
	return s.Clone(), nil
}

func (m *memory) Delete(_ context.Context, key stream.Key, _ bool) error {
	_, err := m.Update(context.Background(), key, func(s *stream.Stream) error {
		s.Status = stream.Deleting
		return nil
	})
	return err
}

func (m *memory) Put(ctx context.Context, key stream.Key, records [][]byte) (ingest.Receipt, error) {
	s, err := m.Get(key)
	if err != nil {
		return ingest.Receipt{}, err
	}
	if s.Status != stream.Active {
		return ingest.Receipt{}, stream.ErrNotActive
	}
	accepted := len(records)
	if m.put != nil {
		if accepted, err = m.put(records); err != nil || accepted == 0 {
			return ingest.Receipt{}, err
		}
	}
	receipt, err := ingest.NewWriter(s.ID, 0, &memoryLog{at: testTime}, nil).Put(ctx, records[:accepted])
	if err != nil {
		return receipt, err
	}
	receipt.Accepted = accepted
	receipt.Encrypted = s.Encryption.Status == stream.EncryptionEnabled
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, data := range records[:accepted] {
		m.taken[key.Name] = append(m.taken[key.Name], slices.Clone(data))
	}
	return receipt, nil
}

// memoryLog takes blocks and forgets them.
type memoryLog struct {
	log.Log
	mu   sync.Mutex
	next uint64
	at   time.Time
}

func (l *memoryLog) Append(_ context.Context, bodies ...[]byte) (uint64, time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.next + 1
	l.next += uint64(len(bodies))
	return first, l.at, nil
}

// testTime is when everything happens in tests.
var testTime = time.Date(2026, time.March, 1, 10, 30, 0, 123_000_000, time.UTC)

// door is a handler with its streams and an HTTP server.
type door struct {
	*testing.T
	memory *memory
	now    time.Time
	mu     sync.Mutex
	seen   []Observation
	server *httptest.Server
	client *firehose.Client
}

func newDoor(t *testing.T, set ...func(*Options)) *door {
	d := &door{T: t, memory: newMemory(), now: testTime}
	options := Options{
		Account: testAccount, Region: testRegion, Quota: d.memory.quota,
		Now: func() time.Time { return d.now },
		Observe: func(o Observation) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.seen = append(d.seen, o)
		},
	}
	for _, s := range set {
		s(&options)
	}
	d.server = httptest.NewServer(New(d.memory, options))
	t.Cleanup(d.server.Close)
	d.client = firehose.New(firehose.Options{
		Region:       testRegion,
		BaseEndpoint: aws.String(d.server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		Retryer:      aws.NopRetryer{},
	})
	return d
}

// key is the address of a stream of the tests' account.
func (d *door) key(name string) stream.Key {
	return stream.Key{Account: testAccount, Region: testRegion, Name: name}
}

// set changes a stream behind the door's back.
func (d *door) set(name string, change func(*stream.Stream)) {
	d.Helper()
	if _, err := d.memory.Update(d.Context(), d.key(name), func(s *stream.Stream) error {
		change(s)
		return nil
	}); err != nil {
		d.Fatal(err)
	}
}

// post sends a raw body and returns status and answer.
func (d *door) post(operation, body string) (int, string) {
	d.Helper()
	r, err := http.NewRequestWithContext(d.Context(), http.MethodPost, d.server.URL+"/", strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", targetPrefix+operation)
	r.Header.Set("Content-Type", contentType)
	return d.do(r)
}

func (d *door) do(r *http.Request) (int, string) {
	d.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		d.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// create makes a stream from the members of CreateDeliveryStream's input that stand behind its name.
func (d *door) create(name, members string) {
	d.Helper()
	if members == "" {
		members = `"ExtendedS3DestinationConfiguration":{"RoleARN":"` + testRole + `","BucketARN":"` + testBucket + `"}`
	}
	want := `{"DeliveryStreamARN":"arn:aws:firehose:us-east-1:123456789012:deliverystream/` + name + `"}`
	if status, answer := d.post("CreateDeliveryStream", `{"DeliveryStreamName":"`+name+`",`+members+`}`); status != 200 || answer != want {
		d.Fatalf("create %s: %d %s", name, status, answer)
	}
}

// refuse sends a body and wants an error.
func (d *door) refuse(operation, body, wantType, wantMessage string) {
	d.Helper()
	status, answer := d.post(operation, body)
	want := &Error{wantType, wantMessage}
	if status != want.status() || answer != string(want.body()) {
		d.Errorf("%s %.300s:\n got %d %s\nwant %d %s", operation, body, status, answer, want.status(), want.body())
	}
}

// accept sends a body and returns the answer of a success.
func (d *door) accept(operation, body string) string {
	d.Helper()
	status, answer := d.post(operation, body)
	if status != 200 {
		d.Errorf("%s %.300s: %d %s", operation, body, status, answer)
	}
	return answer
}
