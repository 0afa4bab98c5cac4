package test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/klauspost/compress/gzip"
)

// keyed divides a named stream's records among partitions below data/.
func keyed(stream, prefix string) func(*to) {
	return func(d *to) {
		named(stream)(d)
		buffered(64, 900)(d)
		prefixed(stream + "/data/" + prefix)(d)
		d.DynamicPartitioningConfiguration = &types.DynamicPartitioningConfiguration{Enabled: aws.Bool(true)}
	}
}

// queried finds partition keys by a query.
func queried(query string) func(*to) {
	return processed(types.ProcessorTypeMetadataExtraction,
		parameter(types.ProcessorParameterNameMetadataExtractionQuery, query),
		parameter(types.ProcessorParameterNameJsonParsingEngine, "JQ-1.6"))
}

// delimitedBy takes records apart at a delimiter.
func delimitedBy(delimiter string) func(*to) {
	return processed(types.ProcessorTypeRecordDeAggregation,
		parameter(types.ProcessorParameterNameSubRecordType, "DELIMITED"),
		parameter(types.ProcessorParameterNameDelimiter, base64.StdEncoding.EncodeToString([]byte(delimiter))))
}

var (
	joined    = processed(types.ProcessorTypeRecordDeAggregation, parameter(types.ProcessorParameterNameSubRecordType, "JSON"))
	appending = processed(types.ProcessorTypeAppendDelimiterToRecord)
)

const (
	extractionCode = "DynamicPartitioning.MetadataExtractionFailed"
	nullOrEmpty    = "partitionKeys values must not be null or empty"
)

// lost is a record that must be in an error output. A message that ends in … need only begin so.
type lost struct{ kind, raw, code, message string }

// expect checks all that came of a named stream's records: the text of each partition, below data/, and the records in
// error outputs, each with one attempt.
func (n *node) expect(stream string, data map[string]string, failures ...lost) {
	n.t.Helper()
	got := n.outcome(stream)
	want := map[string]string{}
	for partition, text := range data {
		want[stream+"/data/"+partition] = text
	}
	if !maps.Equal(got.data, want) {
		n.t.Errorf("%s: delivered\n%q\nwant\n%q", stream, got.data, want)
	}
	if got.failures() != len(failures) {
		n.t.Fatalf("%s: %d records failed, want %d: %+v", stream, got.failures(), len(failures), got.failed)
	}
	next := map[string]int{}
	for _, f := range failures {
		lines := got.failed[f.kind]
		if next[f.kind] >= len(lines) {
			n.t.Fatalf("%s: only %d records are in %s", stream, len(lines), f.kind)
		}
		line := lines[next[f.kind]]
		next[f.kind]++
		start, open := strings.CutSuffix(f.message, "…")
		if string(line.RawData) != f.raw || line.ErrorCode != f.code || line.AttemptsMade != 1 ||
			line.ErrorMessage != f.message && !(open && strings.HasPrefix(line.ErrorMessage, start)) {
			n.t.Errorf("%s: %q failed in %s after %d attempts with %s: %s; want %+v",
				stream, line.RawData, f.kind, line.AttemptsMade, line.ErrorCode, line.ErrorMessage, f)
		}
	}
}

func unfit(raw, message string) lost { return lost{extractionFailed, raw, extractionCode, message} }

func TestRecordsAreInThePartitionOfTheirKeys(t *testing.T) {
	t.Parallel()
	n := newNode(t, "--processing-partitions-max", "3")
	n.env = []string{functionsAt(t, map[string]http.Handler{"keys": transforming(keysOf)})}
	n.start()

	n.create("plain", keyed("plain", "n=!{partitionKeyFromQuery:n}/!{partitionKeyFromQuery:kind}/"), queried(`{n:.n,kind:.type.kind}`))
	const nested, verbatim = `{"n":true,"type":{"kind":"a/b"}}`, `{"type":{"kind":"é +:*&=!{}"},"n":1.50}`
	n.putData("plain", `{"n":1,"type":{"kind":"a"}}`, nested, `{"n":null,"type":{"kind":"a"}}`, verbatim, `{"n":"","type":{"kind":"a"}}`,
		`{"n":1}`, `oops`, ``, `{"n":{},"type":{"kind":"a"}}`, `{"n":1,"type":7}`, `{"type":{"kind":"a"},"n":"1"}`)
	n.expect("plain", map[string]string{
		"n=1/a/":            `{"n":1,"type":{"kind":"a"}}{"type":{"kind":"a"},"n":"1"}`,
		"n=true/a/b/":       nested,
		"n=1.5/é +:*&=!{}/": verbatim,
	},
		unfit(`{"n":null,"type":{"kind":"a"}}`, nullOrEmpty), unfit(`{"n":"","type":{"kind":"a"}}`, nullOrEmpty), unfit(`{"n":1}`, nullOrEmpty),
		unfit(`oops`, "parse error: …"), unfit(``, "…"), unfit(`{"n":{},"type":{"kind":"a"}}`, "the value of partition key n …"),
		unfit(`{"n":1,"type":7}`, "…"))

	n.create("computed", keyed("computed", "day=!{partitionKeyFromQuery:day}/!{timestamp:yyyy}/!{partitionKeyFromQuery:id}-"),
		queried(`{day:.ts|strftime("%Y-%m-%d"),id:(.id|tonumber+1|tostring)}`))
	n.putData("computed", `{"ts":1700000000,"id":"7"}`, `{"ts":1700000000,"id":"x"}`, `{"ts":"now","id":"7"}`)
	n.expect("computed", map[string]string{"day=2023-11-14/" + time.Now().UTC().Format("2006") + "/8-": `{"ts":1700000000,"id":"7"}`},
		unfit(`{"ts":1700000000,"id":"x"}`, "…"), unfit(`{"ts":"now","id":"7"}`, "strftime…"))

	n.create("many", keyed("many", "!{partitionKeyFromQuery:n}/"), queried(`{n}`), appending)
	exceeded := func(raw string) lost {
		return lost{partitionsExceeded, raw, "DynamicPartitioning.ActivePartitionExceeded", "The count of active partitions has exceeded the limit of 3."}
	}
	n.putData("many", `{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`, `{"n":1}`, `{"n":5}`, `{"n":"2"}`)
	n.expect("many", map[string]string{"1/": "{\"n\":1}\n{\"n\":1}", "2/": "{\"n\":2}\n{\"n\":\"2\"}", "3/": `{"n":3}`}, exceeded(`{"n":4}`), exceeded(`{"n":5}`))
	n.putData("many", `{"n":4}`) // the others are delivered, and so no longer open
	n.expect("many", map[string]string{"1/": "{\"n\":1}\n{\"n\":1}", "2/": "{\"n\":2}\n{\"n\":\"2\"}", "3/": `{"n":3}`, "4/": `{"n":4}`},
		exceeded(`{"n":4}`), exceeded(`{"n":5}`))

	keyless := func(raw string) lost { return lost{partitioningFailed, raw, extractionCode, nullOrEmpty} }
	n.create("function", keyed("function", "!{partitionKeyFromLambda:k}/!{partitionKeyFromQuery:n}/"), transformedBy("keys", 0), queried(`{n}`))
	n.putData("function", "given", "number", "no-metadata", "no-keys", "other-key", "null", "empty", "no-json")
	n.expect("function", map[string]string{"given/of given/": `{"n":"of given"}`, "7/of number/": `{"n":"of number"}`},
		keyless("no-metadata"), keyless("no-keys"), keyless("other-key"), keyless("null"), keyless("empty"), unfit("no-json", "parse error: …"))
}

// keysOf is a function that answers a record with an object of its own and the partition key that the record asks for.
func keysOf(data string) result {
	text, err := json.Marshal(map[string]string{"n": "of " + data})
	if err != nil || data == "no-json" {
		text = []byte("no-json")
	}
	r := ok(string(text))
	keys := map[string]any{"k": data}
	switch data {
	case "no-metadata":
		return r
	case "no-keys":
		keys = nil
	case "other-key":
		keys = map[string]any{"K": data}
	case "null":
		keys["k"] = nil
	case "empty":
		keys["k"] = ""
	case "number":
		keys["k"] = 7
	}
	r["metadata"] = map[string]any{"partitionKeys": keys}
	return r
}

func TestRecordsAreTakenApartAndDelimited(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.env = []string{functionsAt(t, map[string]http.Handler{"halves": transforming(func(data string) result {
		if strings.Contains(data, "refuse") {
			return result{"result": "ProcessingFailed"}
		}
		return ok(strings.ReplaceAll(data, "1", "one"))
	})})}
	n.start()

	n.create("joined", keyed("joined", "!{partitionKeyFromQuery:n}/"), queried(`{n}`), joined, appending)
	many := strings.Repeat(`{"n":3}`, 501)
	n.putData("joined", "{\"n\":1}{\"n\":2}\n{\"n\":1,\"s\":\"}{\\\"\"}\r\n", ` {"n":2} `, `[{"n":1},{"n":2}]`, "", many, strings.Repeat(`{"n":4}`, 500), `{"n":1}{"n":`)
	n.expect("joined", map[string]string{
		"1/": "{\"n\":1}\n{\"n\":1,\"s\":\"}{\\\"\"}", "2/": "{\"n\":2}\n{\"n\":2}", "4/": strings.Repeat("{\"n\":4}\n", 499) + `{"n":4}`,
	}, unfit(`[{"n":1},{"n":2}]`, "…"), unfit(many, "parse error: …"), unfit(`{"n":1}{"n":`, "parse error: …"))

	n.create("delimited", keyed("delimited", "!{partitionKeyFromQuery:n}/"), queried(`{n}`), delimitedBy("||"))
	n.putData("delimited", `{"n":1}||{"n":2}||`, `||`, `{"n":1}|||{"n":1}`, `{"n":2}`)
	got := n.outcome("delimited")
	want := map[string]string{"delimited/data/1/": `{"n":1}{"n":1}`, "delimited/data/2/": `{"n":2}{"n":2}`}
	if !maps.Equal(got.data, want) || got.failures() != 1 || string(got.failed[extractionFailed][0].RawData) != `|{"n":1}` {
		t.Errorf("%q and %+v, want %q", got.data, got.failed, want)
	}

	n.create("halves", keyed("halves", "!{partitionKeyFromQuery:n}/"), transformedBy("halves", 0), queried(`{n}`), joined)
	n.putData("halves", `{"n":"1"}{"n":"refuse"}{"n":"2"}`, `{"n":"1"}`)
	halves := n.outcome("halves")
	want = map[string]string{"halves/data/one/": `{"n":"one"}{"n":"one"}`, "halves/data/2/": `{"n":"2"}`}
	if !maps.Equal(halves.data, want) || halves.failures() != 1 || string(halves.failed[processingFailed][0].RawData) != `{"n":"refuse"}` {
		t.Errorf("%q and %+v, want %q", halves.data, halves.failed, want)
	}

	n.create("lines", named("lines"), appending)
	n.putData("lines", "a", "b\n", "", "c")
	n.expect("lines", map[string]string{"y/": "a\nb\n\n\nc"})
}

// gzipped compresses a text as CloudWatch Logs does its subscriptions' envelopes.
func gzipped(t testing.TB, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	check(t, errors.Join(err, w.Close()))
	return b.String()
}

// envelope is what a subscription of CloudWatch Logs sends: log events of one log stream.
func envelope(t testing.TB, messages ...string) string {
	events := []map[string]any{}
	for i, m := range messages {
		events = append(events, map[string]any{"id": fmt.Sprintf("3195310660696698337880902507980421114328961542429%07d", i), "timestamp": 1432826855000 + i, "message": m})
	}
	text, err := json.Marshal(map[string]any{
		"messageType": "DATA_MESSAGE", "owner": "111111111111", "logGroup": "/aws/lambda/orders", "logStream": "2026/01/02/[$LATEST]0123456789abcdef",
		"subscriptionFilters": []string{"to-firehose"}, "logEvents": events,
	})
	check(t, err)
	return string(text)
}

const controlMessage = `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],` +
	`"logEvents":[{"id":"","timestamp":1432826855000,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}`

// extracting is decompression and the extraction of messages, or not.
func extracting(messages string) func(*to) {
	return func(d *to) {
		processed(types.ProcessorTypeCloudWatchLogProcessing, parameter(types.ProcessorParameterNameDataMessageExtraction, messages))(d)
		processed(types.ProcessorTypeDecompression, parameter(types.ProcessorParameterNameCompressionFormat, "GZIP"))(d)
	}
}

func TestEnvelopesOfCloudWatchLogsAreUnpacked(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.env = []string{functionsAt(t, map[string]http.Handler{"count": transforming(func(data string) result {
		return ok(fmt.Sprintf("%d lines of %d bytes;", strings.Count(data, "\n"), len(data)))
	})})}
	n.start()
	notEnvelope := func(raw string) lost {
		return lost{decompressionFailed, raw, "Decompression failed.", "Decompression failed because input data does not conform to cloudwatch log."}
	}
	two := envelope(t, "START RequestId: 1\n", "{\"level\":\"info\",\"text\":\"é\"}")
	records := []string{gzipped(t, two), gzipped(t, controlMessage), gzipped(t, envelope(t, "third")), gzipped(t, envelope(t))}
	const twoMessages = "START RequestId: 1\n\n{\"level\":\"info\",\"text\":\"é\"}\n"

	n.create("messages", named("messages"), extracting("True"))
	plain, cut, text := "no gzip", records[0][:len(records[0])-9], gzipped(t, "no JSON")
	other := gzipped(t, strings.Replace(two, "DATA_MESSAGE", "OTHER_MESSAGE", 1))
	eventless := gzipped(t, `{"messageType":"DATA_MESSAGE","owner":"111111111111"}`)
	n.putData("messages", append(records[:4:4], plain, cut, text, other, eventless, "")...)
	n.expect("messages", map[string]string{"y/": twoMessages + "third\n"},
		notEnvelope(plain), notEnvelope(cut), notEnvelope(text), notEnvelope(other), notEnvelope(eventless), notEnvelope(""))
	for result, want := range map[string]float64{"ok": 4, "failed": 6} {
		if got := n.metric("firehose_decompressed_records_total", `stream="messages"`, `result="`+result+`"`); got != want {
			t.Errorf("%v records are counted as %s", got, result)
		}
	}

	n.create("function", named("function"), extracting("true"), transformedBy("count", 0))
	n.putData("function", records...)
	n.expect("function", map[string]string{"y/": fmt.Sprintf("3 lines of %d bytes;0 lines of 0 bytes;1 lines of 6 bytes;0 lines of 0 bytes;", len(twoMessages))})

	n.create("whole", named("whole"), processed(types.ProcessorTypeDecompression), appending)
	n.create("without", named("without"), extracting("False"), appending)
	for _, stream := range []string{"whole", "without"} {
		n.putData(stream, records[0], plain, records[1], text)
		n.expect(stream, map[string]string{"y/": two + "\n" + controlMessage}, notEnvelope(plain), notEnvelope(text))
	}
}

func TestPutsFromElsewhereThanCloudWatchLogsAreRefusedOnDemand(t *testing.T) {
	t.Parallel()
	n := startNode(t, "--processing-cloudwatch-logs-only")
	n.create("logs", named("logs"), extracting("True"))
	n.create("free", named("free"))
	record := types.Record{Data: []byte(gzipped(t, envelope(t, "x")))}
	_, one := n.api().PutRecord(t.Context(), &firehose.PutRecordInput{DeliveryStreamName: aws.String("logs"), Record: &record})
	_, many := n.api().PutRecordBatch(t.Context(), &firehose.PutRecordBatchInput{DeliveryStreamName: aws.String("logs"), Records: []types.Record{record}})
	for _, err := range []error{one, many} {
		var refused *types.InvalidSourceException
		const text = "Put to Firehose failed for AccountId: 000000000000, FirehoseName: logs because the request is not originating from CloudWatch."
		if !errors.As(err, &refused) || aws.ToString(refused.Message) != text {
			t.Errorf("the put is answered with %v", err)
		}
	}
	n.putData("free", "x")
	n.expect("free", map[string]string{"y/": "x"})
}

// Everything at once: what one step makes is what the next is given, in the service's order.
func TestProcessorsRunInTheirOrderWhateverTheirListSays(t *testing.T) {
	t.Parallel()
	catalog := tables(t.TempDir())
	catalog.set(t, "events", "user string", "n int")
	n := newNode(t, "--catalog-dir", string(catalog))
	n.env = []string{functionsAt(t, map[string]http.Handler{"enrich": transforming(func(data string) result {
		var in struct{ User, Text string }
		if json.Unmarshal([]byte(data), &in) != nil || in.User == "" {
			return result{"result": "Dropped"}
		}
		r := ok(fmt.Sprintf(`{"user":%q,"n":%q}`, in.User, in.Text))
		r["metadata"] = map[string]any{"partitionKeys": map[string]string{"initial": in.User[:1]}}
		return r
	})})}
	n.start()
	n.create("s", keyed("s", "!{partitionKeyFromLambda:initial}/!{partitionKeyFromQuery:user}/"), converted("events", openX, toParquet),
		queried("{user}"), transformedBy("enrich", 0), joined, extracting("True"))
	n.putData("s", gzipped(t, envelope(t, `{"user":"ann","text":"1"}`, `{"user":"bob","text":"2"} {"text":"3"}`)),
		gzipped(t, controlMessage), gzipped(t, envelope(t, `{"user":"ann","text":"many"}`, `{"user":"ann","text":"4"}`)))
	n.expectUnfit("s", "events", malformed(`{"user":"ann","text":"many"}`, schemaMismatch+`For input string: "many"`))
	got := map[string]string{}
	for key, body := range folders(n.dir).read(t, bucket) {
		if prefix, name := splitKey(t, "s", key); name.extension == ".parquet" {
			got[prefix] += strings.Join(rowsOfParquet(t, body), "")
		}
	}
	want := map[string]string{"s/data/a/ann/": `{"user":"ann","n":1}{"user":"ann","n":4}`, "s/data/b/bob/": `{"user":"bob","n":2}`}
	if !maps.Equal(got, want) {
		t.Errorf("delivered\n%q\nwant\n%q", got, want)
	}
}

func TestProcessingThatTheServiceRefusesIsRefused(t *testing.T) {
	t.Parallel()
	catalog := tables(t.TempDir())
	catalog.set(t, "orders", "id string")
	n := newNode(t, "--catalog-dir", string(catalog))
	n.env = []string{functionsAt(t, map[string]http.Handler{"echo": transforming(ok)})}
	n.start()
	f := func(text string, edits ...func(*to)) {
		t.Helper()
		_, err := n.api().CreateDeliveryStream(t.Context(), &firehose.CreateDeliveryStreamInput{DeliveryStreamName: aws.String("s"),
			ExtendedS3DestinationConfiguration: destination(edits...)})
		var refused *types.InvalidArgumentException
		if !errors.As(err, &refused) || !strings.Contains(refused.ErrorMessage(), text) {
			t.Errorf("the service answers %v, want %s", err, text)
		}
	}
	byN := keyed("s", "!{partitionKeyFromQuery:n}/")
	f("SizeInMBs must be at least 64", byN, queried("{n}"), buffered(63, 60))
	f("IntervalInSeconds must be at least 60", byN, queried("{n}"), buffered(64, 59))
	f("keys that are not present in the S3 Prefix", byN, queried("{n,m}"))
	f("keys that are not present in the MetaDataExtraction", keyed("s", "!{partitionKeyFromQuery:n}/!{partitionKeyFromQuery:m}/"), queried("{n}"))
	f("no Lambda processor is present", keyed("s", "!{partitionKeyFromLambda:k}/"))
	f("only be present when Dynamic Partitioning is enabled", named("s"), joined)
	f("only be present when Dynamic Partitioning is enabled", named("s"), queried("{n}"))
	f("at least 60 for S3 backup", named("s"), backedUp, func(d *to) { d.S3BackupConfiguration.BufferingHints.IntervalInSeconds = aws.Int32(59) })
	f("must be set to UNCOMPRESSED", named("s"), converted("orders", openX, toParquet), compressed(types.CompressionFormatGzip))
	f("at least 64 when data format conversion", named("s"), converted("orders", openX, toParquet), buffered(63, 60))
	f("can only be enabled with DecompressionProcessor", named("s"),
		processed(types.ProcessorTypeCloudWatchLogProcessing, parameter(types.ProcessorParameterNameDataMessageExtraction, "True")))

	n.create("echo", named("echo"), transformedBy("echo", 0), converted("orders", openX, toParquet), func(d *to) { d.BufferingHints = nil })
	d := describe(t, n.api(), "echo").Destinations[0].ExtendedS3DestinationDescription
	if size := *d.BufferingHints.SizeInMBs; size != 128 || !aws.ToBool(d.DataFormatConversionConfiguration.Enabled) {
		t.Errorf("a conversion has batches of %d MB, and is enabled: %v", size, d.DataFormatConversionConfiguration.Enabled)
	}
}
