package mc

import (
	"fmt"
	"sync"
	"unsafe"
)

// A machine runs executions of one program in one world.
type machine struct {
	World
	prog    *Program
	threads []*thread
	mem     memory
	self    *thread // the thread that runs; nil between steps
	last    int     // the thread that ran last, or -1

	table   locTable
	locs    []*location
	touched []*location // locations that were accessed in this execution
	ptrs    pointers
	names   map[unsafe.Pointer]string
	changed map[unsafe.Pointer]func(thread int, old, v uint64)
	dead    map[unsafe.Pointer]func() bool
	ghosts  []ghost
	own     []span // see Own
	atomic  []bool // for each function, whether World.Atomic has it

	gen       uint64 // number of this execution
	steps     int
	remaining []choice // steps of the schedule that is followed
	now       int64
	ticks     int
	idleTicks int // ticks of TickWhenIdle
	aborting  bool
	failure   string
	leftOut   int   // how often World.Drop was left out since the last step
	truncated int64 // see Result.Truncated
	races     races

	tracing bool
	log     []string
}

// cur is the machine that runs. Between runs it is one without threads.
var (
	cur   = idle()
	oneAt sync.Mutex // held by a run, as there is one cur
)

func idle() *machine {
	return &machine{
		names:   map[unsafe.Pointer]string{},
		changed: map[unsafe.Pointer]func(thread int, old, v uint64){},
		dead:    map[unsafe.Pointer]func() bool{},
	}
}

func newMachine(w World, p *Program) *machine {
	if len(p.Threads) == 0 || len(p.Threads) > maxThreads {
		panic(fmt.Sprintf("mc: %s has %d threads, must have 1 to %d", p.Name, len(p.Threads), maxThreads))
	}
	m := idle()
	m.World, m.prog = w, p
	if m.MaxSteps == 0 {
		m.MaxSteps = 5000
	}
	m.ptrs.m = m
	m.races.slots = len(p.Threads) + 1
	switch w.Memory {
	case SC:
		m.mem = &sc{m}
	case TSO:
		m.mem = &tso{sc{m}}
	case RA:
		m.mem = &ra{m: m}
	}
	for i := range p.Threads {
		m.threads = append(m.threads, m.newThread(i))
	}
	m.atomic = atomicFunctions(w.Atomic)
	if p.Declare != nil {
		cur = m
		p.Declare()
	}
	return m
}

// close ends the threads' coroutines.
func (m *machine) close() {
	m.abandon()
	for _, t := range m.threads {
		t.stop()
	}
	cur = idle()
}

// begin starts an execution.
func (m *machine) begin() {
	cur = m
	m.gen++
	m.steps, m.last, m.remaining, m.leftOut = 0, -1, nil, 0
	m.now, m.ticks, m.idleTicks = 0, 0, 0
	m.failure = ""
	m.touched, m.own = m.touched[:0], m.own[:0]
	m.log = m.log[:0]
	m.ptrs.reset()
	m.races.reset()
	m.mem.reset()
	m.prog.Setup()
	for _, t := range m.threads {
		if m.failure != "" {
			t.done = true
			continue
		}
		t.start()
	}
}

// abandon unwinds the threads of an execution that is not to be finished.
func (m *machine) abandon() {
	m.aborting = true
	for _, t := range m.threads {
		if !t.done {
			t.resume()
		}
	}
	m.aborting = false
}

// over reports whether the threads of this execution must unwind.
func (m *machine) over() bool { return m.aborting || m.failure != "" }

// fail records the execution's first failure.
func (m *machine) fail(format string, args ...any) {
	if m.failure == "" && !m.aborting {
		m.failure = fmt.Sprintf(format, args...)
	}
}

// failNow records a failure and unwinds the current thread.
func (m *machine) failNow(format string, args ...any) {
	m.fail(format, args...)
	if m.self != nil {
		panic(abandoned{})
	}
}

// Fail says that a check of the program has failed. It ends the execution.
func Fail(format string, args ...any) {
	if cur.self != nil {
		format = fmt.Sprintf("T%d: ", cur.self.id) + format
	}
	cur.failNow(format, args...)
}

// Dropped reports whether this world leaves out the statement with the given id. Setup
// and Final have all statements.
func Dropped(id int32) bool {
	if cur.Reached != nil && cur.self != nil {
		cur.Reached[id] = true
	}
	if id == 0 || cur.Drop != id || cur.self == nil {
		return false
	}
	if cur.leftOut++; cur.leftOut > maxLeftOut {
		cur.failNow("no progress: T%d goes round and makes no step", cur.self.id)
	}
	return true
}

// maxLeftOut is how often a thread may leave out a statement between two steps. Without it a
// loop may have no end, and no step at which another thread could run.
const maxLeftOut = 10_000

// order returns the order that an access has in this world.
func (m *machine) order(site Site, prim string, o Order) Order {
	if m.Accesses != nil {
		m.Accesses[Access{site, prim}] = o
	}
	if weak, ok := m.Weaken[Access{site, prim}]; ok {
		o = weak
	} else if weak, ok := m.Orders[prim]; ok {
		o = weak
	}
	switch {
	case o != Stlr:
		return o
	case m.Memory == TSO:
		return Release
	}
	return SeqCst
}

// A ghost is a ghost variable: only checks use it.
type ghost struct {
	name  string
	value func() uint64
}

// GhostVar makes the variable that f reads part of the program's state. A variable that
// checks depend on, and that is not accessed through this package, needs it. Call it from
// Declare.
func GhostVar(name string, f func() uint64) {
	cur.ghosts = append(cur.ghosts, ghost{name, f})
}

// hash returns the hash of the program's state. Two executions in the same state have
// the same continuations.
func (m *machine) hash() uint64 {
	m.races.settle(m)
	h := m.mem.hash()
	h = mix(h, m.races.hash(m))
	h = mix(h, uint64(m.now)^uint64(m.ticks)<<48^uint64(m.idleTicks)<<56)
	for _, t := range m.threads {
		h = mix(h, t.hash())
	}
	for i := range m.ghosts {
		h = mix(h, m.ghosts[i].value())
	}
	return h
}
