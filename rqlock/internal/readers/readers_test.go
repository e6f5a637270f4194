package readers

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

func checkEmpty(t *testing.T) {
	t.Helper()
	if n := Number(); n != 0 {
		t.Errorf("%d slots are left", n)
	}
	for n := range further.chunks {
		if c, rows := rowsOf(n); rows != nil {
			if u := c.used.Load(); u != 0 {
				t.Errorf("chunk %d is said to have %d slots", n, u)
			}
			for at := range rows {
				if p := passed(&rows[at]); p != 0 {
					t.Errorf("row %d of chunk %d says that %d slots went further", at, n, p)
				}
			}
		}
	}
	beyond := Rows() - bits.OnesCount64(use.rows[0].Load())
	if n := use.beyond.Load(); n != int64(beyond) {
		t.Errorf("%d rows in use are said to be beyond the first 64, want %d", n, beyond)
	}
	for at := range blocked {
		if blocked[at].first != nil {
			t.Errorf("somebody is left in bucket %d of those who wait", at)
		}
	}
}

// TestSlots plays random claims and releases of readers that share a row, against a map: each
// read lock is found by its reader and by its lock, wherever its slot is (R2, R10).
func TestSlots(t *testing.T) {
	defer checkEmpty(t)
	rnd := seed.Rand(t)
	type key struct{ id, lock uint64 }
	held := map[key]Slot{}
	const ids, locks = 9, 7
	for range 5000 {
		r := At(1+rnd.Uint64N(ids), 17)
		lock := 64 * (1 + rnd.Uint64N(locks))
		k := key{r.ID, lock}
		s, found := r.Find(lock)
		if want, ok := held[k]; ok != found || s != want {
			t.Fatalf("reader %d of lock %d: found %v, want %v", r.ID, lock, found, ok)
		}
		if found {
			r.Release(s)
			delete(held, k)
		} else {
			held[k] = r.Claim(lock)
		}
		if rnd.IntN(50) != 0 {
			continue
		}
		for lock := uint64(64); lock <= 64*locks; lock += 64 {
			var got, want []uint64
			Each(lock, func(id uint64) bool { got = append(got, id); return true })
			for k := range held {
				if k.lock == lock {
					want = append(want, k.id)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("lock %d has readers %d, want %d", lock, got, want)
			}
			if some, _ := Any(lock); some != (len(want) > 0) {
				t.Fatalf("lock %d: any reader: %v, want %d", lock, some, want)
			}
			if none, _ := None(lock); none && len(want) > 0 {
				t.Fatalf("lock %d has no reader at a short look, want %d", lock, want)
			}
		}
		for id := uint64(1); id <= ids; id++ {
			n := 0
			At(id, 17).Held(func(lock uint64) {
				if _, ok := held[key{id, lock}]; !ok {
					t.Fatalf("reader %d is said to hold %d", id, lock)
				}
				n++
			})
			for k := range held {
				if k.id == id {
					n--
				}
			}
			if n != 0 {
				t.Fatalf("%d too many locks of reader %d", n, id)
			}
		}
	}
	for k, s := range maps.All(held) {
		At(k.id, 17).Release(s)
	}
}

// TestNone: a short look finds a reader in each slot of a row, also one that reads again. It says
// nothing if there are slots elsewhere (R1).
func TestNone(t *testing.T) {
	defer checkEmpty(t)
	const lock, other, rows = 8, 16, 5
	none := func() bool { ok, _ := None(lock); return ok }
	sweep() // so that no row of another test is in use
	for row := range uint32(rows) {
		r := At(1, row)
		held := []Slot{r.Claim(other), r.Claim(other), r.Claim(other)}
		if ok, n := None(lock); !ok || n != int(row)+1 {
			t.Errorf("none reads: %v, in %d rows, want %d", ok, n, row+1)
		}
		for i := range held {
			r.Release(held[i])
			held[i] = r.Claim(lock)
			if none() {
				t.Errorf("no reader, with one in slot %d", i)
			}
			held[i].Deepen(+1)
			if none() {
				t.Errorf("no reader, with one in slot %d that reads twice", i)
			}
			r.Release(held[i])
			held[i] = r.Claim(other)
		}
		further := r.Claim(other)
		if none() {
			t.Error("no reader, with a slot in a chunk")
		}
		for _, s := range append(held, further) {
			r.Release(s)
		}
	}
}

// TestCollisions: readers that share rows claim and release at once, and none of them loses
// its slot or finds another's (R2, R10).
func TestCollisions(t *testing.T) {
	defer checkEmpty(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := At(uint64(g+1), uint32(g%2))
			for range 3000 {
				a, b := r.Claim(8), r.Claim(16)
				if s, ok := r.Find(8); !ok || s != a || s.More() != 0 {
					t.Errorf("reader %d has lost its slot", r.ID)
				}
				a.Deepen(+1)
				r.Release(b)
				if d := a.More(); d != 1 {
					t.Errorf("depth %d", d)
				}
				r.Release(a)
				if _, ok := r.Find(8); ok {
					t.Errorf("reader %d has a slot that it has released", r.ID)
				}
			}
		})
	}
	wg.Wait()
}

// TestManyRows: any number of read locks may be held, and afterwards nothing but empty
// chunks is there (R10).
func TestManyRows(t *testing.T) {
	defer checkEmpty(t)
	const n = 20_000
	slots := make([]Slot, n)
	reader := func(i int) Reader { return At(uint64(i+1), uint32(i%3)) }
	for i := range n {
		if i >= 200 { // the same few rows are full soon; then others are used, too
			break
		}
		slots[i] = reader(i).Claim(8)
	}
	spread := func(i int) Reader { return At(uint64(i+1), uint32(uint64(i)*448*0x9e3779b97f4a7c15>>32)) }
	for i := 200; i < n; i++ {
		slots[i] = spread(i).Claim(8)
	}
	found := 0
	Each(8, func(uint64) bool { found++; return true })
	if found != n || Number() != n {
		t.Errorf("%d readers of %d, in %d slots", found, n, Number())
	}
	for i := range n {
		r := spread(i)
		if i < 200 {
			r = reader(i)
		}
		if s, ok := r.Find(8); !ok || s != slots[i] {
			t.Fatalf("reader %d is not found", i)
		}
		r.Release(slots[i])
	}
}

// TestChunksInUse: a writer looks at the chunks that have slots, and at no others.
func TestChunksInUse(t *testing.T) {
	defer checkEmpty(t)
	const lock, other = 8, 16
	look := func(what string, want int) {
		t.Helper()
		if some, rows := Any(lock); some || rows != Rows()+want {
			t.Errorf("%s: found %v in %d rows, want %d beside those in use", what, some, rows-Rows(), want)
		}
		if over := overflowed(); over != (want > 0) {
			t.Errorf("%s: slots are said to be in chunks: %v", what, over)
		}
	}
	var held []Slot
	claim := func(r Reader, upTo uint8) {
		for len(held) == 0 || held[len(held)-1].chunk < upTo {
			held = append(held, r.Claim(other))
		}
	}
	look("at first", 0)
	claim(At(1, 3), 1)
	look("one chunk", firstChunk)
	claim(At(1, 3), 2)
	look("two chunks", 3*firstChunk)
	last := len(held) - 1
	for _, s := range held[:last] {
		At(1, 3).Release(s)
	}
	look("the second chunk alone", 2*firstChunk)
	if some, _ := Any(other); !some {
		t.Error("a slot of the second chunk is not found")
	}
	if s, ok := At(1, 3).Find(other); !ok || s != held[last] {
		t.Error("its reader does not find it")
	}
	At(1, 3).Release(held[last])
	look("at the end", 0)
}

// TestAdmit: a chunk has no more slots than it may.
func TestAdmit(t *testing.T) {
	var c chunk
	for range 3 {
		if !c.admit(3) {
			t.Error("no room for three")
		}
	}
	if c.admit(3) || c.used.Load() != 3 {
		t.Errorf("%d slots are said to be in a chunk for three", c.used.Load())
	}
}

// TestClear: what others clear leaves nothing behind, wherever it is, and a reader whose slots are
// further on still finds them (R10).
func TestClear(t *testing.T) {
	defer checkEmpty(t)
	const ended, held = 8, 16
	var all []Slot
	for i := range uint32(3000) { // more than the first chunk has, and behind one another in their rows
		r := At(uint64(1+i), i%70)
		r.Claim(ended)
		all = append(all, r.Claim(held))
	}
	_, slots := Named(ended, false)
	if n, whole := Clear(ended, slots); n != len(all) || !whole {
		t.Errorf("%d slots are cleared, of %d; all of them: %v", n, len(all), whole)
	}
	for i, want := range all {
		r := At(uint64(1+i), uint32(i)%70)
		if s, ok := r.Find(held); !ok || s != want {
			t.Fatalf("reader %d is not found", r.ID)
		}
		r.Release(want)
	}
}

// TestClearBeside: slots are cleared while others claim and release in the same rows (R10).
func TestClearBeside(t *testing.T) {
	defer checkEmpty(t)
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			r, lock := At(uint64(g+1), uint32(g%2)), uint64(8*(g+1))
			for range 2000 {
				for range 5 {
					r.Claim(lock)
				}
				if g < 4 {
					_, slots := Named(lock, false)
					if n, all := Clear(lock, slots); n != 5 || !all {
						t.Errorf("%d slots of reader %d are cleared, all of them: %v", n, r.ID, all)
					}
				}
				for s, held := r.Find(lock); held; s, held = r.Find(lock) {
					if g < 4 {
						t.Errorf("reader %d has a slot that was cleared", r.ID)
					}
					r.Release(s)
				}
			}
		})
	}
	wg.Wait()
}

// TestUse: a writer looks at the rows alone that are in use. One in which nobody reads any more
// is taken out of use now and then, also while readers claim slots in it: whoever has a slot
// and looks at the owner later is seen (R1).
func TestUse(t *testing.T) {
	defer checkEmpty(t)
	const row = 5
	sweep()
	before := Rows()
	r := At(1, row)
	s := r.Claim(8)
	if n := Rows(); n != before+1 {
		t.Errorf("%d rows are in use, want %d", n, before+1)
	}
	sweep()
	if some, n := Any(8); !some || n > before {
		t.Errorf("after a sweep, found %v behind %d rows", some, n)
	}
	r.Release(s)
	if some, n := Any(8); some || n != before+1 {
		t.Errorf("found %v in %d rows", some, n)
	}
	sweep()
	if n := Rows(); n != before {
		t.Errorf("%d rows are in use after a sweep, want %d", n, before)
	}

	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 20_000 {
			s := r.Claim(8)
			if some, _ := Any(8); !some {
				t.Error("a slot is not found")
				break
			}
			r.Release(s)
		}
		over.Store(true)
	})
	wg.Go(func() {
		for !over.Load() {
			sweep()
		}
	})
	wg.Wait()
}

// TestHeat: a lock is hot after a run of reads, and cools down when its writers had to look at
// too many rows.
func TestHeat(t *testing.T) {
	const lock, other = 0x1000, 0x1008
	for i := range run {
		if hot := Warm(lock); hot {
			t.Fatalf("hot after %d reads", i+1)
		}
		Warm(other)
	}
	if !Warm(lock) {
		t.Error("not hot after a run of reads")
	}
	reads := 1
	for ; !Warm(lock) && reads <= retry; reads++ {
	}
	if reads != retry {
		t.Errorf("a lock that did not move tries again after %d reads, want %d", reads, retry)
	}
	// At first it is tried whether fewer rows are in use, unless that was done just now. It is
	// tried once, however long the writers take.
	for swept, want := range map[int64]int{clock.Now() + int64(time.Hour): budget, -int64(time.Hour): 2 * budget} {
		use.swept.Store(swept)
		Hot(lock)
		rows := 0
		for ; !Cool(lock, 1) && rows <= want; rows++ {
			if swept < 0 {
				use.swept.Store(swept)
			}
		}
		if rows < want-2 || rows > want {
			t.Errorf("cool after %d rows, want %d", rows, want)
		}
		if Warm(lock) {
			t.Error("hot at once")
		}
	}
	// The more rows the writers had to look at, the more reads it takes then.
	for rows, want := range map[int]int{1: run, 4 * run: run, 4*run + 4: run + 1, 4 * retry: retry, 100_000: retry} {
		use.swept.Store(clock.Now() + int64(time.Hour))
		Hot(lock)
		for !Cool(lock, rows) {
		}
		reads := 0
		for ; !Warm(lock) && reads <= retry; reads++ {
		}
		if reads != want {
			t.Errorf("hot after %d reads, when its writers had looked at %d rows at a time, want %d", reads, rows, want)
		}
	}
	use.swept.Store(0)
	heat, _ := heatOf(lock)
	for _, f := range []func() bool{func() bool { return Warm(lock) }, func() bool { return Cool(lock, 1) }} {
		*heat = 1<<63 | retry // another lock's
		if f() {
			t.Error("it took another lock's heat for its own")
		}
	}
	*heat = 0
}

// TestOthers: a slot that changes within a short while was not left behind by a goroutine that
// ended, and one that stays may have been, however many others there are that change.
func TestOthers(t *testing.T) {
	defer checkEmpty(t)
	const lock = 8
	mine := At(1, 0)
	s := mine.Claim(lock)
	defer mine.Release(s)
	if !Others(lock, s) {
		t.Error("alone, and there are others")
	}
	for _, kind := range []struct {
		name    string
		changes []func(r Reader, s *Slot)
	}{
		{"come and go", []func(r Reader, s *Slot){
			func(r Reader, s *Slot) { r.Release(*s) },
			func(r Reader, s *Slot) { *s = r.Claim(lock) },
		}},
		{"are counted", []func(r Reader, s *Slot){func(r Reader, s *Slot) { s.Count() }}}, // every other time, as the mark overflows
	} {
		var others []Reader
		var slots []Slot
		for i := range len(watched{}.slots) + 4 {
			others = append(others, At(uint64(2+i), uint32(1+i%(fewest-1))))
			slots = append(slots, others[i].Claim(lock))
		}
		last := At(1<<40, fewest-1)
		stays := last.Claim(lock)
		var stop atomic.Bool
		over := make(chan bool)
		go func() {
			for !stop.Load() {
				for _, change := range kind.changes {
					for i := range slots {
						change(others[i], &slots[i])
					}
				}
			}
			close(over)
		}()
		for range 200 {
			if Others(lock, s) {
				t.Errorf("readers %s: one that stays is said to change", kind.name)
				break
			}
		}
		last.Release(stays)
		for end := time.Now().Add(20 * time.Second); !Others(lock, s); {
			if time.Now().After(end) {
				t.Errorf("readers %s, and that is not seen", kind.name)
				break
			}
		}
		stop.Store(true)
		<-over
		for i := range slots {
			others[i].Release(slots[i])
		}
	}
}

// TestScan: a scan finds each slot that names the lock once, wherever it is, and goes on from
// where it was.
func TestScan(t *testing.T) {
	defer checkEmpty(t)
	const n = 400
	var slots [n]Slot
	reader := func(i int) Reader { return At(uint64(i+1), uint32(i%7)) }
	for i := range n {
		slots[i] = reader(i).Claim(uint64(8 + i%2*8))
	}
	var s Scan
	found := map[*uint64]bool{}
	for p := s.Next(8); p != nil; p = s.Next(8) {
		if found[p] || s.Next(8) != p {
			t.Fatal("a slot twice, or not the same again")
		}
		found[p] = true
		s.slot++
	}
	if len(found) != n/2 || Count(8) != n/2 || Count(24) != 0 {
		t.Errorf("%d slots, and %d, want %d", len(found), Count(8), n/2)
	}
	for i := range n {
		reader(i).Release(slots[i])
	}
}

// TestBlocked: those who hold a lock for reading and wait are found by the lock, and leave
// nothing behind (R4).
func TestBlocked(t *testing.T) {
	defer checkEmpty(t)
	const n = 5
	var b [n]Blocked
	for round := range 3 {
		var slots [n][]Slot
		for i := range n {
			r := At(uint64(i+1), 3)
			for lock := 0; lock <= i; lock++ {
				slots[i] = append(slots[i], r.Claim(uint64(8+8*lock)))
			}
			b[i].Enter(r, uint32(i+1))
		}
		for lock := range n {
			got := AppendBlocked(nil, uint64(8+8*lock))
			slices.Sort(got)
			var want []uint32
			for i := lock; i < n; i++ {
				want = append(want, uint32(i+1))
			}
			if !slices.Equal(got, want) {
				t.Errorf("round %d: lock %d has %d, want %d", round, lock, got, want)
			}
			for i := range n {
				if IsBlocked(uint64(8+8*lock), uint32(i+1)) != (i >= lock) {
					t.Errorf("record %d, lock %d", i+1, lock)
				}
			}
		}
		for _, i := range seed.Rand(t).Perm(n) {
			b[i].Leave()
			for _, s := range slots[i] {
				At(uint64(i+1), 3).Release(s)
			}
			if got := AppendBlocked(nil, 8); slices.Contains(got, uint32(i+1)) {
				t.Errorf("record %d is still there", i+1)
			}
		}
	}
	if allocs := testing.AllocsPerRun(100, func() {
		b[0].Enter(Here(), 1)
		b[0].Leave()
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func ExampleReader() {
	const lock = 0xc000012340
	me := Here()
	s := me.Claim(lock)
	Each(lock, func(id uint64) bool {
		fmt.Println(id == me.ID)
		return true
	})
	me.Release(s)
	_, held := me.Find(lock)
	fmt.Println(held)
	// Output:
	// true
	// false
}
