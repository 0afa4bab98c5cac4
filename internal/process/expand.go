package process

import (
	"firehose/internal/erroroutput"
)

// Expander does what comes before the function: decompression, extraction of log messages, splitting, in this order,
// whatever the order of declaration. It is for one goroutine.
//
// What comes out are pieces. A record that nothing is done to is its own one piece. One that becomes empty stays a piece
// of no bytes, as with the Amazon service: that is what CloudWatch Logs' control messages come to. When records are
// split, though, nothing is left of an empty one, and it has no piece.
type Expander struct {
	Config
	decompressor
	messages []byte // of the envelope at hand
	pieces   pieces // of the record at hand
}

// NewExpander returns an expander for a configuration; it reads no more of it than its own three parts.
func NewExpander(c Config) *Expander {
	return &Expander{Config: c, decompressor: decompressor{sizeMax: DecompressedMax}}
}

// Expand calls emit for every piece of a record, in order. A record that cannot be expanded gives a failure and no piece.
// Pieces are parts of the record or of the expander's memory: they are valid until the next Expand, and nobody may
// change them.
func (e *Expander) Expand(record []byte, emit func(piece []byte)) *erroroutput.Failure {
	if e.Decompress {
		text, failure := e.decompress(record)
		if failure != nil {
			return failure
		}
		record = text
		if e.Messages {
			var ok bool
			if e.messages, ok = appendMessages(reused(e.messages), text); !ok {
				return notEnvelope()
			}
			record = e.messages
		}
	}
	if e.Split == nil {
		emit(record)
		return nil
	}
	if e.Split.JSON {
		e.pieces = splitJSON(e.pieces[:0], record)
	} else {
		e.pieces = splitDelimited(e.pieces[:0], record, e.Split.Delimiter)
	}
	for _, piece := range e.pieces {
		emit(record[piece.begin:piece.end:piece.end])
	}
	return nil
}

// bufferKeptMax is the largest buffer that is kept for the next record: large records are rare.
const bufferKeptMax = 4 << 20

// reused returns an empty buffer, the old one if it is not too large to be kept.
func reused(b []byte) []byte {
	if cap(b) > bufferKeptMax {
		return nil
	}
	return b[:0]
}
