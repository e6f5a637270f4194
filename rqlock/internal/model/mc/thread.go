package mc

import "iter"

// maxThreads bounds the threads of a program.
const maxThreads = 16

// A thread is a thread of the program. One coroutine runs it in all executions.
type thread struct {
	m    *machine
	id   int
	next func() (struct{}, bool) // runs the coroutine until it waits
	stop func()                  // ends the coroutine
	wait func(struct{}) bool     // returns control to the machine

	begun    bool // it has made a step
	done     bool
	op       op     // its pending operation
	position string // of the pending operation, for a trace
	alt      int    // the operation's alternative that has been chosen

	frames     []frame // control state, innermost function last
	atomicFrom int     // number of frames in its outermost atomic function; 0 if in none
	inside     bool    // it has made a step in that function

	// What it has read since its last Pause.
	watched   []*location
	readClock bool // it has called Now
	polled    bool // it has paused since polledAnew, see continueFairly
	woken     bool // one of the above could read differently by now

	view     view                // its positions matter to RA alone
	lastRead [maxLocations]uint8 // RA: the message of each watched location that it read last
	buf      []entry             // TSO: its store buffer, oldest entry first
	draining [maxThreads]uint8   // TSO: how many of each thread's stores a Drain still waits for
}

type opKind uint8

const (
	opStart opKind = iota
	opLoad
	opStore
	opUpdate
	opChoose
	opBlock
	opPause
)

// An op is what a thread does when it is scheduled next.
type op struct {
	kind  opKind
	order Order
	site  Site
	loc   *location
	prim  string // or what the thread waits for
	v     uint64
	mask  uint64
	n     int                                     // opChoose: number of alternatives
	f     func(old uint64) (v uint64, write bool) // opUpdate; pure
	ready func() bool                             // opBlock, opPause; may be nil
	until int64                                   // opBlock: deadline, or Never
}

// abandoned unwinds a thread whose execution is over.
type abandoned struct{}

func (m *machine) newThread(id int) *thread {
	t := &thread{m: m, id: id}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.wait = yield
		for {
			t.run()
			if !yield(struct{}{}) {
				return
			}
		}
	})
	return t
}

// run runs the program's thread once.
func (t *thread) run() {
	defer func() {
		switch r := recover().(type) {
		case nil, abandoned:
		default:
			t.m.fail("T%d panics: %v", t.id, r)
		}
		t.done = true
	}()
	t.m.prog.Threads[t.id]()
}

// start runs the thread up to its first scheduling point.
func (t *thread) start() {
	t.begun, t.done = false, false
	t.op = op{kind: opStart}
	t.frames = append(t.frames[:0], frame{h: uint64(t.id) + 1})
	t.atomicFrom, t.inside = 0, false
	t.forget()
	t.view = view{}
	t.buf = t.buf[:0]
	t.draining = [maxThreads]uint8{}
	t.resume()
}

func (t *thread) resume() {
	t.m.self = t
	t.next()
	t.m.self = nil
}

// point is a scheduling point: it waits until the pending operation is scheduled.
func (t *thread) point() {
	if t.m.over() {
		panic(abandoned{})
	}
	if t.m.tracing {
		t.position = t.m.position(t.op.site)
	}
	if !t.m.goesOn(t) {
		t.wait(struct{}{})
	}
	if t.m.over() {
		panic(abandoned{})
	}
	t.inside, t.m.leftOut = t.atomicFrom > 0, 0
}

// alternatives counts the alternatives of the pending operation. 0 means that the thread
// must wait.
func (t *thread) alternatives() int {
	switch t.op.kind {
	case opLoad:
		return t.m.mem.loads(t, t.op.loc, t.op.order)
	case opStore:
		return t.m.mem.stores(t, t.op.loc, t.op.order, t.op.mask)
	case opUpdate:
		return t.m.mem.updates(t, t.op.loc, t.op.order)
	case opChoose:
		return t.op.n
	case opBlock:
		n := 0
		if t.op.ready != nil && t.op.ready() {
			n++
		}
		if t.m.now >= t.op.until {
			n++
		}
		return n
	case opPause:
		switch {
		case t.woken, t.op.ready != nil && t.op.ready():
			return 1
		}
		return t.m.mem.pauses(t)
	}
	return 1
}

// observe makes v, which the thread has learned, part of its control state.
func (t *thread) observe(what, v uint64) {
	f := &t.frames[len(t.frames)-1]
	f.h = mix(mix(f.h, what), v)
}

// control returns the hash of the thread's control state.
func (t *thread) control() uint64 {
	f := t.frames[len(t.frames)-1]
	return mix(f.base, f.h)
}

// hash covers everything but memory that the thread's future depends on.
func (t *thread) hash() uint64 {
	if t.done {
		return 0
	}
	o := &t.op
	h := mix(t.control(), uint64(o.kind)|uint64(t.id)<<8|uint64(o.site)<<16)
	if o.loc != nil {
		h = mix(h, mix(uint64(o.loc.id), t.m.canonical(o.loc, o.v)))
	}
	if o.kind == opBlock {
		h = mix(h, uint64(o.until))
		if t.draining != [maxThreads]uint8{} {
			h = mix(mix(h, le64(t.draining[:])), le64(t.draining[8:]))
		}
	}
	if t.inside {
		h = mix(h, 2)
	}
	if t.woken {
		h = mix(h, 1)
	} else {
		h = mix(h, t.watchHash())
	}
	return h
}

// watchHash is the hash of what the thread has read since its last Pause, in any order.
func (t *thread) watchHash() uint64 {
	var h uint64
	for _, l := range t.watched {
		h += mix(uint64(l.id)+1, uint64(t.lastRead[l.id]))
	}
	if t.readClock {
		h++
	}
	return h
}

// Self returns the number of the current thread, from 0, or -1 outside of threads.
func Self() int {
	if t := cur.self; t != nil {
		return t.id
	}
	if Simulation != nil {
		return Simulation.Self()
	}
	return -1
}

// Choose returns a number from 0 to n-1. Each is returned in some execution.
func Choose(site Site, what string, n int) int {
	t := cur.self
	if n < 1 || n > maxAlternatives {
		t.m.failNow("Choose: %s has %d alternatives", what, n)
	}
	t.op = op{kind: opChoose, site: site, prim: what, n: n}
	t.point()
	t.observe(1<<32, uint64(t.alt))
	if t.m.tracing {
		t.trace("choose", "%s: %d of %d", what, t.alt, n)
	}
	return t.alt
}
