package readers

import (
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// A lock that is read again and again moves its readers to rows, where they need not be
// counted, and back if it is written too often, since a writer looks at all rows in use
// (BRAVO's inhibition). How hot a lock is stands in a table, by its address, and not in the
// lock: that is all zero while it is free. Two locks may share an entry, and then forget what
// they knew: it is a hint.
const (
	run    = 32   // reads after which a lock moves its readers to rows
	retry  = 1024 // reads after which it tries that again, if it could not: somebody may read for long
	budget = 4096 // rows that its writers may look at then before it counts again

	// In a heat it says that empty rows were taken out of use since the lock has its budget.
	swept = 1 << 30
)

var heats [512]struct {
	heat uint64 // upper half: of which lock; lower half: a number
	_    [cacheLine - 8]byte
}

func heatOf(lock uint64) (heat *uint64, mark uint64) {
	h := lock * 0x9e3779b97f4a7c15
	return &heats[h>>40%uint64(len(heats))].heat, h >> 32 << 32
}

// Warm notes a read that was counted, and reports whether the caller is to move the lock's readers
// to rows now. It says so to one at a time: two would wait for each other's slots.
func Warm(lock uint64) bool {
	heat, mark := heatOf(lock)
	h := atomic.LoadUint64(heat)
	switch {
	case h^mark < retry:
		asm.StoreRelaxed64(heat, h+1)
	case h>>32<<32 != mark: // it is another lock's
		asm.StoreRelaxed64(heat, mark|(retry-run+1))
	default:
		return atomic.CompareAndSwapUint64(heat, h, mark|1)
	}
	return false
}

// Hot gives a lock that has moved its readers to rows its budget.
func Hot(lock uint64) {
	heat, mark := heatOf(lock)
	asm.StoreRelaxed64(heat, mark|(retry+budget))
}

// Cool notes that a writer had to look at so many rows, and reports whether the lock should
// count its readers again. Before it says so, it tries once whether fewer rows are really in use:
// then the budget lasts longer the second time, or for ever.
func Cool(lock uint64, rows int) bool {
	heat, mark := heatOf(lock)
	h := atomic.LoadUint64(heat)
	if h^mark > 1<<31 {
		asm.StoreRelaxed64(heat, mark|(retry+budget)) // another one took the entry
		return false
	}
	if left := h&^swept ^ mark; left > uint64(rows)+retry {
		asm.StoreRelaxed64(heat, h-uint64(rows))
		return false
	}
	if h&swept == 0 && Sweep() {
		asm.StoreRelaxed64(heat, mark|swept|(retry+budget))
		return false
	}
	asm.StoreRelaxed64(heat, mark|(retry-runAfter(rows)))
	return true
}

// runAfter returns how many reads move a lock's readers to rows again whose writers had to look at
// so many rows. The budget was gone after few writes if the rows are many. Then it takes more
// reads, which cost more while they are counted, to make up for that. With half as many as rows
// locks of which one call in 100 writes were slower than with a quarter (BenchmarkRWBeside).
func runAfter(rows int) uint64 { return min(retry, max(run, uint64(rows)/4)) }
