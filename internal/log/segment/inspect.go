package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"firehose/internal/disk"
	"firehose/internal/log"
)

// Report is what Inspect finds in one segment.
type Report struct {
	Log       string    `json:"log"`
	File      string    `json:"file"`
	Base      uint64    `json:"base"`
	Began     time.Time `json:"began"`
	Bytes     int64     `json:"bytes"`
	Entries   int       `json:"entries"` // whole ones
	First     uint64    `json:"first"`   // numbers and times of the first and last whole entry, if there is one
	Last      uint64    `json:"last"`
	FirstTime time.Time `json:"first_time"`
	LastTime  time.Time `json:"last_time"`
	Damage    []Damage  `json:"damage,omitempty"`
	Tail      int64     `json:"tail"` // bytes at the end that were never acknowledged: recovery cuts them, readers pass over
}

// Visitor is shown what Inspect finds. An error that it returns ends the inspection.
type Visitor struct {
	Entry   func(log, file string, offset int64, e log.Entry) error // each whole entry, before its segment; may be nil
	Segment func(Report) error
}

// Inspect reads all segments below a log folder, checks every block, and shows them in the order of logs and numbers. It
// changes nothing and may be used while an engine runs; a segment deleted meanwhile is left out.
func Inspect(fsys disk.FS, dir string, v Visitor) error {
	if v.Entry == nil {
		v.Entry = func(string, string, int64, log.Entry) error { return nil }
	}
	return inspectDir(fsys, dir, "", v)
}

func inspectDir(fsys disk.FS, root, name string, v Visitor) error {
	entries, err := fsys.ReadDir(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return fmt.Errorf("inspect log folder: %w", err)
	}
	var segments []*segment
	for _, entry := range entries {
		if entry.IsDir() {
			below := entry.Name()
			if name != "" {
				below = name + "/" + below
			}
			if below == quarantineDir {
				continue
			}
			if err := inspectDir(fsys, root, below, v); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			continue
		}
		base, ok := parseFileName(entry.Name())
		info, err := entry.Info()
		if ok && err == nil { // an error means that it was deleted meanwhile
			segments = append(segments, &segment{base: base, size: info.Size()})
		}
	}
	for i, s := range segments {
		limit := uint64(unlimited)
		if i+1 < len(segments) {
			limit = segments[i+1].base
		}
		report, err := inspectSegment(fsys, root, name, s, limit, v)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("inspect log %s: %w", name, err)
		}
		if err := v.Segment(report); err != nil {
			return err
		}
	}
	return nil
}

func inspectSegment(fsys disk.FS, root, name string, s *segment, limit uint64, v Visitor) (Report, error) {
	report := Report{Log: name, File: fileName(s.base), Base: s.base, Bytes: s.size}
	f, h, err := openSegment(fsys, filepath.Join(root, filepath.FromSlash(name), report.File))
	if err == errDamagedHeader {
		defer f.Close()
		report.Damage = []Damage{{Log: name, File: report.File, Bytes: s.size, First: s.base, Next: limit}}
		return report, nil
	}
	if err != nil {
		return report, err
	}
	defer f.Close()
	report.Began = toTime(h.time)
	buffer := make([]byte, 0, readSize)
	sc := scanner{
		file: f, seed: h.seed(), off: framesOffset, size: s.size, expect: s.base, limit: limit,
		buffer: &buffer, chunk: readSize,
	}
	var lost []item
	whole := int64(framesOffset) // end of the last whole frame
	for {
		it, err := sc.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return report, err
		}
		if it.damaged {
			lost = append(lost, it)
			continue
		}
		if report.Entries++; report.Entries == 1 {
			report.First, report.FirstTime = it.number, toTime(it.time)
		}
		report.Last, report.LastTime, whole = it.number, toTime(it.time), it.end
		if err := v.Entry(name, report.File, it.off, log.Entry{Number: it.number, Time: toTime(it.time), Body: it.body}); err != nil {
			return report, err
		}
	}
	report.Tail = max(0, s.size-whole)
	for _, it := range lost {
		// In the active segment whatever follows the last whole frame is unfinished; in others only what took no number.
		if torn := it.off >= whole && (limit == unlimited || it.lost == it.number); torn {
			continue
		}
		report.Damage = append(report.Damage,
			Damage{Log: name, File: report.File, Offset: it.off, Bytes: it.end - it.off, First: it.number, Next: it.lost})
		report.Tail = min(report.Tail, s.size-it.end)
	}
	return report, nil
}
