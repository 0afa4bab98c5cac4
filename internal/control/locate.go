package control

import (
	"io"
	"time"

	"firehose/internal/record"
	"firehose/internal/stream"
)

// Location says where a record stands.
type Location struct {
	Stream     stream.Key      `json:"stream"`
	Partition  uint32          `json:"partition"`
	Position   record.Position `json:"position"`
	Time       time.Time       `json:"time"` // log time: when it was put
	Log        string          `json:"log"`  // kept, dropped (as delivered history) or damaged
	Deliveries []DeliveryOfOne `json:"deliveries"`
}

// DeliveryOfOne is where a record stands in one delivery.
type DeliveryOfOne struct {
	Delivery string          `json:"delivery"`
	Target   string          `json:"target"`
	State    string          `json:"state"`             // open, in flight, delivered, or unknown: delivered too long ago
	First    record.Position `json:"first,omitzero"`    // of the batch that holds it
	Object   string          `json:"object,omitempty"`  // address of the batch
	Version  int             `json:"version,omitempty"` // of the document under which the batch was cut
}

// Locate says where the record of an id stands. Error: stream.ErrNotFound when its stream is deleted.
func (c *Control) Locate(id record.ID) (Location, error) {
	for _, r := range c.all() {
		if r.declared.Load().ID == id.Stream && r.started.Load() {
			return r.locate(id)
		}
	}
	return Location{}, stream.ErrNotFound
}

func (r *running) locate(id record.ID) (Location, error) {
	l := Location{Stream: r.key, Partition: id.Partition, Position: id.Position, Time: id.Time}
	var err error
	if l.Log, err = r.inLog(id.Position.Block); err != nil {
		return Location{}, err
	}
	for _, d := range r.delivering() {
		place, err := d.Locate(id.Position)
		if err != nil {
			return Location{}, err
		}
		l.Deliveries = append(l.Deliveries, DeliveryOfOne{Delivery: d.id, Target: d.target(), State: place.State,
			First: place.Head.First, Object: place.Name, Version: place.Head.Version})
	}
	return l, nil
}

// inLog says what the log still has of a block.
func (r *running) inLog(number uint64) (string, error) {
	if first, _ := r.log.Ends(); number < first {
		return "dropped", nil
	}
	reader := r.log.Read(number)
	defer reader.Close()
	entry, err := reader.Next()
	switch {
	case err != nil && err != io.EOF:
		return "", err
	case err == nil && entry.Number == number:
		return "kept", nil
	}
	return "damaged", nil
}
