package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"firehose/internal/bench"
	"firehose/internal/config"
)

// benchAll runs everything, updates the performance page, and tells what fell.
func benchAll(ctx context.Context, args []string) error {
	f := newBenchFlags("all")
	quick := f.Bool("quick", false, "short runs, to see that all works; the numbers say little")
	history := config.Bytes(60e9)
	f.TextVar(&history, "history", history, "`size` of delivered history in the log for the row about it; with --quick 500MB at most")
	page := f.String("page", "", "Markdown `file` whose tables are replaced")
	numbers := f.String("numbers", "", "`file` for all numbers as JSON")
	last := f.String("last", "", "`file` with the numbers to compare with (default: what --numbers holds)")
	if err := f.parse(args); err != nil {
		return err
	}
	if *quick {
		history = min(history, 500e6)
	}
	if *last == "" {
		*last = *numbers
	}
	before, err := readPerformance(*last)
	if err != nil {
		return err
	}
	p, failed := bench.All(ctx, bench.AllSettings{Program: f.target.Program, Dir: f.target.Dir, Arguments: f.target.Arguments,
		Quick: *quick, History: int64(history), Progress: f.progress})
	err = f.publish(p, *page, *numbers)
	return errors.Join(failed, err, compare(p, before))
}

// readPerformance reads the numbers of an earlier run; nil if there are none.
func readPerformance(file string) (*bench.Performance, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(text) == 0 {
		return nil, nil
	}
	var p bench.Performance
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return nil, fmt.Errorf("read the earlier numbers: %w", err)
	}
	return &p, nil
}

// publish prints the tables and writes the files.
func (f *benchFlags) publish(p *bench.Performance, page, numbers string) error {
	var reports []*bench.Report
	for _, name := range p.Order {
		reports = append(reports, p.Reports[name])
	}
	err := writePage(f.html, p.Rows, reports...)
	for _, r := range reports {
		r.Seconds = nil // they are for the charts
	}
	if f.asJSON {
		err = errors.Join(err, writeIndented(os.Stdout, p))
	} else {
		fmt.Print("\n", p.Markdown())
	}
	if page != "" {
		err = errors.Join(err, updatePage(p, page))
	}
	if numbers != "" {
		var text strings.Builder
		err = errors.Join(err, writeIndented(&text, p), os.WriteFile(numbers, []byte(text.String()), 0o644))
	}
	return err
}

func updatePage(p *bench.Performance, file string) error {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	updated, err := p.UpdatePage(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(updated), 0o644)
}

// compare returns an error that names every number that fell.
func compare(p, before *bench.Performance) error {
	if before == nil {
		return nil
	}
	fallen, why := p.Compare(before)
	if why != "" {
		fmt.Fprintln(os.Stderr, "not compared:", why)
	}
	if len(fallen) == 0 {
		return nil
	}
	return fmt.Errorf("these fell by more than a tenth against %s:\n  %s", before.Began.Format("2006-01-02 15:04"), strings.Join(fallen, "\n  "))
}
