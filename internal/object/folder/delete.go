package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"

	"firehose/internal/object"
	"firehose/internal/verdict"
)

var _ object.Deleter = (*Store)(nil)

// Delete deletes an object. The folders above it stay: another object may be on its way into them.
func (s *Store) Delete(ctx context.Context, bucket, key string) error {
	target := Path(bucket, key)
	err := ctx.Err()
	if err == nil {
		err = s.remove(target)
	}
	if errors.Is(err, fs.ErrPermission) {
		err = &verdict.SetUp{Code: "S3.AccessDenied", Err: err, Fix: "Make the folder writable."}
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", target, err)
	}
	return nil
}

func (s *Store) remove(target string) error {
	info, err := s.root.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) || err == nil && info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.root.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.sync(path.Dir(target))
}
