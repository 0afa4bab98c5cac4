package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"firehose/internal/destination"
	"firehose/internal/erroroutput"
	"firehose/internal/outbound"
	"firehose/internal/verdict"
)

// Codes of what went wrong.
const (
	AccessDenied     = "Webhook.AccessDenied"
	NotFound         = "Webhook.NotFound"
	MethodNotAllowed = "Webhook.MethodNotAllowed"
	Redirected       = "Webhook.Redirected"
	Unexpected       = "Webhook.UnexpectedStatus"
	Refused          = "Webhook.Refused"
	Aborted          = "Webhook.Aborted"
	Throttled        = "Webhook.Throttled"
	ServerFailed     = "Webhook.ServerFailed"
	Forbidden        = "Webhook.AddressForbidden"
	Unresolved       = "Webhook.NameNotFound"
	TLSFailed        = "Webhook.TLSFailed"
	Timeout          = "Webhook.Timeout"
	ConnectionFailed = "Webhook.ConnectionFailed"
	ConnectionReset  = "Webhook.ConnectionReset"
)

// fault is a try that failed and may succeed the next time.
type fault struct {
	code string
	err  error
}

func (f *fault) Error() string { return f.code + ": " + f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// Trouble says how to mend what for the delivery only means to try again.
func (f *fault) Trouble() destination.Trouble {
	t := destination.Trouble{Code: f.code, Cause: f.err.Error()}
	switch f.code {
	case Throttled:
		t.Fix = "Raise the limit at the webhook, or wait until it takes more."
	case ServerFailed:
		t.Fix = "Look into the webhook's log: it failed."
	}
	return t
}

// judgeFailure says what it means that there is no answer.
func judgeFailure(err error) error {
	setUp := func(code, fix string) error { return &verdict.SetUp{Code: code, Fix: fix, Err: err} }
	switch outbound.FaultOf(err) {
	case outbound.Forbidden:
		return setUp(Forbidden, "Correct the webhook's URL, or permit its address with the server's setting "+outbound.Setting+".")
	case outbound.Unresolved:
		return setUp(Unresolved, "Correct the host in the webhook's URL, or its entry in DNS.")
	case outbound.Handshake:
		return setUp(TLSFailed, "Give the webhook's host a certificate that is valid for its name, and TLS 1.2 or later.")
	case outbound.Timeout:
		return &fault{Timeout, err}
	case outbound.Broken:
		return &fault{ConnectionReset, err}
	}
	return &fault{ConnectionFailed, err}
}

// judge says what an answer means. What its body says is not shown: it may hold anything.
func judge(a *outbound.Answer, now time.Time) error {
	err := fmt.Errorf("the webhook answered with HTTP status %d", a.Status)
	setUp := func(code, fix string) error { return &verdict.SetUp{Code: code, Fix: fix, Err: err} }
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	if strings.EqualFold(a.Header.Get("Webhook-Delivery"), "abort-message") {
		return &verdict.Refused{Code: Aborted, Message: err.Error() + " and asked to abort the message", Final: true, Err: err}
	}
	switch s := a.Status; {
	case s == http.StatusBadRequest, s == http.StatusRequestEntityTooLarge, s == http.StatusUnsupportedMediaType, s == http.StatusUnprocessableEntity:
		return &verdict.Refused{Code: Refused, Message: err.Error(), Err: err}
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable:
		return after(&fault{Throttled, err}, a.RetryAfter(now))
	case s >= 500, s == http.StatusRequestTimeout, s == http.StatusConflict, s == http.StatusTooEarly:
		return after(&fault{ServerFailed, err}, a.RetryAfter(now))
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return setUp(AccessDenied, "Correct the credentials in the webhook's headers or URL, or its signing secret.")
	case s == http.StatusNotFound, s == http.StatusGone:
		return setUp(NotFound, "Correct the webhook's URL, or remove the destination if its receiver is gone for good.")
	case s == http.StatusMethodNotAllowed:
		return setUp(MethodNotAllowed, "Correct the webhook's method or URL.")
	case s >= 300 && s < 400:
		return setUp(Redirected, "Give the address to which the webhook redirects as its URL: redirects are not followed.")
	}
	return setUp(Unexpected, "Ask whoever runs the webhook what the status means, and correct its configuration.")
}

func after(err error, wait time.Duration) error {
	if wait > 0 {
		return verdict.After(err, wait)
	}
	return err
}

// Failure says why records go to the error output.
func (h *hook) Failure(err error) erroroutput.Failure {
	failure := erroroutput.Failure{Type: erroroutput.Webhook, Code: ConnectionFailed, Message: err.Error()}
	var failed *fault
	if refused := verdict.AsRefused(err); refused != nil {
		failure.Code, failure.Message = refused.Code, refused.Message
	} else if broken := verdict.AsSetUp(err); broken != nil {
		failure.Code, failure.Message = broken.Code, broken.Err.Error()
	} else if errors.As(err, &failed) {
		failure.Code, failure.Message = failed.code, failed.err.Error()
	}
	return failure
}
