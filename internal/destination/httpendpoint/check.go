package httpendpoint

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"firehose/internal/destination"
	"firehose/internal/outbound"
	"firehose/internal/verdict"
)

var _ destination.Tryable = Config{}

// Plain is the endpoint with uncompressed bodies.
func (c Config) Plain() destination.Config {
	c.Gzip = false
	return c
}

// testEvent is what Check sends: receivers can tell it by its type, and by the common attribute of requests.
const testEvent = `{"event_type":"firehose.test","test":true,"message":"Firehose sent this event to try whether it can deliver here."}`

// Check sends one request with a test event.
func (c Config) Check(ctx context.Context, env destination.Env, check *destination.Check) {
	client := env.HTTP
	if client == nil {
		client = outbound.New(outbound.Options{})
		defer client.Close()
	}
	env.HTTP = client
	check.Reach(ctx, client, c.URL)
	var sent error
	check.Do(destination.Authenticate, func() (string, error) {
		_, sent = c.Send(ctx, env, []byte(testEvent))
		var failed *fault
		if errors.As(sent, &failed) && (failed.status == http.StatusUnauthorized || failed.status == http.StatusForbidden) {
			return "", advise(sent)
		}
		if sent != nil {
			return "", destination.SkipStep("the next step tells")
		}
		return "the request of the next step is taken", nil
	})
	check.Do(destination.Write, func() (string, error) {
		return "one request with an event of type firehose.test", advise(sent)
	})
	check.Skip(destination.ReadBack, "an endpoint takes and gives nothing back")
	check.Skip(destination.Delete, "an endpoint takes and gives nothing back")
}

// advise says how to mend what a status means for whoever is writing a document. For a delivery it only means to try again.
func advise(err error) error {
	var failed *fault
	if !errors.As(err, &failed) || failed.status == 0 {
		return err
	}
	fix := "Look into the endpoint's log: it failed."
	switch s := failed.status; {
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		fix = "Correct the access key, or permit it at the endpoint."
	case s == http.StatusOK:
		fix = "Let the endpoint answer as the protocol says: JSON with the requestId of the request and a timestamp."
	case s == http.StatusNotFound || s == http.StatusGone || s == http.StatusMethodNotAllowed:
		fix = "Correct the URL: nothing takes records there."
	case s >= 300 && s < 400:
		fix = "Give the address to which the endpoint redirects as its URL: redirects are not followed."
	case s == http.StatusTooManyRequests:
		fix = "Try again later, or raise the limit at the endpoint."
	case s >= 400 && s < 500:
		fix = "Ask whoever runs the endpoint why it refuses the request."
	}
	return &verdict.SetUp{Code: failed.code, Err: errors.New(failed.text()), Fix: fix}
}

// Send delivers one record in a request with the common attribute firehose-test.
func (c Config) Send(ctx context.Context, env destination.Env, event []byte) (string, error) {
	c.Attributes = append(slices.Clone(c.Attributes), Attribute{"firehose-test", "true"})
	return destination.SendSample(ctx, c, env, time.Now().UTC(), event)
}
