package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// service is the Lambda API.
type service struct{ client *lambda.Client }

func openService(ctx context.Context, endpoint string) (*service, error) {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("configure Lambda: %w", err)
	}
	return &service{lambda.NewFromConfig(settings, func(o *lambda.Options) {
		if endpoint != "aws" {
			o.BaseEndpoint = &endpoint
		}
		o.Retryer = aws.NopRetryer{} // attempts are counted here
		o.HTTPClient = bounded{o.HTTPClient}
	})}, nil
}

// serviceFunction is a function that is called by the API.
type serviceFunction struct {
	service     *service
	arn, region string
}

func (s serviceFunction) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	out, err := s.service.client.Invoke(ctx, &lambda.InvokeInput{
		FunctionName:   &s.arn,
		InvocationType: types.InvocationTypeRequestResponse,
		Payload:        payload,
	}, func(o *lambda.Options) { o.Region = s.region })
	if err != nil {
		return nil, judge(err)
	}
	if out.FunctionError != nil {
		return nil, functionFault(out.Payload)
	}
	return out.Payload, nil
}

// codes are the codes of failures by those of the API's errors, as far as they have other names.
var codes = map[string]string{
	"TooManyRequestsException":    InvokeLimitExceeded,
	"ThrottlingException":         InvokeLimitExceeded,
	"EC2ThrottledException":       InvokeLimitExceeded,
	"ResourceNotFoundException":   ResourceNotFound,
	"AccessDeniedException":       InvokeAccessDenied,
	"UnrecognizedClientException": InvokeAccessDenied,
	"InvalidSignatureException":   InvokeAccessDenied,
	"IncompleteSignature":         InvokeAccessDenied,
	"MissingAuthenticationToken":  InvokeAccessDenied,
	"ExpiredTokenException":       InvokeAccessDenied,
	"OptInRequired":               InvokeAccessDenied,
	"InternalFailure":             ServiceException,
	"ServiceUnavailableException": ServiceException,
}

// messageMax bounds what of the API's own text is kept, in bytes.
const messageMax = 1024

// judge says which fault an error of the SDK is. Others are returned as they came: no connection was had.
func judge(err error) error {
	if failed := tooLong(err); failed != err {
		return failed
	}
	var response *smithyhttp.ResponseError
	status := 0
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		switch {
		case strings.Contains(err.Error(), "get credentials"): // the SDK has no error type for it; their source may be back soon
			return &fault{code: InvokeAccessDenied, err: fmt.Errorf("no credentials for Lambda: give this server an access key, a profile or a role: %w", err)}
		case status >= 400:
			return ofStatus(status, err)
		}
		return withoutURL(err)
	}
	code := codes[api.ErrorCode()]
	if code == "" {
		if api.ErrorCode() == "" || api.ErrorCode() == "UnknownError" {
			return ofStatus(status, err)
		}
		code = "Lambda." + api.ErrorCode()
	}
	message := texts[code]
	if message == "" {
		text := api.ErrorMessage()
		message = strings.ToValidUTF8(text[:min(len(text), messageMax)], "")
	}
	return &fault{code: code, message: message, final: status != http.StatusTooManyRequests && status < 500, err: err}
}

// ofStatus is the fault of an answer that has no name of an error in it, such as a gateway's.
func ofStatus(status int, err error) *fault {
	switch status {
	case http.StatusTooManyRequests:
		return &fault{code: InvokeLimitExceeded, err: err}
	case http.StatusUnauthorized, http.StatusForbidden:
		return &fault{code: InvokeAccessDenied, final: true, err: err}
	case http.StatusNotFound:
		return &fault{code: ResourceNotFound, final: true, err: err}
	case http.StatusRequestEntityTooLarge:
		return &fault{code: RequestTooLarge, final: true, err: err}
	}
	return &fault{code: ServiceException, message: fmt.Sprintf("The Lambda service answered with HTTP status %d.", status), final: status < 500, err: err}
}

// bounded keeps answers below the limit.
//
// It also hides that the body of a request can write itself. The SDK closes that body when the answer begins, and what
// it has closed then ends with an error where it should just end. If the last look at it comes after that, because the
// server is as quick as one beside us can be, the connection is given up and the rest of the answer is lost.
type bounded struct{ client lambda.HTTPClient }

func (b bounded) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		request.Body = struct{ io.ReadCloser }{request.Body}
	}
	response, err := b.client.Do(request)
	if response != nil && response.Body != nil {
		response.Body = http.MaxBytesReader(nil, response.Body, answerMax)
	}
	return response, err
}
