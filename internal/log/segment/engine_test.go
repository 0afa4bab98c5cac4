package segment

import (
	"testing"
	"time"

	"firehose/internal/disk"
	"firehose/internal/disk/disktest"
	"firehose/internal/log"
	"firehose/internal/log/logtest"
)

func TestEngineConforms(t *testing.T) {
	suite := func(fsys disk.FS, segmentSizeMax int64) func(t *testing.T) logtest.Open {
		return func(t *testing.T) logtest.Open {
			dir, fsys := "/log", fsys
			if fsys == nil {
				fsys = disktest.New(1)
			} else {
				dir = t.TempDir()
			}
			return func(now func() time.Time) log.Engine {
				e, err := Open(Options{Dir: dir, FS: fsys, Now: now, SegmentSizeMax: segmentSizeMax, FreeMin: -1})
				if err != nil {
					t.Fatal(err)
				}
				return e
			}
		}
	}
	t.Run("memory", func(t *testing.T) { logtest.Run(t, suite(nil, 0)) })
	t.Run("memory, many segments", func(t *testing.T) { logtest.Run(t, suite(nil, 200)) })
	t.Run("disk", func(t *testing.T) { logtest.Run(t, suite(disk.OS, 0)) })
}
