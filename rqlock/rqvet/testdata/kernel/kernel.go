// Package kernel has the counterparts of the kernel's test programs for
// bpf_res_spin_lock, positive and negative, by their names there.
package kernel

import (
	"errors"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
)

type elem struct {
	lock rqlock.Mutex
	n    int
}

var (
	lockA, lockB rqlock.Mutex
	array        [4]elem
)

// res_spin_lock_arg: the lock has to exist.
func arg() error {
	var l *rqlock.Mutex
	if err := l.Lock(); err != nil { // want "nil pointer.*badlock"
		return err
	}
	l.Unlock()
	return nil
}

// res_spin_lock_AA
func aa(e *elem) error {
	if err := e.lock.Lock(); err != nil {
		return err
	}
	e.lock.Lock() // want `e.lock is held since line 34 on this path: Lock fails.*AA.*selfdeadlock`
	e.lock.Unlock()
	return nil
}

// res_spin_lock_cond_AA
func condAA(e *elem) {
	if e.lock.Lock() == nil {
		if e.lock.Lock() == nil { // want `selfdeadlock`
			e.lock.Unlock()
		}
		e.lock.Unlock()
	}
}

// res_spin_lock_mismatch_1
func mismatch1() error {
	if err := lockA.Lock(); err != nil {
		return err
	}
	lockB.Unlock() // want `lockB is unlocked, but the lock held is lockA \(line 54\).*wrongunlock`
	return nil
}

// res_spin_lock_mismatch_2
func mismatch2(e, f *elem) error {
	if err := e.lock.Lock(); err != nil {
		return err
	}
	f.lock.Unlock() // want `f.lock is unlocked, but the lock held is e.lock.*wrongunlock`
	return nil
}

// res_spin_lock_irq_mismatch_1 and _2: a lock is released by the method for the other kind
// of acquisition.
func irqMismatch1(e *elem) error {
	if err := e.lock.Lock(); err != nil {
		return err
	}
	e.lock.UnlockPinned() // want `was not acquired with LockPinned.*wrongunlock`
	return nil
}

func irqMismatch2(e *elem) error {
	if err := e.lock.LockPinned(); err != nil {
		return err
	}
	e.lock.Unlock() // want `was acquired with LockPinned.*wrongunlock`
	return nil
}

// res_spin_lock_ooo and _ooo_irq: the sections are nested, so this is right.
func ooo() error {
	if err := lockA.Lock(); err != nil {
		return err
	}
	if err := lockB.Lock(); err != nil {
		lockA.Unlock()
		return err
	}
	lockB.Unlock()
	lockA.Unlock()
	return nil
}

func oooIrq() error {
	if err := lockA.LockPinned(); err != nil {
		return err
	}
	if lockB.TryLock() {
		lockB.Unlock()
	}
	lockA.UnlockPinned()
	return nil
}

// res_spin_lock_ooo_unlock: the order of release is free here, so this is right.
func oooUnlock() error {
	if err := lockA.Lock(); err != nil {
		return err
	}
	if err := lockB.Lock(); err != nil {
		lockA.Unlock()
		return err
	}
	lockA.Unlock()
	lockB.Unlock()
	return nil
}

// res_spin_lock_bad_off
func badOff(e *elem) error {
	l := (*rqlock.Mutex)(unsafe.Add(unsafe.Pointer(&e.lock), 1)) // want `made from an unsafe.Pointer.*badlock`
	if err := l.Lock(); err != nil {
		return err
	}
	l.Unlock()
	return nil
}

// res_spin_lock_var_off
func varOff(e *elem, off uintptr) bool {
	return (*rqlock.Mutex)(unsafe.Pointer(uintptr(unsafe.Pointer(e)) + off)).TryLock() // want `badlock`
}

// res_spin_lock_no_lock_map and _no_lock_kptr: an object without a lock.
func noLock(n *[4]uint32) error {
	l := (*rqlock.Mutex)(unsafe.Pointer(n)) // want `badlock`
	return l.Lock()
}

// The result is not checked, and on one branch of the verifier the lock is not held.
func unchecked(e *elem) error {
	err := e.lock.Lock()
	e.n++
	e.lock.Unlock() // want `acquiring it \(line 150\) failed.*unheld`
	return err
}

// All paths must release.
func heldAtExit(e *elem, stop bool) error {
	if err := e.lock.Lock(); err != nil {
		return err
	}
	if stop {
		return nil // want `return with e.lock held.*leak`
	}
	e.lock.Unlock()
	return nil
}

// res_spin_lock_test: the same lock is acquired twice. The caller expects a deadlock, so
// this is right.
func twice(e, f *elem) int {
	if e.lock.Lock() != nil {
		return 1
	}
	err := e.lock.Lock()
	if err == nil {
		e.lock.Unlock()
	}
	e.lock.Unlock()
	if !errors.Is(err, rqlock.ErrDeadlock) {
		return 2
	}
	return 0
}

// res_spin_lock_test_AB and _BA: each is right by itself.
func testAB() error {
	if err := array[0].lock.Lock(); err != nil {
		return err
	}
	defer array[0].lock.Unlock()
	if err := array[1].lock.Lock(); err != nil {
		return err
	}
	array[1].lock.Unlock()
	return nil
}

// res_spin_lock_test_held_lock_max: there is no limit here.
func heldLockMax(many []elem) error {
	for i := range many {
		if err := many[i].lock.Lock(); err != nil {
			for j := range i {
				many[j].lock.Unlock()
			}
			return err
		}
	}
	for i := range many {
		many[i].lock.Unlock()
	}
	return nil
}
