package webhook

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"firehose/internal/destination"
	"firehose/internal/eventbody"
	"firehose/internal/outbound"
	"firehose/internal/verdict"
)

var _ destination.Tryable = Config{}

// testHeader marks a request as a test.
const testHeader = "X-Firehose-Test"

// testEvent is what Check sends: receivers can tell it by its type, and by the header.
const testEvent = `{"event_id":"firehose-test","event_type":"firehose.test","test":true,"message":"Firehose sent this event to try whether it can deliver here."}`

// Plain is the webhook with uncompressed bodies.
func (c Config) Plain() destination.Config {
	if c.Format != nil {
		format := *c.Format
		format.Compression = eventbody.None
		c.Format = &format
	}
	if p, ok := c.Body.(interface{ Plain() Body }); ok {
		c.Body = p.Plain()
	}
	return c
}

// Check sends one signed request with a test event. A webhook that takes CloudEvents is asked for its permission before, as
// their specification of webhooks has it.
func (c Config) Check(ctx context.Context, env destination.Env, check *destination.Check) {
	if c.Format != nil {
		if body, err := destination.OpenEventBody(*c.Format, env); err == nil { // otherwise it cannot be opened either
			c.Body = body
		}
	}
	client := env.HTTP
	if client == nil {
		client = outbound.New(outbound.Options{})
		defer client.Close()
	}
	env.HTTP = client
	check.Reach(ctx, client, c.URL)
	var asked string
	var sent error
	began := time.Now()
	check.Do(destination.Authenticate, func() (_ string, err error) {
		if asked, err = c.handshake(ctx, client); err != nil {
			return "", err
		}
		began = time.Now()
		_, sent = c.Send(ctx, env, []byte(testEvent))
		if broken := verdict.AsSetUp(sent); broken != nil && broken.Code == AccessDenied {
			return "", sent
		}
		if sent != nil {
			return "", destination.SkipStep(asked + "the next step tells")
		}
		return asked + "the request of the next step is taken", nil
	})
	if sent == nil {
		began = time.Now() // the step before has the time of the request
	}
	check.DoSince(began, destination.Write, func() (string, error) { return "one request with an event of type firehose.test", sent })
	check.Skip(destination.ReadBack, "a webhook takes and gives nothing back")
	check.Skip(destination.Delete, "a webhook takes and gives nothing back")
}

// handshake asks a receiver of CloudEvents whether it wants events of this server. One that knows nothing of the question
// is no obstacle; one that names others is.
func (c Config) handshake(ctx context.Context, client *outbound.Client) (string, error) {
	if c.Body == nil || !strings.HasPrefix(c.Body.ContentType(), "application/cloudevents") {
		return "", nil
	}
	origin, err := os.Hostname()
	if err != nil {
		origin = "firehose"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodOptions, c.URL, nil)
	if err != nil {
		return "", err
	}
	for _, h := range c.Headers {
		request.Header.Set(h.Name, h.Value.Reveal())
	}
	request.Header.Set("WebHook-Request-Origin", origin)
	answer, err := client.Ask(request)
	if err != nil {
		return "", judgeFailure(err)
	}
	allowed := answer.Header.Get("WebHook-Allowed-Origin")
	switch {
	case answer.Status/100 != 2 || allowed == "":
		return "the receiver does not know the CloudEvents handshake; ", nil
	case allowed != "*" && !strings.EqualFold(allowed, origin):
		return "", &verdict.SetUp{Code: AccessDenied, Fix: "Permit the origin " + origin + " at the webhook.",
			Err: fmt.Errorf("the webhook takes events of other origins than %s only", origin)}
	}
	return "permitted by the CloudEvents handshake; ", nil
}

// Send delivers one record in a request with the header X-Firehose-Test.
func (c Config) Send(ctx context.Context, env destination.Env, event []byte) (string, error) {
	c.Headers = append(slices.Clone(c.Headers), Header{testHeader, "true"})
	return destination.SendSample(ctx, c, env, time.Now().UTC(), event)
}
