package process

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"firehose/internal/jsonscan/splice"
)

// maskedFields is where an event says what was masked of it.
var maskedFields = splice.Compile([]string{"firehose_metadata"}, "masked_fields")

// lister writes into events what was masked of them.
type lister struct{ list, out []byte }

// put returns an event with the paths that were masked, until the next call. A list that its producer wrote is replaced.
func (l *lister) put(event []byte, paths []string) []byte {
	l.list = append(l.list[:0], '[')
	for i, path := range paths {
		if i > 0 {
			l.list = append(l.list, ',')
		}
		l.list, _ = jsontext.AppendQuote(l.list, path) // the error tells of replaced bytes
	}
	l.list = append(l.list, ']')
	out, err := maskedFields.Put(l.out[:0], event, [][]byte{l.list})
	if err != nil {
		panic(fmt.Sprintf("process: what masks left is no event: %v", err))
	}
	l.out = out
	return out
}
