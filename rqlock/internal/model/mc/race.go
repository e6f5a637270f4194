package mc

import (
	"math/bits"
	"unsafe"
)

// An accessSet is a set of plain accesses: those that happen before a point of a thread,
// or before the load of a message by an acquire. Each plain variable has a slot for its
// last write and one for each thread's last read since.
type accessSet [setWords]uint64

const (
	setWords = 16
	maxSlots = 64 * setWords
)

func (s *accessSet) join(other *accessSet) {
	for i := range s {
		s[i] |= other[i]
	}
}

func (s *accessSet) has(slot int) bool { return s[slot/64]>>(slot%64)&1 != 0 }
func (s *accessSet) set(slot int)      { s[slot/64] |= 1 << (slot % 64) }

func (s *accessSet) hash() uint64 {
	var h uint64
	for i, w := range s {
		if w != 0 {
			h = mix(h^w, uint64(i)+1)
		}
	}
	return h
}

// A plain is the race detector's record of a variable.
type plain struct {
	first  int                  // slot of the last write; those of the reads follow
	mask   accessSet            // all slots of the variable
	init   uint64               // canonical value before the execution
	gen    uint64               // the execution that accessed it last
	site   [maxThreads + 1]Site // of the access in each slot
	writer int                  // the thread that wrote last
}

// races finds pairs of conflicting accesses that nothing orders.
type races struct {
	slots  int // of each variable
	plains []*location
	fresh  []*location // accessed in this execution
	open   accessSet   // accesses that do not yet happen before every thread's next step
	gone   accessSet   // what record and settle remove; here, so that it is not allocated each time
}

func (r *races) reset() {
	r.fresh = r.fresh[:0]
	r.open = accessSet{}
}

// PlainRead says that the current thread is about to read the variable at p by a plain
// access. The width is in bits; 0 is a pointer.
func PlainRead(site Site, p unsafe.Pointer, bits int) {
	t := cur.self
	if t == nil {
		charge("read", p, false)
		return
	}
	m := t.m
	l := m.plainAt(p, bits)
	pl := l.plain
	if m.races.open.has(pl.first) && !t.view.before.has(pl.first) {
		m.race(t, l, site, "reads", 0)
	}
	if !m.mem.readsNewest(t, l) {
		m.failNow("data race on %s: T%d reads it%s, not atomically, and has not acquired its last store", m.nameOf(l), t.id, m.position(site))
	}
	t.mustBeInUse(l)
	m.record(t, pl, 1+t.id, site)
	t.observe(uint64(l.id)|2<<32, m.canonical(l, m.readVar(l)))
}

// PlainWrite says that the current thread is about to write the variable at p by a plain
// access. The thread must not reach a scheduling point before the write.
func PlainWrite(site Site, p unsafe.Pointer, bits int) {
	t := cur.self
	if t == nil {
		charge("write", p, true)
		return
	}
	m := t.m
	l := m.plainAt(p, bits)
	pl := l.plain
	for i := range m.races.slots {
		if slot := pl.first + i; m.races.open.has(slot) && !t.view.before.has(slot) {
			m.race(t, l, site, "writes", i)
		}
	}
	if !m.mem.readsNewest(t, l) {
		m.failNow("data race on %s: T%d writes it%s, not atomically, and has not acquired its last store", m.nameOf(l), t.id, m.position(site))
	}
	m.record(t, pl, 0, site)
	pl.writer = t.id
	l.stale = true
	if l.atomic {
		m.mem.plainWrite(t, l)
	}
}

// record makes the access of t the last in the given slot of pl, and removes from all
// sets the accesses that it replaces: those in its slot or, if it is a write, in all.
func (m *machine) record(t *thread, pl *plain, slot int, site Site) {
	if m.NoRaces {
		return
	}
	gone := &m.races.gone
	if slot == 0 {
		*gone = pl.mask
	} else {
		*gone = accessSet{}
		gone.set(pl.first + slot)
	}
	m.forget(gone, pl.first, pl.first+m.races.slots-1)
	m.races.open.set(pl.first + slot)
	t.view.before.set(pl.first + slot)
	pl.site[slot] = site
}

// forget removes the slots in mask, which are between first and last, from all sets.
func (m *machine) forget(mask *accessSet, first, last int) {
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
			t.view.before[i] &^= mask[i]
		}
	}
	m.mem.forget(lo, hi, mask)
}

// settle forgets the accesses that happen before every thread's next step. They race
// with no access any more.
func (r *races) settle(m *machine) {
	if r.open == (accessSet{}) {
		return
	}
	r.gone = r.open
	for _, t := range m.threads {
		if !t.done {
			for i := range r.gone {
				r.gone[i] &= t.view.before[i]
			}
		}
	}
	if r.gone != (accessSet{}) {
		m.forget(&r.gone, 0, maxSlots-1)
	}
}

// plainAt returns the location of the variable at p for a plain access.
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
	if pl := l.plain; pl != nil && t.m.races.open.has(pl.first) && !t.view.before.has(pl.first) {
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
		if slot := pl.first + i; t.m.races.open.has(slot) && !t.view.before.has(slot) {
			t.m.race(t, l, t.op.site, "writes", i)
		}
	}
}

// race fails because t reads or writes l and the access in slot does not happen before.
func (m *machine) race(t *thread, l *location, site Site, does string, slot int) {
	pl := l.plain
	who, did := pl.writer, "wrote"
	if slot > 0 {
		who, did = slot-1, "read"
	}
	m.failNow("data race on %s: T%d %s it%s, and nothing orders that after T%d %s it%s",
		m.nameOf(l), t.id, does, m.position(site), who, did, m.sitePosition(pl.site[slot]))
}

// hash covers the values of the plain variables, and the accesses that happen before
// each thread's next step.
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
			h = mix(h, t.view.before.hash())
		}
	}
	return h
}

func trailingZeros(x uint32) int { return bits.TrailingZeros32(x) }
