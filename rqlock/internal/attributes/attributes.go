// Package attributes keeps what a lock may have besides its state, and has no room for: a
// name, and a stall timeout of its own. It is kept by the lock's address, until it is
// taken back or the lock is garbage.
package attributes

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
	"weak"

	"github.com/rqlock/rqlock/asm"
)

// Attributes are what was set for one lock. The zero value says that nothing was.
type Attributes struct {
	Name  string
	Own   bool          // the lock has a stall timeout of its own
	Stall time.Duration // which this is; 0 = never

	HandedOver bool // a goroutine that did not hold it has unlocked it
}

// An entry has the attributes of one lock.
type entry struct {
	Attributes

	// The same address may be another lock's later. In Go's memory a weak pointer
	// tells the two apart. Other memory has none: its attributes are there until
	// they are taken back.
	lock    weak.Pointer[asm.Owned]
	foreign bool
	cleanup runtime.Cleanup // forgets them when the lock is garbage
}

var known struct {
	mu sync.RWMutex
	of map[uintptr]*entry
	n  atomic.Int32 // len(of), so that who knows of none need not lock mu
}

// Of returns what was set for l.
func Of(l *asm.Owned) Attributes {
	if known.n.Load() == 0 {
		return Attributes{}
	}
	known.mu.RLock()
	defer known.mu.RUnlock()
	if e := known.of[Addr(l)]; e != nil && e.is(l) {
		return e.Attributes
	}
	return Attributes{}
}

// is reports whether e is l's, and not that of a lock which was there before.
func (e *entry) is(l *asm.Owned) bool { return e.foreign || e.lock.Value() == l }

// Change changes l's attributes, and forgets them if nothing is set any more.
func Change(l *asm.Owned, set func(*Attributes)) {
	known.mu.Lock()
	defer known.mu.Unlock()
	addr := Addr(l)
	e := known.of[addr]
	if e == nil || !e.is(l) {
		e = new(entry)
	}
	set(&e.Attributes)
	switch {
	case e.Attributes == Attributes{}:
		e.cleanup.Stop()
		delete(known.of, addr)
	case known.of[addr] != e:
		if e.foreign = !e.forgetWith(l); !e.foreign {
			e.lock = weak.Make(l)
		}
		if known.of == nil {
			known.of = map[uintptr]*entry{}
		}
		known.of[addr] = e
	}
	known.n.Store(int32(len(known.of)))
}

// forgetWith has e forgotten when l is garbage. It fails if l is in memory that is not
// Go's, of which the collector knows nothing.
func (e *entry) forgetWith(l *asm.Owned) (ok bool) {
	defer func() { ok = recover() == nil }()
	e.cleanup = runtime.AddCleanup(l, func(addr uintptr) {
		known.mu.Lock()
		defer known.mu.Unlock()
		// The same address may have another lock's by now.
		if e := known.of[addr]; e != nil && !e.foreign && e.lock.Value() == nil {
			delete(known.of, addr)
			known.n.Store(int32(len(known.of)))
		}
	}, Addr(l))
	return true
}

// Number returns for how many locks something is set.
func Number() int { return int(known.n.Load()) }

// Addr returns the address that l is known by.
func Addr(l *asm.Owned) uintptr { return uintptr(unsafe.Pointer(l)) }
