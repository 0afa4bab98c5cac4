package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"firehose/internal/object"
)

var _ object.Reader = (*Store)(nil)

// List lists a bucket. One that nothing was put into yet is empty.
func (s *Store) List(ctx context.Context, bucket, prefix, after string, yield func(object.Info) bool) error {
	l := listing{Store: s, ctx: ctx, bucket: bucket, prefix: prefix, after: after, yield: yield}
	if err := l.folder(""); err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("list %s: %w", Path(bucket, prefix), err)
	}
	return nil
}

// errEnough ends a listing whose caller wants no more.
var errEnough = errors.New("enough")

// listing walks the folders of a bucket. It holds the names of one folder at each level, and enters no folder that can
// hold nothing of what is asked for.
type listing struct {
	*Store
	ctx           context.Context
	bucket        string
	prefix, after string
	yield         func(object.Info) bool
}

// folder yields what is below a folder; at is what all keys in it begin with.
func (l *listing) folder(at string) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	names, err := l.names(strings.TrimSuffix(Path(l.bucket, at), "/%")) // the path of the key that is at alone
	if err != nil {
		return err
	}
	for _, part := range names {
		key := at + part
		if !strings.HasSuffix(part, "/") {
			if err := l.object(key); err != nil {
				return err
			}
			continue
		}
		begins := strings.HasPrefix(key, l.prefix) || strings.HasPrefix(l.prefix, key)
		if passed := key < l.after && !strings.HasPrefix(l.after, key); begins && !passed {
			if err := l.folder(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// names returns what is in a folder in the order of keys: the parts of keys, those of folders with a slash. A folder that
// is not there is empty: nothing was put, or its last object was moved away meanwhile.
func (l *listing) names(folder string) ([]string, error) {
	f, err := l.root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		name := Key(entry.Name())
		switch {
		case !entry.IsDir():
			names = append(names, name)
		case !strings.HasSuffix(entry.Name(), more):
			names = append(names, name+"/")
		default:
			ends, err := l.names(folder + "/" + entry.Name())
			if err != nil {
				return nil, err
			}
			for _, end := range ends {
				names = append(names, name+end)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

func (l *listing) object(key string) error {
	if !strings.HasPrefix(key, l.prefix) || key <= l.after {
		return nil
	}
	info, err := l.root.Stat(Path(l.bucket, key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return nil // somebody else's
	}
	if !l.yield(object.Info{Key: key, Size: info.Size(), Modified: info.ModTime().UTC()}) {
		return errEnough
	}
	return nil
}

// Get opens an object.
func (s *Store) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	target := Path(bucket, key)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("get %s: %w", target, err)
	}
	f, err := s.root.Open(target)
	if err == nil {
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil && info.IsDir() {
			err = fs.ErrNotExist
		}
		if err != nil {
			f.Close()
		}
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
		return nil, fmt.Errorf("get %s: %w", target, object.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", target, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{object.ReadUntil(ctx, f), f}, nil
}
