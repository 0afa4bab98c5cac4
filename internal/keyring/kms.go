package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"firehose/internal/record"
)

// service is AWS KMS, or what speaks its protocol. Credentials are found the SDK's usual way; the region is the key's.
type service struct {
	client *kms.Client
}

// contextKey names the stream in the encryption context, which binds a data key to it and shows in CloudTrail.
const contextKey = "firehose:stream"

func openService(ctx context.Context, endpoint string) (*service, error) {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("configure KMS: %w", err)
	}
	return &service{kms.NewFromConfig(settings, func(o *kms.Options) {
		if endpoint != "aws" {
			o.BaseEndpoint = &endpoint
		}
	})}, nil
}

func (s *service) newKey(ctx context.Context, keyARN string, id record.StreamID) (plain, wrapped []byte, err error) {
	in, err := inRegion(keyARN)
	if err != nil {
		return nil, nil, err
	}
	out, err := s.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId:             &keyARN,
		KeySpec:           types.DataKeySpecAes256,
		EncryptionContext: encryptionContext(id),
	}, in)
	if err != nil {
		return nil, nil, judge(err)
	}
	if len(out.Plaintext) != keySize || len(out.CiphertextBlob) == 0 {
		return nil, nil, &Error{unknown, errors.New("the KMS returned no data key of 32 bytes")}
	}
	return out.Plaintext, append([]byte{wrappedByService}, out.CiphertextBlob...), nil
}

func (s *service) openKey(ctx context.Context, keyARN string, id record.StreamID, wrapped []byte) ([]byte, error) {
	in, err := inRegion(keyARN)
	if err != nil {
		return nil, err
	}
	out, err := s.client.Decrypt(ctx, &kms.DecryptInput{
		KeyId:             keyID(keyARN),
		CiphertextBlob:    wrapped[1:],
		EncryptionContext: encryptionContext(id),
	}, in)
	if err != nil {
		return nil, judge(err)
	}
	if len(out.Plaintext) != keySize {
		return nil, &Error{unknown, errors.New("the KMS returned no data key of 32 bytes")}
	}
	return out.Plaintext, nil
}

func encryptionContext(id record.StreamID) map[string]string {
	return map[string]string{contextKey: id.String()}
}

// inRegion makes a call go to the region of a key.
func inRegion(keyARN string) (func(*kms.Options), error) {
	a, err := arn.Parse(keyARN)
	if err != nil {
		return nil, &Error{keyInvalid, err}
	}
	return func(o *kms.Options) { o.Region = a.Region }, nil
}

// keyID returns the key that a data key must have been wrapped by. An alias may have moved to another key since: then
// the KMS itself knows which one it was.
func keyID(keyARN string) *string {
	if strings.Contains(keyARN, ":alias/") {
		return nil
	}
	return aws.String(keyARN)
}

// failures holds what KMS's error codes are in the service model.
var failures = map[string]string{
	"NotFoundException":             keyNotFound,
	"DisabledException":             keyDisabled,
	"KMSInvalidStateException":      keyInvalid,
	"InvalidKeyUsageException":      keyInvalid,
	"IncorrectKeyException":         keyInvalid,
	"InvalidArnException":           keyInvalid,
	"InvalidCiphertextException":    keyInvalid,
	"UnsupportedOperationException": keyInvalid,
	"ValidationException":           keyInvalid,
	"AccessDeniedException":         accessDenied,
	"UnrecognizedClientException":   accessDenied,
	"InvalidClientTokenId":          accessDenied,
	"InvalidSignatureException":     accessDenied,
	"IncompleteSignature":           accessDenied,
	"MissingAuthenticationToken":    accessDenied,
	"ExpiredTokenException":         accessDenied,
	"OptInRequired":                 optIn,
}

// judge says which failure an error of the KMS is.
func judge(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		if known := failures[api.ErrorCode()]; known != "" {
			return &Error{known, err}
		}
		return &Error{unknown, err}
	}
	if noCredentials(err) {
		return &Error{accessDenied, fmt.Errorf("no credentials for the KMS: give this server an access key, a profile or a role: %w", err)}
	}
	return &Error{unknown, err}
}

// noCredentials says whether the SDK found no way to sign. It has no error type for it.
func noCredentials(err error) bool { return strings.Contains(err.Error(), "get credentials") }
