package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"

	"firehose/internal/bench/load"
)

// verify counts the records in the objects of a folder against what the clients were told.
func verify(dir, compression string, ledger *load.Ledger) (*load.Verdict, error) {
	foreign := 0
	var failed error
	delivered := func(yield func(uint64) bool) {
		failed = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			err = readObject(path, compression, func(line []byte) error {
				number, ok := load.ID(line)
				if !ok {
					foreign++
				} else if !yield(number) {
					return fs.SkipAll
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("read object %s: %w", path, err)
			}
			return nil
		})
	}
	v := ledger.Count(delivered)
	v.Foreign += foreign
	if failed != nil && !errors.Is(failed, fs.ErrNotExist) {
		return nil, failed
	}
	return &v, nil
}

// verifiable says whether readObject can read a compression.
func verifiable(compression string) bool {
	return compression == "GZIP" || compression == "UNCOMPRESSED"
}

// readObject calls each with every line of an object.
func readObject(path, compression string, each func(line []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var text io.Reader = f
	if compression == "GZIP" {
		if text, err = gzip.NewReader(bufio.NewReaderSize(f, 256<<10)); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(text)
	lines.Buffer(make([]byte, 0, 256<<10), 2<<20)
	for lines.Scan() {
		if err := each(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}
