package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"firehose/internal/object"
	"firehose/internal/verdict"
)

var _ object.Reader = (*Store)(nil)

// List lists a bucket, a page of keys at a time.
func (s *Store) List(ctx context.Context, bucket, prefix, after string, yield func(object.Info) bool) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: optional(prefix), StartAfter: optional(after)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, judgeRead(err))
		}
		for _, o := range page.Contents {
			if !yield(object.Info{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified)}) {
				return nil
			}
		}
	}
	return nil
}

// Get opens an object. Reading it reads from the connection.
func (s *Store) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key}, func(o *s3.Options) {
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // most objects have no checksum
	})
	if err != nil {
		return nil, fmt.Errorf("get s3://%s/%s: %w", bucket, key, judgeRead(err))
	}
	// A connection is closed some time after the context ends, and what came before that could still be read.
	return struct {
		io.Reader
		io.Closer
	}{object.ReadUntil(ctx, out.Body), out.Body}, nil
}

// judgeRead judges an error of a reading request, whose permissions are others.
func judgeRead(err error) error {
	code := errorCode(err)
	if _, known := faults[code]; code == "NoSuchKey" || statusOf(err) == http.StatusNotFound && !known {
		return fmt.Errorf("%w: %w", object.ErrNotFound, err)
	}
	judged := judge(err)
	var broken *verdict.SetUp
	if errors.As(judged, &broken) && broken.Fix == faults["AccessDenied"].fix {
		broken.Fix = "Allow s3:ListBucket on the bucket and s3:GetObject on its objects to the credentials that this server runs with."
	}
	return judged
}
