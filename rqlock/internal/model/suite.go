package model

import (
	"slices"

	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// A tier is the effort that an exploration takes. Each tier includes those before it.
type tier int

const (
	quick tier = iota // go test -short
	usual             // go test
	small             // make model, which also explores these with mutants
	full              // make model
	long              // make model-long
)

// Functions of the lock that run as one step each, so that larger programs can be
// explored. Other programs explore these functions.
var (
	// queueOnly leaves the steps of the lock word, the queue, parking and timeouts.
	queueOnly = append([]string{"prepare", "overwritten", "forget", "free"}, wholeQueue...)
	// wholeQueue leaves also the steps of what is done for overwritten locks and copies.
	wholeQueue = []string{"New", "Free", "Begin", "End", "deadlock", "reason", "reached"}
	// stallOnly leaves the steps of the lock's word, the clock and sleeping.
	stallOnly = append([]string{"Enter", "Leave", "abandon", "spin", "Wake"}, queueOnly...)
	// graphOnly leaves the steps of the edges, the walks and the verdicts.
	graphOnly = []string{"New", "Free", "Enter", "Leave", "Close", "Open", "Look", "reached", "Sleep", "Wake", "spin"}
	// walkOnly is graphOnly with the table of edges as one step.
	walkOnly = append([]string{"Insert", "Remove", "Lookup"}, graphOnly...)
	// findOnly leaves the steps of the walks alone.
	findOnly = append([]string{"Begin", "End", "Convict", "awaitHead", "awaitLock", "unlockFused"}, walkOnly...)
)

// An entry is a program, with the tier from which on each memory explores it whole. In the
// tiers below, random walks take it.
type entry struct {
	program
	atomic      []string // functions that run as one step, except in random walks
	sc, tso, ra tier
}

// from returns the tier from which on a memory explores the program.
func (e entry) from(m mc.Model) tier { return [...]tier{mc.SC: e.sc, mc.TSO: e.tso, mc.RA: e.ra}[m] }

// world is where the program is explored whole.
func (e entry) world(m mc.Model) mc.World {
	w := e.program.world(m)
	w.Atomic = e.atomic
	w.Symmetric = true
	w.NoRaces = e.noRaces
	return w
}

// Parts of programs.

func lockOnce(l int) round { return with(plainLock, l) }
func nested(ls ...int) (r round) {
	for _, l := range ls {
		r.acquires = append(r.acquires, acquisition{lock: l})
	}
	return r
}
func with(c call, l int) round         { return round{acquires: []acquisition{{l, c}}} }
func times(n int, r round) (s script)  { return append(s, repeated(n, r)...) }
func threads(n int, s script) []script { return repeated(n, s) }
func repeated[T any](n int, x T) (xs []T) {
	for range n {
		xs = append(xs, x)
	}
	return xs
}

// keeps never releases the lock.
var keeps = script{{acquires: []acquisition{{lock: 0}}, forever: true}}

// cancels ends the context.
var cancels = script{{cancels: true}}

// wakes leaves a token for everybody, as one does who comes late.
var wakes = script{{wakes: true}}

// overwrites acquires the lock, and overwrites it instead of releasing it.
var overwrites = script{{acquires: []acquisition{{lock: 0}}, overwrites: true}}

// copies acquires lock 0, copies it to lock 1, and releases both. awaits waits until another
// thread does.
var (
	copies = script{{acquires: []acquisition{{lock: 0}}, copies: true}}
	awaits = round{awaits: true}
)

// suite has every program.
var suite = slices.Concat(mutexSuite, rwSuite)

// mutexSuite has the programs of Mutexes.
var mutexSuite = []entry{
	// Mutual exclusion and progress.
	{program{name: "2x1", spins: 1, threads: threads(2, times(1, lockOnce(0)))}, nil, quick, quick, quick},
	{program{name: "2x2", spins: 1, threads: threads(2, times(2, lockOnce(0)))}, nil, full, full, full},
	{program{name: "2x2/queue", threads: threads(2, times(2, lockOnce(0)))}, queueOnly, small, full, full},
	{program{name: "3x1", spins: 1, threads: threads(3, times(1, lockOnce(0)))}, nil, full, long, long},
	{program{name: "3x1/queue", threads: threads(3, times(1, lockOnce(0)))}, queueOnly, full, full, long},
	{program{name: "3x1/one record", ticks: 1, records: 1, threads: threads(3, times(1, lockOnce(0)))}, queueOnly, full, full, long},
	{program{name: "3x1/two records", noRaces: true, ticks: 1, records: 2, threads: threads(3, times(1, lockOnce(0)))}, queueOnly, long, long, long},
	{program{name: "no record", spins: 1, records: -1, threads: threads(2, times(1, lockOnce(0)))}, nil, quick, quick, quick},
	{program{name: "3x2", noRaces: true, threads: threads(3, times(2, lockOnce(0)))}, queueOnly, long, long, long},
	{program{name: "4x1", noRaces: true, threads: threads(4, times(1, lockOnce(0)))}, queueOnly, long, long, long},
	{program{name: "3x3", noRaces: true, threads: threads(3, times(3, lockOnce(0)))}, queueOnly, long, long, long},
	{program{name: "4x2", noRaces: true, threads: threads(4, times(2, lockOnce(0)))}, queueOnly, long, long, long},

	// Barging.
	{program{name: "try", spins: 1, threads: []script{times(1, lockOnce(0)), times(2, with(tryLock, 0))}}, nil, quick, usual, usual},
	{program{name: "barging", noRaces: true, ticks: 1, threads: []script{times(1, lockOnce(0)), times(1, lockOnce(0)), times(2, with(tryLock, 0))}}, queueOnly, full, long, long},
	{program{name: "barging/one record", noRaces: true, ticks: 1, records: 1, threads: []script{times(1, lockOnce(0)), times(1, lockOnce(0)), times(1, lockOnce(0)), times(1, with(tryLock, 0))}}, queueOnly, long, long, long},
	{program{name: "storm", noRaces: true, ticks: 1, threads: []script{times(1, lockOnce(0)), times(1, lockOnce(0)), times(3, with(tryLock, 0))}}, queueOnly, long, long, long},

	// Sleeping until the owner unlocks.
	{program{name: "sleep", ticks: 1, threads: threads(2, times(1, lockOnce(0)))}, queueOnly, small, small, small},
	{program{name: "sleep/woken", ticks: 1, threads: []script{times(1, lockOnce(0)), times(1, lockOnce(0)), wakes}}, queueOnly, small, small, full},
	{program{name: "sleep/cancel", aborts: true, ticks: 1, threads: []script{times(2, lockOnce(0)), times(1, with(lockContext, 0)), cancels}}, queueOnly, full, full, long},
	{program{name: "sleep/queue", noRaces: true, ticks: 1, threads: threads(3, times(1, lockOnce(0)))}, queueOnly, full, full, long},

	// Deadlocks.
	{program{name: "AA", spins: 1, threads: []script{{nested(0, 0)}, times(1, lockOnce(0))}}, nil, quick, quick, quick},
	{program{name: "ABBA", threads: []script{{nested(0, 1)}, {nested(1, 0)}}}, nil, usual, small, full},
	{program{name: "ABBA twice", noRaces: true, threads: []script{times(2, nested(0, 1)), times(2, nested(1, 0))}}, graphOnly, long, long, long},
	{program{name: "flicker", threads: []script{{nested(0, 1)}, {nested(1, 0), lockOnce(1), lockOnce(0)}}}, walkOnly, full, full, long},
	{program{name: "flicker/moved on", noRaces: true, threads: []script{{nested(0, 2), lockOnce(1)}, {nested(1, 0)}, {lockOnce(2)}}}, findOnly, full, long, long},
	{program{name: "ABC", noRaces: true, threads: []script{{nested(0, 1)}, {nested(1, 2)}, {nested(2, 0)}}}, walkOnly, long, long, long},
	{program{name: "ABBA and a bystander", noRaces: true, threads: []script{{nested(0, 1)}, {nested(1, 0)}, times(1, lockOnce(0))}}, walkOnly, long, long, long},
	{program{name: "two cycles in a queue", noRaces: true, threads: []script{{nested(0, 1)}, {nested(1, 0)}, {nested(2, 0)}, {nested(0, 2)}}}, walkOnly, long, long, long},
	{program{name: "in order", threads: []script{{nested(0, 1)}, {nested(0, 1)}}}, nil, quick, usual, usual},
	{program{name: "any order", threads: []script{{round{acquires: []acquisition{{lock: 0}, {lock: 1}}, lifo: true}}, {nested(0, 1)}}}, nil, quick, usual, usual},
	{program{name: "hand-over-hand", threads: []script{{nested(0, 1), nested(1)}, {nested(1), nested(0)}}}, nil, full, full, full},

	// Giving up.
	{program{name: "limit", aborts: true, ticks: 2, threads: []script{times(1, lockOnce(0)), {with(lockTimeout, 0)}}}, nil, small, full, full},
	{program{name: "limit/no record", spins: 1, aborts: true, records: -1, ticks: 2, threads: []script{keeps, {with(lockTimeout, 0)}}}, nil, quick, quick, quick},
	{program{name: "limit/queue", noRaces: true, aborts: true, ticks: 2, threads: []script{times(1, lockOnce(0)), {with(lockTimeout, 0)}, {with(lockTimeout, 0)}}}, queueOnly, long, long, long},
	{program{name: "cancel/lone tail", aborts: true, threads: []script{times(1, lockOnce(0)), {with(lockContext, 0)}, cancels}}, nil, quick, quick, usual},
	{program{name: "cancel/newcomer", aborts: true, threads: []script{times(1, lockOnce(0)), {with(lockContext, 0)}, append(cancels, lockOnce(0))}}, queueOnly, full, full, long},
	{program{name: "cancel/middle", noRaces: true, aborts: true, threads: []script{times(1, lockOnce(0)), {with(lockContext, 0)}, times(1, lockOnce(0)), cancels}}, queueOnly, full, long, long},
	{program{name: "cancel/two", noRaces: true, aborts: true, threads: []script{times(1, lockOnce(0)), {with(lockContext, 0)}, {with(lockContext, 0)}, append(cancels, lockOnce(0))}}, queueOnly, long, long, long},
	{program{name: "cancel/reuse", noRaces: true, aborts: true, records: 2, threads: []script{times(2, lockOnce(0)), times(1, lockOnce(0)), {with(lockContext, 0)}, append(cancels, lockOnce(0))}}, queueOnly, long, long, long},
	{program{name: "cancel/ABBA", aborts: true, threads: []script{{nested(0, 1)}, {round{acquires: []acquisition{{lock: 1}, {0, lockContext}}}}, cancels}}, walkOnly, full, full, long},
	{program{name: "3x2/cancel", noRaces: true, aborts: true, threads: []script{times(2, lockOnce(0)), times(2, with(lockContext, 0)), append(cancels, times(2, lockOnce(0))...)}}, queueOnly, long, long, long},
	{program{name: "3x2/limits", noRaces: true, aborts: true, ticks: 1, threads: threads(3, times(2, with(lockTimeout, 0)))}, queueOnly, long, long, long},
	{program{name: "4x1/limits", noRaces: true, aborts: true, ticks: 1, threads: threads(4, times(1, with(lockTimeout, 0)))}, queueOnly, long, long, long},

	// Stalls.
	{program{name: "no stall", aborts: true, ticks: 1, threads: []script{times(2, lockOnce(0)), times(1, lockOnce(0))}}, queueOnly, small, full, full},
	{program{name: "no stall/try", noRaces: true, aborts: true, ticks: 2, threads: []script{times(1, lockOnce(0)), times(1, lockOnce(0)), times(1, with(tryLock, 0))}}, stallOnly, full, long, long},
	{program{name: "no stall/queue", noRaces: true, aborts: true, ticks: 1, threads: threads(3, times(1, lockOnce(0)))}, queueOnly, long, long, long},
	{program{name: "no stall/gives up", noRaces: true, aborts: true, ticks: 2, threads: []script{{lockOnce(0), with(tryLock, 0)}, {with(lockBrief, 0)}, times(1, lockOnce(0))}}, stallOnly, full, long, long},
	{program{name: "no stall/patient", noRaces: true, aborts: true, ticks: 1, threads: []script{times(1, lockOnce(0)), {with(lockPatient, 0)}, times(1, lockOnce(0))}}, stallOnly, full, long, long},
	{program{name: "stall", aborts: true, ticks: 2, threads: []script{keeps, times(1, lockOnce(0))}}, nil, small, full, full},
	{program{name: "stall/queue", noRaces: true, aborts: true, ticks: 2, threads: []script{keeps, times(1, lockOnce(0)), times(1, lockOnce(0))}}, queueOnly, long, long, long},
	{program{name: "stall/patient", noRaces: true, aborts: true, ticks: 1, threads: []script{keeps, {with(lockPatient, 0)}, times(1, lockOnce(0))}}, stallOnly, full, long, long},
	{program{name: "stall/patient, two behind", noRaces: true, aborts: true, ticks: 1, threads: []script{keeps, {with(lockPatient, 0)}, times(1, lockOnce(0)), times(1, lockOnce(0))}}, stallOnly, long, long, long},
	{program{name: "stall/patient, passed", noRaces: true, aborts: true, ticks: 1, threads: []script{keeps, {with(lockPatient, 0)}, times(2, lockOnce(0))}}, stallOnly, long, long, long},
	{program{name: "stall/passed", noRaces: true, aborts: true, ticks: 1, threads: []script{times(1, lockOnce(0)), times(1, lockOnce(0)), {round{acquires: []acquisition{{0, tryLock}}, forever: true}}}}, stallOnly, full, long, long},
	{program{name: "stall/inherited", noRaces: true, aborts: true, ticks: 2, threads: []script{keeps, {with(lockTimeout, 0)}, times(1, lockOnce(0))}}, stallOnly, full, long, long},
	{program{name: "stall/one record", noRaces: true, aborts: true, records: 1, ticks: 2, threads: []script{keeps, times(1, lockOnce(0)), times(1, lockOnce(0))}}, queueOnly, long, long, long},

	// Locks that are overwritten or copied while others wait for them.
	{program{name: "overwritten", threads: []script{overwrites, times(1, lockOnce(0))}}, wholeQueue, small, small, small},
	{program{name: "overwritten/sleep", ticks: 1, threads: []script{overwrites, times(1, lockOnce(0))}}, wholeQueue, small, small, full},
	{program{name: "overwritten/newcomer", noRaces: true, loses: true, threads: []script{overwrites, times(1, lockOnce(0)), times(1, lockOnce(0))}}, wholeQueue, full, full, long},
	{program{name: "overwritten/sleep, newcomer", loses: true, noRaces: true, ticks: 1, threads: []script{overwrites, times(1, lockOnce(0)), times(1, lockOnce(0))}}, wholeQueue, full, long, long},
	{program{name: "overwritten/queue", noRaces: true, threads: []script{{{acquires: []acquisition{{lock: 0}}, overwrites: true, crowded: true}}, {awaits, lockOnce(0)}, {awaits, lockOnce(0)}}}, wholeQueue, full, full, long},
	{program{name: "overwritten/again", loses: true, threads: []script{append(overwrites, lockOnce(0)), times(1, lockOnce(0))}}, wholeQueue, small, full, full},
	{program{name: "overwritten/other lock", loses: true, noRaces: true, threads: []script{overwrites, {lockOnce(0), lockOnce(1)}, times(1, lockOnce(1))}}, wholeQueue, full, full, long},
	{program{name: "copy", noRaces: true, threads: []script{copies, times(1, lockOnce(0)), {awaits, lockOnce(1)}}}, wholeQueue, full, full, long},
	{program{name: "copy/three", noRaces: true, forged: 1, threads: threads(3, times(1, lockOnce(1)))}, wholeQueue, full, full, long},
	{program{name: "copy/again", noRaces: true, threads: []script{copies, times(1, lockOnce(0)), {awaits, lockOnce(1), lockOnce(1)}}}, wholeQueue, full, full, long},
}
