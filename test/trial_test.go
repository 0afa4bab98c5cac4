package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// trial writes a document of one bucket to a file.
func trial(t *testing.T, of string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "leads.yaml")
	check(t, os.WriteFile(file, []byte("name: leads\ndestinations:\n  - {type: s3, s3: {bucket: "+of+", key: 'events/{{year}}/'}}\n"), 0o600))
	return file
}

func TestRealS3IsTriedBeforeAStreamIsMade(t *testing.T) {
	t.Parallel()
	r := startRealS3(t, bucket)
	n := startNode(t, s3Args(r.url)...)
	try := func(n *node, of string, wantStatus int, want ...string) {
		t.Helper()
		said, status := command(t, "test", trial(t, of), "--url", n.at())
		if status != wantStatus {
			t.Errorf("bucket %s: status %d, %s", of, status, said)
		}
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("bucket %s: %s; want %q in it", of, said, w)
			}
		}
	}
	try(n, bucket, 0, "authenticate  ok", "write         ok", "read back     ok", "delete        ok", "events/20")
	if left := r.read(t, bucket); len(left) > 0 {
		t.Errorf("left %d objects", len(left))
	}
	try(n, "nowhere", 1, "S3.NoSuchBucket", "Create the bucket nowhere")
	n.stop()
	n.args = append(s3Args(r.url), "--s3-secret-key", "wrong")
	n.start()
	try(n, bucket, 1, "authenticate  failed", "SignatureDoesNotMatch", "Correct the secret key")
	n.stop()
	n.args = append(s3Args(r.url), "--s3-access-key", "nobody")
	n.start()
	try(n, bucket, 1, "authenticate  failed", "Give this server an access key that exists")
}
