package mc

import (
	"math"
	"time"
)

// Never is a deadline that no clock reaches.
const Never = math.MaxInt64

// Now returns the model's clock, in ns from 0. It only moves by itself.
func Now() int64 {
	t := cur.self
	if t == nil {
		if Outside != nil {
			return Outside.Now()
		}
		return cur.now
	}
	if !t.fired {
		t.clock = true
	}
	t.observe(3<<32, uint64(t.m.now))
	return t.m.now
}

// Clock is [Now] for checks: the thread does not learn what it returns.
func Clock() int64 { return cur.now }

// Sleep waits until the clock has moved by d.
func Sleep(site Site, d int64) {
	BlockUntil(site, "the time", nil, Now()+d)
}

// Block waits until ready holds. It must be pure and look at the model's state
// only: shared variables, whose newest values they contain, and ghost variables.
func Block(site Site, what string, ready func() bool) {
	BlockUntil(site, what, ready, Never)
}

// BlockUntil waits until ready holds or the clock has reached the deadline. If
// both is so it goes on for either reason. It reports whether it was for ready.
func BlockUntil(site Site, what string, ready func() bool, deadline int64) bool {
	t := cur.self
	if t == nil {
		return Outside.Block(ready, deadline)
	}
	t.op = op{kind: opBlock, site: site, prim: what, ready: ready, until: deadline}
	t.point()
	ok := ready != nil && t.alt == 0 && ready()
	t.observe(4<<32, b2u(ok))
	if t.m.tracing {
		t.trace("wait", "%s: %s", what, map[bool]string{true: "yes", false: "deadline"}[ok])
	}
	return ok
}

// Pause ends one round of a polling loop. The thread waits until something that
// it has read since its last Pause (or Forget) could read differently.
func Pause(site Site) { PauseUntil(site, "", nil) }

// OnPause, if not nil, is called for checks before each PauseFor.
var OnPause func()

// PauseFor is a Pause of about d ns, which only a Scheduler of its own counts: in
// an exploration it lasts for as long as it makes a difference.
func PauseFor(site Site, d int64) {
	if cur.self == nil {
		Outside.Pause(d)
		return
	}
	if OnPause != nil {
		OnPause()
	}
	Pause(site)
}

// PauseUntil is a Pause that also ends when ready holds, and reports whether it
// does: a poll that can be woken.
func PauseUntil(site Site, what string, ready func() bool) bool {
	t := cur.self
	t.op = op{kind: opPause, site: site, prim: what, ready: ready}
	t.point()
	ok := ready != nil && ready()
	if !ok && !t.fired {
		t.m.mem.resume(t, t.alt)
	}
	t.forget()
	t.observe(5<<32, b2u(ok))
	if t.m.tracing {
		t.trace("pause", "polls again")
	}
	return ok
}

// Forget says that no later Pause depends on what the thread has read so far.
// It saves states; call it where a thread begins something new.
func Forget() {
	if t := cur.self; t != nil {
		t.forget()
	}
}

// Wake ends the Pause of a thread, or the next one if it is in none.
func Wake(thread int) { cur.threads[thread].fire() }

// watch notes that the thread has read l.
func (t *thread) watch(l *location) {
	if bit := uint32(1) << t.id; !t.fired && l.watch&bit == 0 {
		l.watch |= bit
		t.watched = append(t.watched, l)
	}
}

// fire says that something that the thread has read has changed since.
func (t *thread) fire() {
	t.forget()
	t.fired = true
}

func (t *thread) forget() {
	for _, l := range t.watched {
		l.watch &^= 1 << t.id
		t.seen[l.id] = 0
	}
	t.watched = t.watched[:0]
	t.clock, t.fired = false, false
}

// tick moves the clock.
func (m *machine) tick(d int64) {
	m.now += d
	if m.ticks < m.MaxTicks {
		m.ticks++
	} else {
		m.waits++
	}
	for _, t := range m.threads {
		if t.clock && !t.done {
			t.fire()
		}
	}
	if m.tracing {
		m.logf("clock  %v later: %v", time.Duration(d), time.Duration(m.now))
	}
}

// clockAwaited reports whether a thread waits for something that the clock decides.
func (m *machine) clockAwaited() bool {
	for _, t := range m.threads {
		if t.done {
			continue
		}
		switch t.op.kind {
		case opBlock:
			if t.op.until != Never && t.op.until > m.now {
				return true
			}
		case opPause:
			if t.clock {
				return true
			}
		}
	}
	return false
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
