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
		if mc.Simulation != nil {
			mc.PauseFor(site, spin)
		} else {
			mc.Block(site, "a mutex", func() bool { return m.held == 0 }) // no Pause: a poller may call this in its round
		}
	}
}

// TryLock is sync.Mutex.TryLock.
func (m *Mutex) TryLock(site mc.Site) bool {
	return mc.Update(site, "Mutex.TryLock", unsafe.Pointer(&m.held), 32, mc.Acquire, func(v uint64) (uint64, bool) { return 1, v == 0 }) == 0
}

// Unlock is sync.Mutex.Unlock.
func (m *Mutex) Unlock(site mc.Site) {
	mc.StoreWord(site, "Mutex.Unlock", unsafe.Pointer(&m.held), 32, 0, mc.Release)
}

// RWMutex is sync.RWMutex, of which the lock uses nothing but an error.
type RWMutex struct{}

// RUnlock is sync.RWMutex.RUnlock of a lock that nobody reads.
func (*RWMutex) RUnlock(mc.Site) { panic("sync: RUnlock of unlocked RWMutex") }
