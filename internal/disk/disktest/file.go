package disktest

import (
	"bytes"
	"io"
	"io/fs"
	"syscall"
)

type file struct {
	fs       *FS
	node     *node
	name     string
	writable bool
	closed   bool
}

func (f *file) Name() string { return f.name }

// check returns the error of an operation that cannot be done at all.
func (f *file) check(op string, write bool) error {
	if f.closed {
		return pathError(op, f.name, fs.ErrClosed)
	}
	if write && !f.writable {
		return pathError(op, f.name, syscall.EBADF)
	}
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	if fault := f.fs.fault(Read, f.name); fault != nil {
		return 0, pathError("read", f.name, fault.Err)
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	var err error
	if fault := f.fs.fault(Write, f.name); fault != nil {
		p, err = p[:min(len(p), fault.Short)], pathError("write", f.name, fault.Err)
	}
	grow := off + int64(len(p)) - int64(len(f.node.data))
	if grow > f.fs.free {
		p = p[:max(0, int64(len(p))-(grow-f.fs.free))]
		err = pathError("write", f.name, syscall.ENOSPC)
	}
	if len(p) > 0 {
		f.resize(max(off+int64(len(p)), int64(len(f.node.data))))
		copy(f.node.data[off:], p)
	}
	return len(p), err
}

func (f *file) resize(size int64) {
	old := int64(len(f.node.data))
	f.fs.free -= size - old
	if size <= old {
		f.node.data = f.node.data[:size:size] // what is written later must not show in older slices
		return
	}
	f.node.data = append(f.node.data, make([]byte, size-old)...)
}

func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("truncate", true); err != nil {
		return err
	}
	if fault := f.fs.fault(Truncate, f.name); fault != nil {
		return pathError("truncate", f.name, fault.Err)
	}
	f.resize(size)
	return nil
}

// Sync makes the file's data durable. If a fault makes it fail, the data is treated as a kernel does it: nothing tells
// whether it reached the disk, and a later Sync does not try again.
func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("sync", false); err != nil {
		return err
	}
	if fault := f.fs.fault(Sync, f.name); fault != nil {
		return pathError("sync", f.name, fault.Err)
	}
	f.node.synced = bytes.Clone(f.node.data)
	return nil
}

func (f *file) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("stat", false); err != nil {
		return 0, err
	}
	return int64(len(f.node.data)), nil
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("close", false); err != nil {
		return err
	}
	f.closed = true
	f.fs.open--
	return nil
}
