package lambda

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/segmentio/asm/base64"
)

// Lambda's limits of a synchronous call, in bytes: a request must stay below the first, an answer may reach the second.
const (
	requestLimit = 6 << 20
	answerMax    = 6<<20 + 100
)

// recordOverhead is what a record needs besides its ID and its data, and headOverhead what a payload needs besides its
// records and the stream's texts; both are a little more than that.
const (
	recordOverhead = len(`{"recordId":"","approximateArrivalTimestamp":-9223372036854775808,"data":""},`)
	headOverhead   = len(`{"invocationId":"00000000-0000-0000-0000-000000000000","deliveryStreamArn":"","region":"","records":[]}`)
)

func (r *Record) size() int {
	return recordOverhead + len(r.ID) + base64.StdEncoding.EncodedLen(len(r.Data))
}

func (f *Function) headSize() int { return headOverhead + len(f.stream.ARN) + len(f.stream.Region) }

// fitting returns how many of the records, from the first, go into one payload: 0 if the first is too large for any.
func (f *Function) fitting(records []Record) int {
	size := f.headSize()
	for i := range records {
		if size += records[i].size(); size >= requestLimit {
			return i
		}
	}
	return len(records)
}

// payload is the document that a function gets. The order of its members is that of the Amazon service.
func (f *Function) payload(invocationID string, records []Record) []byte {
	size := f.headSize()
	for i := range records {
		size += records[i].size()
	}
	b := make([]byte, 0, size)
	b = append(b, `{"invocationId":`...)
	b = quoted(b, invocationID)
	b = append(b, `,"deliveryStreamArn":`...)
	b = quoted(b, f.stream.ARN)
	b = append(b, `,"region":`...)
	b = quoted(b, f.stream.Region)
	b = append(b, `,"records":[`...)
	for i := range records {
		if i > 0 {
			b = append(b, ',')
		}
		b = records[i].append(b)
	}
	return append(b, `]}`...)
}

func (r *Record) append(b []byte) []byte {
	b = append(b, `{"recordId":`...)
	b = quoted(b, r.ID)
	b = append(b, `,"approximateArrivalTimestamp":`...)
	b = strconv.AppendInt(b, r.Arrival.UnixMilli(), 10)
	b = append(b, `,"data":"`...)
	from := len(b)
	b = append(b, make([]byte, base64.StdEncoding.EncodedLen(len(r.Data)))...)
	base64.StdEncoding.Encode(b[from:], r.Data)
	return append(b, `"}`...)
}

// quoted appends a text as a JSON string. Bytes that are no UTF-8 are replaced, which is no error here.
func quoted(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text)
	return b
}
