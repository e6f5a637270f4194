package readers

import "sync/atomic"

// Named returns the slots of a lock that it has counted, or those that it has not, and how many
// read locks they are. Claims that are taken back may be among them.
func Named(lock uint64, counts bool) (locks int, slots []Slot) {
	var s Scan
	for ; s.Next(lock) != nil; s.slot++ {
		at := Slot{s.at(), uint8(s.slot), uint8(s.chunk), uint32(s.row)}
		if m := atomic.LoadUint32(&at.row.More[at.index]); m&counted != 0 == counts { // later than the name: it does not grow
			locks += 1 + int(m&^counted)
			slots = append(slots, at)
		}
	}
	return locks, slots
}

// Clear takes away slots of read locks that were ended by others, and returns of how many, and
// whether those were all. Their goroutines do not hold the lock, and so do not change them, unless
// they are about to read it again: those stay. None of them is a claim that is not complete, or
// that is about to be taken back.
func Clear(lock uint64, slots []Slot) (n int, all bool) {
	all = true
	for _, s := range slots {
		if !s.take(lock) {
			all = false
			continue
		}
		n += 1 + int(s.More())
		s.claimant().Release(s)
	}
	return n, all
}
