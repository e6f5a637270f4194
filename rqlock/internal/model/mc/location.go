package mc

import (
	"fmt"
	"unsafe"
)

// maxLocations bounds the shared variables of a program.
const maxLocations = 256

// A location is a shared variable. It has the same id in all executions of a run, so
// that the hashes of their states can be compared.
type location struct {
	p    unsafe.Pointer
	bits int
	id   int
	gen  uint64 // the execution that accessed it last; the fields below are of that one

	changed func(thread int, old, v uint64) // see OnChange
	dead    func() bool                     // see Dead

	v     uint64 // newest value, as in *p
	init  uint64 // canonical value before the execution
	stale bool   // a plain write has changed *p, but not yet v

	watch uint32    // threads that have read it since their last Pause
	sync  accessSet // SC, TSO: the plain accesses that happen before an acquire load's return

	msgs []message // RA: stores in modification order

	atomic bool // there has been an atomic access
	plain  *plain
}

// locate returns the location of the variable at p for an atomic access.
func (m *machine) locate(p unsafe.Pointer, bits int) *location {
	l := m.lookup(p, bits)
	l.atomic = true
	if l.stale {
		m.refresh(l)
	}
	return l
}

func (m *machine) lookup(p unsafe.Pointer, bits int) *location {
	l := m.table.find(p)
	if l == nil {
		if len(m.locs) == maxLocations {
			m.failNow("more than %d shared variables", maxLocations)
		}
		l = &location{p: p, bits: bits, id: len(m.locs), changed: m.changed[p], dead: m.dead[p]}
		m.locs = append(m.locs, l)
		m.table.insert(l)
	}
	if l.gen != m.gen {
		m.touch(l)
	}
	if l.bits != bits {
		m.failNow("%s is accessed as %d bits and as %d", m.nameOf(l), l.bits, bits)
	}
	return l
}

// touch prepares l for its first access in an execution.
func (m *machine) touch(l *location) {
	l.gen = m.gen
	l.v = m.readVar(l)
	l.init = m.canonical(l, l.v)
	l.stale, l.atomic = false, false
	l.watch = 0
	l.sync = accessSet{}
	l.msgs = append(l.msgs[:0], message{v: l.v})
	m.touched = append(m.touched, l)
}

func (m *machine) readVar(l *location) uint64 {
	if l.bits == bitsPtr {
		return m.ptrs.intern(*(*unsafe.Pointer)(l.p), m.self)
	}
	return peek(l.p, l.bits)
}

// set makes v the newest value of l.
func (m *machine) set(t *thread, l *location, v uint64) {
	if l.changed != nil {
		l.changed(t.id, l.v, v)
	}
	l.v = v
	if l.bits == bitsPtr {
		*(*unsafe.Pointer)(l.p) = m.ptrs.at(v)
	} else {
		poke(l.p, l.bits, v)
	}
}

// refresh updates l.v after a plain write.
func (m *machine) refresh(l *location) {
	l.stale = false
	l.v = m.readVar(l)
	l.msgs[len(l.msgs)-1].v = l.v
}

// canonical returns what stands for the value v of l in the hash of a state.
func (m *machine) canonical(l *location, v uint64) uint64 {
	if l.bits == bitsPtr {
		return m.ptrs.hash[v]
	}
	return v
}

// Name gives the variable at p a name for traces and errors, and says that the variable
// has this address in all executions. Call it from Declare.
func Name(p unsafe.Pointer, name string) { cur.names[p] = name }

func (m *machine) nameOf(l *location) string {
	if n, ok := m.names[l.p]; ok {
		return n
	}
	return fmt.Sprintf("variable %d", l.id)
}

// OnChange has f called when an atomic access of a thread changes the newest value of
// the variable at p. Checks use it. Call it from Declare.
func OnChange(p unsafe.Pointer, f func(thread int, old, v uint64)) { cur.changed[p] = f }

// Dead says that the variable at p is dead while f holds: it is written before it is
// read again. To read it then is a failure, and its value is not part of the state.
// (Under RA, where a load may return an old value, it is.) Call it from Declare.
func Dead(p unsafe.Pointer, f func() bool) { cur.dead[p] = f }

func (l *location) isDead() bool { return l.dead != nil && l.dead() }

// mustBeInUse fails if t is about to read a dead variable.
func (t *thread) mustBeInUse(l *location) {
	if l.isDead() {
		t.m.failNow("T%d reads %s, which is not in use", t.id, t.m.nameOf(l))
	}
}

// A locTable finds locations by address. It is a hash table with open addressing, of
// which at most half is used.
type locTable [2 * maxLocations]*location

func (tab *locTable) slot(p unsafe.Pointer) int {
	return int(uint64(uintptr(p)) * 0x9e3779b97f4a7c15 >> (64 - 9))
}

func (tab *locTable) find(p unsafe.Pointer) *location {
	for i := tab.slot(p); ; i = (i + 1) % len(tab) {
		if l := tab[i]; l == nil || l.p == p {
			return l
		}
	}
}

func (tab *locTable) insert(l *location) {
	i := tab.slot(l.p)
	for tab[i] != nil {
		i = (i + 1) % len(tab)
	}
	tab[i] = l
}
