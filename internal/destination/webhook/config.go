// Package webhook delivers batches to any HTTP address: one request a batch, whose body is made by the format that is
// plugged in, signed in the form of Standard Webhooks.
//
// The webhook-id follows from the batch alone, so that it stays the same for every try and after a crash, and a receiver can
// tell repetitions. Each of the secrets signs id, time of the try and body as it is sent, so that a receiver may change
// its secret while both are valid.
//
// What an answer means:
//
//	2xx                         delivered
//	400, 413, 415, 422          these records are refused: the batch is divided to find which
//	webhook-delivery: abort-message, on any other than 2xx: all of the batch is refused, at once
//	408, 409, 425, 429, 5xx     try again, not before Retry-After
//	any other                   the set-up is broken: the batch is held until somebody repairs it
//
// So are a name that does not exist, TLS that fails and an address that this server does not connect to. Redirects are
// not followed. Refused records are lines of an error output, which goes to another destination. Nothing here shows the
// path or query of the URL, a header's value or a secret.
package webhook

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"firehose/internal/batch"
	"firehose/internal/config"
	"firehose/internal/destination"
	"firehose/internal/eventbody"
)

// Body is the format of the bodies of requests.
type Body interface {
	// Encoder begins a body. The same records must give the same bytes.
	Encoder(batch.Head, io.Writer) (batch.Encoder, error)

	// ContentType and ContentEncoding are the values of the headers of these names; an empty one is left out.
	ContentType() string
	ContentEncoding() string
}

// Config is a webhook.
type Config struct {
	URL       string
	Method    string            // POST, PUT or PATCH; empty for POST
	Headers   []Header          // of each request, beside those of the body and of the signature
	Format    *eventbody.Config // format of the body; nil for Body
	Body      Body              // format of the body, where it is another
	Secrets   []config.Secret   // that sign; base64, with or without whsec_ before it; none for no signature
	AllowHTTP bool              // permit a URL without TLS
	Timeout   time.Duration     // of one try; 0 for 30 seconds

	Errors destination.Config // where error outputs go; nil for nowhere
}

// Header is a header of each request.
type Header struct {
	Name  string
	Value config.Secret
}

var (
	_ destination.Config      = Config{}
	_ destination.ErrorKeeper = Config{}
)

const timeout = 30 * time.Second

// Kind returns "webhook".
func (Config) Kind() string { return "webhook" }

// Target returns the URL's beginning, without what may be secret of it.
func (c Config) Target() string { return destination.Origin(c.URL) }

// ErrorOutputs opens the error outputs where they are kept.
func (c Config) ErrorOutputs(env destination.Env) (destination.ErrorOutputs, error) {
	return destination.OpenErrorOutputs(c.Errors, env)
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "":
		return errors.New("the webhook's URL is not valid") // the error of Parse would show it
	case u.Scheme != "https" && (u.Scheme != "http" || !c.AllowHTTP):
		return fmt.Errorf("the webhook's URL must begin with https://, not %s://", u.Scheme)
	case !slices.Contains([]string{"", http.MethodPost, http.MethodPut, http.MethodPatch}, c.Method):
		return fmt.Errorf("the webhook's method must be POST, PUT or PATCH, not %q", c.Method)
	case c.Body == nil && c.Format == nil:
		return errors.New("the webhook has no format")
	}
	for _, h := range c.Headers {
		if err := h.validate(); err != nil {
			return err
		}
	}
	_, err = keys(c.Secrets)
	return err
}

func (h Header) validate() error {
	if h.Name == "" || strings.ContainsFunc(h.Name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}) {
		return fmt.Errorf("the webhook's header %q is no name of a header", h.Name)
	}
	name := textproto.CanonicalMIMEHeaderKey(h.Name)
	if strings.HasPrefix(name, "Webhook-") ||
		slices.Contains([]string{"Host", "Connection", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Trailer", "Upgrade", "Te"}, name) {
		return fmt.Errorf("the webhook's header %s is set by the server", name)
	}
	if strings.ContainsFunc(h.Value.Reveal(), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return fmt.Errorf("the webhook's header %s has characters that no header can carry", name)
	}
	return nil
}

// keyMin is the shortest key of a signature, in bytes. The form asks for 24 to 64.
const keyMin = 16

// keys returns the keys that secrets stand for.
func keys(secrets []config.Secret) ([][]byte, error) {
	var list [][]byte
	for i, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), "whsec_"))
		if err != nil || len(key) < keyMin {
			return nil, fmt.Errorf("secret %d of the webhook is not the base64 of at least %d bytes", i+1, keyMin)
		}
		list = append(list, key)
	}
	return list, nil
}

func (c Config) method() string { return cmp.Or(c.Method, http.MethodPost) }
