package rqlock

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
	"weak"
)

// What a lock may have besides its state, and has no room for: a name, and a stall
// timeout of its own. It is kept here by address, until it is taken back or the lock
// is garbage.

// attributes are what was set for one lock.
type attributes struct {
	name  string
	stall time.Duration // 0 = never; negative = the process's

	// The same address may be another lock's later. In Go's memory a weak pointer
	// tells the two apart. Other memory has none: its attributes are there until
	// they are taken back.
	lock    weak.Pointer[Mutex]
	foreign bool
	cleanup runtime.Cleanup // forgets them when the lock is garbage
}

// forgotten is what a lock has for which nothing was set.
var forgotten = attributes{stall: -1}

var known struct {
	mu sync.RWMutex
	of map[uintptr]*attributes
	n  atomic.Int32 // len(of), so that who knows of none need not lock mu
}

// attributes returns what was set for l.
func (l *Mutex) attributes() attributes {
	if known.n.Load() == 0 {
		return forgotten
	}
	known.mu.RLock()
	defer known.mu.RUnlock()
	if a := known.of[l.addr()]; a != nil && a.of(l) {
		return *a
	}
	return forgotten
}

// of reports whether a is l's, and not that of a lock which was there before.
func (a *attributes) of(l *Mutex) bool { return a.foreign || a.lock.Value() == l }

// change changes l's attributes, and forgets them if nothing is set any more.
func (l *Mutex) change(set func(*attributes)) {
	known.mu.Lock()
	defer known.mu.Unlock()
	addr := l.addr()
	a := known.of[addr]
	if a == nil || !a.of(l) {
		fresh := forgotten
		a = &fresh
		set(a)
		if *a == forgotten {
			return
		}
		a.foreign = !a.forgetWith(l)
		if !a.foreign {
			a.lock = weak.Make(l)
		}
		if known.of == nil {
			known.of = map[uintptr]*attributes{}
		}
		known.of[addr] = a
	} else if set(a); a.name == forgotten.name && a.stall == forgotten.stall {
		a.cleanup.Stop()
		delete(known.of, addr)
	}
	known.n.Store(int32(len(known.of)))
}

// forgetWith has a forgotten when l is garbage. It fails if l is in memory that is
// not Go's, of which the collector knows nothing.
func (a *attributes) forgetWith(l *Mutex) (ok bool) {
	defer func() { ok = recover() == nil }()
	a.cleanup = runtime.AddCleanup(l, func(addr uintptr) {
		known.mu.Lock()
		defer known.mu.Unlock()
		// The same address may have another lock's by now.
		if a := known.of[addr]; a != nil && !a.foreign && a.lock.Value() == nil {
			delete(known.of, addr)
			known.n.Store(int32(len(known.of)))
		}
	}, l.addr())
	return true
}

// SetName gives l a name for reports. "" takes it back.
func (l *Mutex) SetName(name string) { l.change(func(a *attributes) { a.name = name }) }

// SetStallTimeout gives l a stall timeout of its own instead of the process's, see
// [SetStallTimeout]: 0 means that no wait for l ever fails by a stall, and a negative
// one that the process's timeout holds again. It holds for the goroutines that wait
// already, too.
func (l *Mutex) SetStallTimeout(d time.Duration) {
	if d > 0 {
		d = max(d, minTimeout)
	}
	l.change(func(a *attributes) { a.stall = max(d, -1) })
}

// stallTimeout returns after how long without progress a wait for l fails, ns.
func (l *Mutex) stallTimeout() int64 {
	switch d := l.attributes().stall; {
	case d < 0:
		return stallTimeout.Load()
	case d == 0:
		return int64(forever)
	default:
		return int64(d)
	}
}

func (l *Mutex) info() LockInfo { return LockInfo{Addr: l.addr(), Name: l.attributes().name} }

func (l *Mutex) addr() uintptr { return uintptr(unsafe.Pointer(l)) }
