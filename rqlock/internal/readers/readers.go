// Package readers knows who holds which lock for reading. A read lock that is held has a
// slot in one table of the process, with the lock's address and the goroutine's id. A
// goroutine's slots are in a row found by the goroutine, so that readers of one lock share
// no cache line (BRAVO, Dice and Kogan 2019).
package readers

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
)

const (
	slots     = 3   // in a row
	firstRows = 512 // in the first chunk; each further one has twice as many
	maxChunks = 22
	cacheLine = 64
)

// A row is a cache line.
type row struct {
	lock   [slots]uint64 // addresses of locks; 0 = free. Claimed by compare-and-exchange
	id     [slots]uint64 // of the reader; 0 = nobody, or one who has just claimed the slot
	depth  [slots]uint32 // how often it holds the lock; written by the reader alone
	passed uint32        // slots of readers that found this row full, and went on
}

// table has the chunks, which are never freed. A reader uses one row of the first chunk. If
// that is full it goes on to the second, where it looks in all rows from its own on. If that
// is three quarters full it goes on to the third, and so on.
var table struct {
	first  [firstRows]row
	mu     sync.Mutex                       // held to make a chunk
	others [maxChunks]atomic.Pointer[chunk] // from 1
}

type chunk struct {
	rows   []row
	used   atomic.Int64 // slots that are claimed, or about to be
	passed atomic.Int64 // slots that are in further chunks, as this one was full
}

// A Reader is a goroutine that may hold read locks.
type Reader struct {
	ID  uint64
	Row uint32 // where its rows are
}

// Here returns the calling goroutine as a reader.
func Here() Reader { return Reader{asm.CurrentGoid(), rowOf(asm.CurrentG())} }

func rowOf(g uintptr) uint32 { return uint32(uint64(g) * 0x9e3779b97f4a7c15 >> 32) }

// A Slot is one read lock of one goroutine.
type Slot struct {
	row   *row
	index uint8
	chunk uint8
	steps uint32 // from the reader's row to this one
}

// home is the reader's row of the first chunk.
func (r Reader) home() *row { return &table.first[r.Row%firstRows] }

// from returns the row that is so many steps behind the reader's.
func (c *chunk) from(r Reader, steps uint32) *row { return &c.rows[(r.Row+steps)%uint32(len(c.rows))] }

// each calls f for the rows where r may have slots, until it returns false.
func (r Reader) each(f func(row *row, chunk int, steps uint32) bool) {
	home := r.home()
	if !f(home, 0, 0) || atomic.LoadUint32(&home.passed) == 0 {
		return
	}
	for n := 1; n < maxChunks; n++ {
		c := table.others[n].Load() // acquire: pairs with grow [rows]
		if c == nil {
			return
		}
		for steps := range uint32(len(c.rows)) {
			row := c.from(r, steps)
			if !f(row, n, steps) {
				return
			}
			if atomic.LoadUint32(&row.passed) == 0 {
				break
			}
		}
		if c.passed.Load() == 0 {
			return
		}
	}
}

// Find returns the slot by which r holds the lock, if it does. r is the calling goroutine,
// or one that is blocked.
func (r Reader) Find(lock uint64) (s Slot, held bool) {
	home := r.home()
	for i := range home.lock {
		if asm.LoadRelaxed64(&home.lock[i]) == lock && asm.LoadRelaxed64(&home.id[i]) == r.ID {
			return Slot{row: home, index: uint8(i)}, true
		}
	}
	if atomic.LoadUint32(&home.passed) == 0 {
		return Slot{}, false
	}
	r.each(func(row *row, chunk int, steps uint32) bool {
		for i := range row.lock {
			if asm.LoadRelaxed64(&row.lock[i]) == lock && asm.LoadRelaxed64(&row.id[i]) == r.ID {
				s, held = Slot{row, uint8(i), uint8(chunk), steps}, true
				return false
			}
		}
		return true
	})
	return s, held
}

// Claim enters that r holds the lock, which it does not hold yet. What the caller looks at
// later, it looks at after all can see the claim.
func (r Reader) Claim(lock uint64) Slot {
	home := r.home()
	if i, ok := home.claim(r.ID, lock); ok {
		return Slot{row: home, index: i}
	}
	atomic.AddUint32(&home.passed, 1) // before the slot appears further on
	for n := 1; ; n++ {
		c := grow(n)
		if c.used.Add(1) > int64(len(c.rows)*slots/4*3) {
			c.passed.Add(1)
			c.used.Add(-1)
			continue
		}
		for steps := uint32(0); ; steps++ { // there is a free one
			row := c.from(r, steps)
			if i, ok := row.claim(r.ID, lock); ok {
				return Slot{row, i, uint8(n), steps}
			}
			atomic.AddUint32(&row.passed, 1)
		}
	}
}

// FindOrClaim is Find, and then Claim if r does not hold the lock and may is true.
func (r Reader) FindOrClaim(lock uint64, may bool) (s Slot, held, claimed bool) {
	home := r.home()
	free := -1
	for i := range home.lock {
		switch asm.LoadRelaxed64(&home.lock[i]) {
		case lock:
			if asm.LoadRelaxed64(&home.id[i]) == r.ID {
				return Slot{row: home, index: uint8(i)}, true, false
			}
		case 0:
			free = i
		}
	}
	if atomic.LoadUint32(&home.passed) != 0 {
		if s, held = r.Find(lock); held {
			return s, true, false
		}
	}
	if !may {
		return Slot{}, false, false
	}
	if free >= 0 && home.take(free, r.ID, lock) {
		return Slot{row: home, index: uint8(free)}, false, true
	}
	return r.Claim(lock), false, true
}

// claim takes a free slot of the row.
func (r *row) claim(id, lock uint64) (index uint8, ok bool) {
	for i := range r.lock {
		if asm.LoadRelaxed64(&r.lock[i]) == 0 && r.take(i, id, lock) {
			return uint8(i), true
		}
	}
	return 0, false
}

// take takes a slot if it is free.
func (r *row) take(i int, id, lock uint64) bool {
	if !atomic.CompareAndSwapUint64(&r.lock[i], 0, lock) {
		return false
	}
	asm.StoreRelaxed32(&r.depth[i], 1) // ordered by the store of the id
	asm.StoreRelease64(&r.id[i], id)   // release: pairs with Each [slot]
	return true
}

// Release ends what Claim began. The id goes first: a stale one beside a fresh claim would
// name somebody who does not hold that lock.
func (r Reader) Release(s Slot) {
	asm.StoreRelaxed64(&s.row.id[s.index], 0)   // ordered by the next store
	asm.StoreRelease64(&s.row.lock[s.index], 0) // release: pairs with Each [slot]
	if s.chunk > 0 {
		r.comeBack(s)
	}
}

// comeBack undoes what Claim said of the slot in the rows before it.
func (r Reader) comeBack(s Slot) {
	atomic.AddUint32(&r.home().passed, ^uint32(0))
	for n := 1; n < int(s.chunk); n++ {
		table.others[n].Load().passed.Add(-1)
	}
	c := table.others[s.chunk].Load()
	for steps := range s.steps {
		atomic.AddUint32(&c.from(r, steps).passed, ^uint32(0))
	}
	c.used.Add(-1)
}

// Depth returns how often the reader holds the lock.
func (s Slot) Depth() uint32 { return asm.LoadRelaxed32(&s.row.depth[s.index]) }

// Deepen changes it. Only the reader itself may call it.
func (s Slot) Deepen(by int32) {
	d := &s.row.depth[s.index]
	asm.StoreRelaxed32(d, asm.LoadRelaxed32(d)+uint32(by)) // nobody else writes it
}

// Held calls f for each lock that r holds. r is the calling goroutine, or one that is
// blocked.
func (r Reader) Held(f func(lock uint64)) {
	r.each(func(row *row, _ int, _ uint32) bool {
		for i := range row.lock {
			if asm.LoadRelaxed64(&row.id[i]) == r.ID {
				f(asm.LoadRelaxed64(&row.lock[i]))
			}
		}
		return true
	})
}

// Each calls f for the readers of a lock, until it returns false. Those that come or leave
// meanwhile may be missing.
func Each(lock uint64, f func(id uint64) bool) {
	if !eachOf(table.first[:], lock, f) {
		return
	}
	for n := 1; n < maxChunks; n++ {
		c := table.others[n].Load() // acquire: pairs with grow [rows]
		if c == nil || c.used.Load() != 0 && !eachOf(c.rows, lock, f) {
			return
		}
	}
}

func eachOf(rows []row, lock uint64, f func(id uint64) bool) bool {
	for at := range rows {
		r := &rows[at]
		for i := range r.lock {
			if asm.LoadRelaxed64(&r.lock[i]) != lock {
				continue
			}
			id := asm.LoadAcquire64(&r.id[i])                               // acquire: pairs with Claim [slot]
			if id != 0 && asm.LoadAcquire64(&r.lock[i]) == lock && !f(id) { // acquire: pairs with Release [slot]
				return false
			}
		}
	}
	return true
}

// grow returns a chunk, and makes it if nobody has.
func grow(n int) *chunk {
	if c := table.others[n].Load(); c != nil { // acquire: pairs with itself [rows]
		return c
	}
	table.mu.Lock()
	defer table.mu.Unlock()
	if table.others[n].Load() == nil {
		table.others[n].Store(&chunk{rows: make([]row, firstRows<<n)}) // release: pairs with each [rows]
	}
	return table.others[n].Load()
}

// Number returns how many slots are claimed. It is for tests.
func Number() (n int) {
	count := func(rows []row) {
		for at := range rows {
			for i := range rows[at].lock {
				if asm.LoadRelaxed64(&rows[at].lock[i]) != 0 {
					n++
				}
			}
		}
	}
	count(table.first[:])
	for i := range table.others {
		if c := table.others[i].Load(); c != nil {
			count(c.rows)
		}
	}
	return n
}

var _ = [1]struct{}{}[unsafe.Sizeof(row{})-cacheLine]
