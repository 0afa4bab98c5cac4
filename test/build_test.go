package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// product builds the product once and returns its path.
var product = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "firehose")
	build := exec.Command("go", "build", "-o", path, "./cmd/firehose")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return path, nil
})

// built is the folder of what the tests build for one run. Set once, by TestMain.
var built string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "firehose-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built = dir
	return m.Run()
}

// number returns a whole number of the environment, or what it is without.
func number(t testing.TB, name string, without int) int {
	text := os.Getenv(name)
	if text == "" {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: want a whole number, got %q", name, text)
	}
	return n
}

// slow leaves a test out of a short run.
func slow(t testing.TB, why string) {
	t.Helper()
	if testing.Short() {
		t.Skipf("left out by -short: %s", why)
	}
}
