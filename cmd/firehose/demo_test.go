package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDemoDeliversEveryRecordOnce(t *testing.T) {
	var out bytes.Buffer
	d := demo{records: 3000, dir: t.TempDir(), out: &out}
	if err := d.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"3,000 sent, 3,000 delivered, 0 missing, 0 twice", ".json.gz", `{"id":"evt_`, d.dir} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output does not say %q:\n%s", want, &out)
		}
	}

	var objects []string
	filepath.WalkDir(filepath.Join(d.dir, "buckets"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			objects = append(objects, path)
		}
		return err
	})
	if len(objects) < 2 {
		t.Fatalf("%d objects, want at least 2", len(objects))
	}
	tells := func(name, want string, change func() error) {
		t.Helper()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := d.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", name, err, want)
		}
	}
	tells("an object twice", ", 0 are missing, ", func() error {
		body, err := os.ReadFile(objects[0])
		if err != nil {
			return err
		}
		return os.WriteFile(objects[0]+".again", body, 0o600)
	})
	tells("an object lost", " 0 came once more than they should", func() error {
		os.Remove(objects[0] + ".again")
		return os.Remove(objects[0])
	})
}

func TestDemoRefusesAFolderInUse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := demo{records: 1, dir: dir, out: new(bytes.Buffer)}
	if err := d.run(t.Context()); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestDemoInterruptedLeavesNothing(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	ctx, interrupt := context.WithCancel(t.Context())
	d := demo{records: 10, interval: 900, out: &interrupting{at: "waiting", interrupt: interrupt}}
	if err := d.run(ctx); err == nil || err.Error() != "interrupted" {
		t.Errorf("got %v, want interrupted", err)
	}
	if left, _ := os.ReadDir(temporary); len(left) > 0 {
		t.Errorf("%s is left", left[0].Name())
	}
}

// interrupting is an output that interrupts the demonstration when a text comes.
type interrupting struct {
	at        string
	interrupt func()
}

func (w *interrupting) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.at) {
		w.interrupt()
	}
	return len(p), nil
}
