package lambda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// web is a function that is called at a URL.
type web struct {
	client *http.Client
	url    *url.URL
	turn   chan struct{} // of all functions with this URL
}

// idleMax is how many connections to one function are kept for the next calls.
const idleMax = 16

func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = idleMax
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// newWeb makes the way to a URL. A runtime interface runs one call at a time, so calls take turns: the emulator refuses a
// second one at best, and at worst it ends.
func newWeb(client *http.Client, u *url.URL) *web {
	w := &web{client: client, url: u}
	if isRuntime(u) {
		w.turn = make(chan struct{}, 1)
	}
	return w
}

func (w *web) invoke(ctx context.Context, payload []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(payload))
	if err != nil {
		return nil, withoutURL(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := w.client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, answerMax))
	if err != nil {
		return nil, tooLong(err)
	}
	return w.judge(response, body)
}

// judge tells an answer from an error.
func (w *web) judge(response *http.Response, body []byte) ([]byte, error) {
	status := response.StatusCode
	if status >= 200 && status < 300 {
		if response.Header.Get("X-Amz-Function-Error") != "" {
			return nil, functionFault(body)
		}
		if failed := bareFault(body); failed != nil {
			return nil, failed
		}
		return body, nil
	}
	if failed := bareFault(body); failed != nil && status >= 500 {
		return nil, failed // the function ended while the runtime interface waited for it
	}
	err := fmt.Errorf("the function's server answered with HTTP status %d", status)
	switch status {
	case http.StatusTooManyRequests:
		return nil, &fault{code: InvokeLimitExceeded, err: err}
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, &fault{code: InvokeAccessDenied, final: true, err: err}
	case http.StatusNotFound:
		return nil, &fault{code: ResourceNotFound, final: true, err: err}
	case http.StatusRequestEntityTooLarge:
		return nil, &fault{code: RequestTooLarge, final: true, err: err}
	case http.StatusRequestTimeout:
		return nil, &fault{code: FunctionTimedOut, err: err}
	case http.StatusBadRequest:
		if isRuntime(w.url) { // it is at work for somebody else
			return nil, &fault{code: InvokeLimitExceeded, err: err}
		}
	}
	if status >= 500 {
		return nil, &fault{code: ServiceException, message: "The call of the Lambda function failed: " + err.Error() + ".", err: err}
	}
	return nil, &fault{code: FunctionError, err: err}
}

// withoutURL takes the URL out of an error: it may hold a secret.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// tooLong makes the function's error of an answer beyond the limit, as Lambda does.
func tooLong(err error) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return &fault{code: FunctionError, err: fmt.Errorf("the answer is longer than %d bytes", answerMax)}
	}
	return err
}
