package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firehose/internal/batch"
	"firehose/internal/destination"
	"firehose/internal/destination/s3"
	"firehose/internal/erroroutput"
	"firehose/internal/ingest"
	"firehose/internal/metric"
	"firehose/internal/object"
	"firehose/internal/object/folder"
	"firehose/internal/record"
	"firehose/internal/state"
	"firehose/internal/stream"
)

// errorNode is a node with streams whose delivery main keeps error outputs in a folder, and whose delivery plain delivers to
// the place x, where a test sees what was put.
type errorNode struct {
	*node
	store    *folder.Store
	registry *prometheus.Registry
	id       record.StreamID // of stream a
}

// keeping is a delivery that keeps error outputs as S3 destinations do, and delivers to no object.
type keeping struct {
	place
	s3.Config
}

func (k keeping) Kind() string   { return "s3" }
func (k keeping) Target() string { return k.Config.Target() }
func (k keeping) Open(env destination.Env) (destination.Destination, error) {
	return k.place.Open(env)
}

// newErrorNode calls test with a node that has the stream a, whose deliveries have these error prefixes.
func newErrorNode(t *testing.T, rates ingest.Rates, test func(n *errorNode), prefixes ...string) {
	t.Helper()
	newNode(t, func(n *node) {
		store, err := folder.Open(n.dir)
		n.check(err)
		defer store.Close()
		n.settings.Compile["kept"] = func(stream.Key, []byte) (stream.Spec, error) {
			spec := stream.Spec{Deliveries: []stream.Delivery{{ID: "plain", Buffer: stream.Buffer{Size: 1 << 30, Interval: time.Hour}, Destination: place{n.places, "x"}}}}
			for i, prefix := range append([]string{"e/!{firehose:error-output-type}/"}, prefixes...) {
				spec.Deliveries = append(spec.Deliveries, stream.Delivery{ID: fmt.Sprint("main", i), Buffer: stream.Buffer{Size: 1 << 30, Interval: time.Hour},
					Destination: keeping{place{n.places, "y"}, s3.Config{Bucket: "b", ErrorPrefix: prefix, Compression: "GZIP"}}})
			}
			return spec, nil
		}
		registry := prometheus.NewRegistry()
		n.settings.Objects, n.settings.Rates, n.settings.Metrics = store, rates, metric.New(registry)
		n.restart()
		s := declare("a", "x")
		s.Language = "kept"
		n.create(s)
		n.pass(time.Hour)
		test(&errorNode{n, store, registry, s.ID})
	})
}

// written is when the first records of the error outputs of these tests arrived.
var written = time.Date(1999, time.December, 31, 12, 0, 0, 0, time.UTC)

// fail writes an error output of records from..to-1, which arrived so many hours after written, and returns its key.
func (n *errorNode) fail(errorType string, hours, from, to int, more ...string) string {
	n.Helper()
	return n.failBelow("e/", errorType, hours, from, to, more...)
}

// failBelow is fail for another folder.
func (n *errorNode) failBelow(folder, errorType string, hours, from, to int, more ...string) string {
	n.Helper()
	d, err := s3.Config{Bucket: "b", ErrorPrefix: folder + "!{firehose:error-output-type}/", Compression: "GZIP"}.Open(
		destination.Env{Stream: "a", StreamID: n.id, Delivery: "main0", Objects: n.store})
	n.check(err)
	head := batch.Head{First: record.Position{Block: uint64(from + 1)}, Failure: errorType, Version: 1, Time: written.Add(time.Duration(hours) * time.Hour)}
	var lines []byte
	for i := from; i < to; i++ {
		lines = erroroutput.Line{Failure: erroroutput.Failure{Type: errorType, Code: "c", Message: "m", Attempts: 1},
			Arrival: head.Time, Ended: head.Time, Raw: recordOf(i)}.Append(lines)
	}
	lines = append(lines, strings.Join(more, "")...)
	var body bytes.Buffer
	encoder, err := d.Encoder(n.Context(), head, &body)
	n.check(err)
	n.check(encoder.Write(batch.Records{Data: lines, Ends: []int{len(lines)}}))
	n.check(encoder.Close())
	n.check(d.Deliver(n.Context(), &batch.Batch{Head: head, Body: bytes.NewReader(body.Bytes())}))
	return strings.TrimPrefix(d.(destination.Namer).Name(head), "s3://b/")
}

func recordOf(i int) []byte { return fmt.Appendf(nil, "r%04d ", i) }

// redrive redrives and returns what was reported, as TYPE:RECORDS+SKIPPED with an exclamation mark for an error.
func (n *errorNode) redrive(ctx context.Context, what Redrive) (report string, err error) {
	var outputs []string
	err = n.Redrive(ctx, keyOf("a"), what, func(o RedrivenOutput) {
		text := fmt.Sprintf("%s:%d+%d", strings.TrimSuffix(o.Type, "-failed"), o.Records, o.Skipped)
		if o.Error != "" {
			text += "!"
		}
		outputs = append(outputs, text)
	})
	return strings.Join(outputs, " "), err
}

func (n *errorNode) wantRedrive(what Redrive, want string) {
	n.Helper()
	if got, err := n.redrive(n.Context(), what); got != want || err != nil {
		n.Errorf("redrive of %+v: %q, %v; want %q", what, got, err, want)
	}
}

// wantPut compares what was put into the stream with records, given by their numbers.
func (n *errorNode) wantPut(want ...int) {
	n.Helper()
	n.flush("a")
	var got []string
	n.places.mu.Lock()
	for name, body := range n.places.objects {
		if strings.HasPrefix(name, "x/") {
			got = append(got, strings.Fields(body)...)
		}
	}
	n.places.mu.Unlock()
	var all []string
	for _, i := range want {
		all = append(all, strings.TrimSpace(string(recordOf(i))))
	}
	slices.Sort(got)
	slices.Sort(all)
	if !slices.Equal(got, all) {
		n.Errorf("%d records are in the stream, want %d: %.200s", len(got), len(all), strings.Join(got, " "))
	}
}

func (n *errorNode) wantCounted(want int) {
	n.Helper()
	families, err := n.registry.Gather()
	n.check(err)
	got := 0.0
	for _, family := range families {
		if family.GetName() == "firehose_redriven_records_total" {
			got = family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	if int(got) != want {
		n.Errorf("%v records are counted, want %d", got, want)
	}
}

// list returns the keys of a stream's error outputs.
func (n *errorNode) list(f ErrorFilter, after ErrorPlace) (keys []string) {
	n.Helper()
	n.check(n.ErrorOutputs(n.Context(), keyOf("a"), f, after, func(o ErrorOutput) bool {
		keys = append(keys, o.Key)
		return true
	}))
	return keys
}

func numbers(from, to int) (all []int) {
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

func TestErrorOutputsAreListedAndOpened(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		conversion := n.fail(erroroutput.Conversion, 0, 0, 3)
		first, second := n.fail(erroroutput.Processing, 1, 3, 5), n.fail(erroroutput.Processing, 2, 5, 6)
		want := func(f ErrorFilter, after ErrorPlace, want ...string) {
			n.Helper()
			if got := n.list(f, after); !slices.Equal(got, want) {
				n.Errorf("%+v after %+v: listed %q, want %q", f, after, got, want)
			}
		}
		from := ErrorPlace{}
		want(ErrorFilter{}, from, conversion, first, second)
		want(ErrorFilter{Type: erroroutput.Processing}, from, first, second)
		want(ErrorFilter{Since: written.Add(time.Hour)}, from, first, second)
		want(ErrorFilter{Until: written.Add(2 * time.Hour)}, from, conversion, first)
		want(ErrorFilter{}, ErrorPlace{"main0", first}, second)
		want(ErrorFilter{}, ErrorPlace{"a delivery that is gone", ""}, conversion, first, second)
		want(ErrorFilter{}, ErrorPlace{"z", ""})

		o, lines, err := n.OpenErrorOutput(n.Context(), keyOf("a"), first)
		n.check(err)
		defer lines.Close()
		text, err := io.ReadAll(lines)
		if err != nil || strings.Count(string(text), `"rawData"`) != 2 || o.Type != erroroutput.Processing || o.Delivery != "main0" {
			n.Errorf("opened %+v: %q, %v", o, text, err)
		}
		n.check(os.Remove(filepath.Join(n.dir, folder.Path("b", second))))
		for _, key := range []string{second, "e/processing-failed/b-1", "", "e/../../x"} {
			if _, _, err := n.OpenErrorOutput(n.Context(), keyOf("a"), key); !errors.Is(err, object.ErrNotFound) {
				n.Errorf("open %q: %v", key, err)
			}
		}
	})
}

func TestOutputsThatTwoDeliveriesShareAreListedOnce(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		key := n.fail(erroroutput.Processing, 0, 0, 3)
		if got := n.list(ErrorFilter{}, ErrorPlace{}); !slices.Equal(got, []string{key}) {
			n.Errorf("listed %q", got)
		}
		n.wantRedrive(Redrive{}, "processing:3+0")
		n.wantPut(0, 1, 2)
	}, "e/!{firehose:error-output-type}/", "other/!{firehose:error-output-type}/")
}

func TestRedrivePutsEveryRecordOnce(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		n.fail(erroroutput.Conversion, 0, 0, 3)
		n.fail(erroroutput.Processing, 0, 3, 1503)
		third := n.fail(erroroutput.Processing, 1, 1503, 1510)
		n.wantRedrive(Redrive{DryRun: true}, "format-conversion:3+0 processing:1500+0 processing:7+0")
		n.wantPut()
		n.wantCounted(0)
		n.wantRedrive(Redrive{Keys: []string{third, "none"}}, "processing:7+0 :0+0!")
		n.wantPut(numbers(1503, 1510)...)
		n.wantRedrive(Redrive{DryRun: true}, "format-conversion:3+0 processing:1500+0 processing:0+7")
		n.wantRedrive(Redrive{ErrorFilter: ErrorFilter{Type: erroroutput.Processing}}, "processing:1500+0 processing:0+7")
		n.wantRedrive(Redrive{}, "format-conversion:3+0 processing:0+1500 processing:0+7")
		n.wantPut(numbers(0, 1510)...)
		n.wantCounted(1510)
		n.restart()
		n.await("a", stream.Active)
		n.wantRedrive(Redrive{}, "format-conversion:0+3 processing:0+1500 processing:0+7")
		n.wantRedrive(Redrive{Force: true, ErrorFilter: ErrorFilter{Since: written.Add(time.Hour)}}, "processing:7+0")
		n.wantPut(append(numbers(0, 1510), numbers(1503, 1510)...)...)
		n.wantCounted(1517)
		if got := len(n.list(ErrorFilter{}, ErrorPlace{})); got != 3 {
			n.Errorf("%d outputs are left, want 3", got)
		}
	})
}

// TestInterruptedRedriveGoesOn ends redrives at every point where they wait for the stream.
func TestInterruptedRedriveGoesOn(t *testing.T) {
	newErrorNode(t, ingest.Rates{Records: 300}, func(n *errorNode) {
		n.fail(erroroutput.Processing, 0, 0, 1200)
		n.fail(erroroutput.Processing, 1, 1200, 2000)
		interrupted := 0
		for {
			ctx, cancel := context.WithTimeout(n.Context(), 700*time.Millisecond)
			_, err := n.redrive(ctx, Redrive{})
			cancel()
			if err == nil {
				break
			}
			if interrupted++; interrupted > 20 || !errors.Is(err, context.DeadlineExceeded) {
				n.Fatalf("redrive %d: %v", interrupted, err)
			}
			if interrupted%2 == 0 {
				n.restart()
				n.await("a", stream.Active)
			}
		}
		if interrupted < 3 {
			n.Errorf("interrupted only %d times", interrupted)
		}
		n.wantPut(numbers(0, 2000)...)
		n.wantCounted(2000)
	})
}

// failingMarks fails to save its nth mark.
type failingMarks struct {
	Store
	left int
}

func (m *failingMarks) SaveRedriven(id record.StreamID, key string, mark state.Redriven) error {
	if m.left--; m.left == 0 {
		return errors.New("the disk is broken")
	}
	return m.Store.SaveRedriven(id, key, mark)
}

func TestWhatWasPutBeforeItsMarkIsAtMostOneChunk(t *testing.T) {
	for nth := 1; nth <= 4; nth++ {
		newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
			n.fail(erroroutput.Processing, 0, 0, 1200)
			n.Control.Store = &failingMarks{n.Control.Store, nth}
			if report, err := n.redrive(n.Context(), Redrive{}); err == nil || !strings.HasSuffix(report, "!") {
				n.Errorf("%s, %v", report, err)
			}
			n.wantRedrive(Redrive{}, fmt.Sprintf("processing:%d+%d", max(0, 1200-(nth-1)*500), min(1200, (nth-1)*500)))
			want := numbers(0, 1200)
			if nth < 4 { // the fourth mark says only that it was the whole output
				want = append(want, numbers((nth-1)*500, min(1200, nth*500))...)
			}
			n.wantPut(want...)
		})
	}
}

func TestRedriveGoesAroundWhatCannotBeRead(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		n.fail(erroroutput.Conversion, 0, 0, 3, "no line\n", string(erroroutput.Line{Raw: recordOf(9)}.Append(nil)))
		n.fail(erroroutput.Processing, 0, 3, 6)
		n.wantRedrive(Redrive{}, "format-conversion:3+0! processing:3+0")
		n.wantRedrive(Redrive{}, "format-conversion:0+3! processing:0+3")
		n.wantPut(numbers(0, 6)...)
	})
}

func TestRedriveTakesNoOutputThatBeganAfterIt(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		n.fail(erroroutput.Processing, int(time.Since(written)/time.Hour)+1, 0, 3)
		n.wantRedrive(Redrive{}, "")
		n.pass(2 * time.Hour)
		n.wantRedrive(Redrive{}, "processing:3+0")
	})
}

func TestStreamThatTakesNothingEndsTheRedrive(t *testing.T) {
	newErrorNode(t, ingest.Rates{Bytes: 1}, func(n *errorNode) {
		n.fail(erroroutput.Processing, 0, 0, 3)
		if report, err := n.redrive(n.Context(), Redrive{}); report != "processing:0+0!" || !errors.Is(err, ingest.ErrThrottled) {
			n.Errorf("%s, %v", report, err)
		}
	})
}

func TestStreamsWithoutErrorOutputsSaySo(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		if err := n.Redrive(n.Context(), keyOf("a"), Redrive{}, nil); !errors.Is(err, ErrNoErrorOutputs) {
			n.Errorf("redrive: %v", err)
		}
		if err := n.Redrive(n.Context(), keyOf("b"), Redrive{}, nil); !errors.Is(err, stream.ErrNotFound) {
			n.Errorf("redrive of none: %v", err)
		}
	})
}

func TestOneRedriveOfAStreamAtATime(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		n.fail(erroroutput.Processing, 0, 0, 3)
		tried := false
		n.check(n.Redrive(n.Context(), keyOf("a"), Redrive{}, func(RedrivenOutput) {
			tried = true
			if _, err := n.redrive(n.Context(), Redrive{}); !errors.Is(err, ErrRedriving) {
				n.Errorf("redrive beside another: %v", err)
			}
			n.wantRedrive(Redrive{DryRun: true}, "processing:0+3")
		}))
		if !tried {
			n.Error("nothing was redriven")
		}
	})
}

// Two deliveries give their error outputs equal keys, in buckets of their own.
func TestErrorOutputsInSeveralBucketsAreToldApart(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		n.settings.Compile["kept"] = func(stream.Key, []byte) (stream.Spec, error) {
			kept := func(id, bucket string) stream.Delivery {
				return stream.Delivery{ID: id, Buffer: stream.Buffer{Size: 1 << 30, Interval: time.Hour}, Destination: keeping{place{n.places, "x"},
					s3.Config{Bucket: "data", ErrorBucket: bucket, ErrorPrefix: "e/!{firehose:error-output-type}/", Compression: "GZIP"}}}
			}
			return stream.Spec{Deliveries: []stream.Delivery{kept("one", "empty"), kept("two", "b"), kept("three", "b")}}, nil
		}
		n.restart()
		key := n.fail(erroroutput.Processing, 1, 0, 2)
		if got := n.list(ErrorFilter{}, ErrorPlace{}); !slices.Equal(got, []string{key}) {
			t.Errorf("listed %q, want %q once", got, key)
		}
		if o, lines, err := n.OpenErrorOutput(n.Context(), keyOf("a"), key); err != nil || o.Delivery == "one" {
			t.Errorf("opened %+v, %v", o, err)
		} else {
			lines.Close()
		}
		n.wantRedrive(Redrive{Keys: []string{key}}, "processing:2+0")
		n.wantRedrive(Redrive{Keys: []string{key, strings.Replace(key, "e/", "f/", 1)}}, "processing:0+2 :0+0!")
	})
}

func TestEventsThatCouldNotBeReadAreNotPutAgain(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		n.fail(erroroutput.Masking, 1, 0, 2)
		n.fail(erroroutput.Enrichment, 2, 2, 4)
		n.wantRedrive(Redrive{}, "enrichment:2+0 masking:0+0!")
		n.wantPut(2, 3)
	})
}
