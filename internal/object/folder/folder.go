// Package folder keeps buckets as folders: the object store of the embedded default.
//
// An object is written to a temporary name in another folder, synced, renamed to its place, and the folder is synced.
// So an object is there whole or not at all, and whoever lists a bucket sees objects only. The same key always takes the
// same temporary name, and what a crash left there is deleted at the next start.
//
// A key can never lead out of its bucket: all paths are resolved below one os.Root.
package folder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"firehose/internal/object"
	"firehose/internal/verdict"
)

const (
	bucketsFolder = "buckets"
	uploadsFolder = "uploads"
)

// Store is an object store below one folder: DIR/buckets/BUCKET/KEY.
type Store struct{ root *os.Root }

var _ object.Store = (*Store)(nil)

// Open opens the store below dir, which must exist.
func Open(dir string) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open object folder: %w", err)
	}
	s := &Store{root: root}
	if err := root.RemoveAll(uploadsFolder); err != nil {
		return nil, fmt.Errorf("delete unfinished objects: %w", err)
	}
	for _, name := range []string{bucketsFolder, uploadsFolder} {
		if err := s.mkdirAll(name); err != nil {
			return nil, fmt.Errorf("make object folder: %w", err)
		}
	}
	return s, nil
}

// Close frees the folder.
func (s *Store) Close() error { return s.root.Close() }

// Put writes the object. A name that the file system cannot hold is a set-up error; any other error is the disk's.
func (s *Store) Put(ctx context.Context, o object.Object) error {
	target := Path(o.Bucket, o.Key)
	err := s.put(ctx, o, target)
	for _, refused := range []error{syscall.ENAMETOOLONG, syscall.ENOTDIR, syscall.EISDIR, fs.ErrExist, fs.ErrPermission} {
		if errors.Is(err, refused) {
			err = &verdict.SetUp{Code: "S3.AccessDenied", Err: err,
				Fix: "Make the folder writable, or change the prefix so that the file system can hold the key."}
			break
		}
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", target, err)
	}
	return nil
}

func (s *Store) put(ctx context.Context, o object.Object, target string) error {
	if err := s.mkdirAll(path.Dir(target)); err != nil {
		return err
	}
	// The folder is opened for its sync before the object appears in it: what is refused must not be there.
	folder, err := s.root.Open(path.Dir(target))
	if err != nil {
		return err
	}
	defer folder.Close()
	sum := sha256.Sum256([]byte(target))
	upload := uploadsFolder + "/" + hex.EncodeToString(sum[:])
	if err := s.write(ctx, upload, o); err != nil {
		s.root.Remove(upload)
		return err
	}
	if err := s.root.Rename(upload, target); err != nil {
		s.root.Remove(upload)
		return err
	}
	return folder.Sync()
}

func (s *Store) write(ctx context.Context, name string, o object.Object) (err error) {
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, object.ReadUntil(ctx, io.NewSectionReader(o.Body, 0, o.Size))); err != nil {
		return err
	}
	return f.Sync()
}

// mkdirAll makes a folder and those above it, and syncs each folder that got a new one.
func (s *Store) mkdirAll(name string) error {
	if info, err := s.root.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	if above := path.Dir(name); above != "." {
		if err := s.mkdirAll(above); err != nil {
			return err
		}
	}
	if err := s.root.Mkdir(name, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.sync(path.Dir(name))
}

// sync makes a folder's entries durable.
func (s *Store) sync(name string) error {
	f, err := s.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
