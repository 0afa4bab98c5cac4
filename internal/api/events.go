package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"firehose/internal/apikey"
	"firehose/internal/control"
	"firehose/internal/eventread"
	"firehose/internal/ingest"
	"firehose/internal/stream"
)

// Events are stored in chunks of so many, or so many bytes. What is acknowledged is so whatever becomes of later chunks.
const (
	chunkEvents = 500
	chunkBytes  = 1 << 20
	eventMax    = 1_000 << 10 // bytes of an event: what a record may have
	listedMax   = 10_000      // results and refused events in an answer
)

// chunkTime is how long a client may take for each chunk after the first. A body as a whole has all the time it needs.
const chunkTime = time.Minute

// throttledFor is how long a request waits, all waits together, when the stream takes no more for now.
const throttledFor = 5 * time.Second

// eventAnswer says what became of a request's events. All before Next are decided; a client that was cut off or told to slow
// down sends again from there.
type eventAnswer struct {
	Stream     string         `json:"stream"`
	Next       int            `json:"next"`       // index of the first event that is not decided
	Stored     int            `json:"stored"`     // durable by this request
	Duplicates int            `json:"duplicates"` // durable before, known by their id
	Rejected   []rejectedOne  `json:"rejected,omitempty"`
	Results    []storedOne    `json:"results,omitempty"` // on request: ?results=true
	Error      map[string]any `json:"error,omitempty"`   // why the rest was not taken
}

type rejectedOne struct {
	Index   int    `json:"index"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type storedOne struct {
	Index     int    `json:"index"`
	Record    string `json:"record,omitempty"`
	Duplicate bool   `json:"duplicate,omitempty"`
}

// putEvents takes a body of events.
func (d *Door) putEvents(w http.ResponseWriter, r *http.Request) {
	key, err := d.find(r, r.PathValue("name"), apikey.Producer)
	if err == nil {
		err = checkOrderKey(r.URL.Query())
	}
	var results bool
	if err == nil {
		results, err = flag(r, "results")
	}
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	events, err := eventread.NewReader(r.Body, r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding"))
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	defer events.Close()
	p := &putting{door: d, key: key, answer: eventAnswer{Stream: key.Name}, connection: http.NewResponseController(w), results: results}
	if err := p.all(r.Context(), events); err != nil {
		f := d.failureOf(err)
		p.answer.Error = map[string]any{"code": f.code, "message": f.message}
		if f.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		d.write(w, f.status, p.answer)
		return
	}
	status := http.StatusOK
	if len(p.answer.Rejected) > 0 && p.answer.Stored+p.answer.Duplicates == 0 {
		status = http.StatusBadRequest
	}
	d.write(w, status, p.answer)
}

// putting is the putting of one request's events.
type putting struct {
	door       *Door
	key        stream.Key
	answer     eventAnswer
	results    bool
	connection *http.ResponseController
	waited     time.Duration

	chunk [][]byte
	index []int // of each event of the chunk, in the request
	size  int
	read  int // events read so far
}

func (p *putting) all(ctx context.Context, events *eventread.Reader) error {
	for {
		event, err := events.Next()
		var refused *eventread.EventError
		switch {
		case err == io.EOF:
			return p.store(ctx)
		case errors.As(err, &refused):
			p.reject(p.read, refused.Code, err.Error())
		case err != nil:
			return errors.Join(p.store(ctx), err)
		case len(event) > eventMax:
			p.reject(p.read, "event_too_large", fmt.Sprintf("the event has %d bytes; at most %d are taken", len(event), eventMax))
		default:
			p.chunk, p.index, p.size = append(p.chunk, append([]byte(nil), event...)), append(p.index, p.read), p.size+len(event)
		}
		p.read++
		if len(p.chunk) >= chunkEvents || p.size >= chunkBytes {
			if err := p.store(ctx); err != nil {
				return err
			}
		}
	}
}

func (p *putting) reject(index int, code, message string) {
	if len(p.answer.Rejected) < listedMax {
		p.answer.Rejected = append(p.answer.Rejected, rejectedOne{index, code, message})
	}
}

// store makes the chunk durable. While the stream takes no more it waits, but not for long.
func (p *putting) store(ctx context.Context) error {
	for pause := 20 * time.Millisecond; len(p.chunk) > 0; pause *= 2 {
		done, err := p.door.streams.PutEvents(ctx, p.key, p.chunk)
		if err != nil && !errors.Is(err, ingest.ErrThrottled) {
			p.answer.Next = p.index[0]
			return err
		}
		p.note(done)
		if len(p.chunk) == 0 {
			break
		}
		if p.waited >= throttledFor {
			p.answer.Next = p.index[0]
			return ingest.ErrThrottled
		}
		p.waited += pause
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.chunk, p.index, p.size = p.chunk[:0], p.index[:0], 0
	p.answer.Next = p.read
	p.connection.SetReadDeadline(time.Now().Add(chunkTime)) // where that cannot be set, the server's own deadline holds
	return nil
}

// note takes the first events, whose fate is known, out of the chunk.
func (p *putting) note(done control.Events) {
	stored := 0
	for i, duplicate := range done.Duplicate {
		if why := done.Refused[i]; why != nil {
			p.reject(p.index[i], "event_too_large", why.Error())
			continue
		}
		one := storedOne{Index: p.index[i], Duplicate: duplicate}
		if !duplicate {
			if p.results {
				one.Record = done.Receipt.ID(stored).String()
			}
			stored++
		}
		if p.results && len(p.answer.Results) < listedMax {
			p.answer.Results = append(p.answer.Results, one)
		}
	}
	p.answer.Stored += done.Stored
	p.answer.Duplicates += done.Taken - done.Stored - len(done.Refused)
	p.chunk, p.index = p.chunk[done.Taken:], p.index[done.Taken:]
}
