package mc

import (
	"math/bits"
	"unsafe"
)

// A know is a set of plain accesses: those that are ordered before a point of a
// thread, or that an acquire load learns from a message. Each plain variable has
// one slot for its last write, and one for each thread's last read since.
type know [knowWords]uint64

const (
	knowWords = 16
	maxSlots  = 64 * knowWords
)

func (k *know) join(other *know) {
	for i := range k {
		k[i] |= other[i]
	}
}

func (k *know) has(slot int) bool { return k[slot/64]>>(slot%64)&1 != 0 }
func (k *know) set(slot int)      { k[slot/64] |= 1 << (slot % 64) }

func (k *know) hash() uint64 {
	var h uint64
	for i, w := range k {
		if w != 0 {
			h = mix(h^w, uint64(i)+1)
		}
	}
	return h
}

// A plain is what the race detector has on a variable.
type plain struct {
	first int // slot of the last write; those of the reads follow
	mask  know
	init  uint64 // canonical value before the execution
	gen   uint64 // the execution that touched it last
	site  [maxThreads + 1]Site
	wrote int // who wrote last
}

// races finds plain accesses that nothing orders.
type races struct {
	slots  int // of each variable
	plains []*location
	fresh  []*location // touched in this execution
	open   know        // accesses that not every thread knows of
}

func (r *races) reset() {
	r.fresh = r.fresh[:0]
	r.open = know{}
}

// PlainRead says that the current thread is about to read the variable at p, of
// the given width (0: a pointer), not atomically.
func PlainRead(site Site, p unsafe.Pointer, bits int) {
	t := cur.self
	if t == nil {
		outside("read", p, false)
		return
	}
	m := t.m
	l := m.plainAt(p, bits)
	pl := l.plain
	if m.races.open.has(pl.first) && !t.view.know.has(pl.first) {
		m.race(t, l, site, "reads", 0)
	}
	if !m.mem.plain(t, l) {
		m.failNow("data race on %s: T%d reads it%s, not atomically, and does not know its last store", m.nameOf(l), t.id, m.here(site))
	}
	t.notDead(l)
	m.record(t, pl, 1+t.id, site)
	t.observe(uint64(l.id)|2<<32, m.canonical(l, m.readVar(l)))
}

// PlainWrite says that the current thread is about to write the variable at p.
// Nothing may be scheduled between this and the write: call it when the value
// is there.
func PlainWrite(site Site, p unsafe.Pointer, bits int) {
	t := cur.self
	if t == nil {
		outside("write", p, true)
		return
	}
	m := t.m
	l := m.plainAt(p, bits)
	pl := l.plain
	for i := range m.races.slots {
		if slot := pl.first + i; m.races.open.has(slot) && !t.view.know.has(slot) {
			m.race(t, l, site, "writes", i)
		}
	}
	if !m.mem.plain(t, l) {
		m.failNow("data race on %s: T%d writes it%s, not atomically, and does not know its last store", m.nameOf(l), t.id, m.here(site))
	}
	m.record(t, pl, 0, site)
	pl.wrote = t.id
	l.stale = true
	if l.atomic {
		m.mem.overwritten(t, l)
	}
}

// record makes the access of t the last in the given slot of pl. What it
// supersedes is forgotten: by a write, everything.
func (m *machine) record(t *thread, pl *plain, slot int, site Site) {
	if m.NoRaces {
		return
	}
	var old know
	if slot == 0 {
		old = pl.mask
	} else {
		old.set(pl.first + slot)
	}
	m.forget(&old, pl.first, pl.first+m.races.slots-1)
	m.races.open.set(pl.first + slot)
	t.view.know.set(pl.first + slot)
	pl.site[slot] = site
}

// forget takes the slots in mask, which are between first and last, out of all sets.
func (m *machine) forget(mask *know, first, last int) {
	open := false
	lo, hi := first/64, last/64
	for i := lo; i <= hi; i++ {
		open = open || m.races.open[i]&mask[i] != 0
		m.races.open[i] &^= mask[i]
	}
	if !open {
		return
	}
	for _, t := range m.threads {
		for i := lo; i <= hi; i++ {
			t.view.know[i] &^= mask[i]
		}
	}
	m.mem.forget(lo, hi, mask)
}

// settle forgets the accesses that every thread knows of: they race with nobody.
func (r *races) settle(m *machine) {
	known := r.open
	for _, t := range m.threads {
		if !t.done {
			for i := range known {
				known[i] &= t.view.know[i]
			}
		}
	}
	if known != (know{}) {
		m.forget(&known, 0, maxSlots-1)
	}
}

// plainAt returns the location of a variable that is accessed plainly.
func (m *machine) plainAt(p unsafe.Pointer, bits int) *location {
	l := m.lookup(p, bits)
	if l.plain == nil {
		first := len(m.races.plains) * m.races.slots
		if first+m.races.slots > maxSlots {
			m.failNow("more than %d plain variables", maxSlots/m.races.slots)
		}
		l.plain = &plain{first: first}
		for i := range m.races.slots {
			l.plain.mask.set(first + i)
		}
		m.races.plains = append(m.races.plains, l)
	}
	if l.plain.gen != m.gen {
		l.plain.gen = m.gen
		l.plain.init = l.init
		m.races.fresh = append(m.races.fresh, l)
	}
	return l
}

// atomicRead checks an atomic load of l against plain writes.
func (t *thread) atomicRead(l *location) {
	if pl := l.plain; pl != nil && t.m.races.open.has(pl.first) && !t.view.know.has(pl.first) {
		t.m.race(t, l, t.op.site, "reads", 0)
	}
}

// atomicWrite checks an atomic store to l against plain accesses.
func (t *thread) atomicWrite(l *location) {
	pl := l.plain
	if pl == nil {
		return
	}
	for i := range t.m.races.slots {
		if slot := pl.first + i; t.m.races.open.has(slot) && !t.view.know.has(slot) {
			t.m.race(t, l, t.op.site, "writes", i)
		}
	}
}

// race fails: t does something to l that is not ordered with the access in slot.
func (m *machine) race(t *thread, l *location, site Site, does string, slot int) {
	pl := l.plain
	who, did := pl.wrote, "wrote"
	if slot > 0 {
		who, did = slot-1, "read"
	}
	m.failNow("data race on %s: T%d %s it%s, and nothing orders that after T%d %s it%s",
		m.nameOf(l), t.id, does, m.here(site), who, did, m.place(pl.site[slot]))
}

// hash covers the plain variables' values and who knows of which access.
func (r *races) hash(m *machine) uint64 {
	if len(r.fresh) == 0 {
		return 0
	}
	var h uint64
	for _, l := range r.fresh {
		if v := m.canonical(l, m.readVar(l)); v != l.plain.init && !l.isDead() {
			h += mix(uint64(l.id)+2*maxLocations, v)
		}
	}
	h = mix(h, r.open.hash())
	for _, t := range m.threads {
		if !t.done {
			h = mix(h, t.view.know.hash())
		}
	}
	return h
}

func trailingZeros(x uint32) int { return bits.TrailingZeros32(x) }
