package test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

func TestRecordIsFoundOnItsWayAndInItsObject(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.create("s", buffered(128, 900)) // nothing is delivered but by a flush
	name := "s"
	answer, err := n.api().PutRecord(t.Context(), &firehose.PutRecordInput{DeliveryStreamName: &name, Record: &types.Record{Data: line("r")}})
	check(t, err)
	check(t, put(t.Context(), n.api(), "s", "behind")) // a block of its own

	says := func(status int, id string, want ...string) string {
		t.Helper()
		said, got := command(t, "record", id, "--url", n.at())
		if got != status {
			t.Errorf("firehose record: status %d, want %d: %s", got, status, said)
		}
		for _, text := range want {
			if !strings.Contains(said, text) {
				t.Errorf("firehose record does not say %q: %s", text, said)
			}
		}
		return said
	}
	says(0, *answer.RecordId, "stream     s ", "holds it", ": open")
	n.flush("s")
	said := says(0, *answer.RecordId, "holds it", ": delivered")
	_, key, found := strings.Cut(strings.TrimSpace(said), "s3://"+bucket+"/")
	if objects, err := filepath.Glob(filepath.Join(n.dir, "buckets", bucket, filepath.FromSlash(key))); !found || err != nil || len(objects) != 1 {
		t.Errorf("there is no object where it is said to be: %s", said)
	}
	n.kill()
	n.start()
	says(0, *answer.RecordId, ": delivered", key)

	n.kill()
	segments, err := filepath.Glob(filepath.Join(n.dir, "log", "*", "0", "*.seg"))
	check(t, err)
	if len(segments) != 1 {
		t.Fatalf("segments %v", segments)
	}
	file, err := os.ReadFile(segments[0])
	check(t, err)
	file[segmentHeader+frameHeader] ^= 1
	check(t, os.WriteFile(segments[0], file, 0o600))
	n.start()
	says(0, *answer.RecordId, "its block is damaged")
	says(1, "nonsense", "record id")
	if status, _ := n.ask(http.MethodGet, "/v1/records?id=nonsense"); status != http.StatusBadRequest {
		t.Errorf("an id that is none is answered with %d", status)
	}
}
