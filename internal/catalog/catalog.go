package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"firehose/internal/columns"
	"firehose/internal/convert"
	"firehose/internal/verdict"
)

// Options say where tables are.
type Options struct {
	Endpoint string        // of AWS Glue: "aws" for Amazon's own, or a URL; empty for none
	Region   string        // of tables in Glue that name none
	Dir      string        // folder of definitions; empty for none
	Refresh  time.Duration // age at which a definition of version LATEST is asked for again
	Logger   *slog.Logger
}

const (
	lookupTimeout = 10 * time.Second // for one lookup, with the SDK's retries
	keptMax       = 10_000           // definitions that are kept; past it all are forgotten, and asked for again
)

// place is where tables are. Its error is errAbsent if another place may have the table.
type place interface {
	table(ctx context.Context, r convert.Ref) (*columns.Type, error)
}

// catalog is the places behind what is kept of them.
type catalog struct {
	Options
	places  []place // in the order in which they are asked
	lookups singleflight.Group

	mu   sync.Mutex
	kept map[convert.Ref]*entry
}

// entry is what is known of a table.
type entry struct {
	table   *columns.Type
	asked   time.Time // when it was last asked for, with or without success
	failing bool      // it could not be asked for again the last time
}

// Open makes a catalogue. It may be used by several goroutines at once. It does not try to reach Glue.
func Open(o Options) (convert.Tables, error) {
	var places []place
	if o.Dir != "" {
		if info, err := os.Stat(o.Dir); err != nil {
			return nil, fmt.Errorf("open the folder of table definitions: %w", err)
		} else if !info.IsDir() {
			return nil, fmt.Errorf("open the folder of table definitions: %s is no folder", o.Dir)
		}
		places = append(places, folder{o.Dir})
	}
	if o.Endpoint != "" {
		s, err := openService(context.Background(), o.Endpoint, o.Region)
		if err != nil {
			return nil, err
		}
		places = append(places, s)
	}
	return newCatalog(o, places...), nil
}

func newCatalog(o Options, places ...place) *catalog {
	return &catalog{Options: o, places: places, kept: map[convert.Ref]*entry{}}
}

// Table returns the columns of a table. The same definition is the same pointer, until it changes.
func (c *catalog) Table(ctx context.Context, r convert.Ref) (*columns.Type, error) {
	r.Database, r.Table, r.RoleARN = strings.ToLower(r.Database), strings.ToLower(r.Table), ""
	if isLatest(r.Version) {
		r.Version = latest
	}
	if known := c.fresh(r); known != nil {
		return known, nil
	}
	// Those who ask at the same time wait for one lookup, which has its own time-out and outlives each of them.
	lookup := c.lookups.DoChan(fmt.Sprintf("%q", r), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return c.renew(ctx, r)
	})
	select {
	case found := <-lookup:
		if found.Err != nil {
			return nil, found.Err
		}
		return found.Val.(*columns.Type), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// fresh returns what is known of a table if it need not be asked for again, or nil.
func (c *catalog) fresh(r convert.Ref) *columns.Type {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.kept[r]
	if e == nil || r.Version == latest && time.Since(e.asked) >= c.Refresh {
		return nil
	}
	return e.table
}

// renew asks for a table and keeps the answer, or keeps the one it has.
func (c *catalog) renew(ctx context.Context, r convert.Ref) (*columns.Type, error) {
	if known := c.fresh(r); known != nil {
		return known, nil // a lookup ended between the caller's look and this one
	}
	found, err := c.ask(ctx, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.kept[r]
	switch {
	case e == nil && err != nil:
		return nil, err
	case err != nil:
		if !e.failing {
			c.Logger.Warn("A table's definition cannot be read again; the last known one stays in use.", "table", tableName(r), "error", err)
		}
	case e == nil || e.table.String() != found.String():
		if len(c.kept) >= keptMax {
			clear(c.kept)
		}
		e = &entry{table: found}
		c.kept[r] = e
	}
	e.asked, e.failing = time.Now(), err != nil
	return e.table, nil
}

// ask asks the places. Glue never says errAbsent, so if all do, there is only a folder, or nothing.
func (c *catalog) ask(ctx context.Context, r convert.Ref) (*columns.Type, error) {
	for _, p := range c.places {
		if found, err := p.table(ctx, r); !errors.Is(err, errAbsent) {
			return found, err
		}
	}
	if len(c.places) == 0 {
		return nil, &verdict.SetUp{Code: codeNotFound, Err: fmt.Errorf("find table %s: no catalogue of tables is configured", tableName(r)),
			Fix: "Set catalog.dir to a folder of table definitions, or glue.endpoint to aws or the URL of a Glue service."}
	}
	return nil, &verdict.SetUp{Code: codeNotFound, Err: fmt.Errorf("find table %s in %s: %w", tableName(r), c.Dir, errAbsent),
		Fix: fmt.Sprintf("Put the table's definition into %s/%s.json below catalog.dir, or set glue.endpoint to ask AWS Glue too.", r.Database, r.Table)}
}
