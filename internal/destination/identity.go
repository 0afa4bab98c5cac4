package destination

import (
	"encoding/binary"

	"firehose/internal/batch"
	"firehose/internal/objectkey"
)

// Identity tells a batch from all others of all streams, once for each purpose. It follows from the batch alone, so that it
// is the same for every try, and for a replay after a crash (invariant 3).
func (e Env) Identity(head batch.Head, purpose string) objectkey.UUID {
	position := binary.BigEndian.AppendUint64(nil, head.First.Block)
	position = binary.BigEndian.AppendUint32(position, head.First.Index)
	position = binary.BigEndian.AppendUint32(position, head.Sub)
	position = binary.BigEndian.AppendUint32(position, head.Part)
	return objectkey.Unique(e.StreamID[:], []byte(e.Delivery), position, []byte(purpose), []byte(head.Partition), []byte(head.Failure))
}
