package ringbuf

import (
	"context"
	"fmt"
	"iter"
)

// A Reader is the consumer of a ring. [Ring.Reader] returns it. One goroutine at a time may
// use it.
type Reader struct {
	ring  *Ring  // nil: closed
	pos   uint64 // cons
	end   uint64 // the end of the record that the caller has; equal to pos if it has none
	limit uint64 // what prod was at least
	batch [][]byte
}

// Reader makes the caller the consumer, from the oldest record on that is not freed. It
// returns [ErrHasReader] if the ring has a reader that is not closed.
func (r *Ring) Reader() (*Reader, error) {
	if !r.made().hasReader.CompareAndSwap(false, true) {
		return nil, ErrHasReader
	}
	pos := r.cons.Load()
	return &Reader{ring: r, pos: pos, end: pos, limit: pos}, nil
}

// Close frees the last record, and lets another reader take over. Afterwards the reader's
// other methods return [ErrReaderClosed].
func (rd *Reader) Close() {
	if rd.ring == nil {
		return
	}
	rd.free()
	rd.ring.hasReader.Store(false)
	rd.ring = nil
}

// Next returns the next record, and waits for it if need be. It frees the record before it,
// whose bytes must not be used any more.
//
// Next returns [ErrClosed] if the ring is closed and no record is left. If ctx is done, it
// returns an error that wraps [context.Cause], even if there are records. TryNext returns
// those.
func (rd *Reader) Next(ctx context.Context) ([]byte, error) {
	for {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("ringbuf: %w", context.Cause(ctx))
		}
		if b, err := rd.TryNext(); err != ErrEmpty {
			return b, err
		}
		rd.wait(ctx)
	}
}

// TryNext is [Reader.Next], but returns [ErrEmpty] instead of waiting.
func (rd *Reader) TryNext() ([]byte, error) {
	if rd.ring == nil {
		return nil, ErrReaderClosed
	}
	rd.free()
	for {
		b, skipped, err := rd.take()
		if !skipped {
			return b, err
		}
		rd.free()
	}
}

// NextBatch returns the records that are next, at least one and at most max, and waits for the
// first if need be. It frees those that the reader has returned before. The slice and the bytes
// must not be used any more when the reader is used again. NextBatch allocates the slice, and
// uses it again.
//
// If max is not positive, NextBatch returns [ErrMax]. All other errors are as in [Reader.Next].
// A record with an error after it is returned first.
func (rd *Reader) NextBatch(ctx context.Context, max int) ([][]byte, error) {
	if max <= 0 {
		return nil, ErrMax
	}
	b, err := rd.Next(ctx)
	if err != nil {
		return nil, err
	}
	batch := append(rd.batch[:0], b)
	for len(batch) < max {
		b, skipped, err := rd.take()
		if err != nil {
			break
		}
		if !skipped {
			batch = append(batch, b)
		}
	}
	rd.batch = batch
	return batch, nil
}

// take returns the next record, or that it was discarded, and moves end behind it. Otherwise it
// returns ErrEmpty or ErrClosed.
func (rd *Reader) take() (b []byte, skipped bool, err error) {
	head, err := rd.look(rd.end)
	if err != nil {
		return nil, false, err
	}
	n, at := head&lengthMask, rd.end
	rd.end += span(n)
	if head&discarded != 0 {
		return nil, true, nil
	}
	return rd.ring.body(at, n), false, nil
}

// free frees the records that the caller has, if any.
func (rd *Reader) free() {
	if rd.pos == rd.end {
		return
	}
	rd.pos = rd.end
	r := rd.ring
	r.cons.Store(rd.pos) // release: pairs with acquire in place
	if need := r.roomAt.Load(); need != 0 && rd.pos >= need {
		wake(r.room)
	}
}

// look returns the header of the record at a position if that is committed or discarded.
// Otherwise it returns ErrEmpty or ErrClosed.
func (rd *Reader) look(at uint64) (head uint64, err error) {
	r := rd.ring
	if at == rd.limit {
		prod := r.prod.Load() // acquire: pairs with the compare-and-swap in reserve, after the header
		if rd.limit = prod &^ closed; at == rd.limit {
			if prod&closed != 0 {
				return 0, ErrClosed
			}
			return 0, ErrEmpty
		}
	}
	head = r.header(at).Load() // acquire: pairs with release in finish
	if head&reserved != 0 {
		return 0, ErrEmpty
	}
	return head, nil
}

// wait returns when there may be something at the reader's position, or when ctx is done.
//
//	consumer                   producer
//	store waitsAt              commit the record
//	look at the record         load waitsAt
//
// At least one of them sees what the other has stored.
func (rd *Reader) wait(ctx context.Context) {
	r := rd.ring
	done := ctx.Done()
	r.waitsAt.Store(rd.pos + 1)
	if ctx.Err() == nil && rd.empty() {
		select {
		case <-r.wakeup:
		case <-done:
		}
	}
	r.waitsAt.Store(0)
}

// empty reports whether the next record is missing or still reserved, in a ring that is not
// closed.
func (rd *Reader) empty() bool {
	_, err := rd.look(rd.pos)
	return err == ErrEmpty
}

// All iterates over the records, and waits for more, until the ring is closed and no record
// is left. If ctx is done, or the ring has another reader, it yields an error and ends (see
// [Reader.Next] and [Ring.Reader]). The bytes of a record must not be used after the loop's
// body.
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
