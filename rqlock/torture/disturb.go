package torture

import (
	"runtime"
	"sync/atomic"
	"time"
)

// stutter lets the writers run, and pauses them, in turn.
func (r *Runner) stutter() {
	for r.sleep(r.p.Stutter) {
		gate := make(chan struct{})
		r.disturbed.pauses.Add(1)
		r.gate.Store(&gate)
		more := r.sleep(r.p.Stutter)
		close(gate)
		if !more {
			return
		}
	}
}

// open is the gate while writers may run.
var open = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// running returns a channel that is closed while writers may run.
func (r *Runner) running() <-chan struct{} { return *r.gate.Load() }

// shuffle locks about half of the writers to threads, another half each time.
func (r *Runner) shuffle() {
	rnd := r.random(-3, 0)
	for r.sleep(r.p.Shuffle) {
		r.disturbed.shuffles.Add(1)
		for i := range r.tallies {
			r.tallies[i].pinned.Store(rnd.IntN(2) == 0)
		}
	}
}

// collect makes garbage, and collects it.
func (r *Runner) collect() {
	rnd := r.random(-4, 0)
	for r.sleep(about(rnd, r.p.GC)) {
		r.disturbed.collections.Add(1)
		var keep [][]byte
		for range 100 {
			keep = append(keep, make([]byte, 1<<(4+rnd.IntN(12))))
		}
		runtime.GC()
		runtime.KeepAlive(keep)
	}
}

// changeProcs changes GOMAXPROCS, and restores it in the end.
func (r *Runner) changeProcs() {
	old := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(old)
	rnd := r.random(-5, 0)
	for r.sleep(about(rnd, r.p.Procs)) {
		r.disturbed.procs.Add(1)
		runtime.GOMAXPROCS(1 + rnd.IntN(2*runtime.NumCPU()))
	}
}

// sleep sleeps for d, or until the run ends. It reports whether the run goes on.
func (r *Runner) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.stop:
		return false
	case <-t.C:
		return true
	}
}

// disturbed is a Disturbed that is being counted.
type disturbed struct {
	longHolds, pauses, shuffles, respawns, collections, procs, storms, chains, stops, downgrades atomic.Int64
}

func (d *disturbed) load() Disturbed {
	return Disturbed{
		d.longHolds.Load(), d.pauses.Load(), d.shuffles.Load(), d.respawns.Load(), d.collections.Load(), d.procs.Load(),
		d.storms.Load(), d.chains.Load(), d.stops.Load(), d.downgrades.Load(),
	}
}
