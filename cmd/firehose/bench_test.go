package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firehose/internal/bench"
	"firehose/internal/bench/load"
)

// TestMain lets this test's binary stand in for the program where one starts itself as a child.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_BINARY_RUNS_COMMAND") != "" {
		main()
	}
	os.Exit(m.Run())
}

func benchTarget(t *testing.T, store string) bench.Target {
	t.Helper()
	t.Setenv("TEST_BINARY_RUNS_COMMAND", "1")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return bench.Target{Program: program, Dir: t.TempDir(), Store: store, Compression: "GZIP", BufferMiB: 1, Streams: 2,
		Arguments: []string{"--log-min-free", "0"}}
}

func TestBenchE2EAccountsForEveryRecord(t *testing.T) {
	check := func(name, store string, change func(*bench.E2ESettings)) *bench.Report {
		t.Helper()
		const records = 4000
		s := bench.E2ESettings{Target: benchTarget(t, store), Verify: true,
			Load: load.Settings{Batch: 100, Size: 1000, Connections: 3, Records: records}}
		change(&s)
		r, err := bench.E2E(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.Captured.Records != records || r.Delivered.Records != records || r.Delivered.Bytes != records*1000 ||
			r.Verified == nil || !r.Verified.Good() || r.Verified.Once != records || r.Server.Objects < 4 {
			t.Errorf("%s: captured %+v, delivered %+v, verified %+v, used %+v", name, r.Captured, r.Delivered, r.Verified, r.Server)
		}
		if left, _ := os.ReadDir(s.Dir); len(left) > 0 {
			t.Errorf("%s: %s is left", name, left[0].Name())
		}
		return r
	}
	check("to folders", "file", func(*bench.E2ESettings) {})
	check("signed, at a rate", "s3", func(s *bench.E2ESettings) { s.Signed, s.Load.Rate = true, 20_000 })
	check("filtered, enriched and masked", "s3", func(s *bench.E2ESettings) { s.Events = true })
	r := check("with history", "s3", func(s *bench.E2ESettings) { s.History, s.LimitTime = 30e6, 1e7 })
	if r.Limits == nil || len(r.Limits.Steps) < 8 || r.Limits.SumPerGB <= 0 {
		t.Errorf("limits %+v", r.Limits)
	}
	r = check("with a backlog", "s3", func(s *bench.E2ESettings) { s.Backlog = true })
	if r.CatchUp == nil || r.CatchUp.Backlog.Records != 4000 || r.Undelivered.EndBytes != 4_000_000 {
		t.Errorf("catching up %+v, undelivered %+v", r.CatchUp, r.Undelivered)
	}
	var text bytes.Buffer
	r.Write(&text)
	for _, want := range []string{"captured ", "delivered ", "catching up ", "4,000 once, 0 missing"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, &text)
		}
	}
}

func TestBenchPutDrivesAServerThatIsThere(t *testing.T) {
	d := demo{dir: t.TempDir(), out: new(bytes.Buffer)}
	s, err := d.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop(t.Context())
	page := filepath.Join(t.TempDir(), "page.html")
	out := captured(t, func() {
		if err := runBench(t.Context(), []string{"put", "--url", s.URL() + "/", "--batch", "20", "--records", "2000", "--streams", "3", "--json", "--html", page}); err != nil {
			t.Fatal(err)
		}
	})
	var r bench.Report
	if err := json.Unmarshal(out, &r); err != nil || r.Captured == nil || r.Captured.Records != 2000 || r.Ack.Count != 100 || r.Setup.Streams != 3 {
		t.Errorf("%v: %s", err, out)
	}
	if text, err := os.ReadFile(page); err != nil || !bytes.Contains(text, []byte("<svg")) {
		t.Errorf("the page: %v: %s", err, text)
	}
}

// captured returns what f prints to standard output.
func captured(t *testing.T, f func()) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func(was *os.File) { os.Stdout = was }(os.Stdout)
	os.Stdout = file
	f()
	file.Close()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBenchIdleComparesWithASync(t *testing.T) {
	target := benchTarget(t, "s3")
	target.Streams = 1
	r, err := bench.Idle(t.Context(), bench.IdleSettings{Target: target, Records: 20, Size: 1000, Pause: 1e5})
	if err != nil {
		t.Fatal(err)
	}
	if r.Idle.Put.Count != 20 || r.Idle.Sync.Count < 20 || r.Idle.Put.P50 <= 0 || r.Idle.Sync.P50 <= 0 {
		t.Errorf("%+v", r.Idle)
	}
}
