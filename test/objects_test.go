package test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
)

// objects are the bodies of a bucket's objects by key.
type objects map[string][]byte

// store reads a bucket.
type store interface {
	read(t testing.TB, bucket string) objects
}

// folders is the node's own store.
type folders string // the data folder

func (f folders) read(t testing.TB, bucket string) objects {
	t.Helper()
	all := objects{}
	root := filepath.Join(string(f), "buckets", bucket)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		key, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(key)], err = os.ReadFile(path)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("read bucket %s: %v", bucket, err)
	}
	return all
}

// count returns how often each record is in the objects below a prefix.
func (all objects) count(t testing.TB, prefix string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	wrong := complaints{t: t}
	for key, body := range all {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		text, err := decompress(key, body)
		if err != nil {
			wrong.add("object %s: %v", key, err)
			continue
		}
		for text := range bytes.Lines(text) {
			id, err := idOf(text)
			if err != nil {
				wrong.add("object %s: %v", key, err)
				continue
			}
			counts[id]++
		}
	}
	wrong.end()
	return counts
}

// ended returns the objects with a line feed behind the last of their lines, as those of events have it between them only.
func (all objects) ended(t testing.TB) objects {
	t.Helper()
	ended := objects{}
	for key, body := range all {
		text, err := decompress(key, body)
		check(t, err)
		ended[strings.TrimSuffix(key, filepath.Ext(key))] = append(bytes.TrimSuffix(text, []byte("\n")), '\n')
	}
	return ended
}

// sameObjects checks that two buckets hold the same keys with the same bytes.
func sameObjects(t testing.TB, what string, got, want objects) {
	t.Helper()
	includes(t, what, got, want)
	wrong := complaints{t: t}
	for key := range got {
		if want[key] == nil {
			wrong.add("%s: object %s is too many", what, key)
		}
	}
	wrong.end()
}

// includes checks that a bucket holds at least certain objects.
func includes(t testing.TB, what string, got, want objects) {
	t.Helper()
	wrong := complaints{t: t}
	for key, body := range want {
		switch other, ok := got[key]; {
		case !ok:
			wrong.add("%s: object %s is missing", what, key)
		case !bytes.Equal(body, other):
			wrong.add("%s: object %s has other bytes", what, key)
		}
	}
	wrong.end()
	if len(want) == 0 {
		t.Errorf("%s: there are no objects to compare", what)
	}
}

// decompress undoes what a key's extension says.
func decompress(key string, body []byte) ([]byte, error) {
	switch filepath.Ext(key) {
	case ".gz":
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case ".zip":
		archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			return nil, err
		}
		if len(archive.File) != 1 {
			return nil, fmt.Errorf("%d files in the archive", len(archive.File))
		}
		r, err := archive.File[0].Open()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	case ".snappy":
		return unsnappy(body)
	}
	return body, nil
}

// unsnappy reads the streams of snappy-java, which begins with its name, and of Hadoop.
func unsnappy(body []byte) (text []byte, err error) {
	const nameSize = 16
	hadoop := !bytes.HasPrefix(body, []byte("\x82SNAPPY\x00"))
	if !hadoop {
		body = body[nameSize:]
	}
	for len(body) > 0 {
		if hadoop && len(body) >= 4 {
			body = body[4:] // the length of what follows when uncompressed
		}
		if len(body) < 4 || len(body)-4 < int(binary.BigEndian.Uint32(body)) {
			return nil, io.ErrUnexpectedEOF
		}
		size := binary.BigEndian.Uint32(body)
		piece, err := snappy.Decode(nil, body[4:4+size])
		if err != nil {
			return nil, err
		}
		text = append(text, piece...)
		body = body[4+size:]
	}
	return text, nil
}

// settle waits until every acknowledged record of a stream is in the objects below a prefix.
func (a *account) settle(t testing.TB, s store, bucket, prefix string) {
	t.Helper()
	wait(t, time.Minute, "all records in "+bucket, func() (bool, string) {
		missing := a.missing(s.read(t, bucket).count(t, prefix))
		return missing == 0, plural(missing, "record") + " missing"
	})
}

// finish delivers everything, stops the node, and checks that every record is where it must be.
func (l *load) finish(s store, bucket string) {
	t := l.node.t
	t.Helper()
	l.stop()
	for stream := range l.account {
		l.node.flush(stream)
	}
	l.node.stop()
	l.verify(s, bucket)
}

// verify checks all streams, each below a prefix of its name if there are several.
func (l *load) verify(s store, bucket string) {
	t := l.node.t
	t.Helper()
	all := s.read(t, bucket)
	for stream, a := range l.account {
		prefix := ""
		if len(l.account) > 1 {
			prefix = stream + "/"
		}
		a.verify(t, all.count(t, prefix))
	}
}
