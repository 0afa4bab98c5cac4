package test

import (
	"os/exec"
	"strings"
	"testing"
)

func TestClientsThatAreNotGos(t *testing.T) {
	slow(t, "the AWS CLI takes most of a second for each of its calls")
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Skip("boto3 is not installed")
	}
	n := startNode(t)
	out := &output{}
	cmd := exec.Command(python, "clients/drive.py", n.at())
	cmd.Env = environment()
	p := spawn(t, "drive.py", cmd, out)
	<-p.ended
	said := out.tail(64 << 10)
	if p.err != nil || !strings.Contains(said, " passed, 0 failed") {
		t.Fatalf("%v\n%s", p.err, said)
	}
	for line := range strings.Lines(said) { // which clients, and how much
		if !strings.HasPrefix(line, "ok ") && strings.TrimSpace(line) != "" {
			t.Log(strings.TrimSpace(line))
		}
	}
}
