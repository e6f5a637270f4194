package readers

import (
	"sync"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// A reader whose row is full goes on to the first chunk, where it looks in all rows from its
// own on. If that chunk is three quarters full it goes on to the second, and so on. Each row
// says how many slots went past it, so that whoever looks for its own need not look further
// for nothing. Chunks are never freed.
const (
	firstChunk = 1024 // rows; each further chunk has twice as many
	maxChunks  = 20
)

var further struct {
	mu     sync.Mutex                       // held to make a chunk
	chunks [maxChunks]atomic.Pointer[chunk] // from 1
}

type chunk struct {
	rows   []asm.ReaderRow
	used   atomic.Int64 // slots that are claimed, or about to be
	passed atomic.Int64 // slots that are in further chunks, as this one was full
}

// A row's State is how many slots went past it.
func passed(row *asm.ReaderRow) uint32 { return atomic.LoadUint32(&row.State) }

func pass(row *asm.ReaderRow)     { atomic.AddUint32(&row.State, 1) }
func comeBack(row *asm.ReaderRow) { atomic.AddUint32(&row.State, ^uint32(0)) }

// from returns the row that is so many steps behind r's.
func (c *chunk) from(r Reader, steps uint32) *asm.ReaderRow {
	return &c.rows[(r.hash+steps)%uint32(len(c.rows))]
}

// each calls f for the rows of the chunks where r may have slots, until it returns false.
func (r Reader) each(f func(at Slot) bool) {
	for n := 1; n < maxChunks; n++ {
		c := further.chunks[n].Load() // acquire: pairs with grow [rows]
		if c == nil {
			return
		}
		for steps := range uint32(len(c.rows)) {
			row := c.from(r, steps)
			if !f(Slot{row: row, chunk: uint8(n), steps: steps}) {
				return
			}
			if passed(row) == 0 {
				break
			}
		}
		if c.passed.Load() == 0 {
			return
		}
	}
}

// claimFurther is Claim for a reader whose row is full.
func (r Reader) claimFurther(lock uint64) Slot {
	row := r.row()
	if r.use() {
		return r.Claim(lock)
	}
	pass(row) // before the slot appears further on
	for n := 1; ; n++ {
		c := grow(n)
		if c.used.Add(1) > int64(len(c.rows)*slots/4*3) {
			c.passed.Add(1)
			c.used.Add(-1)
			continue
		}
		for steps := uint32(0); ; steps++ { // there is a free one
			row := c.from(r, steps)
			if i := claim(row, lock, r.ID); i >= 0 {
				return Slot{row, uint8(i), uint8(n), steps}
			}
			pass(row)
		}
	}
}

// comeBack undoes what claimFurther said of the slot in the rows before it.
func (r Reader) comeBack(s Slot) {
	comeBack(r.row())
	for n := 1; n < int(s.chunk); n++ {
		further.chunks[n].Load().passed.Add(-1)
	}
	c := further.chunks[s.chunk].Load()
	for steps := range s.steps {
		comeBack(c.from(r, steps))
	}
	c.used.Add(-1)
}

// grow returns a chunk, and makes it if nobody has.
func grow(n int) *chunk {
	if c := further.chunks[n].Load(); c != nil { // acquire: pairs with itself [rows]
		return c
	}
	further.mu.Lock()
	defer further.mu.Unlock()
	if further.chunks[n].Load() == nil {
		further.chunks[n].Store(&chunk{rows: make([]asm.ReaderRow, firstChunk<<(n-1))}) // release: pairs with each [rows]
	}
	return further.chunks[n].Load()
}
