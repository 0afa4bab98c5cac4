package log

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Seek returns the number from which on a log has the entries that were appended at a time or later: that of its next entry if
// there are none.
func Seek(l Log, at time.Time) (uint64, error) {
	low, high := l.Ends() // the entry is in [low, high]
	for low < high {
		middle := low + (high-low)/2
		number, before, err := probe(l, middle, at)
		switch {
		case err != nil:
			return 0, fmt.Errorf("find the entry of a time: %w", err)
		case before:
			low = number + 1
		default:
			high = middle
		}
	}
	return low, nil
}

// probe returns the first entry numbered from or higher, and whether it was appended before a time.
func probe(l Log, from uint64, at time.Time) (number uint64, before bool, err error) {
	r := l.Read(from)
	defer r.Close()
	entry, err := r.Next()
	if errors.Is(err, io.EOF) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return entry.Number, entry.Time.Before(at), nil
}
