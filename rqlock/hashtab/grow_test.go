package hashtab

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// TestGrow checks that a map that grows many times has all its elements, that each change
// moves a few buckets only, and that the map does not become too full.
func TestGrow(t *testing.T) {
	m := NewGrowing[int, int]()
	const n = 50_000
	for k := range n {
		before := m.Stats()
		if err := m.Update(k, -k, NoExist); err != nil {
			t.Fatal(err)
		}
		after := m.Stats()
		if after.Len != k+1 || after.Limit != 0 {
			t.Fatalf("after %d insertions: %+v", k+1, after)
		}
		if after.Buckets == before.Buckets && after.Moved > before.Moved+10 {
			t.Fatalf("an insertion moves %d buckets", after.Moved-before.Moved)
		}
		// Not every insertion finds a bucket full, and while the map grows more come.
		if after.Len > 3*full(after.Buckets) {
			t.Fatalf("%d elements in %d buckets", after.Len, after.Buckets)
		}
		if k%997 == 0 {
			for _, old := range []int{0, k / 2, k} {
				if v, ok := m.Lookup(old); !ok || v != -old {
					t.Fatalf("after %d insertions Lookup(%d) = %d, %v", k+1, old, v, ok)
				}
			}
		}
	}
	for k := range n {
		if v, ok := m.Lookup(k); !ok || v != -k {
			t.Fatalf("Lookup(%d) = %d, %v", k, v, ok)
		}
		if err := m.Delete(k); err != nil {
			t.Fatalf("Delete(%d): %v", k, err)
		}
	}
	if m.Len() != 0 {
		t.Errorf("%d elements are left", m.Len())
	}
}

// TestGrowWhileUsed has goroutines look for keys that are always present, iterate, and change
// other ones, while the map grows.
func TestGrowWhileUsed(t *testing.T) {
	number := seed.Of(t)
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		m := NewGrowing[int, int]()
		const stay, come = 50, 5000
		for k := range stay {
			m.Update(-k-1, k, NoExist)
		}
		var done atomic.Bool
		var readers, writers sync.WaitGroup
		for id := range 2 {
			writers.Go(func() {
				rnd := seed.New(number, 10*round+id)
				for k := range come {
					must(t, m.Update(2*k+id, k, NoExist))
					if old := rnd.IntN(k + 1); old%3 == 0 {
						must(t, m.Update(2*old+id, old, Exist))
					}
				}
			})
		}
		readers.Go(func() {
			for i := 0; !done.Load(); i++ {
				if v, ok := m.Lookup(-i%stay - 1); !ok || v != i%stay {
					t.Errorf("Lookup(%d) = %d, %v", -i%stay-1, v, ok)
					return
				}
			}
		})
		readers.Go(func() {
			for !done.Load() {
				checkStay(t, m, stay)
			}
		})
		writers.Wait()
		done.Store(true)
		readers.Wait()
		if m.Len() != stay+2*come {
			t.Fatalf("Len() = %d", m.Len())
		}
		for k := range 2 * come {
			if v, ok := m.Lookup(k); !ok || v != k/2 {
				t.Fatalf("Lookup(%d) = %d, %v", k, v, ok)
			}
		}
	}
}

// checkStay iterates, in batches that begin again at each bucket, and expects each key that
// is always present, and each other one once at most.
func checkStay(t *testing.T, m *Map[int, int], stay int) {
	seen := map[int]bool{}
	var at Cursor
	keys, values := make([]int, 100), make([]int, 100)
	for {
		n, err := m.LookupBatch(&at, keys, values)
		if err != nil {
			t.Error(err)
			return
		}
		if n == 0 {
			break
		}
		for _, k := range keys[:n] {
			if seen[k] {
				t.Errorf("%d comes twice", k)
			}
			seen[k] = true
		}
	}
	for k := range stay {
		if !seen[-k-1] {
			t.Errorf("%d does not come", -k-1)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// TestGrowHeld lets a map grow while a callback has one of its buckets locked. Nothing waits
// for that, and afterwards the growth ends.
func TestGrowHeld(t *testing.T) {
	m := NewGrowing[int, int]()
	m.Update(-1, 5, Any)
	first := m.table.Load()
	const n = 5000
	_, _, err := m.Compute(-1, func(v int, _ bool) (int, Action) {
		done := make(chan bool)
		go func() {
			defer close(done)
			for k := range n {
				if bucketOf(m, k) != bucketOf(m, -1) {
					must(t, m.Update(k, k, NoExist))
				}
			}
		}()
		<-done
		if m.table.Load() != first {
			t.Error("the growth has ended without the bucket that was locked")
		}
		return v + 1, Set
	})
	must(t, err)
	for k := range n {
		must(t, m.Update(k, k, Any))
	}
	if v, ok := m.Lookup(-1); v != 6 || !ok {
		t.Errorf("the element that was locked: %d, %v", v, ok)
	}
	if s := m.Stats(); 2*full(s.Buckets) < n || m.Len() != n+1 {
		t.Errorf("%+v", s)
	}
}

// TestGrowWhileLocking has a writer wait for a bucket that moves meanwhile. It changes the
// bucket that has the elements now.
func TestGrowWhileLocking(t *testing.T) {
	m := narrow(NewGrowing[int, int](), 1)
	must(t, m.Update(1, 1, Any))
	table := m.table.Load()
	next := newTable[int, int](2)
	table.next.Store(next)
	hash := m.hash(1)
	b := table.bucket(hash)
	must(t, b.lock.Lock())
	before := rqlock.ReadEvents()
	done := make(chan error)
	go func() { done <- m.Update(1, 2, Exist) }()
	for end := time.Now().Add(patience); rqlock.ReadEvents() == before && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // until it waits
	}
	m.move(b, hash>>table.shift, next)
	b.lock.Unlock()
	must(t, <-done)
	must(t, m.Update(3, 3, Any))
	must(t, m.Delete(1))
	if _, ok := m.Lookup(1); ok {
		t.Error("an element is found that was deleted")
	}
	if at := next.bucket(hash).search(next.bucket(hash).header.load(), hash, 1); at != nil {
		t.Error("an element is in the next table that was deleted")
	}
}

// TestGrowStale checks that a reader which has begun before a bucket moved finds there what
// the bucket had, and that a writer with an old table finds the new one.
func TestGrowStale(t *testing.T) {
	m := narrow(NewGrowing[int, string](), 1)
	for k := range 4 {
		m.Update(k, "old", Any)
	}
	t1 := m.table.Load()
	next := newTable[int, string](2)
	t1.next.Store(next)
	hash := m.hash(2)
	b := t1.bucket(hash)
	h := b.header.load()
	for i := range t1.buckets {
		b := &t1.buckets[i]
		must(t, b.lock.Lock())
		m.move(b, uint64(i), next)
		b.lock.Unlock()
	}
	m.Update(2, "new", Any) // The table is still the old one.
	if e := b.search(h, hash, 2); e == nil || *e.value.Fixed() != "old" {
		t.Error("a reader that has begun before misses the element")
	}
	if v, _ := m.Lookup(2); v != "new" {
		t.Errorf("Lookup finds %q", v)
	}
	if got := len(collect(m)); got != 4 {
		t.Errorf("All yields %d elements", got)
	}
}

func collect[K comparable, V any](m *Map[K, V]) (all []pair[K, V]) {
	for k, v := range m.All() {
		all = append(all, pair[K, V]{k, v})
	}
	return all
}

// TestGrowMemory checks that an element takes at most 48 bytes, with as many elements for
// each bucket as 10,000,000 have.
func TestGrowMemory(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("the bound is for 64 bits")
	}
	n := 10_000_000 / 32
	if testing.Short() {
		n /= 8
	}
	used := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	before := used()
	m := NewGrowing[int, int]()
	for k := range n {
		m.Update(k, k, NoExist)
	}
	if each := float64(used()-before) / float64(n); each > 48 || each < 16 {
		t.Errorf("%.1f bytes for each element", each)
	}
	runtime.KeepAlive(m)
}

// TestOnDemandGrows checks that a map with a limit begins small, grows, and keeps the limit.
func TestOnDemandGrows(t *testing.T) {
	const limit = 3000
	m := NewOnDemand[int, int](limit)
	if s := m.Stats(); s.Buckets > fewElements || s.Limit != limit {
		t.Errorf("in the beginning: %+v", s)
	}
	for k := range limit {
		must(t, m.Update(k, k, Any))
	}
	if err := m.Update(limit, 0, Any); err != ErrFull {
		t.Errorf("one more: %v", err)
	}
	if s := m.Stats(); s.Len != limit || 2*full(s.Buckets) < limit || s.Buckets > limit {
		t.Errorf("in the end: %+v", s)
	}
}

// TestReaderTakesLock has a bucket change all the time. A reader gives up to copy it, takes
// the lock, and ends.
func TestReaderTakesLock(t *testing.T) {
	for name, read := range map[string]func(m *Map[int, int]) int{
		"Lookup": func(m *Map[int, int]) int { v, _ := m.Lookup(1); return v },
		"All": func(m *Map[int, int]) int {
			for _, v := range m.All() {
				return v
			}
			return 0
		},
	} {
		m := New[int, int](2)
		m.Update(1, 10, Any)
		b := bucketOf(m, 1)
		must(t, b.lock.Lock())
		h := b.open() // From now on no reader can copy.
		result := make(chan int, 1)
		go func() { result <- read(m) }()
		for end := time.Now().Add(patience); m.Stats().LockedLookups == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%s does not take the lock", name)
				break
			}
		}
		select {
		case v := <-result:
			t.Errorf("%s returns %d while the bucket changes", name, v)
		default:
		}
		b.close(h)
		b.lock.Unlock()
		if v := <-result; v != 10 {
			t.Errorf("%s returns %d", name, v)
		}
	}
}
