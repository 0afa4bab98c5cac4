package task

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestGroupEndsWithItsFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(t.Context())
		broke := errors.New("broke")
		var ended atomic.Int64
		for range 3 {
			g.Go("wait", func(ctx context.Context) error {
				<-ctx.Done()
				ended.Add(1)
				return errors.New("later")
			})
		}
		g.Go("break", func(context.Context) error { return broke })
		if err := g.Wait(); !errors.Is(err, broke) || !strings.HasPrefix(err.Error(), "break: ") || ended.Load() != 3 {
			t.Errorf("%v after %d", err, ended.Load())
		}
	})
}

func TestGroupThatIsStoppedHasNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(t.Context())
		g.Go("wait", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		g.Stop()
		if err := g.Wait(); err != nil || g.Context().Err() == nil {
			t.Errorf("wait: %v", err)
		}
	})
}

func TestGroupEndsWithItsParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		g := NewGroup(parent)
		g.Go("wait", func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		cancel()
		if err := g.Wait(); err != nil {
			t.Errorf("wait: %v", err)
		}
	})
}

func TestTurnIsHeldByOne(t *testing.T) {
	turn := NewTurn()
	g := NewGroup(t.Context())
	count := 0
	for range 20 {
		g.Go("count", func(context.Context) error {
			turn.Lock()
			defer turn.Unlock()
			count++
			return nil
		})
	}
	if err := g.Wait(); err != nil || count != 20 {
		t.Errorf("%d, %v", count, err)
	}
}
