// Package task starts goroutines that have a name and an end.
package task

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Group is a set of goroutines that live and end together: when one returns an error, the context of all is cancelled.
type Group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	wait   sync.WaitGroup
}

// NewGroup returns an empty group whose context is a child of ctx.
func NewGroup(ctx context.Context) *Group {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{ctx: ctx, cancel: cancel}
}

// Context is cancelled when a task fails, when Stop is called, and with its parent.
func (g *Group) Context() context.Context { return g.ctx }

// Go runs f in a goroutine. An error that it returns ends the group, unless the group is ending already.
func (g *Group) Go(name string, f func(ctx context.Context) error) {
	g.wait.Go(func() {
		if err := f(g.ctx); err != nil && g.ctx.Err() == nil {
			g.cancel(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// Stop asks all tasks to end.
func (g *Group) Stop() { g.cancel(nil) }

// Wait returns when all tasks have ended, with the error of the first that failed.
func (g *Group) Wait() error {
	g.wait.Wait()
	if err := context.Cause(g.ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
