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
	run    = 32  // reads after which a lock moves its readers to rows
	budget = 256 // rows that its writers may look at then before it counts again
)

var heats [512]struct {
	heat uint64 // upper half: of which lock; lower half: a number
	_    [cacheLine - 8]byte
}

func heatOf(lock uint64) (heat *uint64, mark uint64) {
	h := lock * 0x9e3779b97f4a7c15
	return &heats[h>>40%uint64(len(heats))].heat, h >> 32 << 32
}

// Warm notes a read that was counted, and reports whether the lock is hot now.
func Warm(lock uint64) bool {
	heat, mark := heatOf(lock)
	h := atomic.LoadUint64(heat)
	if h^mark >= run { // it is another lock's, or there were enough
		hot := h>>32<<32 == mark
		if !hot {
			asm.StoreRelaxed64(heat, mark|1)
		}
		return hot
	}
	asm.StoreRelaxed64(heat, h+1)
	return false
}

// Hot gives a lock that has moved its readers to rows its budget.
func Hot(lock uint64) {
	heat, mark := heatOf(lock)
	asm.StoreRelaxed64(heat, mark|run+budget)
}

// Cool notes that a writer had to look at so many rows, and reports whether the lock should
// count its readers again.
func Cool(lock uint64, rows int) bool {
	heat, mark := heatOf(lock)
	h := atomic.LoadUint64(heat)
	if h^mark > 1<<31 {
		asm.StoreRelaxed64(heat, mark|run+budget) // another one took the entry
		return false
	}
	if left := h ^ mark; left > uint64(rows)+run {
		asm.StoreRelaxed64(heat, h-uint64(rows))
		return false
	}
	asm.StoreRelaxed64(heat, mark)
	return true
}
