package readers

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// A writer looks at the rows that are in use, which are those of the goroutines that have
// read lately. A row is taken into use by a reader that has claimed a slot, before that looks
// at the lock's owner. It is taken out of use if it is empty, now and then.
var use struct {
	mu    sync.Mutex      // held to change it
	rows  []atomic.Uint64 // a bit for each of the first rows
	scans atomic.Uint32   // since the last Sweep
}

func init() { use.rows = make([]atomic.Uint64, (len(first)+63)/64) }

// unused in the first slot of a row: the row is not in use. So the fast path, which knows that
// slot alone, cannot claim it.
const unused = ^uint64(0)

// use takes r's row into use. It fails if it is in use.
func (r Reader) use() bool {
	row := r.row()
	if atomic.LoadUint64(&row.Lock[0]) != unused {
		return false
	}
	use.mu.Lock()
	defer use.mu.Unlock()
	if atomic.LoadUint64(&row.Lock[0]) != unused {
		return false
	}
	use.rows[r.home/64].Or(1 << (r.home % 64)) // sequentially consistent: before the claim, or the look at the owner [use]
	atomic.StoreUint64(&row.Lock[0], 0)
	return true
}

// sweepAfter is after how many scans empty rows are taken out of use.
const sweepAfter = 1024

// Sweep takes empty rows out of use, if that has not been done for a while.
func Sweep() {
	if use.scans.Add(1)%sweepAfter != 0 || !use.mu.TryLock() {
		return
	}
	defer use.mu.Unlock()
	for w := range use.rows {
		for set := use.rows[w].Load(); set != 0; set &= set - 1 {
			bit := bits.TrailingZeros64(set)
			if unuse(&first[w*64+bit]) {
				use.rows[w].And(^uint64(1 << bit))
			}
		}
	}
}

// unuse takes a row out of use if it is empty.
func unuse(row *asm.ReaderRow) bool {
	if !atomic.CompareAndSwapUint64(&row.Lock[0], 0, unused) { // sequentially consistent: before the looks at the others [use]
		return false
	}
	for i := range row.Lock[1:] {
		if atomic.LoadUint64(&row.Lock[1+i]) != 0 {
			atomic.StoreUint64(&row.Lock[0], 0)
			return false
		}
	}
	return true
}

// Any reports whether anybody holds the lock for reading, or is about to look whether it may.
// It also returns how many rows it has looked at.
func Any(lock uint64) (any bool, rows int) {
	for w := range use.rows {
		for set := use.rows[w].Load(); set != 0; set &= set - 1 {
			row := &first[w*64+bits.TrailingZeros64(set)]
			if named(row, 0) == lock || named(row, 1) == lock || named(row, 2) == lock {
				return true, rows
			}
			rows++
		}
	}
	for n := 1; n < maxChunks; n++ {
		c, more := rowsOf(n)
		if more == nil {
			break
		}
		if c.used.Load() == 0 {
			continue
		}
		for i := range more {
			if atFrom(&more[i], lock, 0) >= 0 {
				return true, rows
			}
		}
		rows += len(more)
	}
	return false, rows
}

// atFrom returns the index of the first slot from the one given that names the lock, or -1.
func atFrom(row *asm.ReaderRow, lock uint64, from int) int {
	for i := from; i < slots; i++ {
		if named(row, i) == lock {
			return i
		}
	}
	return -1
}

// A Scan is where a writer is that waits for readers, one slot after the other. The zero value
// is at the beginning.
type Scan struct {
	chunk, row, slot int
}

// Next returns the slot where the scan is, or the next one, that names the lock, and nil if
// there is none from there on.
func (s *Scan) Next(lock uint64) *uint64 {
	for ; s.chunk < maxChunks; s.chunk, s.row = s.chunk+1, 0 {
		rows := first
		if s.chunk > 0 {
			var c *chunk
			if c, rows = rowsOf(s.chunk); rows == nil {
				return nil
			}
			if c.used.Load() == 0 {
				continue
			}
		}
		for ; s.row < len(rows); s.row, s.slot = s.row+1, 0 {
			if s.chunk == 0 && use.rows[s.row/64].Load()&(1<<(s.row%64)) == 0 {
				continue
			}
			if i := atFrom(&rows[s.row], lock, s.slot); i >= 0 {
				s.slot = i
				return &rows[s.row].Lock[i]
			}
		}
	}
	return nil
}

// Rows returns how many rows a writer looks at, of the first ones.
func Rows() (n int) {
	for i := range use.rows {
		n += bits.OnesCount64(use.rows[i].Load())
	}
	return n
}

// Each calls f for the readers of a lock, until it returns false. Those that come or leave
// meanwhile may be missing.
func Each(lock uint64, f func(id uint64) bool) {
	var s Scan
	for p := s.Next(lock); p != nil; p = s.Next(lock) {
		row := s.at()
		id := atomic.LoadUint64(&row.ID[s.slot])                     // acquire: pairs with claim [slot]
		if id != 0 && atomic.LoadUint64(p)&^more == lock && !f(id) { // acquire: pairs with Release [slot]
			return
		}
		s.slot++
	}
}

func (s *Scan) at() *asm.ReaderRow {
	if s.chunk == 0 {
		return &first[s.row]
	}
	_, rows := rowsOf(s.chunk)
	return &rows[s.row]
}

// Count returns how many slots name the lock.
func Count(lock uint64) (n int) {
	var s Scan
	for ; s.Next(lock) != nil; s.slot++ {
		n++
	}
	return n
}

// Number returns how many slots are claimed. It is for tests.
func Number() (n int) {
	count := func(rows []asm.ReaderRow) {
		for i := range rows {
			for j := range rows[i].Lock {
				if l := atomic.LoadUint64(&rows[i].Lock[j]); l != 0 && l != unused {
					n++
				}
			}
		}
	}
	count(first)
	for i := range further.chunks {
		_, rows := rowsOf(i)
		count(rows)
	}
	return n
}
