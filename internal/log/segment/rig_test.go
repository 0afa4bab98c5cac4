package segment

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"firehose/internal/disk"
	"firehose/internal/disk/disktest"
)

const testLog = "0123456789abcdef0123456789abcdef/0"

// rig is an engine over a file system in memory, with one log and a clock that stands still unless moved.
type rig struct {
	t       *testing.T
	fs      *disktest.FS
	opts    Options
	now     time.Time
	e       *Engine
	l       *Log
	damaged []Damage
	cuts    []Cut
	refused []string
	trimmed int64
	text    bytes.Buffer // what was logged
}

func newRig(t *testing.T, opts Options) *rig {
	r := &rig{t: t, fs: disktest.New(1), opts: opts, now: time.Unix(1_800_000_000, 0)}
	r.opts.Dir = "/data/log"
	if r.opts.FreeMin == 0 {
		r.opts.FreeMin = -1
	}
	r.opts.Now = func() time.Time { return r.now }
	r.opts.Logger = slog.New(slog.NewTextHandler(&r.text, nil))
	r.opts.Observer = Observer{
		Damaged: func(d Damage) { r.damaged = append(r.damaged, d) },
		Cut:     func(c Cut) { r.cuts = append(r.cuts, c) },
		Refused: func(reason string) { r.refused = append(r.refused, reason) },
		Trimmed: func(n int64) { r.trimmed += n },
	}
	r.open()
	t.Cleanup(func() { r.e.Close() })
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) open() {
	r.t.Helper()
	r.opts.FS = r.fs
	e, err := Open(r.opts)
	r.must(err)
	l, err := e.Open(r.t.Context(), testLog)
	r.must(err)
	r.e, r.l = e, l.(*Log)
}

func (r *rig) reopen() {
	r.t.Helper()
	r.must(r.e.Close())
	r.open()
}

// crash loses the machine's power and starts again.
func (r *rig) crash(tail disktest.Tail) {
	r.t.Helper()
	after := r.fs.Crash(tail)
	r.e.Close()
	r.fs = after
	r.open()
}

func (r *rig) append(bodies ...string) uint64 {
	r.t.Helper()
	n, _, err := r.tryAppend(bodies...)
	r.must(err)
	return n
}

func (r *rig) tryAppend(bodies ...string) (uint64, time.Time, error) {
	var list [][]byte
	for _, b := range bodies {
		list = append(list, []byte(b))
	}
	return r.l.Append(r.t.Context(), list...)
}

// read returns all that can be read as "number=body" words.
func (r *rig) read() string {
	r.t.Helper()
	return r.readFrom(1)
}

func (r *rig) readFrom(n uint64) string {
	r.t.Helper()
	reader := r.l.Read(n)
	defer reader.Close()
	s := ""
	for {
		e, err := reader.Next()
		if err == io.EOF {
			return s
		}
		r.must(err)
		s += fmt.Sprintf("%d=%s ", e.Number, e.Body)
	}
}

func (r *rig) wantRead(want string) {
	r.t.Helper()
	if got := r.read(); got != want {
		r.t.Fatalf("read  %s\nwant  %s\n%s", got, want, r.text.String())
	}
}

func (r *rig) file(base uint64) string { return filepath.Join(r.opts.Dir, testLog, fileName(base)) }

// edit changes a segment's bytes.
func (r *rig) edit(base uint64, change func([]byte) []byte) {
	r.t.Helper()
	b := change(readFile(r.t, r.fs, r.file(base)))
	f, err := r.fs.OpenFile(r.file(base), os.O_RDWR|os.O_TRUNC)
	r.must(err)
	defer f.Close()
	_, err = f.WriteAt(b, 0)
	r.must(err)
	r.must(f.Sync())
}

func readFile(t *testing.T, fsys disk.FS, name string) []byte {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b
}

// segments returns the names of the log's files.
func (r *rig) segments() (names []string) {
	r.t.Helper()
	entries, err := r.fs.ReadDir(filepath.Join(r.opts.Dir, testLog))
	r.must(err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// quarantined returns the contents of the copies in quarantine, joined.
func (r *rig) quarantined() string {
	r.t.Helper()
	dir := filepath.Join(r.opts.Dir, quarantineDir, testLog)
	entries, err := r.fs.ReadDir(dir)
	if err != nil {
		return ""
	}
	s := ""
	for _, e := range entries {
		s += string(readFile(r.t, r.fs, filepath.Join(dir, e.Name())))
	}
	return s
}
