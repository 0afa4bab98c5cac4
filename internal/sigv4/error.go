package sigv4

import "fmt"

// Error is the answer to a request that is not accepted, in the names and words of the Amazon service.
type Error struct {
	Type    string // "InvalidSignatureException"
	Message string
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

var (
	errMissing      = &Error{"MissingAuthenticationTokenException", "Missing Authentication Token"}
	errUnrecognized = &Error{"UnrecognizedClientException", "The security token included in the request is invalid."}
	errMismatch     = &Error{"InvalidSignatureException", "The request signature we calculated does not match the " +
		"signature you provided. Check your AWS Secret Access Key and signing method. Consult the service " +
		"documentation for details."}
)

func invalid(format string, args ...any) *Error {
	return &Error{"InvalidSignatureException", fmt.Sprintf(format, args...)}
}

func incomplete(message string) *Error { return &Error{"IncompleteSignatureException", message} }
