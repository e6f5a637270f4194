// Package ringbuf has a ring of bytes that takes records from many producers to one
// consumer: the counterpart of Linux' BPF ring buffer.
//
// A producer reserves room, fills it in place, and commits or discards it. Records
// reach the consumer in the order in which they were reserved; one that is neither
// committed nor discarded yet holds back those behind it, and so does one that never
// is: the ring fills up, and producers get ErrFull.
//
//	r := ringbuf.New(1 << 20)
//	rec, err := r.Reserve(16)
//	if err != nil {
//		return err // ErrFull, ErrTooLarge, ErrClosed, or the lock's error
//	}
//	binary.LittleEndian.PutUint64(rec.Bytes(), id)
//	rec.Commit()
//
// The consumer waits as long as its context lets it:
//
//	for b, err := range r.All(ctx) {
//
// Nothing is allocated after New, for Next and Reserve alike.
//
// # When the lock fails
//
// Only producers take a lock, a resilient one (see package rqlock), and only to reserve:
// it orders the records. No user's code runs while it is held, so that a producer that is
// called from inside of another one's critical section, or from a callback of another
// container, closes no cycle here. What can fail is the wait for a holder that does not
// run for the stall timeout, on a machine that is badly overloaded.
//
//	Reserve, Write               nothing is reserved; Dropped counts it
//	Commit, Discard              take no lock, and do not fail
//	Next, TryNext, All, Reader   take no lock
//	Close, Used, Free, Dropped   take no lock
//
// # Layout
//
// A record is a header of 8 bytes and the producer's bytes, up to the next multiple
// of 8. Its bytes are contiguous. The kernel maps the ring twice, one after the other,
// so that a record that begins near the end goes on at the beginning; here, the ring has
// a second half where such a record ends. Nobody begins there: of the second half only
// as much is used as the longest record has, and the rest is address space.
//
// # How the consumer sleeps
//
// It writes down where it waits, looks at that record once more, and waits for a
// channel. A producer that commits or discards just this record, or Close, sends to the
// channel, which has room for one message; no other commit does more than look. Both
// write before they read, by atomic operations of which Go says that all goroutines see
// one order: so one of them sees what the other has written, and no wake-up is lost.
package ringbuf
