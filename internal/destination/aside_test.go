package destination

import (
	"context"
	"errors"
	"io"
	"reflect"
	"testing"

	"firehose/internal/batch"
	"firehose/internal/erroroutput"
	"firehose/internal/record"
)

// noting is a destination that notes what it is asked.
type noting struct {
	name    string
	asked   *[]string
	rejects bool
	closing error
}

func (n noting) note(what string) { *n.asked = append(*n.asked, n.name+" "+what) }

func (n noting) Encoder(context.Context, batch.Head, io.Writer) (batch.Encoder, error) {
	n.note("encodes")
	return nil, nil
}

func (n noting) Deliver(context.Context, *batch.Batch) error {
	n.note("delivers")
	return nil
}

func (n noting) Close() error {
	n.note("closes")
	return n.closing
}

func (n noting) Name(batch.Head) string { return n.name }
func (n noting) Rejects() bool          { return n.rejects }
func (n noting) Failure(err error) erroroutput.Failure {
	return erroroutput.Failure{Type: n.name, Message: err.Error()}
}

// opened is a configuration of a destination that is there already.
type opened struct {
	Destination
	err error
}

func (opened) Kind() string                    { return "" }
func (opened) Target() string                  { return "" }
func (o opened) Open(Env) (Destination, error) { return o.Destination, o.err }

func TestErrorOutputsGoAside(t *testing.T) {
	var asked []string
	broken := errors.New("does not close")
	d, err := OpenAside(noting{name: "main", asked: &asked, rejects: true}, opened{Destination: noting{name: "errors", asked: &asked, closing: broken}}, Env{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []batch.Head{{}, {Failure: erroroutput.Processing}} {
		d.Encoder(t.Context(), h, nil)
		d.Deliver(t.Context(), &batch.Batch{Head: h})
		asked = append(asked, "named "+d.(Namer).Name(h))
	}
	if err := d.Close(); !errors.Is(err, broken) {
		t.Error(err)
	}
	want := []string{"main encodes", "main delivers", "named main", "errors encodes", "errors delivers", "named errors", "main closes", "errors closes"}
	if !reflect.DeepEqual(asked, want) {
		t.Errorf("%q", asked)
	}
	if f := d.(Failer).Failure(io.EOF); f.Type != "main" || f.Message != "EOF" {
		t.Errorf("%+v", f)
	}
	if !d.(Rejecter).Rejects() {
		t.Error("refuses no records")
	}
}

func TestAnErrorOutputThatCannotBeOpenedIsAnError(t *testing.T) {
	if _, err := OpenAside(noting{}, opened{err: io.EOF}, Env{}); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// What was sent under an identity stays so, for receivers that keep it.
func TestIdentityStaysTheSame(t *testing.T) {
	e := Env{StreamID: record.StreamID{1, 2, 3}, Delivery: "d"}
	h := batch.Head{First: record.Position{Block: 7, Index: 8}, Sub: 9, Partition: "1:a"}
	const want = "798625d4-833b-4c63-9d29-a0d25897e9e9"
	if got := e.Identity(h, "request").String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	h.Version, e.Stream = 5, "renamed" // are no part of it
	if got := e.Identity(h, "request").String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if e.Identity(h, "webhook") == e.Identity(h, "request") {
		t.Error("two purposes have one identity")
	}
}
