package readers

import (
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// Uncounted returns how many read locks of a lock are in slots that it does not count, and those
// slots. Claims that are taken back may be among them.
func Uncounted(lock uint64) (n int, slots []Slot) {
	var s Scan
	for ; s.Next(lock) != nil; s.slot++ {
		at := Slot{row: s.at(), index: uint8(s.slot), chunk: uint8(s.chunk)}
		if m := atomic.LoadUint32(&at.row.More[at.index]); m&counted == 0 { // later than the name: it does not grow
			n += 1 + int(m)
			slots = append(slots, at)
		}
	}
	return n, slots
}

// Clear takes away slots of read locks that were ended by others, and returns of how many, and
// whether that were all: those in the chunks stay, since only their goroutine knows which rows
// have counted them. Their goroutines do not hold the lock, and so do not change them.
func Clear(slots []Slot) (n int, all bool) {
	all = true
	for _, s := range slots {
		if s.chunk > 0 {
			all = false
			continue
		}
		lock := atomic.LoadUint64(s.lock())
		n += 1 + int(s.More())
		asm.StoreRelaxed32(&s.row.More[s.index], 0)    // ordered by the exchange below
		atomic.StoreUint64(&s.row.ID[s.index], 0)      // before the name, as in Release
		atomic.CompareAndSwapUint64(s.lock(), lock, 0) // release: pairs with claim [slot]
	}
	return n, all
}
