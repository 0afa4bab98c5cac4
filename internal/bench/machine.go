package bench

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what a process has used.
type usage struct {
	cpu       time.Duration
	memory    int64 // resident now
	memoryMax int64
	written   int64 // to the disk
}

// ownCPU returns the CPU time of this process.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// Machine is where it ran.
type Machine struct {
	CPU         string `json:"cpu,omitempty"`
	Cores       int    `json:"cores"`
	MemoryBytes int64  `json:"memory_bytes,omitempty"`
	System      string `json:"system"`
	Kernel      string `json:"kernel,omitempty"`
	Go          string `json:"go"`
}

// thisMachine describes the machine, as far as Linux tells.
func thisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	m.CPU = lineValue("/proc/cpuinfo", "model name")
	m.Kernel = lineValue("/proc/sys/kernel/osrelease", "")
	if kib, err := strconv.ParseInt(strings.TrimSuffix(lineValue("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		m.MemoryBytes = kib << 10
	}
	return m
}

// lineValue returns what stands behind the key in the first line of a file that begins with it; without a key, the first
// line.
func lineValue(file, key string) string {
	text, _ := os.ReadFile(file) // what is not there stays empty
	for line := range strings.Lines(string(text)) {
		if key == "" {
			return strings.TrimSpace(line)
		}
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
