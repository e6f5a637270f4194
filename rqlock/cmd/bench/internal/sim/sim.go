// Package sim runs the threads of a program on simulated cores, one each, and counts the
// cache lines that the cores take from one another.
//
// It is a discrete-event simulation. Each core has a time of its own, and the core with
// the earliest time runs next. A core may read a line that it shares, and write a line
// that no other core has. Otherwise the line comes from another core, which takes a while
// (MESI, but memory costs the same as another core's cache). Transfers of one line happen
// one after the other.
package sim

import (
	"container/heap"
	"iter"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// Times, ns. They are about those of a server whose cores are connected by a mesh.
const (
	hit      = 1
	transfer = 60
	hold     = 5    // how long a core keeps a line after a transfer, for its next accesses
	wakeUp   = 2000 // from the store of a token until the thread that takes it runs
)

const lineSize = 64

// A Machine has a number of cores and the lines that they have touched.
type Machine struct {
	cores   []*core
	queue   queue // cores that can run
	blocked map[*core]bool
	running *core
	lines   map[uintptr]*line

	signalled bool  // a token has been left since wake looked at the blocked cores
	Transfers int64 // of cache lines, so far
}

type core struct {
	id    int
	at    int64 // its time
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	ready func() bool // what a blocked core waits for
	until int64       // until when it waits
	woken bool        // it has been resumed because of ready, not of until
}

// A line is the state of a cache line.
type line struct {
	owner   int                   // the core that may write it, or -1
	sharers [maxCores / 64]uint64 // the cores that may read it, as bits
	free    int64                 // when the next transfer can begin
	spin    []*core               // cores that Spin until it is written
}

const maxCores = 1024

func (l *line) shares(core int) bool { return l.sharers[core/64]>>(core%64)&1 != 0 }
func (l *line) share(core int)       { l.sharers[core/64] |= 1 << (core % 64) }

// Run runs each thread on a core of its own until all have ended.
func (m *Machine) Run(threads []func()) {
	mc.Simulation = m
	defer func() { mc.Simulation = nil }()
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

// letEarlier lets the cores with an earlier time run first.
func (m *Machine) letEarlier() {
	c := m.running
	m.wake()
	if len(m.queue) > 0 && m.queue[0].before(c) {
		c.yield(struct{}{})
	}
}

// Access implements mc.Simulator. It charges the running core for an access.
func (m *Machine) Access(prim string, p unsafe.Pointer, write bool) {
	if m.running == nil {
		return
	}
	m.letEarlier()
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
		c.at = max(c.at, l.free) + transfer // after the transfers that cores asked for before
		l.free = c.at + hold
		m.letEarlier()
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

// move gives the line to a core, to write it or to share it.
func (l *line) move(to int, write bool) {
	l.owner = -1
	if write {
		l.owner = to
		clear(l.sharers[:])
	}
	l.share(to)
}

// Spin reads the variable at p, which the core has just read, again and again until its
// line is written. Until then that costs nothing.
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

// Pause implements mc.Simulator.
func (m *Machine) Pause(d int64) {
	m.running.at += d
	m.letEarlier()
}

// Block implements mc.Simulator.
func (m *Machine) Block(ready func() bool, until int64) bool {
	c := m.running
	m.letEarlier()
	if ready() {
		return true
	}
	c.ready, c.until = ready, until
	m.blocked[c] = true
	c.yield(struct{}{})
	return c.woken
}

// wake resumes the blocked cores that are ready.
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

// timeOut resumes the blocked core whose time comes first. It reports whether there is one.
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

// Now implements mc.Simulator.
func (m *Machine) Now() int64 {
	if m.running == nil {
		return 0
	}
	return m.running.at
}

// Self implements mc.Simulator.
func (m *Machine) Self() int {
	if m.running == nil {
		return -1
	}
	return m.running.id
}

// queue is a heap of cores, with the earliest time first.
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
