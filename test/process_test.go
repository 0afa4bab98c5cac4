package test

import (
	"bytes"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a running program. It never outlives the test.
type process struct {
	name  string
	pid   int
	ended chan struct{} // closed when it has ended
	err   error         // how, once it has
}

// spawn starts a program. Its output goes to out.
func spawn(t testing.TB, name string, cmd *exec.Cmd, out io.Writer) *process {
	t.Helper()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = attributes()
	p := &process{name: name, ended: make(chan struct{})}
	started := make(chan error)
	go func() { // the cleanup waits for it
		runtime.LockOSThread() // the process dies with this thread
		defer close(p.ended)
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(p.kill)
	return p
}

// kill ends the process and all that it started, at once.
func (p *process) kill() {
	syscall.Kill(-p.pid, syscall.SIGKILL) // an error means that it is gone
	<-p.ended
}

// terminate asks the process to end, and returns how it did.
func (p *process) terminate(t testing.TB, within time.Duration) error {
	t.Helper()
	syscall.Kill(p.pid, syscall.SIGTERM)
	select {
	case <-p.ended:
		return p.err
	case <-time.After(within):
		t.Fatalf("%s has not ended %v after SIGTERM", p.name, within)
		return nil
	}
}

// output gathers what a process prints, and shows its lines to whoever wants to see them.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	rest  []byte // an unfinished line
	lines func(line []byte)
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	o.rest = append(o.rest, p...)
	for {
		line, rest, found := bytes.Cut(o.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		if o.lines != nil {
			o.lines(line)
		}
		o.rest = rest
	}
}

// tail returns the end of what was printed.
func (o *output) tail(most int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.text.Bytes()
	if len(b) > most {
		return "…" + string(b[len(b)-most:])
	}
	return string(b)
}
