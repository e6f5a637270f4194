// Package sync is the twin of package sync in which the explorer blocks.
package sync

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// spin is the simulated time between two tries of a Mutex that is held, ns.
const spin = 100

// Mutex is sync.Mutex.
type Mutex struct{ held uint32 }

// Lock is sync.Mutex.Lock.
func (m *Mutex) Lock(site mc.Site) {
	for mc.Update(site, "Mutex.Lock", unsafe.Pointer(&m.held), 32, mc.Acquire, func(v uint64) (uint64, bool) { return 1, v == 0 }) != 0 {
		mc.PauseFor(site, spin)
	}
}

// Unlock is sync.Mutex.Unlock.
func (m *Mutex) Unlock(site mc.Site) {
	mc.StoreWord(site, "Mutex.Unlock", unsafe.Pointer(&m.held), 32, 0, mc.Release)
}
