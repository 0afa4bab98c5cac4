package objectkey

import (
	"strings"
	"testing"
	"time"
)

var arrival = time.Date(2018, time.August, 27, 10, 30, 0, 999, time.UTC)

func evaluateBoth(t *testing.T, prefix, errorPrefix string, o Options, v Values) (data, failed string) {
	t.Helper()
	d, f, err := Compile(prefix, errorPrefix, o)
	if err != nil {
		t.Fatalf("Compile(%q, %q): %v", prefix, errorPrefix, err)
	}
	v.ErrorType = "processing-failed"
	return d.Evaluate(v), f.Evaluate(v)
}

func TestKeysBeginWithTheEvaluatedPrefix(t *testing.T) {
	f := func(prefix, errorPrefix, wantData, wantFailed string) {
		t.Helper()
		v := Values{Time: arrival, Seed: []byte("seed"),
			QueryKeys: map[string]string{"cid": "42"}, LambdaKeys: map[string]string{"dev": "ios/é"}}
		o := Options{DynamicPartitioning: strings.Contains(prefix, "partitionKey")}
		data, failed := evaluateBoth(t, prefix, errorPrefix, o, v)
		if data != wantData || failed != wantFailed {
			t.Errorf("%q, %q: got %q and %q, want %q and %q", prefix, errorPrefix, data, failed, wantData, wantFailed)
		}
	}
	f("", "", "2018/08/27/10/", "processing-failed/2018/08/27/10/")
	f("", "errors", "2018/08/27/10/", "errors")
	f("", "fail/!{firehose:error-output-type}/", "2018/08/27/10/", "fail/processing-failed/")
	f("logs/", "", "logs/2018/08/27/10/", "logs/processing-failed/2018/08/27/10/")
	f("logs", "", "logs2018/08/27/10/", "logsprocessing-failed/2018/08/27/10/")
	f("logs", "bad", "logs2018/08/27/10/", "bad")
	f("!", "{", "!2018/08/27/10/", "{")
	f("日本/\xff%#?", "", "日本/\xff%#?2018/08/27/10/", "日本/\xff%#?processing-failed/2018/08/27/10/")
	f("a/!{timestamp:yyyy}/m/r=!{firehose:random-string}",
		"f/!{firehose:error-output-type}/!{timestamp:yyyy}/m/!{timestamp:dd}",
		"a/2018/m/r=ckkn8ickp87", "f/processing-failed/2018/m/27")
	f("p/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/",
		"e/!{timestamp:'y='yyyy}/!{firehose:error-output-type}",
		"p/year=2018/month=08/day=27/hour=10/", "e/y=2018/processing-failed")
	f("c=!{partitionKeyFromQuery:cid}/d=!{partitionKeyFromLambda:dev}/", "e/!{firehose:error-output-type}/",
		"c=42/d=ios/é/", "e/processing-failed/")
	f("!{timestamp:yyyy/MM/dd}", "literal/", "2018/08/27", "literal/")
	f("!{firehose:random-string}/", "e", "ckkn8ickp87/", "e")
	f(strings.Repeat("x", 512), "", strings.Repeat("x", 512)+"2018/08/27/10/",
		strings.Repeat("x", 512)+"processing-failed/2018/08/27/10/")
}

func TestPrefixesAreRefusedWithTheServicesMessages(t *testing.T) {
	f := func(prefix, errorPrefix, want string) {
		t.Helper()
		_, _, err := Compile(prefix, errorPrefix, Options{DynamicPartitioning: strings.HasPrefix(prefix, "dp/")})
		if err == nil || err.Error() != want {
			t.Errorf("%q, %q: got %v, want %s", prefix, errorPrefix, err, want)
		}
	}
	const ok = "e/!{firehose:error-output-type}/"
	rule := "Ths supplied prefix(es) do not satisfy the following constraint: "
	f("!{timestamp:yyyy/MM/dd}", "", rule+"ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
	f("x/!{foo:bar}", "", rule+"Namespace to the left of colon (foo) is an invalid keyword!")
	f("x/", "!{Timestamp:yyyy}", rule+"Namespace to the left of colon (Timestamp) is an invalid keyword!")
	f("x/!{firehose:error-output-type}", ok, rule+"Prefix must not contain any occurrence of !{firehose:error-output-type}")
	f("x/", "e/!{timestamp:yyyy}/", rule+"ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}")
	f("x/", "e/!{firehose:random-string}/", rule+"ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}")

	for _, bad := range []string{"!{", "a!{b", "!{}", "!{timestamp}", "!{timestamp:yyyy", "!{:yyyy}", "!{a-b:c}", "!{timestamp:}",
		"!{timestamp:!{yyyy}}", "!{partitionKeyFromQuery:}", "!{timestamp :yyyy}"} {
		f(bad, ok, rule+"Invalid expression usage")
		f("", bad, rule+"Invalid expression usage")
	}
	for _, bad := range []string{"!{timestamp:C}", "!{timestamp:yyyy-b}", "!{timestamp:'x}", "!{timestamp:MMMMMM}", "!{timestamp:#}",
		"!{timestamp:yy]}", "!{timestamp:VVV}", "!{timestamp:p}", "!{timestamp:pd}", "!{firehose:foo}", "!{firehose:}"} {
		f(bad, ok, rule+"Invalid conversion character used in the value of the expression in Prefix")
		f("", bad, rule+"Invalid conversion character used in the value of the expression in ErrorOutputPrefix")
	}

	f(strings.Repeat("x", 513), ok, rule+"Length of evaluated prefix cannot be greater than 512")
	f(strings.Repeat("é", 502)+"!{firehose:random-string}", ok, rule+"Length of evaluated prefix cannot be greater than 512")
	f("", strings.Repeat("x", 513), rule+"Length of evaluated ErrorOutputPrefix cannot be greater than 512")
	f("", strings.Repeat("x", 496)+"!{firehose:error-output-type}", rule+"Length of evaluated ErrorOutputPrefix cannot be greater than 512")

	f("dp/", ok, "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled")
	f("!{partitionKeyFromQuery:a}", ok,
		"Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.")
	f("dp/!{partitionKeyFromLambda:a}", ok+"!{partitionKeyFromLambda:a}",
		"Dynamic Partitioning Namespaces can't be part of an error prefix expression")
	f("dp/!{partitionKeyFromLambda:a}", "", rule+"ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
}

func TestTheZoneAppliesToEveryPartOfAKey(t *testing.T) {
	tokyo, err := ParseZone("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Location: tokyo}
	late := time.Date(2025, time.December, 31, 15, 4, 5, 0, time.UTC)
	data, failed := evaluateBoth(t, "p/", "!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd'T'HH XXX VV}/", o, Values{Time: late})
	if want := "p/2026/01/01/00/"; data != want {
		t.Errorf("got %q, want %q", data, want)
	}
	if want := "processing-failed/2026-01-01T00 +09:00 Asia/Tokyo/"; failed != want {
		t.Errorf("got %q, want %q", failed, want)
	}
	name := Name{Stream: "s", Version: 2, Time: late, Location: tokyo}.String()
	if !strings.HasPrefix(name, "s-2-2026-01-01-00-04-05-") {
		t.Errorf("got %q", name)
	}
}

func TestRandomStringsFollowFromTheSeedAndTheOccurrence(t *testing.T) {
	template, _, err := Compile("!{firehose:random-string}/!{firehose:random-string}", "e", Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := template.Evaluate(Values{Time: arrival, Seed: []byte("a seed of a batch")})
	if again := template.Evaluate(Values{Time: arrival, Seed: []byte("a seed of a batch")}); again != first {
		t.Errorf("got %q and %q from one seed", first, again)
	}
	if other := template.Evaluate(Values{Time: arrival, Seed: []byte("a seed of another")}); other == first {
		t.Errorf("got %q from two seeds", first)
	}
	left, right, _ := strings.Cut(first, "/")
	if left == right || len(left) != 11 || len(right) != 11 {
		t.Errorf("got %q", first)
	}
}

func TestTemplatesTellTheirPartitionKeys(t *testing.T) {
	prefix := "!{partitionKeyFromQuery:b}!{partitionKeyFromLambda:c}!{partitionKeyFromQuery:a:x}!{partitionKeyFromQuery:b}"
	template, _, err := Compile(prefix, "e", Options{DynamicPartitioning: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(template.QueryKeys(), " "); got != "b a:x" {
		t.Errorf("query keys %q", got)
	}
	if got := strings.Join(template.LambdaKeys(), " "); got != "c" {
		t.Errorf("Lambda keys %q", got)
	}
}

func TestNamesHaveTheServicesForm(t *testing.T) {
	n := Name{Stream: "my.stream-1", Version: 12, Time: arrival, Extension: ".json.gz",
		Unique: UUID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x4d, 0xef, 0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}}
	want := "my.stream-1-12-2018-08-27-10-30-00-01234567-89ab-4def-8123-456789abcdef.json.gz"
	if got := n.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestUniquePartsNeverChange keeps the names of objects: with other ones a replay after an update would write every
// object in flight a second time.
func TestUniquePartsNeverChange(t *testing.T) {
	id := Unique([]byte("stream"), []byte("destination"), nil, []byte{1, 2})
	if got, want := id.String(), "7304da8f-0cbf-4414-aafc-991838a1c6ee"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if id == Unique([]byte("stream"), []byte("destinatio"), []byte("n"), []byte{1, 2}) {
		t.Error("the border between parts has no effect")
	}
	if id[6]>>4 != 4 || id[8]>>6 != 2 {
		t.Errorf("%x is no version 4 UUID", id)
	}
}

func TestExtensionFollowsTheCompressionUnlessItIsSet(t *testing.T) {
	f := func(compression, fileExtension, want string) {
		t.Helper()
		if got := Extension(compression, fileExtension); got != want {
			t.Errorf("Extension(%q, %q) = %q, want %q", compression, fileExtension, got, want)
		}
	}
	f("UNCOMPRESSED", "", "")
	f("", "", "")
	f("GZIP", "", ".gz")
	f("ZIP", "", ".zip")
	f("Snappy", "", ".snappy")
	f("HADOOP_SNAPPY", "", ".snappy")
	f("GZIP", ".json.gz", ".json.gz")
	f("UNCOMPRESSED", ".txt", ".txt")
}

func FuzzCompile(f *testing.F) {
	f.Add("logs/", "e/!{firehose:error-output-type}/", "UTC")
	f.Add("!{timestamp:[pp'x'yyyyzzzz]}!{firehose:random-string}", "!{firehose:error-output-type}", "Asia/Calcutta")
	f.Add("!{timestamp:BBBB''VV}!{", "e!{timestamp}", "Europe/Dublin")
	f.Fuzz(func(t *testing.T, prefix, errorPrefix, zoneName string) {
		location, err := ParseZone(zoneName)
		if err != nil {
			location = nil
		}
		data, failed, err := Compile(prefix, errorPrefix, Options{Location: location})
		if err != nil {
			return
		}
		v := Values{Time: arrival, Seed: []byte(prefix), ErrorType: "processing-failed"}
		for template, source := range map[*Template]string{data: prefix, failed: errorPrefix + prefix} {
			text := template.Evaluate(v)
			if text != template.Evaluate(v) {
				t.Errorf("%q evaluates to two texts", source)
			}
			if limit := 32*len(source) + 64; len(text) > limit {
				t.Errorf("%q evaluates to %d bytes, more than %d", source, len(text), limit)
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	tokyo, err := ParseZone("Pacific/Wallis")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := Compile("logs/", "", Options{Location: tokyo}); err != nil {
			b.Fatal(err)
		}
	}
}
