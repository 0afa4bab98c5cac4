package load

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
)

// body is a prepared request. Whoever holds it may write new numbers and another stream's name over the old.
type body struct {
	text    []byte
	name    int    // offset of the stream's name
	records []int  // offsets of the records' base64
	hash    string // SHA-256 of the text in hexadecimal digits; empty when it is not known
}

// nameDigits keeps names of all streams equally long, so that one can be written over the other.
const nameDigits = 5

// StreamName returns the name of one of many streams.
func StreamName(prefix string, i int) string { return fmt.Sprintf("%s%0*d", prefix, nameDigits, i) }

// newBody makes a request of the records: PutRecord for a single one unless it is to be a batch.
func newBody(stream string, records [][]byte, single bool) *body {
	b := &body{text: []byte(`{"DeliveryStreamName":"`)}
	b.name = len(b.text)
	b.text = append(b.text, stream...)
	if single {
		b.text = append(b.text, `","Record":`...)
	} else {
		b.text = append(b.text, `","Records":[`...)
	}
	for i, r := range records {
		if i > 0 {
			b.text = append(b.text, ',')
		}
		b.text = append(b.text, `{"Data":"`...)
		b.records = append(b.records, len(b.text))
		b.text = base64.StdEncoding.AppendEncode(b.text, r)
		b.text = append(b.text, `"}`...)
	}
	if !single {
		b.text = append(b.text, ']')
	}
	b.text = append(b.text, '}')
	return b
}

// number gives the records the numbers from first on.
func (b *body) number(first uint64) {
	for i, at := range b.records {
		writeID(b.text[at:], first+uint64(i))
	}
	b.hash = ""
}

// address sends the body to a stream whose name is as long as the present one.
func (b *body) address(stream string) {
	if string(b.text[b.name:b.name+len(stream)]) != stream {
		copy(b.text[b.name:], stream)
		b.hash = ""
	}
}

// sum returns the hash that a signature needs, and remembers it while the body stays the same.
func (b *body) sum() string {
	if b.hash == "" {
		sum := sha256.Sum256(b.text)
		b.hash = hex.EncodeToString(sum[:])
	}
	return b.hash
}

// bodies makes n different requests for the stream.
func bodies(n int, stream string, batch, size int, single bool) []*body {
	all := make([]*body, n)
	records := Records(1, n*batch, size)
	for i := range all {
		all[i] = newBody(stream, records[i*batch:(i+1)*batch], single)
	}
	return all
}

// Bodies returns the texts of n different requests, for measuring what their bytes cost elsewhere.
func Bodies(n, batch, size int) [][]byte {
	texts := make([][]byte, n)
	for i, b := range bodies(n, StreamName("bench-", 0), batch, size, batch == 1) {
		texts[i] = b.text
	}
	return texts
}
