// Package deque is gen/gallery/deque as the explorer runs it: gen's copy in the z* files, the
// hashes of its live variables, its first state, and what the last one holds.
package deque

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

func init() { mc.RegisterSites(FirstSite, Sites) }

func hashDequePtr(d *Deque) uint64 { return uint64(uintptr(unsafe.Pointer(d))) }

func hashBool(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// Reset makes the deque empty.
func (d *Deque) Reset() {
	d.top, d.bottom = Index{}, Index{}
	clear(d.slots)
}

// Left returns the elements, where nobody else runs.
func (d *Deque) Left() (all []uint64) {
	for i := d.top.Val; int64(d.bottom.Val-i) > 0; i++ {
		all = append(all, *d.slot(i))
	}
	return all
}

// StealLate is Steal as arm64 may run it if StealTop does not release: the load of the slot takes
// effect after the exchange. The explorer's threads run in program order, so this order is
// written out.
func (d *Deque) StealLate(site mc.Site) (v uint64, ok bool) {
	mc.Enter(-1)
	defer mc.Leave()
	mc.At(site, 0)
	t := LoadTop(site, &d.top.Val)
	mc.At(site, 1, t)
	StoreThenLoad(site)
	mc.At(site, 2, t)
	if b := AcquireBottom(site, &d.bottom.Val); int64(b-t) <= 0 {
		return 0, false
	}
	mc.At(site, 3, t)
	if !StealTop(site, &d.top.Val, t, t+1) {
		return 0, false
	}
	mc.At(site, 4, t)
	return LoadSlot(site, d.slot(t)), true
}
