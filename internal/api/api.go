// Package api is the product's own door, beside Amazon's: what people and tools ask of the service that Amazon's API has
// no words for. All paths begin with /v1/. Answers are JSON; an error is {"error": {"code", "message"}}.
//
//	POST /v1/streams/{name}:flush   delivers what is open now, and answers when it is delivered
//	GET  /v1/records?id=ID          says where the record of a RecordId stands
//
//	GET /v1/streams                       lists streams with their state
//	GET, PUT, DELETE /v1/streams/{name}   shows, makes or changes, deletes a stream, as a document (package native)
//	GET /v1/streams/{name}/versions[/{n}] lists the versions of its document, shows one
//
//	POST /v1/destinations:test            tries a destination that is not saved, step by step
//	POST /v1/streams/{name}:ping          sends a sample event to a stream's destinations and shows every stage
//	POST /v1/preview                      shows the same for a document that is not saved, and sends nothing
//
//	GET  /v1/streams/{name}/destinations          says where a stream's destinations stand
//	POST /v1/streams/{name}/destinations/{id}:pause, :resume
//	GET, POST /v1/streams/{name}/replays          lists replays; begins one, or says what it would deliver
//	GET, DELETE /v1/streams/{name}/replays/{id}   shows one, cancels it
//
//	POST /v1/streams/{name}/events        puts events
//	GET  /v1/keys, POST /v1/keys          lists API keys, makes one
//	DELETE /v1/keys/{id}                  revokes one
//
//	GET  /v1/streams/{name}/errors        lists what could not be processed, output by output
//	GET  /v1/streams/{name}/errors/{key}  shows the records of one
//	POST /v1/streams/{name}:redrive       puts them into the stream again
//
// With authentication on, requests are signed like those of Amazon's API, or bring an API key whose role allows what they
// ask for: Authorization: Bearer fh_….
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"firehose/internal/apikey"
	"firehose/internal/control"
	"firehose/internal/eventread"
	"firehose/internal/ingest"
	"firehose/internal/object"
	"firehose/internal/record"
	"firehose/internal/sigv4"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// Streams is what the door needs of whoever keeps the streams.
type Streams interface {
	Find(name string) []stream.Key
	Flush(ctx context.Context, key stream.Key) error
	Locate(id record.ID) (control.Location, error)
	ErrorOutputs(ctx context.Context, key stream.Key, f control.ErrorFilter, after control.ErrorPlace, yield func(control.ErrorOutput) bool) error
	OpenErrorOutput(ctx context.Context, key stream.Key, outputKey string) (control.ErrorOutput, io.ReadCloser, error)
	Redrive(ctx context.Context, key stream.Key, what control.Redrive, report func(control.RedrivenOutput)) error
	PutEvents(ctx context.Context, key stream.Key, events [][]byte) (control.Events, error)
}

// Verifier checks who signed a request.
type Verifier interface {
	Verify(r *http.Request, body []byte) (sigv4.Identity, error)
}

// Options are the door's surroundings.
type Options struct {
	Verifier Verifier     // nil for no authentication: nobody is asked who they are
	Keys     *apikey.Ring // also asked without authentication, when a request brings a key
	Account  string       // of what nobody in particular asks for, 12 digits
	Region   string       // the same
	Declared Declared     // streams as documents; nil for none of their paths
	Trials   Trials       // what destinations are tried with; nil for none of these paths
	Logger   *slog.Logger

	Deliveries Deliveries // what delivers; nil for none of these paths
}

// Door answers the paths below /v1/.
type Door struct {
	Options
	streams Streams
}

// New returns the door to streams.
func New(streams Streams, o Options) *Door { return &Door{Options: o, streams: streams} }

// Register adds the door's paths.
func (d *Door) Register(mux *http.ServeMux) {
	d.handle(mux, "POST /v1/streams/{action}", d.act, "dry_run", "destination")
	d.handle(mux, "GET /v1/records", d.locate, "id")
	d.handle(mux, "POST /v1/streams/{name}/events", d.putEvents, "key", "results")
	d.handle(mux, "GET /v1/keys", d.listKeys)
	d.handle(mux, "POST /v1/keys", d.makeKey)
	d.handle(mux, "DELETE /v1/keys/{id}", d.revokeKey)
	if d.Declared != nil {
		d.registerStreams(mux)
	}
	if d.Trials != nil {
		d.registerTrials(mux)
	}
	if d.Deliveries != nil {
		d.registerDeliveries(mux)
	}
	d.handle(mux, "GET /v1/streams/{name}/errors", d.listErrors, "type", "since", "until", "limit", "after")
	d.handle(mux, "GET /v1/streams/{name}/errors/{key...}", d.showErrors)
	mux.HandleFunc(everything, d.unknown(mux))
}

// bodyMax is the most that a request's body may have.
const bodyMax = 64 << 10

// failure is an answer that is not a success.
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.message }

// body is what a client gets of it.
func (f *failure) body() any {
	return map[string]any{"error": map[string]string{"code": f.code, "message": f.message}}
}

// act does what the path's last part says: NAME:flush, NAME:redrive or NAME:ping. Only the last has parameters.
func (d *Door) act(w http.ResponseWriter, r *http.Request) {
	name, action, _ := strings.Cut(r.PathValue("action"), ":")
	if action == "flush" || action == "redrive" {
		if err := checkQuery(r.URL.RawQuery, []string{"account", "region"}); err != nil {
			d.answer(w, nil, err)
			return
		}
	}
	switch action {
	case "flush":
		d.flush(w, r, name)
	case "redrive":
		d.redrive(w, r, name)
	case "ping":
		if d.Trials != nil {
			d.ping(w, r, name)
			return
		}
		fallthrough
	default:
		d.answer(w, nil, &failure{http.StatusNotFound, "unknown_action", "the path is /v1/streams/NAME:flush, /v1/streams/NAME:redrive or /v1/streams/NAME:ping"})
	}
}

func (d *Door) flush(w http.ResponseWriter, r *http.Request, name string) {
	key, err := d.find(r, name, apikey.Admin)
	if err == nil {
		err = d.streams.Flush(r.Context(), key)
	}
	d.answer(w, map[string]string{"stream": name, "status": "delivered"}, err)
}

// find returns the key of the stream that a request names, if whoever sent it may act in a role there. Who is known sees
// streams of their own account and region; otherwise the query may name account and region, and need not while the name is
// the only one of its kind.
func (d *Door) find(r *http.Request, name string, role apikey.Role) (stream.Key, error) {
	key, _, err := d.findAs(r, name, role)
	return key, err
}

// findAs is find, and also says who sent the request: the id of a key, or nothing where nobody need say.
func (d *Door) findAs(r *http.Request, name string, role apikey.Role) (stream.Key, string, error) {
	who, err := d.identify(r, role, name)
	if err != nil {
		return stream.Key{}, "", err
	}
	if who.Account == "" {
		who.Account, who.Region = r.URL.Query().Get("account"), r.URL.Query().Get("region")
	}
	var found []stream.Key
	for _, key := range d.streams.Find(name) {
		if (who.Account == "" || who.Account == key.Account) && (who.Region == "" || who.Region == key.Region) {
			found = append(found, key)
		}
	}
	switch len(found) {
	case 0:
		return stream.Key{}, "", &noStream{name, who.Account, who.Region}
	case 1:
		return found[0], who.AccessKey, nil
	}
	return stream.Key{}, "", &failure{http.StatusConflict, "ambiguous_name", "several accounts or regions have a stream of this name: add ?account=ACCOUNT&region=REGION"}
}

// noStream is the stream.ErrNotFound that says where no stream of a name was found; an account or region that was not
// asked for is empty.
type noStream struct{ name, account, region string }

func (e *noStream) Error() string {
	text := fmt.Sprintf("there is no stream %q", e.name)
	if e.region != "" {
		text += " in region " + e.region
	}
	if e.account != "" {
		text += " of account " + e.account
	}
	return text
}

func (e *noStream) Unwrap() error { return stream.ErrNotFound }

// locate says where a record stands. Who is verified sees records of their own account and region.
func (d *Door) locate(w http.ResponseWriter, r *http.Request) {
	who, err := d.identify(r, apikey.Admin, "")
	if err != nil {
		d.answer(w, nil, err)
		return
	}
	// A plus sign of base64 that was not escaped in the query arrives as a space.
	id, err := record.ParseID(strings.ReplaceAll(r.URL.Query().Get("id"), " ", "+"))
	if err != nil {
		d.answer(w, nil, &failure{http.StatusBadRequest, "bad_record_id", err.Error()})
		return
	}
	location, err := d.streams.Locate(id)
	key := location.Stream
	if err == nil && who.Account != "" && (who.Account != key.Account || who.Region != key.Region) {
		err = stream.ErrNotFound
	}
	d.answer(w, location, err)
}

// answer writes a success, or what went wrong.
func (d *Door) answer(w http.ResponseWriter, success any, err error) {
	status, body := http.StatusOK, success
	if err != nil {
		f := d.failureOf(err)
		status = f.status
		body = f.body()
	}
	d.write(w, status, body)
}

func (d *Door) write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	newEncoder(w).Encode(body) // an error here is the client's going away
}

// newEncoder writes JSON with texts as they are, since events and conditions are shown in it.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

func (d *Door) failureOf(err error) *failure {
	var known *failure
	var unsigned *sigv4.Error
	var unsupported *eventread.UnsupportedError
	var unreadable *eventread.BodyError
	var gone *control.HistoryGone
	var unnamed *noStream
	broken := verdict.AsSetUp(err)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &unsigned):
		return &failure{http.StatusForbidden, unsigned.Type, unsigned.Message}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlowBody
	case errors.As(err, &unsupported):
		return &failure{http.StatusUnsupportedMediaType, "unsupported_body", err.Error()}
	case errors.As(err, &unreadable):
		return &failure{http.StatusBadRequest, "bad_body", err.Error()}
	case errors.Is(err, apikey.ErrMalformed), errors.Is(err, apikey.ErrUnknown):
		return &failure{http.StatusUnauthorized, "unknown_key", err.Error()}
	case errors.As(err, &unnamed):
		return &failure{http.StatusNotFound, "stream_not_found", unnamed.Error()}
	case errors.Is(err, stream.ErrNotFound):
		return &failure{http.StatusNotFound, "stream_not_found", "there is no stream of this name in the account and region asked for"}
	case errors.Is(err, stream.ErrNotActive):
		return &failure{http.StatusConflict, "stream_not_active", "the stream is not active"}
	case errors.Is(err, control.ErrNoDelivery):
		return &failure{http.StatusNotFound, "destination_not_found", err.Error()}
	case errors.Is(err, control.ErrPausedByDocument):
		return &failure{http.StatusConflict, "paused_by_document", err.Error() + ": put the document with paused: false"}
	case errors.As(err, &gone):
		return &failure{http.StatusGone, "history_gone", err.Error() + "; begin then, or with oldest"}
	case errors.Is(err, control.ErrOtherStream):
		return &failure{http.StatusBadRequest, "bad_parameter", err.Error() + ": give the RecordId of one of this stream"}
	case errors.Is(err, control.ErrNoReplay):
		return &failure{http.StatusNotFound, "replay_not_found", err.Error() + "; those that have ended long ago are forgotten"}
	case errors.Is(err, control.ErrReplayEnded):
		return &failure{http.StatusConflict, "replay_ended", err.Error()}
	case errors.Is(err, control.ErrReplays):
		return &failure{http.StatusConflict, "too_many_replays", err.Error() + ": wait for one, or cancel it"}
	case errors.Is(err, control.ErrNoErrorOutputs):
		return &failure{http.StatusConflict, "no_error_outputs", err.Error()}
	case errors.Is(err, control.ErrRedriving):
		return &failure{http.StatusConflict, "redrive_under_way", "another redrive of the stream is under way: wait until it has ended, or end it"}
	case errors.Is(err, object.ErrNotFound):
		return &failure{http.StatusNotFound, "error_output_not_found", err.Error()}
	case errors.Is(err, ingest.ErrThrottled):
		return &failure{http.StatusTooManyRequests, "slow_down", "the stream takes no more records for now; try again later"}
	case broken != nil:
		return &failure{http.StatusBadGateway, broken.Code, err.Error() + ": " + broken.Fix}
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return &failure{http.StatusGatewayTimeout, "not_delivered_yet", "the records are kept, but they are not delivered yet; see /healthz"}
	}
	d.Logger.Error("A request failed.", "error", err)
	return &failure{http.StatusInternalServerError, "internal", "the server's log says what went wrong"}
}
