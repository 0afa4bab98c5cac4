package test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// buildTool builds a program of others unless that was done before, and returns its path. The folder has the module that
// says which version.
func buildTool(folder, program string, flags ...string) (string, error) {
	sums, err := os.ReadFile(filepath.Join(folder, "go.sum"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(sums, strings.Join(flags, " ")...))
	dir := filepath.Join(cache, "firehose-test")
	built := filepath.Join(dir, path.Base(program)+"-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unfinished := fmt.Sprintf("%s.%d", built, os.Getpid())
	build := exec.Command("go", append(append([]string{"build"}, flags...), "-o", unfinished, program)...)
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s in test/%s (the first time this needs the Go module proxy and some minutes): %w\n%s", path.Base(program), folder, err, out)
	}
	return built, os.Rename(unfinished, built)
}
