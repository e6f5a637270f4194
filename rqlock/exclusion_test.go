package rqlock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// hand is one goroutine of a torture run.
type hand struct {
	*rand.Rand
	id   int
	over *atomic.Bool
}

// running reports whether to go on with the run.
func (w *hand) running() bool { return !w.over.Load() }

// mayYield yields now and then, so that others get their turn in the middle of
// things.
func (w *hand) mayYield() {
	if w.Uint32()%16 == 0 {
		runtime.Gosched()
	}
}

// crew runs n workers for the time of a torture run.
func crew(t *testing.T, n int, body func(w *hand)) {
	t.Helper()
	t.Logf("%d workers", n)
	base := seed.Of(t)
	var over atomic.Bool
	var wg sync.WaitGroup
	defer time.AfterFunc(*tortureTime, func() { over.Store(true) }).Stop()
	for id := range n {
		wg.Go(func() { body(&hand{seed.New(base, id), id, &over}) })
	}
	join(t, &wg)
}

// playUntil plays rounds until they have had all that the test is to see. What happens in a round
// is left to chance, and how often to the machine, so it is patience that bounds them.
func playUntil(enough func() bool, round func()) {
	begun := time.Now()
	for round(); !enough() && time.Since(begun) < patience; {
		round()
	}
}

// counted is a lock and what it guards: plain counters that are equal outside
// of sections only.
type counted struct {
	l             *Mutex
	entered, left int
	want          atomic.Int64
}

// section is to be called with the lock held, and releases it.
func (g *counted) section(t testing.TB, w *hand) {
	if g.entered != g.left {
		t.Errorf("worker %d entered a section while another was inside", w.id)
	}
	g.entered++
	w.mayYield()
	if w.Uint32()%256 == 0 {
		time.Sleep(2 * time.Millisecond)
	}
	g.left++
	g.want.Add(1)
}

// tries are all ways to acquire a lock, also in vain.
var tries = []func(l *Mutex, w *hand) (got bool, err error){
	func(l *Mutex, w *hand) (bool, error) {
		err := l.Lock()
		return err == nil, err
	},
	func(l *Mutex, w *hand) (bool, error) { return l.TryLock(), nil },
	func(l *Mutex, w *hand) (bool, error) {
		err := l.LockTimeout(time.Duration(w.IntN(500)-10) * time.Microsecond)
		return err == nil, err
	},
	func(l *Mutex, w *hand) (bool, error) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(w.IntN(500))*time.Microsecond)
		defer cancel()
		err := l.LockContext(ctx)
		return err == nil, err
	},
	func(l *Mutex, w *hand) (bool, error) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := l.LockContext(ctx)
		return err == nil, err
	},
}

// TestExclusion: at most one goroutine is in a section, whatever fails around
// it: limits, deadlocks of any form, stalls (G1).
func TestExclusion(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, nodes := range []int{1 << 20, 2} {
			t.Run(fmt.Sprint(procs, "/", nodes), func(t *testing.T) {
				setProcs(t, procs)
				setRecords(t, nodes)
				setStallTimeout(t, 5*time.Millisecond)
				testExclusion(t)
			})
		}
	}
}

func testExclusion(t *testing.T) {
	locks := newLocks(t, 3)
	all := make([]counted, len(locks))
	for i := range all {
		all[i].l = &locks[i]
	}
	before := ReadEvents()
	allFailures := func() bool { e := since(before); return e.SelfDeadlock > 0 && e.Cancelled > 0 }
	allEntered := func() bool {
		for i := range all {
			if all[i].entered == 0 {
				return false
			}
		}
		return true
	}
	playUntil(func() bool { return allEntered() && (testing.Short() || allFailures()) }, func() {
		crew(t, 12, func(w *hand) {
			for w.running() {
				nest(t, w, all, 3)
			}
		})
	})
	cross(t, &locks[0], &locks[1])
	for i := range all {
		if g := &all[i]; int64(g.entered) != g.want.Load() || g.entered != g.left || g.entered == 0 {
			t.Errorf("lock %d: %d sections, counted %d entries and %d exits", i, g.want.Load(), g.entered, g.left)
		}
	}
	t.Logf("%+v", since(before))
	if !allFailures() && !testing.Short() {
		t.Errorf("the mix had not all failures: %+v", since(before))
	}
}

// cross makes a cycle of two. With two records a mix may have none for long, since it
// takes both of them.
func cross(t *testing.T, a, b Locker) {
	t.Helper()
	setStallTimeout(t, time.Minute) // one may wait for long until the other holds its lock, too
	var holding sync.WaitGroup
	holding.Add(2)
	results := make(chan error, 2)
	for _, order := range [][]Locker{{a, b}, {b, a}} {
		go func() {
			err := order[0].Lock()
			holding.Done()
			if err != nil {
				results <- err
				return
			}
			holding.Wait()
			if err = order[1].Lock(); err == nil {
				order[1].Unlock()
			}
			order[0].Unlock()
			results <- err
		}()
	}
	if first, second := <-results, <-results; errors.Is(first, ErrDeadlock) == errors.Is(second, ErrDeadlock) || first != nil && second != nil {
		t.Errorf("a cycle of two after the mix: %v and %v, want one deadlock", first, second)
	}
}

// nest takes a random lock in a random way and, inside, perhaps another.
func nest(t *testing.T, w *hand, all []counted, depth int) {
	g := &all[w.IntN(len(all))]
	got, err := tries[w.IntN(len(tries))](g.l, w)
	if !got {
		checkFailure(t, err)
		return
	}
	g.section(t, w)
	if depth > 1 && w.IntN(2) == 0 {
		nest(t, w, all, depth-1)
	}
	g.l.Unlock()
}

// checkFailure fails if err is none of the failures that there are.
func checkFailure(t *testing.T, err error) {
	for _, known := range []error{nil, ErrDeadlock, ErrTimeout, context.Canceled, context.DeadlineExceeded} {
		if err == known || errors.Is(err, known) {
			return
		}
	}
	t.Errorf("unknown failure: %v", err)
}

// TestSize: a lock has 16 bytes at most, and its 64-bit owner is aligned wherever it
// stands, also where a word has 32 bits.
func TestSize(t *testing.T) {
	if size := unsafe.Sizeof(Mutex{}); size > 16 {
		t.Errorf("a lock has %d bytes", size)
	}
	type odd struct {
		n uint32
		m Mutex
	}
	for _, o := range []*odd{new(odd), &make([]odd, 3)[1], (*odd)(&globalOdd.odd)} {
		if at := uintptr(unsafe.Pointer(&o.m.word.Owner)); at%8 != 0 {
			t.Errorf("an owner word is at %#x", at)
		}
		must(t, o.m.Lock())
		o.n++
		o.m.Unlock()
	}
}

var globalOdd struct {
	n   uint32
	odd struct {
		n uint32
		m Mutex
	}
}
