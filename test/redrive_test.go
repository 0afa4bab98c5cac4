package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// numberOf is the number of a record of a load.
func numberOf(id string) int {
	number, _ := strconv.Atoi(id[strings.LastIndexByte(id, '-')+1:])
	return number
}

// records returns how often each record of a load is in a named stream's data, and in its error outputs.
func (n *node) records(stream string) (data, failures map[string]int) {
	n.t.Helper()
	all := folders(n.dir).read(n.t, bucket)
	files, failures := objects{}, map[string]int{}
	for key, body := range all {
		if strings.HasPrefix(key, stream+"/data/") && !strings.HasSuffix(key, ".parquet") {
			files[key] = body
		}
	}
	data = files.count(n.t, "")
	for key, body := range all {
		if strings.HasPrefix(key, stream+"/data/") && strings.HasSuffix(key, ".parquet") {
			for _, id := range firstColumn(n.t.(*testing.T), body) {
				data[id]++
			}
		}
	}
	for _, lines := range readOutcome(n.t, all, stream).failed {
		for _, f := range lines {
			id, err := idOf(f.RawData)
			check(n.t, err)
			failures[id]++
		}
	}
	return data, failures
}

// verifyAll checks that every record is either delivered or in an error output, once; and that it is in the latter by its
// number. It returns how many are.
func (l *load) verifyAll(stream string, fails func(number int) bool) int {
	l.node.t.Helper()
	counts, failures := l.node.records(stream)
	l.verifyParted(stream, counts, failures, fails)
	return len(failures)
}

// verifyParted is verifyAll of records that were counted already.
func (l *load) verifyParted(stream string, counts, failures map[string]int, fails func(number int) bool) {
	t := l.node.t
	t.Helper()
	wrong := complaints{t: t}
	for id := range counts {
		if fails(numberOf(id)) {
			wrong.add("%s: record %s is delivered", stream, id)
		}
	}
	for id := range failures {
		if !fails(numberOf(id)) {
			wrong.add("%s: record %s failed", stream, id)
		}
	}
	wrong.end()
	l.verifyOnce(stream, counts, failures)
}

// verifyOnce checks that every record is either delivered or in an error output, once.
func (l *load) verifyOnce(stream string, counts, failures map[string]int) {
	l.node.t.Helper()
	for id, n := range failures {
		counts[id] += n
	}
	if len(failures) == 0 {
		l.node.t.Errorf("%s: no record failed: nothing was tested", stream)
	}
	l.account[stream].verify(l.node.t, counts)
}

// unfitting converts records to a table that most of them do not fit: the others have an empty pad.
func unfitting(t testing.TB, stream string, catalog tables) func(*to) {
	catalog.set(t, "empty", "id string", "pad int")
	return func(d *to) {
		named(stream)(d)
		buffered(64, 1)(d)
		converted("empty", openX, toParquet)(d)
	}
}

// fifth says which records fail.
func fifth(number int) bool { return number%5 == 0 }

// fifthFails is a query that has no partition for them.
const fifthFails = `{n:(.id|split("-")|.[2]|tonumber|if . % 5 == 0 then null else . % 7 end)}`

// refusing is a function that fails them while it is broken.
func refusing(broken func() bool) http.HandlerFunc {
	return transforming(func(data string) result {
		if id, _ := idOf([]byte(data)); fifth(numberOf(id)) && broken() {
			return result{"result": "ProcessingFailed"}
		}
		return ok(data)
	})
}

// spoiling is a function that answers what does not fit the table for them.
func spoiling(broken func() bool) http.HandlerFunc {
	return transforming(func(data string) result {
		id, _ := idOf([]byte(data))
		if fifth(numberOf(id)) && broken() {
			return ok(fmt.Sprintf(`{"id":%q,"n":"many"}`, id))
		}
		return ok(fmt.Sprintf(`{"id":%q,"n":%d}`, id, numberOf(id)))
	})
}

func TestErrorOutputsOfAKilledNodeHoldEveryRecordOnceAndAreRedriven(t *testing.T) {
	t.Parallel()
	var repaired atomic.Bool
	broken := func() bool { return !repaired.Load() }
	catalog := tables(t.TempDir())
	catalog.set(t, "lines", "id string", "n int")
	n := newNode(t, "--catalog-dir", string(catalog))
	n.env = []string{functionsAt(t, map[string]http.Handler{"refusing": refusing(broken), "spoiling": spoiling(broken)})}
	n.start()
	n.create("function", named("function"), buffered(1, 1), transformedBy("refusing", 0))
	n.create("table", named("table"), buffered(64, 1), converted("lines", openX, toParquet), transformedBy("spoiling", 0))
	n.create("unfit", unfitting(t, "unfit", catalog))
	n.create("keys", keyed("keys", "!{partitionKeyFromQuery:n}/"), queried(fifthFails))
	n.create("logs", named("logs"), buffered(1, 1), extracting("True")) // no record is what it wants
	streams := []string{"function", "table", "keys", "logs"}
	l := startLoad(n, 4, append(streams[:4:4], "unfit")...)
	stopFlushing := flushing(n, "keys")
	for range kills(t) {
		l.grow(300)
		randomly(time.Second)
		n.kill()
		n.start()
	}
	l.grow(300)
	l.stop()
	stopFlushing()
	for _, s := range streams {
		n.flush(s)
	}
	failures := map[string]int{}
	for _, s := range streams {
		fails := fifth
		if s == "logs" {
			fails = func(int) bool { return true }
		}
		failures[s] = l.verifyAll(s, fails)
	}
	n.flush("unfit")
	unfit, others := n.records("unfit")
	l.verifyOnce("unfit", unfit, others)

	kinds := map[string]string{"function": processingFailed, "table": conversionFailed, "keys": extractionFailed, "logs": decompressionFailed}
	for s, kind := range kinds {
		if got := redrive(n, s, "--type", kind, "--dry-run"); got != failures[s] {
			t.Errorf("%s: %d records of %s would be put again, want %d", s, got, kind, failures[s])
		}
		out, status := command(t, "errors", s, "--url", n.at())
		if status != 0 || !strings.Contains(out, kind) {
			t.Errorf("errors %s: exit status %d, output\n%s", s, status, out)
		}
	}
	repaired.Store(true)
	for _, s := range []string{"function", "table"} {
		for _, want := range []int{failures[s], 0} { // a second time there is nothing left to put
			if got := redrive(n, s); got != want {
				t.Errorf("%s: %d records were put again, want %d", s, got, want)
			}
		}
		n.flush(s)
		counts, stillFailed := n.records(s)
		l.account[s].verify(t, counts)
		if len(stillFailed) != failures[s] {
			t.Errorf("%s: %d records are in error outputs after the redrive, %d before", s, len(stillFailed), failures[s])
		}
	}
}

// redrive runs firehose errors STREAM --redrive and returns how many records it puts.
func redrive(n *node, stream string, flags ...string) (records int) {
	n.t.Helper()
	out, status := command(n.t, append([]string{"errors", stream, "--url", n.at(), "--redrive", "--json"}, flags...)...)
	if status != 0 {
		n.t.Fatalf("redrive %s: exit status %d, output\n%s", stream, status, out)
	}
	for line := range strings.Lines(out) {
		var o struct{ Records int }
		check(n.t, json.Unmarshal([]byte(line), &o))
		records += o.Records
	}
	return records
}

// update changes a stream's destination.
func (n *node) update(stream string, change types.ExtendedS3DestinationUpdate) {
	n.t.Helper()
	d := describe(n.t, n.api(), stream)
	_, err := n.api().UpdateDestination(n.t.Context(), &firehose.UpdateDestinationInput{DeliveryStreamName: &stream,
		CurrentDeliveryStreamVersionId: d.VersionId, DestinationId: d.Destinations[0].DestinationId, ExtendedS3DestinationUpdate: &change})
	check(n.t, err)
}

// processing is the processors that edits add.
func processing(edits ...func(*to)) *types.ProcessingConfiguration {
	d := &to{}
	for _, edit := range edits {
		edit(d)
	}
	return d.ProcessingConfiguration
}

func TestUpdatesOfProcessingUnderLoadLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	catalog := tables(t.TempDir())
	n := newNode(t, "--catalog-dir", string(catalog))
	n.env = []string{functionsAt(t, map[string]http.Handler{"refusing": refusing(func() bool { return true })})}
	n.start()
	n.create("plain", named("plain"), buffered(1, 1))
	n.create("keyed", keyed("keyed", "old/!{partitionKeyFromQuery:n}/"), queried(fifthFails))
	n.create("table", unfitting(t, "table", catalog))
	l := startLoad(n, 4, "plain", "keyed", "table")
	flushing(n, "keyed")
	off := &types.ProcessingConfiguration{Enabled: aws.Bool(false)}
	for i := range 2 {
		l.grow(300)
		n.update("plain", types.ExtendedS3DestinationUpdate{ProcessingConfiguration: processing(transformedBy("refusing", 0)), Prefix: aws.String("plain/data/processed/")})
		n.update("keyed", types.ExtendedS3DestinationUpdate{ProcessingConfiguration: processing(queried(strings.ReplaceAll(fifthFails, "% 7", "% 3"))),
			Prefix: aws.String("keyed/data/new/!{partitionKeyFromQuery:n}/")})
		n.update("table", types.ExtendedS3DestinationUpdate{CompressionFormat: types.CompressionFormatGzip,
			DataFormatConversionConfiguration: &types.DataFormatConversionConfiguration{Enabled: aws.Bool(false)}})
		l.grow(300)
		if i%2 == 0 { // otherwise the next version may take over records that no batch has yet
			n.flush("plain")
		}
		n.update("plain", types.ExtendedS3DestinationUpdate{ProcessingConfiguration: off, Prefix: aws.String("plain/data/")})
		n.update("keyed", types.ExtendedS3DestinationUpdate{ProcessingConfiguration: processing(queried(strings.ReplaceAll(fifthFails, "{n:", "{k:"))),
			Prefix: aws.String("keyed/data/old/!{partitionKeyFromQuery:k}/")})
		n.update("table", types.ExtendedS3DestinationUpdate{CompressionFormat: types.CompressionFormatUncompressed,
			DataFormatConversionConfiguration: &types.DataFormatConversionConfiguration{Enabled: aws.Bool(true)}})
	}
	l.grow(300)
	l.stop()
	n.flush("plain")
	n.flush("keyed")
	n.flush("table")

	l.verifyAll("keyed", fifth)
	converted, unfit := n.records("table")
	l.verifyOnce("table", converted, unfit)
	counts, failures := n.records("plain")
	wrong := complaints{t: t}
	for id := range failures {
		if !fifth(numberOf(id)) {
			wrong.add("plain: record %s failed", id)
		}
	}
	wrong.end()
	l.verifyOnce("plain", counts, failures)
	n.checkVersions()
}

// checkVersions checks that the prefix of an object belongs to the version in its name: the first and every second after it are
// the old ones.
func (n *node) checkVersions() {
	n.t.Helper()
	wrong := complaints{t: n.t}
	processed := 0
	for key := range folders(n.dir).read(n.t, bucket) {
		stream, _, _ := strings.Cut(key, "/")
		prefix, name := splitKey(n.t, stream, key)
		version, err := strconv.Atoi(name.version)
		check(n.t, err)
		kind, below, _ := strings.Cut(strings.TrimPrefix(prefix, stream+"/"), "/")
		if stream == "table" {
			if plain := name.extension == ".gz"; plain != (version%2 == 0) {
				wrong.add("object %s has version %d", key, version)
			}
			continue
		}
		changed := strings.HasPrefix(below, "processed/") || strings.HasPrefix(below, "new/")
		if kind == "data" && changed != (version%2 == 0) || kind == processingFailed && version%2 != 0 {
			wrong.add("object %s has version %d", key, version)
		}
		if stream == "plain" && changed {
			processed++
		}
	}
	wrong.end()
	if processed == 0 {
		n.t.Error("plain: there is no object of processed records: nothing was tested")
	}
}

// A function that fails for a while is asked again about what a killed node had not delivered, and may answer otherwise.
func TestFunctionThatChangesItsMindLosesNothing(t *testing.T) {
	t.Parallel()
	var mood atomic.Int64
	n := newNode(t)
	n.env = []string{functionsAt(t, map[string]http.Handler{"fickle": transforming(func(data string) result {
		id, _ := idOf([]byte(data))
		if (numberOf(id)+int(mood.Load()))%2 == 0 {
			return result{"result": "ProcessingFailed"}
		}
		return ok(data)
	})})}
	n.start()
	n.create("s", named("s"), buffered(1, 1), transformedBy("fickle", 0))
	l := startLoad(n, 6, "s")
	for range 2 * kills(t) {
		l.grow(300)
		randomly(500 * time.Millisecond)
		n.kill()
		mood.Add(1)
		n.start()
	}
	l.grow(300)
	l.stop()
	n.flush("s")
	data, failures := n.records("s")
	for id, count := range failures {
		data[id] += count
	}
	if missing := l.account["s"].missing(data); missing > 0 || len(failures) == 0 {
		t.Errorf("%s are neither delivered nor in an error output, where %d are", plural(missing, "acknowledged record"), len(failures))
	}
}
