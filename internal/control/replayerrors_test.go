package control

import (
	"slices"
	"testing"
	"time"

	"firehose/internal/destination"
	"firehose/internal/destination/s3"
	"firehose/internal/erroroutput"
	"firehose/internal/ingest"
	"firehose/internal/stream"
)

// careless is a delivery of a kind that may keep error outputs, and has nowhere to keep them.
type careless struct{ place }

func (careless) ErrorOutputs(destination.Env) (destination.ErrorOutputs, error) {
	return nil, destination.ErrKeepsNone
}

// What a replay could not deliver to a destination of its own is found for as long as the replay is known. The stream would
// deliver it where it did before, so nothing but its name puts it.
func TestWhatReplaysCouldNotDeliverIsListedAndPutOnlyByItsName(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		n.settings.Compile["apart"] = func(stream.Key, []byte) (stream.Spec, error) {
			return stream.Spec{Deliveries: []stream.Delivery{{ID: "own", Buffer: stream.Buffer{Size: 1 << 30, Interval: time.Hour},
				Destination: keeping{place{n.places, "y"}, s3.Config{Bucket: "b", ErrorPrefix: "r/!{firehose:error-output-type}/", Compression: "GZIP"}}}}}, nil
		}
		n.restart()
		declared, replayed := n.fail(erroroutput.Processing, 0, 0, 2), n.failBelow("r/", erroroutput.Webhook, 1, 2, 4)
		if got := n.list(ErrorFilter{}, ErrorPlace{}); !slices.Equal(got, []string{declared}) {
			n.Errorf("before the replay %q are listed", got)
		}
		n.replay("a", ReplayRequest{Delivery: "main0"})
		first := n.replay("a", ReplayRequest{Delivery: "own", Language: "apart", Document: []byte("{}")})
		n.replay("a", ReplayRequest{Delivery: "own", Language: "apart", Document: []byte("{}")}) // which shares its outputs
		for range 2 {
			if got := n.list(ErrorFilter{}, ErrorPlace{}); !slices.Equal(got, []string{declared, replayed}) {
				n.Errorf("%q are listed", got)
			}
			if got := n.list(ErrorFilter{}, ErrorPlace{Delivery: "main0", Key: declared}); !slices.Equal(got, []string{replayed}) {
				n.Errorf("behind the stream's own %q are listed", got)
			}
			if got := n.list(ErrorFilter{}, ErrorPlace{Delivery: first.ID, Key: replayed}); len(got) > 0 {
				n.Errorf("behind the last one %q are listed", got)
			}
			n.restart()
		}
		o, lines, err := n.OpenErrorOutput(n.Context(), keyOf("a"), replayed)
		n.check(err)
		lines.Close()
		if o.Delivery != first.ID || o.Type != erroroutput.Webhook {
			n.Errorf("opened %+v", o)
		}
		n.wantRedrive(Redrive{}, "processing:2+0 webhook:0+0")
		n.wantPut(0, 1)
		n.wantRedrive(Redrive{Keys: []string{replayed}}, "webhook:2+0")
		n.wantPut(0, 1, 2, 3)
	})
}

func TestADestinationThatKeepsNoErrorOutputsHidesNoOthers(t *testing.T) {
	newErrorNode(t, ingest.Rates{}, func(n *errorNode) {
		kept := n.settings.Compile["kept"]
		n.settings.Compile["kept"] = func(key stream.Key, document []byte) (stream.Spec, error) {
			spec, err := kept(key, document)
			spec.Deliveries[0].Destination = careless{place{n.places, "x"}}
			return spec, err
		}
		n.restart()
		key := n.fail(erroroutput.Processing, 0, 0, 2)
		if got := n.list(ErrorFilter{}, ErrorPlace{}); !slices.Equal(got, []string{key}) {
			n.Errorf("%q are listed", got)
		}
	})
}
