package test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

const backupBucket = "originals"

// backedUp keeps a stream's original records in ZIP archives of a bucket of their own.
func backedUp(d *to) {
	d.S3BackupMode = types.S3BackupModeEnabled
	d.S3BackupConfiguration = &types.S3DestinationConfiguration{
		RoleARN:           aws.String(role),
		BucketARN:         aws.String("arn:aws:s3:::" + backupBucket),
		Prefix:            aws.String("kept/"),
		BufferingHints:    &types.BufferingHints{SizeInMBs: aws.Int32(1), IntervalInSeconds: aws.Int32(900)},
		CompressionFormat: types.CompressionFormatZip,
	}
}

// backups returns the texts of a stream's backups.
func (n *node) backups(stream string) (texts []string) {
	n.t.Helper()
	for key, body := range folders(n.dir).read(n.t, backupBucket) {
		if !strings.Contains(key, stream) {
			continue
		}
		prefix, name := splitKey(n.t, stream, key)
		at := strings.Split(name.time, "-")
		if want := "kept/" + strings.Join(at[:4], "/") + "/"; prefix != want || name.extension != ".zip" {
			n.t.Errorf("backup %s is not below %s, or no archive", key, want)
		}
		text, err := decompress(key, body)
		check(n.t, err)
		texts = append(texts, string(text))
	}
	return texts
}

func TestBackupHoldsTheOriginalsOfAllRecords(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.env = []string{functionsAt(t, map[string]http.Handler{"sort": transforming(func(data string) result {
		switch {
		case strings.HasPrefix(data, "drop"):
			return result{"result": "Dropped"}
		case strings.HasPrefix(data, "fail"):
			return result{"result": "ProcessingFailed"}
		}
		return ok("fine")
	})})}
	n.start()

	n.create("counted", named("counted"), transformedBy("sort", 0), backedUp)
	records := []string{"keep" + strings.Repeat("k", 47), "drop" + strings.Repeat("d", 49), "fail" + strings.Repeat("f", 49)}
	n.putData("counted", records...)
	functionCase{name: "counted", data: "fine", failed: records[2:], code: "Lambda.ProcessingFailedStatus", attempts: 1}.checkOf(n, "sort")
	if got := n.backups("counted"); !slices.Equal(got, []string{strings.Join(records, "")}) {
		t.Errorf("the backups hold %q", got)
	}
	counted := func(name string, want float64, labels ...string) {
		t.Helper()
		if got := n.metric("firehose_"+name, append(labels, `stream="counted"`)...); got != want {
			t.Errorf("%s %v is %v, want %v", name, labels, got, want)
		}
	}
	const data, backup = `delivery="destinationId-000000000001"`, `delivery="destinationId-000000000001-backup"`
	counted("delivery_records_total", 2, data)
	counted("delivery_bytes_total", 51+53, data)
	counted("delivery_records_total", 3, backup)
	counted("delivery_bytes_total", 51+53+53, backup)
	counted("processing_records_total", 1, `result="ok"`)
	counted("processing_records_total", 1, `result="dropped"`)
	counted("processing_records_total", 1, `result="failed"`)
	counted("processing_bytes_total", 51)
	counted("error_output_records_total", 1, `type="processing-failed"`, `code="Lambda.ProcessingFailedStatus"`)
	counted("error_output_bytes_total", 53)

	// Sizes are those of what is delivered: the backup needs two batches, the data one.
	n.create("large", named("large"), transformedBy("sort", 0), backedUp)
	large := []string{strings.Repeat("a", 700_000), strings.Repeat("b", 700_000)}
	n.putData("large", large...)
	n.expect("large", map[string]string{"y/": "finefine"})
	got := n.backups("large")
	slices.Sort(got)
	if !slices.Equal(got, large) {
		t.Errorf("there are %d backups", len(got))
	}

	// Nothing is done to the backup but what its own configuration says.
	n.create("unpacked", named("unpacked"), extracting("True"), appending, backedUp)
	logs := []string{gzipped(t, envelope(t, "one", "two")), "no gzip"}
	n.putData("unpacked", logs...)
	if got := n.outcome("unpacked"); !maps.Equal(got.data, map[string]string{dataOf("unpacked"): "one\ntwo\n"}) || len(got.failed[decompressionFailed]) != 1 {
		t.Errorf("%+v", got)
	}
	if got := n.backups("unpacked"); !slices.Equal(got, []string{strings.Join(logs, "")}) {
		t.Errorf("the backups hold %q", got)
	}
}

func TestBackupAndPartitionsBeyondTheLimitOfAKilledNodeHoldEveryRecordOnce(t *testing.T) {
	t.Parallel()
	n := startNode(t, "--processing-partitions-max", "4")
	n.create("s", keyed("s", "!{partitionKeyFromQuery:n}/"), queried(fifthFails), delimitedBy("|"), backedUp)
	l := startLoad(n, 4, "s")
	for range kills(t) {
		l.grow(300)
		randomly(time.Second)
		n.kill()
		n.start()
		n.update("s", types.ExtendedS3DestinationUpdate{Prefix: aws.String("s/data/since-" + rand.Text() + "/!{partitionKeyFromQuery:n}/")})
		l.grow(300)
		n.flush("s")
	}
	l.grow(300)
	l.stop()
	n.flush("s")
	data, failures := n.records("s")
	l.verifyOnce("s", data, failures)
	kinds := readOutcome(t, folders(n.dir).read(t, bucket), "s").failed
	if len(kinds[partitionsExceeded]) == 0 || len(kinds[extractionFailed]) == 0 {
		t.Errorf("%d records found no partition open, %d had none: nothing was tested", len(kinds[partitionsExceeded]), len(kinds[extractionFailed]))
	}
	kept := map[string]int{}
	for _, text := range n.backups("s") {
		for line := range strings.Lines(text) {
			id, err := idOf([]byte(line))
			check(t, err)
			kept[id]++
		}
	}
	l.account["s"].verify(t, kept)
}
