package orc

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
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
	samples, files := randomSamples(t, 150)
	compare(t, run(files...), samples)

	// The reader refuses to seek in files with bloom filters, unless it has something to look for.
	files = slices.DeleteFunc(files, func(name string) bool { return samples[name].filtered })
	maps.DeleteFunc(samples, func(_ string, s sample) bool { return s.filtered })
	compare(t, run(append([]string{"--seek"}, files...)...), samples)
}
