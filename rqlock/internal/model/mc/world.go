package mc

import "time"

// A Program is what is explored. Its functions must depend on nothing but the
// shared variables, which Setup resets in place.
type Program struct {
	Name    string
	Threads []func()
	Declare func()        // runs once, and calls Name, GhostVar and so on; may be nil
	Setup   func()        // runs before each execution
	Final   func()        // runs after each execution that ends; may call Fail; may be nil
	Outcome func() string // describes the end of an execution; may be nil

	// SameAs has for each thread another thread, or -1, that does the same and differs
	// in nothing but its number. In a symmetric world that other thread begins first.
	// So what depends on the numbers is not explored for all orders of beginning. It may
	// be nil.
	SameAs []int
}

// A World is the memory in which a program runs, with bounds on its executions and on
// the exploration.
type World struct {
	Memory       Model
	Marks        bool    // trust the program's Enter, Leave and At
	Ticks        []int64 // lengths of ticks of the clock, ns
	MaxTicks     int     // how many ticks may happen at any time of an execution
	TickWhenIdle bool    // beyond MaxTicks, the last of Ticks may happen when nothing else can, and in turn after MaxSteps
	TicksDrain   bool    // TSO: a tick is longer than a store stays in its buffer, so it happens when all are empty
	MaxSteps     int     // longer executions are continued fairly, then fail; 0 = 5000

	MaxExecutions int64         // 0 = no limit
	MaxStates     int64         // 0 = no limit
	MaxTime       time.Duration // 0 = no limit

	// These reduce the number of states.
	Atomic    []string // functions (see SiteInfo) that run without a switch to another thread
	Symmetric bool     // trust the program's SameAs: run one order of beginning of such threads
	NoRaces   bool     // do not look for data races (RA still finds reads of old values)

	Weaken   map[Access]Order // orders of single accesses, for mutants
	Orders   map[string]Order // orders of all accesses by a primitive
	Drop     int32            // the id that Dropped reports
	Accesses map[Access]Order // if not nil, collects all accesses
	Reached  map[int32]bool   // if not nil, collects the ids that Dropped is asked for

	Progress   func(Result)                       // if not nil, is called from time to time
	FormatWord func(name string, v uint64) string // formats values in traces; may return ""
	Verbatim   bool                               // do not shorten a failing schedule
}
