// Package ringbuf has a ring of bytes that takes records from many producers to one
// consumer. It is the counterpart of Linux' BPF ring buffer.
//
// A producer reserves a record, fills it in place, and commits or discards it. The consumer
// gets the records in the order of their reservation. A record that is neither committed
// nor discarded holds back those behind it. If it never is, the ring fills up, and producers
// get [ErrFull].
//
//	r := ringbuf.New(1 << 20)
//	rec, err := r.Reserve(8)
//	if err != nil {
//		return err // ErrFull, ErrTooLarge, ErrClosed, or the lock's error
//	}
//	binary.LittleEndian.PutUint64(rec.Bytes(), id)
//	rec.Commit()
//
// The consumer waits for records as long as its context allows:
//
//	for b, err := range r.All(ctx) {
//
// A producer that can wait for room uses [Ring.ReserveContext]. [Ring.WriteBatch] and
// [Reader.NextBatch] handle several records at once.
//
// Only New allocates memory, and NextBatch the slice that it returns and uses again.
//
// # When the lock fails
//
// Only producers take a lock, and only to reserve: it orders the records. The lock is
// resilient (see package rqlock). No code of the user runs while it is held. So a producer
// closes no cycle here, even if it runs in another producer's critical section or in a
// callback of another container. But if the lock's holder does not run for the stall
// timeout, which happens on a machine that is badly overloaded, the others get an error that
// matches [rqlock.ErrTimeout].
//
//	Reserve, ReserveContext          reserve nothing; Dropped counts it
//	Write, WriteBatch                write nothing; Dropped counts it
//	Commit, Discard                  take no lock, and do not fail
//	Next, NextBatch, TryNext         take no lock
//	All, Reader                      take no lock
//	Close, Used, Available, Dropped  take no lock
//
// # Layout
//
// A record is a header of 8 bytes and the producer's bytes, up to the next multiple of 8.
// Its bytes are contiguous. The kernel maps the ring twice, one copy behind the other, so
// that a record which begins near the end goes on at the beginning. Here, the ring has a
// second half where such a record ends. No record begins there. So no more of the second
// half is used than the longest record needs, and the rest is address space only.
//
// # How the consumer waits
//
// The consumer stores the position of the record that it waits for, checks that record once
// more, and waits for a channel. A producer that commits or discards this record sends to
// the channel, which has room for one message, and so does Close. All other commits only
// load the position. Both sides store before they load, and all goroutines agree on the
// order of Go's atomic operations. So at least one of the two sees what the other has
// stored, and no wake-up is lost. A producer that waits for room does it in the same way: it
// stores the position up to which the consumer must free records, and looks for room once more.
package ringbuf
