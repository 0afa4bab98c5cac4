package test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk runs the test again in a mount namespace of its own, and there returns a folder that is a disk of a few
// megabytes. It returns "" in the outer run, which is over then.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	const inside = "FIREHOSE_TEST_INSIDE"
	if os.Getenv(inside) == "" {
		unshare := []string{"-m"}
		if os.Getuid() != 0 {
			unshare = []string{"-r", "-m"}
		}
		if out, err := exec.Command("unshare", append(unshare, "mount", "-t", "tmpfs", "tmpfs", t.TempDir())...).CombinedOutput(); err != nil {
			t.Skipf("cannot mount a small disk here: unshare %s mount: %v %s", strings.Join(unshare, " "), err, out)
		}
		out := &output{}
		cmd := exec.Command("unshare", append(unshare, os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")...)
		cmd.Env = append(os.Environ(), inside+"=1")
		p := spawn(t, "the test in its own mounts", cmd, out)
		if <-p.ended; p.err != nil {
			t.Errorf("%v\n%s", p.err, out.tail(64<<10))
		} else {
			t.Log(out.tail(2 << 10))
		}
		return ""
	}
	dir := t.TempDir()
	mount := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", megabytes), "tmpfs", dir)
	if out, err := mount.CombinedOutput(); err != nil {
		t.Fatalf("mount: %v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() }) // goes with the namespace anyway
	return dir
}

func TestFullDiskRefusesPutsUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	if dir := smallDisk(t, 48); dir != "" {
		fillDisk(t, dir, "--log-min-free", "2MiB")
	}
}

func TestDiskFullToTheLastByteLosesNothing(t *testing.T) {
	t.Parallel()
	if dir := smallDisk(t, 48); dir != "" {
		fillDisk(t, dir, "--log-min-free", "0")
	}
}

// fillDisk fills a disk under load, frees it, and does so again with a restart while it is full.
func fillDisk(t *testing.T, dir string, args ...string) {
	n := newNodeIn(t, filepath.Join(dir, "data"), append(args, "--log-segment-bytes", "1MiB")...)
	n.start()
	n.create("a", prefixed("a/"))
	n.create("b", prefixed("b/"), buffered(1, 0))
	l := startLoad(n, 4, "a", "b")
	for _, restart := range []bool{false, true} {
		l.grow(500)
		ballast := fill(t, dir)
		wait(t, 20*time.Second, "puts to be refused", func() (bool, string) {
			for _, a := range l.account {
				if _, refused, _ := a.counts(); refused == 0 {
					return false, a.String()
				}
			}
			status, body := n.ask(http.MethodGet, "/readyz")
			return status == http.StatusServiceUnavailable, string(body)
		})
		if refusals := n.metric("firehose_log_refusals_total"); refusals == 0 {
			t.Error("firehose_log_refusals_total counts no refusal")
		}
		if restart {
			n.kill()
		}
		check(t, os.Remove(ballast))
		if restart {
			n.start()
		}
		l.grow(500)
		wait(t, 10*time.Second, "readiness", func() (bool, string) {
			status, body := n.ask(http.MethodGet, "/readyz")
			return status == http.StatusOK, string(body)
		})
	}
	for stream, a := range l.account {
		for text := range a.errs {
			if !strings.Contains(text, "ServiceUnavailableException") && text != "no answer" {
				t.Errorf("stream %s: want puts to be refused with ServiceUnavailableException, got %q", stream, text)
			}
		}
	}
	l.finish(folders(n.dir), bucket)
}

// fill writes a file until the disk is full, and returns its path.
func fill(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	check(t, err)
	defer f.Close()
	for piece := make([]byte, 64<<10); ; {
		if _, err = f.Write(piece); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return f.Name()
}
