package disk_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"firehose/internal/disk"
	"firehose/internal/disk/disktest"
)

// TestFileSystemsBehaveAlike keeps the memory file system honest: what it says is what the machine's says.
func TestFileSystemsBehaveAlike(t *testing.T) {
	t.Run("os", func(t *testing.T) { testFS(t, disk.OS, t.TempDir()) })
	t.Run("memory", func(t *testing.T) { testFS(t, disktest.New(1), "/data") })
}

func testFS(t *testing.T, fsys disk.FS, root string) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, "a", "b")
	must(fsys.MkdirAll(dir))
	must(fsys.MkdirAll(dir))
	name := filepath.Join(dir, "file")

	if _, err := fsys.OpenFile(name, os.O_RDONLY); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("open a missing file: %v", err)
	}
	if _, err := fsys.OpenFile(filepath.Join(root, "none", "file"), os.O_RDWR|os.O_CREATE); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("create in a missing folder: %v", err)
	}
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	must(err)
	if _, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("create an existing file: %v", err)
	}
	if f.Name() != name {
		t.Fatalf("name %q", f.Name())
	}

	_, err = f.WriteAt([]byte("hello"), 3)
	must(err)
	must(f.Truncate(6))
	must(f.Truncate(7))
	must(f.Sync())
	got := make([]byte, 10)
	n, err := f.ReadAt(got, 0)
	if string(got[:n]) != "\x00\x00\x00hel\x00" || err != io.EOF {
		t.Fatalf("read %q, %v", got[:n], err)
	}
	if size, err := f.Size(); size != 7 || err != nil {
		t.Fatalf("size %d, %v", size, err)
	}

	other := filepath.Join(root, "a", "other")
	must(fsys.Rename(name, other))
	must(fsys.SyncDir(dir))
	must(fsys.SyncDir(filepath.Join(root, "a")))
	if _, err := fsys.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("stat a renamed file: %v", err)
	}
	info, err := fsys.Stat(other)
	must(err)
	if info.Size() != 7 || info.IsDir() || info.Name() != "other" {
		t.Fatalf("stat: %v %v %v", info.Size(), info.IsDir(), info.Name())
	}

	entries, err := fsys.ReadDir(filepath.Join(root, "a"))
	must(err)
	if len(entries) != 2 || entries[0].Name() != "b" || !entries[0].IsDir() || entries[1].Name() != "other" {
		t.Fatalf("read folder: %v", entries)
	}
	if err := fsys.Remove(filepath.Join(root, "a")); err == nil {
		t.Fatal("removed a folder that is not empty")
	}
	must(fsys.Remove(other))
	if n, err := f.ReadAt(got[:1], 3); n != 1 || err != nil {
		t.Fatalf("read a removed file that is open: %v", err)
	}
	must(f.Close())
	if _, err := f.ReadAt(got[:1], 0); !errors.Is(err, fs.ErrClosed) {
		t.Fatalf("read a closed file: %v", err)
	}
	if free, err := fsys.Free(root); free <= 0 || err != nil {
		t.Fatalf("free %d, %v", free, err)
	}
	must(fsys.RemoveAll(filepath.Join(root, "a")))
	must(fsys.RemoveAll(filepath.Join(root, "a")))
	if _, err := fsys.ReadDir(filepath.Join(root, "a")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("read a removed folder: %v", err)
	}
}
