package hashtab

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/freelist"
)

// kinds are the two ways to make a map.
var kinds = map[string]func(int) *Map[string, string]{
	"preallocated": New[string, string],
	"on demand":    NewOnDemand[string, string],
}

// model is what a map must be like.
type model struct {
	of    map[string]string
	limit int
}

func (m *model) update(k, v string, flag Flag) error {
	_, ok := m.of[k]
	switch {
	case ok && flag == NoExist:
		return ErrExist
	case !ok && flag == Exist:
		return ErrNotExist
	case !ok && len(m.of) == m.limit:
		return ErrFull
	}
	m.of[k] = v
	return nil
}

func (m *model) remove(k string) (string, error) {
	v, ok := m.of[k]
	if !ok {
		return "", ErrNotExist
	}
	delete(m.of, k)
	return v, nil
}

// check compares all of a map with the model.
func (m *model) check(t *testing.T, got *Map[string, string]) {
	t.Helper()
	if got.Len() != len(m.of) {
		t.Fatalf("Len() = %d, want %d", got.Len(), len(m.of))
	}
	seen := map[string]string{}
	for k, v := range got.All() {
		if _, twice := seen[k]; twice {
			t.Errorf("All has %q twice", k)
		}
		seen[k] = v
	}
	for k, v := range m.of {
		if seen[k] != v {
			t.Errorf("All has %q for %q, want %q", seen[k], k, v)
		}
		if x, ok := got.Lookup(k); !ok || x != v {
			t.Errorf("Lookup(%q) = %q, %v, want %q", k, x, ok, v)
		}
	}
	if len(seen) != len(m.of) {
		t.Errorf("All has %d elements, want %d", len(seen), len(m.of))
	}
	if got.store.spare != nil && got.store.spare.Len() != m.limit-len(m.of) {
		t.Errorf("%d spare elements, want %d", got.store.spare.Len(), m.limit-len(m.of))
	}
}

// FuzzMap compares a map with a model: each three bytes are an operation, its key
// and its value.
func FuzzMap(f *testing.F) {
	f.Add([]byte{0, 1, 2, 1, 1, 3, 2, 2, 0, 3, 1, 0, 4, 5, 6, 4, 5, 7})
	f.Fuzz(func(t *testing.T, ops []byte) {
		for _, make := range kinds {
			const limit = 5
			got, want := make(limit), &model{map[string]string{}, limit}
			for ; len(ops) >= 3; ops = ops[3:] {
				k, v := strings.Repeat("k", int(ops[1]%9)), fmt.Sprint(ops[2])
				var err, wantErr error
				switch op := ops[0] % 7; op {
				case 0, 1, 2:
					err, wantErr = got.Update(k, v, Flag(op)), want.update(k, v, Flag(op))
				case 3:
					var x, wantX string
					x, err = got.LookupAndDelete(k)
					if wantX, wantErr = want.remove(k); x != wantX {
						t.Fatalf("LookupAndDelete(%q) = %q, want %q", k, x, wantX)
					}
				case 4, 5, 6: // Keep, Set, Remove
					old, present := want.of[k]
					action := Action(op - 4)
					err = got.Compute(k, func(o string, p bool) (string, Action) {
						if o != old || p != present {
							t.Fatalf("Compute(%q) is told %q, %v, want %q, %v", k, o, p, old, present)
						}
						return v, action
					})
					if action == Set {
						wantErr = want.update(k, v, Any)
					} else if action == Remove {
						want.remove(k)
					}
				}
				if err != wantErr {
					t.Fatalf("operation %d on %q: %v, want %v", ops[0]%7, k, err, wantErr)
				}
				want.check(t, got)
			}
		}
	})
}

// TestRandom is a long FuzzMap with a seed.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for name, make := range kinds {
		const limit = 100
		got, want := make(limit), &model{map[string]string{}, limit}
		for i := range 20_000 {
			k, v := fmt.Sprint(rnd.IntN(150)), fmt.Sprint(i)
			if rnd.IntN(3) == 0 {
				x, err := got.LookupAndDelete(k)
				if wantX, wantErr := want.remove(k); x != wantX || err != wantErr {
					t.Fatalf("%s: LookupAndDelete(%q) = %q, %v, want %q, %v", name, k, x, err, wantX, wantErr)
				}
			} else {
				flag := Flag(rnd.IntN(3))
				if err, wantErr := got.Update(k, v, flag), want.update(k, v, flag); err != wantErr {
					t.Fatalf("%s: Update(%q) = %v, want %v", name, k, err, wantErr)
				}
			}
			if i%100 == 0 {
				want.check(t, got)
			}
		}
	}
}

// pairOf has halves that belong together, and a text that must be whole.
type pairOf struct {
	a, b int
	s    string
}

func makePair(n int) pairOf { return pairOf{n, -n, strings.Repeat("x", n%7)} }

func (p pairOf) whole() bool {
	return p.a == -p.b && len(p.s) == p.a%7 && p.s == strings.Repeat("x", p.a%7)
}

// TestWhole: while elements change, go and come back under other keys, a reader sees
// whole values, each under its own key.
func TestWhole(t *testing.T) {
	t.Run("in slots", func(t *testing.T) { testWhole(t, 4) })
	t.Run("one bucket", func(t *testing.T) { testWhole(t, 1) })
}

func testWhole(t *testing.T, buckets int) {
	const keys = 12
	m := New[string, pairOf](keys/2 + 1) // elements are soon used again
	m.buckets = m.buckets[:buckets]
	m.Update("stays", makePair(1), Any)
	var stop atomic.Bool
	var wg sync.WaitGroup
	var seen atomic.Int64
	check := func(k string, p pairOf) {
		if seen.Add(1); !p.whole() || fmt.Sprint("key", p.a%keys) != k {
			t.Errorf("%s has %+v", k, p)
			stop.Store(true)
		}
	}
	for id := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(id), 0))
			for !stop.Load() {
				n := rnd.IntN(1000)
				k := fmt.Sprint("key", n%keys)
				switch {
				case id < 2 && n%3 == 0:
					m.Delete(k)
				case id < 2:
					m.Update(k, makePair(n), Any)
				case n%10 == 0:
					for k, p := range m.All() {
						if k != "stays" {
							check(k, p)
						}
					}
				case n%2 == 0:
					if _, ok := m.Lookup("stays"); !ok {
						t.Error("what stays was not found")
						stop.Store(true)
					}
				default:
					if p, ok := m.Lookup(k); ok {
						check(k, p)
					}
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	stop.Store(true)
	wg.Wait()
	if seen.Load() == 0 {
		t.Error("nothing was seen")
	}
	for k := range m.All() {
		m.Delete(k)
	}
	if m.Len() != 0 || m.store.spare.Len() != keys/2+1 {
		t.Errorf("in the end %d elements and %d spare ones", m.Len(), m.store.spare.Len())
	}
}

// lockOf returns the lock of k's bucket, and a key of another bucket.
func lockOf[V any](m *Map[int, V], k int) (l *rqlock.Mutex, other int) {
	b := m.bucket(m.hash(k))
	for other = k + 1; m.bucket(m.hash(other)) == b; other++ {
	}
	return &b.lock, other
}

// TestLockFails has each lock that an operation takes fail: this goroutine holds it.
// The error says why, nothing has changed, other buckets work, and so does
// everything afterwards.
func TestLockFails(t *testing.T) {
	for _, present := range []bool{false, true} {
		for name, op := range map[string]func(m *Map[int, int]) error{
			"Update":          func(m *Map[int, int]) error { return m.Update(1, 2, Any) },
			"Delete":          func(m *Map[int, int]) error { return m.Delete(1) },
			"LookupAndDelete": func(m *Map[int, int]) error { _, err := m.LookupAndDelete(1); return err },
			"Compute": func(m *Map[int, int]) error {
				return m.Compute(1, func(int, bool) (int, Action) { t.Error("Compute has called f"); return 2, Set })
			},
		} {
			m := New[int, int](8)
			if present {
				m.Update(1, 1, Any)
			}
			lock, other := lockOf(m, 1)
			if err := lock.Lock(); err != nil {
				t.Fatal(err)
			}
			if err := op(m); !errors.Is(err, rqlock.ErrDeadlock) {
				t.Errorf("%s: %v", name, err)
			}
			if v, ok := m.Lookup(1); ok != present || ok && v != 1 {
				t.Errorf("%s failed, but there is %v, %v", name, v, ok)
			}
			if err := m.Update(other, 3, NoExist); err != nil {
				t.Errorf("another bucket: %v", err)
			}
			lock.Unlock()
			want := 7
			if present {
				want--
			}
			if m.Len() != 8-want || m.store.spare.Len() != want {
				t.Errorf("after a failed %s: %d elements, %d spare", name, m.Len(), m.store.spare.Len())
			}
			if err := m.Update(1, 5, Any); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		}
	}
}

// TestReenter: from inside of Compute the map can be used. What needs a lock that is
// held is refused; all else works.
func TestReenter(t *testing.T) {
	m := New[int, int](8)
	m.Update(1, 10, Any)
	_, other := lockOf(m, 1)
	err := m.Compute(1, func(old int, present bool) (int, Action) {
		if v, ok := m.Lookup(1); !ok || v != old {
			t.Errorf("Lookup inside: %d, %v", v, ok)
		}
		for name, err := range map[string]error{
			"Update":  m.Update(1, 11, Any),
			"Delete":  m.Delete(1),
			"Compute": m.Compute(1, func(int, bool) (int, Action) { return 0, Remove }),
		} {
			if !errors.Is(err, rqlock.ErrDeadlock) {
				t.Errorf("%s inside: %v", name, err)
			}
		}
		if err := m.Update(other, 20, NoExist); err != nil {
			t.Errorf("another bucket: %v", err)
		}
		n := 0
		for range m.All() {
			n++
		}
		if n != 2 {
			t.Errorf("All inside has %d elements", n)
		}
		return old + 1, Set
	})
	if v, _ := m.Lookup(1); err != nil || v != 11 || m.Len() != 2 {
		t.Errorf("%v; %d, %d elements", err, v, m.Len())
	}
}

// TestCross: two goroutines that compute two elements in opposite orders. One is
// refused, and nobody hangs.
func TestCross(t *testing.T) {
	m := New[int, int](8)
	_, other := lockOf(m, 1)
	keys := [2]int{1, other}
	var inside, done sync.WaitGroup
	inside.Add(2)
	var errs [2]error
	for i := range 2 {
		done.Go(func() {
			err := m.Compute(keys[i], func(int, bool) (int, Action) {
				inside.Done()
				inside.Wait()
				errs[i] = m.Update(keys[1-i], 5, Any)
				return 1, Keep
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || m.Len() != 1 {
		t.Errorf("%v, %v; %d elements", errs[0], errs[1], m.Len())
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, rqlock.ErrDeadlock) {
			t.Error(err)
		}
	}
}

// TestPanic: a callback that panics leaves the map as it was, and unlocked.
func TestPanic(t *testing.T) {
	m := New[int, int](2)
	m.Update(1, 1, Any)
	func() {
		defer func() { recover() }()
		m.Compute(1, func(int, bool) (int, Action) { panic("oh") })
	}()
	if err := m.Update(1, 2, Any); err != nil {
		t.Error(err)
	}
}

// TestNaN: keys that are not equal to themselves fill the map, and nothing more.
func TestNaN(t *testing.T) {
	nan := 0.0
	nan /= nan
	m := New[float64, int](2)
	for i, want := range []error{nil, nil, ErrFull} {
		if err := m.Update(nan, i, Any); err != want {
			t.Errorf("NaN %d: %v, want %v", i, err, want)
		}
	}
	if _, ok := m.Lookup(nan); ok {
		t.Error("NaN is found")
	}
}

// TestReleases: what has been deleted does not keep its key and value alive.
func TestReleases(t *testing.T) {
	type big [1 << 16]byte
	values, keys := New[int, *big](1), New[*big, int](1)
	defer runtime.KeepAlive(values)
	defer runtime.KeepAlive(keys)
	for name, put := range map[string]func(*big){
		"value": func(v *big) { values.Update(1, v, Any); values.Delete(1) },
		"key":   func(k *big) { keys.Update(k, 1, Any); keys.Delete(k) },
	} {
		gone := make(chan bool)
		func() {
			v := new(big)
			runtime.AddCleanup(v, func(c chan bool) { close(c) }, gone)
			put(v)
		}()
		if !collected(gone) {
			t.Errorf("the %s of a deleted element is still there", name)
		}
	}
}

// collected lets the collector run until gone is closed.
func collected(gone chan bool) bool {
	for range 100 {
		runtime.GC()
		select {
		case <-gone:
			return true
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}

// TestAllocs: a preallocated map allocates nothing, whatever the types.
func TestAllocs(t *testing.T) {
	m := New[string, pairOf](4)
	m.Update("present", makePair(1), Any)
	p := makePair(2)
	// With the tag purego, hash/maphash allocates.
	hash := testing.AllocsPerRun(1000, func() { m.hash("present") })
	for _, op := range []struct {
		name   string
		hashes float64
		f      func()
	}{
		{"Lookup", 1, func() { m.Lookup("present") }},
		{"Update, present", 1, func() { m.Update("present", p, Any) }},
		{"Update and Delete", 2, func() { m.Update("other", p, NoExist); m.Delete("other") }},
	} {
		if n := testing.AllocsPerRun(1000, op.f); n != op.hashes*hash {
			t.Errorf("%s: %v allocations, %v for each hash", op.name, n, hash)
		}
	}
	if hash > 1 {
		t.Errorf("a hash has %v allocations", hash)
	}
}

// TestSizes: a bucket is a cache line, and there is one for one or two elements.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(bucket[string, string]{}); n != 64 {
		t.Errorf("a bucket has %d bytes", n)
	}
	for limit, want := range map[int]int{1: 2, 2: 2, 4: 2, 5: 4, 8: 4, 1000: 512, 1024: 512, 1025: 1024} {
		if got := len(New[int, int](limit).buckets); got != want {
			t.Errorf("%d buckets for %d elements, want %d", got, limit, want)
		}
	}
	defer func() {
		if r := fmt.Sprint(recover()); r != "hashtab: room for 0 elements: must be positive" {
			t.Errorf("New(0) panics with %s", r)
		}
	}()
	New[int, int](0)
}

// TestNoSize: keys and values without a size are one element.
func TestNoSize(t *testing.T) {
	for name, m := range map[string]*Map[struct{}, [0]int]{"New": New[struct{}, [0]int](3), "NewOnDemand": NewOnDemand[struct{}, [0]int](3), "NewLRU": NewLRU[struct{}, [0]int](3)} {
		for range 3 {
			if err := m.Update(struct{}{}, [0]int{}, NoExist); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := m.Update(struct{}{}, [0]int{}, Exist); err != nil {
				t.Errorf("%s: again: %v", name, err)
			}
			if _, ok := m.Lookup(struct{}{}); !ok || m.Len() != 1 {
				t.Errorf("%s: found: %v, of %d", name, ok, m.Len())
			}
			if err := m.Delete(struct{}{}); err != nil || m.Len() != 0 {
				t.Errorf("%s: Delete: %v, and there are %d", name, err, m.Len())
			}
			if spare := m.store.spare; spare != nil && spare.Len() != 1 {
				t.Errorf("%s: %d spare elements", name, spare.Len())
			}
		}
	}
}

// TestSpareFails: no spare element is within reach, though the map is not full. What
// needs none works; what needs one has changed nothing.
func TestSpareFails(t *testing.T) {
	m := New[int, int](8)
	m.Update(1, 1, Any)
	spare := m.store.spare
	m.store.spare = freelist.New[*elem[int, int]](1)
	if err := m.Update(1, 2, Any); err != nil {
		t.Errorf("a key that is present: %v", err)
	}
	if err := m.Update(2, 2, Any); err != ErrFull || m.Len() != 1 {
		t.Errorf("a new key: %v, and there are %d", err, m.Len())
	}
	m.store.spare = spare
	if err := m.Update(2, 2, Any); err != nil || m.Len() != 2 || spare.Len() != 6 {
		t.Errorf("afterwards: %v, %d elements, %d spare", err, m.Len(), spare.Len())
	}
}

// BenchmarkMap is a mix of lookups and updates of keys that are present, on all
// processors.
func BenchmarkMap(b *testing.B) {
	const n = 1 << 16
	for _, updates := range []int{0, 10} {
		each := func(b *testing.B, lookup func(k int) bool, update func(k int)) {
			var ids atomic.Uint64
			b.RunParallel(func(pb *testing.PB) {
				rnd := rand.New(rand.NewPCG(ids.Add(1), 0))
				for pb.Next() {
					r := rnd.Uint64()
					k := int(r % n)
					if int(r>>32%100) < updates {
						update(k)
					} else if !lookup(k) {
						b.Error("a key is missing")
					}
				}
			})
		}
		name := func(of string) string { return fmt.Sprintf("updates=%d%%/of=%s", updates, of) }
		b.Run(name("hashtab"), func(b *testing.B) {
			m := New[int, int](n)
			for k := range n {
				m.Update(k, k, Any)
			}
			b.ResetTimer()
			each(b, func(k int) bool { _, ok := m.Lookup(k); return ok }, func(k int) { m.Update(k, k+1, Any) })
		})
		b.Run(name("sync.Map"), func(b *testing.B) {
			var m sync.Map
			for k := range n {
				m.Store(k, k)
			}
			b.ResetTimer()
			each(b, func(k int) bool { _, ok := m.Load(k); return ok }, func(k int) { m.Store(k, k+1) })
		})
	}
}

// TestLRU: a full map makes room by what has not been used.
func TestLRU(t *testing.T) {
	const n = 64
	m := NewLRU[int, int](n)
	for k := range n {
		m.Update(k, k, Any)
	}
	m.Update(n, n, NoExist) // all have been referenced: the hand goes round once
	for k := range n / 2 {
		if k%2 == 0 {
			m.Lookup(k)
		} else {
			m.Update(k, k, Exist)
		}
	}
	kept := func(from, to int) (kept int) {
		for k := from; k < to; k++ {
			if v, ok := m.Lookup(k); ok {
				if kept++; v != k {
					t.Errorf("%d has %d", k, v)
				}
			}
		}
		return kept
	}
	for k := n + 1; k < n+n/4; k++ {
		if err := m.Update(k, k, NoExist); err != nil {
			t.Fatal(err)
		}
		if m.Len() != n || m.store.spare.Len() != 0 {
			t.Fatalf("%d elements, %d spare", m.Len(), m.store.spare.Len())
		}
	}
	if used, others := kept(0, n/2), kept(n/2, n); used < n/2-1 || others > n-n/4-n/2+1 {
		t.Errorf("of those used %d of %d are left, of the others %d", used, n/2, others)
	}
	if got := kept(n, n+n/4); got != n/4 {
		t.Errorf("%d of %d new ones are there", got, n/4)
	}
}

// TestLRUMoved: an element that has been used, or gone elsewhere, since the hand came to it
// stays.
func TestLRUMoved(t *testing.T) {
	m := NewLRU[int, int](1)
	m.Update(1, 1, Any)
	b, place := m.bucket(m.hash(1)), &m.clock.places[0]
	place.Store(place.Load() &^ referenced)
	seen := place.Load()
	m.Lookup(1)
	if place.Load() != seen|referenced {
		t.Errorf("looked up in %#x: %#x", seen, place.Load())
	}
	if m.evictFrom(b, nil, 0, seen) {
		t.Error("evicted after it was used")
	}
	m.Delete(1)
	if m.evictFrom(b, nil, 0, seen) || place.Load() != 0 {
		t.Errorf("evicted, or placed in %#x, after it was deleted", place.Load())
	}
	m.clock.touch(0)
	if place.Load() != 0 {
		t.Errorf("placed in %#x by a late use", place.Load())
	}
}

// TestLRUReenter: with all other buckets locked there is nothing to evict but what is
// in the same bucket, and nobody waits.
func TestLRUReenter(t *testing.T) {
	m := NewLRU[int, int](1)
	m.Update(1, 1, Any)
	err := m.Compute(1, func(int, bool) (int, Action) {
		if err := m.Update(2, 2, Any); !errors.Is(err, rqlock.ErrDeadlock) && err != ErrFull {
			t.Errorf("inside: %v", err)
		}
		return 3, Set
	})
	if v, ok := m.Lookup(1); err != nil || !ok || v != 3 || m.Len() != 1 {
		t.Errorf("%v; %d, %v", err, v, ok)
	}
	if err := m.Update(2, 2, Any); err != nil || m.Len() != 1 {
		t.Errorf("afterwards: %v, %d elements", err, m.Len())
	}
}

// TestLRUConcurrent: many add and look up more keys than there is room for. No
// element is lost, none is in two places.
func TestLRUConcurrent(t *testing.T) {
	const n = 4
	m := NewLRU[string, pairOf](n)
	var wg sync.WaitGroup
	end := time.Now().Add(200 * time.Millisecond)
	for id := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(id), 1))
			for time.Now().Before(end) {
				x := rnd.IntN(1000)
				k := fmt.Sprint("key", x%(3*n))
				switch rnd.IntN(4) {
				case 0:
					if err := m.Update(k, makePair(x), Any); err != nil && err != ErrFull {
						t.Error(err)
					}
				case 1:
					m.Delete(k)
				default:
					if p, ok := m.Lookup(k); ok && (!p.whole() || fmt.Sprint("key", p.a%(3*n)) != k) {
						t.Errorf("%s has %+v", k, p)
					}
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for k := range m.All() {
		seen[k] = true
	}
	if len(seen) != m.Len() || m.Len()+m.store.spare.Len() != n {
		t.Errorf("%d elements, Len %d, %d spare, of %d", len(seen), m.Len(), m.store.spare.Len(), n)
	}
}

// TestLRUSpare: an element that is spare, but out of reach, is not evicted.
func TestLRUSpare(t *testing.T) {
	m := NewLRU[int, int](2)
	m.Update(1, 1, Any)
	m.Update(2, 2, Any)
	m.Delete(1)
	m.store.spare = freelist.New[*elem[int, int]](1)
	for k := 3; k < 6; k++ {
		if err := m.Update(k, k, Any); err != nil {
			t.Fatal(err)
		}
		if _, ok := m.Lookup(k); !ok || m.Len() != 1 {
			t.Errorf("%d: %v, %d elements", k, ok, m.Len())
		}
	}
}

// TestLRUDoesNotWait: who needs room does not wait for another's bucket.
func TestLRUDoesNotWait(t *testing.T) {
	m := NewLRU[int, int](2)
	_, other := lockOf(m, 1)
	m.Update(1, 1, Any)
	m.Update(other, 2, Any)
	before := rqlock.ReadEvents()
	m.Compute(1, func(int, bool) (int, Action) {
		done := make(chan bool)
		go func() {
			defer close(done)
			k := other + 1
			for m.bucket(m.hash(k)) != m.bucket(m.hash(other)) {
				k++
			}
			for range 4 { // the hand comes to each
				if err := m.Update(k, 3, Any); err != nil {
					t.Error(err)
				}
				m.Update(other, 4, Any)
			}
		}()
		<-done
		return 0, Keep
	})
	if after := rqlock.ReadEvents(); after.Stall != before.Stall {
		t.Error("it has waited for a bucket that is locked")
	}
}

// TestBatch: batches have every element once, deleting ones leave nothing.
func TestBatch(t *testing.T) {
	const n = 100
	var keys, values []int
	for k := range n {
		keys, values = append(keys, k), append(values, 10*k)
	}
	m := New[int, int](n)
	if done, err := m.UpdateBatch(keys, values, NoExist); done != n || err != nil {
		t.Fatal(done, err)
	}
	if done, err := m.UpdateBatch([]int{1, 2, n, 3}, make([]int, 4), Any); done != 2 || err != ErrFull {
		t.Errorf("UpdateBatch into a full map: %d, %v", done, err)
	}
	m.UpdateBatch(keys, values, Exist)
	checkBatches(t, "lookup", n, m.LookupBatch)
	if m.Len() != n {
		t.Errorf("%d elements", m.Len())
	}
	checkBatches(t, "lookup and delete", n, m.LookupAndDeleteBatch)
	if m.Len() != 0 || m.store.spare.Len() != n {
		t.Errorf("%d elements, %d spare", m.Len(), m.store.spare.Len())
	}
	m.UpdateBatch(keys, values, Any)
	if done, err := m.DeleteBatch([]int{5, 6, n, 7}); done != 2 || err != ErrNotExist || m.Len() != n-2 {
		t.Errorf("DeleteBatch: %d, %v, %d elements", done, err, m.Len())
	}
}

func checkBatches(t *testing.T, name string, n int, batch func(*Cursor, []int, []int) (int, error)) {
	t.Helper()
	seen := map[int]bool{}
	var at Cursor
	if got, err := batch(&at, nil, nil); got != 0 || err != nil {
		t.Errorf("%s: no room: %d, %v", name, got, err)
	}
	size := 1
	for {
		keys, values := make([]int, size), make([]int, size)
		got, err := batch(&at, keys, values)
		if err == ErrShort {
			if size++; size > n {
				t.Fatalf("%s: %d are too few", name, size)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got == 0 {
			break
		}
		for i, k := range keys[:got] {
			if seen[k] || values[i] != 10*k {
				t.Errorf("%s: %d has %d, seen: %v", name, k, values[i], seen[k])
			}
			seen[k] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%s: %d elements of %d", name, len(seen), n)
	}
}

// TestBatchLockFails: a bucket that cannot be locked is left as it is; those before it
// are done, and the next batch goes on there.
func TestBatchLockFails(t *testing.T) {
	const n = 20
	m := New[int, int](n)
	for k := range n {
		m.Update(k, 10*k, Any)
	}
	for i := range m.buckets {
		if err := m.buckets[i].lock.Lock(); err != nil {
			t.Fatal(err)
		}
		var at Cursor
		keys, values := make([]int, n+1), make([]int, n+1) // so that it comes to the last bucket
		got, err := m.LookupAndDeleteBatch(&at, keys, values)
		if !errors.Is(err, rqlock.ErrDeadlock) || at.bucket != i || m.Len() != n-got {
			t.Errorf("bucket %d: %d, %v, cursor %d, %d elements", i, got, err, at.bucket, m.Len())
		}
		m.buckets[i].lock.Unlock()
		if done, err := m.UpdateBatch(keys[:got], values[:got], NoExist); done != got || err != nil {
			t.Fatal(done, err)
		}
	}
}

// TestOneBucket: in a bucket that has more elements than slots, all are found, whatever
// is deleted and added (and each is in one place).
func TestOneBucket(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	const keys = 3 * slots
	m := New[int, int](keys)
	m.buckets = m.buckets[:1]
	b := &m.buckets[0]
	want := map[int]int{}
	for i := range 2000 {
		k := rnd.IntN(keys)
		if rnd.IntN(2) == 0 {
			if err := m.Update(k, i, Any); err != nil {
				t.Fatal(err)
			}
			want[k] = i
		} else if _, ok := want[k]; ok != (m.Delete(k) == nil) {
			t.Fatalf("%d: deleted: %v", k, !ok)
		} else {
			delete(want, k)
		}
		got := map[int]int{}
		for e := range m.all(b, b.heads.now()) {
			got[e.key.Load(&m.keys)] = e.value.Load(&m.values)
		}
		if !maps.Equal(got, want) || m.Len() != len(want) {
			t.Fatalf("there are %v, want %v", got, want)
		}
		for k := range keys {
			v, ok := m.Lookup(k)
			if w, has := want[k]; v != w || ok != has {
				t.Fatalf("%d: %d, %v, want %d, %v", k, v, ok, w, has)
			}
		}
	}
}

// TestSlotsOf: those with the tag are among them, and no others but one after such a one.
func TestSlotsOf(t *testing.T) {
	for a := range uint64(tagMask + 1) {
		for b := range uint64(tagMask + 1) {
			h := 5 * oneVersion
			tags := [slots]uint64{a, b, a, b ^ 1, a ^ 1}
			for i, tag := range tags {
				h = h.withTag(i, tag)
			}
			for tag := range uint64(tagMask + 1) {
				var got [slots]bool
				for m := h.slotsOf(tag); m != 0; {
					got[m.next()] = true
				}
				for i := range tags {
					if is := tags[i] == tag; is && !got[i] || got[i] && !is && (i == 0 || !got[i-1]) {
						t.Fatalf("tags %d: %d is in slots %v", tags, tag, got)
					}
				}
			}
		}
	}
}

// TestHash: of keys one stride apart, whichever, no bucket and no tag in it gets many more
// than its share, whatever the secrets are.
func TestHash(t *testing.T) {
	const (
		buckets, keys = 64, 256 // 4 each: of random ones more than 24 in one is less likely than 1e-11
		limit         = 24
	)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		m := New[uint64, int](2 * buckets)
		if len(m.buckets) != buckets {
			t.Fatalf("%d buckets", len(m.buckets))
		}
		m.secret = secret{rnd.Uint64(), rnd.Uint64() | 1, rnd.Uint64() | 1}
		first := rnd.Uint64()
		for shift := range 56 {
			stride := rnd.Uint64N(16) | 1<<shift
			var of [buckets]int
			var tags [buckets][tagMask + 1]int
			same := 0 // how many have a tag that one before it in the bucket has: 6 of random ones
			for i := range uint64(keys) {
				h := m.hash(first + i*stride)
				of[m.number(h)]++
				if tags[m.number(h)][tagOf(h)]++; tags[m.number(h)][tagOf(h)] > 1 {
					same++
				}
			}
			if slices.Max(of[:]) > limit || same > 5*6 {
				t.Fatalf("secrets %#x, first key %#x, stride %#x: up to %d in a bucket, %d with the tag of another", m.secret, first, stride, slices.Max(of[:]), same)
			}
		}
	}
}

// TestTorture: goroutines move units between elements, in callbacks within callbacks that
// use the map in all ways. Nobody hangs, and nothing is lost: an inner call has its effect
// or an error.
func TestTorture(t *testing.T) {
	const keys, each, workers = 8, 100, 4
	m := New[int, int](2 * keys)
	for k := range keys {
		m.Update(k, each, NoExist)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	end := time.Now().Add(200 * time.Millisecond)
	var wg sync.WaitGroup
	var moved, deadlocks atomic.Int64
	expect := func(what string, err error, others ...error) bool {
		if err == nil {
			return true
		}
		if errors.Is(err, rqlock.ErrDeadlock) {
			deadlocks.Add(1)
		} else if !errors.Is(err, rqlock.ErrTimeout) && !slices.ContainsFunc(others, func(e error) bool { return errors.Is(err, e) }) {
			t.Errorf("%s: %v", what, err)
		}
		return false
	}
	for id := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(id)))
			for n := 0; n < 100 || time.Now().Before(end); n++ {
				from, to, own := rnd.IntN(keys), rnd.IntN(keys), keys+id
				expect("Compute", m.Compute(from, func(v int, ok bool) (int, Action) {
					if !ok || v == 0 {
						return v, Keep
					}
					// what does not count, in a key of its own
					expect("Update", m.Update(own, n, Any))
					_, err := m.LookupAndDelete(own)
					expect("LookupAndDelete", err, ErrNotExist)
					expect("Update", m.Update(from, 0, NoExist), ErrExist)
					m.Lookup(from)
					if n%16 == 0 {
						for range m.All() {
						}
					}
					if to == from || !expect("Compute", m.Compute(to, func(w int, _ bool) (int, Action) { return w + 1, Set })) {
						return v, Keep
					}
					moved.Add(1)
					return v - 1, Set
				}))
			}
		})
	}
	wg.Wait()
	sum := 0
	for k := range keys {
		v, _ := m.Lookup(k)
		sum += v
	}
	if sum != keys*each || moved.Load() == 0 || deadlocks.Load() == 0 {
		t.Errorf("%d units, want %d; %d moved, %d deadlocks", sum, keys*each, moved.Load(), deadlocks.Load())
	}
}

// TestNeverMissed: what is in a bucket, in a slot or in the chain, is found while the bucket
// changes: a reader that has been led astray does not say that there is none.
func TestNeverMissed(t *testing.T) {
	const keys = 3 * slots
	m := New[int, int](keys + 1)
	m.buckets = m.buckets[:1]
	for k := range keys {
		m.Update(k, k, NoExist)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				m.Update(keys, 0, NoExist)
				m.Delete(keys)
			}
		}
	})
	end := time.Now().Add(200 * time.Millisecond)
	for n := 0; n < 1000 || time.Now().Before(end); n++ {
		if v, ok := m.Lookup(n % keys); !ok || v != n%keys {
			t.Errorf("%d: %d, %v", n%keys, v, ok)
			break
		}
	}
	close(stop)
	wg.Wait()
}
