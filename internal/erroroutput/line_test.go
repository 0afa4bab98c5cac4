package erroroutput

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var (
	arrival = time.UnixMilli(1693224000123).UTC()
	ended   = time.UnixMilli(1693224060456).UTC()
)

// sample returns a failed record of a type.
func sample(kind, code, message string) Line {
	return Line{Failure: Failure{Type: kind, Code: code, Message: message, Attempts: 1}, Arrival: arrival, Ended: ended, Raw: []byte(`{"a":1}`)}
}

func samples() map[string]Line {
	processing := sample(Processing, "Lambda.FunctionError", "The Lambda function was successfully invoked but it returned an error result.")
	processing.Attempts, processing.LambdaARN = 4, "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"
	conversion := sample(Conversion, "DataFormatConversion.MalformedData", `Data does not match the schema. For input string: "oops"`)
	conversion.Sequence = "4957719"
	conversion.Table = &Table{"123456789012", "db", "t", "us-east-1", "LATEST", "arn:aws:iam::123456789012:role/r"}
	endpoint := sample(HTTPEndpoint, "HttpEndpoint.DestinationException", `The following response was received from the endpoint destination. 413: {"errorMessage":"too large"}`)
	endpoint.Attempts, endpoint.Sequence = 5, "4957719"
	return map[string]Line{
		HTTPEndpoint:  endpoint,
		Processing:    processing,
		Conversion:    conversion,
		Decompression: sample(Decompression, CodeDecompression, "Decompression failed because input data does not conform to cloudwatch log."),
		Extraction:    sample(Extraction, CodeExtraction, "partitionKeys values must not be null or empty"),
		Partitioning:  sample(Partitioning, "DynamicPartitioning.PartitionKeyMissing", "a\nb\t\"\\ \x00 é 漢 \u2028 <&>"),
		Partitions:    sample(Partitions, "DynamicPartitioning.ActivePartitionsLimitExceeded", ""),
	}
}

func TestLinesHaveTheServicesMembersInTheirOrder(t *testing.T) {
	for kind, line := range samples() {
		path := filepath.Join("testdata", kind+".json")
		got := line.Append(nil)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", kind, got, want)
		}
	}
}

// The line that the service's own looks like, letter by letter.
func TestALineOfProcessingIsTheServices(t *testing.T) {
	const want = `{"rawData":"eyJhIjoxfQ==","errorCode":"Lambda.FunctionError","errorMessage":"The Lambda function was successfully invoked but it returned an error result.","attemptsMade":4,"arrivalTimestamp":1693224000123,"attemptEndingTimestamp":1693224060456,"lambdaARN":"arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"}` + "\n"
	if got := string(samples()[Processing].Append([]byte("before"))); got != "before"+want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestLinesComeBackAsTheyWent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for kind, line := range samples() {
		for size := range 200 {
			line.Raw = make([]byte, size)
			for i := range line.Raw {
				line.Raw[i] = byte(random.Uint32())
			}
			got, err := Parse(line.Append(nil))
			if kind == Partitioning || kind == Partitions {
				got.Type = kind // the line does not tell it
			}
			if err != nil || !reflect.DeepEqual(got, line) {
				t.Fatalf("%+v\ncame back as\n%+v, %v", line, got, err)
			}
		}
	}
}

func TestTextsThatAreNotUTF8AreReplaced(t *testing.T) {
	line := sample(Processing, "a\xffb", "")
	if got, err := Parse(line.Append(nil)); err != nil || got.Code != "a\ufffdb" {
		t.Errorf("%q, %v", got.Code, err)
	}
}

func TestLinesOfOtherDestinationsAreRead(t *testing.T) {
	f := func(text string, want Line) {
		t.Helper()
		want.Arrival, want.Ended, want.Raw = arrival, ended, []byte(`{"a":1}`)
		got, err := Parse([]byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis read as\n%+v, %v, want\n%+v", text, got, err, want)
		}
	}
	const common = `"arrivalTimestamp":1693224000123,"attemptEndingTimestamp":1693224060456,"rawData":"eyJhIjoxfQ=="`
	f(`{`+common+`,"attemptsMade":5,"errorCode":"HttpEndpoint.DestinationException","errorMessage":"m","subsequenceNumber":0,"dataId":"4960735.0"}`,
		Line{Failure: Failure{Type: HTTPEndpoint, Code: "HttpEndpoint.DestinationException", Message: "m", Attempts: 5}, Sequence: "4960735"})
	f(`{`+common+`,"EventId":"4957719.0","errorCode":"Splunk.AckTimeout"}`, Line{Failure: Failure{Code: "Splunk.AckTimeout"}})
	f(` {`+common+`,"errorCode":"400","esDocumentId":null,"esTypeName":{"deep":[1]}}`+"\n", Line{Failure: Failure{Code: "400"}})
	f(`{`+common+`,"errorCode":"c","lambdaArn":"arn"}`, Line{Failure: Failure{Type: Processing, Code: "c", LambdaARN: "arn"}})
	f(`{`+strings.ReplaceAll(common, "eyJhIjoxfQ==", `\u0065yJhIjoxfQ==`)+`}`, Line{})
}

func TestWhatIsNoLineIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "null", "1", "[]", "{}", `{"rawData":null}`, `{"rawData":"%"}`, `{"rawData":1}`, `{"rawData":""`, `{"rawData":""}{"rawData":""}`,
		`{"rawData":"","attemptsMade":"1"}`, `{"rawData":"","attemptsMade":1.5}`, `{"rawData":"","arrivalTimestamp":1e30}`,
	} {
		if l, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v", text, l)
		}
	}
}

func TestAnObjectIsReadLineByLine(t *testing.T) {
	var object []byte
	large := sample(Processing, "c", "")
	large.Raw = bytes.Repeat([]byte("0123456789"), 300_000)
	for range 3 {
		object = append(large.Append(object), '\n')
	}
	n := 0
	for l, err := range Lines(bytes.NewReader(append(object, "{}\n{}\n"...))) {
		if n++; n <= 3 {
			if err != nil || !bytes.Equal(l.Raw, large.Raw) {
				t.Fatalf("line %d: %d bytes, %v", n, len(l.Raw), err)
			}
		} else if err == nil || !strings.HasPrefix(err.Error(), "line 7: ") {
			t.Errorf("line %d: %v", n, err)
		}
	}
	if n != 4 {
		t.Errorf("%d lines; want three and one error", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, line := range samples() {
		f.Add(line.Append(nil))
	}
	f.Add([]byte(`{"rawData":"","lastErrorCode":"c","lambdaArn":"a","dataCatalogTable":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		line, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(line.Append(nil))
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, line.Append(nil), err)
		}
		switch line.Type {
		case HTTPEndpoint:
			line.Table, line.LambdaARN = nil, "" // are not written
		case Conversion:
			line.LambdaARN = ""
		default:
			line.Sequence, line.Table = "", nil
		}
		if !reflect.DeepEqual(line, again) {
			t.Errorf("%q is read as\n%+v and written again as\n%+v", text, line, again)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	line := samples()[Processing]
	line.Raw = bytes.Repeat([]byte("x"), 1000)
	var dst []byte
	b.SetBytes(int64(len(line.Raw)))
	for b.Loop() {
		dst = line.Append(dst[:0])
	}
}
