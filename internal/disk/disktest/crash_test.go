package disktest

import (
	"bytes"
	"errors"
	"os"
	"syscall"
	"testing"

	"firehose/internal/disk"
)

func create(t *testing.T, f *FS, name string) *file {
	t.Helper()
	opened, err := f.OpenFile(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		t.Fatal(err)
	}
	return opened.(*file)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCrashKeepsOnlyWhatWasSynced(t *testing.T) {
	f := New(1)
	check(t, f.MkdirAll("/d"))
	check(t, f.SyncDir("/"))
	a, b := create(t, f, "/d/a"), create(t, f, "/d/b")
	check(t, f.SyncDir("/d"))
	c := create(t, f, "/d/c")
	for _, file := range []*file{a, b, c} {
		_, err := file.WriteAt([]byte("kept"), 0)
		check(t, err)
		check(t, file.Sync())
	}
	_, err := a.WriteAt([]byte("lost"), 4)
	check(t, err)
	check(t, f.Rename("/d/b", "/d/renamed"))

	f = f.Crash(Lost)
	if got := f.names["/d/a"]; string(got.data) != "kept" {
		t.Errorf("a holds %q", got.data)
	}
	if f.names["/d/b"] == nil || f.names["/d/renamed"] != nil {
		t.Error("an unsynced renaming survived")
	}
	if f.names["/d/c"] != nil {
		t.Error("an unsynced name survived")
	}
}

func TestCrashNeverTouchesWhatWasSynced(t *testing.T) {
	for seed := range uint64(200) {
		f := New(seed)
		a := create(t, f, "/a")
		check(t, f.SyncDir("/"))
		kept := bytes.Repeat([]byte("kept"), 300)
		_, err := a.WriteAt(kept, 0)
		check(t, err)
		check(t, a.Sync())
		_, err = a.WriteAt(bytes.Repeat([]byte("more"), 900), int64(len(kept)))
		check(t, err)
		f = f.Crash(Mixed)
		if got := f.names["/a"].data; !bytes.HasPrefix(got, kept) {
			t.Fatalf("seed %d: synced bytes changed", seed)
		}
	}
}

func TestFoldersMadeDurablySurvive(t *testing.T) {
	f := New(1)
	check(t, disk.MkdirAllSync(f, "/a/b/c"))
	check(t, disk.MkdirAllSync(f, "/a/b/d"))
	f = f.Crash(Lost)
	for _, dir := range []string{"/a/b/c", "/a/b/d"} {
		if _, err := f.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestFaultsHitTheNthOperation(t *testing.T) {
	f := New(1)
	a := create(t, f, "/a")
	f.Inject(Fault{Op: Write, Path: "/a", Skip: 1, Times: 1, Short: 2, Err: syscall.EIO})
	for i, want := range []error{nil, syscall.EIO, nil} {
		n, err := a.WriteAt([]byte("abc"), int64(3*i))
		if !errors.Is(err, want) || (err != nil) != (n == 2) {
			t.Errorf("write %d: %d bytes, %v", i, n, err)
		}
	}
}

func TestFullDiskWritesShortAndRecovers(t *testing.T) {
	f := New(1)
	a := create(t, f, "/a")
	f.SetFree(5)
	if n, err := a.WriteAt([]byte("12345678"), 0); n != 5 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("wrote %d, %v", n, err)
	}
	check(t, a.Truncate(0))
	if n, err := a.WriteAt([]byte("12345"), 0); n != 5 || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
}
