// Package sim runs the threads of a program on simulated cores, one each, and
// counts the cache lines that they take from one another.
//
// It is a discrete-event simulation: each core has a clock, and the core that is
// behind goes on. A core may read a line that it shares and write one that it has
// alone; else the line comes from another core (MESI, without the difference of
// memory and caches), which takes a while and happens to one line once at a time.
package sim

import (
	"container/heap"
	"iter"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// What things take, ns: about what a server with a mesh of cores has.
const (
	hit      = 1
	transfer = 60
	hold     = 5    // a core keeps a line that has come for a few accesses
	wakeUp   = 2000 // from a token to the thread that takes it
)

const lineSize = 64

// A Machine has a number of cores and the lines that they have touched.
type Machine struct {
	cores   []*core
	queue   queue // of those that can run
	blocked map[*core]bool
	running *core
	lines   map[uintptr]*line

	signalled bool  // a token has been left since the blocked ones were looked at
	Transfers int64 // of cache lines, so far
}

type core struct {
	id    int
	at    int64 // its clock
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	ready func() bool // why it is blocked
	until int64
	woken bool // by ready, not by the time
}

// A line is where the last value of its variables is.
type line struct {
	owner   int                   // the core that may write it, or -1
	sharers [maxCores / 64]uint64 // bits of those that may read it
	free    int64                 // when it can leave again
	spin    []*core               // cores that read it over and over: nothing happens until it is written
}

const maxCores = 1024

func (l *line) shares(core int) bool { return l.sharers[core/64]>>(core%64)&1 != 0 }
func (l *line) share(core int)       { l.sharers[core/64] |= 1 << (core % 64) }

// Run runs each thread on a core of its own until all have ended.
func (m *Machine) Run(threads []func()) {
	mc.Outside = m
	defer func() { mc.Outside = nil }()
	m.blocked, m.lines = map[*core]bool{}, map[uintptr]*line{}
	for i, body := range threads {
		c := &core{id: i}
		c.next, _ = iter.Pull(func(yield func(struct{}) bool) {
			c.yield = yield
			body()
		})
		m.cores = append(m.cores, c)
		heap.Push(&m.queue, c)
	}
	for m.queue.Len() > 0 || m.timeOut() {
		m.running = heap.Pop(&m.queue).(*core)
		if _, more := m.running.next(); more {
			if !m.blocked[m.running] {
				heap.Push(&m.queue, m.running)
			}
		}
		m.wake()
	}
	if len(m.blocked) > 0 {
		panic("sim: some cores wait for ever")
	}
}

// turn lets the cores that are behind go first.
func (m *Machine) turn() {
	c := m.running
	m.wake()
	if len(m.queue) > 0 && m.queue[0].before(c) {
		c.yield(struct{}{})
	}
}

// Access is mc.Scheduler.Access: it charges the running core for an access.
func (m *Machine) Access(prim string, p unsafe.Pointer, write bool) {
	if m.running == nil {
		return
	}
	m.turn()
	c, key := m.running, uintptr(p)/lineSize
	l := m.lines[key]
	if l == nil {
		l = &line{owner: c.id}
		l.share(c.id)
		m.lines[key] = l
	}
	if l.owner == c.id || !write && l.shares(c.id) {
		c.at += hit
	} else {
		m.Transfers++
		c.at = max(c.at, l.free) + transfer // after those who have asked for it before
		l.free = c.at + hold
		m.turn()
		l.move(c.id, write)
		if write {
			for _, s := range l.spin {
				m.resume(s, max(s.at, c.at), true)
			}
			l.spin = l.spin[:0]
		}
	}
	m.signalled = m.signalled || prim == "Signal"
}

// move gives the line to a core, to share or, to write, for itself.
func (l *line) move(to int, write bool) {
	l.owner = -1
	if write {
		l.owner = to
		clear(l.sharers[:])
	}
	l.share(to)
}

// Spin reads the variable at p, which has been read, over and over until its line
// is written: which costs nothing until then.
func (m *Machine) Spin(p unsafe.Pointer) {
	c, l := m.running, m.lines[uintptr(p)/lineSize]
	if !l.shares(c.id) {
		return
	}
	l.spin = append(l.spin, c)
	c.ready, c.until = never, mc.Never
	m.blocked[c] = true
	c.yield(struct{}{})
}

func never() bool { return false }

// Pause is mc.Scheduler.Pause.
func (m *Machine) Pause(d int64) {
	m.running.at += d
	m.turn()
}

// Block is mc.Scheduler.Block.
func (m *Machine) Block(ready func() bool, until int64) bool {
	c := m.running
	m.turn()
	if ready() {
		return true
	}
	c.ready, c.until = ready, until
	m.blocked[c] = true
	c.yield(struct{}{})
	return c.woken
}

// wake lets the blocked cores go on that have become ready.
func (m *Machine) wake() {
	if !m.signalled {
		return
	}
	m.signalled = false
	for c := range m.blocked {
		if c.ready() {
			m.resume(c, max(c.at, m.running.at)+wakeUp, true)
		}
	}
}

// timeOut lets the blocked core go on whose time comes first.
func (m *Machine) timeOut() bool {
	var first *core
	for c := range m.blocked {
		if c.until != mc.Never && (first == nil || c.until < first.until || c.until == first.until && c.id < first.id) {
			first = c
		}
	}
	if first != nil {
		m.resume(first, max(first.at, first.until), false)
	}
	return first != nil
}

func (m *Machine) resume(c *core, at int64, woken bool) {
	c.at, c.woken = at, woken
	delete(m.blocked, c)
	heap.Push(&m.queue, c)
}

// Now is mc.Scheduler.Now.
func (m *Machine) Now() int64 {
	if m.running == nil {
		return 0
	}
	return m.running.at
}

// Self is mc.Scheduler.Self.
func (m *Machine) Self() int {
	if m.running == nil {
		return -1
	}
	return m.running.id
}

// queue is a heap of cores, the one that is behind first.
type queue []*core

func (c *core) before(d *core) bool { return c.at < d.at || c.at == d.at && c.id < d.id }

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].before(q[j]) }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*core)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	c := (*q)[last]
	*q = (*q)[:last]
	return c
}
