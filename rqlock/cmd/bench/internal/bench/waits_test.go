package bench

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// TestLoops: the loops of Go's benchmarks have the sections that they say, and the lock
// guards them. A turn that forgot the lock would lose some.
func TestLoops(t *testing.T) {
	for _, c := range contenders() {
		for name, loop := range map[string]struct {
			run      func(l lock, own *local, n int)
			sections int // of each turn, times 4
		}{"transfers": {lock.transfers, 4}, "visits": {lock.visits, 1}} {
			l, sums := c.new(), new(accounts)
			crowd(4, func(int) {
				own := newLocal(8, sums)
				loop.run(l, &own, 4*grain)
			})
			if want := uint64(4 * grain * loop.sections * 100); sums.to != want || sums.from != -want {
				t.Errorf("%s %s: accounts %d and %d, want %d", c.name, name, int64(sums.from), sums.to, want)
			}
		}
	}
}

// TestSituations: each goroutine takes at least one grain of turns, and GOMAXPROCS is as
// before.
func TestSituations(t *testing.T) {
	procs := thisMachine().Procs
	for _, sit := range situations {
		for _, c := range named(rq, mutex) {
			o := sit.run(c, 2, time.Millisecond)
			if o.iters < 2*sit.perProc*grain || o.iters%grain != 0 || o.values[0].v <= 0 {
				t.Errorf("%s %s: %d turns, %v", sit.name, c.name, o.iters, o.values)
			}
		}
	}
	if now := thisMachine().Procs; now != procs {
		t.Errorf("GOMAXPROCS %d, was %d", now, procs)
	}
}

// TestSettle: when settle returns, all waiters have given up to wait for short times.
func TestSettle(t *testing.T) {
	const n = 100
	rqlock.SetStallTimeout(time.Hour)
	defer rqlock.SetStallTimeout(rqlock.DefaultStallTimeout)
	locks := make([]rqlock.Mutex, n)
	before := rqlock.ReadEvents().Closed
	var done sync.WaitGroup
	for i := range locks {
		must(locks[i].Lock())
		done.Go(func() {
			must(locks[i].Lock())
			locks[i].Unlock()
		})
	}
	settle()
	if closed := rqlock.ReadEvents().Closed - before; closed < n {
		t.Errorf("%d of %d waiters have closed their locks, as they do before they sleep", closed, n)
	}
	for i := range locks {
		locks[i].Unlock()
	}
	done.Wait()
}

// TestWaitCases: the cases measure what they say, with each lock. What one has measured has
// a row in the table.
func TestWaitCases(t *testing.T) {
	r := &Report{Runs: 1}
	s := &session{fairTime: 20 * time.Millisecond}
	for _, w := range waitCases {
		if w.usage && !haveUsage {
			continue
		}
		const n = 20
		outcomes := map[string][]outcome{}
		for _, c := range named(rq, mutex) {
			o := w.measure(s, c, n)
			outcomes[c.name] = []outcome{o}
			if o.iters < n || len(o.values) != len(waitUnitsOf[w.name]) {
				t.Errorf("%s %s: %+v", w.name, c.name, o)
			}
			for i, v := range o.values {
				if v.unit != waitUnitsOf[w.name][i] || v.v <= 0 && !w.usage {
					t.Errorf("%s %s: %+v", w.name, c.name, v)
				}
			}
		}
		r.Results = append(r.Results, collect("waits", waitCell(w.name, n), []string{rq, mutex}, outcomes)...)
	}
	if rows := sleepersTable(r).rows; haveUsage && len(rows) != len(waitUnits) {
		t.Errorf("%d rows for %d units: %q", len(rows), len(waitUnits), rows)
	}
}

// A lazyLock is slow: its pairs have long sections, and its waiters look every few
// milliseconds whether it is free.
type lazyLock struct{ mutexLock }

const nap = 5 * time.Millisecond

func (x *lazyLock) Lock() {
	for !x.l.TryLock() {
		time.Sleep(nap)
	}
}

func (x *lazyLock) pairs(n int) {
	for range n {
		x.mutexLock.Lock()
		work(1000)
		x.Unlock()
	}
}

// lazy takes rqlock's part, and must miss its bars.
var lazy = contender{name: rq, new: func() lock { return new(lazyLock) }}

// TestSlowWaits: a lock whose waiters poll misses the bars of waits, by far. The measurement
// is repeated until nothing disturbs sync.Mutex.
func TestSlowWaits(t *testing.T) {
	var kept []string
	for range 10 {
		if kept = lazyKeeps(); len(kept) == 0 {
			return
		}
	}
	t.Errorf("a lock that polls kept bars: %q", kept)
}

// lazyKeeps returns the rows of bars that the lock keeps. Its CPU time is not one that it
// must miss, as there are only a few waiters.
func lazyKeeps() (kept []string) {
	r := &Report{Runs: 1}
	s := &session{fairTime: 100 * time.Millisecond}
	for _, w := range waitCases[:3] {
		if w.usage && !haveUsage {
			continue
		}
		const n = 50
		outcomes := map[string][]outcome{
			rq:    {w.measure(s, lazy, n)},
			mutex: {w.measure(s, named(mutex)[0], n)},
		}
		r.Results = append(r.Results, collect("waits", waitCell(w.name, n), []string{rq, mutex}, outcomes)...)
	}
	for _, row := range sleepersTable(r).rows {
		bar := row[len(row)-1]
		if bar != "-" && !strings.Contains(row[0], "% of a core") && !strings.HasSuffix(bar, missedWord) {
			kept = append(kept, strings.Join(row, " "))
		}
	}
	return kept
}

// TestSlowPairs: a lock with slow pairs misses the bars of Go's benchmarks and of the
// uncontended pair, by far.
func TestSlowPairs(t *testing.T) {
	s := testSession(3)
	s.time, s.cell, s.locks = time.Millisecond, "bench=Uncontended", []contender{lazy, named(mutex)[0]}
	r := &Report{Runs: s.runs, Results: append(s.goMutex(), s.uncontended()...)}
	notes := strings.Join(append(goMutexTable(r).notes, uncontendedTable(r).notes...), "\n")
	if n := strings.Count(notes, missedWord); n != len(situationProcs)+1+3 || strings.Contains(notes, keptWord+")") {
		t.Errorf("%d bars missed:\n%s", n, notes)
	}
}
