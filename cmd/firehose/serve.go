package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/pprof"

	"firehose/internal/config"
	"firehose/internal/server"
)

func runServe(ctx context.Context, args []string) error {
	print := false
	switches := []config.Switch{{Name: "print-config", Help: "Print the effective configuration, secrets hidden, and exit.", Set: &print}}
	c, rest, err := config.Load(args, os.Environ(), switches...)
	switch {
	case errors.Is(err, config.ErrHelp):
		fmt.Print("Runs the service.\n\nUsage: firehose serve [flags]\n\n")
		return config.Usage(os.Stdout, switches...)
	case err != nil:
		fmt.Fprintf(os.Stderr, "firehose serve: %v\n", err)
		return errUsage
	case len(rest) > 0:
		return unexpected("serve", rest[0])
	case print:
		return c.Print(os.Stdout)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(c.MemoryLimit()) // garbage must not grow as large again as the buffers
	}
	logger := newLogger(c)
	endProfile, err := profileCPU(c.CPUProfile)
	if err != nil {
		return err
	}
	defer endProfile()
	s, err := server.Start(ctx, c, logger)
	if err != nil {
		return err
	}
	failed := s.Wait(ctx)
	logger.Info("Stopping.", "within", c.ShutdownTimeout.String())
	ending, cancel := context.WithTimeout(context.Background(), c.ShutdownTimeout)
	defer cancel()
	if err := errors.Join(failed, s.Stop(ending)); err != nil {
		return err
	}
	logger.Info("Stopped.")
	return nil
}

// profileCPU writes a profile to a file until the function that it returns is called.
func profileCPU(name string) (end func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("make the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("start the CPU profile: %w", err)
	}
	return func() { pprof.StopCPUProfile(); file.Close() }, nil
}

// newLogger makes the server's logger: text on a terminal, JSON otherwise, to standard error.
func newLogger(c config.Config) *slog.Logger {
	var level slog.Level
	level.UnmarshalText([]byte(c.LogLevel)) // checked when the configuration was loaded
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "text" || c.LogFormat == "auto" && terminal(os.Stderr) {
		return slog.New(slog.NewTextHandler(os.Stderr, options))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, options))
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
