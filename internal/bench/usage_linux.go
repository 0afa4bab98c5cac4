package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// childAttributes put a process into a group of its own, which an interrupt at the terminal does not reach, and which
// dies with the thread that started it.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// clockTick is the unit of times in /proc/PID/stat, the same on every machine that Go runs on.
const clockTick = 10 * time.Millisecond

// used is what a process has used since it began. What cannot be read is zero.
func used(pid int) (u usage) {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name before may have spaces
		if fields := strings.Fields(string(rest)); len(fields) > 12 {
			user, _ := strconv.Atoi(fields[11])
			system, _ := strconv.Atoi(fields[12])
			u.cpu = time.Duration(user+system) * clockTick
		}
	}
	status := procFile(pid, "status")
	u.memory, u.memoryMax = status["VmRSS"]<<10, status["VmHWM"]<<10 // are in KiB
	io := procFile(pid, "io")
	u.written = io["write_bytes"] - io["cancelled_write_bytes"]
	return u
}

// procFile reads the numbers of a file of lines such as "VmHWM:  1234 kB".
func procFile(pid int, name string) map[string]int64 {
	numbers := map[string]int64{}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name)) // no text, no numbers
	for line := range strings.Lines(string(text)) {
		key, rest, _ := strings.Cut(line, ":")
		if fields := strings.Fields(rest); len(fields) > 0 {
			if n, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
				numbers[key] = n
			}
		}
	}
	return numbers
}

// resetPeak makes memoryMax count from now on, where the kernel allows it.
func resetPeak(pid int) {
	os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) // else it counts from the process's beginning
}
