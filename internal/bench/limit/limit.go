// Package limit measures what the machine does at best with the bytes of a load: each step that a record cannot do
// without, alone, in one thread, on the same bytes, and nothing around it. What the server takes on top of their sum is
// its own.
//
// Every step is measured several times and the best counts, since whatever else runs on the machine can only make it
// slower. All numbers are for a gigabyte (10^9 bytes) of records as the clients made them, also where a step sees them
// in base64 or compressed.
package limit

import (
	"bytes"
	"context"
	"crypto/sha256"
	stdbase64 "encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/segmentio/asm/base64"

	"firehose/internal/disk"
	"firehose/internal/format"
)

// Limit is what one step takes.
type Limit struct {
	Name            string  `json:"name"`
	CPUSecondsPerGB float64 `json:"cpu_seconds_per_gb"`
	MegabytesPerSec float64 `json:"megabytes_per_second"` // by the clock
	Unavoidable     bool    `json:"unavoidable"`          // it is part of the sum
}

// Names of the steps.
const (
	Echo         = "HTTP echo"
	Base64       = "base64 decode"
	Base64Std    = "base64 decode, standard library"
	SHA256       = "SHA-256 of the request"
	S2Encode     = "S2 encode"
	S2Decode     = "S2 decode"
	SyncedAppend = "append and sync, S2-packed"
	Gzip         = "gzip"
)

// Input is the bytes to measure with.
type Input struct {
	Dir     string        // on the disk to measure
	Records [][]byte      // as clients make them
	Bodies  [][]byte      // the requests with these records
	Signed  bool          // requests are signed, so hashing them is unavoidable
	Packed  bool          // objects are compressed with gzip, so that is unavoidable
	Time    time.Duration // for each step
}

const blockSize = 1 << 20

// Measure measures all steps but the echo.
func Measure(ctx context.Context, in Input) ([]Limit, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	plain := blocks(in.Records)
	packed := make([][]byte, len(plain))
	for i, b := range plain {
		packed[i] = s2.Encode(nil, b)
	}
	var all []Limit
	var failed error
	add := func(name string, unavoidable bool, step func() (int, error)) {
		if failed == nil && ctx.Err() == nil {
			l, err := best(in.Time, step)
			l.Name, l.Unavoidable = name, unavoidable
			all, failed = append(all, l), err
		}
	}
	add(Base64, true, decode(in.Records, func(dst, src []byte) (int, error) { return base64.StdEncoding.Decode(dst, src) }))
	add(Base64Std, false, decode(in.Records, stdbase64.StdEncoding.Decode))
	add(SHA256, in.Signed, hashBodies(in))
	add(S2Encode, true, encodeS2(plain))
	add(S2Decode, true, decodeS2(plain, packed))
	add(Gzip, in.Packed, packGzip(plain))
	file, err := disk.OS.OpenFile(filepath.Join(in.Dir, "append"), os.O_CREATE|os.O_RDWR|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	add(SyncedAppend, true, appendSynced(file, plain, packed))
	if failed == nil {
		failed = context.Cause(ctx)
	}
	return all, failed
}

// Sum returns the CPU-seconds a gigabyte of all that is unavoidable.
func Sum(limits []Limit) float64 {
	sum := 0.0
	for _, l := range limits {
		if l.Unavoidable {
			sum += l.CPUSecondsPerGB
		}
	}
	return sum
}

// best runs a step for the given time in five parts, and returns the part that took the least CPU. A step returns how many
// bytes of records it worked on.
func best(total time.Duration, step func() (int, error)) (Limit, error) {
	const parts = 5
	var l Limit
	for range parts {
		work, began, used := 0, time.Now(), threadTime()
		for time.Since(began) < total/parts {
			n, err := step()
			if err != nil {
				return l, err
			}
			work += n
		}
		cpu, took := threadTime()-used, time.Since(began)
		gigabytes := float64(work) / 1e9
		if perGB := cpu.Seconds() / gigabytes; l.CPUSecondsPerGB == 0 || perGB < l.CPUSecondsPerGB {
			l.CPUSecondsPerGB = perGB
		}
		l.MegabytesPerSec = max(l.MegabytesPerSec, gigabytes*1000/took.Seconds())
	}
	return l, nil
}

// blocks joins the records to blocks of the size that the log has under load.
func blocks(records [][]byte) (all [][]byte) {
	whole := bytes.Join(records, nil)
	for len(whole) > 0 {
		n := min(blockSize, len(whole))
		all = append(all, whole[:n:n])
		whole = whole[n:]
	}
	return all
}

func decode(records [][]byte, decode func(dst, src []byte) (int, error)) func() (int, error) {
	encoded := make([][]byte, len(records))
	longest := 0
	for i, r := range records {
		encoded[i] = stdbase64.StdEncoding.AppendEncode(nil, r)
		longest = max(longest, len(encoded[i]))
	}
	out := make([]byte, longest)
	return func() (work int, err error) {
		for _, e := range encoded {
			n, err := decode(out, e)
			if err != nil {
				return 0, err
			}
			work += n
		}
		return work, nil
	}
}

func hashBodies(in Input) func() (int, error) {
	work := 0
	for _, r := range in.Records {
		work += len(r)
	}
	return func() (int, error) {
		for _, b := range in.Bodies {
			sha256.Sum256(b)
		}
		return work, nil
	}
}

func encodeS2(plain [][]byte) func() (int, error) {
	out := make([]byte, s2.MaxEncodedLen(blockSize))
	return func() (work int, err error) {
		for _, b := range plain {
			s2.Encode(out, b)
			work += len(b)
		}
		return work, nil
	}
}

func decodeS2(plain, packed [][]byte) func() (int, error) {
	out := make([]byte, blockSize)
	return func() (work int, err error) {
		for i, b := range packed {
			if _, err := s2.Decode(out, b); err != nil {
				return 0, err
			}
			work += len(plain[i])
		}
		return work, nil
	}
}

// packGzip makes objects with the writer that deliveries use.
func packGzip(plain [][]byte) func() (int, error) {
	return func() (work int, err error) {
		w, err := format.NewWriter(format.Gzip, io.Discard, "")
		if err != nil {
			return 0, err
		}
		for _, b := range plain {
			if _, err := w.Write(b); err != nil {
				return 0, err
			}
			work += len(b)
		}
		return work, w.Close()
	}
}

// appendSynced writes packed blocks behind each other, about a mebibyte at once as a busy log does, and syncs each time.
func appendSynced(file disk.File, plain, packed [][]byte) func() (int, error) {
	const fileMax = 1 << 30
	var text []byte
	work := 0
	for i := 0; len(text) < blockSize; i++ {
		text = append(text, packed[i%len(packed)]...)
		work += len(plain[i%len(plain)])
	}
	at := int64(0)
	return func() (int, error) {
		if at > fileMax {
			if err := file.Truncate(0); err != nil {
				return 0, err
			}
			at = 0
		}
		if _, err := file.WriteAt(text, at); err != nil {
			return 0, fmt.Errorf("append: %w", err)
		}
		at += int64(len(text))
		return work, file.Sync()
	}
}
