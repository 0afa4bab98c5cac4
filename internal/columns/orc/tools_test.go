package orc

import (
	"fmt"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// java returns how to run testdata/Read.java with Apache's reader, or skips the test.
func java(t *testing.T) func(arguments ...string) []byte {
	t.Helper()
	jar := os.Getenv("FIREHOSE_TEST_ORC_TOOLS")
	if jar == "" {
		t.Skip("FIREHOSE_TEST_ORC_TOOLS does not name the uber jar of Apache's orc-tools: mvn dependency:get -Dartifact=org.apache.orc:orc-tools:1.9.4:jar:uber, and have Java 17")
	}
	classes := t.TempDir()
	if out, err := exec.Command("javac", "-cp", jar, "-d", classes, "testdata/Read.java").CombinedOutput(); err != nil {
		t.Fatalf("javac: %v: %s", err, out)
	}
	return func(arguments ...string) []byte {
		t.Helper()
		all := append([]string{"-Dslf4j.internal.verbosity=ERROR", "-cp", jar + string(os.PathListSeparator) + classes, "Read"}, arguments...)
		out, err := exec.Command("java", all...).Output()
		if err != nil {
			t.Fatalf("java: %v: %s", err, stderr(err))
		}
		return out
	}
}

func TestApacheReadsRandomTables(t *testing.T) {
	run := java(t)
	l := newSamples(t)
	compare(t, run(l.names...), l.byName)

	// The reader refuses to seek in files with bloom filters, unless it has something to look for.
	l.names = slices.DeleteFunc(l.names, func(name string) bool { return l.byName[name].filtered })
	maps.DeleteFunc(l.byName, func(_ string, s sample) bool { return s.filtered })
	compare(t, run(append([]string{"--seek"}, l.names...)...), l.byName)
}

// wanted is a table of columns to look for things in. The first has its values in order; the others have them scattered, so
// that only bloom filters tell where they are.
const wanted = "struct<id:bigint,l:bigint,i:int,t:tinyint,s:string,c:char(6),d:double,f:float,n:decimal(20,4),day:date,at:timestamp,x:string>"

const wantedStride = 1000

func wantedRows(n int) (rows [][]any) {
	for i := range int64(n) {
		k := i * 7919 % int64(n) // each number once, if n is no multiple of it
		s := fmt.Sprintf("k%d", k)
		var t any = int64(i / wantedStride)
		if i < wantedStride {
			t = nil
		}
		rows = append(rows, []any{i, k * 1_000_003, k - 5000, t, s, s, float64(k) + 0.1, float64(float32(k) / 3), big.NewInt(k*12340 - 1e8),
			k - 9000, instant{k*100_000 - 2e8, k * 1000}, strings.Repeat("x", 2000) + s})
	}
	return rows
}

func TestApacheSkipsTheRowGroupsThatHaveNothing(t *testing.T) {
	run := java(t)
	typ := parsed(t, wanted)
	const n = 8000
	rows := wantedRows(n)
	var names []string
	for _, o := range []Options{{}, {Compression: "ZLIB", Version: "V0_11"}, {Compression: "NONE", DictionaryKeyThreshold: 1, StripeSize: 200_000}} {
		o.RowIndexStride = wantedStride
		o.BloomFilterFPP = 1e-6
		o.BloomFilterColumns = []string{"l", "I", "s", "c", "d", "f", "n", "day", "at"}
		name := filepath.Join(t.TempDir(), "wanted.orc")
		if err := os.WriteFile(name, file(t, typ, o, rows), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	type search struct {
		text     string
		from, to int
	}
	var searches []search
	var arguments []string
	f := func(column, op, kind, value string, from, to int) {
		searches = append(searches, search{column + " " + op + " " + value, from, to})
		arguments = append(arguments, "--search", column, op, kind, value)
	}
	row := rows[5432] // in the row group 5000 to 6000
	f("id", "=", "LONG", "5432", 5000, 6000)
	f("id", "<", "LONG", "1500", 0, 2000)
	f("id", "=", "LONG", "8000", 0, 0)
	f("t", "null", "LONG", "0", 0, 1000)
	f("l", "=", "LONG", fmt.Sprint(row[1]), 5000, 6000)
	f("l", "=", "LONG", fmt.Sprint(row[1].(int64)+1), 0, 0)
	f("i", "=", "LONG", fmt.Sprint(row[2]), 5000, 6000)
	f("s", "=", "STRING", row[4].(string), 5000, 6000)
	f("s", "=", "STRING", row[4].(string)+"_", 0, 0)
	f("c", "=", "STRING", fmt.Sprintf("%-6s", row[5]), 5000, 6000)
	f("d", "=", "FLOAT", fmt.Sprint(row[6]), 5000, 6000)
	f("f", "=", "FLOAT", fmt.Sprintf("%.17g", row[7]), 5000, 6000)
	f("n", "=", "DECIMAL", new(big.Rat).SetFrac(row[8].(*big.Int), big.NewInt(10000)).FloatString(4), 5000, 6000)
	f("day", "=", "DATE", time.Unix(row[9].(int64)*86400, 0).UTC().Format(time.DateOnly), 5000, 6000)
	at := row[10].(instant)
	f("at", "=", "TIMESTAMP", time.Unix(at.seconds, at.nanos).UTC().Format("2006-01-02 15:04:05.000000000"), 5000, 6000)
	f("x", "=", "STRING", "y", 0, 0)
	f("x", "<", "STRING", "x", 0, 0)

	lines := strings.Split(strings.TrimSuffix(string(run(append(arguments, names...)...)), "\n"), "\n")
	if len(lines) != len(searches)*len(names) {
		t.Fatalf("%d lines are printed for %d searches in %d files", len(lines), len(searches), len(names))
	}
	for i, got := range lines {
		s, file := searches[i/len(names)], i%len(names)
		want := fmt.Sprintf("%d-%d", s.from, s.to)
		if s.to == 0 {
			want = ""
		}
		// The last file has many stripes, whose row groups are others.
		if file < 2 && got != want || file == 2 && (got == "") != (want == "") {
			t.Errorf("%s in file %d: rows %s are read, want %s", s.text, file, got, want)
		}
	}
}
