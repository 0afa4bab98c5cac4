package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// does is a function of our own process.
type does func(payload []byte) ([]byte, error)

func (d does) invoke(_ context.Context, payload []byte) ([]byte, error) { return d(payload) }

// functionOf makes a function of our own process, with the pauses of the product.
func functionOf(retries int, f does) *Function {
	return &Function{arn: testARN, retries: retries, stream: testStream, by: f, options: &Options{
		Timeout: timeoutDefault, PauseMin: pauseMinDefault, PauseMax: pauseMaxDefault, Logger: slog.New(slog.DiscardHandler)}}
}

// event is a payload as a function reads it.
type event struct {
	InvocationID      string `json:"invocationId"`
	DeliveryStreamARN string `json:"deliveryStreamArn"`
	Region            string `json:"region"`
	Records           []struct {
		RecordID string `json:"recordId"`
		Arrival  int64  `json:"approximateArrivalTimestamp"`
		Data     []byte `json:"data"`
	} `json:"records"`
}

func readEvent(payload []byte) event {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		panic(err)
	}
	return e
}

// echo answers every record with its own data.
func echo(payload []byte) []byte {
	var b bytes.Buffer
	b.WriteString(`{"records":[`)
	for i, r := range readEvent(payload).Records {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"recordId":"` + r.RecordID + `","result":"Ok","data":"` + base64.StdEncoding.EncodeToString(r.Data) + `"}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func TestThePayloadIsThatOfTheAmazonService(t *testing.T) {
	f := functionOf(0, nil)
	records := recordsOf("Hello", "", "\x00\xff")
	records[1].ID = `quoted"` + "\n"
	got := f.payload("0b214ec1-6b67-4c78-8881-9b3998555205", records)
	golden := filepath.Join("testdata", "payload.json")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the payload is\n%s\nwant\n%s", got, want)
	}
	if !json.Valid(got) {
		t.Error("the payload is no JSON")
	}
}

func TestARecordsSizeIsNotLessThanItTakes(t *testing.T) {
	f := functionOf(0, nil)
	for _, records := range [][]Record{nil, recordsOf(""), recordsOf("a", "bb", "ccc", "dddd"), {{ID: "1", Arrival: time.UnixMilli(-1 << 62), Data: []byte("x")}}} {
		size := f.headSize()
		for i := range records {
			size += records[i].size()
		}
		if got := len(f.payload(newID(), records)); got > size {
			t.Errorf("%d records take %d bytes, %d were expected", len(records), got, size)
		}
	}
}

func TestInvocationsHaveFreshIDsAndRecordsKeepTheirs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []event
		f := functionOf(2, func(payload []byte) ([]byte, error) {
			events = append(events, readEvent(payload))
			return nil, &fault{code: FunctionError}
		})
		call(t, f, recordsOf("a", "b"))
		if len(events) != 3 {
			t.Fatalf("%d calls", len(events))
		}
		uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
		seen := map[string]bool{}
		for _, e := range events {
			if !uuid.MatchString(e.InvocationID) || seen[e.InvocationID] {
				t.Errorf("the ID of an invocation is %q", e.InvocationID)
			}
			seen[e.InvocationID] = true
			if e.Records[0].RecordID != "id-0" || e.Records[1].RecordID != "id-1" || string(e.Records[1].Data) != "b" {
				t.Errorf("the records are %+v", e.Records)
			}
		}
	})
}

func TestWhatMayPassIsTriedAgainWithGrowingPauses(t *testing.T) {
	check := func(retries int, err error, code string, attempts int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			var at []time.Time
			f := functionOf(retries, func([]byte) ([]byte, error) { at = append(at, time.Now()); return nil, err })
			for _, r := range call(t, f, recordsOf("a", "b")) {
				failed(t, r, code, attempts)
			}
			if len(at) != attempts {
				t.Fatalf("%v: %d calls, want %d", err, len(at), attempts)
			}
			for i, floor := 1, pauseMinDefault; i < len(at); i, floor = i+1, min(2*floor, pauseMaxDefault) {
				if d := at[i].Sub(at[i-1]); d < floor || d > floor+floor/2 {
					t.Errorf("the pause before retry %d is %v, want %v and up to half as much more", i, d, floor)
				}
			}
		})
	}
	check(3, &fault{code: FunctionError}, "Lambda.FunctionError", 4)
	check(0, &fault{code: FunctionError}, "Lambda.FunctionError", 1)
	check(8, &fault{code: InvokeLimitExceeded}, "Lambda.InvokeLimitExceeded", 9)
	check(1, &fault{code: FunctionTimedOut}, "Lambda.FunctionTimedOut", 2)
	check(2, errors.New("connection refused"), "Lambda.ConnectionFailed", 3)
	check(3, &fault{code: ResourceNotFound, final: true}, "Lambda.ResourceNotFound", 1)
}

func TestAFunctionThatComesBackTransforms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f := functionOf(3, func(payload []byte) ([]byte, error) {
			if calls++; calls < 4 {
				return nil, &fault{code: FunctionError}
			}
			return echo(payload), nil
		})
		results := call(t, f, recordsOf("a", "b"))
		transformed(t, results[0], "a")
		transformed(t, results[1], "b")
	})
}

func TestAFailureAfterARetryCountsBothAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		f := functionOf(3, func(payload []byte) ([]byte, error) {
			if calls++; calls == 1 {
				return nil, &fault{code: FunctionError}
			}
			return []byte(`{}`), nil
		})
		failed(t, call(t, f, recordsOf("a"))[0], "Lambda.MissingRecordId", 2)
	})
}

// hangs is a function that answers when its context has ended.
type hangs struct{}

func (hangs) invoke(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAFunctionThatTakesTooLongHasTimedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := functionOf(1, nil)
		f.by = hangs{}
		began := time.Now()
		failed(t, call(t, f, recordsOf("a"))[0], "Lambda.FunctionTimedOut", 2)
		if took := time.Since(began); took < 2*timeoutDefault || took > 2*timeoutDefault+2*pauseMinDefault {
			t.Errorf("two attempts took %v", took)
		}
	})
}

func TestWaitingForATurnIsNoPartOfTheFunctionsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := functionOf(0, func(payload []byte) ([]byte, error) {
			time.Sleep(timeoutDefault - time.Second)
			return echo(payload), nil
		})
		f.turn = make(chan struct{}, 1)
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() { transformed(t, call(t, f, recordsOf("a"))[0], "a") })
		}
		began := time.Now()
		calls.Wait()
		if took := time.Since(began); took != 4*(timeoutDefault-time.Second) {
			t.Errorf("four calls in turn took %v", took)
		}
	})
}

func TestAnEndedContextIsTheOnlyError(t *testing.T) {
	check := func(name string, by invoker, turnTaken bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			f := functionOf(300, nil)
			f.by = by
			if turnTaken {
				f.turn = make(chan struct{}, 1)
				f.turn <- struct{}{}
			}
			ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
			defer stop()
			began := time.Now()
			results, err := f.Call(ctx, recordsOf("a"))
			if !errors.Is(err, context.DeadlineExceeded) || results != nil {
				t.Errorf("%s: %v, %v", name, results, err)
			}
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("%s: the call took %v longer", name, took-3*time.Second)
			}
		})
	}
	check("in a call", hangs{}, false)
	check("in a pause", does(func([]byte) ([]byte, error) { return nil, &fault{code: FunctionError} }), false)
	check("before its turn", hangs{}, true)
}

func TestACallBeyondTheLimitIsDivided(t *testing.T) {
	large := strings.Repeat("x", 1_000_000)
	records := recordsOf(large, large, large, large, large, large, large, large, large)
	var counts []int
	f := functionOf(0, func(payload []byte) ([]byte, error) {
		if len(payload) >= 6*1024*1024 {
			t.Errorf("a payload has %d bytes", len(payload))
		}
		counts = append(counts, len(readEvent(payload).Records))
		return echo(payload), nil
	})
	for _, r := range call(t, f, records) {
		transformed(t, r, large)
	}
	if len(counts) != 3 || counts[0] != 4 || counts[1] != 4 || counts[2] != 1 {
		t.Errorf("the calls have %v records", counts)
	}
}

func TestARecordThatFitsIntoNoCallFailsAlone(t *testing.T) {
	records := recordsOf("a", strings.Repeat("x", 5<<20), "c")
	f := functionOf(3, func(payload []byte) ([]byte, error) { return echo(payload), nil })
	results := call(t, f, records)
	transformed(t, results[0], "a")
	failed(t, results[1], "Lambda.RequestTooLargeException", 1)
	transformed(t, results[2], "c")
}

func TestADividedCallThatFailsInPartKeepsTheRest(t *testing.T) {
	large := strings.Repeat("x", 3_000_000)
	calls := 0
	f := functionOf(0, func(payload []byte) ([]byte, error) {
		if calls++; calls == 2 {
			return nil, &fault{code: FunctionError}
		}
		return echo(payload), nil
	})
	results := call(t, f, recordsOf(large, large, large))
	transformed(t, results[0], large)
	failed(t, results[1], "Lambda.FunctionError", 1)
	transformed(t, results[2], large)
}

func TestTheLogHearsOfRetriesAndNotOfData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f := functionOf(1, func([]byte) ([]byte, error) {
			return nil, functionFault([]byte(`{"errorType":"E","errorMessage":"secret"}`))
		})
		f.options.Logger = slog.New(slog.NewTextHandler(&log, nil))
		call(t, f, recordsOf("secret"))
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("one retry has %d lines in the log", n)
		}
		if !strings.Contains(log.String(), testARN) || strings.Contains(log.String(), "secret") {
			t.Errorf("the log is %s", log.String())
		}
	})
}
