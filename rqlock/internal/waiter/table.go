package waiter

import (
	"sync/atomic"

	"github.com/rqlock/rqlock/asm"
)

// The table of edges finds the record of a waiting goroutine.
var edges [edgeBuckets]bucket

var edgeMask = uint32(edgeBuckets - 1)

// Insert enters w into the table.
func (w *Waiter) Insert() {
	w.home = hash(w.ID.Load()) & edgeMask
	for at := w.home; ; at = (at + 1) & edgeMask {
		b := &edges[at]
		for i := range b.slots {
			s := &b.slots[i]
			if asm.LoadRelaxed32(s) == 0 && atomic.CompareAndSwapUint32(s, 0, w.Index) { // release: pairs with lookup [edge]
				w.bucket, w.slot = at, uint32(i)
				return
			}
		}
		atomic.AddUint32(&b.passed, 1) // before the record appears further on
	}
}

// Remove takes w out of the table.
func (w *Waiter) Remove() {
	asm.StoreRelaxed32(&edges[w.bucket].slots[w.slot], 0) // who sees this late finds that w waits for nothing
	for at := w.home; at != w.bucket; at = (at + 1) & edgeMask {
		atomic.AddUint32(&edges[at].passed, ^uint32(0))
	}
}

// Lookup returns the record of the goroutine if it waits.
func Lookup(id uint64) *Waiter {
	for at := hash(id) & edgeMask; ; at = (at + 1) & edgeMask {
		b := &edges[at]
		for i := range b.slots {
			if index := atomic.LoadUint32(&b.slots[i]); index != 0 { // acquire: pairs with insert [edge]
				if w := At(index); w.ID.Load() == id {
					return w
				}
			}
		}
		if atomic.LoadUint32(&b.passed) == 0 {
			return nil
		}
	}
}
