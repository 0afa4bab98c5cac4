package folder

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firehose/internal/object"
	"firehose/internal/object/storetest"
	"firehose/internal/verdict"
)

func open(t *testing.T) (*Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, dir
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (object.Store, storetest.Read) {
		s, dir := open(t)
		t.Cleanup(func() {
			if left, err := os.ReadDir(filepath.Join(dir, uploadsFolder)); err != nil || len(left) > 0 {
				t.Errorf("uploads are left behind: %v, %v", left, err)
			}
		})
		return s, func(bucket, key string) ([]byte, bool) {
			body, err := os.ReadFile(filepath.Join(dir, Path(bucket, key)))
			return body, err == nil
		}
	})
}

func TestReader(t *testing.T) {
	storetest.RunReader(t, func(t *testing.T) storetest.ReadingStore {
		s, _ := open(t)
		return s
	})
}

func TestFolderDeletes(t *testing.T) {
	storetest.RunDeleter(t, func(t *testing.T) storetest.DeletingStore {
		s, _ := open(t)
		return s
	})
}

func TestBucketThatNothingWasPutIntoIsEmpty(t *testing.T) {
	s, _ := open(t)
	err := s.List(t.Context(), "none", "", "", func(o object.Info) bool {
		t.Errorf("listed %+v", o)
		return true
	})
	if err != nil {
		t.Error(err)
	}
}

func put(s *Store, bucket, key, body string) error {
	return s.Put(context.Background(), object.Object{Bucket: bucket, Key: key, Body: strings.NewReader(body), Size: int64(len(body))})
}

// tree returns all files below a folder.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			relative, _ := filepath.Rel(dir, path)
			names = append(names, relative)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestKeysStayInTheirBucket(t *testing.T) {
	f := func(bucket, key, want string) {
		t.Helper()
		s, dir := open(t)
		if err := put(s, bucket, key, "body"); err != nil {
			t.Errorf("put %q %q: %v", bucket, key, err)
		}
		if got := tree(t, filepath.Dir(dir)); len(got) != 1 || got[0] != "data/buckets/"+want {
			t.Errorf("put %q %q makes %q, want %q", bucket, key, got, want)
		}
	}
	f("b", "k", "b/k")
	f("b", "a/b/c", "b/a/b/c")
	f("b", "../../../etc/passwd", "b/%2E%2E/%2E%2E/%2E%2E/etc/passwd")
	f("b", "a/../../c", "b/a/%2E%2E/%2E%2E/c")
	f("b", "/etc/passwd", "b/%/etc/passwd")
	f("b", "a//b", "b/a/%/b")
	f("b", "a/", "b/a/%")
	f("b", "", "b/%")
	f("b", "./.", "b/%2E/%2E")
	f("b", "...", "b/...")
	f("b", "a\x00b", "b/a%00b")
	f("b", "100%", "b/100%25")
	f("..", "k", "%2E%2E/k")
	f("a/../../b", "k", "a%2F..%2F..%2Fb/k")
	f("", "k", "%/k")
}

func TestKeyIsTheInverseOfPath(t *testing.T) {
	f := func(key string) {
		t.Helper()
		path := Path("bucket", key)
		if got := Key(strings.TrimPrefix(path, "buckets/bucket/")); got != key {
			t.Errorf("%q lies at %q, which is the key %q", key, path, got)
		}
	}
	for _, key := range []string{"", "/", "//", "a", "a/", "/a", "a//b", ".", "..", "...", "a/./b/../c", "%", "%%", "%25", "%2E", "%2E%2E", "%00",
		"\x00", "a\x00", "100%", "%/x", "%2F", "ä%ö", "%252E", "%+", "a%+/b"} {
		f(key)
	}
	for length := range 520 {
		for _, end := range []string{"", ".", "..", "%", "%+", "\x00", "ö", "\xff\xff\xff\xff", "/", "/."} {
			f(strings.Repeat("x", length) + end)
			f(strings.Repeat("x", length) + end + strings.Repeat("y", 300))
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("a/../b", "..")
	f.Add("%2E/%", "a/b")
	f.Add(strings.Repeat("x", 253)+"..", "a")
	f.Fuzz(func(t *testing.T, key, bucket string) {
		path := Path(bucket, key)
		if !filepath.IsLocal(path) || filepath.Clean(path) != path || strings.Contains(path, "\x00") || strings.Count(path, "/") < 2 {
			t.Errorf("%q %q lies at %q", bucket, key, path)
		}
		for part := range strings.SplitSeq(path, "/") {
			if len(part) > nameMax && len(bucket) < 80 {
				t.Errorf("%q lies at %q, in which a name is too long", key, path)
			}
		}
		parts := strings.SplitN(path, "/", 3)
		if parts[0] != bucketsFolder || Key(parts[2]) != key || Key(parts[1]) != bucket {
			t.Errorf("%q %q lies at %q, which is %q %q", bucket, key, path, Key(parts[1]), Key(parts[2]))
		}
	})
}

func TestLinksOutOfTheFolderAreNotFollowed(t *testing.T) {
	s, dir := open(t)
	outside := t.TempDir()
	if err := put(s, "b", "k", "x"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "buckets/b/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "file"), filepath.Join(dir, "buckets/b/file")); err != nil {
		t.Fatal(err)
	}
	if err := put(s, "b", "link/k", "x"); err == nil {
		t.Error("an object was put behind a link")
	}
	if err := put(s, "b", "file", "x"); err != nil {
		t.Errorf("a link was not replaced: %v", err)
	}
	if got := tree(t, outside); len(got) != 0 {
		t.Errorf("outside there is %q", got)
	}
}

// peekingBody looks around while it is read.
type peekingBody struct {
	io.ReaderAt
	peek func()
}

func (b peekingBody) ReadAt(p []byte, off int64) (int, error) {
	b.peek()
	return b.ReaderAt.ReadAt(p, off)
}

func TestObjectAppearsWhole(t *testing.T) {
	s, dir := open(t)
	place := filepath.Join(dir, "buckets/b/k")
	for _, before := range []string{"", "old"} {
		body := bytes.Repeat([]byte("new "), 100_000)
		peeks := 0
		peeking := peekingBody{bytes.NewReader(body), func() {
			peeks++
			if got, _ := os.ReadFile(place); string(got) != before {
				t.Errorf("%d bytes are visible while it is written", len(got))
			}
		}}
		if err := s.Put(t.Context(), object.Object{Bucket: "b", Key: "k", Body: peeking, Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(place); err != nil || !bytes.Equal(got, body) || peeks < 2 {
			t.Errorf("%d bytes, %v, after %d peeks", len(got), err, peeks)
		}
		if err := put(s, "b", "k", "old"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenDeletesWhatACrashLeft(t *testing.T) {
	s, dir := open(t)
	if err := put(s, "b", "k", "x"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	left := filepath.Join(dir, uploadsFolder, "left")
	if err := os.WriteFile(left, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := tree(t, dir); len(got) != 1 || got[0] != "buckets/b/k" {
		t.Errorf("there is %q", got)
	}
}

func TestKeyThatTheFileSystemCannotHoldIsSetUp(t *testing.T) {
	s, dir := open(t)
	if err := put(s, "b", "file", "x"); err != nil {
		t.Fatal(err)
	}
	if err := put(s, "b", "folder/file", "x"); err != nil {
		t.Fatal(err)
	}
	f := func(bucket, key string) {
		t.Helper()
		err := put(s, bucket, key, "x")
		broken := verdict.AsSetUp(err)
		if broken == nil || broken.Code == "" || broken.Fix == "" || broken.Absent {
			t.Errorf("put %.20q: %v", key, err)
		}
		if got := tree(t, filepath.Join(dir, uploadsFolder)); len(got) != 0 {
			t.Errorf("put %.20q leaves %q", key, got)
		}
	}
	f("b", "file/below")
	f("b", "folder")
	f(strings.Repeat("b", 300), "k")
}

func TestFolderThatIsNotWritableIsSetUp(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser may write everywhere")
	}
	s, dir := open(t)
	if err := put(s, "b", "k", "x"); err != nil {
		t.Fatal(err)
	}
	bucket := filepath.Join(dir, "buckets/b")
	for _, mode := range []fs.FileMode{0o555, 0o333} { // the second can be written, but not synced
		if err := os.Chmod(bucket, mode); err != nil {
			t.Fatal(err)
		}
		err := put(s, "b", "new", "x")
		os.Chmod(bucket, 0o755)
		if verdict.AsSetUp(err) == nil {
			t.Errorf("put: %v", err)
		}
		if got := tree(t, bucket); len(got) != 1 {
			t.Errorf("refused, and yet there is %q", got)
		}
	}
}

func TestOpenNeedsTheFolder(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
}
