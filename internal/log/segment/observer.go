package segment

import "time"

// Observer is told what an engine does, for metrics. Any function may be nil. They are called from the data's way and
// must return at once.
type Observer struct {
	Bytes    func(total int64)     // size of all open logs, after it changed
	Appended func(bytes int)       // an append of frames of so many bytes is durable
	Synced   func(d time.Duration) // an fdatasync took so long
	Trimmed  func(bytes int64)     // history of so many bytes was deleted
	Refused  func(reason string)   // an append was refused: log_bytes_max, bytes_max, free_min, disk_full
	Cut      func(c Cut)           // recovery cut an unfinished append
	Damaged  func(d Damage)        // a block is lost; told once for each
}

// Damage is a piece of a segment that can no longer be read.
type Damage struct {
	Log    string `json:"log"`
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	First  uint64 `json:"first"` // numbers of the entries that were there at most: from First to before Next
	Next   uint64 `json:"next"`
}

// Cut is the end of a segment that recovery cut off, because no whole frame was left in it.
type Cut struct {
	Log    string
	File   string
	Offset int64
	Bytes  int64
}

func (o *Observer) setDefaults() {
	if o.Bytes == nil {
		o.Bytes = func(int64) {}
	}
	if o.Appended == nil {
		o.Appended = func(int) {}
	}
	if o.Synced == nil {
		o.Synced = func(time.Duration) {}
	}
	if o.Trimmed == nil {
		o.Trimmed = func(int64) {}
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	if o.Cut == nil {
		o.Cut = func(Cut) {}
	}
	if o.Damaged == nil {
		o.Damaged = func(Damage) {}
	}
}
