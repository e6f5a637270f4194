package ringbuf

import (
	"context"
	"fmt"
	"iter"
)

// A Reader is the consumer of a ring. Get it with [Ring.Reader], and use it in one
// goroutine at a time.
type Reader struct {
	ring  *Ring  // nil = closed
	at    uint64 // cons
	end   uint64 // of the record that the caller has; at = it has none
	limit uint64 // prod, when it was last looked at
}

// Reader makes the caller the consumer, from the oldest record on that was not given
// back. It returns ErrBusy if there is a reader that is not closed.
func (r *Ring) Reader() (*Reader, error) {
	if !r.taken.CompareAndSwap(false, true) {
		return nil, ErrBusy
	}
	at := r.cons.Load()
	return &Reader{ring: r, at: at, end: at, limit: at}, nil
}

// Close gives the last record back, and lets another reader take over. A reader that
// is closed returns ErrReaderClosed.
func (rd *Reader) Close() {
	if rd.ring == nil {
		return
	}
	rd.release()
	rd.ring.taken.Store(false)
	rd.ring = nil
}

// Next returns the next record, and waits for one if need be. It gives the record before
// it back: its bytes are not to be used any more. Next returns ErrClosed if the ring
// is closed and there is nothing left; if ctx is done, an error that wraps
// context.Cause(ctx), even if there are records: those can be had by TryNext.
func (rd *Reader) Next(ctx context.Context) ([]byte, error) {
	for {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("ringbuf: %w", context.Cause(ctx))
		}
		if b, err := rd.TryNext(); err != ErrEmpty {
			return b, err
		}
		rd.sleep(ctx)
	}
}

// TryNext is Next that does not wait, and returns ErrEmpty instead.
func (rd *Reader) TryNext() ([]byte, error) {
	if rd.ring == nil {
		return nil, ErrReaderClosed
	}
	for {
		rd.release()
		head, err := rd.look()
		if err != nil {
			return nil, err
		}
		n := head & lengthMask
		rd.end = rd.at + span(n)
		if head&discarded == 0 {
			return rd.ring.body(rd.at, n), nil
		}
	}
}

// release gives back the record that the caller has, if any.
func (rd *Reader) release() {
	if rd.at != rd.end {
		rd.at = rd.end
		rd.ring.cons.Store(rd.at) // release: pairs with acquire in reserve
	}
}

// look returns the header of the next record, which is not busy, or ErrEmpty or
// ErrClosed.
func (rd *Reader) look() (head uint64, err error) {
	r := rd.ring
	if rd.at == rd.limit {
		prod := r.prod.Load() // acquire: the headers up to there
		if rd.limit = prod &^ closed; rd.at == rd.limit {
			if prod&closed != 0 {
				return 0, ErrClosed
			}
			return 0, ErrEmpty
		}
	}
	head = r.header(rd.at).Load() // acquire: pairs with release in finish
	if head&busy != 0 {
		return 0, ErrEmpty
	}
	return head, nil
}

// sleep waits until it may be that there is something at the reader's position, or
// ctx is done.
//
//	consumer                   producer
//	asleep = here              commit the record
//	look at the record         look at asleep
//
// One of them sees the other's.
func (rd *Reader) sleep(ctx context.Context) {
	r := rd.ring
	done := ctx.Done()
	r.asleep.Store(rd.at + 1)
	if ctx.Err() == nil && rd.nothing() {
		select {
		case <-r.bell:
		case <-done:
		}
	}
	r.asleep.Store(0)
}

// nothing reports whether there is no record that was committed or discarded.
func (rd *Reader) nothing() bool {
	_, err := rd.look()
	return err == ErrEmpty
}

// All goes over the records, and waits for more, until the ring is closed and there is
// nothing left. If ctx is done, or there is another reader, it ends with an error (see
// [Reader.Next] and [Ring.Reader]). A record's bytes are not to be used after the turn.
func (r *Ring) All(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		rd, err := r.Reader()
		if err != nil {
			yield(nil, err)
			return
		}
		defer rd.Close()
		for {
			b, err := rd.Next(ctx)
			if err == ErrClosed || !yield(b, err) || err != nil {
				return
			}
		}
	}
}
