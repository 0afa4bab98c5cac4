package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"firehose/internal/object/folder"
	"firehose/internal/sample"
)

// bucket is what was found in the demonstration's bucket, which is a folder.
type bucket struct {
	dir     string
	objects []foundObject
	known   map[string]bool // keys of objects
	ids     map[string]int  // how often each record came
	records int
}

// foundObject is one delivered object.
type foundObject struct {
	key     string
	path    string
	records int
	size    int64 // as it lies there
	plain   int64 // unpacked
}

func newBucket(dataDir string) *bucket {
	return &bucket{dir: filepath.Join(dataDir, "buckets", demoBucket), known: map[string]bool{}, ids: map[string]int{}}
}

// look reads the objects that are new, and returns how many there are. An object appears whole, so one look is enough.
func (b *bucket) look() (found int, err error) {
	err = filepath.WalkDir(b.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || b.known[path] {
			return err
		}
		o := foundObject{path: path}
		if err := b.read(&o); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		b.known[path] = true
		b.objects = append(b.objects, o)
		b.records += o.records
		found++
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // the bucket's folder comes with its first object
	}
	return found, err
}

// read unpacks an object and counts its records by id.
func (b *bucket) read(o *foundObject) error {
	relative, err := filepath.Rel(b.dir, o.path)
	if err != nil {
		return err
	}
	o.key = folder.Key(filepath.ToSlash(relative))
	lines, size, done, err := openLines(o.path)
	if err != nil {
		return err
	}
	defer done()
	o.size = size
	for lines.Scan() {
		b.ids[sample.ID(lines.Bytes())]++
		o.records++
		o.plain += int64(len(lines.Bytes())) + 1
	}
	return lines.Err()
}

// openLines opens an object for reading line by line.
func openLines(path string) (lines *bufio.Scanner, size int64, done func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		var unpacked io.Reader
		if unpacked, err = gzip.NewReader(f); err == nil {
			return bufio.NewScanner(unpacked), info.Size(), f.Close, nil
		}
	}
	return nil, 0, nil, errors.Join(err, f.Close())
}

// show prints the objects and the first lines of one.
func (b *bucket) show(out io.Writer) {
	const objectsMax, linesMax, widthMax = 8, 3, 118
	fmt.Fprintf(out, "\n  %8s  %10s  %10s  %6s  %s\n", "records", "bytes", "packed", "ratio", "key in s3://"+demoBucket)
	for i, o := range b.objects {
		if i == objectsMax {
			fmt.Fprintf(out, "  %8s  and %d more objects\n", "…", len(b.objects)-i)
			break
		}
		fmt.Fprintf(out, "  %8s  %10s  %10s  %5.1fx  %s\n", thousands(o.records), thousands(int(o.plain)), thousands(int(o.size)), float64(o.plain)/float64(o.size), o.key)
	}
	if len(b.objects) == 0 {
		return
	}
	lines, _, done, err := openLines(b.objects[0].path)
	if err != nil {
		return // it was read a moment ago
	}
	defer done()
	fmt.Fprintf(out, "\n  first lines of the first object:\n")
	for i := 0; i < linesMax && lines.Scan(); i++ {
		text := []rune(lines.Text())
		if len(text) > widthMax {
			text = append(text[:widthMax], '…')
		}
		fmt.Fprintf(out, "  %s\n", string(text))
	}
}
