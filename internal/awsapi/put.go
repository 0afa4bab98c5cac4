package awsapi

import (
	"bytes"
	"errors"
	"strconv"

	"firehose/internal/awsapi/model"
	"firehose/internal/ingest"
	"firehose/internal/stream"

	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// The bounds of a put. Those on the number and the size of records are the model's too, which reports them.
const (
	batchRecordsMax = 500
	batchBytesMax   = 4 << 20
	nameLengthMax   = 64
)

// buffers is the memory that a request works in. It is taken from a pool and given back when the answer is written, so
// that a put allocates nothing for its records.
type buffers struct {
	body    []byte   // of the request
	data    []byte   // of the records, one behind the other
	records [][]byte // parts of data
	answer  []byte
	scratch []byte // of base64 that JSON had escaped
}

// putRecord takes one record.
func (h *Handler) putRecord(c *call) ([]byte, error) {
	key, err := c.parsePut("PutRecord")
	if err != nil {
		return nil, err
	}
	receipt, err := h.put(c, key)
	if err != nil {
		return nil, err
	}
	if receipt.Accepted == 0 {
		return nil, errSlowDown
	}
	answer := append(c.buffers.answer[:0], `{"RecordId":"`...)
	answer, _ = receipt.ID(0).AppendText(answer)
	answer = append(answer, `","Encrypted":`...)
	answer = strconv.AppendBool(answer, receipt.Encrypted)
	c.buffers.answer = append(answer, '}')
	return c.buffers.answer, nil
}

// putRecordBatch takes up to 500 records. The answer has an entry for each, in their order; it is a success even if
// none was taken.
func (h *Handler) putRecordBatch(c *call) ([]byte, error) {
	key, err := c.parsePut("PutRecordBatch")
	if err != nil {
		return nil, err
	}
	if c.seen.Put.Bytes > batchBytesMax {
		return nil, h.batchTooLarge(key)
	}
	receipt, err := h.put(c, key)
	if err != nil {
		return nil, err
	}
	answer := append(c.buffers.answer[:0], `{"FailedPutCount":`...) // Fluent Bit looks for these bytes and a zero
	answer = strconv.AppendInt(answer, int64(c.seen.Put.Throttled), 10)
	answer = append(answer, `,"Encrypted":`...)
	answer = strconv.AppendBool(answer, receipt.Encrypted)
	answer = append(answer, `,"RequestResponses":[`...)
	for i := range c.buffers.records {
		if i > 0 {
			answer = append(answer, ',')
		}
		if i >= receipt.Accepted {
			answer = append(answer, `{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}`...)
			continue
		}
		answer = append(answer, `{"RecordId":"`...)
		answer, _ = receipt.ID(i).AppendText(answer)
		answer = append(answer, `"}`...)
	}
	c.buffers.answer = append(answer, "]}"...)
	return c.buffers.answer, nil
}

// batchTooLarge refuses a batch for its size, but for its stream first.
func (h *Handler) batchTooLarge(key stream.Key) error {
	s, err := h.streams.Get(key)
	switch {
	case err != nil:
		return err
	case s.Status != stream.Active:
		return notActive(key)
	}
	return invalidArgument("Records size exceeds 4 MB limit")
}

// put hands the parsed records over. That none was taken is no error here: the receipt says so.
func (h *Handler) put(c *call, key stream.Key) (ingest.Receipt, error) {
	if h.CloudWatchOnly {
		if err := h.checkOrigin(key); err != nil {
			return ingest.Receipt{}, err
		}
	}
	records := c.buffers.records
	receipt, err := h.streams.Put(c.ctx, key, records)
	var large *ingest.TooLargeError
	switch {
	case errors.Is(err, ingest.ErrThrottled):
		receipt = ingest.Receipt{}
	case errors.Is(err, stream.ErrNotActive):
		return receipt, notActive(key)
	case errors.As(err, &large):
		return receipt, recordsTooLarge(c.seen.Operation, large)
	case err != nil:
		return receipt, err
	}
	for _, data := range records[receipt.Accepted:] {
		c.seen.Put.Throttled++
		c.seen.Put.Bytes -= int64(len(data))
	}
	return receipt, nil
}

// checkOrigin refuses what a stream takes from CloudWatch Logs only.
func (h *Handler) checkOrigin(key stream.Key) error {
	s, err := h.streams.Get(key)
	switch {
	case err != nil:
		return err
	case s.Status != stream.Active:
		return notActive(key)
	case s.Language != Language || !bytes.Contains(s.Document(), []byte(types.ProcessorTypeDecompression)): // nearly always; parsing takes longer
		return nil
	}
	doc, err := parseDocument(s.Document())
	if err == nil && runningProcessor(doc.declared().processing(), types.ProcessorTypeDecompression) != nil {
		err = invalidSource(key)
	}
	return err
}

// parsePut reads the body into the buffers' records. What nearly all clients send is read in one pass; anything else,
// and anything that is wrong, goes through the model.
func (c *call) parsePut(operation string) (stream.Key, error) {
	b := c.buffers
	name, ok := b.parsePut(c.body, operation == "PutRecordBatch")
	if !ok {
		var err error
		if name, err = b.decodePut(c.body, operation); err != nil {
			return stream.Key{}, err
		}
	}
	c.seen.Put.Records = len(b.records)
	for _, data := range b.records {
		c.seen.Put.Bytes += int64(len(data))
	}
	return c.key(name), nil
}

// decodePut reads the body by the model.
func (b *buffers) decodePut(body []byte, operation string) (name string, err error) {
	tree, err := decode(model.Operations()[operation], body)
	if err != nil {
		return "", err
	}
	b.records = b.records[:0]
	if single, ok := tree["Record"].(map[string]any); ok && operation == "PutRecord" {
		b.records = append(b.records, single["Data"].([]byte))
	}
	batch, _ := tree["Records"].([]any)
	for _, r := range batch {
		b.records = append(b.records, r.(map[string]any)["Data"].([]byte))
	}
	return tree["DeliveryStreamName"].(string), nil
}
