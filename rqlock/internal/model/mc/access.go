package mc

import "unsafe"

// An Order is the memory order of an access.
type Order uint8

// The orders, as in C11.
const (
	Relaxed Order = iota
	Acquire
	Release
	AcqRel
	SeqCst

	// Stlr is a store that a later SeqCst load of its thread may not pass on arm64 (STLR
	// and LDAR), but may on amd64 (MOV and MOV): SeqCst, or Release under TSO.
	Stlr
)

func (o Order) String() string {
	return [...]string{"relaxed", "acquire", "release", "acq_rel", "seq_cst", "stlr"}[o]
}

func (o Order) acquires() bool { return o == Acquire || o >= AcqRel }
func (o Order) releases() bool { return o >= Release }

// A Site is the number of a position in the program's source, from 1. 0 is unknown.
type Site int32

// SiteInfo is the position of a site.
type SiteInfo struct {
	File string
	Line int
	Func string
	Text string // of the statement
}

// An Access is an access that a primitive makes at a site. A primitive with several
// accesses gives each another name.
type Access struct {
	Site Site
	Prim string
}

func (a Access) String() string { return a.Prim + cur.sitePosition(a.Site) }

var sites []SiteInfo

// RegisterSites adds s to the table of sites, from number first on.
func RegisterSites(first Site, s []SiteInfo) {
	if need := int(first) - 1 + len(s); need > len(sites) {
		sites = append(sites, make([]SiteInfo, need-len(sites))...)
	}
	copy(sites[first-1:], s)
}

// bitsPtr is the width of a location that holds a pointer.
const bitsPtr = 0

// LoadWord is an atomic load of the variable at p. The variable has the given width
// (8, 16, 32 or 64 bits), and its memory must not be allocated by an execution.
//
// Outside of threads (in Setup and Final, and in a [Simulation]) all accesses are plain
// accesses of the variable itself. Between executions it has the newest value.
func LoadWord(site Site, prim string, p unsafe.Pointer, bits int, o Order) uint64 {
	t := cur.self
	if t == nil {
		charge(prim, p, false)
		return peek(p, bits)
	}
	return t.load(site, prim, p, bits, o)
}

// StoreWord is an atomic store.
func StoreWord(site Site, prim string, p unsafe.Pointer, bits int, v uint64, o Order) {
	t := cur.self
	if t == nil {
		charge(prim, p, true)
		poke(p, bits, v)
		return
	}
	t.store(site, prim, p, bits, v, ^uint64(0), o)
}

// StoreMasked is an atomic store to the part of the word at p that mask covers, such
// as a byte of a lock word. Unlike an Update it goes into the store buffer under TSO.
// Under RA it is a read-modify-write that does not acquire.
func StoreMasked(site Site, prim string, p unsafe.Pointer, bits int, mask, v uint64, o Order) {
	t := cur.self
	if t == nil {
		charge(prim, p, true)
		poke(p, bits, peek(p, bits)&^mask|v&mask)
		return
	}
	t.store(site, prim, p, bits, v&mask, mask, o)
}

// Update is an atomic read-modify-write. It stores what f makes of the old value, and
// returns the old value. f must be pure. If it returns write as false, the access is a
// compare-and-exchange that failed, which is a relaxed load.
func Update(site Site, prim string, p unsafe.Pointer, bits int, o Order, f func(old uint64) (v uint64, write bool)) uint64 {
	t := cur.self
	if t == nil {
		charge(prim, p, true)
		old := peek(p, bits)
		if v, write := f(old); write {
			poke(p, bits, v)
		}
		return old
	}
	l := t.begin(opUpdate, site, prim, p, bits, o)
	t.op.f = f
	t.point()
	t.mustBeInUse(l)
	old := t.m.mem.newest(t, l)
	v, write := f(old)
	t.update(l, old, v, write)
	return old
}

// LoadPtr is [LoadWord] of a pointer.
func LoadPtr(site Site, prim string, p unsafe.Pointer, o Order) unsafe.Pointer {
	t := cur.self
	if t == nil {
		charge(prim, p, false)
		return *(*unsafe.Pointer)(p)
	}
	return t.m.ptrs.at(t.load(site, prim, p, bitsPtr, o))
}

// StorePtr is [StoreWord] of a pointer.
func StorePtr(site Site, prim string, p, v unsafe.Pointer, o Order) {
	t := cur.self
	if t == nil {
		charge(prim, p, true)
		*(*unsafe.Pointer)(p) = v
		return
	}
	t.store(site, prim, p, bitsPtr, t.m.ptrs.intern(v, t), ^uint64(0), o)
}

// SwapPtr stores v and returns the old pointer in one step.
func SwapPtr(site Site, prim string, p, v unsafe.Pointer, o Order) unsafe.Pointer {
	old, _ := updatePtr(site, prim, p, v, o, func(unsafe.Pointer) bool { return true })
	return old
}

// CasPtr stores v if the pointer is old, in one step, and reports whether it did.
func CasPtr(site Site, prim string, p, old, v unsafe.Pointer, o Order) bool {
	_, ok := updatePtr(site, prim, p, v, o, func(have unsafe.Pointer) bool { return have == old })
	return ok
}

func updatePtr(site Site, prim string, p, v unsafe.Pointer, o Order, want func(unsafe.Pointer) bool) (unsafe.Pointer, bool) {
	t := cur.self
	if t == nil {
		charge(prim, p, true)
		old := *(*unsafe.Pointer)(p)
		ok := want(old)
		if ok {
			*(*unsafe.Pointer)(p) = v
		}
		return old, ok
	}
	id := t.m.ptrs.intern(v, t)
	l := t.begin(opUpdate, site, prim, p, bitsPtr, o)
	t.op.v = id
	t.op.f = func(old uint64) (uint64, bool) { return id, want(t.m.ptrs.at(old)) }
	t.point()
	t.mustBeInUse(l)
	old := t.m.mem.newest(t, l)
	ok := want(t.m.ptrs.at(old))
	t.update(l, old, id, ok)
	return t.m.ptrs.at(old), ok
}

// begin sets the pending operation to an atomic access.
func (t *thread) begin(kind opKind, site Site, prim string, p unsafe.Pointer, bits int, o Order) *location {
	l := t.m.locate(p, bits)
	t.op = op{kind: kind, order: t.m.order(site, prim, o), site: site, prim: prim, loc: l}
	return l
}

func (t *thread) load(site Site, prim string, p unsafe.Pointer, bits int, o Order) uint64 {
	l := t.begin(opLoad, site, prim, p, bits, o)
	t.point()
	t.mustBeInUse(l)
	t.atomicRead(l)
	v := t.m.mem.load(t, l, t.op.order, t.alt)
	t.observe(uint64(l.id), t.m.canonical(l, v))
	if t.m.tracing {
		t.traceAccess(l, v, v)
	}
	return v
}

func (t *thread) store(site Site, prim string, p unsafe.Pointer, bits int, v, mask uint64, o Order) {
	l := t.begin(opStore, site, prim, p, bits, o)
	t.op.v, t.op.mask = v, mask
	t.point()
	if mask != ^uint64(0) {
		t.mustBeInUse(l)
	}
	t.atomicWrite(l)
	old := t.m.mem.newest(t, l)
	t.m.mem.store(t, l, v, mask, t.op.order, t.alt)
	t.observe(uint64(l.id), 0)
	if t.m.tracing {
		t.traceAccess(l, old, old&^mask|v&mask)
	}
}

// update is the second half of a read-modify-write that has read old.
func (t *thread) update(l *location, old, v uint64, write bool) {
	if write {
		t.atomicWrite(l)
		t.m.mem.update(t, l, v, t.op.order)
	} else {
		t.atomicRead(l)
		t.m.mem.failedUpdate(t, l)
		v = old
	}
	t.observe(uint64(l.id), t.m.canonical(l, old))
	if t.m.tracing {
		t.traceUpdate(l, old, v, write)
	}
}

func peek(p unsafe.Pointer, bits int) uint64 {
	switch bits {
	case 8:
		return uint64(*(*uint8)(p))
	case 16:
		return uint64(*(*uint16)(p))
	case 32:
		return uint64(*(*uint32)(p))
	case 64:
		return *(*uint64)(p)
	}
	panic("mc: a width must be 8, 16, 32 or 64")
}

func poke(p unsafe.Pointer, bits int, v uint64) {
	switch bits {
	case 8:
		*(*uint8)(p) = uint8(v)
	case 16:
		*(*uint16)(p) = uint16(v)
	case 32:
		*(*uint32)(p) = uint32(v)
	case 64:
		*(*uint64)(p) = v
	default:
		panic("mc: a width must be 8, 16, 32 or 64")
	}
}
