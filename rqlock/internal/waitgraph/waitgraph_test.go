package waitgraph

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/readers"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// A ring has n goroutines, which do not exist. Each holds a lock, and waits for the next
// one's if it has a record.
type ring struct {
	locks   []asm.Owned
	ids     []uint64
	records []*waiter.Waiter
}

// newRing makes a ring of which nobody waits yet, and checks at the end of the test that no
// record is left.
func newRing(t *testing.T, n int) *ring {
	t.Helper()
	r := &ring{make([]asm.Owned, n), make([]uint64, n), make([]*waiter.Waiter, n)}
	for i := range r.locks {
		r.ids[i] = uint64(i+1) << 20
		r.locks[i].Owner.Store(r.ids[i])
	}
	t.Cleanup(func() {
		for i := range r.records {
			r.end(i)
		}
		for _, leak := range waiter.Leaks() {
			t.Error(leak)
		}
	})
	return r
}

func (r *ring) next(i int) *asm.Owned { return &r.locks[(i+1)%len(r.locks)] }

// begin has the goroutine wait.
func (r *ring) begin(i int) {
	r.records[i] = waiter.New(r.ids[i])
	Begin(r.records[i], r.ids[i], r.next(i), waiter.ForMutex, nil)
}

// end has it wait no longer.
func (r *ring) end(i int) {
	if w := r.records[i]; w != nil {
		r.records[i] = nil
		End(w)
		w.Free()
	}
}

// step is where a walk from the goroutine begins.
func (r *ring) step(i int) Step {
	w := r.records[i]
	return Step{Waiter: w, ID: r.ids[i], Epoch: w.Epoch, Kind: w.Kind.Load(), Lock: r.next(i)}
}

// cycleOf returns the cycle that w's edge to l closes, or nil.
func cycleOf(w *waiter.Waiter, l *asm.Owned) []Step {
	found := Cycles(w, l)
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// TestCycle: the edge that closes a cycle finds it, whatever its length, and no other edge
// does (G3).
func TestCycle(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 9, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRing(t, n)
			for begun, i := range seed.Rand(t).Perm(n) {
				r.begin(i)
				want := 0
				if begun == n-1 {
					want = n
				}
				if cycle := cycleOf(r.records[i], r.next(i)); len(cycle) != want {
					t.Errorf("edge %d of %d finds a cycle of %d", begun, n, len(cycle))
				}
			}
		})
	}
}

// TestConfirm: a second walk refutes a cycle of which a party has waited anew
// meanwhile, though it waits for the same lock again (G4).
func TestConfirm(t *testing.T) {
	r := newRing(t, 3)
	for i := range 3 {
		r.begin(i)
	}
	cycle := []Step{r.step(2), r.step(0), r.step(1)}
	if i := changed(cycle); i != -1 {
		t.Fatalf("step %d of a cycle is not confirmed", i)
	}
	r.end(0)
	if changed(cycle) != 1 {
		t.Error("a cycle of which a party is gone was confirmed")
	}
	r.begin(0)
	if changed(cycle) != 1 || changed([]Step{r.step(2), r.step(0), r.step(1)}) != -1 {
		t.Error("a cycle was confirmed as the one before")
	}
	r.locks[1].Owner.Store(77)
	if changed([]Step{r.step(2), r.step(0), r.step(1)}) != 2 {
		t.Error("a cycle was confirmed though a lock has another owner")
	}
	r.locks[1].Owner.Store(r.ids[1])
	Convict(r.records[1], &waiter.Verdict{Epoch: r.records[1].Epoch})
	if changed([]Step{r.step(2), r.step(0), r.step(1)}) != 2 {
		t.Error("a cycle was confirmed though a party is going to give up")
	}
}

// TestLater: of two waiters one came later, even if they came at the same time (G5).
func TestLater(t *testing.T) {
	a, b := &waiter.Waiter{}, &waiter.Waiter{}
	a.Index, b.Index = 1, 2
	for _, times := range [][2]int64{{1, 1}, {1, 2}, {2, 1}} {
		a.Since.Store(times[0])
		b.Since.Store(times[1])
		if later(a, b) == later(b, a) {
			t.Errorf("of %d, neither or both came later", times)
		}
	}
}

// TestForeignCycle: a walk that runs into a cycle elsewhere, whose victim has not
// left yet, comes to an end, and has found nothing.
func TestForeignCycle(t *testing.T) {
	for _, n := range []int{1, 2, 3, 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRing(t, n)
			for i := range n {
				r.begin(i)
			}
			w := waiter.New(1 << 40)
			Begin(w, 1<<40, &r.locks[0], waiter.ForMutex, nil)
			if cycle := cycleOf(w, &r.locks[0]); cycle != nil {
				t.Errorf("a cycle of %d that the waiter is not part of", len(cycle))
			}
			End(w)
			w.Free()
		})
	}
}

// TestConvict: the first verdict on a wait holds, and one on an earlier wait does not count.
func TestConvict(t *testing.T) {
	r := newRing(t, 2)
	r.begin(0)
	w := r.records[0]
	Convict(w, &waiter.Verdict{Epoch: w.Epoch - 1})
	if Convicted(w) != nil {
		t.Error("a verdict on an earlier wait counts")
	}
	Convict(w, &waiter.Verdict{Epoch: w.Epoch})
	v := Convicted(w)
	Convict(w, &waiter.Verdict{Epoch: w.Epoch})
	if v == nil || Convicted(w) != v {
		t.Errorf("verdicts %p and %p", v, Convicted(w))
	}
}

// TestFlicker: the edges of a cycle come and go so that no two of them ever stand
// at once, and walk by walk each may be seen: that is no deadlock (G4).
func TestFlicker(t *testing.T) {
	r := newRing(t, 3)
	for i := range 3 {
		r.begin(i)
	}
	w, a, b := r.records[0], r.records[1], r.records[2]
	a.Lock.Store(nil)
	b.Lock.Store(nil)
	rnd := seed.Rand(t)
	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !over.Load() {
			for i, f := range []*waiter.Waiter{a, b} {
				// As Begin and End do, but for the table.
				atomic.AddUint32(&f.Epoch, 1)
				f.Lock.Store(r.next(i + 1))
				for range rnd.IntN(8) {
					asm.CPURelax()
				}
				f.Lock.Store(nil)
			}
		}
	})
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
		if cycle := cycleOf(w, r.next(0)); cycle != nil {
			t.Errorf("a deadlock that there never was: %v", cycle)
			break
		}
	}
	over.Store(true)
	wg.Wait()
}

// TestLongCycle: what it takes to find a cycle grows with its length, not with the
// square of it (G3).
func TestLongCycle(t *testing.T) {
	closing := func(n int) time.Duration {
		r := newRing(t, n)
		defer func() {
			for i := range n {
				r.end(i)
			}
		}()
		for i := range n {
			r.begin(i)
		}
		start := time.Now()
		cycle := cycleOf(r.records[n-1], r.next(n-1))
		took := time.Since(start)
		if len(cycle) != n {
			t.Fatalf("a cycle of %d, want %d", len(cycle), n)
		}
		return took
	}
	// Ten times the length takes ten times as long, and with a square a hundred
	// times: repeated, as others use the machine, too.
	best := 1e9
	for range 20 {
		short, long := closing(1000), closing(10_000)
		if best = min(best, float64(long)/float64(short)); best < 25 {
			t.Logf("a cycle of 1,000 in %v, of 10,000 in %v", short, long)
			return
		}
	}
	t.Errorf("a cycle of 10,000 takes at least %.1f times as long as one of 1,000", best)
}

// TestSpare: a walk that is not in use names no lock, which may be garbage by then, and the
// next one finds what there is, also when the numbers of its rounds begin anew.
func TestSpare(t *testing.T) {
	r := newRing(t, 50)
	for i := range r.locks {
		r.begin(i)
	}
	last := len(r.locks) - 1
	find := func() {
		t.Helper()
		if cycle := cycleOf(r.records[last], r.next(last)); len(cycle) != len(r.locks) {
			t.Errorf("found a cycle of %d, want %d", len(cycle), len(r.locks))
		}
	}
	spare.walks = nil
	find()
	if len(spare.walks) != 1 {
		t.Fatalf("%d walks are kept", len(spare.walks))
	}
	k := spare.walks[0]
	if k.start.Lock != nil {
		t.Error("the start of a spare walk names a lock")
	}
	for i, b := range k.path[:cap(k.path)] {
		if b.Lock != nil {
			t.Errorf("step %d of a spare walk's path names a lock", i)
		}
	}
	for i, s := range k.next[:cap(k.next)] {
		if s.Lock != nil {
			t.Errorf("step %d that a spare walk had to go names a lock", i)
		}
	}
	clear(k.seen)
	k.round = ^uint32(0)
	find()
}

// TestReaders: the same cycles are found through locks that are held for reading, by the
// writers that wait for their readers (R4).
func TestReaders(t *testing.T) {
	closing := func(n int) time.Duration {
		locks := make([]gate.Lock, n)
		all := make([]*waiter.Waiter, n)
		slots := make([]readers.Slot, n)
		name := func(i int) uint64 { return uint64(uintptr(unsafe.Pointer(&locks[i]))) }
		reader := func(i int) readers.Reader {
			return as(uint64(i+1) << 20)
		}
		for i := range n {
			if n <= 100 || i%100 == 0 { // all of them would be in one row
				slots[i] = reader(i).Claim(name(i))
			} else {
				locks[i].Owner.Store(reader(i).ID)
			}
		}
		var cycle []Step
		var took time.Duration
		for begun, i := range seed.Rand(t).Perm(n) {
			w := waiter.New(reader(i).ID)
			all[i] = w
			next := locks[(i+1)%n].Word()
			Begin(w, reader(i).ID, next, waiter.ForWriting, nil)
			if begun < n-1 && n > 100 {
				continue
			}
			start := time.Now()
			cycle = cycleOf(w, next)
			took = time.Since(start)
			if want := map[bool]int{true: n}[begun == n-1]; len(cycle) != want {
				t.Fatalf("edge %d of %d finds a cycle of %d", begun, n, len(cycle))
			}
		}
		for k, s := range cycle {
			next := cycle[(k+1)%n]
			if i := next.ID>>20 - 1; s.Reads(next) != (n <= 100 || i%100 == 0) {
				t.Errorf("goroutine %d of %d holds it for reading: %v", i, n, s.Reads(next))
			}
		}
		for i, w := range all {
			End(w)
			w.Free()
			if n <= 100 || i%100 == 0 {
				reader(i).Release(slots[i])
			}
		}
		return took
	}
	for _, n := range []int{1, 2, 3, 8, 100} {
		closing(n)
	}
	best := 1e9
	for range 20 {
		short, long := closing(1000), closing(10_000)
		if best = min(best, float64(long)/float64(short)); best < 15 {
			t.Logf("a cycle of 1,000 in %v, of 10,000 in %v", short, long)
			break
		}
	}
	if best >= 15 {
		t.Errorf("a cycle of 10,000 takes at least %.1f times as long as one of 1,000", best)
	}
	for _, leak := range waiter.Leaks() {
		t.Error(leak)
	}
}

// TestFan: of several cycles that one wait closes it is the victim if it came last, of one
// alone, and nobody else fails (R6).
func TestFan(t *testing.T) {
	var l gate.Lock
	m := new(asm.Owned)
	name := uint64(uintptr(unsafe.Pointer(&l)))
	const n = 5
	m.Owner.Store(1)
	var all [n]*waiter.Waiter
	var slots [n]readers.Slot
	reader := func(i int) readers.Reader { return as(uint64(i + 2)) }
	for i := range n {
		slots[i] = reader(i).Claim(name)
		all[i] = waiter.New(reader(i).ID)
		Begin(all[i], reader(i).ID, m, waiter.ForMutex, nil)
	}
	w := waiter.New(1)
	Begin(w, 1, l.Word(), waiter.ForWriting, nil)
	if found := Cycles(w, l.Word()); len(found) != 1 || len(found[0]) != 2 || found[0][0].Waiter != w {
		t.Errorf("found %v", found)
	}
	// Also if it came last in one only: then the others end with it.
	last := w.Since.Load()
	for i := range n {
		for k := range n {
			all[k].Since.Store(last + map[bool]int64{true: -1, false: 1}[k == i])
		}
		if found := Cycles(w, l.Word()); len(found) != 1 || found[0][0].Waiter != w || found[0][1].Waiter != all[i] {
			t.Errorf("found %v", found)
		}
	}
	// If it came first, each of the others is the victim of a cycle of its own.
	w.Since.Store(1)
	found := Cycles(w, l.Word())
	victims := map[uint64]bool{}
	for _, cycle := range found {
		victims[cycle[0].ID] = len(cycle) == 2 && cycle[0].ID != 1
	}
	if len(found) != n || len(victims) != n {
		t.Errorf("found %d cycles, victims %v", len(found), victims)
	}
	End(w)
	w.Free()
	for i := range n {
		End(all[i])
		all[i].Free()
		reader(i).Release(slots[i])
	}
}

// as returns a reader that does not exist, whose row is the caller's.
func as(id uint64) readers.Reader {
	r := readers.Here()
	r.ID = id
	return r
}
