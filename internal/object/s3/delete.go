package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"firehose/internal/object"
	"firehose/internal/verdict"
)

var (
	_ object.Deleter   = (*Store)(nil)
	_ object.Addresser = (*Store)(nil)
)

// Delete deletes an object. In a bucket with versions its latest one stays, hidden.
func (s *Store) Delete(ctx context.Context, bucket, key string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	if err == nil {
		return nil
	}
	err = judge(err)
	var broken *verdict.SetUp
	if errors.As(err, &broken) && broken.Fix == faults["AccessDenied"].fix {
		broken.Fix = "Allow s3:DeleteObject on the bucket's objects to the credentials that this server runs with."
	}
	return fmt.Errorf("delete s3://%s/%s: %w", bucket, key, err)
}

// Address is where requests for a bucket go: Amazon's host for the bucket, or the configured endpoint.
func (s *Store) Address(ctx context.Context, bucket string) (*url.URL, error) {
	o := s.client.Options()
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(ctx, s3.EndpointParameters{
		Bucket: &bucket, Region: &o.Region, Endpoint: o.BaseEndpoint, ForcePathStyle: aws.Bool(o.UsePathStyle)})
	if err != nil {
		return nil, fmt.Errorf("find the address of bucket %s: %w", bucket, err)
	}
	return &endpoint.URI, nil
}
