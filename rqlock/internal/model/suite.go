package model

import (
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// A tier says how much time an exploration takes.
type tier int

const (
	short tier = iota // go test
	full              // make model
	long              // make model-long
)

// A view lists functions of the lock that run as one step, so that what is left
// can be explored in larger programs. What a view hides is explored by others.
type view []string

var (
	// whole hides nothing.
	whole view
	// queueView shows the lock word, the queue, parking and timeouts.
	queueView = view{"newWaiter", "free", "beginWait", "endWait", "findCycle", "grant", "reason", "expired", "call", "answer", "signal", "wait", "waitFor"}
	// graphView shows the edges, the walks over them and the verdicts.
	graphView = view{"newWaiter", "free", "enqueue", "handOver", "quit", "granted", "grant", "take", "expired", "call", "answer", "signal", "wait", "waitFor", "spin"}
	// walkView is graphView, with the table of edges as one step.
	walkView = append(view{"insert", "remove", "lookup"}, graphView...)
)

// An entry is a program, and from which tier on each memory explores it whole.
// Below that tier it is walked at random.
type entry struct {
	program
	view        view
	sc, tso, ra tier
}

// from returns the tier from which a memory model explores the program.
func (e entry) from(m mc.Model) tier { return [...]tier{mc.SC: e.sc, mc.TSO: e.tso, mc.RA: e.ra}[m] }

// world is where the program runs, in the entry's view.
func (e entry) world(m mc.Model) mc.World {
	w := e.program.world(m)
	w.Atomic = e.view
	w.Symmetric = true
	w.NoRaces = e.bare
	return w
}

// Parts of programs.

func take1(l int) round { return round{takes: []take{{lock: l}}} }
func nested(ls ...int) (r round) {
	for _, l := range ls {
		r.takes = append(r.takes, take{lock: l})
	}
	return r
}
func by(w way, l int) round            { return round{takes: []take{{l, w}}} }
func times(n int, r round) (s script)  { return append(s, repeated(n, r)...) }
func threads(n int, s script) []script { return repeated(n, s) }
func repeated[T any](n int, x T) (xs []T) {
	for range n {
		xs = append(xs, x)
	}
	return xs
}

// keeps never returns from its section.
var keeps = script{{takes: []take{{lock: 0}}, forever: true}}

// cancels ends the context.
var cancels = script{{cancels: true}}

// suite has every program.
var suite = []entry{
	// Mutual exclusion, and that everybody gets through.
	{program{name: "2x1", spins: 1, threads: threads(2, times(1, take1(0)))}, whole, short, short, short},
	{program{name: "2x2", spins: 1, threads: threads(2, times(2, take1(0)))}, whole, full, full, full},
	{program{name: "2x2/queue", threads: threads(2, times(2, take1(0)))}, queueView, short, full, full},
	{program{name: "3x1", spins: 1, threads: threads(3, times(1, take1(0)))}, whole, full, long, long},
	{program{name: "3x1/queue", threads: threads(3, times(1, take1(0)))}, queueView, full, full, full},
	{program{name: "3x1/one node", nodes: 1, threads: threads(3, times(1, take1(0)))}, queueView, full, full, long},
	{program{name: "3x1/two nodes", nodes: 2, threads: threads(3, times(1, take1(0)))}, queueView, full, full, long},
	{program{name: "3x2", bare: true, threads: threads(3, times(2, take1(0)))}, queueView, long, long, long},
	{program{name: "4x1", bare: true, threads: threads(4, times(1, take1(0)))}, queueView, long, long, long},
	{program{name: "3x3", bare: true, threads: threads(3, times(3, take1(0)))}, queueView, long, long, long},
	{program{name: "4x2", bare: true, threads: threads(4, times(2, take1(0)))}, queueView, long, long, long},

	// Barging.
	{program{name: "try", spins: 1, threads: []script{times(1, take1(0)), times(2, by(tries, 0))}}, whole, short, short, short},
	{program{name: "door", bare: true, ticks: 1, threads: []script{times(1, take1(0)), times(1, take1(0)), times(2, by(tries, 0))}}, queueView, full, long, long},
	{program{name: "door/no node", bare: true, ticks: 1, nodes: 1, threads: []script{times(1, take1(0)), times(1, take1(0)), times(1, take1(0)), times(1, by(tries, 0))}}, queueView, long, long, long},

	// Deadlocks.
	{program{name: "AA", spins: 1, threads: []script{{nested(0, 0)}, times(1, take1(0))}}, whole, short, short, short},
	{program{name: "ABBA", threads: []script{{nested(0, 1)}, {nested(1, 0)}}}, whole, short, short, full},
	{program{name: "ABBA/one node", nodes: 1, threads: []script{{nested(0, 1)}, {nested(1, 0)}}}, whole, full, full, full},
	{program{name: "ABBA twice", bare: true, threads: []script{times(2, nested(0, 1)), times(2, nested(1, 0))}}, graphView, long, long, long},
	{program{name: "ABC", bare: true, threads: []script{{nested(0, 1)}, {nested(1, 2)}, {nested(2, 0)}}}, walkView, long, long, long},
	{program{name: "ABBA and a bystander", bare: true, threads: []script{{nested(0, 1)}, {nested(1, 0)}, times(1, take1(0))}}, walkView, long, long, long},
	{program{name: "two cycles in a queue", bare: true, threads: []script{{nested(0, 1)}, {nested(1, 0)}, {nested(2, 0)}, {nested(0, 2)}}}, walkView, long, long, long},
	{program{name: "in order", threads: []script{{nested(0, 1)}, {nested(0, 1)}}}, whole, short, short, short},
	{program{name: "any order", threads: []script{{round{takes: []take{{lock: 0}, {lock: 1}}, lifo: true}}, {nested(0, 1)}}}, whole, short, short, short},
	{program{name: "hand-over-hand", threads: []script{{nested(0, 1), nested(1)}, {nested(1), nested(0)}}}, whole, full, full, full},

	// Giving up.
	{program{name: "limit", aborts: true, ticks: 2, threads: []script{times(1, take1(0)), {by(limited, 0)}}}, whole, short, full, full},
	{program{name: "limit/queue", bare: true, aborts: true, ticks: 2, threads: []script{times(1, take1(0)), {by(limited, 0)}, {by(limited, 0)}}}, queueView, long, long, long},
	{program{name: "cancel/lone tail", aborts: true, threads: []script{times(1, take1(0)), {by(withContext, 0)}, cancels}}, whole, short, short, short},
	{program{name: "cancel/newcomer", aborts: true, threads: []script{times(1, take1(0)), {by(withContext, 0)}, append(cancels, take1(0))}}, queueView, full, full, long},
	{program{name: "cancel/middle", aborts: true, threads: []script{times(1, take1(0)), {by(withContext, 0)}, times(1, take1(0)), cancels}}, queueView, full, long, long},
	{program{name: "cancel/two", bare: true, aborts: true, threads: []script{times(1, take1(0)), {by(withContext, 0)}, {by(withContext, 0)}, append(cancels, take1(0))}}, queueView, long, long, long},
	{program{name: "cancel/reuse", bare: true, aborts: true, nodes: 2, threads: []script{times(2, take1(0)), times(1, take1(0)), {by(withContext, 0)}, append(cancels, take1(0))}}, queueView, long, long, long},
	{program{name: "cancel/ABBA", aborts: true, threads: []script{{nested(0, 1)}, {round{takes: []take{{lock: 1}, {0, withContext}}}}, cancels}}, walkView, full, full, long},
	{program{name: "3x2/cancel", bare: true, aborts: true, threads: []script{times(2, take1(0)), times(2, by(withContext, 0)), append(cancels, times(2, take1(0))...)}}, queueView, long, long, long},
	{program{name: "3x2/limits", bare: true, aborts: true, ticks: 1, threads: threads(3, times(2, by(limited, 0)))}, queueView, long, long, long},
	{program{name: "4x1/limits", bare: true, aborts: true, ticks: 1, threads: threads(4, times(1, by(limited, 0)))}, queueView, long, long, long},

	// Stalls.
	{program{name: "no stall", aborts: true, ticks: 1, threads: []script{times(2, take1(0)), times(1, take1(0))}}, queueView, short, full, full},
	{program{name: "no stall/try", aborts: true, ticks: 1, threads: []script{times(1, take1(0)), times(1, take1(0)), times(1, by(tries, 0))}}, queueView, full, long, long},
	{program{name: "no stall/queue", bare: true, aborts: true, ticks: 1, threads: threads(3, times(1, take1(0)))}, queueView, long, long, long},
	{program{name: "stall", aborts: true, ticks: 2, threads: []script{keeps, times(1, take1(0))}}, whole, short, full, full},
	{program{name: "stall/queue", bare: true, aborts: true, ticks: 2, threads: []script{keeps, times(1, take1(0)), times(1, take1(0))}}, queueView, long, long, long},
	{program{name: "stall/no node", bare: true, aborts: true, nodes: 1, ticks: 2, threads: []script{keeps, times(1, take1(0)), times(1, take1(0))}}, queueView, long, long, long},
}
