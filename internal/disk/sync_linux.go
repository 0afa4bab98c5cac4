package disk

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// syncData spares the times in the inode, which nobody reads after a crash.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}
