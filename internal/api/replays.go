package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"firehose/internal/apikey"
	"firehose/internal/control"
	"firehose/internal/native"
	"firehose/internal/record"
	"firehose/internal/stream"
)

// replayRequest is the body of the request for a replay.
type replayRequest struct {
	Destination json.RawMessage `json:"destination"` // id of one of the stream's, or a destination as documents declare it
	From        string          `json:"from"`        // a bound, as bound reads it; left out it is the oldest event that is kept
	Until       string          `json:"until"`       // the same; left out it is now
	Rate        float64         `json:"rate"`        // events a second; left out there is no limit
	Reason      string          `json:"reason"`
	By          string          `json:"by"` // counts where nobody need say who they are
}

const replayWanted = `{"destination": ID or a destination, "from": BOUND, "until": BOUND, "rate": EVENTS_A_SECOND, "reason": TEXT}, of which only destination is required`

// Replay is a replay as it is shown.
type Replay struct {
	ID          string              `json:"id"` // the replay_id of events' firehose_metadata
	Destination string              `json:"destination"`
	Status      stream.ReplayStatus `json:"status"`
	From        string              `json:"from"`
	Until       string              `json:"until"`
	Position    string              `json:"position"` // all before it is delivered
	Done        float64             `json:"done"`     // how much of the range that is, from 0 to 1
	Events      int64               `json:"events"`   // in the range
	Bytes       int64               `json:"bytes"`
	Rate        float64             `json:"rate,omitempty"`
	Gap         bool                `json:"gap,omitempty"` // the log did not have all of the range: it was dropped meanwhile, or is damaged
	By          string              `json:"by,omitempty"`
	Reason      string              `json:"reason,omitempty"`
	Created     time.Time           `json:"created"`
	Ended       time.Time           `json:"ended,omitzero"`
	Problem     *Problem            `json:"problem,omitempty"`
}

func shownReplay(r control.Replay) Replay {
	return Replay{ID: r.ID, Destination: r.Delivery, Status: r.Status, From: r.From.String(), Until: r.Until.String(), Position: r.Position.String(),
		Done: done(r), Events: r.Records, Bytes: r.Bytes, Rate: r.Rate, Gap: r.Gap, By: r.By, Reason: r.Reason, Created: r.Created, Ended: r.Ended, Problem: shownProblem(r.Problem)}
}

// done is how far a replay is, by its blocks.
func done(r control.Replay) float64 {
	if !r.Position.Before(r.Until) {
		return 1
	}
	whole := float64(r.Until.Block - r.From.Block + 1)
	return math.Round(100*float64(r.Position.Block-min(r.From.Block, r.Position.Block))/whole) / 100
}

// ReplayPlan is the answer to a dry run.
type ReplayPlan struct {
	From    string    `json:"from"`
	Until   string    `json:"until"`
	First   time.Time `json:"first_time,omitzero"` // when the first and the last event of it were put
	Last    time.Time `json:"last_time,omitzero"`
	Events  int64     `json:"events"`
	Bytes   int64     `json:"bytes"`
	Passing *int64    `json:"passing,omitempty"` // the filter; left out without one
}

// startReplay begins a replay, or says what one would deliver.
func (d *Door) startReplay(w http.ResponseWriter, r *http.Request) {
	key, by, err := d.findAs(r, r.PathValue("name"), apikey.Admin)
	var asked replayRequest
	if err == nil {
		_, err = readJSON(r, documentMax, &asked, replayWanted)
	}
	var dry bool
	if err == nil {
		dry, err = flag(r, "dry_run")
	}
	var q control.ReplayRequest
	if err == nil {
		asked.By = whoever(by, asked.By)
		q, err = d.replayOf(key, asked)
	}
	if err != nil {
		d.refuse(w, err)
		return
	}
	if dry {
		found, err := d.Deliveries.PlanReplay(r.Context(), key, q)
		d.answer(w, ReplayPlan{From: found.From.String(), Until: found.Until.String(), First: found.First, Last: found.Last, Events: found.Records,
			Bytes: found.Bytes, Passing: found.Passing}, err)
		return
	}
	began, err := d.Deliveries.StartReplay(r.Context(), key, q)
	if err != nil {
		d.refuse(w, err)
		return
	}
	d.write(w, http.StatusCreated, shownReplay(control.Replay{Replay: began, Position: began.From}))
}

// Bounds of a rate.
const (
	rateMin = 0.01
	rateMax = 1e9
)

// replayOf reads a request.
func (d *Door) replayOf(key stream.Key, asked replayRequest) (q control.ReplayRequest, err error) {
	q = control.ReplayRequest{Rate: asked.Rate, By: asked.By, Reason: asked.Reason}
	if asked.Rate != 0 && !(asked.Rate >= rateMin && asked.Rate <= rateMax) {
		return q, badParameter("rate", fmt.Sprint(asked.Rate), fmt.Sprintf("events a second, from %v to %v", rateMin, rateMax))
	}
	if q.From, err = bound("from", asked.From, "oldest"); err != nil {
		return q, err
	}
	if q.Until, err = bound("until", asked.Until, "now"); err != nil {
		return q, err
	}
	if !q.From.Time.IsZero() && !q.Until.Time.IsZero() && !q.From.Time.Before(q.Until.Time) {
		return q, badParameter("until", asked.Until, fmt.Sprintf("what is later than from, %q", asked.From))
	}
	switch text := bytes.TrimSpace(asked.Destination); {
	case len(text) > 0 && text[0] == '"':
		err = json.Unmarshal(text, &q.Delivery)
	case len(text) > 0 && text[0] == '{':
		q.Language = native.Language
		q.Delivery, q.Document, err = d.newDestination(key, text)
	default:
		err = &failure{http.StatusBadRequest, "bad_body", "destination is missing: want the id of a destination of the stream, or a destination as a document declares it"}
	}
	return q, err
}

// newDestination makes a document of the stream's, with one destination in place of all.
func (d *Door) newDestination(key stream.Key, destination []byte) (id string, document []byte, err error) {
	s, err := d.Deliveries.Get(key)
	if err != nil {
		return "", nil, err
	}
	members := map[string]json.RawMessage{}
	if s.Language == native.Language {
		if err := json.Unmarshal(s.Document(), &members); err != nil {
			return "", nil, fmt.Errorf("read the stored document: %w", err)
		}
	}
	name, _ := json.Marshal(key.Name)
	members["name"], members["destinations"] = name, append(append([]byte("["), destination...), ']')
	text, err := json.Marshal(members)
	if err != nil {
		return "", nil, &failure{http.StatusBadRequest, "bad_body", "destination is not JSON: " + err.Error()}
	}
	made, err := native.Parse(text, native.JSON)
	if err == nil {
		err = made.Check()
	}
	if err != nil {
		return "", nil, err
	}
	return made.Destinations[0].ID, made.Stored(), nil
}

// bound reads a place in a stream: a time, an age such as 90m, a position such as 12:0, a RecordId, or the word that stands
// for the end of the log on that side, which is also what an empty text means.
func bound(name, text, end string) (b control.Bound, err error) {
	if text == "" || text == end {
		return b, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return control.Bound{Time: t}, nil
	}
	if age, err := time.ParseDuration(text); err == nil && age > 0 {
		return control.Bound{Time: time.Now().Add(-age)}, nil
	}
	if block, index, found := strings.Cut(text, ":"); found && !strings.HasPrefix(block, "0") { // 03:50 is meant as a time
		number, err := strconv.ParseUint(block, 10, 64)
		if at, wrong := strconv.ParseUint(index, 10, 32); err == nil && wrong == nil && number > 0 {
			return control.Bound{Position: record.Position{Block: number, Index: uint32(at)}}, nil
		}
	}
	if id, err := record.ParseID(text); err == nil {
		return control.Bound{Stream: id.Stream, Position: id.Position}, nil
	}
	return b, badParameter(name, text, "a time such as 2026-02-03T04:05:06Z, an age such as 90m or 48h (days are written in hours), a position such as 12:0, a RecordId, or "+end)
}

// listReplays answers a stream's replays.
func (d *Door) listReplays(w http.ResponseWriter, r *http.Request) {
	list, err := d.replays(r)
	d.answer(w, map[string]any{"replays": list}, err)
}

func (d *Door) replays(r *http.Request) ([]Replay, error) {
	key, err := d.find(r, r.PathValue("name"), apikey.Admin)
	if err != nil {
		return nil, err
	}
	known, err := d.Deliveries.Replays(key)
	list := []Replay{}
	for _, replay := range known {
		list = append(list, shownReplay(replay))
	}
	return list, err
}

// getReplay answers one of a stream's replays.
func (d *Door) getReplay(w http.ResponseWriter, r *http.Request) {
	list, err := d.replays(r)
	for _, replay := range list {
		if replay.ID == r.PathValue("id") {
			d.answer(w, replay, nil)
			return
		}
	}
	if err == nil {
		err = control.ErrNoReplay
	}
	d.answer(w, nil, err)
}

// cancelReplay ends a replay where it is.
func (d *Door) cancelReplay(w http.ResponseWriter, r *http.Request) {
	key, err := d.find(r, r.PathValue("name"), apikey.Admin)
	if err == nil {
		err = d.Deliveries.CancelReplay(key, r.PathValue("id"))
	}
	d.answer(w, map[string]string{"replay": r.PathValue("id"), "status": string(stream.ReplayCancelled)}, err)
}
