package rqlock

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// scenario is a row of the generator's table of torture tests, see
// gen/scenarios.go.
type scenario struct {
	workers, locks, depth          int
	path                           string
	limitMicros, stallMillis, hogs int
	yields                         bool
	must, may                      string
}

// locker is what a scenario tortures.
type locker interface {
	Lock() error
	LockTimeout(time.Duration) error
	Unlock()
}

// busted is a lock that excludes nobody.
type busted struct{}

func (busted) Lock() error                     { return nil }
func (busted) LockTimeout(time.Duration) error { return nil }
func (busted) Unlock()                         {}

// protected is a lock with what it guards: two plain counters that are equal
// outside of its sections. a is counted at a section's start, and b is loaded there
// and stored at its end, so that a section beside it is lost.
type protected struct {
	locker
	a, b int64
}

// enter begins a section, and leave ends it; alone says that nobody else has
// begun one meanwhile.
func (g *protected) enter() (a, b int64) {
	g.a++
	return g.a, g.b
}

func (g *protected) leave(a, b int64) (alone bool) {
	alone = g.a == a
	g.b = b + 1
	return alone
}

// unseen is a protected on the broken lock: its counts are to go wrong, and not
// the race detector off.
type unseen struct{ *protected }

//go:norace
func (g unseen) enter() (a, b int64) {
	g.a++
	return g.a, g.b
}

//go:norace
func (g unseen) leave(a, b int64) (alone bool) {
	alone = g.a == a
	g.b = b + 1
	return alone
}

type section interface {
	enter() (a, b int64)
	leave(a, b int64) (alone bool)
}

func (g *protected) section() section {
	if _, ok := g.locker.(busted); ok {
		return unseen{g}
	}
	return g
}

// result is what a run saw.
type result struct {
	rounds  atomic.Int64 // locks acquired
	wrong   atomic.Int64 // sections in which somebody else was
	failed  sync.Map     // kind of failure -> error
	counted int64
}

// tortureLock runs a scenario on rqlock: its sections exclude, and only what may
// fail fails.
func tortureLock(t *testing.T, s scenario) {
	locks := newLocks(t, s.locks)
	r := s.run(t, func(i int) locker { return &locks[i] })
	if r.wrong.Load() != 0 || r.counted != r.rounds.Load() {
		t.Errorf("%d of %d sections were not alone, %d counted", r.wrong.Load(), r.rounds.Load(), r.counted)
	}
	if _, ok := r.failed.Load(s.must); s.must != "" && !ok {
		t.Errorf("no %s was reported", s.must)
	}
	r.failed.Range(func(kind, err any) bool {
		if !strings.Contains(s.may, kind.(string)) {
			t.Errorf("%s: %v", kind, err)
		}
		return true
	})
	checkLeaks(t, locks)
}

// tortureBusted runs a scenario on the broken lock. The runner must notice.
func tortureBusted(t *testing.T, s scenario) {
	r := s.run(t, func(int) locker { return busted{} })
	if r.wrong.Load() == 0 || r.counted == r.rounds.Load() {
		t.Errorf("%d of %d sections were not alone, %d counted: the torture does not find a lock that excludes nobody",
			r.wrong.Load(), r.rounds.Load(), r.counted)
	}
}

// mustFailWithin is how long a scenario goes on until what must fail in it fails: on a machine
// that is busy, few rounds end within -torture.time.
const mustFailWithin = 20 * time.Second

// run has the workers do their rounds until -torture.time is over, and what must fail has failed.
func (s scenario) run(t *testing.T, newLocker func(i int) locker) *result {
	base := seed.Of(t)
	if s.stallMillis != 0 {
		setStallTimeout(t, time.Duration(s.stallMillis)*time.Millisecond)
	}
	guards := make([]protected, s.locks)
	for i := range guards {
		guards[i].locker = newLocker(i)
	}
	r := &result{}
	var wg sync.WaitGroup
	start := time.Now()
	goesOn := func() bool {
		ran := time.Since(start)
		_, seen := r.failed.Load(s.must)
		return ran < *tortureTime || s.must != "" && !seen && ran < mustFailWithin
	}
	for id := range s.workers {
		wg.Go(func() {
			rnd := seed.New(base, id)
			for round := 0; round == 0 || goesOn(); round++ {
				s.round(guards, s.choose(rnd, id, len(guards)), rnd, r)
			}
		})
	}
	join(t, &wg)
	for i := range guards {
		r.counted += guards[i].b
	}
	return r
}

// choose returns the locks of a round, in the order in which to take them.
func (s scenario) choose(rnd *rand.Rand, id, locks int) []int {
	chosen := make([]int, s.depth)
	first := rnd.IntN(locks)
	for d := range chosen {
		switch s.path {
		case "same":
			chosen[d] = first
		case "ring":
			chosen[d] = (id + d) % locks
		case "random":
			chosen[d] = rnd.IntN(locks)
		default:
			chosen[d] = d % locks
		}
	}
	return chosen
}

// round takes the locks one inside the other, as far as it gets.
func (s scenario) round(guards []protected, chosen []int, rnd *rand.Rand, r *result) {
	if len(chosen) == 0 {
		return
	}
	g := &guards[chosen[0]]
	if err := s.acquire(g, rnd); err != nil {
		r.failed.Store(kindOf(err), err)
		return // a lock that was not acquired is not unlocked
	}
	defer g.Unlock()
	r.rounds.Add(1)
	in := g.section()
	a, b := in.enter()
	if s.yields || rnd.IntN(16) == 0 {
		runtime.Gosched()
	}
	if s.hogs != 0 && rnd.IntN(s.hogs) == 0 {
		time.Sleep(2 * time.Duration(s.stallMillis) * time.Millisecond)
	}
	s.round(guards, chosen[1:], rnd, r)
	if !in.leave(a, b) {
		r.wrong.Add(1)
	}
}

func (s scenario) acquire(l locker, rnd *rand.Rand) error {
	if s.limitMicros == 0 {
		return l.Lock()
	}
	return l.LockTimeout(time.Duration(rnd.IntN(s.limitMicros)) * time.Microsecond)
}

func kindOf(err error) string {
	switch {
	case errors.Is(err, ErrDeadlock):
		return "deadlock"
	case errors.Is(err, ErrTimeout):
		return "timeout"
	}
	return "unknown"
}
