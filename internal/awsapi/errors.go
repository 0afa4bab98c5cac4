package awsapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"firehose/internal/awsapi/model"
	"firehose/internal/ingest"
	"firehose/internal/sigv4"
	"firehose/internal/stream"
)

// Error is an answer that is not a success, in the names and words of the Amazon service.
type Error struct {
	Type    string // ResourceNotFoundException
	Message string
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

// status is the HTTP status that goes with an error: the client's fault is 400 but for two that HTTP itself has words for.
func (e *Error) status() int {
	switch e.Type {
	case "ServiceUnavailableException":
		return http.StatusServiceUnavailable
	case "InternalFailure":
		return http.StatusInternalServerError
	case "RequestEntityTooLargeException":
		return http.StatusRequestEntityTooLarge
	case "UnsupportedMediaTypeException":
		return http.StatusUnsupportedMediaType
	}
	return http.StatusBadRequest
}

var (
	errSlowDown = &Error{"ServiceUnavailableException", "Slow down."}
	errInternal = &Error{"InternalFailure",
		"The request processing has failed because of an unknown error, exception or failure."}
	errUnknown = &Error{"UnknownOperationException", ""}
)

func invalidArgument(format string, args ...any) *Error {
	return &Error{"InvalidArgumentException", fmt.Sprintf(format, args...)}
}

func limitExceeded(format string, args ...any) *Error {
	return &Error{"LimitExceededException", fmt.Sprintf(format, args...)}
}

// unsupported refuses what is valid but not built. The member is its path in the request.
func unsupported(member string) *Error {
	return invalidArgument("%s is not supported by this server yet.", member)
}

func notFound(key stream.Key) *Error {
	return &Error{"ResourceNotFoundException", fmt.Sprintf("Firehose %s under account %s not found.", key.Name, key.Account)}
}

func notActive(key stream.Key) *Error {
	return &Error{"ResourceNotFoundException", fmt.Sprintf("Firehose %s is not active in %s account.", key.Name, key.Account)}
}

func invalidSource(key stream.Key) *Error {
	return &Error{"InvalidSourceException", fmt.Sprintf(
		"Put to Firehose failed for AccountId: %s, FirehoseName: %s because the request is not originating from CloudWatch.", key.Account, key.Name)}
}

func alreadyExists(key stream.Key) *Error {
	return &Error{"ResourceInUseException", fmt.Sprintf("Firehose %s under accountId %s already exists", key.Name, key.Account)}
}

// wrongStatus refuses an operation ("update", "delete", "tag") in a status that does not allow it.
func wrongStatus(verb string, s *stream.Stream) *Error {
	return &Error{"ResourceInUseException",
		fmt.Sprintf("Cannot %s firehose: %s when it is in %s status", verb, s.Name, s.Status)}
}

// asError turns what went wrong with a request into its answer. An error that it does not know is the server's fault;
// known is false then, and the error belongs into the log.
func asError(key stream.Key, err error) (answer *Error, known bool) {
	var own *Error
	var signature *sigv4.Error
	var serialization *model.SerializationError
	switch {
	case errors.As(err, &own):
		return own, true
	case errors.As(err, &signature):
		return &Error{signature.Type, signature.Message}, true
	case errors.As(err, &serialization):
		return &Error{"SerializationException", serialization.Message}, true
	case errors.Is(err, stream.ErrNotFound):
		return notFound(key), true
	case errors.Is(err, stream.ErrExists):
		return alreadyExists(key), true
	}
	return errInternal, false
}

// recordsTooLarge refuses a put for records that are larger than their stream's document allows, as the service refuses one
// with records that are larger than any stream takes: whole. A client would put a record again for ever of which the answer
// to the batch says that it failed.
func recordsTooLarge(operation string, e *ingest.TooLargeError) *Error {
	constraint := fmt.Sprintf("Member must have length less than or equal to %d", e.Max)
	var violations []string
	for _, i := range e.Records {
		path := "record.data"
		if operation == "PutRecordBatch" {
			path = fmt.Sprintf("records.%d.member.data", i+1)
		}
		violations = append(violations, model.Violation(path, constraint))
	}
	return &Error{"ValidationException", model.Message(violations)}
}

// quotaExceeded lists what fills an account's quota.
func (h *Handler) quotaExceeded(key stream.Key) *Error {
	var names []string
	for _, s := range h.streams.List(key.Account, key.Region) {
		names = append(names, s.Name)
	}
	return limitExceeded("You have already consumed your firehose quota of %d hoses. Firehose names: [%s]",
		h.Quota, strings.Join(names, ", "))
}
