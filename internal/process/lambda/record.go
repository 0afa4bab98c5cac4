package lambda

import (
	"time"

	"firehose/internal/erroroutput"
)

// Record is what a function is given.
type Record struct {
	ID      string // stable over attempts, unique in a call
	Arrival time.Time
	Data    []byte
}

// Result is what became of a record: it was transformed, or dropped, or it failed. Results of a call may share their
// Failure, and the memory of Data, whose capacity ends with it.
type Result struct {
	Data    []byte               // not nil if the record was transformed
	Dropped bool                 // by the function's wish: no output, and no failure
	Keys    map[string]string    // metadata.partitionKeys; nil for none
	Failure *erroroutput.Failure // nil unless it failed
}
