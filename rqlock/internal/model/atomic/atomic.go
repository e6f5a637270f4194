// Package atomic is the twin of sync/atomic in which the explorer makes the accesses. All
// are sequentially consistent, as Go's are.
package atomic

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

type word interface {
	~int64 | ~uint64 | ~uint32 | ~uintptr
}

func bits[T word]() int { return int(8 * unsafe.Sizeof(*new(T))) }

func load[T word](site mc.Site, name string, p *T) T {
	return T(mc.LoadWord(site, name, unsafe.Pointer(p), bits[T](), mc.SeqCst))
}

func store[T word](site mc.Site, name string, p *T, v T) {
	mc.StoreWord(site, name, unsafe.Pointer(p), bits[T](), uint64(v), mc.SeqCst)
}

func compareAndSwap[T word](site mc.Site, name string, p *T, old, new T) bool {
	return mc.Update(site, name, unsafe.Pointer(p), bits[T](), mc.SeqCst, func(v uint64) (uint64, bool) {
		return uint64(new), T(v) == old
	}) == uint64(old)
}

// LoadUintptr is atomic.LoadUintptr.
func LoadUintptr(site mc.Site, p *uintptr) uintptr { return load(site, "LoadUintptr", p) }

// StoreUintptr is atomic.StoreUintptr.
func StoreUintptr(site mc.Site, p *uintptr, v uintptr) { store(site, "StoreUintptr", p, v) }

// CompareAndSwapUintptr is atomic.CompareAndSwapUintptr.
func CompareAndSwapUintptr(site mc.Site, p *uintptr, old, new uintptr) bool {
	return compareAndSwap(site, "CompareAndSwapUintptr", p, old, new)
}

// LoadUint32 is atomic.LoadUint32.
func LoadUint32(site mc.Site, p *uint32) uint32 { return load(site, "LoadUint32", p) }

// StoreUint32 is atomic.StoreUint32.
func StoreUint32(site mc.Site, p *uint32, v uint32) { store(site, "StoreUint32", p, v) }

// CompareAndSwapUint32 is atomic.CompareAndSwapUint32.
func CompareAndSwapUint32(site mc.Site, p *uint32, old, new uint32) bool {
	return compareAndSwap(site, "CompareAndSwapUint32", p, old, new)
}

// SwapUint32 is atomic.SwapUint32.
func SwapUint32(site mc.Site, p *uint32, new uint32) (old uint32) {
	return uint32(mc.Update(site, "SwapUint32", unsafe.Pointer(p), 32, mc.SeqCst, func(uint64) (uint64, bool) {
		return uint64(new), true
	}))
}

// AddUint32 is atomic.AddUint32.
func AddUint32(site mc.Site, p *uint32, delta uint32) uint32 {
	return delta + uint32(mc.Update(site, "AddUint32", unsafe.Pointer(p), 32, mc.SeqCst, func(v uint64) (uint64, bool) {
		return uint64(uint32(v) + delta), true
	}))
}

// AndUint32 is atomic.AndUint32.
func AndUint32(site mc.Site, p *uint32, mask uint32) (old uint32) {
	return uint32(mc.Update(site, "AndUint32", unsafe.Pointer(p), 32, mc.SeqCst, func(v uint64) (uint64, bool) {
		return v & uint64(mask), true
	}))
}

// LoadUint64 is atomic.LoadUint64.
func LoadUint64(site mc.Site, p *uint64) uint64 { return load(site, "LoadUint64", p) }

// StoreUint64 is atomic.StoreUint64.
func StoreUint64(site mc.Site, p *uint64, v uint64) { store(site, "StoreUint64", p, v) }

// CompareAndSwapUint64 is atomic.CompareAndSwapUint64.
func CompareAndSwapUint64(site mc.Site, p *uint64, old, new uint64) bool {
	return compareAndSwap(site, "CompareAndSwapUint64", p, old, new)
}

// Uint32 is atomic.Uint32.
type Uint32 struct{ v uint32 }

// Load is atomic.Uint32.Load.
func (x *Uint32) Load(site mc.Site) uint32 { return load(site, "Uint32.Load", &x.v) }

// Store is atomic.Uint32.Store.
func (x *Uint32) Store(site mc.Site, v uint32) { store(site, "Uint32.Store", &x.v, v) }

// Add is atomic.Uint32.Add.
func (x *Uint32) Add(site mc.Site, delta uint32) uint32 { return AddUint32(site, &x.v, delta) }

// Peek returns the newest value without a step, for checks.
func (x *Uint32) Peek() uint32 { return x.v }

// Int64 is atomic.Int64.
type Int64 struct{ v int64 }

// Load is atomic.Int64.Load.
func (x *Int64) Load(site mc.Site) int64 { return load(site, "Int64.Load", &x.v) }

// Store is atomic.Int64.Store.
func (x *Int64) Store(site mc.Site, v int64) { store(site, "Int64.Store", &x.v, v) }

// CompareAndSwap is atomic.Int64.CompareAndSwap.
func (x *Int64) CompareAndSwap(site mc.Site, old, new int64) bool {
	return compareAndSwap(site, "Int64.CompareAndSwap", &x.v, old, new)
}

// Add is atomic.Int64.Add.
func (x *Int64) Add(site mc.Site, delta int64) int64 {
	return delta + int64(mc.Update(site, "Int64.Add", unsafe.Pointer(&x.v), 64, mc.SeqCst, func(v uint64) (uint64, bool) {
		return v + uint64(delta), true
	}))
}

// Peek returns the newest value without a step, for checks.
func (x *Int64) Peek() int64 { return x.v }

// Uint64 is atomic.Uint64.
type Uint64 struct{ v uint64 }

// Load is atomic.Uint64.Load.
func (x *Uint64) Load(site mc.Site) uint64 { return load(site, "Uint64.Load", &x.v) }

// Store is atomic.Uint64.Store.
func (x *Uint64) Store(site mc.Site, v uint64) { store(site, "Uint64.Store", &x.v, v) }

// CompareAndSwap is atomic.Uint64.CompareAndSwap.
func (x *Uint64) CompareAndSwap(site mc.Site, old, new uint64) bool {
	return compareAndSwap(site, "Uint64.CompareAndSwap", &x.v, old, new)
}

// Or is atomic.Uint64.Or.
func (x *Uint64) Or(site mc.Site, mask uint64) (old uint64) {
	return mc.Update(site, "Uint64.Or", unsafe.Pointer(&x.v), 64, mc.SeqCst, func(v uint64) (uint64, bool) { return v | mask, true })
}

// And is atomic.Uint64.And.
func (x *Uint64) And(site mc.Site, mask uint64) (old uint64) {
	return mc.Update(site, "Uint64.And", unsafe.Pointer(&x.v), 64, mc.SeqCst, func(v uint64) (uint64, bool) { return v & mask, true })
}

// Peek returns the newest value without a step, for checks.
func (x *Uint64) Peek() uint64 { return x.v }

// Poke sets the value without a step, before an execution begins.
func (x *Uint64) Poke(v uint64) { x.v = v }

// Pointer is atomic.Pointer.
type Pointer[T any] struct{ p unsafe.Pointer }

// Load is atomic.Pointer.Load.
func (x *Pointer[T]) Load(site mc.Site) *T {
	return (*T)(mc.LoadPtr(site, "Pointer.Load", unsafe.Pointer(&x.p), mc.SeqCst))
}

// Store is atomic.Pointer.Store.
func (x *Pointer[T]) Store(site mc.Site, v *T) {
	mc.StorePtr(site, "Pointer.Store", unsafe.Pointer(&x.p), unsafe.Pointer(v), mc.SeqCst)
}

// CompareAndSwap is atomic.Pointer.CompareAndSwap.
func (x *Pointer[T]) CompareAndSwap(site mc.Site, old, new *T) bool {
	return mc.CasPtr(site, "Pointer.CompareAndSwap", unsafe.Pointer(&x.p), unsafe.Pointer(old), unsafe.Pointer(new), mc.SeqCst)
}

// Peek returns the pointer without a step. It is for pointers that do not change, and for
// checks.
func (x *Pointer[T]) Peek() *T { return (*T)(x.p) }

// Poke sets the pointer without a step, before an execution begins.
func (x *Pointer[T]) Poke(v *T) { x.p = unsafe.Pointer(v) }
