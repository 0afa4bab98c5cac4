package orc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"firehose/internal/columns"
)

// python returns a Python that has pyarrow, or skips the test.
func python(t testing.TB) string {
	t.Helper()
	name := os.Getenv("FIREHOSE_TEST_PYTHON")
	if name == "" {
		name = "python3"
	}
	if out, err := exec.Command(name, "-c", "import pyarrow.orc").CombinedOutput(); err != nil {
		t.Skipf("%s has no pyarrow (%v %s): pip install pyarrow, and name that python in FIREHOSE_TEST_PYTHON", name, err, lastLine(out))
	}
	return name
}

func lastLine(p []byte) string {
	lines := strings.Split(strings.TrimSpace(string(p)), "\n")
	return lines[len(lines)-1]
}

// sample is a file and what must be read from it.
type sample struct {
	name     string
	typ      *columns.Type
	rows     [][]any
	filtered bool // with bloom filters
}

// compare holds what a reader printed against the truth.
func compare(t *testing.T, printed []byte, samples map[string]sample) {
	t.Helper()
	var now sample
	at, seen := 0, 0
	end := func() {
		if at != len(now.rows) {
			t.Errorf("%s: %d rows are read of %d", now.name, at, len(now.rows))
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(printed))
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "## ") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "# "); ok {
			end()
			now, at = samples[name], 0
			seen++
			continue
		}
		if at < len(now.rows) {
			if want := render(now.typ, now.rows[at]); line != want {
				t.Fatalf("%s: row %d of %v is\n%s\nwant\n%s", now.name, at, now.typ, line, want)
			}
		}
		at++
	}
	end()
	if seen != len(samples) {
		t.Errorf("%d files are read of %d", seen, len(samples))
	}
}

// samples are files that readers are given.
type samples struct {
	dir    string
	byName map[string]sample
	names  []string
}

func (l *samples) add(t *testing.T, s sample, o Options) {
	t.Helper()
	name := filepath.Join(l.dir, fmt.Sprintf("%d.orc", len(l.names)))
	s.name = fmt.Sprintf("%d %+v", len(l.names), o)
	s.filtered = len(o.BloomFilterColumns) > 0
	if err := os.WriteFile(name, file(t, s.typ, o, s.rows), 0o600); err != nil {
		t.Fatal(err)
	}
	l.byName[name] = s
	l.names = append(l.names, name)
}

// newSamples writes files of random tables with random options, and those with everything.
func newSamples(t *testing.T) *samples {
	t.Helper()
	l := &samples{dir: t.TempDir(), byName: map[string]sample{}}
	for i := range uint64(150) {
		r := newChance(i)
		s := sample{typ: columns.Table(r.fields(1+r.IntN(8), 3))}
		s.rows = r.rows(s.typ, []int{0, 1, 10, 700, 5000}[r.IntN(5)])
		l.add(t, s, r.options())
	}
	s := sample{typ: parsed(t, everything), rows: extremes(t)}
	for _, row := range s.rows { // nanoseconds in 64 bits, which pyarrow reads, reach to 1677 and 2262
		if at, ok := row[12].(instant); ok && at.seconds != max(-9e9, min(9e9, at.seconds)) {
			row[12] = instant{max(-9e9, min(9e9, at.seconds)), at.nanos}
		}
	}
	for _, compression := range []string{"NONE", "SNAPPY", "ZLIB"} {
		l.add(t, s, Options{Compression: compression, RowIndexStride: 2, DictionaryKeyThreshold: 1})
		l.add(t, s, Options{Compression: compression, Version: "V0_11", StripeSize: 1})
	}
	around := sample{typ: parsed(t, "struct<at:timestamp>")}
	for seconds := int64(-3); seconds < 3; seconds++ {
		for _, nanos := range []int64{0, 1, 999_999, 1_000_000, 500_000_000, 999_999_999} {
			if seconds, nanos := tellable(seconds, nanos); seconds != -1 || nanos < nanosPerMilli {
				around.rows = append(around.rows, []any{instant{seconds, nanos}})
			}
		}
	}
	l.add(t, around, Options{})
	return l
}

func (r chance) options() Options {
	return Options{
		StripeSize:             []int64{2000, 50_000, 0}[r.IntN(3)],
		BlockSize:              []int64{0, 64_000}[r.IntN(2)],
		RowIndexStride:         []int{0, 100, 999}[r.IntN(3)],
		Padding:                r.oneIn(2),
		PaddingTolerance:       r.Float64(),
		Compression:            []string{"SNAPPY", "ZLIB", "NONE"}[r.IntN(3)],
		BloomFilterColumns:     []string{"F0", "f3"}[:r.IntN(3)],
		DictionaryKeyThreshold: []float64{0, 0.1, 0.5, 1}[r.IntN(4)],
		Version:                []string{"V0_12", "V0_11"}[r.IntN(2)],
	}
}

func TestPyarrowReadsRandomTables(t *testing.T) {
	name := python(t)
	l := newSamples(t)
	out, err := exec.Command(name, append([]string{"testdata/read.py"}, l.names...)...).Output()
	if err != nil {
		t.Fatalf("read.py: %v: %s", err, stderr(err))
	}
	compare(t, out, l.byName)
}

func stderr(err error) string {
	if e, ok := err.(*exec.ExitError); ok {
		return string(e.Stderr)
	}
	return ""
}

func TestPyarrowFiltersDatasets(t *testing.T) {
	name := python(t)
	rows := wantedRows(3000)
	path := filepath.Join(t.TempDir(), "wanted.orc")
	o := Options{RowIndexStride: wantedStride, BloomFilterColumns: []string{"s"}}
	if err := os.WriteFile(path, file(t, parsed(t, wanted), o, rows), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(column, op, value string, want ...int) {
		t.Helper()
		out, err := exec.Command(name, "testdata/read.py", "--filter", column, op, value, path).Output()
		if err != nil {
			t.Fatalf("read.py: %v: %s", err, stderr(err))
		}
		text := strings.Trim(strings.ReplaceAll(fmt.Sprint(want), " ", ","), "[]")
		if got := strings.TrimSpace(string(out)); got != fmt.Sprintf("%d %s", len(want), text) {
			t.Errorf("%s %s %s: %s, want %v", column, op, value, got, want)
		}
	}
	f("id", "<", "3", 0, 1, 2)
	f("id", ">", "2997", 2998, 2999)
	f("s", "=", fmt.Sprintf("%q", rows[1234][4]), 1234)
}

// TestPyarrowReadsMillionsOfRows takes a minute or two: it runs if FIREHOSE_TEST_LONG is set.
func TestPyarrowReadsMillionsOfRows(t *testing.T) {
	if os.Getenv("FIREHOSE_TEST_LONG") == "" {
		t.Skip("FIREHOSE_TEST_LONG is not set")
	}
	name := python(t)
	const n, part = 5_000_000, 20_000
	path := filepath.Join(t.TempDir(), "long.orc")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	typ := parsed(t, "struct<id:bigint,word:string,text:string,half:double,list:array<int>,maybe:int,at:timestamp,n:decimal(20,2)>")
	x, err := NewWriter(out, typ, Options{StripeSize: 8 << 20, DictionaryKeyThreshold: 0.5, BloomFilterColumns: []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
	v := columns.NewVector(typ)
	for begin := int64(0); begin < n && err == nil; begin += part {
		v.Reset()
		for i := begin; i < begin+part; i++ {
			var maybe any
			if i%3 > 0 {
				maybe = i * 2654435761 % 100_003
			}
			list := []any{}
			for e := range i % 4 {
				list = append(list, i+e)
			}
			appendValue(v, []any{i, fmt.Sprint("word", i%1000), fmt.Sprint("text ", i*2654435761%1_000_000_007), float64(i) / 2, list, maybe,
				instant{i - 2_500_000, i % 1000 * 1000}, big.NewInt(i * i * 1000)})
		}
		err = x.Write(v)
	}
	if err := errors.Join(err, x.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	if printed, err := exec.Command(name, "testdata/long.py", path, fmt.Sprint(n)).CombinedOutput(); err != nil {
		t.Fatalf("long.py: %v: %s", err, printed)
	} else {
		t.Logf("%s", printed)
	}
}
