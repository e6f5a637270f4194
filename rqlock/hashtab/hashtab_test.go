package hashtab

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// patience bounds waits that end soon if all is well. It is the stall timeout, too, so that
// a slow machine does not fail a lock that another goroutine is about to release.
const patience = time.Minute

func TestMain(m *testing.M) {
	rqlock.SetStallTimeout(patience)
	os.Exit(m.Run())
}

// during returns the end of a test that runs for d, and for a tenth of it with -short.
func during(d time.Duration) time.Time {
	if testing.Short() {
		d /= 10
	}
	return time.Now().Add(d)
}

// seeded returns a map whose hash comes from the test's seed. That is possible only for
// keys that are integers of 64 bits: hash/maphash has its own seed, of the process.
func seeded[V any](m *Map[int, V], rnd *rand.Rand) *Map[int, V] {
	if m.hasher.secret.known() {
		m.hasher.secret = secret{rnd.Uint64(), rnd.Uint64() | 1, rnd.Uint64() | 1}
	}
	return m
}

// narrow gives an empty map another table, with 1<<log buckets, that does not grow.
func narrow[K comparable, V any](m *Map[K, V], log int) *Map[K, V] {
	m.table.Store(newTable[K, V](log))
	m.maxBuckets = 0
	return m
}

// bucketOf returns the bucket for a key.
func bucketOf[K comparable, V any](m *Map[K, V], k K) *bucket[K, V] {
	_, b := m.follow(m.hash(k))
	return b
}

// together returns n keys of one bucket.
func together[V any](m *Map[int, V], n int) (keys []int) {
	for k := 0; len(keys) < n; k++ {
		if bucketOf(m, k) == bucketOf(m, 0) {
			keys = append(keys, k)
		}
	}
	return keys
}

// kinds has the constructors of maps that return ErrFull when they are full.
var kinds = map[string]func(int) *Map[string, string]{
	"preallocated": New[string, string],
	"on demand":    NewOnDemand[string, string],
}

// A model does what a map must do.
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

// check compares all elements of a map with the model.
func (m *model) check(t *testing.T, got *Map[string, string]) {
	t.Helper()
	if got.Len() != len(m.of) {
		t.Fatalf("Len() = %d, want %d", got.Len(), len(m.of))
	}
	seen := map[string]string{}
	for k, v := range got.All() {
		if _, twice := seen[k]; twice {
			t.Errorf("All yields %q twice", k)
		}
		seen[k] = v
	}
	for k, v := range m.of {
		if seen[k] != v {
			t.Errorf("All yields %q for %q, want %q", seen[k], k, v)
		}
		if x, ok := got.Lookup(k); !ok || x != v {
			t.Errorf("Lookup(%q) = %q, %v, want %q", k, x, ok, v)
		}
	}
	if len(seen) != len(m.of) {
		t.Errorf("All yields %d elements, want %d", len(seen), len(m.of))
	}
	if got.store.unused != nil && got.store.unused.Len() != m.limit-len(m.of) {
		t.Errorf("%d unused elements, want %d", got.store.unused.Len(), m.limit-len(m.of))
	}
}

// FuzzMap compares a map with a model. Three bytes are an operation, its key and its
// value.
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
					_, _, err = got.Compute(k, func(o string, p bool) (string, Action) {
						if o != old || p != present {
							t.Fatalf("Compute(%q) calls f with %q, %v, want %q, %v", k, o, p, old, present)
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

// TestRandom compares maps with a model in many random operations.
func TestRandom(t *testing.T) {
	rnd := seed.Rand(t)
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

// A pairOf is a value of several words that depend on one another, so that a torn one is
// noticed.
type pairOf struct {
	a, b int
	s    string
}

func makePair(n int) pairOf { return pairOf{n, -n, strings.Repeat("x", n%7)} }

func (p pairOf) whole() bool {
	return p.a == -p.b && len(p.s) == p.a%7 && p.s == strings.Repeat("x", p.a%7)
}

// TestWhole checks that readers get whole values, each under its own key, while elements
// are changed, deleted, and used again for other keys.
func TestWhole(t *testing.T) {
	t.Run("in slots", func(t *testing.T) { testWhole(t, 3) })
	t.Run("in chains", func(t *testing.T) { testWhole(t, 1) })
}

func testWhole(t *testing.T, log int) {
	const keys = 12
	number := seed.Of(t)
	m := narrow(New[string, pairOf](keys/2+1), log) // so few that elements are soon used again
	m.Update("stays", makePair(1), Any)
	var stop atomic.Bool
	var wg sync.WaitGroup
	var reads atomic.Int64
	check := func(k string, p pairOf) {
		if reads.Add(1); !p.whole() || fmt.Sprint("key", p.a%keys) != k {
			t.Errorf("%s has %+v", k, p)
			stop.Store(true)
		}
	}
	for id := range 4 {
		wg.Go(func() {
			rnd := seed.New(number, id)
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
						t.Error("Lookup does not find a key that is always present")
						stop.Store(true)
					}
				case n%4 == 1:
					// What Lookup does where the first place of a bucket does not have the key.
					hash := m.hash(k)
					if e, p := m.lookupReused(m.table.Load().bucket(hash), hash, k); e != nil {
						check(k, p)
					}
				default:
					if p, ok := m.Lookup(k); ok {
						check(k, p)
					}
				}
			}
		})
	}
	end, latest := during(150*time.Millisecond), time.Now().Add(patience)
	for now := time.Now(); now.Before(end) || reads.Load() < 100 && now.Before(latest) && !stop.Load(); now = time.Now() {
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	wg.Wait()
	if reads.Load() < 100 && !t.Failed() {
		t.Errorf("only %d values were read", reads.Load())
	}
	for k := range m.All() {
		m.Delete(k)
	}
	if m.Len() != 0 || m.store.unused.Len() != keys/2+1 {
		t.Errorf("in the end there are %d elements, and %d unused ones", m.Len(), m.store.unused.Len())
	}
}

// lockOf returns the lock of k's bucket, and a key that belongs to another bucket.
func lockOf[V any](m *Map[int, V], k int) (l *rqlock.Mutex, other int) {
	b := bucketOf(m, k)
	for other = k + 1; bucketOf(m, other) == b; other++ {
	}
	return &b.lock, other
}

// compute is Compute, of which only the error counts.
func compute[V any](m *Map[int, V], k int, f func(V, bool) (V, Action)) error {
	_, _, err := m.Compute(k, f)
	return err
}

// TestLockFails has the lock of each operation fail: this goroutine holds it. The error says
// why, the map is unchanged, other buckets can be used, and afterwards the same one can.
func TestLockFails(t *testing.T) {
	for _, present := range []bool{false, true} {
		for name, op := range map[string]func(m *Map[int, int]) error{
			"Update":          func(m *Map[int, int]) error { return m.Update(1, 2, Any) },
			"Delete":          func(m *Map[int, int]) error { return m.Delete(1) },
			"LookupAndDelete": func(m *Map[int, int]) error { _, err := m.LookupAndDelete(1); return err },
			"Compute": func(m *Map[int, int]) error {
				return compute(m, 1, func(int, bool) (int, Action) { t.Error("Compute calls f"); return 2, Set })
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
				t.Errorf("after a failed %s Lookup has %v, %v", name, v, ok)
			}
			if err := m.Update(other, 3, NoExist); err != nil {
				t.Errorf("another bucket: %v", err)
			}
			lock.Unlock()
			want := 7
			if present {
				want--
			}
			if m.Len() != 8-want || m.store.unused.Len() != want {
				t.Errorf("after a failed %s there are %d elements, %d unused", name, m.Len(), m.store.unused.Len())
			}
			if err := m.Update(1, 5, Any); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		}
	}
}

// TestReenter uses a map from a callback of Compute. A call that needs the lock that is held
// returns an error, and every other call works.
func TestReenter(t *testing.T) {
	m := New[int, int](8)
	m.Update(1, 10, Any)
	_, other := lockOf(m, 1)
	err := compute(m, 1, func(old int, present bool) (int, Action) {
		if v, ok := m.Lookup(1); !ok || v != old {
			t.Errorf("Lookup in the callback: %d, %v", v, ok)
		}
		for name, err := range map[string]error{
			"Update":  m.Update(1, 11, Any),
			"Delete":  m.Delete(1),
			"Compute": compute(m, 1, func(int, bool) (int, Action) { return 0, Remove }),
		} {
			if !errors.Is(err, rqlock.ErrDeadlock) {
				t.Errorf("%s in the callback: %v", name, err)
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
			t.Errorf("All in the callback yields %d elements", n)
		}
		return old + 1, Set
	})
	if v, _ := m.Lookup(1); err != nil || v != 11 || m.Len() != 2 {
		t.Errorf("%v; %d, %d elements", err, v, m.Len())
	}
}

// TestCross has two goroutines compute two elements in opposite orders. One inner call
// fails, the other one succeeds.
func TestCross(t *testing.T) {
	m := New[int, int](8)
	_, other := lockOf(m, 1)
	keys := [2]int{1, other}
	var locked, done sync.WaitGroup
	locked.Add(2)
	var errs [2]error
	for i := range 2 {
		done.Go(func() {
			err := compute(m, keys[i], func(int, bool) (int, Action) {
				locked.Done()
				locked.Wait()
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

// TestPanic checks that a callback that panics leaves the bucket unlocked.
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

// TestReleases checks that the garbage collector frees keys and values of elements that
// were deleted.
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
			t.Errorf("the map keeps the %s of a deleted element", name)
		}
	}
}

// collected runs the garbage collector until gone is closed, and reports whether it was.
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

// TestAllocs checks that no method of a preallocated map allocates.
func TestAllocs(t *testing.T) {
	m := New[string, pairOf](4)
	m.Update("present", makePair(1), Any)
	p := makePair(2)
	// hash/maphash allocates under the tag purego.
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
			t.Errorf("%s: %v allocations, of which each hash makes %v", op.name, n, hash)
		}
	}
	if hash > 1 {
		t.Errorf("a hash has %v allocations", hash)
	}
}

// TestSizes checks that a bucket is one cache line, and that a full map has at most
// 2.5 elements for each bucket.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(bucket[string, string]{}); n != 64 {
		t.Errorf("a bucket has %d bytes", n)
	}
	for limit, want := range map[int]int{1: 2, 2: 2, 5: 2, 6: 4, 10: 4, 11: 8, 1000: 512, 1280: 512, 1281: 1024} {
		if got := New[int, int](limit).Stats().Buckets; got != want {
			t.Errorf("%d buckets for %d elements, want %d", got, limit, want)
		}
	}
	defer func() {
		if r := fmt.Sprint(recover()); r != "hashtab.New: room for 0 elements: must be positive" {
			t.Errorf("New(0) panics with %s", r)
		}
	}()
	New[int, int](0)
}

// TestNoSize checks maps whose keys and values have the size 0: there is one element.
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
			if unused := m.store.unused; unused != nil && unused.Len() != 1 {
				t.Errorf("%s: %d unused elements", name, unused.Len())
			}
		}
	}
}

// BenchmarkMap measures lookups, with and without updates of keys that are present among
// them, on all processors at once.
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

// TestLRUReenter adds an element from a callback that has the only other element locked.
// The call fails and does not wait.
func TestLRUReenter(t *testing.T) {
	m := NewLRU[int, int](1)
	m.Update(1, 1, Any)
	err := compute(m, 1, func(int, bool) (int, Action) {
		if err := m.Update(2, 2, Any); !errors.Is(err, rqlock.ErrDeadlock) && err != ErrFull {
			t.Errorf("in the callback: %v", err)
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

// TestLRUConcurrent has goroutines add and look up more keys than there is room for. No
// element is lost or in two buckets.
func TestLRUConcurrent(t *testing.T) {
	const n = 4
	number := seed.Of(t)
	m := NewLRU[string, pairOf](n)
	var wg sync.WaitGroup
	end := during(150 * time.Millisecond)
	for id := range 4 {
		wg.Go(func() {
			rnd := seed.New(number, id)
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
	if len(seen) != m.Len() || m.Len()+m.store.unused.Len() != n {
		t.Errorf("All yields %d elements, Len() = %d, %d unused, of %d", len(seen), m.Len(), m.store.unused.Len(), n)
	}
}

// TestLRUDoesNotWait checks that an insertion does not wait for a bucket that another
// goroutine has locked.
func TestLRUDoesNotWait(t *testing.T) {
	rqlock.SetStallTimeout(10 * time.Millisecond) // An insertion that waits fails.
	defer rqlock.SetStallTimeout(patience)
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
			for bucketOf(m, k) != bucketOf(m, other) {
				k++
			}
			for range 4 { // The hand comes to each element.
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
		t.Error("an insertion has waited for a locked bucket")
	}
}

// TestBatch checks that batches yield each element once, and that deleting ones leave none.
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
	three := []int{1, 2, 3}
	if done, err := m.UpdateBatch(three, three[:2], Any); done != 0 || !errors.Is(err, ErrShort) || err.Error() != "hashtab: slice too short: 2 values for 3 keys" {
		t.Errorf("UpdateBatch of 3 keys and 2 values: %d, %v", done, err)
	}
	m.UpdateBatch(keys, values, Exist)
	checkBatches(t, "lookup", n, m.LookupBatch)
	if m.Len() != n {
		t.Errorf("%d elements", m.Len())
	}
	checkBatches(t, "lookup and delete", n, m.LookupAndDeleteBatch)
	if m.Len() != 0 || m.store.unused.Len() != n {
		t.Errorf("%d elements, %d unused", m.Len(), m.store.unused.Len())
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
	if got, err := batch(&at, nil, nil); got != 0 || err != ErrShort {
		t.Errorf("%s without room: %d, %v", name, got, err)
	}
	size := 1
	for {
		keys, values := make([]int, size), make([]int, size)
		got, err := batch(&at, keys, values)
		if err == ErrShort {
			if size++; size > n {
				t.Fatalf("%s: room for %d elements is too short", name, size)
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
				t.Errorf("%s: key %d has the value %d; it came before: %v", name, k, values[i], seen[k])
			}
			seen[k] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%s: %d elements of %d", name, len(seen), n)
	}
}

// TestBatchLockFails checks that a batch stops at a bucket that it cannot lock, and that the
// next one goes on there.
func TestBatchLockFails(t *testing.T) {
	const n = 20
	m := New[int, int](n)
	for k := range n {
		m.Update(k, 10*k, Any)
	}
	buckets := m.table.Load().buckets
	for i := range buckets {
		if err := buckets[i].lock.Lock(); err != nil {
			t.Fatal(err)
		}
		var at Cursor
		keys, values := make([]int, n+1), make([]int, n+1) // room left at the last bucket
		got, err := m.LookupAndDeleteBatch(&at, keys, values)
		if !errors.Is(err, rqlock.ErrDeadlock) || m.table.Load().bucket(at.hash) != &buckets[i] || m.Len() != n-got {
			t.Errorf("bucket %d: %d, %v, cursor %v, %d elements", i, got, err, at, m.Len())
		}
		buckets[i].lock.Unlock()
		if done, err := m.UpdateBatch(keys[:got], values[:got], NoExist); done != got || err != nil {
			t.Fatal(done, err)
		}
	}
}

// TestOneBucket adds and deletes elements of a bucket that has more of them than slots. All
// are found, and each once.
func TestOneBucket(t *testing.T) {
	rnd := seed.Rand(t)
	const keys = 3 * slots
	m := narrow(seeded(New[int, int](keys), rnd), 1)
	all := together(m, keys)
	b := bucketOf(m, 0)
	want := map[int]int{}
	for i := range 2000 {
		k := all[rnd.IntN(keys)]
		if rnd.IntN(2) == 0 {
			if err := m.Update(k, i, Any); err != nil {
				t.Fatal(err)
			}
			want[k] = i
		} else if _, ok := want[k]; ok != (m.Delete(k) == nil) {
			t.Fatalf("Delete(%d) succeeds: %v", k, !ok)
		} else {
			delete(want, k)
		}
		got := map[int]int{}
		for at := range b.all() {
			got[*at.e.key.Fixed()] = *at.e.value.Fixed()
		}
		if !maps.Equal(got, want) || m.Len() != len(want) {
			t.Fatalf("the bucket has %v, want %v", got, want)
		}
		for _, k := range all {
			v, ok := m.Lookup(k)
			if w, has := want[k]; v != w || ok != has {
				t.Fatalf("Lookup(%d) = %d, %v, want %d, %v", k, v, ok, w, has)
			}
		}
	}
}

// TestVersion checks that a bucket whose elements are reused has another version, an even one,
// after each change that a reader must notice, in slots and in the chain, whatever the hints are.
func TestVersion(t *testing.T) {
	m := narrow(New[int, string](100), 1)
	changed := func(what string, k int, change func() error) {
		t.Helper()
		b := bucketOf(m, k)
		before := b.header.load()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if after := b.header.load(); after.changing() || after/oneChange == before/oneChange {
			t.Errorf("%s: the header was %#x and is %#x", what, before, after)
		}
	}
	for k := range 30 {
		for _, flag := range []Flag{NoExist, Exist} {
			changed("Update", k, func() error { return m.Update(k, "", flag) })
		}
		changed("Delete", k, func() error { return m.Delete(k) })
		changed("the same again", k, func() error { return m.Update(k, "", NoExist) })
	}
	for k := range 30 {
		changed("Delete", k, func() error { return m.Delete(k) })
	}
}

// TestCandidates checks that the slots with the tag are candidates, and no others, whatever
// the header's other bits are.
func TestCandidates(t *testing.T) {
	for a := range uint64(tagMask + 1) {
		for b := range uint64(tagMask + 1) {
			h := 5*oneVersion | movedBit | header(a<<tagBits&highBits)
			tags := [slots]uint64{a, b, a, b ^ 1}
			for i, tag := range tags {
				h = h.withTag(i, tag)
			}
			for tag := range uint64(tagMask + 1) {
				var got [slots]bool
				for set := h.candidates(tag); set != 0; set = set.rest() {
					got[set.first()] = true
				}
				for i := range tags {
					if got[i] != (tags[i] == tag) {
						t.Fatalf("tags %d: the candidates for %d are %v", tags, tag, got)
					}
				}
			}
		}
	}
}

// TestHash checks that keys at a fixed distance spread over buckets and tags like random
// ones, whatever the secret and the distance are.
func TestHash(t *testing.T) {
	// With random hashes a bucket gets 4 keys on average. The probability that one gets more
	// than 24 is below 1e-11, and so is that of more than 24 keys with the tag of another one.
	const buckets, keys, limit = 64, 256, 24
	rnd := seed.Rand(t)
	secrets := 300
	if testing.Short() {
		secrets = 30
	}
	for range secrets {
		m := New[uint64, int](full(buckets))
		if n := m.Stats().Buckets; n != buckets {
			t.Fatalf("%d buckets", n)
		}
		m.hasher.secret = secret{rnd.Uint64(), rnd.Uint64() | 1, rnd.Uint64() | 1}
		first := rnd.Uint64()
		for shift := range 56 {
			stride := rnd.Uint64N(16) | 1<<shift
			var of [buckets]int
			var tags [buckets][tagMask + 1]int
			same := 0 // keys with the tag of another one in their bucket: 4 with random hashes
			for i := range uint64(keys) {
				h := m.hash(first + i*stride)
				b := h >> m.table.Load().shift
				of[b]++
				if tags[b][tagOf(h)]++; tags[b][tagOf(h)] > 1 {
					same++
				}
			}
			if slices.Max(of[:]) > limit || same > 6*4 {
				t.Fatalf("secret %#x, first key %#x, stride %#x: up to %d keys in a bucket, %d with the tag of another one", m.hasher.secret, first, stride, slices.Max(of[:]), same)
			}
		}
	}
}

// TestTorture has goroutines move units between elements, in nested callbacks that use the
// map in every way. No call hangs, and no unit is lost: an inner call has its effect or
// returns an error.
func TestTorture(t *testing.T) {
	const keys, each, workers = 8, 100, 4
	number := seed.Of(t)
	m := seeded(New[int, int](2*keys), seed.New(number, workers))
	for k := range keys {
		m.Update(k, each, NoExist)
	}
	end := during(150 * time.Millisecond)
	var wg sync.WaitGroup
	var moved, deadlocks atomic.Int64
	expect := func(what string, err error, others ...error) bool {
		if err == nil {
			return true
		}
		if errors.Is(err, rqlock.ErrDeadlock) {
			deadlocks.Add(1)
		} else if !slices.ContainsFunc(others, func(e error) bool { return errors.Is(err, e) }) {
			t.Errorf("%s: %v", what, err)
		}
		return false
	}
	for id := range workers {
		wg.Go(func() {
			rnd := seed.New(number, id)
			for n := 0; n < 100 || time.Now().Before(end); n++ {
				from, to, own := rnd.IntN(keys), rnd.IntN(keys), keys+id
				expect("Compute", compute(m, from, func(v int, ok bool) (int, Action) {
					if !ok || v == 0 {
						return v, Keep
					}
					// Calls for a key of this goroutine's own, whose value does not count.
					expect("Update", m.Update(own, n, Any))
					_, err := m.LookupAndDelete(own)
					expect("LookupAndDelete", err, ErrNotExist)
					expect("Update", m.Update(from, 0, NoExist), ErrExist)
					m.Lookup(from)
					if n%16 == 0 {
						for range m.All() {
						}
					}
					if to == from || !expect("Compute", compute(m, to, func(w int, _ bool) (int, Action) { return w + 1, Set })) {
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

// TestNeverMissed checks that elements in slots and in the chain are found while the bucket
// changes. A reader that was led into another bucket must not report a miss.
func TestNeverMissed(t *testing.T) {
	const keys = 3 * slots
	m := narrow(New[int, int](keys+1), 1)
	all := together(m, keys+1)
	for _, k := range all[:keys] {
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
				m.Update(all[keys], 0, NoExist)
				m.Delete(all[keys])
			}
		}
	})
	end := during(150 * time.Millisecond)
	for n := 0; n < 1000 || time.Now().Before(end); n++ {
		if v, ok := m.Lookup(all[n%keys]); !ok || v != all[n%keys] {
			t.Errorf("Lookup(%d) = %d, %v", all[n%keys], v, ok)
			break
		}
	}
	close(stop)
	wg.Wait()
}
