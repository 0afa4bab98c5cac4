package catalog

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"firehose/internal/columns"
	"firehose/internal/convert"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestProposedTableIsReadBack(t *testing.T) {
	records, err := os.Open("testdata/records.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	proposed, err := Infer(records)
	if err != nil {
		t.Fatal(err)
	}
	text := proposed.JSON("shop", "orders")
	const golden = "testdata/records.table.json"
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(text, want) {
		t.Errorf("%v, proposed\n%s\nwant\n%s", err, text, want)
	}
	if len(proposed.Notes) != 2 || !strings.Contains(proposed.Notes[0], `"a.b"`) || !strings.Contains(proposed.Notes[1], "left out") {
		t.Errorf("notes %q", proposed.Notes)
	}

	c := newFolder(t)
	c.write("shop/orders.json", string(text))
	found, err := c.Table(t.Context(), orders)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Fields) != len(proposed.columns) || found.Fields[0].Name != "id" || found.Fields[0].Type.Kind != columns.BigInt {
		t.Errorf("read back as %v", found)
	}
}

func TestWrongRecordsAreToldWithTheirLine(t *testing.T) {
	f := func(records, want string) {
		t.Helper()
		if _, err := Infer(strings.NewReader(records)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", records, err, want)
		}
	}
	f("", "nothing to make columns of")
	f("{}\n\n{}\n", "nothing to make columns of")
	f("{\"a\":1}\n[1]\n", "line 2: want an object, got an array")
	f("{\"a\":1}\n{\"a\":1}7", "line 2: want an object, got a number")
	f("\"a\"", "line 1: want an object, got a string")
	f("{\"a\":1}\n\n{\"a\":tru}\n", "line 3: invalid character")
	f("{\"a\":1}\n{\"a\":1", "line 2: unexpected EOF")
	f("{\"a\":[1,}}", "line 1: ")
	f("{\"a\":1}\n{\"a\":\""+strings.Repeat("x", lineMax)+"\"}", "line 2: longer than 16 MiB")
	var many strings.Builder
	for i := range nameMax + 1 {
		fmt.Fprintf(&many, "{\"by\":{\"%d\":1}}\n", i)
	}
	f(many.String(), "line 10000: ")
}

func TestReadErrorsOfRecordsAreTold(t *testing.T) {
	broken := errors.New("the disk is gone")
	if _, err := Infer(failing{broken}); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestInferNeedsNoMemoryForMoreLines(t *testing.T) {
	used := func(lines int) int {
		r := &endless{left: lines}
		if _, err := Infer(r); err != nil {
			t.Fatal(err)
		}
		return r.live
	}
	if few, many := used(100), used(20_000); many > few+256<<10 {
		t.Errorf("%d bytes in use after 100 lines, %d after 20000", few, many)
	}
}

// endless is lines that take no memory. At their end it notes what is in use.
type endless struct{ left, live int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		var memory runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memory)
		e.live = int(memory.HeapAlloc)
		return 0, io.EOF
	}
	e.left--
	return copy(p, fmt.Sprintf(`{"id":%d,"name":"somebody %d","at":"2026-01-01T00:00:00Z","tags":["a","b"]}`+"\n", e.left, e.left)), nil
}

func FuzzInfer(f *testing.F) {
	records, err := os.ReadFile("testdata/records.ndjson")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(records)
	f.Add([]byte(`{"a":[[[{"b":{}}]]]}`))
	f.Add([]byte("{\"a:\\u0000\":1}\n{\"\xff\":1}"))
	dir := f.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "shop"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, records []byte) {
		proposed, err := Infer(bytes.NewReader(records))
		if err != nil || len(proposed.columns) == 0 {
			return
		}
		if err := os.WriteFile(filepath.Join(dir, "shop", "orders.json"), proposed.JSON("shop", "orders"), 0o644); err != nil {
			t.Fatal(err)
		}
		found, err := folder{dir}.table(t.Context(), convert.Ref{Database: "shop", Table: "orders"})
		if err != nil {
			t.Fatalf("%q: %v", records, err)
		}
		names := slices.IndexFunc(found.Fields, func(f columns.Field) bool { return f.Name == "" })
		if len(found.Fields) != len(proposed.columns) || names >= 0 {
			t.Errorf("%q: read back as %v", records, found)
		}
	})
}
