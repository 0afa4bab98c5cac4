package test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// kills is how often a test kills at random moments.
func kills(t testing.TB) int { return number(t, "FIREHOSE_TEST_KILLS", 3) }

// randomly waits for a moment of chance, within which much can happen.
func randomly(most time.Duration) { <-time.After(rand.N(most)) }

func TestKilledAtRandomMomentsNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	streams := []string{"gzip", "zip", "snappy", "hadoop", "plain"}
	formats := []types.CompressionFormat{types.CompressionFormatGzip, types.CompressionFormatZip, types.CompressionFormatSnappy,
		types.CompressionFormatHadoopSnappy, types.CompressionFormatUncompressed}
	for i, s := range streams {
		n.create(s, prefixed(s+"/"), compressed(formats[i]), buffered(1, int32(i)))
	}
	l := startLoad(n, 6, streams...)
	for range kills(t) {
		l.grow(200)
		randomly(1500 * time.Millisecond)
		n.kill()
		n.start()
	}
	l.grow(200)
	l.finish(folders(n.dir), bucket)
}

func TestReplayWritesTheSameObjects(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.create("s", buffered(1, 1))
	n.stop()
	atBirth, err := os.ReadFile(filepath.Join(n.dir, "state.db"))
	check(t, err)

	n.start()
	l := startLoad(n, 4, "s")
	for range kills(t) {
		l.grow(500)
		randomly(time.Second)
		n.kill()
		n.start()
	}
	l.grow(500)
	n.kill()
	l.stop()
	delivered := folders(n.dir).read(t, bucket)

	// One goes on from where it was killed, two replay everything: one over what is there, one into an empty bucket.
	on, over, empty := n.copy(), n.copy(), n.copy()
	for _, c := range []*node{over, empty} {
		check(t, os.WriteFile(filepath.Join(c.dir, "state.db"), atBirth, 0o600))
	}
	check(t, os.RemoveAll(filepath.Join(empty.dir, "buckets")))
	for _, c := range []*node{on, over, empty} {
		c.start()
		l.account["s"].settle(t, folders(c.dir), bucket, "")
		c.stop()
	}
	want := folders(on.dir).read(t, bucket)
	l.account["s"].verify(t, want.count(t, ""))
	includes(t, "delivered before the kill", want, delivered)
	sameObjects(t, "replayed over what was there", folders(over.dir).read(t, bucket), want)
	sameObjects(t, "replayed into an empty bucket", folders(empty.dir).read(t, bucket), want)
	t.Logf("%d objects, of which %d were there at the kill", len(want), len(delivered))
}
