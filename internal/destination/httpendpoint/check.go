package httpendpoint

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"firehose/internal/destination"
	"firehose/internal/outbound"
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
	began := time.Now()
	check.Do(destination.Authenticate, func() (string, error) {
		began = time.Now()
		_, sent = c.Send(ctx, env, []byte(testEvent))
		var failed *fault
		if errors.As(sent, &failed) && (failed.status == http.StatusUnauthorized || failed.status == http.StatusForbidden) {
			return "", sent
		}
		if sent != nil {
			return "", destination.SkipStep("the next step tells")
		}
		return "the request of the next step is taken", nil
	})
	if sent == nil {
		began = time.Now() // the step before has the time of the request
	}
	check.DoSince(began, destination.Write, func() (string, error) { return "one request with an event of type firehose.test", sent })
	check.Skip(destination.ReadBack, "an endpoint takes and gives nothing back")
	check.Skip(destination.Delete, "an endpoint takes and gives nothing back")
}

// Send delivers one record in a request with the common attribute firehose-test.
func (c Config) Send(ctx context.Context, env destination.Env, event []byte) (string, error) {
	c.Attributes = append(slices.Clone(c.Attributes), Attribute{"firehose-test", "true"})
	return destination.SendSample(ctx, c, env, time.Now().UTC(), event)
}
