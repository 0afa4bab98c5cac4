// Package s3 puts objects into Amazon S3 or a server that speaks its protocol.
//
// It is configured the SDK's usual way: environment, profiles, instance metadata, web identity; Options override. It
// makes one try for each call and says of an error what it means: whoever calls decides about the next try.
package s3

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"firehose/internal/object"
)

// Options override what the SDK finds in its surroundings. Zero values override nothing.
type Options struct {
	Endpoint     string
	Region       string
	AccessKey    string
	SecretKey    string
	SessionToken string
	PathStyle    bool   // address buckets in the path, not in the host name; always with an endpoint that is not Amazon's
	ACL          string // canned ACL of every object; empty for none
	ChecksumAll  bool   // send a CRC32 with every object, not only where the protocol requires a checksum

	MultipartMin int64 // objects of at least this size are put in parts
	PartSize     int64 // of those parts; at least 5 MiB on Amazon S3
}

// Store is an object store on S3.
type Store struct {
	client  *s3.Client
	options Options
}

var _ object.Store = (*Store)(nil)

// Open makes the store. It does not try to reach it.
func Open(ctx context.Context, o Options) (*Store, error) {
	load := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.AccessKey != "" {
		load = append(load, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, o.SessionToken)))
	}
	sum := aws.RequestChecksumCalculationWhenRequired
	if o.ChecksumAll {
		sum = aws.RequestChecksumCalculationWhenSupported
	}
	load = append(load, config.WithRequestChecksumCalculation(sum))
	settings, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("configure S3: %w", err)
	}
	if settings.Region == "" {
		settings.Region = "us-east-1"
	}
	client := s3.NewFromConfig(settings, func(so *s3.Options) {
		if o.Endpoint != "" {
			so.BaseEndpoint = &o.Endpoint
		}
		// Servers other than Amazon's seldom have a name for each bucket.
		foreign := so.BaseEndpoint != nil && !strings.Contains(*so.BaseEndpoint, ".amazonaws.com")
		so.UsePathStyle = o.PathStyle || foreign
	})
	return &Store{client: client, options: o}, nil
}

// Endpoint returns the address that overrides Amazon's, or "".
func (s *Store) Endpoint() string { return aws.ToString(s.client.Options().BaseEndpoint) }

// Put puts an object, in parts if it is large.
func (s *Store) Put(ctx context.Context, o object.Object) error {
	put := s.putWhole
	if o.Size >= s.options.MultipartMin && o.Size > s.options.PartSize {
		put = s.putParts
	}
	if err := put(ctx, o); err != nil {
		return fmt.Errorf("put s3://%s/%s: %w", o.Bucket, o.Key, judge(err))
	}
	return nil
}

func (s *Store) putWhole(ctx context.Context, o object.Object) error {
	in := &s3.PutObjectInput{
		Bucket:          &o.Bucket,
		Key:             &o.Key,
		Body:            io.NewSectionReader(o.Body, 0, o.Size),
		ContentLength:   &o.Size,
		ContentType:     optional(o.ContentType),
		ContentEncoding: optional(o.ContentEncoding),
		ACL:             types.ObjectCannedACL(s.options.ACL),
	}
	if o.KMSKey != "" {
		in.ServerSideEncryption = types.ServerSideEncryptionAwsKms
		in.SSEKMSKeyId = &o.KMSKey
	}
	_, err := s.client.PutObject(ctx, in)
	return err
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
