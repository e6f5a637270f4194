package asm_test

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/rqlock/rqlock/asm"
)

// A QueuedLock hands itself on in the order of arrival. Its waiters form an MCS queue,
// in which each one polls a flag of its own. No newcomer passes the queue.
type QueuedLock struct {
	val   uint32        // tail, pending, locked
	nodes [8]waiterNode // by index; index 0 means that there is none
}

// A waiterNode is what other goroutines know of a waiter.
type waiterNode struct {
	next uint32 // index of the successor, 0 if none has linked
	head uint8  // set by the predecessor
}

// Lock acquires l by node me, which no other goroutine may use meanwhile.
func (l *QueuedLock) Lock(me uint32) {
	if asm.TryCmpxchgAcquire32(&l.val, 0, asm.LockedVal) { // 0,0,0 -> 0,0,1
		return
	}
	node := &l.nodes[me]
	asm.StoreRelaxed32(&node.next, 0) // published by the exchange below
	asm.StoreRelaxed8(&node.head, 0)

	// t,p,l -> me,p,l
	tail := me << asm.TailShift
	if prev := asm.XchgTailAcqRel(&l.val, tail) >> asm.TailShift; prev != 0 {
		asm.StoreRelease32(&l.nodes[prev].next, me)
		for asm.LoadAcquire8(&node.head) == 0 {
			runtime.Gosched()
		}
	}

	// We are the head of the queue. Nobody else can acquire the lock.
	val := asm.CondLoadAcquire32(&l.val, asm.LockedMask, 0, 100)
	for val&asm.LockedMask != 0 {
		runtime.Gosched()
		val = asm.CondLoadAcquire32(&l.val, asm.LockedMask, 0, 100)
	}
	if val == tail && asm.TryCmpxchgRelaxed32(&l.val, tail, asm.LockedVal) { // me,0,0 -> 0,0,1
		return // we were also the last
	}
	asm.SetLockedRelaxed(&l.val) // t,0,0 -> t,0,1
	next := asm.LoadAcquire32(&node.next)
	for next == 0 { // the successor is about to link
		runtime.Gosched()
		next = asm.LoadAcquire32(&node.next)
	}
	asm.StoreRelease8(&l.nodes[next].head, 1)
}

// Unlock releases l by one store.
func (l *QueuedLock) Unlock() { asm.UnlockRelease(&l.val) } // t,p,1 -> t,p,0

// A queued lock needs no more than a node for each waiter.
func ExampleXchgTailAcqRel() {
	var l QueuedLock
	var wg sync.WaitGroup
	n := 0
	for me := uint32(1); me <= 4; me++ {
		wg.Go(func() {
			for range 1000 {
				l.Lock(me)
				n++
				l.Unlock()
			}
		})
	}
	wg.Wait()
	fmt.Println(n)
	// Output: 4000
}
