package httpendpoint

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"firehose/internal/destination"
	"firehose/internal/erroroutput"
	"firehose/internal/outbound"
	"firehose/internal/verdict"
)

// The Amazon service's codes of what went wrong.
const (
	RequestTimeout      = "HttpEndpoint.RequestTimeout"
	ResponseTooLarge    = "HttpEndpoint.ResponseTooLarge"
	InvalidResponse     = "HttpEndpoint.InvalidResponseFromDestination"
	DestinationFailed   = "HttpEndpoint.DestinationException"
	ConnectionFailed    = "HttpEndpoint.ConnectionFailed"
	ConnectionReset     = "HttpEndpoint.ConnectionReset"
	SSLHandshakeFailure = "HttpEndpoint.SSLHandshakeFailure"
)

// Bounds of what answers say.
const (
	messageMax = 8192 // characters of an answer's errorMessage
	quoteMax   = 2048 // bytes of an answer that errors show
)

// fault is a try that failed.
type fault struct {
	code    string
	message string // the service's form of it
	status  int    // of the answer; 0 if there is none
	err     error  // nil if there is nothing more to say
}

func (f *fault) Error() string { return f.code + ": " + f.text() }

func (f *fault) text() string {
	if f.err != nil {
		return f.err.Error()
	}
	return f.message
}

func (f *fault) Unwrap() error { return f.err }

// Trouble says how to mend what a status means. For the delivery it only means to try again.
func (f *fault) Trouble() destination.Trouble {
	t := destination.Trouble{Code: f.code, Cause: f.text()}
	switch s := f.status; {
	case s == 0:
	case s == http.StatusOK:
		t.Fix = "Let the endpoint answer as the protocol says: JSON with the requestId of the request and a timestamp."
	case s == http.StatusTooManyRequests:
		t.Fix = "Raise the limit at the endpoint, or wait until it takes more."
	case s == http.StatusBadRequest && wantsTLS.MatchString(f.message):
		t.Fix = "Begin the URL with https://: the port speaks TLS."
	case s >= 400 && s < 500:
		t.Fix = "Ask whoever runs the endpoint why it refuses the request."
	default:
		t.Fix = "Look into the endpoint's log: it failed."
	}
	return t
}

// wantsTLS finds what servers answer in plain text at a port of TLS.
var wantsTLS = regexp.MustCompile(`(?i)http request( was sent)? to (an )?https (server|port)`)

// judgeFailure says what it means that there is no answer.
func judgeFailure(err error) error {
	f := func(code, message string) *fault { return &fault{code: code, message: message, err: err} }
	setUp := func(failed *fault, fix string) error {
		return &verdict.SetUp{Code: failed.code, Fix: fix, Err: answered{failed}, Bounded: true}
	}
	switch outbound.FaultOf(err) {
	case outbound.Forbidden:
		return &verdict.SetUp{Code: ConnectionFailed, Err: err,
			Fix: "Correct the endpoint's URL, or permit its address with the server's setting " + outbound.Setting + "."}
	case outbound.Timeout:
		return f(RequestTimeout, "The endpoint did not respond before the timeout was reached.")
	case outbound.Handshake:
		return setUp(f(SSLHandshakeFailure, "The TLS handshake with the endpoint failed."),
			"Give the endpoint's host a certificate that is valid for its name, and TLS 1.2 or later.")
	case outbound.Unresolved:
		return setUp(f(ConnectionFailed, "The name of the endpoint's host does not exist."),
			"Correct the host in the endpoint's URL, or its entry in DNS.")
	case outbound.Broken:
		return f(ConnectionReset, "The connection to the endpoint was reset or closed before it responded.")
	}
	return f(ConnectionFailed, "The connection to the endpoint could not be made.")
}

// answered is a fault without its code, for an error that has it.
type answered struct{ *fault }

func (a answered) Error() string { return a.text() }
func (a answered) Unwrap() error { return a.fault }

// repair says what somebody must repair when an endpoint answers so. The Amazon service tries again all the same, for as long as
// its retry duration says.
func repair(status int) string {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "Correct the access key, or permit it at the endpoint."
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return "Correct the endpoint's URL."
	case status >= 300 && status < 400:
		return "Give the address to which the endpoint redirects as its URL: redirects are not followed."
	}
	return ""
}

// judge says whether an answer means that the batch is delivered.
func (e *endpoint) judge(a *outbound.Answer, id string) error {
	if a.Status != http.StatusOK {
		failed := &fault{code: DestinationFailed, status: a.Status, message: fmt.Sprintf(
			"The following response was received from the endpoint destination. %d: %s", a.Status, e.quote(a.Body))}
		if a.Status == http.StatusRequestEntityTooLarge {
			return &verdict.Refused{Code: failed.code, Message: failed.message, Err: errors.New(failed.message)}
		}
		var err error = failed
		if fix := repair(a.Status); fix != "" {
			err = &verdict.SetUp{Code: failed.code, Fix: fix, Err: answered{failed}, Bounded: true}
		}
		if wait := a.RetryAfter(time.Now()); wait > 0 {
			return verdict.After(err, wait)
		}
		return err
	}
	if a.Cut != nil {
		return judgeFailure(a.Cut)
	}
	if !a.Whole {
		return &fault{code: ResponseTooLarge, message: "The response of the endpoint is too large."}
	}
	if err := check(a, id); err != nil {
		return &fault{code: InvalidResponse, status: a.Status, err: err,
			message: fmt.Sprintf("The response of the endpoint is not valid: %s. %d: %s", err, a.Status, e.quote(a.Body))}
	}
	return nil
}

// check holds an answer of status 200 against the protocol.
func check(a *outbound.Answer, id string) error {
	switch {
	case !strings.EqualFold(a.Header.Get("Content-Type"), "application/json"):
		return fmt.Errorf("its Content-Type is %q, not application/json", a.Header.Get("Content-Type"))
	case a.Header.Get("Content-Encoding") != "":
		return errors.New("it has a Content-Encoding")
	case a.Length < 0:
		return errors.New("it has no Content-Length")
	}
	var said struct {
		RequestID    *string  `json:"requestId"`
		Timestamp    *float64 `json:"timestamp"`
		ErrorMessage *string  `json:"errorMessage"`
	}
	if err := json.Unmarshal(a.Body, &said, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("its body is not as the protocol has it: %w", err)
	}
	switch {
	case said.RequestID == nil:
		return errors.New("it has no requestId")
	case *said.RequestID != id:
		return errors.New("its requestId is not that of the request")
	case said.Timestamp == nil:
		return errors.New("it has no timestamp")
	case said.ErrorMessage != nil && len([]rune(*said.ErrorMessage)) > messageMax:
		return fmt.Errorf("its errorMessage is longer than %d characters", messageMax)
	}
	return nil
}

// quote returns the beginning of an answer as text, without the access key if that is in it.
func (e *endpoint) quote(body []byte) string {
	text := string(body)
	if key := e.AccessKey.Reveal(); key != "" {
		text = strings.ReplaceAll(text, key, "***")
	}
	return strings.ToValidUTF8(text[:min(len(text), quoteMax)], "\ufffd")
}

// Failure says why records go to the error output.
func (e *endpoint) Failure(err error) erroroutput.Failure {
	failure := erroroutput.Failure{Type: erroroutput.HTTPEndpoint, Code: DestinationFailed, Message: err.Error()}
	var failed *fault
	if refused := verdict.AsRefused(err); refused != nil {
		failure.Code, failure.Message = refused.Code, refused.Message
	} else if errors.As(err, &failed) {
		failure.Code, failure.Message = failed.code, failed.message
	}
	return failure
}
