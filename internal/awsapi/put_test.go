package awsapi

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firehose/internal/awsapi/model"
	"firehose/internal/ingest"
	"firehose/internal/record"
	"firehose/internal/stream"

	"github.com/go-json-experiment/json"
)

// batchBody is a batch to stream "a" with one record of each given size.
func batchBody(sizes ...int) string {
	var records []string
	for i, size := range sizes {
		data := bytes.Repeat([]byte{byte('a' + i%26)}, size)
		records = append(records, `{"Data":"`+base64.StdEncoding.EncodeToString(data)+`"}`)
	}
	return `{"DeliveryStreamName":"a","Records":[` + strings.Join(records, ",") + `]}`
}

func TestPutRecordAnswersTheRecordsPlace(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	d.set("a", func(s *stream.Stream) { s.Encryption.Status = stream.EncryptionEnabled })
	answer := d.accept("PutRecord", `{"DeliveryStreamName":"a","Record":{"Data":"YWJj"}}`)
	text, ok := strings.CutPrefix(answer, `{"RecordId":"`)
	text, ok2 := strings.CutSuffix(text, `","Encrypted":true}`)
	id, err := record.ParseID(text)
	s, _ := d.memory.Get(d.key("a"))
	if !ok || !ok2 || err != nil || id.Stream != s.ID || id.Position != (record.Position{Block: 1}) || !id.Time.Equal(testTime) {
		t.Errorf("%s: %+v %v", answer, id, err)
	}
	same(t, "abc", string(d.memory.taken["a"][0]))
}

func TestPutRecordBatchAnswersOneEntryForEachRecord(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	answer := d.accept("PutRecordBatch", batchBody(3, 0, 2))
	if !strings.HasPrefix(answer, `{"FailedPutCount":0,"Encrypted":false,"RequestResponses":[{"RecordId":"`) {
		t.Error(answer)
	}
	var out struct{ RequestResponses []struct{ RecordId string } }
	must(t, json.Unmarshal([]byte(answer), &out))
	same(t, 3, len(out.RequestResponses))
	for i, response := range out.RequestResponses {
		id, err := record.ParseID(response.RecordId)
		must(t, err)
		same(t, record.Position{Block: 1, Index: uint32(i)}, id.Position)
	}
	last := d.seen[len(d.seen)-1]
	same(t, Put{Records: 3, Bytes: 5}, last.Put)
	same(t, "PutRecordBatch", last.Operation)
	same(t, d.key("a"), last.Stream)
	same(t, int64(len(batchBody(3, 0, 2))), last.BodyBytes)
}

func TestPutsAreThrottledByTheRecord(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	const slow = `{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}`
	d.memory.put = func([][]byte) (int, error) { return 1, nil }
	answer := d.accept("PutRecordBatch", batchBody(1, 2, 3))
	if !strings.HasPrefix(answer, `{"FailedPutCount":2,`) || !strings.HasSuffix(answer, `"},`+slow+`,`+slow+`]}`) {
		t.Error(answer)
	}
	same(t, Put{Records: 3, Bytes: 1, Throttled: 2}, d.seen[len(d.seen)-1].Put)
	for _, nothing := range []func([][]byte) (int, error){
		func([][]byte) (int, error) { return 0, nil },
		func([][]byte) (int, error) { return 0, fmt.Errorf("append: %w", ingest.ErrThrottled) },
	} {
		d.memory.put = nothing
		same(t, `{"FailedPutCount":1,"Encrypted":false,"RequestResponses":[`+slow+`]}`, d.accept("PutRecordBatch", batchBody(1)))
		d.refuse("PutRecord", `{"DeliveryStreamName":"a","Record":{"Data":""}}`, "ServiceUnavailableException", "Slow down.")
	}
	d.memory.put = func([][]byte) (int, error) { return 0, errors.New("disk is on fire") }
	d.refuse("PutRecordBatch", batchBody(1), errInternal.Type, errInternal.Message)
	d.refuse("PutRecord", `{"DeliveryStreamName":"a","Record":{"Data":""}}`, errInternal.Type, errInternal.Message)
}

func TestPutLimitsCountDecodedBytes(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	d.accept("PutRecord", `{"DeliveryStreamName":"a","Record":`+batchBody(1024000)[len(`{"DeliveryStreamName":"a","Records":[`):len(batchBody(1024000))-2]+`}`)
	d.accept("PutRecordBatch", batchBody(1024000, 1024000, 1024000, 1024000, 98304))
	d.refuse("PutRecordBatch", batchBody(1024000, 1024000, 1024000, 1024000, 98305), "InvalidArgumentException", "Records size exceeds 4 MB limit")
	d.refuse("PutRecordBatch", batchBody(1, 1024001), "ValidationException",
		"1 validation error detected: Value at 'records.2.member.data' failed to satisfy constraint: Member must have length less than or equal to 1024000")
	d.accept("PutRecordBatch", batchBody(make([]int, 500)...))
	d.refuse("PutRecordBatch", strings.Replace(batchBody(1024000, 1024000, 1024000, 1024000, 98305), `"a"`, `"none"`, 1),
		"ResourceNotFoundException", "Firehose none under account 123456789012 not found.")
	d.set("a", func(s *stream.Stream) { s.Status = stream.Deleting })
	d.refuse("PutRecordBatch", batchBody(1024000, 1024000, 1024000, 1024000, 98305),
		"ResourceNotFoundException", "Firehose a is not active in 123456789012 account.")
}

// What clients may also send takes another way and comes to the same.
func TestPutReadsUnusualForms(t *testing.T) {
	d := newDoor(t)
	d.create("a", "")
	for _, body := range []string{
		`{"Records":[{"Data":"Pz8/"},{"Data":""}],"DeliveryStreamName":"a"}`,
		` { "DeliveryStreamName" : "a" , "Records" : [ { "Data" : "Pz8/" } , { "Data" : "" } ] } ` + "\r\n\t",
		`{"DeliveryStreamName":"a","Records":[{"Data":"Pz8\/"},{"Data":""}]}`,
		`{"DeliveryStreamName":"a","Records":[{"Data":"\u0050z8/"},{"Data":""}]}`,
		`{"DeliveryStreamName":"\u0061","Records":[{"Data":"Pz8/"},{"Data":""}]}`,
		`{"DeliveryStreamName":"a","Records":[{"Data":"Pz8/","Key":{"x":["y"]}},{"Data":""}],"Other":null}`,
		`{"DeliveryStreamName":"b","DeliveryStreamName":"a","Records":[{"Data":"AAAA","Data":"Pz8/"},{"Data":""}]}`,
	} {
		d.memory.taken = map[string][][]byte{}
		d.accept("PutRecordBatch", body)
		if want := [][]byte{[]byte("???"), {}}; !slices.EqualFunc(want, d.memory.taken["a"], bytes.Equal) {
			t.Errorf("%s: took %q", body, d.memory.taken["a"])
		}
	}
	for _, data := range []string{"Pz8", "Pz8_", "Pz8/=", "Pz\\n8/", "P=8/", "====", "\\\\/8/", " Pz8/"} {
		d.refuse("PutRecord", `{"DeliveryStreamName":"a","Record":{"Data":"`+data+`"}}`, "SerializationException", "The value at 'record.data' is not base64.")
	}
}

// What the pass over the body accepts, the model accepts too, with the same records.
func FuzzParsePut(f *testing.F) {
	for _, seed := range []string{
		batchBody(3, 0, 1), `{"DeliveryStreamName":"a","Record":{"Data":"Pz8\/"}}`, `{"Record":{"Data":""},"DeliveryStreamName":"a"}`,
		`{"DeliveryStreamName":"a","Records":[{"Data":"YQ=\n="}]}`, `{"DeliveryStreamName":"a","Records":[{"Data":"YQ=="},]}`, `{"DeliveryStreamName":"a","Records":[]}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, batch bool) {
		operation := "PutRecord"
		if batch {
			operation = "PutRecordBatch"
		}
		var fast, slow buffers
		name, ok := fast.parsePut(body, batch)
		if !ok {
			return
		}
		want, err := slow.decodePut(body, operation)
		if err != nil || name != want || !slices.EqualFunc(fast.records, slow.records, bytes.Equal) {
			t.Fatalf("%s: %q %q\nmodel: %q %q %v", body, name, fast.records, want, slow.records, err)
		}
	})
}

// A batch of 500 records of 1 KB, by the pass and by the model.
func BenchmarkParsePut(b *testing.B) {
	body := []byte(batchBody(slices.Repeat([]int{1000}, batchRecordsMax)...))
	b.Run("pass", func(b *testing.B) {
		var buffers buffers
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := buffers.parsePut(body, true); !ok {
				b.Fatal("not parsed")
			}
		}
	})
	b.Run("model", func(b *testing.B) {
		var buffers buffers
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		model.Operations()
		for b.Loop() {
			if _, err := buffers.decodePut(body, "PutRecordBatch"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Amazon lets nobody but CloudWatch Logs put to a stream that decompresses; here that is a setting.
func TestPutsToStreamsThatDecompressAreRefusedIfAsked(t *testing.T) {
	const put = `{"DeliveryStreamName":"a","Record":{"Data":"YQ=="}}`
	for _, only := range []bool{false, true} {
		d := newDoor(t, func(o *Options) { o.CloudWatchOnly = only })
		members := func(enabled bool) string {
			return fmt.Sprintf(`"ExtendedS3DestinationConfiguration":{%s,"ProcessingConfiguration":{"Enabled":%v,"Processors":[%s]}}`, required, enabled, processor("Decompression"))
		}
		d.create("a", members(true))
		d.create("b", members(false))
		d.create("c", "")
		for _, name := range []string{"b", "c"} {
			d.accept("PutRecord", strings.Replace(put, `"a"`, `"`+name+`"`, 1))
		}
		if !only {
			d.accept("PutRecord", put)
			continue
		}
		const refusal = "Put to Firehose failed for AccountId: 123456789012, FirehoseName: a because the request is not originating from CloudWatch."
		d.refuse("PutRecord", put, "InvalidSourceException", refusal)
		d.refuse("PutRecordBatch", `{"DeliveryStreamName":"a","Records":[{"Data":"YQ=="}]}`, "InvalidSourceException", refusal)
		d.refuse("PutRecord", strings.Replace(put, `"a"`, `"x"`, 1), "ResourceNotFoundException", "Firehose x under account 123456789012 not found.")
	}
}
