package test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The parts of a segment file that the test must know: docs/reference/log-format.md.
const (
	segmentHeader = 80
	frameHeader   = 32
)

// frames returns where the frames of a segment file begin.
func frames(t *testing.T, file []byte) []int {
	t.Helper()
	var at []int
	for offset := segmentHeader; offset < len(file); {
		if file[offset] != 0xF1 || file[offset+1] != 0x46 || file[offset+2] != 0x48 {
			t.Fatalf("no frame at %d", offset)
		}
		at = append(at, offset)
		offset += frameHeader + int(binary.BigEndian.Uint32(file[offset+4:]))
	}
	return at
}

func TestFlippedBitsCostTheirBlocksOnly(t *testing.T) {
	t.Parallel()
	n := startNode(t, "--log-segment-bytes", "256KiB")
	n.create("s", buffered(128, 900))
	a := newAccount()
	const blocks, each = 120, 20 // a put alone is a block
	idsOf := func(i int) []string {
		ids := make([]string, each)
		for j := range ids {
			ids[j] = fmt.Sprintf("%d-%d", i, j)
		}
		return ids
	}
	for i := range blocks {
		check(t, put(t.Context(), n.api(), "s", idsOf(i)...))
		a.acknowledge(idsOf(i)...)
	}
	n.kill()

	segments, err := filepath.Glob(filepath.Join(n.dir, "log", "*", "0", "*.seg"))
	check(t, err)
	if len(segments) < 3 {
		t.Fatalf("%d segments; want three for a middle and an active one", len(segments))
	}
	damaged := map[string]bool{}
	for _, path := range []string{segments[len(segments)/2], segments[len(segments)-1]} {
		file, err := os.ReadFile(path)
		check(t, err)
		at := frames(t, file)
		if len(at) < 5 {
			t.Fatalf("%d blocks in %s; want some before, between and behind the damage", len(at), path)
		}
		file[at[1]+frameHeader+100] ^= 0x10 // in a body
		file[at[len(at)-2]+9] ^= 0x01       // in a header
		for _, frame := range []int{at[1], at[len(at)-2]} {
			number := binary.BigEndian.Uint64(file[frame+8:])
			if frame != at[1] {
				number ^= 1 << 48
			}
			for _, id := range idsOf(int(number) - 1) {
				damaged[id] = true
			}
		}
		check(t, os.WriteFile(path, file, 0o644))
	}
	if len(damaged) != 4*each {
		t.Fatalf("%d records damaged, want %d", len(damaged), 4*each)
	}
	said, status := command(t, "log", "verify", n.dir)
	if status != 1 || !strings.Contains(said, filepath.Base(segments[len(segments)-1])) || !strings.Contains(said, "4 pieces of the log are damaged") {
		t.Errorf("firehose log verify: status %d:\n%s", status, said)
	}

	n.start()
	check(t, put(t.Context(), n.api(), "s", "later"))
	a.acknowledge("later")
	n.flush("s")
	if got := n.metric("firehose_log_damaged_blocks_total"); got != 4 {
		t.Errorf("firehose_log_damaged_blocks_total: %v, want 4", got)
	}
	n.stop()
	counts := folders(n.dir).read(t, bucket).count(t, "")
	a.verifyBut(t, counts, damaged)
	for id := range damaged {
		if counts[id] != 0 {
			t.Errorf("damaged record %s is there", id)
		}
	}
	copies, err := filepath.Glob(filepath.Join(n.dir, "log", "quarantine", "*", "0", "*.bad"))
	check(t, err)
	if len(copies) != 4 {
		t.Errorf("%d copies in quarantine, want 4", len(copies))
	}
}

func TestTornTailIsCutAndPutsGoOn(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	n.create("s")
	a := newAccount()
	for i, garbage := range []string{"", "\x00\x00\x00\x00", strings.Repeat("\x00", 4096), "\xF1\x46\x48\x01", "garbage", "\xF1\x46\x48\x01\x00\x00\x10\x00" + strings.Repeat("x", 200)} {
		id := fmt.Sprint(i)
		check(t, put(t.Context(), n.api(), "s", id))
		a.acknowledge(id)
		n.kill()
		segments, err := filepath.Glob(filepath.Join(n.dir, "log", "*", "0", "*.seg"))
		check(t, err)
		f, err := os.OpenFile(segments[len(segments)-1], os.O_WRONLY|os.O_APPEND, 0)
		check(t, err)
		_, err = f.WriteString(garbage)
		check(t, err)
		check(t, f.Close())
		n.start()
	}
	n.flush("s")
	if problems := n.problems(); len(problems) > 0 {
		t.Errorf("problems after the repair: %+v", problems)
	}
	n.stop()
	a.verify(t, folders(n.dir).read(t, bucket).count(t, ""))
	if said, status := command(t, "log", "verify", n.dir); status != 0 {
		t.Errorf("firehose log verify: status %d:\n%s", status, said)
	}
}

func TestSecondProcessOnADataFolderIsRefused(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	other := newNodeIn(t, n.dir)
	other.launch()
	select {
	case <-other.proc.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("a second process runs on the same data folder")
	}
	if other.proc.err == nil || !strings.Contains(other.out.tail(4<<10), "another process is using this data folder") {
		t.Errorf("the second process ended with %v: %s", other.proc.err, other.out.tail(4<<10))
	}
	n.create("s") // the first one is well
}
