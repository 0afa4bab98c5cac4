package parquet

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"firehose/internal/columns"
)

// Readers of others, which share no code with the writer. Each leaves beside a file one with its name as the ending.
const (
	pyarrow   = "pyarrow"
	hyparquet = "hyparquet"
)

// readerCommand returns the start of the command line of a reader, or skips the test if it is not installed.
func readerCommand(t *testing.T, reader string) []string {
	t.Helper()
	switch reader {
	case pyarrow:
		python := cmp.Or(os.Getenv("FIREHOSE_TEST_PYTHON"), "python3")
		if err := exec.Command(python, "-c", "import pyarrow.parquet").Run(); err != nil {
			t.Skipf("%s cannot import pyarrow (%v): run pip install pyarrow, and name the python in FIREHOSE_TEST_PYTHON", python, err)
		}
		return []string{python, "testdata/read.py"}
	case hyparquet:
		modules := os.Getenv("FIREHOSE_TEST_NODE_MODULES")
		for _, name := range []string{"hyparquet", "hyparquet-compressors"} {
			if _, err := os.Stat(filepath.Join(modules, name, "package.json")); modules == "" || err != nil {
				t.Skipf("no %s in FIREHOSE_TEST_NODE_MODULES=%q: run npm install hyparquet hyparquet-compressors, and name the node_modules there", name, modules)
			}
		}
		if _, err := exec.LookPath("node"); err != nil {
			t.Skipf("%v: install Node.js to read with hyparquet", err)
		}
		return []string{"node", "--max-old-space-size=8192", "testdata/read.mjs", modules}
	}
	t.Fatalf("there is no reader %s", reader)
	return nil
}

// corpus is a folder of files, each with what it holds beside it.
type corpus struct {
	dir   string
	names []string
}

func (c *corpus) add(t *testing.T, name string, typ *columns.Type, o Options, vectors ...*columns.Vector) {
	t.Helper()
	name = filepath.Join(c.dir, name+".parquet")
	c.names = append(c.names, name)
	var truth bytes.Buffer
	for _, v := range vectors {
		writeTruth(t, &truth, v)
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(name, encode(t, typ, o, vectors...))
	write(name+".json", truth.Bytes())
}

// compare has the files read and compares every value.
func (c *corpus) compare(t *testing.T, reader string) {
	t.Helper()
	command := append(readerCommand(t, reader), c.names...)
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%.3000s", reader, err, out)
	}
	for _, name := range c.names {
		got, err := os.ReadFile(name + "." + reader)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		equalLines(t, filepath.Base(name), string(got), string(want))
	}
}

func testOtherReader(t *testing.T, reader string) {
	readerCommand(t, reader)
	c := &corpus{dir: t.TempDir()}
	typ := mustType(t, everyType)
	everyOption(func(o Options) {
		name := fmt.Sprintf("every-type-%s-%s-%v", o.Compression, o.Version, o.Dictionary)
		c.add(t, name, typ, o, newRandom(1).rows(typ, 500))
	})
	c.add(t, "no-rows", typ, Options{})
	c.add(t, "one-row", typ, Options{}, newRandom(2).rows(typ, 1))
	r := newRandom(3)
	c.add(t, "row-groups", typ, Options{BlockSize: 100 << 10, PageSize: 4 << 10}, r.rows(typ, 800), r.rows(typ, 0), r.rows(typ, 700))
	r.nullShare = 1
	c.add(t, "all-null", typ, Options{Dictionary: true}, r.rows(typ, 1000))
	c.add(t, "all-null-V2", typ, Options{Version: "V2"}, r.rows(typ, 1000))
	for seed := range uint64(30) {
		r := newRandom(seed)
		r.nullShare = r.Float64()
		typ, o := r.table(), Options{BlockSize: 1 << (14 + r.IntN(10)), PageSize: 1 << (8 + r.IntN(12)), Dictionary: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			o.Version = "V2"
		}
		c.add(t, fmt.Sprintf("random-%d", seed), typ, o, r.rows(typ, 300))
	}
	c.compare(t, reader)
}

func TestPyarrowReadsEveryValue(t *testing.T) { testOtherReader(t, pyarrow) }

func TestHyparquetReadsEveryValue(t *testing.T) { testOtherReader(t, hyparquet) }

// FIREHOSE_TEST_PARQUET_ROWS sets how many rows the largest file has that other readers read.
func testOtherReaderLarge(t *testing.T, reader string) {
	readerCommand(t, reader)
	if testing.Short() {
		t.Skip("a million rows take some seconds, and -short is set")
	}
	rows := 1_000_000
	if text := os.Getenv("FIREHOSE_TEST_PARQUET_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	typ := mustType(t, "struct<id:bigint,word:string,list:array<int>>")
	r := newRandom(7)
	r.listMax = 2
	var vectors []*columns.Vector
	for left := rows; left > 0; left -= 100_000 {
		vectors = append(vectors, r.rows(typ, min(left, 100_000)))
	}
	c := &corpus{dir: t.TempDir()}
	c.add(t, "large", typ, Options{BlockSize: 16 << 20}, vectors...)
	c.compare(t, reader)
}

func TestPyarrowReadsAMillionRows(t *testing.T) { testOtherReaderLarge(t, pyarrow) }

func TestHyparquetReadsAMillionRows(t *testing.T) { testOtherReaderLarge(t, hyparquet) }
