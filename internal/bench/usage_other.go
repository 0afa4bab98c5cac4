//go:build !linux

package bench

import "syscall"

// childAttributes put a process into a group of its own, which an interrupt at the terminal does not reach.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// used is known on Linux only; elsewhere it is zero, and reports leave it out.
func used(int) usage { return usage{} }

func resetPeak(int) {}
