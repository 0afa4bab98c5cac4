//go:build !linux

package limit

import "time"

var start = time.Now()

// threadTime stands in for the CPU time of the thread, which is not to be had: the clock's. It is too high where a step
// waits for the disk.
func threadTime() time.Duration { return time.Since(start) }
