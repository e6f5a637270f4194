package mc

import (
	"fmt"
	"math/bits"
	"unsafe"
)

// maxLocations bounds the shared variables of a program.
const maxLocations = 256

// A location is a shared variable. It keeps its id over all executions of a run,
// so that hashes of states can be compared.
type location struct {
	p    unsafe.Pointer
	bits int
	id   int
	gen  uint64 // the execution that touched it last; what follows is of that one

	changed func(thread int, old, v uint64) // see OnChange
	dead    func() bool                     // see Dead

	v     uint64 // newest value; *p has the same
	init  uint64 // canonical value before the execution
	stale bool   // a plain write has changed *p since v was read

	watch uint32 // threads that have read it since their last Pause
	sync  know   // SC, TSO: what an acquire load learns

	msgs []message // RA: stores in modification order

	atomic bool // an atomic access has been made
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

// touch makes l ready for its first access in an execution.
func (m *machine) touch(l *location) {
	l.gen = m.gen
	l.v = m.readVar(l)
	l.init = m.canonical(l, l.v)
	l.stale, l.atomic = false, false
	l.watch = 0
	l.sync = know{}
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

// refresh takes over what a plain write has stored.
func (m *machine) refresh(l *location) {
	l.stale = false
	l.v = m.readVar(l)
	l.msgs[len(l.msgs)-1].v = l.v
}

// canonical returns what stands for the value v of l in a hash.
func (m *machine) canonical(l *location, v uint64) uint64 {
	if l.bits == bitsPtr {
		return m.ptrs.hash[v]
	}
	return v
}

// Name gives the variable at p a name for traces and errors, and says that its
// address stays the same in all executions. Call it from Declare.
func Name(p unsafe.Pointer, name string) { cur.names[p] = name }

func (m *machine) nameOf(l *location) string {
	if n, ok := m.names[l.p]; ok {
		return n
	}
	return fmt.Sprintf("variable %d", l.id)
}

// OnChange has f called, for checks, when an atomic access of a thread changes the
// newest value of the variable at p. Call it from Declare.
func OnChange(p unsafe.Pointer, f func(thread int, old, v uint64)) { cur.changed[p] = f }

// Dead says that while f holds, the variable at p is written before it is read
// again: that a thread loads it then is a failure, and its value makes no
// difference. (Under RA, where an old value may be read at any time, it makes one.)
// Call it from Declare.
func Dead(p unsafe.Pointer, f func() bool) { cur.dead[p] = f }

func (l *location) isDead() bool { return l.dead != nil && l.dead() }

// notDead fails if t is about to read a dead variable.
func (t *thread) notDead(l *location) {
	if l.isDead() {
		t.m.failNow("T%d reads %s, which is not in use", t.id, t.m.nameOf(l))
	}
}

// A locTable finds locations by address: open addressing, never more than half full.
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

// pointers gives the pointers of an execution small ids, and hashes that do not
// depend on where the garbage collector has put things. Id 0 is nil.
type pointers struct {
	m    *machine
	ids  map[unsafe.Pointer]uint64
	all  []unsafe.Pointer
	hash []uint64
}

func (ps *pointers) reset() {
	if len(ps.all) > 1 || ps.ids == nil {
		ps.ids = make(map[unsafe.Pointer]uint64)
	}
	clear(ps.all)
	ps.all = append(ps.all[:0], nil)
	ps.hash = append(ps.hash[:0], 0)
}

func (ps *pointers) at(id uint64) unsafe.Pointer { return ps.all[id] }

// intern returns the id of p, which t is about to store. What is at an address
// without a name was made by t: t's control state stands for its contents.
func (ps *pointers) intern(p unsafe.Pointer, t *thread) uint64 {
	if p == nil {
		return 0
	}
	if id, ok := ps.ids[p]; ok {
		return id
	}
	id := uint64(len(ps.all))
	ps.ids[p] = id
	ps.all = append(ps.all, p)
	ps.hash = append(ps.hash, ps.identity(p, t))
	return id
}

func (ps *pointers) identity(p unsafe.Pointer, t *thread) uint64 {
	if _, ok := ps.m.names[p]; ok {
		return mix(uint64(uintptr(p)), 1)
	}
	h := uint64(2)
	if t != nil {
		h = mix(t.control(), uint64(t.id)+3)
	}
	for ps.has(h) { // another object that the thread made in the same state
		h = mix(h, 4)
	}
	return h
}

func (ps *pointers) has(h uint64) bool {
	for _, have := range ps.hash {
		if have == h {
			return true
		}
	}
	return false
}

func (ps *pointers) String(id uint64) string {
	if id == 0 {
		return "nil"
	}
	if n, ok := ps.m.names[ps.all[id]]; ok {
		return "&" + n
	}
	return fmt.Sprintf("ptr%d", id)
}

// mix hashes b into a: one multiplication to 128 bits, folded.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1b54a32d192ed03)
	return hi ^ lo ^ bits.RotateLeft64(a, 17)
}
