package ringbuf

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
)

// Errors of a ring, besides those of its lock.
var (
	ErrFull         = errors.New("ringbuf: full: the consumer is behind, or a record is not committed")
	ErrTooLarge     = errors.New("ringbuf: no record can have this length: see MaxLen")
	ErrClosed       = errors.New("ringbuf: closed")
	ErrEmpty        = errors.New("ringbuf: empty, or the next record is not committed")
	ErrHasReader    = errors.New("ringbuf: the ring has a reader: close it first")
	ErrReaderClosed = errors.New("ringbuf: the reader is closed")
)

// A Ring takes records of bytes from producers to a consumer. Make it with [New]. All
// methods may be called by many goroutines at once.
type Ring struct {
	words []atomic.Uint64 // twice the size; headers are among them
	bytes []byte          // the same memory
	size  uint64
	shift int // log2 of size

	wakeup  chan struct{}
	waitsAt atomic.Uint64 // 1 + the position that the consumer waits at, or 0
	_       [64]byte

	lock      rqlock.Mutex  // orders reservations
	prod      atomic.Uint64 // the position of the next record, and closed; grows under lock
	knownCons uint64        // what cons was at least; guarded by lock
	dropped   atomic.Uint64
	_         [64]byte

	cons      atomic.Uint64 // the position of the oldest record that is not freed
	hasReader atomic.Bool
	_         [64]byte
}

// A position counts bytes from the first record ever. It is a multiple of 8.

// closed is a bit of prod. Once it is set, prod does not grow.
const closed = 1

// A header describes the record at a position. Its lap is the position divided by the size,
// and tells the record from earlier ones in the same bytes:
//
//	bits  0-29  length of the record in bytes
//	bit     30  discarded
//	bit     31  reserved: neither committed nor discarded
//	bits 32-63  lower half of the lap
const (
	lengthMask = 1<<30 - 1
	discarded  = 1 << 30
	reserved   = 1 << 31
	lapShift   = 32

	headerSize = 8
)

// MinSize and MaxSize are the least and the greatest size of a ring in bytes.
const (
	MinSize = 16
	MaxSize = 1 << 30
)

// New returns a ring of size bytes. It panics unless size is a power of two from [MinSize]
// to [MaxSize]. It allocates twice as much; see the package's comment.
func New(size int) *Ring {
	if size < MinSize || size > MaxSize || size&(size-1) != 0 {
		panic(fmt.Sprintf("ringbuf: size of %d bytes: must be a power of two from %d to %d", size, MinSize, MaxSize))
	}
	words := make([]atomic.Uint64, 2*(size/headerSize))
	r := &Ring{
		words: words, bytes: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*headerSize),
		size: uint64(size), shift: bits.TrailingZeros(uint(size)), wakeup: make(chan struct{}, 1),
	}
	r.lock.SetName("ringbuf.Ring")
	return r
}

// Size returns the size of the ring in bytes.
func (r *Ring) Size() int { return int(r.size) }

// MaxLen returns the greatest length of a record in bytes: the size without a header.
func (r *Ring) MaxLen() int { return int(r.size) - headerSize }

// Used returns the number of bytes in use: of all records that are reserved and that the
// consumer has not freed, with their headers, each rounded up to a multiple of 8.
func (r *Ring) Used() int {
	cons := r.cons.Load() // first, so that it is not beyond prod
	return int(min(r.prod.Load()&^closed-cons, r.size))
}

// Available returns the number of bytes that are not in use. A record of n bytes takes n + 8
// of them, rounded up to a multiple of 8.
func (r *Ring) Available() int { return int(r.size) - r.Used() }

// Dropped returns the number of records that could not be reserved, because the ring was
// full or the lock failed.
func (r *Ring) Dropped() uint64 { return r.dropped.Load() }

// Close ends the ring, and never fails. From then on producers get [ErrClosed]. The consumer
// gets it after all records that were reserved before. Those may still be committed or
// discarded, and the consumer waits for that.
func (r *Ring) Close() {
	r.prod.Or(closed)
	r.wake()
}

// A Record is room in a ring that belongs to a producer. [Ring.Reserve] returns it.
type Record struct {
	ring *Ring
	pos  uint64
	len  int
}

// Reserve returns a record of n bytes, whose contents are undefined. The record must be
// committed or discarded, soon and by any goroutine, because it holds back all records that
// are reserved after it.
//
// Reserve returns [ErrFull] if there is no room at present, [ErrTooLarge] if n is negative or
// greater than [Ring.MaxLen], [ErrClosed], or the lock's error.
func (r *Ring) Reserve(n int) (Record, error) {
	if n < 0 || n > r.MaxLen() {
		return Record{}, ErrTooLarge
	}
	err := r.lock.Lock()
	if err == nil {
		var pos uint64
		pos, err = r.reserve(uint64(n))
		r.lock.Unlock()
		if err == nil {
			return Record{r, pos, n}, nil
		}
	}
	if err != ErrClosed {
		r.dropped.Add(1)
	}
	return Record{}, err
}

// Write adds a record with a copy of p, so a Ring is an [io.Writer]. It returns len(p), or 0
// and an error of [Ring.Reserve].
func (r *Ring) Write(p []byte) (int, error) {
	rec, err := r.Reserve(len(p))
	if err != nil {
		return 0, err
	}
	copy(rec.Bytes(), p)
	rec.Commit()
	return len(p), nil
}

// reserve returns the position of a new record. The caller holds the lock.
func (r *Ring) reserve(n uint64) (pos uint64, err error) {
	pos = r.prod.Load()
	if pos&closed != 0 {
		return 0, ErrClosed
	}
	end := pos + span(n)
	if end-r.knownCons > r.size {
		r.knownCons = r.cons.Load() // acquire: pairs with release in free
		if end-r.knownCons > r.size {
			return 0, ErrFull
		}
	}
	r.header(pos).Store(r.committed(pos, n) | reserved) // before prod leads the consumer there
	if !r.prod.CompareAndSwap(pos, end) {               // Only Close changes prod besides.
		return 0, ErrClosed
	}
	return pos, nil
}

// span returns the number of bytes that a record of n bytes takes.
func span(n uint64) uint64 { return (headerSize + n + 7) &^ 7 }

// committed returns the header of a record of n bytes that is committed.
func (r *Ring) committed(pos, n uint64) uint64 { return pos>>r.shift<<lapShift | n }

func (r *Ring) header(pos uint64) *atomic.Uint64 { return &r.words[r.offset(pos)/headerSize] }

func (r *Ring) offset(pos uint64) uint64 { return pos & (r.size - 1) }

// body returns the n bytes of a record.
func (r *Ring) body(pos, n uint64) []byte {
	from := r.offset(pos) + headerSize
	return r.bytes[from : from+n : from+n]
}

// Bytes returns the record's bytes. They belong to the producer until Commit or Discard.
func (rec Record) Bytes() []byte {
	if rec.ring == nil {
		return nil
	}
	return rec.ring.body(rec.pos, uint64(rec.len))
}

// Commit gives the record to the consumer, who sees what was stored before (release). It
// takes no lock, and does not fail. It panics, and changes nothing, if the record was not
// reserved, or was committed or discarded before.
func (rec Record) Commit() { rec.finish("Commit", 0) }

// Discard makes the consumer skip the record. In all else it is like [Record.Commit].
func (rec Record) Discard() { rec.finish("Discard", discarded) }

func (rec Record) finish(name string, flag uint64) {
	r := rec.ring
	if r == nil {
		panic(fmt.Sprintf("ringbuf: %s of a record that was not reserved: look at the error of Reserve", name))
	}
	head := r.committed(rec.pos, uint64(rec.len))
	// release: pairs with acquire in look
	if !r.header(rec.pos).CompareAndSwap(head|reserved, head|flag) {
		panic(fmt.Sprintf("ringbuf: %s of a record that was committed or discarded before", name))
	}
	if r.waitsAt.Load() == rec.pos+1 {
		r.wake()
	}
}

// wake ends the consumer's wait, or its next one.
func (r *Ring) wake() {
	select {
	case r.wakeup <- struct{}{}:
	default: // It is about to be woken.
	}
}
