package mc

import "iter"

// maxThreads bounds the threads of a program.
const maxThreads = 16

// A thread is one of the program's, run by a coroutine that lasts for all
// executions.
type thread struct {
	m    *machine
	id   int
	next func() (struct{}, bool)
	stop func()
	wait func(struct{}) bool // gives control back to the machine

	begun bool // it has made a step
	done  bool
	op    op     // what it will do when it is scheduled next
	place string // where that is, if a trace is wanted
	alt   int    // which of the operation's alternatives has been chosen

	frames     []frame // control state, innermost last
	atomicFrom int     // the number of frames in the outermost atomic function, 0 = in none
	inside     bool    // it has made a step in that

	// What it has read since its last Pause.
	watched []*location
	clock   bool // Now
	fired   bool // something of it could read differently by now

	view view                // RA: what it must have seen; in all models: the plain accesses before it
	seen [maxLocations]uint8 // RA: the message that it has read last, if watched
	buf  []entry             // TSO: its store buffer, oldest first
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

// An op is what a thread is about to do.
type op struct {
	kind  opKind
	order Order
	site  Site
	loc   *location
	prim  string // or what it waits for
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
	t.resume()
}

func (t *thread) resume() {
	t.m.self = t
	t.next()
	t.m.self = nil
}

// point waits until the pending operation is scheduled.
func (t *thread) point() {
	if t.m.over() {
		panic(abandoned{})
	}
	if t.m.tracing {
		t.place = t.m.here(t.op.site)
	}
	if !t.m.goesOn(t) {
		t.wait(struct{}{})
	}
	if t.m.over() {
		panic(abandoned{})
	}
	t.inside = t.atomicFrom > 0
}

// alternatives returns in how many ways the pending operation can be done now;
// 0 means that it must wait.
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
		case t.fired, t.op.ready != nil && t.op.ready():
			return 1
		}
		return t.m.mem.pauses(t)
	}
	return 1
}

// A frame is the control state of one function: base is that of its callers.
type frame struct{ base, h uint64 }

// Enter says that the current thread enters the function fn, whose first site is
// fn+1.
func Enter(fn int32) {
	t := cur.self
	if t == nil {
		return
	}
	f := t.frames[len(t.frames)-1]
	if t.m.Marks {
		t.frames = append(t.frames, frame{base: mix(f.base, f.h), h: uint64(uint32(fn))})
	} else {
		t.frames = append(t.frames, frame{base: f.base, h: f.h})
	}
	if t.atomicFrom == 0 && t.m.atomic != nil && fn >= 0 && t.m.atomic[fn] {
		t.atomicFrom = len(t.frames)
	}
}

// Leave says that the current thread leaves the function that it entered last.
// What the function may return has become part of the caller's control state.
func Leave() {
	t := cur.self
	if t == nil {
		return
	}
	top := len(t.frames) - 1
	h := t.frames[top].h
	t.frames = t.frames[:top]
	f := &t.frames[top-1]
	if t.m.Marks {
		f.h = mix(f.h, h)
	} else {
		f.h = h
	}
	if t.atomicFrom > top {
		t.atomicFrom, t.inside = 0, false
	}
}

// At says that what the current function will do depends on no more than where
// it is and the given values: those of its live variables. What it observes from
// here on is added until the next At. It goes before each call and each access.
func At(site Site, live ...uint64) {
	t := cur.self
	if t == nil || !t.m.Marks {
		return
	}
	h := uint64(site)
	for _, v := range live {
		h = mix(h, v)
	}
	t.frames[len(t.frames)-1].h = mix(h, uint64(len(live)))
}

// observe makes v part of what the thread knows.
func (t *thread) observe(what, v uint64) {
	f := &t.frames[len(t.frames)-1]
	f.h = mix(mix(f.h, what), v)
}

// control returns the hash of the thread's control state.
func (t *thread) control() uint64 {
	f := t.frames[len(t.frames)-1]
	return mix(f.base, f.h)
}

// hash returns that of all that a thread's future depends on besides memory.
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
	}
	if t.inside {
		h = mix(h, 2)
	}
	if t.fired {
		h = mix(h, 1)
	} else {
		h = mix(h, t.watchHash())
	}
	return h
}

// watchHash does not depend on the order of what was read.
func (t *thread) watchHash() uint64 {
	var h uint64
	for _, l := range t.watched {
		h += mix(uint64(l.id)+1, uint64(t.seen[l.id]))
	}
	if t.clock {
		h++
	}
	return h
}

// Self returns the current thread, from 0, and -1 outside of any.
func Self() int {
	if t := cur.self; t != nil {
		return t.id
	}
	if Outside != nil {
		return Outside.Self()
	}
	return -1
}

// Choose returns a number from 0 to n-1, each in some execution.
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
