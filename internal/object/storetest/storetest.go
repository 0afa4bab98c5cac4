// Package storetest is the suite that every object store passes.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"firehose/internal/object"
)

// Bucket is the bucket that the suite puts objects into.
const Bucket = "suite"

// Read returns an object's body, or false if there is none.
type Read func(bucket, key string) (body []byte, there bool)

// LargeSize is the size of the suite's large object. A store that puts large objects in another way than small ones is
// opened so that this one is large.
const LargeSize = 3<<20 + 7

// Run runs the suite. Open makes an empty store, with the bucket if buckets have to be made, and a look into it.
func Run(t *testing.T, open func(t *testing.T) (object.Store, Read)) {
	t.Run("puts an object of any size", func(t *testing.T) {
		store, read := open(t)
		for _, size := range []int{0, 1, 4096, LargeSize} {
			key := fmt.Sprintf("sizes/%d", size)
			body := random(size)
			put(t, store, key, body)
			want(t, read, key, body)
		}
	})
	t.Run("replaces an object that is put again", func(t *testing.T) {
		store, read := open(t)
		for _, size := range []int{LargeSize, 10, 0, LargeSize} {
			body := random(size)
			put(t, store, "key", body)
			want(t, read, "key", body)
			put(t, store, "key", body)
			want(t, read, "key", body)
		}
	})
	t.Run("keeps strange keys apart", func(t *testing.T) {
		store, read := open(t)
		keys := []string{"a", "A/b", "a b+c", "ä/ö", "x/%2E", "x/%", "year=2026/month=02/x!y", "d/-1-2026-02-03-04-05-06-0123.gz", "e/f\tg"}
		for _, key := range keys {
			put(t, store, key, []byte(key))
		}
		for _, key := range keys {
			want(t, read, key, []byte(key))
		}
	})
	t.Run("takes many at once", func(t *testing.T) {
		store, read := open(t)
		bodies := [][]byte{random(10), random(100_000), random(LargeSize), random(0)}
		var puts sync.WaitGroup
		for i, body := range bodies {
			puts.Go(func() {
				for n := range 3 {
					put(t, store, fmt.Sprintf("many/%d/%d", i, n), body)
				}
			})
		}
		puts.Wait()
		for i, body := range bodies {
			for n := range 3 {
				want(t, read, fmt.Sprintf("many/%d/%d", i, n), body)
			}
		}
	})
	t.Run("puts nothing of a body that cannot be read", func(t *testing.T) {
		store, read := open(t)
		for _, size := range []int64{100_000, LargeSize} {
			err := store.Put(t.Context(), objectOf("broken", brokenBody{size - 10}, size))
			if err == nil {
				t.Error("no error")
			}
			if body, there := read(Bucket, "broken"); there {
				t.Errorf("%d bytes are there", len(body))
			}
		}
		put(t, store, "broken", []byte("mended"))
		want(t, read, "broken", []byte("mended"))
	})
	t.Run("puts nothing after its context has ended", func(t *testing.T) {
		store, read := open(t)
		for _, size := range []int64{1, LargeSize} {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := store.Put(ctx, objectOf("late", bytes.NewReader(random(int(size))), size)); !errors.Is(err, context.Canceled) {
				t.Errorf("put: %v", err)
			}
			if _, there := read(Bucket, "late"); there {
				t.Error("it is there")
			}
		}
	})
	t.Run("stops when its context ends", func(t *testing.T) {
		store, read := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		body := &leavingBody{ReaderAt: bytes.NewReader(random(LargeSize)), leave: cancel}
		if err := store.Put(ctx, objectOf("left", body, LargeSize)); !errors.Is(err, context.Canceled) {
			t.Errorf("put: %v", err)
		}
		if _, there := read(Bucket, "left"); there {
			t.Error("it is there")
		}
	})
}

// brokenBody cannot be read from an offset on.
type brokenBody struct{ good int64 }

func (b brokenBody) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.good {
		return 0, errors.New("the body is broken")
	}
	return len(p), nil
}

// leavingBody calls leave when its last part is read.
type leavingBody struct {
	io.ReaderAt
	leave func()
}

func (b *leavingBody) ReadAt(p []byte, off int64) (int, error) {
	if off > LargeSize/2 {
		b.leave()
	}
	return b.ReaderAt.ReadAt(p, off)
}

func random(size int) []byte {
	r := rand.New(rand.NewPCG(uint64(size), 1))
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(r.Uint32())
	}
	return body
}

func objectOf(key string, body io.ReaderAt, size int64) object.Object {
	return object.Object{Bucket: Bucket, Key: key, Body: body, Size: size, ContentType: "application/octet-stream"}
}

func put(t *testing.T, store object.Store, key string, body []byte) {
	t.Helper()
	if err := store.Put(t.Context(), objectOf(key, bytes.NewReader(body), int64(len(body)))); err != nil {
		t.Errorf("put %q: %v", key, err)
	}
}

func want(t *testing.T, read Read, key string, want []byte) {
	t.Helper()
	body, there := read(Bucket, key)
	if !there || !bytes.Equal(body, want) {
		t.Errorf("%q: there is %t, of %d bytes; want %d", key, there, len(body), len(want))
	}
}
