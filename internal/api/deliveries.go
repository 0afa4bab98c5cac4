package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"firehose/internal/apikey"
	"firehose/internal/control"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/stream"
)

// Deliveries is what the door needs of whoever runs the deliveries of streams.
type Deliveries interface {
	Get(key stream.Key) (stream.Stream, error)
	Standings(key stream.Key) ([]control.Standing, error)
	Pause(key stream.Key, delivery, by, reason string) error
	Resume(key stream.Key, delivery, by string) error
	PlanReplay(ctx context.Context, key stream.Key, q control.ReplayRequest) (control.ReplayRange, error)
	StartReplay(ctx context.Context, key stream.Key, q control.ReplayRequest) (stream.Replay, error)
	Replays(key stream.Key) ([]control.Replay, error)
	CancelReplay(key stream.Key, id string) error
}

// registerDeliveries adds the paths of destinations and replays.
func (d *Door) registerDeliveries(mux *http.ServeMux) {
	d.handle(mux, "GET /v1/streams/{name}/destinations", d.listDestinations)
	d.handle(mux, "POST /v1/streams/{name}/destinations/{action}", d.actOnDestination)
	d.handle(mux, "GET /v1/streams/{name}/replays", d.listReplays)
	d.handle(mux, "POST /v1/streams/{name}/replays", d.startReplay, "dry_run")
	d.handle(mux, "GET /v1/streams/{name}/replays/{id}", d.getReplay)
	d.handle(mux, "DELETE /v1/streams/{name}/replays/{id}", d.cancelReplay)
}

// Destination is a destination of a stream as it stands.
type Destination struct {
	ID        string        `json:"id"`
	Type      string        `json:"type"`
	Target    string        `json:"target"`
	State     control.State `json:"state"`
	Paused    *stream.Pause `json:"paused,omitempty"`
	Problem   *Problem      `json:"problem,omitempty"`
	Position  string        `json:"position"` // all before it is delivered
	Oldest    time.Time     `json:"oldest,omitzero"`
	Age       float64       `json:"age_seconds"` // of the oldest event that is not delivered
	InFlight  int           `json:"batches_in_flight"`
	Retention float64       `json:"retention_used"` // that age to the log's retention
}

// Problem is why a destination takes nothing.
type Problem struct {
	Since time.Time `json:"since"`
	Tries int       `json:"tries"`
	Code  string    `json:"code,omitempty"` // empty if it may pass by itself
	Cause string    `json:"cause"`
	Fix   string    `json:"fix,omitempty"`
	Next  time.Time `json:"next_try,omitzero"` // of a destination that cannot be opened
}

func shownProblem(p *deliver.Problem) *Problem {
	if p == nil {
		return nil
	}
	shown := &Problem{Since: p.Since, Tries: p.Tries, Cause: p.Err.Error()}
	shown.Code, shown.Fix = destination.Remedy(p.Err)
	return shown
}

// listDestinations answers where a stream's destinations stand.
func (d *Door) listDestinations(w http.ResponseWriter, r *http.Request) {
	key, err := d.find(r, r.PathValue("name"), apikey.Admin)
	var standings []control.Standing
	if err == nil {
		standings, err = d.Deliveries.Standings(key)
	}
	list := []Destination{}
	for _, s := range standings {
		shown := Destination{ID: s.Delivery, Type: s.Kind, Target: s.Target, State: s.State, Paused: s.Pause, Problem: shownProblem(s.Problem),
			Position: s.Position.String(), Oldest: s.Oldest, InFlight: s.InFlight, Retention: s.Retention}
		if shown.Problem != nil {
			shown.Problem.Next = s.NextTry
		}
		if !s.Oldest.IsZero() {
			shown.Age = max(0, time.Since(s.Oldest).Seconds())
		}
		list = append(list, shown)
	}
	d.answer(w, map[string]any{"destinations": list}, err)
}

// pauseRequest is the body of a pause and a resume.
type pauseRequest struct {
	Reason string `json:"reason"`
	By     string `json:"by"` // counts where nobody need say who they are
}

// actOnDestination does what the path's last part says: ID:pause or ID:resume.
func (d *Door) actOnDestination(w http.ResponseWriter, r *http.Request) {
	id, action, _ := strings.Cut(r.PathValue("action"), ":")
	if action != "pause" && action != "resume" {
		d.answer(w, nil, &failure{http.StatusNotFound, "unknown_action", "the path is /v1/streams/NAME/destinations/ID:pause or ID:resume"})
		return
	}
	key, by, err := d.findAs(r, r.PathValue("name"), apikey.Admin)
	var asked pauseRequest
	if err == nil {
		_, err = readJSON(r, bodyMax, &asked, `{"reason": TEXT, "by": TEXT}, each of them optional`)
	}
	state := "paused"
	switch {
	case err != nil:
	case action == "pause":
		err = d.Deliveries.Pause(key, id, whoever(by, asked.By), asked.Reason)
	default:
		state = "resumed"
		if err = d.Deliveries.Resume(key, id, whoever(by, asked.By)); errors.Is(err, control.ErrNotPaused) {
			state, err = "not paused", nil // what is wanted is so
		}
	}
	d.answer(w, map[string]string{"stream": key.Name, "destination": id, "status": state}, err)
}

// whoever says who did something: who was identified, else whom the request names.
func whoever(identified, named string) string {
	switch {
	case identified != "":
		return identified
	case named != "":
		return named
	}
	return "a request without authentication"
}
