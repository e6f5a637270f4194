package model

import (
	"slices"

	"github.com/rqlock/rqlock/rqlock/internal/model/lock"
)

// Functions of RWMutex that run as one step each.
var (
	// ownSlots leaves the steps of what a thread does with its own slots, but to claim and to
	// release them, and of what is known of a lock's heat.
	ownSlots = []string{
		"readers.Find", "readers.Held", "readers.change", "readers.Counted", "readers.More", "readers.Count", "readers.Deepen",
		"readers.Take", "gate.deepen", "readers.Leave", "gate.Crowded",
		"readers.Warm", "readers.Hot", "readers.Cool", "readers.Sweep",
	}
	// gateOnly leaves the steps of the lock's words, of the gate and of parking.
	gateOnly = slices.Concat(ownSlots, []string{
		"New", "Free", "Begin", "End", "discard", "findDeadlock", "HolderWaits", "reason", "reached", "Enter", "Leave", "Open", "Close", "close", "Look", "prepare",
		"readers.Release", "readers.Claim", "readers.claim", "readers.Next", "readers.Any", "Look", "lead", "Spin", "Park",
	})
	// rwWalkOnly leaves the steps of edges, walks and verdicts.
	rwWalkOnly = slices.Concat(ownSlots, []string{
		"New", "Free", "Enter", "Leave", "Open", "Close", "Sleep", "Wake", "reached", "Insert", "Remove", "Lookup", "readers.Release", "readers.Claim",
		"gate.Wait", "gate.Look", "gate.Withdraw", "gate.Settle", "gate.release", "gate.Drained", "gate.Drain", "gate.WakeDrainer", "lockFused", "unlockFused",
		"rlockFused", "runlockFused", "wlockFused", "wunlockFused",
	})
	// wordsOnly leaves the steps of the lock's words, and of the slots by which a thread begins
	// and ends to read. What is done with the gate's mutex held is one step.
	wordsOnly = slices.Concat(gateOnly, []string{
		"gate.Wait", "gate.Look", "gate.Withdraw", "gate.Settle", "gate.release", "gate.drained", "gate.Drained", "gate.Drain", "gate.AdmitPast", "gate.WakeDrainer", "gate.Unlocked",
		"record", "Wake", "Sleep", "readSlow", "acquireSlow",
	})
)

// Parts of programs of RWMutexes, whose numbers are l4 and l5. l0 is a Mutex.
const l0, l4, l5 = 0, firstRW, firstRW + 1

// counts has the readers counted at first, and one row for threads 1, 3 and 5, and one for the
// others. inRows has them in rows from the beginning.
var (
	counts = readers{Rows: lock.Rows{First: 2}}
	inRows = readers{Rows: lock.Rows{First: 2}, inRows: true}
)

// oneRow has all readers in one row, which has three slots, so that they go on to the chunks.
// unused has rows that are not in use yet.
var (
	oneRow = readers{Rows: lock.Rows{First: 1}, inRows: true}
	unused = readers{Rows: lock.Rows{First: 2, Unused: true}, inRows: true}
)

func reads(l int) round { return with(readLock, l) }

// read and write are parts of rounds.
func read(l int) acquisition  { return acquisition{l, readLock} }
func write(l int) acquisition { return acquisition{lock: l} }

func all(as ...acquisition) round { return round{acquires: as} }

// rwSuite has the programs of RWMutexes. RA explores few of them whole. Most of the others have
// executions there that are longer than World.MaxSteps, since a loop that tries again may read an
// old value again.
var rwSuite = []entry{
	// Exclusion and progress. In their names w is a writer, and r a reader.
	{program{name: "w+r/gate", noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, {reads(l4)}}}, gateOnly, small, full, long},
	{program{name: "w+r", readers: counts, threads: []script{{lockOnce(l4)}, {reads(l4)}}}, wordsOnly, quick, quick, long},
	{program{name: "w+r/rows", readers: inRows, threads: []script{{lockOnce(l4)}, {reads(l4)}}}, wordsOnly, quick, quick, long},
	{program{name: "w+r/unused rows", readers: unused, threads: []script{{lockOnce(l4)}, {reads(l4)}}}, wordsOnly, quick, quick, long},
	{program{name: "w+2r", noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, {reads(l4)}, {reads(l4)}}}, wordsOnly, long, long, long},
	{program{name: "w+2rx2", noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, times(2, reads(l4)), times(2, reads(l4))}}, wordsOnly, long, long, long},
	{program{name: "w+2rx2/rows", noRaces: true, readers: inRows, threads: []script{{lockOnce(l4)}, times(2, reads(l4)), times(2, reads(l4))}}, wordsOnly, long, long, long},
	{program{name: "2w+r", noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, {lockOnce(l4)}, {reads(l4)}}}, wordsOnly, long, long, long},
	{program{name: "2w+2r", noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, {lockOnce(l4)}, {reads(l4)}, {reads(l4)}}}, wordsOnly, long, long, long},
	{program{name: "2w+2r/rows", noRaces: true, readers: inRows, threads: []script{{lockOnce(l4)}, {lockOnce(l4)}, {reads(l4)}, {reads(l4)}}}, wordsOnly, long, long, long},
	{program{name: "w+r/spin", spins: 1, noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, {reads(l4)}}}, wordsOnly, small, full, long},
	{program{name: "w+r/try", readers: counts, threads: []script{{with(tryLock, l4)}, {with(tryRead, l4), reads(l4)}}}, wordsOnly, quick, quick, long},
	{program{name: "w+r/sleep", ticks: 2, noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, {reads(l4)}}}, wordsOnly, small, full, long},
	{program{name: "w+r/sleep, rows", ticks: 2, noRaces: true, readers: inRows, threads: []script{{lockOnce(l4)}, {reads(l4)}}}, wordsOnly, small, full, long},
	{program{name: "w+2r/sleep, rows", ticks: 2, noRaces: true, readers: inRows, threads: []script{{lockOnce(l4)}, {reads(l4)}, {reads(l4)}}}, wordsOnly, long, long, long},
	{program{name: "rw/one record", ticks: 1, noRaces: true, records: 1, readers: counts, threads: []script{{lockOnce(l4)}, {reads(l4)}, {lockOnce(l4)}}}, wordsOnly, long, long, long},

	// From counting to rows and back.
	{program{name: "switch", noRaces: true, readers: counts, threads: []script{times(2, lockOnce(l4)), times(3, reads(l4))}}, wordsOnly, full, long, long},
	{program{name: "switch/back", noRaces: true, readers: counts, threads: []script{times(3, reads(l4)), append(times(2, reads(l4)), lockOnce(l4), reads(l4))}}, wordsOnly, long, long, long},
	{program{name: "overflow", noRaces: true, readers: oneRow, threads: []script{{lockOnce(l4)}, {all(read(l5), read(l4))}, {all(read(l5), read(l4))}}}, wordsOnly, long, long, long},

	// Reading again (R2), and what its own holder may not do (R3).
	{program{name: "again", readers: counts, threads: []script{{lockOnce(l4)}, {all(read(l4), read(l4))}}}, wordsOnly, quick, full, long},
	{program{name: "again/rows", readers: inRows, threads: []script{{lockOnce(l4)}, {all(read(l4), read(l4))}}}, wordsOnly, quick, full, long},
	{program{name: "upgrade", noRaces: true, readers: counts, threads: []script{{all(read(l4), write(l4))}, {all(read(l4), write(l4))}}}, wordsOnly, quick, full, long},
	{program{name: "upgrade/writer", noRaces: true, readers: inRows, threads: []script{{all(write(l4), read(l4)), all(write(l4), write(l4))}, {all(read(l4), write(l4))}}}, wordsOnly, usual, full, long},

	// Cycles (R4).
	{program{name: "rw ABBA", noRaces: true, readers: counts, threads: []script{{all(write(l4), write(l5))}, {all(write(l5), write(l4))}}}, wordsOnly, small, full, full},
	{program{name: "rw ABBA/read", noRaces: true, readers: counts, threads: []script{{all(read(l4), write(l5))}, {all(read(l5), write(l4))}}}, wordsOnly, small, full, long},
	{program{name: "rw ABBA/rows", noRaces: true, readers: inRows, threads: []script{{all(read(l4), write(l5))}, {all(write(l5), read(l4))}}}, wordsOnly, small, full, full},
	{program{name: "rw ABBA/Mutex", noRaces: true, readers: counts, threads: []script{{all(read(l4), write(l0))}, {all(write(l0), write(l4))}}}, wordsOnly, small, full, long},
	{program{name: "rw ABBA/walk", noRaces: true, readers: counts, threads: []script{{all(read(l4), write(l0))}, {all(write(l0), write(l4))}}}, rwWalkOnly, long, long, long},
	{program{name: "rw ABBA/two readers", noRaces: true, readers: counts, threads: []script{{all(read(l4), write(l0))}, {all(read(l4), write(l0))}, {all(write(l0), write(l4))}}}, wordsOnly, long, long, long},
	{program{name: "rw ABBA/behind", noRaces: true, readers: counts, threads: []script{{all(read(l4), write(l0))}, {lockOnce(l4)}, {all(write(l0), write(l4))}}}, wordsOnly, long, long, long},
	{program{name: "rw flicker", noRaces: true, readers: counts, threads: []script{{all(read(l4), write(l0))}, {all(write(l0), write(l4)), lockOnce(l4), lockOnce(l0)}}}, wordsOnly, full, long, long},
	{program{name: "rw ABBA twice", noRaces: true, readers: counts, threads: []script{times(2, all(read(l4), write(l0))), times(2, all(write(l0), write(l4)))}}, wordsOnly, long, long, long},

	// Cycles through a writer that waits (R5).
	{program{name: "admitted", noRaces: true, readers: counts, threads: []script{{all(read(l4), write(l0))}, {lockOnce(l4)}, {all(write(l0), read(l4))}}}, wordsOnly, long, long, long},
	{program{name: "admitted/rows", noRaces: true, readers: inRows, threads: []script{{all(read(l4), write(l0))}, {lockOnce(l4)}, {all(write(l0), read(l4))}}}, wordsOnly, long, long, long},
	{program{name: "admitted/two", noRaces: true, readers: inRows, threads: []script{{all(read(l4), read(l5))}, {all(read(l5), read(l4))}, {lockOnce(l4)}, {lockOnce(l5)}}}, wordsOnly, long, long, long},

	// Giving up (R9).
	{program{name: "rw limit", noRaces: true, aborts: true, ticks: 2, readers: counts, threads: []script{{with(lockTimeout, l4)}, {reads(l4)}}}, wordsOnly, small, full, long},
	{program{name: "rw limit/read", noRaces: true, aborts: true, ticks: 2, readers: counts, threads: []script{{lockOnce(l4)}, {with(readTimeout, l4)}}}, wordsOnly, small, full, long},
	{program{name: "rw cancel", noRaces: true, aborts: true, readers: counts, threads: []script{{with(lockContext, l4)}, {reads(l4)}, cancels}}, wordsOnly, small, full, long},
	{program{name: "rw cancel/read", noRaces: true, aborts: true, readers: counts, threads: []script{{lockOnce(l4)}, {with(readContext, l4)}, cancels}}, wordsOnly, small, full, long},
	{program{name: "rw cancel/others", noRaces: true, aborts: true, readers: inRows, threads: []script{{with(lockContext, l4)}, {reads(l4)}, {reads(l4)}, cancels}}, wordsOnly, long, long, long},
	{program{name: "rw cancel/two read", noRaces: true, aborts: true, readers: counts, threads: []script{{lockOnce(l4)}, {with(readContext, l4)}, {reads(l4)}, cancels}}, wordsOnly, long, long, long},
	{program{name: "rw cancel/queue", noRaces: true, aborts: true, readers: counts, threads: []script{{lockOnce(l4)}, {with(lockContext, l4)}, {reads(l4)}, cancels}}, wordsOnly, long, long, long},
	{program{name: "rw cancel/ABBA", noRaces: true, aborts: true, readers: counts, threads: []script{{all(read(l4), write(l0))}, {all(write(l0), acquisition{l4, lockContext})}, cancels}}, wordsOnly, full, long, long},
	{program{name: "rw stall", noRaces: true, aborts: true, ticks: 2, readers: inRows, threads: []script{{round{acquires: []acquisition{read(l4)}, forever: true}}, {lockOnce(l4)}}}, wordsOnly, small, full, long},

	{program{name: "rw stall/read", noRaces: true, aborts: true, ticks: 2, readers: counts, threads: []script{{round{acquires: []acquisition{write(l4)}, forever: true}}, {reads(l4)}}}, wordsOnly, small, full, long},
	{program{name: "rw stall/two read", noRaces: true, aborts: true, ticks: 1, readers: counts, threads: []script{{round{acquires: []acquisition{write(l4)}, forever: true}}, {with(readTimeout, l4)}, {reads(l4)}}}, wordsOnly, long, long, long},
	{program{name: "rw no stall", noRaces: true, aborts: true, ticks: 2, readers: counts, threads: []script{times(2, lockOnce(l4)), {reads(l4)}}}, wordsOnly, long, long, long},
	{program{name: "rw limit/no record", spins: 1, noRaces: true, aborts: true, records: -1, ticks: 2, readers: counts, threads: []script{{round{acquires: []acquisition{write(l4)}, forever: true}}, {with(lockTimeout, l4)}, {with(readTimeout, l4)}}}, wordsOnly, long, long, long},
	{program{name: "2w/sleep", ticks: 2, noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, {lockOnce(l4)}}}, wordsOnly, small, full, full},
	{program{name: "2w/sleep, read", ticks: 1, noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, {lockOnce(l4)}, {reads(l4)}}}, wordsOnly, long, long, long},
	{program{name: "rw abandon", noRaces: true, aborts: true, readers: counts, threads: []script{{lockOnce(l4)}, {lockOnce(l4)}, {with(lockContext, l4)}, cancels}}, gateOnly, full, long, long},
	{program{name: "rw cancel/2w", noRaces: true, aborts: true, ticks: 1, readers: counts, threads: []script{{lockOnce(l4)}, {with(lockContext, l4)}, append(cancels, reads(l4))}}, wordsOnly, long, long, long},
	{program{name: "admitted/late", noRaces: true, readers: counts, threads: []script{{lockOnce(l4)}, {lockOnce(l4)}, {all(read(l4), write(l0))}, {all(write(l0), read(l4))}}}, wordsOnly, long, long, long},
	{program{name: "rw copy", noRaces: true, forged: l4, readers: counts, threads: threads(3, times(1, lockOnce(l4)))}, wordsOnly, small, small, small},

	// Released by others, as package rqlock/sync allows.
	{program{name: "handed over/read", noRaces: true, readers: counts, threads: []script{{round{acquires: []acquisition{read(l4)}, handsOver: true}}, {round{ends: []acquisition{read(l4)}}}, {lockOnce(l4)}}}, wordsOnly, long, long, long},
	{program{name: "handed over/twice", noRaces: true, readers: counts, threads: []script{{round{acquires: []acquisition{read(l4)}, handsOver: true}}, {round{ends: []acquisition{read(l4)}}}, {round{ends: []acquisition{read(l4)}}}}}, wordsOnly, small, small, long},
	{program{name: "handed over/rows", noRaces: true, readers: inRows, threads: []script{{round{acquires: []acquisition{read(l4)}, handsOver: true}, reads(l4)}, {round{ends: []acquisition{read(l4)}}}, {lockOnce(l4)}}}, wordsOnly, long, long, long},
	{program{name: "handed over/write", noRaces: true, readers: inRows, threads: []script{{round{acquires: []acquisition{write(l4)}, handsOver: true}}, {round{ends: []acquisition{write(l4)}}}, {reads(l4)}}}, wordsOnly, long, long, long},
	{program{name: "handed over/two", noRaces: true, readers: inRows, threads: []script{{round{acquires: []acquisition{read(l4)}, handsOver: true}}, {reads(l4)}, {round{ends: []acquisition{read(l4)}}, lockOnce(l4)}, {lockOnce(l4)}}}, wordsOnly, long, long, long},

	// Downgrade.
	{program{name: "downgrade", noRaces: true, readers: counts, threads: []script{{round{acquires: []acquisition{write(l4)}, downgrades: true}}, {lockOnce(l4)}}}, wordsOnly, small, full, full},
	{program{name: "downgrade/sleep", ticks: 1, noRaces: true, readers: inRows, threads: []script{{round{acquires: []acquisition{write(l4)}, downgrades: true}}, {lockOnce(l4)}}}, wordsOnly, small, small, long},
	{program{name: "downgrade/read", noRaces: true, readers: inRows, threads: []script{{round{acquires: []acquisition{write(l4)}, downgrades: true}}, {reads(l4)}}}, wordsOnly, small, full, long},
	{program{name: "downgrade/both", noRaces: true, readers: counts, threads: []script{{round{acquires: []acquisition{write(l4)}, downgrades: true}}, {reads(l4)}, {lockOnce(l4)}}}, wordsOnly, long, long, long},
}
