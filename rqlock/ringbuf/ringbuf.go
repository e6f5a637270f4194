package ringbuf

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
)

// Errors besides those of the lock.
var (
	ErrFull         = errors.New("ringbuf: full: the consumer is behind, or a record is not committed")
	ErrTooLarge     = errors.New("ringbuf: no record can have this length: see MaxLen")
	ErrClosed       = errors.New("ringbuf: closed")
	ErrEmpty        = errors.New("ringbuf: empty, or the next record is not committed")
	ErrBusy         = errors.New("ringbuf: there is a reader already: close it first")
	ErrReaderClosed = errors.New("ringbuf: the reader is closed")
)

// A Ring takes records of bytes from producers to a consumer. Make it with [New]. All
// methods may be called by many goroutines at once.
type Ring struct {
	words []atomic.Uint64 // twice the size; the headers are among them
	bytes []byte          // the same memory
	size  uint64
	shift int // log2 of size

	bell   chan struct{}
	asleep atomic.Uint64 // 1 + the position that the consumer waits at; 0 = awake
	_      [64]byte

	lock    rqlock.Mutex  // orders reservations
	prod    atomic.Uint64 // where the next record begins, and closed; grows under lock
	seen    uint64        // cons, when it was last looked at; guarded by lock
	dropped atomic.Uint64
	_       [64]byte

	cons  atomic.Uint64 // where the oldest record begins that is not given back
	taken atomic.Bool   // there is a reader
	_     [64]byte
}

// Positions count bytes from the beginning of time. All are multiples of 8.

// closed is set in prod, and says that it does not grow any more.
const closed = 1

// A header says what there is at a position. The lap, that is the position divided
// by the size, tells a record from those that were there before:
//
//	bits  0-29  length of the record in bytes
//	bit     30  discarded
//	bit     31  busy: neither committed nor discarded
//	bits 32-63  lap, its lower half
const (
	lengthMask = 1<<30 - 1
	discarded  = 1 << 30
	busy       = 1 << 31
	lapShift   = 32

	headerSize = 8
)

// The least and the greatest size of a ring in bytes.
const (
	MinSize = 16
	MaxSize = 1 << 30
)

// New returns a ring of size bytes, which must be a power of two from MinSize to MaxSize:
// otherwise it panics. It allocates twice as much, see the package's comment.
func New(size int) *Ring {
	if size < MinSize || size > MaxSize || size&(size-1) != 0 {
		panic(fmt.Sprintf("ringbuf: size of %d bytes: must be a power of two from %d to %d", size, MinSize, MaxSize))
	}
	words := make([]atomic.Uint64, 2*(size/headerSize))
	return &Ring{
		words: words, bytes: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*headerSize),
		size: uint64(size), shift: bits.TrailingZeros(uint(size)), bell: make(chan struct{}, 1),
	}
}

// MaxLen returns how many bytes the longest record has: the size without a header.
func (r *Ring) MaxLen() int { return int(r.size) - headerSize }

// Size returns the size in bytes.
func (r *Ring) Size() int { return int(r.size) }

// Used returns how many bytes of the ring are in use: each record that is reserved and
// that the consumer has not given back, with its header, up to a multiple of 8.
func (r *Ring) Used() int {
	cons := r.cons.Load() // first: it does not overtake
	return int(min(r.prod.Load()&^closed-cons, r.size))
}

// Free returns how many bytes of the ring are not in use. A record of n bytes
// needs n + 8 of them, up to a multiple of 8.
func (r *Ring) Free() int { return int(r.size) - r.Used() }

// Dropped returns how many records could not be reserved because the ring was full or
// the lock failed.
func (r *Ring) Dropped() uint64 { return r.dropped.Load() }

// Close ends the ring: producers get ErrClosed, and so does the consumer once it has
// had all that has been reserved. It never fails. Records that are reserved may be
// committed or discarded afterwards, and the consumer waits for that.
func (r *Ring) Close() {
	r.prod.Or(closed)
	r.wake()
}

// A Record is room in a ring that [Ring.Reserve] has given to a producer.
type Record struct {
	ring *Ring
	pos  uint64
	len  int
}

// Reserve returns a record of n bytes, whose contents are undefined. It must be
// committed or discarded, by whatever goroutine and as soon as can be: it holds back all
// that is reserved after it. Reserve returns ErrFull if there is no room, ErrTooLarge if
// there never is (or n is negative), ErrClosed, or the lock's error.
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

// Write adds a record with a copy of p. It returns len(p), or 0 and an error of
// [Ring.Reserve]. So a Ring is an io.Writer, of which each Write is a record.
func (r *Ring) Write(p []byte) (int, error) {
	rec, err := r.Reserve(len(p))
	if err != nil {
		return 0, err
	}
	copy(rec.Bytes(), p)
	rec.Commit()
	return len(p), nil
}

// reserve returns the position of a new record. It needs the lock.
func (r *Ring) reserve(n uint64) (pos uint64, err error) {
	pos = r.prod.Load()
	if pos&closed != 0 {
		return 0, ErrClosed
	}
	end := pos + span(n)
	if end-r.seen > r.size {
		if r.seen = r.cons.Load(); end-r.seen > r.size { // acquire: pairs with release; the consumer has done with those bytes
			return 0, ErrFull
		}
	}
	r.header(pos).Store(r.head(pos, n) | busy) // before the consumer may look there
	if !r.prod.CompareAndSwap(pos, end) {      // only Close changes it besides
		return 0, ErrClosed
	}
	return pos, nil
}

// span returns how many bytes a record of n takes.
func span(n uint64) uint64 { return (headerSize + n + 7) &^ 7 }

// head returns the header of a record that is committed.
func (r *Ring) head(pos, n uint64) uint64 { return pos>>r.shift<<lapShift | n }

func (r *Ring) header(pos uint64) *atomic.Uint64 { return &r.words[r.offset(pos)/headerSize] }

func (r *Ring) offset(pos uint64) uint64 { return pos & (r.size - 1) }

// body returns the bytes of a record.
func (r *Ring) body(pos, n uint64) []byte {
	from := r.offset(pos) + headerSize
	return r.bytes[from : from+n : from+n]
}

// Bytes returns the record's bytes. They are the producer's until Commit or Discard.
func (rec Record) Bytes() []byte {
	if rec.ring == nil {
		return nil
	}
	return rec.ring.body(rec.pos, uint64(rec.len))
}

// Commit gives the record to the consumer. What was written before, it sees (release).
// Commit takes no lock and never fails; it panics, and changes nothing, if the record
// was not reserved, or has been committed or discarded already.
func (rec Record) Commit() { rec.finish("Commit", 0) }

// Discard has the consumer skip the record. Otherwise it is as Commit.
func (rec Record) Discard() { rec.finish("Discard", discarded) }

func (rec Record) finish(name string, flag uint64) {
	r := rec.ring
	if r == nil {
		panic(fmt.Sprintf("ringbuf: %s of a record that was not reserved: look at the error of Reserve", name))
	}
	head := r.head(rec.pos, uint64(rec.len))
	if !r.header(rec.pos).CompareAndSwap(head|busy, head|flag) { // release: pairs with acquire in look
		panic(fmt.Sprintf("ringbuf: %s of a record that was committed or discarded before", name))
	}
	if r.asleep.Load() == rec.pos+1 {
		r.wake()
	}
}

// wake ends the consumer's sleep, or its next one.
func (r *Ring) wake() {
	select {
	case r.bell <- struct{}{}:
	default: // it rings already
	}
}
