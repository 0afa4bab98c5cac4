package object

import (
	"context"
	"errors"
	"io"
	"net/url"
	"time"
)

// Info is what a list says of an object.
type Info struct {
	Key      string
	Size     int64     // in bytes
	Modified time.Time // when it was put
}

// ErrNotFound says that there is no object of the key.
var ErrNotFound = errors.New("object not found")

// Reader reads what a Store has put, for people and tools that look after it; no delivery needs one. Every store of this
// tree is one too. A *verdict.SetUp error says what somebody must repair.
type Reader interface {
	// List calls yield with the objects of a bucket whose keys begin with prefix and come behind after in the order of
	// bytes, in that order, until yield returns false.
	List(ctx context.Context, bucket, prefix, after string, yield func(Info) bool) error

	// Get opens an object's bytes, as they were put: nothing is decompressed. The error of a missing one is ErrNotFound.
	Get(ctx context.Context, bucket, key string) (io.ReadCloser, error)
}

// Deleter deletes objects: those that were put to try a bucket, never what was delivered. A key that has no object is no
// error. A *verdict.SetUp error says what somebody must repair.
type Deleter interface {
	Delete(ctx context.Context, bucket, key string) error
}

// Addresser is a store behind an address in the network.
type Addresser interface {
	// Address is where requests for a bucket go, or an error if the settings make none.
	Address(ctx context.Context, bucket string) (*url.URL, error)
}

// ReadUntil returns a reader that ends with its context.
func ReadUntil(ctx context.Context, r io.Reader) io.Reader { return &bounded{ctx, r} }

type bounded struct {
	ctx    context.Context
	reader io.Reader
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.reader.Read(p)
}
