// Package object is object storage as deliveries see it: a place that takes whole objects under a bucket and a key, and
// replaces an object that is put again. Reading, listing and deleting are no business of a delivery, and have interfaces of
// their own: Reader for those who look at what was put, Deleter for those who try a bucket and leave nothing behind.
package object

import (
	"context"
	"io"
)

// Object is one object to put.
type Object struct {
	Bucket          string
	Key             string
	Body            io.ReaderAt // read from the start by each try, by several readers at once for large objects
	Size            int64       // of the body in bytes
	ContentType     string
	ContentEncoding string // empty for none
	KMSKey          string // ARN of the key for server-side encryption; empty for the bucket's default
}

// Store puts objects. Put returns nil only when the object is durable and whole under its key; before that nobody sees
// a part of it. Putting a key again replaces the object. An error that trying again alone will not mend is a *verdict.SetUp.
// Put may be called by several goroutines at once.
type Store interface {
	Put(ctx context.Context, o Object) error
}
