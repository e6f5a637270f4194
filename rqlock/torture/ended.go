package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// injectEnds has goroutines end while they hold a lock, again and again. Nobody can
// release such a lock, so each goroutine gets one of its own.
func (r *Runner) injectEnds() {
	rnd := r.random(-6, 0)
	for r.sleep(about(rnd, r.p.Ends)) {
		r.ends.made.Add(1)
		reported := r.newEnding(newInstance(r.kind), rnd).run(rnd)
		r.endSteps.Add(1)
		if reported {
			r.ends.reported.Add(1)
		}
	}
}

// An ending is the end of a goroutine that holds a lock, and of those that want the lock
// before and afterwards. The heirs begin right afterwards: the runtime gives one of them
// what the goroutine leaves, but not the lock.
type ending struct {
	*Runner
	held           side
	how            func()
	owner          uint64
	wrong          atomic.Bool
	waiters, heirs int
}

func (r *Runner) newEnding(l *instance, rnd *rand.Rand) *ending {
	return &ending{Runner: r, held: r.pick(l, rnd), how: ends[rnd.IntN(len(ends))], waiters: rnd.IntN(3), heirs: 1 + rnd.IntN(4)}
}

// ends are the ways in which a goroutine ends. After a panic it ends as soon as the panic
// has been recovered, as that of an HTTP handler does.
var ends = []func(){
	func() {},
	runtime.Goexit,
	func() { panic(errEnd) },
}

var errEnd = errors.New("torture: the end of a goroutine")

// run reports whether everybody was told what is so: the lock is held by the goroutine
// that has ended.
func (e *ending) run(rnd *rand.Rand) bool {
	owner, hold, over := make(chan uint64, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		defer func() {
			if err := recover(); err != nil && err != errEnd {
				e.fail("panic", "%v", err)
				owner <- 0
			}
		}()
		if !e.acquireFree(e.held) {
			owner <- 0
			return
		}
		owner <- goroutineID()
		<-hold
		e.how()
	}()
	if e.owner = <-owner; e.owner == 0 {
		return false
	}
	var all sync.WaitGroup
	for range e.waiters {
		want := e.want(rnd, false)
		all.Go(func() {
			defer e.rescue()
			want()
		})
	}
	if rnd.IntN(2) == 0 {
		e.sleep(about(rnd, 5*time.Millisecond)) // the waiters park
	}
	close(hold)
	<-over
	for range e.heirs {
		trespass, as, want := rnd.IntN(4), e.pick(e.held.instance, rnd), e.want(rnd, true)
		all.Go(func() {
			defer e.rescue()
			switch trespass {
			case 0:
				e.tryLock(as)
			case 1:
				e.unlock(as)
			}
			want()
		})
	}
	all.Wait()
	e.tryLock(e.against(e.held, rnd))
	return !e.wrong.Load()
}

func (e *ending) fail(what, format string, args ...any) {
	e.wrong.Store(true)
	e.Runner.fail(what, format, args...)
}

// tryLock must fail, unless it reads what the goroutine that has ended read.
func (e *ending) tryLock(s side) {
	switch _, err := s.acquire(tryLock); {
	case err != nil:
	case s.excludes(e.held):
		e.fail("a lock was granted whose owner has ended", "by TryLock")
	default:
		e.section(s, func() {})
	}
}

// unlock must panic.
func (e *ending) unlock(s side) {
	defer func() {
		if recover() == nil {
			e.fail("a goroutine unlocked what another one held", "which has ended")
		}
	}()
	s.locker().Unlock()
}

// want returns an acquisition, which must fail, together with the judgement of its error.
// Without a limit of its own a stall ends it, and otherwise the limit.
func (e *ending) want(rnd *rand.Rand, heir bool) func() {
	s, by, limit := e.pick(e.held.instance, rnd), methods[rnd.IntN(unlimited)], time.Duration(0)
	if rnd.IntN(3) == 0 {
		limit = about(rnd, e.p.StallTimeout)
		by = func(l Locker) error { return l.LockTimeout(limit) }
	}
	return func() {
		wait, err := s.acquire(by)
		e.returned.count(err)
		if err == nil && !s.excludes(e.held) {
			e.section(s, func() {})
			return
		}
		e.judge(outcome{s.instance, wait, err}, limit, heir && limit == 0)
	}
}

// judge demands a stall, or with a limit the end of that, and the right holder. Late says
// that the holder ended long before: then its state must be right as well.
func (e *ending) judge(o outcome, limit time.Duration, late bool) {
	var timeout *rqlock.TimeoutError
	switch {
	case o.err == nil:
		e.fail("a lock was granted whose owner has ended", "by Lock")
		return
	case errors.Is(o.err, rqlock.ErrDeadlock):
		e.fail("a goroutine was told that it holds the lock of one that has ended", "%v", o.err)
		return
	case !errors.As(o.err, &timeout),
		limit == 0 && !o.realStall(e.Runner),
		limit > 0 && (timeout.Stall || timeout.Wait.For != limit || o.wait.length() < int64(limit)):
		e.fail("wrong error from a lock whose owner has ended", "%v", o.err)
		return
	}
	holders := timeout.Wait.Holders
	i := slices.IndexFunc(holders, func(h rqlock.Holder) bool { return h.Goroutine == e.owner && h.Read == e.held.reads })
	if i < 0 || !e.held.reads && len(holders) > 1 {
		e.fail("a timeout named another holder than the goroutine that has ended", "%d: %v", e.owner, o.err)
		return
	}
	switch state := holders[i].State; {
	case state == "ended":
		e.lookedUp.Add(1)
	case state != "" && late && !alive(e.owner):
		e.fail("a timeout had the wrong state of a goroutine that has ended", "%q: %v", state, o.err)
	}
}

// goroutineID returns the id of the calling goroutine.
func goroutineID() (id uint64) {
	var buf [64]byte
	fmt.Sscanf(string(buf[:runtime.Stack(buf[:], false)]), "goroutine %d ", &id)
	return id
}

// alive reports whether a goroutine has not ended. That stops all others for a while.
func alive(id uint64) bool {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return strings.Contains("\n"+string(buf[:n]), fmt.Sprintf("\ngoroutine %d [", id))
		}
	}
}
