// Package mcs is gen/gallery/mcs as the explorer runs it: gen's copy in the z* files, the
// hashes of its live variables, and its first state.
package mcs

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

func init() { mc.RegisterSites(FirstSite, Sites) }

func hashLockPtr(l *Lock) uint64     { return uint64(uintptr(unsafe.Pointer(l))) }
func hashNodePtr(n *node) uint64     { return uint64(uintptr(unsafe.Pointer(n))) }
func hashWaiterPtr(w *Waiter) uint64 { return uint64(uintptr(unsafe.Pointer(w))) }

// Reset makes the lock as New does.
func (l *Lock) Reset() {
	l.tail = 0
	clear(l.nodes)
	copy(l.waiters, New(uint16(len(l.waiters))).waiters)
	for i := range l.waiters {
		l.waiters[i].l = l
	}
}
