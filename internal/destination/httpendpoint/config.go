// Package httpendpoint delivers batches to endpoints that speak Amazon's HTTP endpoint protocol, version 1.0: what
// receivers of Amazon Data Firehose were built for takes batches of this server unchanged.
//
// A batch is one POST of a JSON document with the records in base64. Its request id follows from the batch alone, so that
// it stays the same for every try and after a crash, and a receiver can tell repetitions. The endpoint must answer with
// exactly 200, JSON and the same request id; anything else means that the batch was not delivered, and is tried again but
// for 413, which means that it never will be. How long it is tried again, and with which pauses, is the delivery's
// business.
//
// Records that finally fail are lines of an error output, which goes to another destination: a bucket. The protocol bounds
// a body to 64 MiB before compression and 10,000 records; SizeMax says what to bound batches to. Nothing here shows the
// path or query of the URL, or the access key.
package httpendpoint

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"firehose/internal/config"
	"firehose/internal/destination"
)

// Config is an HTTP endpoint.
type Config struct {
	URL        string
	AccessKey  config.Secret // goes with each request; empty for none
	Gzip       bool          // compress bodies
	Attributes []Attribute   // go with each request
	SourceARN  string        // of the stream, as receivers see it
	AllowHTTP  bool          // permit a URL without TLS, for tests and local development
	Timeout    time.Duration // of one try; 0 for 3 minutes

	Errors destination.Config // where error outputs go; nil for nowhere
}

// Attribute is one of the common attributes.
type Attribute struct {
	Name, Value string
}

var (
	_ destination.Config      = Config{}
	_ destination.ErrorKeeper = Config{}
)

// Bounds of the protocol.
const (
	RecordsMax  = 10_000   // in a batch
	BodySizeMax = 64 << 20 // before compression
	timeout     = 3 * time.Minute
)

// What a body has besides the base64 of its records: around them, and with each of them, base64 rounding up included.
const (
	envelopeSize = len(`{"requestId":"00000000-0000-0000-0000-000000000000","timestamp":-9223372036854775808,"records":[]}`)
	wrappingSize = len(`{"data":"=="},`) + 1
)

// SizeMax returns how many bytes of records fit into a body of the given size, in RecordsMax records or fewer. A single
// record makes a batch whatever its size.
func SizeMax(body int64) int64 {
	return max((body-int64(envelopeSize)-RecordsMax*int64(wrappingSize))*3/4, 1)
}

// Kind returns "http_endpoint", as documents have it.
func (Config) Kind() string { return "http_endpoint" }

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
		return errors.New("the endpoint's URL is not valid") // the error of Parse would show it
	case u.Scheme == "http" && c.AllowHTTP, u.Scheme == "https":
	default:
		return fmt.Errorf("the endpoint's URL must begin with https://, not %s://", u.Scheme)
	}
	for _, b := range []byte(c.AccessKey.Reveal()) {
		if b < ' ' && b != '\t' || b == 0x7f {
			return errors.New("the access key has characters that no HTTP header can carry")
		}
	}
	return nil
}
