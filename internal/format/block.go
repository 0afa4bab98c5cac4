package format

import "errors"

// container is what one kind of container makes of an object's blocks.
type container interface {
	// block writes a block, which is not empty. Nothing of it may be kept.
	block(data []byte) error

	// finish writes what comes after the last block, or the whole container if there was none.
	finish() error
}

// blockWriter gathers bytes into blocks of one size for a container; only the last may be shorter.
type blockWriter struct {
	container container
	size      int
	open      []byte // the unfinished block
	err       error  // the first, and then of every call
}

var errClosed = errors.New("write to a closed object body")

// Write takes all of p or returns an error.
func (w *blockWriter) Write(p []byte) (int, error) {
	rest := p
	for len(rest) > 0 && w.err == nil {
		block := rest[:min(len(rest), w.size-len(w.open))]
		rest = rest[len(block):]
		if len(block) == w.size {
			w.err = w.container.block(block)
			continue
		}
		if w.open = append(w.open, block...); len(w.open) == w.size {
			w.flush()
		}
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// flush hands over the open block. Its memory is kept, since an object of several blocks has many.
func (w *blockWriter) flush() {
	w.err = w.container.block(w.open)
	w.open = w.open[:0]
}

// Close finishes the container. Another Close does nothing.
func (w *blockWriter) Close() error {
	if w.err == errClosed {
		return nil
	}
	if w.err == nil && len(w.open) > 0 {
		w.flush()
	}
	w.open = nil
	if w.err != nil {
		return w.err
	}
	if w.err = w.container.finish(); w.err != nil {
		return w.err
	}
	w.err = errClosed
	return nil
}
