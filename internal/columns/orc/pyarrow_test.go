package orc

import (
	"bufio"
	"bytes"
	"fmt"
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

// randomSamples writes files of random tables with random options.
func randomSamples(t *testing.T, n int) (map[string]sample, []string) {
	t.Helper()
	dir := t.TempDir()
	samples := map[string]sample{}
	var names []string
	for i := range n {
		r := newChance(uint64(i))
		s := sample{typ: columns.Table(r.fields(1+r.IntN(8), 3))}
		s.rows = r.rows(s.typ, []int{0, 1, 10, 700, 5000}[r.IntN(5)])
		o := r.options()
		s.filtered = len(o.BloomFilterColumns) > 0
		s.name = fmt.Sprintf("%d %+v", i, o)
		path := filepath.Join(dir, fmt.Sprintf("%d.orc", i))
		if err := os.WriteFile(path, file(t, s.typ, o, s.rows), 0o600); err != nil {
			t.Fatal(err)
		}
		samples[path] = s
		names = append(names, path)
	}
	return samples, names
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
	samples, files := randomSamples(t, 150)
	out, err := exec.Command(name, append([]string{"testdata/read.py"}, files...)...).Output()
	if err != nil {
		t.Fatalf("read.py: %v: %s", err, stderr(err))
	}
	compare(t, out, samples)
}

func stderr(err error) string {
	if e, ok := err.(*exec.ExitError); ok {
		return string(e.Stderr)
	}
	return ""
}
