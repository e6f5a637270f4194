package mc

import (
	"math"
	"time"
)

// Never is a deadline that the clock does not reach.
const Never = math.MaxInt64

// Now returns the time on the model's clock, in ns from 0. Time passes in ticks, which
// are steps of a schedule.
func Now() int64 {
	t := cur.self
	if t == nil {
		if Simulation != nil {
			return Simulation.Now()
		}
		return cur.now
	}
	if !t.woken {
		t.readClock = true
	}
	t.observe(3<<32, uint64(t.m.now))
	return t.m.now
}

// Clock is [Now] for checks. What it returns does not become part of the thread's state.
func Clock() int64 { return cur.now }

// Sleep waits until d has passed.
func Sleep(site Site, d int64) {
	BlockUntil(site, "the time", nil, Now()+d)
}

// Block waits until ready holds. ready must be pure, and depend on nothing but shared
// variables, of which it reads the newest values, and ghost variables.
func Block(site Site, what string, ready func() bool) {
	BlockUntil(site, what, ready, Never)
}

// BlockUntil waits until ready holds or the deadline has come, and reports whether it
// returns because ready holds. If both are true, each is the reason in some execution.
func BlockUntil(site Site, what string, ready func() bool, deadline int64) bool {
	t := cur.self
	if t == nil {
		return Simulation.Block(ready, deadline)
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

// Drain waits until the store buffers of all threads have drained of what they have now:
// under TSO, as long as that takes; otherwise, not at all. A simulation waits for d ns.
func Drain(site Site, d int64) {
	t := cur.self
	if t == nil {
		Simulation.Pause(d)
		return
	}
	for _, other := range t.m.threads {
		t.draining[other.id] = uint8(len(other.buf))
	}
	Block(site, "store buffers", func() bool { return t.draining == [maxThreads]uint8{} })
}

// Pause ends one round of a polling loop. The thread waits until something that it has
// read since its last Pause or Forget could read differently.
func Pause(site Site) { PauseUntil(site, "", nil) }

// OnPause, if not nil, is called before each PauseFor. Checks use it.
var OnPause func()

// PauseFor is a Pause of about d ns. Only a [Simulation] makes use of d. In an
// exploration a Pause ends when another round could go differently.
func PauseFor(site Site, d int64) {
	if cur.self == nil {
		Simulation.Pause(d)
		return
	}
	if OnPause != nil {
		OnPause()
	}
	Pause(site)
}

// PauseUntil is a Pause that also ends when ready holds, as the sleep of a poller that
// can be woken. It reports whether ready holds.
func PauseUntil(site Site, what string, ready func() bool) bool {
	t := cur.self
	t.polled = true
	t.op = op{kind: opPause, site: site, prim: what, ready: ready}
	t.point()
	ok := ready != nil && ready()
	if !ok && !t.woken {
		t.m.mem.resume(t, t.alt)
	}
	t.forget()
	t.observe(5<<32, b2u(ok))
	if t.m.tracing {
		t.trace("pause", "polls again")
	}
	return ok
}

// Forget says that no later Pause depends on what the thread has read so far. Called
// where a thread begins something new, it saves states.
func Forget() {
	if t := cur.self; t != nil {
		t.forget()
	}
}

// Wake ends the Pause that a thread is in, or else its next one.
func Wake(thread int) { cur.threads[thread].wakeUp() }

// watch records that the thread has read l.
func (t *thread) watch(l *location) {
	if bit := uint32(1) << t.id; !t.woken && l.watch&bit == 0 {
		l.watch |= bit
		t.watched = append(t.watched, l)
	}
}

// wakeUp records that something that the thread has read since its last Pause could
// read differently now.
func (t *thread) wakeUp() {
	t.forget()
	t.woken = true
}

func (t *thread) forget() {
	for _, l := range t.watched {
		l.watch &^= 1 << t.id
		t.lastRead[l.id] = 0
	}
	t.watched = t.watched[:0]
	t.readClock, t.woken = false, false
}

// tick lets d pass.
func (m *machine) tick(d int64) {
	m.now += d
	if m.ticks < m.MaxTicks {
		m.ticks++
	} else {
		m.idleTicks++
	}
	for _, t := range m.threads {
		if t.readClock && !t.done {
			t.wakeUp()
		}
	}
	if m.tracing {
		m.logf("clock  %v later: %v", time.Duration(d), time.Duration(m.now))
	}
}

// clockAwaited reports whether a tick could let a thread run.
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
			if t.readClock {
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
