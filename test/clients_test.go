package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPythonSDKAndCommandLine(t *testing.T) {
	slow(t, "the AWS CLI takes most of a second for each of its calls")
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is not installed")
	}
	drive(t, python, "clients/drive.py")
}

// javaScriptSDK is the version that is driven.
const javaScriptSDK = "@aws-sdk/client-firehose@3.1169.0"

func TestJavaScriptSDK(t *testing.T) {
	slow(t, "npm installs the SDK the first time")
	t.Parallel()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	cache, err := os.UserCacheDir()
	check(t, err)
	dir := filepath.Join(cache, "firehose-test", "node-"+javaScriptSDK[strings.LastIndex(javaScriptSDK, "@")+1:])
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		check(t, os.MkdirAll(dir, 0o755))
		install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", dir, javaScriptSDK)
		if out, err := install.CombinedOutput(); err != nil {
			os.RemoveAll(dir)
			t.Skipf("npm cannot install %s: %v %s", javaScriptSDK, err, out)
		}
	}
	script, err := os.ReadFile("clients/drive.mjs")
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "drive.mjs"), script, 0o644)) // node looks for modules from there
	drive(t, "node", filepath.Join(dir, "drive.mjs"))
}

// drive runs a script against a node, and logs which clients it drove and with how many checks.
func drive(t *testing.T, program, script string) {
	t.Helper()
	n := startNode(t)
	out := &output{}
	cmd := exec.Command(program, script, n.at())
	cmd.Env = append(environment(), "NODE_NO_WARNINGS=1")
	p := spawn(t, script, cmd, out)
	<-p.ended
	said := out.tail(64 << 10)
	if p.err != nil || !strings.Contains(said, " passed, 0 failed") {
		t.Fatalf("%v\n%s", p.err, said)
	}
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "ok ") && strings.TrimSpace(line) != "" {
			t.Log(strings.TrimSpace(line))
		}
	}
}
