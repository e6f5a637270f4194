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
		r.did.pauses.Add(1)
		r.gate.Store(&gate)
		more := r.sleep(r.p.Stutter)
		close(gate)
		if !more {
			return
		}
	}
}

// open is the gate while writers run.
var open = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// running returns what is closed while writers may run.
func (r *Runner) running() <-chan struct{} { return *r.gate.Load() }

// shuffle has writers change between any thread and one of their own.
func (r *Runner) shuffle() {
	rnd := r.random(-3, 0)
	for r.sleep(r.p.Shuffle) {
		r.did.shuffles.Add(1)
		for i := range r.slots {
			r.slots[i].pinned.Store(rnd.IntN(2) == 0)
		}
	}
}

// collect makes garbage, and collects it.
func (r *Runner) collect() {
	rnd := r.random(-4, 0)
	for r.sleep(about(rnd, r.p.GC)) {
		r.did.collections.Add(1)
		var keep [][]byte
		for range 100 {
			keep = append(keep, make([]byte, 1<<(4+rnd.IntN(12))))
		}
		runtime.GC()
		runtime.KeepAlive(keep)
	}
}

// changeProcs changes GOMAXPROCS, and puts it back in the end.
func (r *Runner) changeProcs() {
	old := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(old)
	rnd := r.random(-5, 0)
	for r.sleep(about(rnd, r.p.Procs)) {
		r.did.procs.Add(1)
		runtime.GOMAXPROCS(1 + rnd.IntN(2*runtime.NumCPU()))
	}
}

// sleep waits, and reports whether the run goes on.
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

// done counts what the functions above, and the writers, have done.
type done struct {
	longHolds, pauses, shuffles, successors, collections, procs atomic.Int64
}

func (d *done) load() Disturbed {
	return Disturbed{d.longHolds.Load(), d.pauses.Load(), d.shuffles.Load(), d.successors.Load(), d.collections.Load(), d.procs.Load()}
}
