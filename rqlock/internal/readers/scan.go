package readers

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/wait"
)

// A writer looks at the rows that are in use, which are those of the goroutines that have
// read lately. A row is taken into use by a reader that has claimed a slot, before that looks
// at the lock's owner. It is taken out of use if it is empty, now and then.
var use struct {
	mu    sync.Mutex               // held to change it
	rows  [most / 64]atomic.Uint64 // a bit for each of the first rows
	swept atomic.Int64             // when Sweep did something last, by package clock

	beyond atomic.Int64 // how many rows are in use that rows[0] does not say
}

// words has the words of use.rows that have rows.
func words() []atomic.Uint64 { return use.rows[:(len(first)+63)/64] }

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
	if r.home() >= 64 {
		use.beyond.Add(1) // sequentially consistent: before the claim, or the look at the owner [use]
	}
	use.rows[r.home()/64].Or(1 << (r.home() % 64)) // sequentially consistent: before the claim, or the look at the owner [use]
	atomic.StoreUint64(&row.Lock[0], 0)
	return true
}

// sweepAfter is the time between two sweeps at least: the next reader of each row has to take it
// into use again.
const sweepAfter = time.Millisecond

// Sweep takes empty rows out of use, unless that was done a short while ago, and reports whether
// it has.
func Sweep() bool {
	now, last := clock.Now(), use.swept.Load()
	if now-last < int64(sweepAfter) || !use.swept.CompareAndSwap(last, now) {
		return false
	}
	sweep()
	return true
}

func sweep() {
	use.mu.Lock()
	defer use.mu.Unlock()
	for w := range words() {
		for set := use.rows[w].Load(); set != 0; set &= set - 1 {
			bit := bits.TrailingZeros64(set)
			if unuse(&first[w*64+bit]) {
				use.rows[w].And(^uint64(1 << bit))
				if w > 0 {
					use.beyond.Add(-1)
				}
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
	for w := range words() {
		for set := use.rows[w].Load(); set != 0; set &= set - 1 {
			if has(&first[w*64+bits.TrailingZeros64(set)], lock) {
				return true, rows
			}
			rows++
		}
	}
	any, more := anyFurther(lock)
	return any, rows + more
}

// None is Any for most writers, and the other way round: it reports whether nobody holds the lock
// for reading. It fails if that needs more than a look at the first 64 rows.
func None(lock uint64) (none bool, rows int) {
	if use.beyond.Load() != 0 || overflowed() {
		return false, 0
	}
	for set := use.rows[0].Load(); set != 0; set &= set - 1 {
		if has((*asm.ReaderRow)(unsafe.Add(unsafe.Pointer(firstRow), bits.TrailingZeros64(set)*cacheLine)), lock) {
			return false, rows
		}
		rows++
	}
	return true, rows
}

// anyFurther is Any for the chunks.
func anyFurther(lock uint64) (any bool, rows int) {
	for n := 1; n < maxChunks; n++ {
		c, all := rowsOf(n)
		if all == nil {
			break
		}
		if c.used.Load() == 0 {
			continue
		}
		for i := range all {
			if has(&all[i], lock) {
				return true, rows
			}
		}
		rows += len(all)
	}
	return false, rows
}

// has reports whether a slot of the row names the lock.
func has(row *asm.ReaderRow, lock uint64) bool {
	a, b, c := atomic.LoadUint64(&row.Lock[0]), atomic.LoadUint64(&row.Lock[1]), atomic.LoadUint64(&row.Lock[2])
	return a-lock <= marks || b-lock <= marks || c-lock <= marks
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
	for i := range words() {
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
		id := atomic.LoadUint64(&row.ID[s.slot])                      // acquire: pairs with claim [slot]
		if id != 0 && atomic.LoadUint64(p)&^marks == lock && !f(id) { // acquire: pairs with Release [slot]
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

// Others reports whether each slot but mine that names the lock is seen to change within a short
// while. Then none of them was left by a goroutine that ended.
func Others(lock uint64, mine Slot) (change bool) {
	var s Scan
	for p := s.Next(lock); p != nil; {
		var w watched
		for ; p != nil && w.n < len(w.slots); p = s.Next(lock) {
			if p != mine.lock() {
				w.slots[w.n], w.seen[w.n] = p, atomic.LoadUint64(p)
				w.n++
			}
			s.slot++
		}
		if !w.change() {
			return false
		}
	}
	return true
}

// watched are slots, and what they were. Many are watched at a time: one after the other they
// would take that many times as long. One that is released may be claimed again before anybody
// looks. But it changes again when its reader is counted.
type watched struct {
	slots [32]*uint64
	seen  [32]uint64
	n     int
}

// change reports whether each of them changes within a short while.
func (w *watched) change() bool {
	for range patience() {
		for i := w.n - 1; i >= 0; i-- {
			if atomic.LoadUint64(w.slots[i]) != w.seen[i] {
				w.n--
				w.slots[i], w.seen[i] = w.slots[w.n], w.seen[w.n]
			}
		}
		if w.n == 0 {
			return true
		}
		wait.Relax(8)
	}
	return false
}

// patience is how often change looks: for longer than it takes that each processor has had the
// line twice in which readers are counted, as one comes and goes.
func patience() int { return max(64, 8*wait.Processors()) }

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
