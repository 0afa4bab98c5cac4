package bench

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"

	"firehose/internal/bench/load"
	"firehose/internal/object"
	"firehose/internal/object/s3"
)

func newSink(t *testing.T, keep string) (*node, *s3.Store) {
	t.Helper()
	server := httptest.NewServer(&sink{keep: keep, open: closed()})
	t.Cleanup(server.Close)
	store, err := s3.Open(t.Context(), s3.Options{Endpoint: server.URL, Region: "us-east-1", AccessKey: "any", SecretKey: "any",
		ChecksumAll: true, MultipartMin: 6 << 20, PartSize: 5 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return &node{sink: &child{address: server.Listener.Addr().String()}}, store
}

func put1(ctx context.Context, t *testing.T, store *s3.Store, key string, body []byte) {
	t.Helper()
	if err := store.Put(ctx, object.Object{Bucket: "bench", Key: key, Body: bytes.NewReader(body), Size: int64(len(body))}); err != nil {
		t.Fatal(err)
	}
}

func TestTheSinkKeepsWholeObjectsAndReplacesThem(t *testing.T) {
	dir := t.TempDir()
	n, store := newSink(t, dir)
	records := load.Records(1, 12_000, 1000)
	put1(t.Context(), t, store, "a", bytes.Join(records[:10], nil))
	put1(t.Context(), t, store, "a", bytes.Join(records[:20], nil))
	put1(t.Context(), t, store, "large", bytes.Join(records[20:], nil)) // in three parts
	stats, err := n.tellSink(t.Context(), "stats")
	if err != nil || stats.Objects != 3 || stats.Bytes != 10_000+12_000_000 {
		t.Errorf("%+v, %v", stats, err)
	}
	ledger := sentLedger(t, len(records))
	if v, err := verify(dir, "UNCOMPRESSED", ledger); err != nil || !v.Good() || v.Once != len(records) {
		t.Errorf("%+v, %v", v, err)
	}
}

// sentLedger is a ledger that says that the first n records were taken.
func sentLedger(t *testing.T, n int) *load.Ledger {
	t.Helper()
	ok := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"FailedPutCount":0}`)
	}))
	defer ok.Close()
	ledger := new(load.Ledger)
	l, err := load.New(t.Context(), load.Settings{URL: ok.URL, Streams: []string{"s"}, Batch: 500, Size: 100, Connections: 1, Records: n, Ledger: ledger})
	if err != nil {
		t.Fatal(err)
	}
	l.Run(t.Context())
	return ledger
}

func TestTheSinkHoldsAndRefuses(t *testing.T) {
	n, store := newSink(t, "")
	tell := func(command string) SinkStats {
		t.Helper()
		stats, err := n.tellSink(t.Context(), command)
		if err != nil {
			t.Fatal(err)
		}
		return stats
	}
	tell("refuse")
	if err := store.Put(t.Context(), object.Object{Bucket: "b", Key: "k", Body: bytes.NewReader([]byte("x")), Size: 1}); err == nil {
		t.Error("an upload was taken though uploads are refused")
	}
	tell("hold")
	done := make(chan error)
	go func() { // the test waits for it
		done <- store.Put(t.Context(), object.Object{Bucket: "b", Key: "k", Body: bytes.NewReader([]byte("x")), Size: 1})
	}()
	if stats := tell("stats"); stats.Objects != 0 || stats.Refused == 0 {
		t.Errorf("%+v", stats)
	}
	tell("open")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if stats := tell("stats"); stats.Objects != 1 {
		t.Errorf("%+v", stats)
	}
}

func TestVerifyReadsGzipAndFindsStrangers(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, lines ...[]byte) {
		t.Helper()
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		w.Write(bytes.Join(lines, nil))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), packed.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	records := load.Records(1, 500, 100)
	write("1", records[:300]...)
	write("2", append(records[299:499:499], []byte("a stranger\n"))...)
	v, err := verify(dir, "GZIP", sentLedger(t, 500))
	want := load.Verdict{Taken: 500, Once: 499, Missing: 1, Repeated: 1, Foreign: 1}
	if err != nil || *v != want {
		t.Errorf("%+v, %v; want %+v", v, err, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "3"), []byte("not gzip"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(dir, "GZIP", sentLedger(t, 500)); err == nil {
		t.Error("an object that cannot be read is passed over")
	}
	if v, err := verify(filepath.Join(dir, "none"), "GZIP", sentLedger(t, 500)); err != nil || v.Missing != 500 {
		t.Errorf("no folder: %+v, %v", v, err)
	}
}
