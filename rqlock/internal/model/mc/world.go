package mc

import (
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// A Program is what is explored. Its functions must depend on nothing but the
// shared variables, which Setup resets in place.
type Program struct {
	Name    string
	Threads []func()
	Declare func()        // calls Name and GhostVar, once; may be nil
	Setup   func()        // runs before each execution
	Final   func()        // runs after each that ends; may call Fail
	Outcome func() string // names what an execution that ended has led to; may be nil

	// Twins has for each thread another that is the same but for its number, and that
	// begins before it in a symmetric world; -1 = none. May be nil. What depends on
	// the number (a hash of it, say) is then not seen for all orders of beginning.
	Twins []int
}

// A World says in which memory a program runs, what may happen, and how long
// to explore it.
type World struct {
	Memory   Model
	Marks    bool    // believe the program's Enter, Leave and At
	Ticks    []int64 // by how much the clock can move, in ns
	MaxTicks int     // how often it may at any time of an execution
	Patient  bool    // beyond that it still moves, by the last of Ticks, when nothing else can happen
	MaxSteps int     // longer executions are continued fairly, then fail; 0 = 5000

	MaxExecutions int64         // 0 = no limit
	MaxStates     int64         // 0 = no limit
	MaxTime       time.Duration // 0 = no limit

	// Functions that run without a switch to another thread, by the name that the
	// sites give them: fewer states, and no interleavings inside of them.
	Atomic []string

	Symmetric bool // believe the program's Twins: of executions that differ in who of them is who, one is run
	NoRaces   bool // do not look for data races (RA still finds those that read an old value): fewer states

	Weaken   map[Access]Order // orders of single accesses
	Orders   map[string]Order // orders of all accesses by a primitive
	Drop     int32            // the id that Dropped reports
	Accesses map[Access]Order // if not nil, gets all accesses that are made
	Reached  map[int32]bool   // if not nil, gets the ids that Dropped is asked for

	Progress   func(Result)                       // if not nil, is called now and then
	FormatWord func(name string, v uint64) string // formats values in traces; may return ""
	Verbatim   bool                               // do not shorten a failing schedule
}

// A Model is a memory model.
type Model uint8

// The memory models; see the package's documentation.
const (
	SC Model = iota
	TSO
	RA
)

func (m Model) String() string { return [...]string{"SC", "TSO", "RA"}[m] }

// A memory implements a model. Methods that take a thread act for it.
type memory interface {
	reset()
	loads(t *thread, l *location, o Order) int               // alternatives of a load
	stores(t *thread, l *location, o Order, mask uint64) int // and of a store
	pauses(t *thread) int                                    // and of a Pause that waits for a change; 0 = none yet
	resume(t *thread, alt int)                               // goes on after such a Pause

	load(t *thread, l *location, o Order, alt int) uint64
	store(t *thread, l *location, v, mask uint64, o Order, alt int)
	updates(t *thread, l *location, o Order) int // and of a read-modify-write
	newest(t *thread, l *location) uint64        // what the pending operation reads, if it is no load
	update(t *thread, l *location, v uint64, o Order)
	failed(t *thread, l *location)      // an update that does not write
	plain(t *thread, l *location) bool  // t has seen the newest value; makes it so in *p
	overwritten(t *thread, l *location) // by a plain write of t

	flush(t *thread) // the oldest entry of a store buffer
	forget(lo, hi int, mask *know)
	hash() uint64
}

// A machine runs executions of one program in one world.
type machine struct {
	World
	prog    *Program
	threads []*thread
	mem     memory
	self    *thread // the one that runs; nil between steps
	last    int     // the one that ran last, or -1

	table   locTable
	locs    []*location
	touched []*location // in this execution
	ptrs    pointers
	names   map[unsafe.Pointer]string
	changed map[unsafe.Pointer]func(thread int, old, v uint64)
	dead    map[unsafe.Pointer]func() bool
	ghosts  []ghost
	atomic  []bool // by function; see World.Atomic

	gen      uint64 // number of this execution
	steps    int
	ahead    []choice // of a schedule that is followed
	now      int64
	ticks    int
	waits    int // ticks beyond MaxTicks
	aborting bool
	failure  string
	hurried  int64 // threads that could have read still older messages
	races    races

	tracing bool
	log     []string
}

// cur is the machine that runs; the first one has no threads and runs nothing.
var (
	cur   = idle()
	oneAt sync.Mutex // one machine at a time
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
	m.steps, m.last, m.ahead = 0, -1, nil
	m.now, m.ticks, m.waits = 0, 0, 0
	m.failure = ""
	m.touched = m.touched[:0]
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

// abandon ends the threads of an execution that nobody wants to finish.
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

// failNow fails, and unwinds the current thread.
func (m *machine) failNow(format string, args ...any) {
	m.fail(format, args...)
	if m.self != nil {
		panic(abandoned{})
	}
}

// Fail says that a check of the program has failed, and ends the execution.
func Fail(format string, args ...any) {
	if cur.self != nil {
		format = fmt.Sprintf("T%d: ", cur.self.id) + format
	}
	cur.failNow(format, args...)
}

// Dropped reports whether the statement with this id is left out in this world.
// (Setup and Final are not part of it.)
func Dropped(id int32) bool {
	if cur.Reached != nil && cur.self != nil {
		cur.Reached[id] = true
	}
	return id != 0 && cur.Drop == id && cur.self != nil
}

// order returns the order that an access has in this world.
func (m *machine) order(site Site, prim string, o Order) Order {
	if m.Accesses != nil {
		m.Accesses[Access{site, prim}] = o
	}
	if m.Weaken != nil {
		if weak, ok := m.Weaken[Access{site, prim}]; ok {
			return weak
		}
	}
	if m.Orders != nil {
		if weak, ok := m.Orders[prim]; ok {
			return weak
		}
	}
	return o
}

// A ghost is a variable that only checks use.
type ghost struct {
	name  string
	value func() uint64
}

// GhostVar makes the variable that f reads part of the program's state: one
// that checks depend on, and that is not reached through this package. Call it
// from Declare.
func GhostVar(name string, f func() uint64) {
	cur.ghosts = append(cur.ghosts, ghost{name, f})
}

// hash returns the hash of the program's state. Two executions in the same state
// have the same futures.
func (m *machine) hash() uint64 {
	m.races.settle(m)
	h := m.mem.hash()
	h = mix(h, m.races.hash(m))
	h = mix(h, uint64(m.now)^uint64(m.ticks)<<48^uint64(m.waits)<<56)
	for _, t := range m.threads {
		h = mix(h, t.hash())
	}
	for i := range m.ghosts {
		h = mix(h, m.ghosts[i].value())
	}
	return h
}
