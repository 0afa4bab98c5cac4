package objectkey

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestPatternsPrintWhatJavaPrints compares with a table that java.time itself has made.
func TestPatternsPrintWhatJavaPrints(t *testing.T) {
	comparePatterns(t, "testdata/datetimeformatter.txt")
}

func comparePatterns(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "# ") {
			continue
		}
		columns := strings.SplitN(lines.Text(), "\t", 4)
		if len(columns) != 4 {
			t.Fatalf("bad row %q", lines.Text())
		}
		rows++
		if got := printPattern(t, columns[0], columns[1], columns[2]); got != columns[3] {
			t.Errorf("%q at %s in %s: got %s, Java %s", columns[0], columns[1], columns[2], got, columns[3])
		}
	}
	if rows < 500 {
		t.Errorf("only %d rows", rows)
	}
}

func printPattern(t *testing.T, pattern, seconds, zoneName string) string {
	t.Helper()
	location, err := ParseZone(zoneName)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	es, ok := parsePattern(pattern, zoneOf(location))
	if !ok {
		return "!"
	}
	return "=" + string(es.segment(nil, &Values{Time: time.Unix(n, 999_999_999).In(location)}))
}
