package readers

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
)

// A reader whose row is full goes on to the first chunk that is not three quarters full, where it
// looks in all rows from its own on. Each row of a chunk says how many slots went past it, so that
// whoever looks for its own slot need not look further for nothing. Chunks are never freed. A
// writer looks at all rows of a chunk that has slots, so the first ones are small. With 64 rows in
// the first one readers had more chunks to look at, and with 1024 writers had more rows
// (BenchmarkRWBeside).
const (
	firstChunk = 256 // rows; each further chunk has twice as many
	maxChunks  = 22
)

var further struct {
	mu     sync.Mutex       // held to make a chunk
	chunks [maxChunks]chunk // from 1
}

// A chunk has nothing that is not accessed atomically: the race detector is not told of the order
// in which readers find it.
type chunk struct {
	first  atomic.Pointer[asm.ReaderRow] // nil until it is made
	places atomic.Pointer[uint32]        // of the reader of each slot; before first
	used   atomic.Int64                  // slots that are claimed, or about to be
}

// rowsOf returns chunk n and its rows, of which there are none until it is made.
func rowsOf(n int) (c *chunk, rows []asm.ReaderRow) {
	c = &further.chunks[n]
	first := c.first.Load() // acquire: pairs with grow [rows]
	if first == nil {
		return c, nil
	}
	return c, unsafe.Slice(first, firstChunk<<(n-1))
}

// The State of a chunk's row is how many slots went past it.
func passed(row *asm.ReaderRow) uint32 { return atomic.LoadUint32(&row.State) }

func pass(row *asm.ReaderRow)     { atomic.AddUint32(&row.State, 1) }
func comeBack(row *asm.ReaderRow) { atomic.AddUint32(&row.State, ^uint32(0)) }

// from returns the number of the row that is so many steps behind r's.
func (r Reader) from(rows []asm.ReaderRow, steps uint32) uint32 {
	return (r.place*0x9e3779b9 + steps) % uint32(len(rows))
}

// stepsTo returns how many steps the row with that number is behind r's.
func (r Reader) stepsTo(rows []asm.ReaderRow, number uint32) uint32 {
	return (number - r.from(rows, 0)) % uint32(len(rows)) // a power of two
}

// place is where a slot of a chunk has the place of its reader. Its id is no help to anybody else:
// which rows have counted the slot depends on where the reader began.
func (s Slot) place() *uint32 {
	c, rows := rowsOf(int(s.chunk))
	return &unsafe.Slice(c.places.Load(), len(rows)*slots)[int(s.number)*slots+int(s.index)]
}

// claimant returns the reader that has claimed the slot, without its id. Its claim is complete.
func (s Slot) claimant() Reader {
	if s.chunk == 0 {
		return Reader{}
	}
	// The read lock was ended after its claim, and this is after that [gate]: no order is needed.
	return Reader{place: atomic.LoadUint32(s.place())}
}

// each calls f for the rows of the chunks where r may have slots, until it returns false.
func (r Reader) each(f func(at Slot) bool) {
	for n := 1; n < maxChunks; n++ {
		c, rows := rowsOf(n)
		if rows == nil {
			return
		}
		if c.used.Load() == 0 {
			continue
		}
		for steps := range uint32(len(rows)) {
			number := r.from(rows, steps)
			row := &rows[number]
			if !f(Slot{row: row, chunk: uint8(n), number: number}) {
				return
			}
			if passed(row) == 0 {
				break
			}
		}
	}
}

// claimFurther is Claim for a reader whose row is full.
func (r Reader) claimFurther(lock uint64) Slot {
	if r.use() {
		return r.Claim(lock)
	}
	for n := 1; ; n++ {
		c, rows := grow(n)
		if !c.admit(int64(len(rows) * slots / 4 * 3)) {
			continue
		}
		for steps := uint32(0); ; steps++ { // there is a free one
			number := r.from(rows, steps)
			row := &rows[number]
			if i := claim(row, lock, r.ID); i >= 0 {
				s := Slot{row, uint8(i), uint8(n), number}
				asm.StoreRelaxed32(s.place(), r.place) // ordered by what lets another one end it: see claimant
				return s
			}
			pass(row)
		}
	}
}

// admit counts one more slot, unless the chunk has so many already.
func (c *chunk) admit(limit int64) bool {
	for n := c.used.Load(); n < limit; n = c.used.Load() {
		if c.used.CompareAndSwap(n, n+1) { // sequentially consistent: before the claim [use]
			return true
		}
	}
	return false
}

// overflowed reports whether slots are claimed in chunks, or about to be.
func overflowed() bool {
	for n := 1; n < maxChunks; n++ {
		c := &further.chunks[n]
		if c.first.Load() == nil {
			break
		}
		if c.used.Load() != 0 {
			return true
		}
	}
	return false
}

// comeBack undoes what claimFurther said of the slot.
func (r Reader) comeBack(s Slot) {
	c, rows := rowsOf(int(s.chunk))
	for steps := range r.stepsTo(rows, s.number) {
		comeBack(&rows[r.from(rows, steps)])
	}
	c.used.Add(-1)
}

// grow returns a chunk, and makes it if nobody has.
func grow(n int) (*chunk, []asm.ReaderRow) {
	if c, rows := rowsOf(n); rows != nil {
		return c, rows
	}
	further.mu.Lock()
	defer further.mu.Unlock()
	if c := &further.chunks[n]; c.first.Load() == nil {
		rows := make([]asm.ReaderRow, firstChunk<<(n-1))
		c.places.Store(&make([]uint32, len(rows)*slots)[0]) // ordered by the release below
		c.first.Store(&rows[0])                             // release: pairs with rowsOf [rows]
	}
	return rowsOf(n)
}
