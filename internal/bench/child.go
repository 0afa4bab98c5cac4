package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// child is another process of the same binary. It says on its standard error, in lines of JSON, when it is ready and where
// it listens.
type child struct {
	name    string
	pid     int
	address string
	ended   chan struct{} // closed when it has ended
	err     error         // how, with its last words; valid then
}

const (
	readyMessage = "Ready."
	startTimeout = 5 * time.Minute // a server reads the index of its log first
	stopTimeout  = 40 * time.Second
)

// startChild starts a subcommand and returns when it is ready.
func startChild(ctx context.Context, program, name string, args, environment []string) (*child, error) {
	cmd := exec.Command(program, args...)
	cmd.Env = environment
	cmd.SysProcAttr = childAttributes()
	said, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	c := &child{name: name, ended: make(chan struct{})}
	started, ready := make(chan error), make(chan string, 1)
	go func() { // stop waits for it
		runtime.LockOSThread() // the process dies with this thread
		defer close(c.ended)
		err := cmd.Start()
		if err == nil {
			c.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			words := listen(said, ready)
			c.err = wordsOf(cmd.Wait(), words)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	select {
	case c.address = <-ready:
		return c, nil
	case <-c.ended:
		return nil, fmt.Errorf("%s ended at once: %w", name, c.err)
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-time.After(startTimeout):
		err = fmt.Errorf("%s is not ready after %v", name, startTimeout)
	}
	c.kill()
	return nil, err
}

// listen reads what the process says to its end: where it listens, and its last complaints.
func listen(said io.Reader, ready chan<- string) (complaints []string) {
	const keep = 5
	lines := bufio.NewScanner(said)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Level, Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil {
			if line.Msg == readyMessage {
				ready <- line.Address
			}
			if line.Level == "INFO" || line.Level == "DEBUG" {
				continue
			}
		}
		complaints = append(complaints, lines.Text())
		if len(complaints) > keep {
			complaints = complaints[1:]
		}
	}
	io.Copy(io.Discard, said) // a line that is too long
	return complaints
}

func wordsOf(err error, complaints []string) error {
	if len(complaints) == 0 {
		return err
	}
	return errors.Join(err, errors.New(strings.Join(complaints, "\n")))
}

// stop asks the process to end, and kills it when it does not.
func (c *child) stop() error {
	syscall.Kill(c.pid, syscall.SIGTERM) // an error means that it is gone
	select {
	case <-c.ended:
		var status *exec.ExitError
		if errors.As(c.err, &status) {
			return fmt.Errorf("%s: %w", c.name, c.err)
		}
		return nil
	case <-time.After(stopTimeout):
		c.kill()
		return fmt.Errorf("%s has not ended %v after SIGTERM", c.name, stopTimeout)
	}
}

func (c *child) kill() {
	syscall.Kill(c.pid, syscall.SIGKILL)
	<-c.ended
}

// announce is what a child of this package says when it is ready.
func announce(w io.Writer, address string) error {
	return json.NewEncoder(w).Encode(map[string]string{"level": "INFO", "msg": readyMessage, "address": address})
}

// cleanEnvironment is this process's environment without what would change a server's settings or credentials.
func cleanEnvironment(additions ...string) []string {
	var clean []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "FIREHOSE_") && !strings.HasPrefix(variable, "AWS_") {
			clean = append(clean, variable)
		}
	}
	return append(clean, additions...)
}
