package ringbuf

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/capacity"
)

// Errors of a ring, besides those of its lock.
var (
	ErrFull         = errors.New("ringbuf: full: the consumer is behind, or a record is not committed")
	ErrTooLarge     = errors.New("ringbuf: no record can have this length: see MaxLen")
	ErrClosed       = errors.New("ringbuf: closed")
	ErrEmpty        = errors.New("ringbuf: empty, or the next record is not committed")
	ErrHasReader    = errors.New("ringbuf: the ring has a reader: close it first")
	ErrReaderClosed = errors.New("ringbuf: the reader is closed")
	ErrMax          = errors.New("ringbuf: a batch has at least one record: max must be positive")
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

	room    chan struct{} // wakes the producer that waits for room
	turn    chan struct{} // has a message while a producer has its turn to wait
	waiting atomic.Int64  // producers that wait for room or for their turn
	_       [64]byte

	lock      rqlock.Mutex  // orders reservations
	prod      atomic.Uint64 // the position of the next record, and closed; grows under lock
	knownCons uint64        // what cons was at least; guarded by lock
	dropped   atomic.Uint64
	_         [64]byte

	cons      atomic.Uint64 // the position of the oldest record that is not freed
	roomAt    atomic.Uint64 // what cons must be before the producer that waits can go on, or 0
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

// MinSize and MaxSize are the least and the greatest size of a ring in bytes. MaxSize is 1 << 30,
// and 1 << 28 if an int has 32 bits.
const (
	MinSize = 16
	MaxSize = 1 << (28 + 2*(^uint(0)>>63))
)

// New returns a ring of size bytes. It panics unless size is a power of two from [MinSize]
// to [MaxSize]. It allocates twice as much; see the package's comment.
func New(size int) *Ring {
	capacity.Check("ringbuf.New", "bytes", size, MinSize, MaxSize)
	if size&(size-1) != 0 {
		panic(fmt.Sprintf("rqlock/ringbuf: capacity %d cannot be made: New wants a power of two", size))
	}
	words := capacity.Make[atomic.Uint64]("ringbuf.New", 2*(size/headerSize))
	r := &Ring{
		words: words, bytes: unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*headerSize),
		size: uint64(size), shift: bits.TrailingZeros(uint(size)),
		wakeup: make(chan struct{}, 1), room: make(chan struct{}, 1), turn: make(chan struct{}, 1),
	}
	r.lock.SetName("ringbuf.Ring")
	return r
}

// made returns r if New has made it.
func (r *Ring) made() *Ring {
	if r.size == 0 {
		capacity.NotMade("ringbuf.Ring", "New")
	}
	return r
}

// Size returns the size of the ring in bytes.
func (r *Ring) Size() int { return int(r.made().size) }

// MaxLen returns the greatest length of a record in bytes: the size without a header.
func (r *Ring) MaxLen() int { return r.Size() - headerSize }

// Used returns the number of bytes in use: of all records that are reserved and that the
// consumer has not freed, with their headers, each rounded up to a multiple of 8.
func (r *Ring) Used() int {
	cons := r.made().cons.Load() // first, so that it is not beyond prod
	return int(min(r.prod.Load()&^closed-cons, r.size))
}

// Available returns the number of bytes that are not in use. A record of n bytes takes n + 8
// of them, rounded up to a multiple of 8.
func (r *Ring) Available() int { return r.Size() - r.Used() }

// Dropped returns the number of records that could not be reserved, because the ring was
// full, or full until a producer's context was done, or because the lock failed.
func (r *Ring) Dropped() uint64 { return r.made().dropped.Load() }

// Close ends the ring. From then on producers get [ErrClosed], also those that wait. The
// consumer gets it after all records that were reserved before. Those may still be committed or
// discarded, and the consumer waits for that. Close returns nil, so a Ring is an [io.Closer].
func (r *Ring) Close() error {
	r.made().prod.Or(closed)
	wake(r.wakeup)
	wake(r.room)
	return nil
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
	if n < 0 || uint64(n)+headerSize > r.size {
		r.made()
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

// WriteBatch adds a record with a copy of each of ps. It locks the ring once, and no other
// producer's record comes in between. The consumer gets none of them before all are written.
//
// WriteBatch returns how many it has added. If these are not all, it returns the error of
// [Ring.Reserve] for the next one, and has not tried the rest. [Ring.Dropped] then counts all
// that are missing, if the ring was full or the lock failed.
func (r *Ring) WriteBatch(ps [][]byte) (int, error) {
	if r.made(); len(ps) == 0 {
		return 0, nil
	}
	pos, n, err := uint64(0), 0, r.lock.Lock()
	if err == nil {
		pos, n, err = r.reserveBatch(ps)
		r.lock.Unlock()
	}
	if err != nil && err != ErrClosed && err != ErrTooLarge {
		r.dropped.Add(uint64(len(ps) - n))
	}
	records := ps[:n]
	for _, p := range records {
		copy(r.body(pos, uint64(len(p))), p)
		pos += span(uint64(len(p)))
	}
	for _, p := range slices.Backward(records) { // The first one lets the consumer go on to the others.
		pos -= span(uint64(len(p)))
		Record{r, pos, len(p)}.Commit()
	}
	return n, err
}

// reserve returns the position of a new record. The caller holds the lock.
func (r *Ring) reserve(n uint64) (pos uint64, err error) {
	pos = r.prod.Load()
	if pos&closed != 0 {
		return 0, ErrClosed
	}
	end, ok := r.place(pos, n)
	if !ok {
		return 0, ErrFull
	}
	if !r.prod.CompareAndSwap(pos, end) { // Only Close changes prod besides.
		return 0, ErrClosed
	}
	return pos, nil
}

// reserveBatch returns the position of records for the first n of ps, and why these are not
// all. The caller holds the lock.
func (r *Ring) reserveBatch(ps [][]byte) (pos uint64, n int, err error) {
	pos = r.prod.Load()
	end := pos
	for _, p := range ps {
		if uint64(len(p))+headerSize > r.size {
			err = ErrTooLarge
			break
		}
		if pos&closed != 0 {
			return 0, 0, ErrClosed
		}
		next, ok := r.place(end, uint64(len(p)))
		if !ok {
			err = ErrFull
			break
		}
		end = next
		n++
	}
	if !r.prod.CompareAndSwap(pos, end) { // Only Close changes prod besides.
		return 0, 0, ErrClosed
	}
	return pos, n, err
}

// place makes the header of a record at pos, which nobody sees yet. It returns the record's end,
// and whether there is room for it. The caller holds the lock.
func (r *Ring) place(pos, n uint64) (end uint64, ok bool) {
	end = pos + span(n)
	if end-r.knownCons > r.size {
		r.knownCons = r.cons.Load() // acquire: pairs with release in Reader.free
		if end-r.knownCons > r.size {
			return 0, false
		}
	}
	r.header(pos).Store(r.committed(pos, n) | reserved) // before prod leads the consumer there
	return end, true
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
		wake(r.wakeup)
	}
}

// wake ends a wait for the channel, or the next one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // It is about to be woken.
	}
}
