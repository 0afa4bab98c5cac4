package destination

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	"firehose/internal/batch"
	"firehose/internal/erroroutput"
	"firehose/internal/verdict"
)

// Sender is a destination that keeps no error outputs itself.
type Sender interface {
	Destination
	Namer
	Failer
}

// Origin returns the beginning of a URL, without what may be secret of it.
func Origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// OpenAside adds to a destination where its error outputs go: another destination, as a rule a bucket. Heads with a Failure
// are that one's, all others the sender's. Without another, which is nil, error outputs are held and the set-up is broken,
// for they have nowhere to go.
func OpenAside(main Sender, failed Config, env Env) (Destination, error) {
	if failed == nil {
		return aside{main, nowhere{}}, nil
	}
	other, err := failed.Open(env)
	if err != nil {
		return nil, fmt.Errorf("open the error output: %w", err)
	}
	return aside{main, other}, nil
}

// aside is two destinations in the place of one.
type aside struct {
	Sender
	failed Destination
}

func (a aside) of(head batch.Head) Destination {
	if head.Failure != "" {
		return a.failed
	}
	return a.Sender
}

func (a aside) Encoder(ctx context.Context, head batch.Head, w io.Writer) (batch.Encoder, error) {
	return a.of(head).Encoder(ctx, head, w)
}

func (a aside) Deliver(ctx context.Context, b *batch.Batch) error {
	return a.of(b.Head).Deliver(ctx, b)
}

// Name returns the name that the one gives it who gets the batch.
func (a aside) Name(head batch.Head) string {
	if namer, ok := a.of(head).(Namer); ok {
		return namer.Name(head)
	}
	return ""
}

func (a aside) Failure(err error) erroroutput.Failure { return a.Sender.Failure(err) }

// Rejects says whether the sender's encoders refuse records.
func (a aside) Rejects() bool {
	r, ok := a.Sender.(Rejecter)
	return ok && r.Rejects()
}

func (a aside) Close() error { return errors.Join(a.Sender.Close(), a.failed.Close()) }

// TakesErrors says whether a destination has somewhere for error outputs to go.
func TakesErrors(d Destination) bool {
	a, ok := d.(aside)
	return !ok || a.failed != nowhere{}
}

// NoErrorOutput returns the error of a destination that has nowhere for error outputs to go, with what the receiver said of the
// records; nil if it said nothing.
func NoErrorOutput(refused error) error {
	err := errors.New("there are records that cannot be processed or that the receiver refuses, and the destination has no error output for them")
	if refused != nil {
		err = fmt.Errorf("%w: %w", err, refused)
	}
	return &verdict.SetUp{Code: "ErrorOutput.Missing", Fix: "Give the destination a bucket for such records: errors.bucket in its document.", Err: err}
}

// nowhere takes nothing.
type nowhere struct{}

func (nowhere) Encoder(context.Context, batch.Head, io.Writer) (batch.Encoder, error) {
	return nil, NoErrorOutput(nil)
}
func (nowhere) Deliver(context.Context, *batch.Batch) error { return NoErrorOutput(nil) }
func (nowhere) Close() error                                { return nil }
