package torture

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// injectStops has the process stopped while a lock is held, again and again.
func (r *Runner) injectStops() {
	s, err := newStopper()
	if err != nil {
		r.notRun("stops", err)
		return
	}
	defer s.close()
	rnd := r.random(-9, 0)
	l := r.newInstance()
	for r.sleep(about(rnd, r.p.Stops)) {
		if err := r.stopInSection(l, s, stopPatterns[rnd.IntN(len(stopPatterns))], rnd); err != nil {
			r.notRun("stops", err)
			return
		}
	}
}

// A stopPattern says how often the process is stopped in a section, and for which part of
// the stall timeout.
type stopPattern struct{ times, part, of int }

// stopPatterns are one stop that is longer than the timeout, and several that are longer
// together.
var stopPatterns = []stopPattern{{1, 3, 2}, {9, 1, 8}}

// stopInSection has the process stopped while a lock is held, which others wait for. They
// must go on waiting. It returns an error if the process cannot be stopped.
func (r *Runner) stopInSection(l *instance, s *stopper, p stopPattern, rnd *rand.Rand) error {
	held := r.pick(l, rnd)
	if !r.acquireFree(held) {
		return nil
	}
	timeout := min(r.p.StallTimeout, 5*time.Second)
	outcomes := make([]outcome, 1+rnd.IntN(3))
	var waiters sync.WaitGroup
	for i := range outcomes {
		s, by := r.pick(l, rnd), methods[rnd.IntN(unlimited)]
		waiters.Go(func() {
			defer r.rescue()
			outcomes[i] = r.visit(s, by)
		})
	}
	time.Sleep(about(rnd, min(timeout/20, 5*time.Millisecond))) // the waiters park
	var err error
	for n := 0; n < p.times && err == nil; n++ {
		err = r.stopFor(s, timeout*time.Duration(p.part)/time.Duration(p.of))
		time.Sleep(timeout / 200)
	}
	time.Sleep(timeout / 50) // the waiters look
	held.release()
	waiters.Wait()
	r.stopSteps.Add(1)
	for _, o := range outcomes {
		switch {
		case o.err == nil:
		case o.realStall(r):
			r.otherStalls.Add(1)
		default:
			r.fail("a stop of the process was taken for a stall", "%v", o.err)
		}
	}
	return err
}

// stopFor has the process stopped for d.
func (r *Runner) stopFor(s *stopper, d time.Duration) error {
	d = d.Truncate(time.Millisecond)
	r.stops.mu.Lock()
	defer r.stops.mu.Unlock()
	last := nanotime() // before it begins
	if err := s.begin(d); err != nil {
		return err
	}
	var within span // from the first to the last time for which this goroutine did not run for d
	for over := false; !over; {
		time.Sleep(time.Millisecond)
		now := nanotime()
		if now-last >= int64(d) {
			if within.to == 0 {
				within.from = last
			}
			within.to = now
		}
		last = now
		var err error
		if over, err = s.over(); err != nil {
			return err
		}
	}
	if within.to == 0 {
		return errors.New("the process went on running when it was stopped")
	}
	r.stops.add(stop{within, int64(d)})
	r.disturbed.stops.Add(1)
	return nil
}

// stops are the last stops of the process. They decide whether a stall was real: if the
// process did not run, nobody could be granted a lock.
type stops struct {
	mu    sync.RWMutex // held for writing while the process is stopped, until the stop is here
	last  stopList
	total time.Duration // of all
}

// A stop says that the process did not run for a time, at least, in a span.
type stop struct {
	within  span
	atLeast int64
}

type stopList []stop

const maxStops = 1000

// add needs s.mu.
func (s *stops) add(more stop) {
	if s.last = append(s.last, more); len(s.last) > maxStops {
		s.last = s.last[1:]
	}
	s.total += time.Duration(more.atLeast)
}

// known returns the last stops. If the process was stopped just now, it waits until that
// is among them.
func (s *stops) known() stopList {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last[:len(s.last):len(s.last)]
}

// length returns how long the process was stopped in all, unless it has just been
// stopped: then that is not known yet.
func (s *stops) length() (total time.Duration, known bool) {
	if !s.mu.TryRLock() {
		return 0, false
	}
	defer s.mu.RUnlock()
	return s.total, true
}

// ran reports whether the process may have run for long enough, in a gap, to make it a
// stall of the timeout. The last quarter of the timeout is counted in 50 steps, each of
// which is a step however long the process is stopped meanwhile.
func (list stopList) ran(gap span, timeout time.Duration) bool {
	stopped, steps := int64(0), int64(50-1)
	for _, s := range list {
		if in := s.within.cut(gap).length(); in > 0 {
			stopped += max(0, in+s.atLeast-s.within.length())
			steps--
		}
	}
	return stopped == 0 || gap.length()-stopped >= steps*int64(timeout)/200-int64(slack)
}
