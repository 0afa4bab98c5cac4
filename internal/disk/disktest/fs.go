// Package disktest is a file system in memory that can be full, break by rule, and crash.
//
// It keeps two states: what a running process sees, and what is durable. Sync copies a file from the first to the
// second, SyncDir the names of a folder. Crash returns what a machine that lost its power might find: everything
// durable, and of the rest whatever chance left, as a real disk would. Chance comes from a seed, so that a failure
// repeats.
//
// Faults are rules: the nth operation of a kind on the files that match fails, once or from then on.
package disktest

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"firehose/internal/disk"
)

// FS is a file system in memory. It implements disk.FS.
type FS struct {
	mu      sync.Mutex
	names   map[string]*node // what the process sees
	durable map[string]*node // what a crash leaves: entries of folders that were synced
	faults  []*Fault
	free    int64
	open    int
	rand    *rand.Rand
}

// node is a file or a folder, whatever names it has.
type node struct {
	dir    bool
	data   []byte
	synced []byte // data at the last Sync
}

// New returns an empty file system with a large amount of room.
func New(seed uint64) *FS {
	return &FS{
		names:   map[string]*node{},
		durable: map[string]*node{},
		free:    1 << 50,
		rand:    rand.New(rand.NewPCG(seed, 1)),
	}
}

// SetFree says how many more bytes may be written before the disk is full. Deleting and cutting files gives room.
func (f *FS) SetFree(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = bytes
}

// OpenFiles returns the number of files that are open.
func (f *FS) OpenFiles() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// lookup returns what stands under a name. The root and the folder "." always do.
func (f *FS) lookup(name string) *node {
	if name == "/" || name == "." {
		return &node{dir: true}
	}
	return f.names[name]
}

func pathError(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// OpenFile implements disk.FS.
func (f *FS) OpenFile(name string, flag int) (disk.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := filepath.Clean(name)
	n := f.lookup(path)
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, pathError("open", name, syscall.ENOENT)
	case n != nil && flag&os.O_EXCL != 0:
		return nil, pathError("open", name, syscall.EEXIST)
	case n != nil && n.dir:
		return nil, pathError("open", name, syscall.EISDIR)
	}
	if fault := f.fault(Open, name); fault != nil {
		return nil, pathError("open", name, fault.Err)
	}
	if n == nil {
		if parent := f.lookup(filepath.Dir(path)); parent == nil || !parent.dir {
			return nil, pathError("open", name, syscall.ENOENT)
		}
		if fault := f.fault(Create, name); fault != nil {
			return nil, pathError("create", name, fault.Err)
		}
		n = &node{}
		f.names[path] = n
	}
	if flag&os.O_TRUNC != 0 {
		f.free += int64(len(n.data))
		n.data = nil
	}
	f.open++
	return &file{fs: f, node: n, name: name, writable: flag&(os.O_RDWR|os.O_WRONLY) != 0}, nil
}

// Stat implements disk.FS.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.lookup(filepath.Clean(name))
	if n == nil {
		return nil, pathError("stat", name, syscall.ENOENT)
	}
	return info{name: filepath.Base(name), size: int64(len(n.data)), dir: n.dir}, nil
}

// ReadDir implements disk.FS.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := filepath.Clean(name)
	if n := f.lookup(path); n == nil || !n.dir {
		return nil, pathError("open", name, syscall.ENOENT)
	}
	if fault := f.fault(Open, name); fault != nil {
		return nil, pathError("open", name, fault.Err)
	}
	var list []fs.DirEntry
	for p, n := range f.names {
		if filepath.Dir(p) == path {
			list = append(list, fs.FileInfoToDirEntry(info{filepath.Base(p), int64(len(n.data)), n.dir}))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// MkdirAll implements disk.FS.
func (f *FS) MkdirAll(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var missing []string
	for path := filepath.Clean(name); ; path = filepath.Dir(path) {
		n := f.lookup(path)
		if n != nil && !n.dir {
			return pathError("mkdir", name, syscall.ENOTDIR)
		}
		if n != nil {
			break
		}
		missing = append(missing, path)
	}
	for _, path := range slices.Backward(missing) {
		if fault := f.fault(Create, path); fault != nil {
			return pathError("mkdir", name, fault.Err)
		}
		f.names[path] = &node{dir: true}
	}
	return nil
}

// Rename implements disk.FS.
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, b := filepath.Clean(from), filepath.Clean(to)
	n := f.names[a]
	if parent := f.lookup(filepath.Dir(b)); n == nil || parent == nil {
		return pathError("rename", from, syscall.ENOENT)
	}
	if fault := f.fault(Rename, from); fault != nil {
		return pathError("rename", from, fault.Err)
	}
	if old := f.names[b]; old != nil && old != n {
		f.free += int64(len(old.data))
	}
	for _, p := range under(f.names, a) {
		f.names[b+p[len(a):]] = f.names[p]
		delete(f.names, p)
	}
	return nil
}

// Remove implements disk.FS.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := filepath.Clean(name)
	if f.names[path] == nil {
		return pathError("remove", name, syscall.ENOENT)
	}
	if len(under(f.names, path)) > 1 {
		return pathError("remove", name, syscall.ENOTEMPTY)
	}
	return f.removeLocked(path)
}

// RemoveAll implements disk.FS.
func (f *FS) RemoveAll(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range under(f.names, filepath.Clean(name)) {
		if err := f.removeLocked(p); err != nil {
			return err
		}
	}
	return nil
}

func (f *FS) removeLocked(path string) error {
	if fault := f.fault(Remove, path); fault != nil {
		return pathError("remove", path, fault.Err)
	}
	f.free += int64(len(f.names[path].data))
	delete(f.names, path)
	return nil
}

// SyncDir implements disk.FS.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := filepath.Clean(name)
	if n := f.lookup(path); n == nil || !n.dir {
		return pathError("open", name, syscall.ENOENT)
	}
	if fault := f.fault(SyncDir, name); fault != nil {
		return pathError("sync", name, fault.Err)
	}
	syncNames(f.durable, f.names, path)
	return nil
}

// syncNames makes the entries of one folder in durable those that it has in names.
func syncNames(durable, names map[string]*node, dir string) {
	for p := range durable {
		if filepath.Dir(p) == dir && names[p] == nil {
			for _, q := range under(durable, p) {
				delete(durable, q)
			}
		}
	}
	for p, n := range names {
		if filepath.Dir(p) == dir {
			durable[p] = n
		}
	}
}

// Free implements disk.FS.
func (f *FS) Free(string) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.free, nil
}

// under returns a path and all paths below it, sorted so that what is deeper comes first.
func under(names map[string]*node, path string) []string {
	var list []string
	for p := range names {
		if p == path || strings.HasPrefix(p, path+"/") {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	slices.Reverse(list)
	return list
}

type info struct {
	name string
	size int64
	dir  bool
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) IsDir() bool        { return i.dir }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) Sys() any           { return nil }

func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o750
	}
	return 0o600
}
