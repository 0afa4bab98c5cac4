package s3

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"firehose/internal/object"
)

// putParts puts an object by multipart upload. An upload that fails is aborted; one that a crash left behind is aborted
// when the same key is put again, which is what happens after the next start.
func (s *Store) putParts(ctx context.Context, o object.Object) error {
	if err := s.abortLeftBehind(ctx, o); err != nil {
		return err
	}
	in := &s3.CreateMultipartUploadInput{
		Bucket:          &o.Bucket,
		Key:             &o.Key,
		ContentType:     optional(o.ContentType),
		ContentEncoding: optional(o.ContentEncoding),
		ACL:             types.ObjectCannedACL(s.options.ACL),
	}
	if s.options.ChecksumAll {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32
	}
	if o.KMSKey != "" {
		in.ServerSideEncryption = types.ServerSideEncryptionAwsKms
		in.SSEKMSKeyId = &o.KMSKey
	}
	upload, err := s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return fmt.Errorf("begin multipart upload: %w", err)
	}
	err = s.uploadParts(ctx, o, upload.UploadId)
	if err == nil {
		return nil
	}
	if left := s.abort(ctx, o, upload.UploadId); left != nil {
		// Its verdict does not count: that the abort was refused does not say that the upload is not complete.
		err = fmt.Errorf("%w (%v)", err, left)
	}
	return err
}

func (s *Store) uploadParts(ctx context.Context, o object.Object, id *string) error {
	var parts []types.CompletedPart
	for offset := int64(0); offset < o.Size; offset += s.options.PartSize {
		number := int32(len(parts) + 1)
		size := min(s.options.PartSize, o.Size-offset)
		out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &o.Bucket, Key: &o.Key, UploadId: id, PartNumber: &number,
			Body: io.NewSectionReader(o.Body, offset, size), ContentLength: &size,
		})
		if err != nil {
			return fmt.Errorf("upload part %d: %w", number, err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: &number, ETag: out.ETag,
			ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumCRC64NVME: out.ChecksumCRC64NVME})
	}
	_, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &o.Bucket, Key: &o.Key, UploadId: id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return fmt.Errorf("complete multipart upload: %w", err)
	}
	return nil
}

// abortTimeout is for aborts, which are made though the upload's own context may have ended.
const abortTimeout = 10 * time.Second

func (s *Store) abort(ctx context.Context, o object.Object, id *string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &o.Bucket, Key: &o.Key, UploadId: id})
	if err != nil {
		return fmt.Errorf("abort multipart upload: %w", err)
	}
	return nil
}

// abortLeftBehind aborts unfinished uploads of the object's key. A client that may not list them goes on without.
func (s *Store) abortLeftBehind(ctx context.Context, o object.Object) error {
	list, err := s.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &o.Bucket, Prefix: &o.Key})
	if err != nil {
		if code := errorCode(err); code == "AccessDenied" || code == "NotImplemented" {
			return nil
		}
		return fmt.Errorf("list unfinished uploads: %w", err)
	}
	for _, u := range list.Uploads {
		if u.Key == nil || *u.Key != o.Key {
			continue
		}
		if err := s.abort(ctx, o, u.UploadId); err != nil && errorCode(err) != "NoSuchUpload" {
			return err
		}
	}
	return nil
}
