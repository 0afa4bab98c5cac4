package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// failed is a record in an error output. Format conversion has names of its own for code and message.
type failed struct {
	RawData                []byte
	ErrorCode              string
	ErrorMessage           string
	LastErrorCode          string
	LastErrorMessage       string
	AttemptsMade           int
	ArrivalTimestamp       int64
	AttemptEndingTimestamp int64
	LambdaARN              string
	SequenceNumber         string
	SubSequenceNumber      int
	DataCatalogTable       map[string]string
}

// The types of failure, and the members of their lines in the service's order.
const (
	processingFailed    = "processing-failed"
	conversionFailed    = "format-conversion-failed"
	decompressionFailed = "decompression-failed"
	extractionFailed    = "metadata-extraction-failed"
	partitioningFailed  = "partitioning-failed"
	partitionsExceeded  = "activePartitionExceeded"
	webhookFailed       = "webhook-failed"
	endpointFailed      = "http-endpoint-failed"

	commonMembers     = "rawData errorCode errorMessage attemptsMade arrivalTimestamp attemptEndingTimestamp"
	processingMembers = commonMembers + " lambdaARN"
	conversionMembers = "attemptsMade arrivalTimestamp lastErrorCode lastErrorMessage attemptEndingTimestamp rawData sequenceNumber subSequenceNumber dataCatalogTable"
	endpointMembers   = "attemptsMade arrivalTimestamp errorCode errorMessage attemptEndingTimestamp rawData subsequenceNumber dataId"
)

// outcome is what came of a stream's records.
type outcome struct {
	data   map[string]string   // text of the objects by evaluated prefix, which is the key without the object's name
	failed map[string][]failed // by type
}

// failures returns how many records failed.
func (o outcome) failures() (n int) {
	for _, lines := range o.failed {
		n += len(lines)
	}
	return n
}

// named makes a stream's objects begin with its name: data/ below it, and each type of failure in a folder of its own.
// Batches end only when they are flushed.
func named(stream string) func(*to) {
	return func(d *to) {
		buffered(1, 900)(d)
		prefixed(stream + "/data/!{timestamp:'y'}/")(d)
		failing(stream + "/!{firehose:error-output-type}/")(d)
	}
}

// dataOf is the evaluated prefix of a named stream.
func dataOf(stream string) string { return stream + "/data/y/" }

// outcome flushes a named stream and reads what it has delivered to the bucket.
func (n *node) outcome(stream string) outcome {
	n.t.Helper()
	n.flush(stream)
	return readOutcome(n.t, folders(n.dir).read(n.t, bucket), stream)
}

func readOutcome(t testing.TB, all objects, stream string) outcome {
	t.Helper()
	o := outcome{data: map[string]string{}, failed: map[string][]failed{}}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasPrefix(key, stream+"/") {
			continue
		}
		prefix, name := splitKey(t, stream, key)
		text, err := decompress(key, all[key])
		check(t, err)
		kind, _, _ := strings.Cut(strings.TrimPrefix(key, stream+"/"), "/")
		if kind == "data" {
			o.data[prefix] += string(text)
			continue
		}
		lines := readFailures(t, kind, key, text)
		first := time.UnixMilli(lines[0].ArrivalTimestamp).UTC().Format("2006-01-02-15-04-05")
		if late := name.time < first && kind == "format-conversion-failed"; name.time != first && !late { // beside an object of earlier records
			t.Errorf("error output %s is of %s; its first record is of %s", key, name.time, first)
		}
		o.failed[kind] = append(o.failed[kind], lines...)
	}
	return o
}

// objectName is the part of a key that no prefix changes.
type objectName struct{ version, time, extension string }

func splitKey(t testing.TB, stream, key string) (prefix string, name objectName) {
	t.Helper()
	form := regexp.MustCompile(`^(.*?)` + regexp.QuoteMeta(stream) + `-(\d+)-(\d{4}(?:-\d\d){5})-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(\.[a-z.]+)?$`)
	found := form.FindStringSubmatch(key)
	if found == nil {
		t.Fatalf("object %q has not the service's form of name", key)
	}
	return found[1], objectName{found[2], found[3], found[4]}
}

// readFailures reads an error output, and checks its lines' form and times.
func readFailures(t testing.TB, kind, key string, text []byte) (lines []failed) {
	t.Helper()
	members, zipped := commonMembers, true
	switch kind {
	case processingFailed:
		members = processingMembers
	case conversionFailed:
		members, zipped = conversionMembers, false
	case webhookFailed:
		zipped = false
	case endpointFailed:
		members, zipped = endpointMembers, false
	case decompressionFailed, extractionFailed, partitioningFailed, partitionsExceeded:
	default:
		t.Fatalf("object %s is of no known type of failure", key)
	}
	if zipped != strings.HasSuffix(key, ".gz") {
		t.Errorf("error output %s has the wrong extension", key)
	}
	if len(text) == 0 || text[len(text)-1] != '\n' {
		t.Fatalf("error output %s does not end with a line: %q", key, text)
	}
	now := time.Now().UnixMilli()
	for line := range bytes.Lines(text) {
		if got := memberNames(t, line); got != members {
			t.Errorf("a line of %s has the members\n%s\nwant\n%s", key, got, members)
		}
		var f failed
		check(t, json.Unmarshal(line, &f))
		if hour := time.Hour.Milliseconds(); f.ArrivalTimestamp < now-hour || f.AttemptEndingTimestamp < f.ArrivalTimestamp || f.AttemptEndingTimestamp > now {
			t.Errorf("a record of %s arrived %d ms and ended %d ms before now", key, now-f.ArrivalTimestamp, now-f.AttemptEndingTimestamp)
		}
		lines = append(lines, f)
	}
	return lines
}

// memberNames returns the names of an object's members in their order.
func memberNames(t testing.TB, object []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	_, err := d.Token()
	check(t, err)
	var names []string
	for d.More() {
		name, err := d.Token()
		check(t, err)
		names = append(names, name.(string))
		check(t, d.Decode(new(json.RawMessage)))
	}
	return strings.Join(names, " ")
}

// putData puts records with the data given, in one request.
func (n *node) putData(stream string, data ...string) {
	n.t.Helper()
	in := &firehose.PutRecordBatchInput{DeliveryStreamName: &stream}
	for _, d := range data {
		in.Records = append(in.Records, types.Record{Data: []byte(d)})
	}
	out, err := n.api().PutRecordBatch(n.t.Context(), in)
	check(n.t, err)
	if *out.FailedPutCount > 0 {
		n.t.Fatalf("%d records of %s were refused: %s", *out.FailedPutCount, stream, aws.ToString(out.RequestResponses[0].ErrorMessage))
	}
}

// event is what a function is called with.
type event struct {
	InvocationID      string
	DeliveryStreamARN string
	Region            string
	Records           []struct {
		RecordID                    string
		ApproximateArrivalTimestamp int64
		Data                        []byte
	}
}

// result is a function's answer for one record.
type result map[string]any

// answering makes a function of what it answers: a text as it is, anything else as JSON.
func answering(answer func(event) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var e event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		a := answer(e)
		if text, ok := a.(string); ok {
			io.WriteString(w, text)
			return
		}
		json.NewEncoder(w).Encode(a)
	}
}

// transforming makes a function of what it answers for each record, to which the ID is added unless it is there. An answer of
// nil leaves the record out.
func transforming(answer func(data string) result) http.HandlerFunc {
	return answering(func(e event) any {
		all := []result{}
		for _, r := range e.Records {
			a := answer(string(r.Data))
			if a == nil {
				continue
			}
			if a["recordId"] == nil {
				a["recordId"] = r.RecordID
			}
			all = append(all, a)
		}
		return map[string]any{"records": all}
	})
}

// ok is the result of a record that is transformed.
func ok(data string) result { return result{"result": "Ok", "data": []byte(data)} }

// functionsAt starts functions by name, and returns the setting that says where they are.
func functionsAt(t testing.TB, functions map[string]http.Handler) string {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	urls := map[string]string{}
	for name, f := range functions {
		mux.Handle("/"+name, f)
		urls[name] = server.URL + "/" + name
	}
	text, err := json.Marshal(urls)
	check(t, err)
	return "FIREHOSE_LAMBDA_FUNCTIONS=" + string(text)
}

// arnOf is the ARN of a function.
func arnOf(function string) string {
	return "arn:aws:lambda:us-east-1:000000000000:function:" + function
}

// transformedBy has records transformed by a function. Those of one request are one call.
func transformedBy(function string, retries int) func(*to) {
	return processed(types.ProcessorTypeLambda,
		parameter(types.ProcessorParameterNameLambdaArn, arnOf(function)),
		parameter(types.ProcessorParameterNameLambdaNumberOfRetries, fmt.Sprint(retries)),
		parameter(types.ProcessorParameterNameBufferSizeInMb, "0.2"),
		parameter(types.ProcessorParameterNameBufferIntervalInSeconds, "0"))
}

// A prefix without expressions leads error outputs too, if they have none of their own.
func TestErrorOutputsWithoutAPrefixAreBelowTheStreams(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	broken := processed(types.ProcessorTypeDecompression)
	f := func(stream, want string, edits ...func(*to)) {
		t.Helper()
		n.create(stream, append(edits, buffered(1, 900), broken, intoBucket(stream))...)
		n.putData(stream, "no gzip")
		n.flush(stream)
		all := folders(n.dir).read(t, stream)
		for key, body := range all {
			prefix, name := splitKey(t, stream, key)
			at, err := time.Parse("2006-01-02-15-04-05", name.time)
			check(t, err)
			if prefix != at.Format(want) {
				t.Errorf("%s: an error output is below %s, want %s", stream, prefix, at.Format(want))
			}
			text, err := decompress(key, body)
			check(t, err)
			readFailures(t, decompressionFailed, strings.TrimSuffix(key, ".json.gz")+".gz", text)
		}
		if len(all) != 1 {
			t.Errorf("%s: there are %d objects", stream, len(all))
		}
	}
	f("without", "decompression-failed/2006/01/02/15/")
	f("literal", "logs/decompression-failed/2006/01/02/15/", prefixed("logs/"))
	f("own", "bad-decompression-failed", prefixed("logs/"), failing("bad-!{firehose:error-output-type}"))
	f("plain", "bad/", failing("bad/"))
	f("timed", "bad/2006/decompression-failed/", prefixed("logs/!{timestamp:HH}/"), failing("bad/!{timestamp:yyyy}/!{firehose:error-output-type}/"))
	f("extended", "decompression-failed/2006/01/02/15/", func(d *to) { d.FileExtension = aws.String(".json.gz") })
	f("zoned", "decompression-failed/2006/01/02/15/", func(d *to) { d.CustomTimeZone = aws.String("Asia/Tokyo") })
}
