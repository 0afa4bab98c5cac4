// Package disk is the file system as a durable log needs it: files that are read and written at offsets, and the calls
// that make a file, and its name, survive a crash.
//
// It is an interface so that tests can put in its place a disk that is full, that breaks, or that loses at a crash what
// was never synced (disktest). The rules it passes on are the kernel's, and a caller must know them: a written file is
// durable after Sync, its name after SyncDir of its folder, and a Sync that failed once proves nothing when it later
// succeeds. The package never retries and never hides an error.
package disk

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
)

// FS is a file system. All methods may be called by several goroutines at once.
type FS interface {
	// OpenFile opens a file with the flags of package os (O_RDONLY, O_RDWR, O_CREATE, O_EXCL, O_TRUNC).
	OpenFile(name string, flag int) (File, error)

	// Stat describes a file or folder.
	Stat(name string) (fs.FileInfo, error)

	// ReadDir lists a folder in the order of names.
	ReadDir(name string) ([]fs.DirEntry, error)

	// MkdirAll makes a folder and those above it that are missing.
	MkdirAll(name string) error

	// Rename gives a file or folder another name and replaces a file that has it.
	Rename(from, to string) error

	// Remove deletes a file or an empty folder.
	Remove(name string) error

	// RemoveAll deletes a file or folder with everything in it. It is no error if there is none.
	RemoveAll(name string) error

	// SyncDir makes durable which names stand in a folder.
	SyncDir(name string) error

	// Free returns the bytes that may still be written on the volume that holds name.
	Free(name string) (int64, error)
}

// File is an open file. Reads and writes at different offsets may run at the same time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer

	// Name returns the name the file was opened with.
	Name() string

	// Size returns the file's length in bytes.
	Size() (int64, error)

	// Sync makes durable what was written, and as much of the file's own data (its length) as reading it takes.
	Sync() error

	// Truncate cuts the file, or extends it with zeros.
	Truncate(size int64) error
}

// MkdirAllSync makes a folder and those above it that are missing, and makes their names durable.
func MkdirAllSync(fsys FS, name string) error {
	above := []string{filepath.Dir(name)} // folders that get a new entry
	for dir := above[0]; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := fsys.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		above = append(above, filepath.Dir(dir))
	}
	if err := fsys.MkdirAll(name); err != nil {
		return err
	}
	for _, dir := range above {
		if err := fsys.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}
