package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/object"
)

// RunReader runs the suite of stores that can be read. Open makes an empty store, with the bucket if buckets have to be made.
func RunReader(t *testing.T, open func(t *testing.T) ReadingStore) {
	t.Run("lists in the order of keys", func(t *testing.T) {
		store := open(t)
		keys := []string{"a", "a-b", "a.b", "a/b", "a/b/c", "a/b-c", "a/b0", "a//b", "a/.", "a/../x", "a0", "A", "ä/ö", "x%/y", "%", "z b+c&d"}
		for _, long := range []string{strings.Repeat("l", 252), strings.Repeat("l", 300), strings.Repeat("ö", 126) + "%"} {
			keys = append(keys, long+"-", long+"/x", long+"//", long+"ö/y", long+"0")
		}
		slices.Sort(keys)
		for _, key := range keys {
			if key == "a" || key == "a/b" {
				continue // a file system has either the object or what is below it
			}
			put(t, store, key, []byte(key))
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return key == "a" || key == "a/b" })
		for _, prefix := range append(keys, "", "a", "a/", "a/b", "a/./", "none", "b/", "a//") {
			for _, after := range append(keys, "", "a", "a/", "a/b/", "zz") {
				var want []string
				for _, key := range keys {
					if strings.HasPrefix(key, prefix) && key > after {
						want = append(want, key)
					}
				}
				wantList(t, store, prefix, after, want)
			}
		}
	})
	t.Run("lists many, and only as many as are wanted", func(t *testing.T) {
		store := open(t)
		var keys []string
		for i := range 40 {
			keys = append(keys, fmt.Sprintf("many/%02d/%d", i/8, i%8))
			put(t, store, keys[i], nil)
		}
		wantList(t, store, "many/", "", keys)
		for wanted := 1; wanted < 40; wanted += 6 {
			var got []string
			err := store.List(t.Context(), Bucket, "many/", "", func(o object.Info) bool {
				got = append(got, o.Key)
				return len(got) < wanted
			})
			if err != nil || !slices.Equal(got, keys[:wanted]) {
				t.Errorf("got %q, %v; want %d", got, err, wanted)
			}
		}
	})
	t.Run("says size and time", func(t *testing.T) {
		store := open(t)
		began := time.Now().Add(-2 * time.Second) // clocks of files and of answers are coarse
		put(t, store, "k", random(4097))
		err := store.List(t.Context(), Bucket, "", "", func(o object.Info) bool {
			if o.Size != 4097 || o.Modified.Before(began) || o.Modified.After(time.Now().Add(2*time.Second)) {
				t.Errorf("listed %+v", o)
			}
			return true
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("gets what was put, never decompressed", func(t *testing.T) {
		store := open(t)
		for _, encoding := range []string{"", "gzip", "snappy-java"} {
			for _, size := range []int{0, 1, 100_000} {
				o := objectOf("get/"+encoding, bytes.NewReader(random(size)), int64(size))
				o.ContentEncoding = encoding
				if err := store.Put(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				if got, err := get(t.Context(), store, o.Key); err != nil || !bytes.Equal(got, random(size)) {
					t.Errorf("got %d bytes of %d, %v", len(got), size, err)
				}
			}
		}
	})
	t.Run("says that an object is missing", func(t *testing.T) {
		store := open(t)
		put(t, store, "folder/k", nil)
		for _, key := range []string{"none", "folder", "folder/", "folder/k/x"} {
			if _, err := get(t.Context(), store, key); !errors.Is(err, object.ErrNotFound) {
				t.Errorf("get %q: %v", key, err)
			}
		}
	})
	t.Run("stops reading when its context ends", func(t *testing.T) {
		store := open(t)
		put(t, store, "k", random(LargeSize))
		ctx, cancel := context.WithCancel(t.Context())
		body, err := store.Get(ctx, Bucket, "k")
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		cancel()
		if _, err := io.Copy(io.Discard, body); !errors.Is(err, context.Canceled) {
			t.Errorf("read: %v", err)
		}
		if _, err := get(ctx, store, "k"); !errors.Is(err, context.Canceled) {
			t.Errorf("get: %v", err)
		}
		if err := store.List(ctx, Bucket, "", "", func(object.Info) bool { return true }); !errors.Is(err, context.Canceled) {
			t.Errorf("list: %v", err)
		}
	})
}

// ReadingStore is a store that can be read.
type ReadingStore interface {
	object.Store
	object.Reader
}

// DeletingStore is one that also deletes.
type DeletingStore interface {
	ReadingStore
	object.Deleter
}

// RunDeleter runs the suite of stores that delete. Open makes an empty store, with the bucket if buckets have to be made.
func RunDeleter(t *testing.T, open func(t *testing.T) DeletingStore) {
	t.Run("deletes one object and no other", func(t *testing.T) {
		store := open(t)
		for _, key := range []string{"a/b", "a/c", "a b+c%"} {
			put(t, store, key, []byte(key))
		}
		for _, key := range []string{"a/b", "a/b", "a b+c%", "none", "a", "a/", "a/c/d"} {
			if err := store.Delete(t.Context(), Bucket, key); err != nil {
				t.Errorf("delete %q: %v", key, err)
			}
		}
		wantList(t, store, "", "", []string{"a/c"})
	})
	t.Run("deletes nothing when its context has ended", func(t *testing.T) {
		store := open(t)
		put(t, store, "k", nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := store.Delete(ctx, Bucket, "k"); !errors.Is(err, context.Canceled) {
			t.Errorf("delete: %v", err)
		}
		wantList(t, store, "", "", []string{"k"})
	})
}

func get(ctx context.Context, store ReadingStore, key string) ([]byte, error) {
	body, err := store.Get(ctx, Bucket, key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func wantList(t *testing.T, store ReadingStore, prefix, after string, want []string) {
	t.Helper()
	var got []string
	err := store.List(t.Context(), Bucket, prefix, after, func(o object.Info) bool {
		got = append(got, o.Key)
		return true
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("list %q after %q: %q, %v; want %q", prefix, after, got, err, want)
	}
}
