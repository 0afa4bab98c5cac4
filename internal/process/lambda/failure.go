package lambda

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"

	"firehose/internal/erroroutput"
)

// The codes of failures. They stand in error outputs and diagnostics.
const (
	FunctionError           = "Lambda.FunctionError"
	FunctionTimedOut        = "Lambda.FunctionTimedOut"
	ProcessingFailedStatus  = "Lambda.ProcessingFailedStatus"
	MissingRecordID         = "Lambda.MissingRecordId"
	DuplicatedRecordID      = "Lambda.DuplicatedRecordId"
	InvalidReturnFormat     = "Lambda.InvalidReturnFormat"
	JSONProcessingException = "Lambda.JsonProcessingException"
	InvokeLimitExceeded     = "Lambda.InvokeLimitExceeded"
	InvokeAccessDenied      = "Lambda.InvokeAccessDenied"
	ResourceNotFound        = "Lambda.ResourceNotFound"

	// Ours, where no code of the Amazon service is known. Other errors of the Lambda API keep their name after "Lambda.".
	RequestTooLarge  = "Lambda.RequestTooLargeException"
	ServiceException = "Lambda.ServiceException"
	ConnectionFailed = "Lambda.ConnectionFailed"
)

// texts are the messages of the Amazon service. Codes that are not here tell their cause.
var texts = map[string]string{
	FunctionError:           "The Lambda function was successfully invoked but it returned an error result.",
	FunctionTimedOut:        "The Lambda function invocation timed out. Increase the Timeout setting in the Lambda function.",
	ProcessingFailedStatus:  "ProcessingFailed status set for record",
	MissingRecordID:         "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids.",
	DuplicatedRecordID:      "Multiple records were returned with the same record Id. Ensure that the Lambda function returns a unique record Id for each record.",
	InvalidReturnFormat:     "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource and processing result is Ok. The value field cannot be null when the SourceType is MSKAsSource and processing result is Ok.",
	JSONProcessingException: "There was an error parsing returned records from the Lambda function. Ensure that the returned records follow the status model required by Kinesis Data Firehose.",
	InvokeLimitExceeded:     "The Lambda concurrent execution limit is exceeded. Increase the concurrent execution limit.",
	InvokeAccessDenied:      "Access was denied. Ensure that the access policy allows access to the Lambda function.",
	ResourceNotFound:        "The specified Lambda function does not exist. Use a different function that does exist.",
	RequestTooLarge:         "The record does not fit into a call of a Lambda function, which takes at most 6 MB of JSON with the data as base64.",
}

// malformedText is the message of FunctionError for an answer that is not of the form asked for.
const malformedText = "Check your function and make sure the output is in required format. In addition to that, make sure the processed records contain valid result status of Dropped, Ok, or ProcessingFailed"

// fault is why all records of a call failed.
type fault struct {
	code    string
	message string // empty for the text of the code
	final   bool   // trying again will not help
	err     error  // for the log; nil if there is no more to tell
}

func (f *fault) Error() string {
	if f.err != nil {
		return f.code + ": " + f.err.Error()
	}
	return f.code
}

// failure is the record's failure after so many attempts.
func (f *fault) failure(functionARN string, attempts int) *erroroutput.Failure {
	message := f.message
	if message == "" {
		message = texts[f.code]
	}
	return &erroroutput.Failure{
		Type:      erroroutput.Processing,
		Code:      f.code,
		Message:   message,
		Attempts:  attempts,
		LambdaARN: functionARN,
	}
}

// errorBody is what a runtime answers instead of the function when that ended with an error.
type errorBody struct {
	Type    *string `json:"errorType"`
	Message *string `json:"errorMessage"`
}

// timedOut begins what Lambda and the runtime interface say, after an ID perhaps, of a function that took too long.
const timedOut = "Task timed out after "

// functionFault is the fault of a function that ended with an error, by the body of that.
func functionFault(body []byte) *fault {
	var e errorBody
	if json.Unmarshal(body, &e) == nil {
		if e.Type != nil && *e.Type == "Sandbox.Timedout" || e.Message != nil && strings.Contains(*e.Message, timedOut) {
			return &fault{code: FunctionTimedOut}
		}
	}
	return &fault{code: FunctionError}
}

// errorBodyMax is more than a runtime's error with its stack trace has.
const errorBodyMax = 256 << 10

// bareFault finds out whether a body that came without any sign of an error is one nevertheless: a runtime interface
// has no header for it. It returns nil if not.
func bareFault(body []byte) *fault {
	if len(body) > errorBodyMax {
		return nil
	}
	if bytes.HasPrefix(body, []byte(timedOut)) {
		return &fault{code: FunctionTimedOut}
	}
	if !bytes.Contains(body, []byte(`"errorType"`)) && !bytes.Contains(body, []byte(`"errorMessage"`)) {
		return nil
	}
	var b struct {
		errorBody
		Records any `json:"records"`
	}
	if json.Unmarshal(body, &b) != nil || b.Records != nil || b.Type == nil && b.Message == nil {
		return nil
	}
	return functionFault(body)
}
