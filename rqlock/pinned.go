package rqlock

import _ "unsafe" // for go:linkname

// LockPinned is Lock for very short sections: while the lock is held, the
// goroutine keeps its thread and cannot be preempted, so that no scheduling
// decision ever leaves a descheduled owner behind. Release it with
// [Lock.UnlockPinned].
//
// The section must not block, yield, allocate much, or call anything that may: a
// channel operation, a system call, or another lock that has to be waited for
// crashes the program ("schedule: holding locks"). Nor does the garbage collector
// get at the thread before the section ends. Some hundred nanoseconds are fine.
func (l *Lock) LockPinned() error {
	if err := l.Lock(); err != nil {
		return err
	}
	procPin()
	return nil
}

// UnlockPinned releases a lock that LockPinned has acquired.
func (l *Lock) UnlockPinned() {
	l.Unlock()
	procUnpin()
}

// The runtime promises to keep these for packages that link to them, see
// go.dev/issue/67401.

//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()
