package lambda

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// functionModule is where the function that the emulator runs is built.
const functionModule = "../../../test/tools/lambda"

// emulatorPath returns the official runtime interface emulator: what FIREHOSE_TEST_LAMBDA_RIE names, or that of the
// package aws-sam-cli in the Python of FIREHOSE_TEST_PYTHON, else of python3.
func emulatorPath() (string, error) {
	if path := os.Getenv("FIREHOSE_TEST_LAMBDA_RIE"); path != "" {
		return path, nil
	}
	machine := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if runtime.GOOS != "linux" || machine == "" {
		return "", errors.New("it runs on Linux only")
	}
	python := os.Getenv("FIREHOSE_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	find := "import importlib.util as u; s = u.find_spec('samcli'); print(s.submodule_search_locations[0] if s else '')"
	out, err := exec.Command(python, "-c", find).Output()
	if err != nil {
		return "", err
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		return "", errors.New("run pip install --no-deps aws-sam-cli==1.170.0, which brings it, or name it in FIREHOSE_TEST_LAMBDA_RIE")
	}
	return filepath.Join(dir, "local", "rapid", "aws-lambda-rie-"+machine), nil
}

// emulator is a runtime interface that runs the function.
type emulator struct {
	path, function, address, api string
	output                       *os.File
	process                      *exec.Cmd
}

// newEmulator finds the emulator, builds the function and starts both.
func newEmulator(t *testing.T) *emulator {
	t.Helper()
	if testing.Short() {
		t.Skip("short: it builds a function and runs it in the emulator for some seconds")
	}
	path, err := emulatorPath()
	if err != nil {
		t.Skipf("there is no Lambda runtime interface emulator: %v", err)
	}
	dir := t.TempDir()
	e := &emulator{path: path, function: filepath.Join(dir, "bootstrap"), address: freeAddress(t), api: freeAddress(t)}
	build := exec.Command("go", "build", "-o", e.function, ".")
	build.Dir = functionModule
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("the function cannot be built in test/tools/lambda, which needs the Go module proxy the first time: %v\n%s", err, out)
	}
	if e.output, err = os.Create(filepath.Join(dir, "output")); err != nil {
		t.Fatal(err)
	}
	e.start(t)
	t.Cleanup(func() {
		e.kill()
		e.output.Close()
		if text, _ := os.ReadFile(e.output.Name()); t.Failed() {
			t.Logf("the emulator's output ends with\n%s", text[max(0, len(text)-4<<10):])
		}
	})
	return e
}

// start starts the process. Until it listens, calls fail and are repeated.
func (e *emulator) start(t *testing.T) {
	t.Helper()
	e.process = exec.Command(e.path, "--runtime-interface-emulator-address", e.address, "--runtime-api-address", e.api, e.function)
	e.process.Env = append(os.Environ(), "AWS_LAMBDA_FUNCTION_TIMEOUT=3")
	e.process.Stdout, e.process.Stderr = e.output, e.output
	if err := e.process.Start(); err != nil {
		t.Fatal(err)
	}
}

func (e *emulator) kill() {
	e.process.Process.Kill()
	e.process.Wait()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestAFunctionInTheOfficialEmulator(t *testing.T) {
	e := newEmulator(t)
	functions := open(t, Options{Functions: map[string]string{"transform": "http://" + e.address}, PauseMin: 100 * time.Millisecond, PauseMax: 100 * time.Millisecond})
	patient := functions.Function(testARN, 200, testStream) // waits for the emulator to listen
	once := functions.Function(testARN, 1, testStream)

	transformed(t, call(t, patient, recordsOf("starts"))[0], "STARTS")

	t.Run("transforms, drops, fails and gives keys", func(t *testing.T) {
		results := call(t, once, recordsOf("a", "drop", "fail", "keyed", ""))
		transformed(t, results[0], "A")
		if !results[1].Dropped || results[1].Failure != nil {
			t.Errorf("the record that is to be dropped is %+v", results[1])
		}
		failed(t, results[2], "Lambda.ProcessingFailedStatus", 1)
		transformed(t, results[3], "KEYED")
		if results[3].Keys["customer"] != "a/b" {
			t.Errorf("the keys are %v", results[3].Keys)
		}
		transformed(t, results[4], "")
	})
	t.Run("errors of all kinds", func(t *testing.T) {
		for how, code := range map[string]string{
			"error": "Lambda.FunctionError",
			"panic": "Lambda.FunctionError",
			"exit":  "Lambda.FunctionError",
			"sleep": "Lambda.FunctionTimedOut",
		} {
			for _, r := range call(t, once, recordsOf(how, "b")) {
				failed(t, r, code, 2)
			}
			transformed(t, call(t, once, recordsOf("after "+how))[0], "AFTER "+strings.ToUpper(how))
		}
	})
	t.Run("a call of the largest size", func(t *testing.T) {
		records := recordsOf(strings.Repeat("x", 1<<20), strings.Repeat("y", 1<<20), strings.Repeat("z", 1<<20))
		for i, r := range call(t, patient, records) { // a busy machine may need longer than the function has
			transformed(t, r, strings.ToUpper(string(records[i].Data)))
		}
	})
	t.Run("calls at once", func(t *testing.T) {
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() {
				results, err := once.Call(t.Context(), recordsOf("a"))
				if err != nil || results[0].Failure != nil {
					t.Errorf("%+v, %v", results, err)
				}
			})
		}
		calls.Wait()
	})
	t.Run("is killed in a call and comes back", func(t *testing.T) {
		asleep := filepath.Join(t.TempDir(), "asleep")
		done := make(chan []Result, 1)
		go func() {
			results, _ := patient.Call(t.Context(), recordsOf("sleep once "+asleep))
			done <- results
		}()
		waitFor(t, asleep)
		e.kill()
		e.api = freeAddress(t) // the function may still hold on to the old one
		e.start(t)
		results := <-done
		transformed(t, results[0], "SLEEP ONCE "+string(bytes.ToUpper([]byte(asleep))))
	})
}

// waitFor waits until a file is there.
func waitFor(t *testing.T, path string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s is not there", path)
		}
	}
}
