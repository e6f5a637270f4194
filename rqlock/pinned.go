package rqlock

import (
	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/proc"
)

// LockPinned is Lock for very short sections: while the lock is held, the
// goroutine keeps its thread and cannot be preempted, so that a lock taken while
// it is free is never held by a goroutine that does not run. (After a wait there
// is a moment between getting the lock and being pinned.) Release it with
// [Mutex.UnlockPinned], and nothing else.
//
// The section must not block, yield, panic, allocate much, or call anything that
// may: each of a channel operation, a system call, another lock that has to be
// waited for, a panic (recovered or not), [Mutex.Unlock] in place of UnlockPinned,
// and UnlockPinned without LockPinned, crashes the program with an error of the
// runtime such as "schedule: holding locks". Nor does the garbage collector get at
// the thread before the section ends. Some hundred nanoseconds are fine.
func (l *Mutex) LockPinned() error {
	proc.Pin()
	if asm.LockOwned(&l.word) { // 0 -> me; acquire [unlock]
		return nil
	}
	proc.Unpin() // who may have to wait must not be pinned
	if err := l.lockSlow(nil); err != nil {
		return err
	}
	proc.Pin()
	return nil
}

// UnlockPinned releases a lock that LockPinned has acquired.
func (l *Mutex) UnlockPinned() {
	unlockFused(l) // me -> 0; release [unlock]
	proc.Unpin()
}
