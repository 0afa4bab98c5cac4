package destination

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"firehose/internal/batch"
	"firehose/internal/outbound"
	"firehose/internal/record"
	"firehose/internal/verdict"
)

// Tryable is a Config that can be tried before anything is delivered by it. Whatever reaches the other side is marked as a
// test, and no text shows a credential.
type Tryable interface {
	Config

	// Check tries the destination step by step. Errors are those of the steps.
	Check(ctx context.Context, env Env, c *Check)

	// Plain is the same destination without compression, for people to look at what it makes.
	Plain() Config

	// Send delivers one record as a delivery does, and returns the address of what became of it.
	Send(ctx context.Context, env Env, record []byte) (address string, err error)
}

// Referrer is a Config that refers to credentials, which are looked up when it is opened.
type Referrer interface {
	// Resolved returns the Config with its credentials.
	Resolved() (Config, error)

	// Unresolved returns the Config without them.
	Unresolved() Config
}

// AsTryable returns a Config that can be tried, with its credentials. It is nil for a kind that cannot.
func AsTryable(c Config) (Tryable, error) {
	if r, ok := c.(Referrer); ok {
		resolved, err := r.Resolved()
		if err != nil {
			return nil, err
		}
		c = resolved
	}
	to, _ := c.(Tryable)
	return to, nil
}

// Try takes all steps of a Config.
func Try(ctx context.Context, c Config, env Env, report func(Step)) (failed string) {
	check := NewCheck(report)
	to, err := AsTryable(c)
	switch {
	case err != nil:
		check.Do(Configure, func() (string, error) { return "", err })
	case to == nil:
		check.Do(Configure, func() (string, error) {
			return "", errors.New("destinations of the kind " + c.Kind() + " take no tests")
		})
	default:
		to.Check(ctx, env, check)
	}
	return check.failed
}

// The steps of a check, in their order.
const (
	Configure    = "configure" // only where it fails
	Resolve      = "resolve"
	Connect      = "connect"
	Authenticate = "authenticate"
	Write        = "write"
	ReadBack     = "read back"
	Delete       = "delete"
)

// Result is what became of a step.
type Result string

// The results.
const (
	OK      Result = "ok"
	Failed  Result = "failed"
	Skipped Result = "skipped" // it is not needed, cannot be done here, or another one failed before
)

// Step is one step of a check.
type Step struct {
	Name         string  `json:"step"`
	Result       Result  `json:"result"`
	Milliseconds float64 `json:"milliseconds"`
	Detail       string  `json:"detail,omitempty"` // what was found, or why it was skipped
	*Trouble
}

// Trouble is why something failed.
type Trouble struct {
	Code  string `json:"code,omitempty"` // such as S3.AccessDenied
	Cause string `json:"cause"`
	Fix   string `json:"fix"` // one sentence
}

// Check takes the steps of a try and reports each. After the first one that fails all others are skipped.
type Check struct {
	report func(Step)
	failed string // name of the step
}

// NewCheck makes a Check that reports to a function.
func NewCheck(report func(Step)) *Check { return &Check{report: report} }

// skip is the error of a step that cannot be done, and need not be.
type skip struct{ why string }

func (s skip) Error() string { return s.why }

// SkipStep is the error of a step that turns out not to be possible, which is no failure.
func SkipStep(why string) error { return skip{why} }

// Skip reports a step that is not taken.
func (c *Check) Skip(name, why string) {
	c.Do(name, func() (string, error) { return "", skip{why} })
}

// Do takes a step, unless one has failed before. Try returns what it found out. What was written is deleted even if it cannot
// be read.
func (c *Check) Do(name string, try func() (detail string, err error)) {
	c.DoSince(time.Now(), name, try)
}

// DoSince is Do for a step that began before, in one that could not tell what became of it and was skipped.
func (c *Check) DoSince(began time.Time, name string, try func() (detail string, err error)) {
	if c.failed != "" && (c.failed != ReadBack || name != Delete) {
		c.report(Step{Name: name, Result: Skipped, Detail: "not tried, since " + c.failed + " failed"})
		return
	}
	detail, err := try()
	step := Step{Name: name, Result: OK, Detail: detail, Milliseconds: Milliseconds(time.Since(began))}
	var left skip
	switch {
	case errors.As(err, &left):
		step.Result, step.Detail, step.Milliseconds = Skipped, left.why, 0
	case err != nil:
		c.failed = cmp.Or(c.failed, name)
		trouble := Explain(err)
		step.Result, step.Trouble = Failed, &trouble
	}
	c.report(step)
}

// Milliseconds is a time as steps show it.
func Milliseconds(d time.Duration) float64 { return float64(d.Round(10*time.Microsecond)) / 1e6 }

// Reach takes the steps to an address: resolve and connect.
func (c *Check) Reach(ctx context.Context, client *outbound.Client, address string) {
	to, err := url.Parse(address)
	if err != nil || to.Host == "" {
		err = &verdict.SetUp{Code: "InvalidURL", Fix: "Correct the URL; it begins with https:// and a host.", Err: errors.New("the URL is not valid")} // the error of Parse would show it
	}
	c.Do(Resolve, func() (string, error) {
		if err != nil {
			return "", err
		}
		found, err := client.Resolve(ctx, to)
		if err != nil {
			return "", err
		}
		texts := make([]string, len(found))
		for i, each := range found {
			texts[i] = each.String()
		}
		return strings.Join(texts, ", "), nil
	})
	c.Do(Connect, func() (string, error) {
		found, err := client.Connect(ctx, to)
		if err != nil {
			return "", err
		}
		if found.TLS == "" {
			return found.Address.String() + ", not encrypted", nil
		}
		return fmt.Sprintf("%s, %s, certificate valid until %s", found.Address, found.TLS, found.Expires.UTC().Format(time.DateOnly)), nil
	})
}

// SampleBatch makes a batch of one record, which no log has, for an open destination. Encode makes its body.
func SampleBatch(ctx context.Context, to Destination, at time.Time, event []byte) (*batch.Batch, error) {
	head := batch.Head{Time: at, Version: 1}
	var body bytes.Buffer
	encoder, err := to.Encoder(ctx, head, &body)
	if err != nil {
		return nil, err
	}
	if err := encoder.Write(batch.Records{Data: event, Ends: []int{len(event)}}); err != nil {
		return nil, err
	}
	if rejecter, ok := encoder.(batch.Rejecter); ok {
		if refused := rejecter.Rejected(); len(refused) > 0 {
			return nil, fmt.Errorf("%s: %s", refused[0].Failure.Code, refused[0].Failure.Message)
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, err
	}
	return &batch.Batch{Head: head, End: record.Position{Index: 1}, Records: 1, Bytes: int64(len(event)), Body: bytes.NewReader(body.Bytes())}, nil
}

// SendSample opens a destination and delivers one record to it.
func SendSample(ctx context.Context, c Config, env Env, at time.Time, event []byte) (address string, err error) {
	to, err := c.Open(env)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	one, err := SampleBatch(ctx, to, at, event)
	if err != nil {
		return "", err
	}
	if namer, ok := to.(Namer); ok {
		address = namer.Name(one.Head)
	}
	return address, to.Deliver(ctx, one)
}
