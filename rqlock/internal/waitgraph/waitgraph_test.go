package waitgraph

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/delays"
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

// TestHandedOver: a lock that is handed over is in no cycle. A walk does not go on from it, and
// one that it was on before is not confirmed.
func TestHandedOver(t *testing.T) {
	r := newRing(t, 2)
	r.begin(0)
	r.begin(1)
	cycle := []Step{r.step(1), r.step(0)}
	if changed(cycle) != -1 {
		t.Fatal("a cycle is not confirmed")
	}
	mark := func(handed bool) {
		attributes.Change(&r.locks[0], func(a *attributes.Attributes) { a.HandedOver = handed })
	}
	mark(true)
	defer mark(false)
	if changed(cycle) != 1 {
		t.Error("a cycle is confirmed that has a lock which is handed over")
	}
	if _, _, ok := r.step(1).owner(); ok || HolderWaits(&r.locks[0], waiter.ForMutex) {
		t.Error("a walk goes on to who has acquired a Mutex that is handed over")
	}

	var l gate.Lock
	reader := as(1 << 40)
	blocked := waiter.New(reader.ID)
	if !l.TryRead(reader) || !l.TryRead(as(2<<40)) {
		t.Fatal("a free lock is not read")
	}
	Begin(blocked, reader.ID, r.next(0), waiter.ForMutex, nil)
	writer := waiter.New(3 << 40)
	Begin(writer, 3<<40, l.Word(), waiter.ForWriting, nil)
	waits, holds := Step{Waiter: writer, ID: 3 << 40, Kind: waiter.ForWriting, Lock: l.Word()}, Step{Waiter: blocked, ID: reader.ID}
	edges := func() int {
		var k walk
		k.enter(waits)
		return len(k.next)
	}
	if !waits.heldBy(holds) || edges() != 1 || !HolderWaits(l.Word(), waiter.ForWriting) {
		t.Error("a writer does not wait for a reader")
	}
	l.LeaveAny()
	if waits.heldBy(holds) || edges() != 0 || HolderWaits(l.Word(), waiter.ForWriting) {
		t.Error("a walk goes on to a reader of a lock that is handed over")
	}
	for _, w := range []*waiter.Waiter{blocked, writer} {
		End(w)
		w.Free()
	}
	l.LeaveAny()
	if !l.TryLock() { // and the slots go
		t.Fatal("somebody reads still")
	}
	l.Unlock()
}

// TestDissolve: a reader that waits for a writer, which waits for readers, is let in if that
// closes a cycle (R5). It is not let in if the walk took its record for that of one who reads: the
// goroutine that had the record then has moved on.
func TestDissolve(t *testing.T) {
	var l gate.Lock
	var m asm.Owned
	reads, wants := as(1<<40), as(2<<40)
	holder, reader, writer := waiter.New(reads.ID), waiter.New(wants.ID), waiter.New(3<<40)
	if !l.TryRead(reads) || !l.Take(3<<40) {
		t.Fatal("not free")
	}
	m.Owner.Store(wants.ID)
	l.Drain(writer)
	Begin(writer, 3<<40, l.Word(), waiter.ForWriting, nil)
	Begin(reader, wants.ID, l.Word(), waiter.ForReading, nil)
	if l.Wait(reader) != gate.Leading {
		t.Fatal("the reader does not wait")
	}
	Begin(holder, reads.ID, &m, waiter.ForMutex, nil)
	step := func(w *waiter.Waiter) Step {
		s, ok := stepOf(w)
		if !ok {
			t.Fatal("one does not wait")
		}
		return s
	}
	k := newWalk(step(holder))
	if !k.dissolve(Cycle{step(writer), step(reader)}) || !slices.Equal(k.skipped, []uint32{reader.Index}) || l.Look(reader) == gate.Admitted {
		t.Error("let in without a cycle, or not passed over from now on")
	}
	k.skipped = k.skipped[:0]
	if s := step(holder); k.dissolve(Cycle{{s.Waiter, s.ID, s.Epoch - 1, s.Kind, s.Lock}, step(reader), step(writer)}) || l.Look(reader) == gate.Admitted {
		t.Error("let in though the one that looks has moved on, or it looks again")
	}
	k.skipped = k.skipped[:0]
	l.Withdraw(reader) // it gives up, and has not taken its edge back yet
	if !k.dissolve(Cycle{step(holder), step(reader), step(writer)}) || !slices.Equal(k.skipped, []uint32{reader.Index}) {
		t.Error("a reader that gives up is not passed over")
	}
	k.skipped = k.skipped[:0]
	if l.Wait(reader) != gate.Leading {
		t.Fatal("the reader does not wait")
	}
	if !k.dissolve(Cycle{step(holder), step(reader), step(writer)}) || l.Look(reader) != gate.Admitted {
		t.Error("not let in to dissolve a cycle")
	}
	k.free()
	for _, w := range []*waiter.Waiter{holder, reader, writer} {
		End(w)
		w.Free()
	}
	l.Leave(reader.Reader)
	l.Leave(reads)
	if l.Read() {
		t.Error("somebody is left")
	}
}

// TestDissolveAll: one wait may close several such cycles. A reader of each is let in, and nobody
// fails (R5).
func TestDissolveAll(t *testing.T) {
	const n = 3
	var wanted gate.Lock
	locks := make([]gate.Lock, n)
	id := func(kind, i int) uint64 { return uint64(kind*n+i+1) << 40 }
	last := as(id(3, 0))
	w := waiter.New(last.ID)
	all := []*waiter.Waiter{w}
	for i := range locks {
		l, reads, writes := &locks[i], as(id(1, i)), id(2, i)
		if !l.TryRead(last) || !l.Take(writes) || !wanted.TryRead(reads) {
			t.Fatal("not free")
		}
		writer, reader := waiter.New(writes), waiter.New(reads.ID)
		l.Drain(writer)
		Begin(writer, writes, l.Word(), waiter.ForWriting, nil)
		Begin(reader, reads.ID, l.Word(), waiter.ForReading, nil)
		if l.Wait(reader) != gate.Leading {
			t.Fatal("the reader does not wait")
		}
		all = append(all, writer, reader)
	}
	Begin(w, last.ID, wanted.Word(), waiter.ForWriting, nil)
	if found := Cycles(w, wanted.Word()); found != nil {
		t.Errorf("%d deadlocks", len(found))
	}
	for i := range locks {
		if locks[i].Look(all[2+2*i]) != gate.Admitted {
			t.Errorf("reader %d is not let in", i)
		}
		locks[i].Leave(as(id(1, i)))
		locks[i].Leave(last)
		wanted.Leave(as(id(1, i)))
	}
	for _, w := range all {
		End(w)
		w.Free()
	}
	for _, leak := range waiter.Leaks() {
		t.Error(leak)
	}
}

// TestAdmitted: a reader that was let in waits no more, though its edge is there until it runs.
func TestAdmitted(t *testing.T) {
	var l gate.Lock
	w := waiter.New(1 << 40)
	Begin(w, 1<<40, l.Word(), waiter.ForReading, nil)
	if _, waits := stepOf(w); !waits {
		t.Error("a reader does not wait")
	}
	w.Stage.Store(waiter.Admitted)
	if _, waits := stepOf(w); waits {
		t.Error("a reader that was let in waits")
	}
	w.Stage.Store(waiter.NotListed)
	End(w)
	w.Free()
}

// TestWaited: each wait is told of before it ends, with its length, to who watches and to the
// profiles of the waits and of the unlocks.
func TestWaited(t *testing.T) {
	defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(1))
	var told time.Duration
	watch := func(d time.Duration) { told = d }
	defer delays.Watched.Store(delays.Watched.Swap(&watch))
	sum := func(table *delays.Table) (d time.Duration) {
		for _, of := range table.All() {
			d += of.Time
		}
		return d
	}
	waits, unlocks := sum(&delays.Waits), sum(&delays.Unlocks)
	var l asm.Owned
	w := waiter.New(1 << 40)
	Begin(w, 1<<40, &l, waiter.ForMutex, nil)
	w.Since.Add(-int64(time.Hour))
	l.Owner.Store(1 << 40) // it has got the lock
	End(w)
	w.Free()
	if told < time.Hour {
		t.Errorf("told of a wait of %v", told)
	}
	if waits, unlocks := sum(&delays.Waits)-waits, sum(&delays.Unlocks)-unlocks; waits < time.Hour || unlocks <= 0 {
		t.Errorf("added up are waits of %v, and %v that an unlock has caused", waits, unlocks)
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
// at once, and walk by walk each may be seen: that is no deadlock (G4). A walk may also look at a
// record between two waits, or while one ends and the next begins.
func TestFlicker(t *testing.T) {
	r := newRing(t, 3)
	for i := range 3 {
		r.begin(i)
	}
	flicker(t, []edge{{r.records[1], r.next(1)}, {r.records[2], r.next(2)}}, func() bool {
		cycle := cycleOf(r.records[0], r.next(0))
		if cycle != nil {
			t.Errorf("a deadlock that there never was: %v", cycle)
		}
		return cycle == nil
	})
}

// TestFlickerBeside: a deadlock is found beside such a cycle, whichever of the two the walk comes
// to first (G4).
func TestFlickerBeside(t *testing.T) {
	// 0 waits for the readers of l, which are 1 and 3. 1 waits for 2, and 2 and 3 for 0.
	for _, order := range [][]int{{2, 1, 3, 0}, {2, 3, 1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			var l gate.Lock
			r := newRing(t, 4)
			wants := [...]*asm.Owned{l.Word(), &r.locks[2], &r.locks[0], &r.locks[0]}
			for _, reader := range []int{1, 3} {
				if !l.TryRead(as(r.ids[reader])) {
					t.Fatal("not free")
				}
				defer l.Leave(as(r.ids[reader]))
			}
			for _, i := range order {
				r.records[i] = waiter.New(r.ids[i])
				kind := waiter.ForMutex
				if i == 0 {
					kind = waiter.ForWriting
				}
				Begin(r.records[i], r.ids[i], wants[i], kind, nil)
			}
			flicker(t, []edge{{r.records[1], wants[1]}, {r.records[2], wants[2]}}, func() bool {
				cycle := cycleOf(r.records[0], l.Word())
				if len(cycle) != 2 {
					t.Errorf("found %v", cycle)
				}
				return len(cycle) == 2
			})
		})
	}
}

// An edge is a wait for a lock, which may come and go.
type edge struct {
	w *waiter.Waiter
	l *asm.Owned
}

// flicker has one of the edges at a time be there, and calls f meanwhile until it fails or enough
// time has passed.
func flicker(t *testing.T, edges []edge, f func() bool) {
	t.Helper()
	for _, e := range edges {
		e.w.Lock.Store(nil)
	}
	rnd := seed.Rand(t)
	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !over.Load() {
			for _, e := range edges {
				// As Begin and End do, but for the table.
				atomic.AddUint32(&e.w.Epoch, 1)
				e.w.Lock.Store(e.l)
				for range rnd.IntN(8) {
					asm.CPURelax()
				}
				e.w.Lock.Store(nil)
			}
		}
	})
	// Without the second look at the epoch, 7 of 20 runs of TestFlicker fail in this time.
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end) && f(); {
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
	checkLinear(t, closing)
}

// checkLinear checks that a function which closes a cycle of so many goroutines takes ten times as
// long for 10,000 as for 1,000, and not a hundred times. The bound is between the two, since the
// larger one does not fit into a processor's own caches. Others use the machine, too, so the
// shortest times count.
func checkLinear(t *testing.T, closing func(n int) time.Duration) {
	t.Helper()
	const bound, least, most = 50, 5, 20
	short, long := time.Hour, time.Hour
	for round := 0; round < least || round < most && long >= bound*short; round++ {
		short, long = min(short, closing(1000)), min(long, closing(10_000))
	}
	t.Logf("a cycle of 1,000 in %v, of 10,000 in %v", short, long)
	if long >= bound*short {
		t.Errorf("a cycle of 10,000 takes %.1f times as long as one of 1,000", float64(long)/float64(short))
	}
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
	for i := range k.seen {
		k.seen[i] = 1 // as the first round leaves it after the last
	}
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
	checkLinear(t, closing)
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
