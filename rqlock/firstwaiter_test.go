package rqlock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/queue"
)

// TestFirstWaiterGivesUp: when the first waiters are cancelled, be it as the sleeping head of a
// closed lock, none of those behind fails, and they get the lock in their order (G7, G9, G14).
func TestFirstWaiterGivesUp(t *testing.T) {
	setStallTimeout(t, never)
	before := ReadEvents()
	slept := 0
	for _, when := range []string{"queued", "closed", "asleep"} {
		for quitters := 1; quitters <= 2; quitters++ {
			t.Run(fmt.Sprint(when, "/", quitters), func(t *testing.T) {
				for range briefly(3, 1) {
					testFirstWaiterGivesUp(t, when, quitters)
					slept++
				}
			})
		}
	}
	woken(t, slept, before)
}

func testFirstWaiterGivesUp(t *testing.T, when string, quitters int) {
	l := newLock(t)
	first, behind := newActors(t, quitters), newActors(t, len(ways))
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	must(t, l.Lock())
	for _, a := range first {
		a.waits(l, func() error { return l.LockContext(ctx) })
	}
	var order []int
	for i, a := range behind {
		a.waits(l, func() error {
			err := ways[i].lock(l)
			order = append(order, i)
			return err
		})
	}
	sleeper := func() uint32 { return atomic.LoadUint32(&l.word.Sleeper) &^ asm.ClosedMask }
	var old uint32
	switch when {
	case "closed":
		await(t, "the head to close the lock", func() bool { return queue.Closed(&l.word) })
	case "asleep":
		asleep(t, l)
		old = sleeper()
	}
	cancel(errGaveUp)
	for _, a := range first {
		if err := a.result(); !errors.Is(err, errGaveUp) {
			t.Errorf("who was cancelled got %v", err)
		}
	}
	if when != "queued" && !queue.Closed(&l.word) {
		t.Error("the lock is open between two heads")
	}
	await(t, "the next head to sleep", func() bool { return sleeper() != 0 && sleeper() != old })
	asleep(t, l)
	for i, a := range behind {
		if len(a.results) != 0 {
			t.Fatalf("%s, behind one who was cancelled, got %v", ways[i].name, a.result())
		}
	}
	l.Unlock()
	for i, a := range behind {
		if err := a.result(); err != nil {
			t.Errorf("%s: %v", ways[i].name, err)
		}
		a.unlock(l)
	}
	if !slices.IsSorted(order) {
		t.Errorf("they got the lock in the order %d", order)
	}
}
