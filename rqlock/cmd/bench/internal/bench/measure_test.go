package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/progress"
)

// TestContenders: all methods of each contender lock it.
func TestContenders(t *testing.T) {
	for _, c := range contenders() {
		t.Run(c.name, func(t *testing.T) {
			l := c.new()
			own := newLocal(8, new(accounts))
			n := 0
			crowd(4, func(int) {
				for range 1000 {
					l.Lock()
					n++ // plain, so that the race detector has a look, too
					l.Unlock()
				}
			})
			if n != 4000 {
				t.Errorf("%d of 4000 sections", n)
			}
			for name, f := range map[string]func(){
				"pairs": func() { l.pairs(1) }, "rounds": func() { l.rounds(1, 0, 0) },
				"errands": func() { l.errands(&own, 1) }, "transfers": func() { l.transfers(&own, 1) }, "visits": func() { l.visits(&own, 1) },
			} {
				l.Lock()
				done := make(chan struct{})
				go func() { f(); close(done) }()
				select {
				case <-done:
					t.Errorf("%s went on while the lock was held", name)
				case <-time.After(20 * time.Millisecond):
				}
				l.Unlock()
				<-done
			}
		})
	}
}

// TestShared: all loops of each contender that has readers read, or write.
func TestShared(t *testing.T) {
	readers, writers := newMix(100), newMix(0)
	for name, fresh := range rwLocks {
		l := fresh()
		for _, c := range []struct {
			loop   string
			f      func()
			writes bool
		}{
			{"reads", func() { l.reads(1) }, false},
			{"mixed reads", func() { l.mixed(1, 0, 7, readers) }, false},
			{"read", func() { l.read(func() {}) }, false},
			{"writes", func() { l.writes(1) }, true},
			{"mixed writes", func() { l.mixed(1, 0, 7, writers) }, true},
		} {
			var done chan struct{}
			check := func(beside string, waits bool) {
				done = make(chan struct{})
				go func() { c.f(); close(done) }()
				patience := 20 * time.Millisecond
				if !waits {
					patience = 10 * time.Second
				}
				select {
				case <-done:
					if waits {
						t.Errorf("%s: %s went on beside a %s", name, c.loop, beside)
					}
				case <-time.After(patience):
					if !waits {
						t.Errorf("%s: %s waited for a %s", name, c.loop, beside)
					}
				}
			}
			l.Lock()
			check("writer", true)
			l.Unlock()
			<-done
			l.read(func() { check("reader", c.writes) })
			<-done
		}
	}
}

// TestSteady: a run of the grid begins when each goroutine has done some rounds, and neither the
// time until then nor the rounds are measured.
func TestSteady(t *testing.T) {
	const slow = 200 * time.Millisecond
	var before, after atomic.Int64 // rounds of the second goroutine, until the first one runs
	var runs atomic.Bool
	o := steady(2, 20*time.Millisecond, func(i, from int) {
		switch {
		case i == 0 && from == 0:
			time.Sleep(slow)
			runs.Store(true)
		case i == 1 && !runs.Load():
			before.Add(steadyGrain)
		case i == 1:
			after.Add(steadyGrain)
		}
		time.Sleep(time.Millisecond)
	})
	if took := time.Duration(o.values[0].v * float64(o.iters)); took >= slow {
		t.Errorf("measured for %v, which has the %v in which a goroutine did nothing", took, slow)
	}
	if o.iters <= 0 || o.iters%steadyGrain != 0 {
		t.Errorf("%d rounds, want some grains of %d", o.iters, steadyGrain)
	}
	if before.Load() == 0 || after.Load() == 0 {
		t.Errorf("a goroutine did %d and %d rounds", before.Load(), after.Load())
	}
}

// TestMix: of a mix, as many sections write as it says.
func TestMix(t *testing.T) {
	for _, reads := range shares {
		writes := 0
		for _, w := range newMix(reads).writes {
			if w {
				writes++
			}
		}
		if want := len(mix{}.writes) * (100 - reads) / 100; writes != want {
			t.Errorf("%d %% reads: %d writes, want %d", reads, writes, want)
		}
	}
}

// TestDetectors: the detectors of deadlocks are switched on. They allocate at each
// acquisition.
func TestDetectors(t *testing.T) {
	for _, c := range named(peer, "linkdata") {
		l := c.new()
		if n := testing.AllocsPerRun(100, func() { l.pairs(1) }); n < 1 {
			t.Errorf("%s allocates %v times: it does nothing", c.name, n)
		}
	}
}

// TestKernel: the kernel's benchmarks leave their data as it was.
func TestKernel(t *testing.T) {
	for _, b := range kernelBenches {
		for name, fresh := range kernelLocks {
			t.Run(b.name+"/"+name, func(t *testing.T) {
				k := fresh()
				o := inTime(8, 20*time.Millisecond, func(w *writer) int { return b.run(k, w, &stop) })
				if o.iters == 0 || o.values[0].v <= 0 {
					t.Errorf("%d operations, %v", o.iters, o.values)
				}
				if state := kernelState(k); state != (fdTable{}) {
					t.Errorf("descriptors left open: %x", state.open)
				}
			})
		}
	}
}

func kernelState(k kernelLock) fdTable {
	switch k := k.(type) {
	case *rqKernel:
		return k.left()
	case *qspinKernel:
		return k.left()
	}
	panic("which?")
}

func (k *rqKernel) left() fdTable    { return leftOpen(k.files, k.locks, k.refs) }
func (k *qspinKernel) left() fdTable { return leftOpen(k.files, k.locks, k.refs) }

func leftOpen(files fdTable, locks fileLocks, refs int) fdTable {
	if locks.first != nil || refs != 0 {
		panic(fmt.Sprint("records or references left: ", locks, refs))
	}
	return files
}

// TestPublished: the published tables are complete, and their summaries fit their points.
func TestPublished(t *testing.T) {
	for _, b := range kernelBenches {
		for _, arch := range []string{"x86", "arm64"} {
			p := publishedTable(b.name, arch)
			for _, n := range kernelThreads {
				if r := p.at(n); r < p.worst-0.01 || r > p.best+0.01 {
					t.Errorf("%s %s: ratio %.2f at %d threads is not between %v and %v", b.name, arch, r, n, p.worst, p.best)
				}
			}
		}
	}
}

// TestWork: a time that is converted to spins takes that time. What else the machine does
// only makes a measurement longer, so the shortest of several is compared.
func TestWork(t *testing.T) {
	defer func(old float64) { perSpin = old }(perSpin)
	const want = 200 * time.Microsecond
	best := time.Hour
	for i := range 500 {
		perSpin = min(perSpin, measureSpin())
		start := time.Now()
		work(spins(want))
		best = min(best, time.Since(start))
		if i >= 50 && want*8/10 < best && best < want*13/10 {
			return
		}
	}
	t.Errorf("%v of work took %v", want, best)
}

func TestStatistics(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"median of 3", series{3, 1, 2}.median(), 2},
		{"median of 4", series{4, 1, 3, 2}.median(), 2.5},
		{"ratio by rounds", ratio(series{2, 20, 6}, series{1, 10, 2}), 2},
		{"geometric mean", geomean(series{2, 8}), 4},
		{"quantile", float64(quantile([]time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9)), 10},
		{"quantile of all", float64(quantile([]time.Duration{1, 2}, 1)), 2},
	} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	if r := ratio(series{1}, nil); !math.IsNaN(r) {
		t.Errorf("ratio to what was not measured: %v", r)
	}
}

func testSession(runs int) *session {
	return &session{runs: runs, bar: progress.New(io.Discard, 1)}
}

// TestPaired: each round measures each contender once, and each contender is the first in
// some round.
func TestPaired(t *testing.T) {
	var order []string
	cs := contenders()
	s := testSession(len(cs))
	res := s.paired("test", "", len(cs), cs, func(c contender) outcome {
		order = append(order, c.name)
		return outcome{1, []value{{nsPerOp, float64(len(order))}}}
	})
	first := map[string]bool{}
	for r := range cs {
		round := order[r*len(cs) : (r+1)*len(cs)]
		first[round[0]] = true
		if slices.Compare(slices.Sorted(slices.Values(round)), slices.Sorted(slices.Values(names(cs)))) != 0 {
			t.Errorf("round %d: %v", r, round)
		}
	}
	for _, c := range cs {
		if len(res.runs("test", "", c.name, nsPerOp)) != len(cs) || !first[c.name] {
			t.Errorf("%s: %v, first in a round: %v", c.name, res, first[c.name])
		}
	}
}

// TestCalibrate: a run of a slow lock takes about as long as one of a fast lock. With the
// same number of rounds it would take some fifty times as long. The measurement is repeated
// until nothing disturbs it.
func TestCalibrate(t *testing.T) {
	c := cell{2, 4, 0, 0}
	const d = 5 * time.Millisecond
	for _, k := range named(mutex, peer) {
		var got []time.Duration
		for len(got) < 10 {
			n := c.calibrate(k, d)
			got = append(got, c.run(k.new(), n))
			if got[len(got)-1] <= 20*d {
				break
			}
		}
		if got[len(got)-1] > 20*d {
			t.Errorf("%s: runs of about %v took %v", k.name, d, got)
		}
	}
}
