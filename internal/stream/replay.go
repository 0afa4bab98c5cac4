package stream

import (
	"encoding/json"
	"time"

	"firehose/internal/record"
)

// Replay delivers a part of a stream's log once more, beside the deliveries that the document declares.
type Replay struct {
	ID       string          `json:"id"`                 // of the replay, and of the delivery that it is
	Delivery string          `json:"delivery"`           // the declaration's id in Document
	Language string          `json:"language"`           // of Document
	Document json.RawMessage `json:"document,omitempty"` // that declares where the records go; dropped when the replay has ended, unless it is Apart
	Apart    bool            `json:"apart,omitempty"`    // the destination is declared for the replay: what it cannot take is found by Document
	From     record.Position `json:"from"`
	Until    record.Position `json:"until"` // the first that is not replayed
	Rate     float64         `json:"rate,omitempty"`
	By       string          `json:"by,omitempty"` // who began it
	Reason   string          `json:"reason,omitempty"`
	Records  int64           `json:"records"` // in the range when it began
	Bytes    int64           `json:"bytes"`
	Status   ReplayStatus    `json:"status"`
	Position record.Position `json:"position,omitzero"` // all before it is delivered; of a replay that has ended
	Gap      bool            `json:"gap,omitempty"`     // the log did not have all of the range: it was dropped meanwhile, or is damaged
	Created  time.Time       `json:"created"`
	Ended    time.Time       `json:"ended,omitzero"`
}

// ReplayStatus says how far a replay is.
type ReplayStatus string

// A replay runs until its range is delivered, or somebody cancels it.
const (
	ReplayRunning   ReplayStatus = "running"
	ReplayDone      ReplayStatus = "done"
	ReplayCancelled ReplayStatus = "cancelled"
)

// Pause says that somebody had a delivery send nothing, beside what the document says.
type Pause struct {
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}
