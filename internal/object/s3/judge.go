package s3

import (
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"firehose/internal/verdict"
)

// fault is what an error code of S3 means for whoever runs the service.
type fault struct {
	code   string // the Amazon service's diagnostic code
	absent bool   // nothing can have been put there
	fix    string
}

// faults holds the error codes that somebody must act on. Codes of server errors and of throttling are not among them.
var faults = map[string]fault{
	"NoSuchBucket":                 {"S3.NoSuchBucket", true, "Create the bucket, or correct BucketARN with UpdateDestination."},
	"InvalidBucketName":            {"S3.NoSuchBucket", true, "Correct BucketARN with UpdateDestination."},
	"AccessDenied":                 {"S3.AccessDenied", false, "Allow s3:PutObject, and s3:PutObjectAcl unless s3.acl is empty, on the bucket to the credentials that this server runs with."},
	"AllAccessDisabled":            {"S3.AllAccessDisabled", false, "Ask the bucket's owner: all access to it is disabled."},
	"AccountProblem":               {"S3.AccountProblem", false, "Ask the bucket's owner: there is a problem with the account."},
	"NotSignedUp":                  {"S3.NotSignedUp", false, "Sign the account up for Amazon S3."},
	"InvalidPayer":                 {"S3.InvalidPayer", false, "Ask the bucket's owner: all access to it is disabled."},
	"MethodNotAllowed":             {"S3.MethodNotAllowed", false, "Point the S3 endpoint to a server that accepts objects."},
	"InvalidAccessKeyId":           {"S3.AccessDenied", false, "Give this server an access key that exists."},
	"XAdminUserNotFound":           {"S3.AccessDenied", false, "Give this server an access key that exists."}, // of versitygw
	"SignatureDoesNotMatch":        {"S3.AccessDenied", false, "Correct the secret key of this server's credentials."},
	"ExpiredToken":                 {"S3.AccessDenied", false, "Renew this server's credentials: the session has expired."},
	"InvalidToken":                 {"S3.AccessDenied", false, "Renew this server's credentials: the session token is not valid."},
	"RequestTimeTooSkewed":         {"S3.AccessDenied", false, "Set this machine's clock."},
	"PermanentRedirect":            {"S3.WrongRegion", false, "Set s3.region (or AWS_REGION) to the bucket's region."},
	"AuthorizationHeaderMalformed": {"S3.WrongRegion", false, "Set s3.region (or AWS_REGION) to the bucket's region."},
	"AccessControlListNotSupported": {"S3.AccessDenied", false,
		"Set s3.acl to an empty value: the bucket takes no ACLs."},
	"KMS.NotFoundException":        {"S3.KMS.NotFoundException", false, "Correct the KMS key's ARN with UpdateDestination."},
	"KMS.DisabledException":        {"S3.KMS.NotFoundException", false, "Enable the KMS key."},
	"KMS.AccessDeniedException":    {"S3.AccessDenied", false, "Allow kms:GenerateDataKey to this server's credentials."},
	"KMS.InvalidStateException":    {"S3.KMS.NotFoundException", false, "Bring the KMS key into a usable state."},
	"KMS.KMSInvalidStateException": {"S3.KMS.NotFoundException", false, "Bring the KMS key into a usable state."},
}

// judge wraps an error that somebody must act on in a verdict.
func judge(err error) error {
	code, status := errorCode(err), statusOf(err)
	if f, ok := faults[code]; ok {
		return &verdict.SetUp{Code: f.code, Fix: f.fix, Absent: f.absent, Err: err}
	}
	switch {
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		f := faults["AccessDenied"]
		return &verdict.SetUp{Code: f.code, Fix: f.fix, Err: err}
	case status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect:
		f := faults["PermanentRedirect"]
		return &verdict.SetUp{Code: f.code, Fix: f.fix, Err: err}
	case status == http.StatusNotFound && code != "NoSuchUpload":
		return &verdict.SetUp{Code: "S3.NoSuchBucket", Fix: faults["NoSuchBucket"].fix, Err: err}
	case status == http.StatusBadRequest && code != "RequestTimeout" && code != "BadDigest" && code != "IncompleteBody":
		return &verdict.SetUp{Code: "S3.BadRequest", Fix: "Correct what the S3 server complains about.", Err: err}
	case noCredentials(err):
		return &verdict.SetUp{Code: "S3.AccessDenied", Err: err,
			Fix: "Give this server credentials for S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, a role, or s3.access_key and s3.secret_key."}
	}
	return err
}

func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func statusOf(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// noCredentials says whether the SDK found no way to sign. It has no error type for it.
func noCredentials(err error) bool {
	var op *smithy.OperationError
	return errors.As(err, &op) && statusOf(err) == 0 && strings.Contains(err.Error(), "get credentials")
}
