package batch

import "firehose/internal/erroroutput"

// Rejected is a record that an encoder could not take, and why.
type Rejected struct {
	Index   int // among the Records of that Write
	Failure erroroutput.Failure
}

// Rejecter is an encoder that may take some records and refuse others. A refused record is not in the body; whoever
// encodes writes it to the error output instead, so that it is not lost.
type Rejecter interface {
	Encoder

	// Rejected returns what the last Write refused, by rising index. It is valid until the next Write.
	Rejected() []Rejected
}
