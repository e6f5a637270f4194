package ringbuf

import (
	"context"
	"fmt"
)

// ReserveContext is [Ring.Reserve], and waits until there is room, or the ring is closed, or
// ctx is done. Producers that wait get room in the order in which they came. Reserve does not
// wait, and may take room that they wait for.
//
// If ctx is done, ReserveContext returns an error that wraps [context.Cause], even if there is
// room. It waits for the lock like [rqlock.Mutex.LockContext].
func (r *Ring) ReserveContext(ctx context.Context, n int) (Record, error) {
	if n < 0 || uint64(n)+headerSize > r.size {
		r.made()
		return Record{}, ErrTooLarge
	}
	pos, err := uint64(0), ErrFull
	if r.waiting.Load() == 0 { // Otherwise others came first.
		pos, err = r.reserveContext(ctx, uint64(n))
	}
	if err == ErrFull {
		pos, err = r.waitForRoom(ctx, uint64(n))
	}
	switch err {
	case nil:
		return Record{r, pos, n}, nil
	case ErrClosed:
	default:
		r.dropped.Add(1)
	}
	return Record{}, err
}

func (r *Ring) reserveContext(ctx context.Context, n uint64) (pos uint64, err error) {
	if ctx.Err() != nil {
		return 0, gaveUp(ctx)
	}
	if err := r.lock.LockContext(ctx); err != nil {
		return 0, err
	}
	defer r.lock.Unlock()
	return r.reserve(n)
}

// waitForRoom waits for its turn, and then for room.
//
//	producer                  consumer
//	store roomAt              free records: store cons
//	reserve: load cons        load roomAt
//
// At least one of them sees what the other has stored.
func (r *Ring) waitForRoom(ctx context.Context, n uint64) (pos uint64, err error) {
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, gaveUp(ctx)
	}
	defer func() {
		r.roomAt.Store(0)
		<-r.turn
	}()
	for {
		need := uint64(1)
		if end := r.prod.Load()&^closed + span(n); end > r.size {
			need = end - r.size
		}
		r.roomAt.Store(need) // If others reserve meanwhile, it comes too early, and once more.
		pos, err = r.reserveContext(ctx, n)
		if err != ErrFull {
			return pos, err
		}
		select {
		case <-r.room:
		case <-ctx.Done():
		}
	}
}

func gaveUp(ctx context.Context) error {
	return fmt.Errorf("ringbuf: %w", context.Cause(ctx))
}
