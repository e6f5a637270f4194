package hashtab

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// mapsOf returns a map of each kind, with room for a few elements.
func mapsOf[K comparable, V any](room int) map[string]*Map[K, V] {
	return map[string]*Map[K, V]{
		"New": New[K, V](room), "NewOnDemand": NewOnDemand[K, V](room), "NewGrowing": NewGrowing[K, V](),
		"NewLRU": NewLRU[K, V](room), "NewLRUWith": NewLRUWith(room, LRUOptions[K, V]{Weigh: func(K, V) int { return 1 }}),
	}
}

// TestCalls checks the results of calls one after the other, in maps of each kind, for values
// of a word, of a few words, and of many.
func TestCalls(t *testing.T) {
	t.Run("a word", func(t *testing.T) { testCalls(t, 1, 2, 3) })
	t.Run("words", func(t *testing.T) { testCalls(t, "a", "b", "c") })
	t.Run("pointer", func(t *testing.T) { testCalls(t, new(int), new(int), new(int)) })
	t.Run("large", func(t *testing.T) { testCalls(t, [100]int{1}, [100]int{99: 2}, [100]int{3}) })
	t.Run("interface", func(t *testing.T) { testCalls[any](t, 1, "b", nil) })
}

func testCalls[V comparable](t *testing.T, a, b, c V) {
	var zero V
	type result struct {
		v   V
		ok  bool
		err error
	}
	for name, m := range mapsOf[string, V](10) {
		call := func(what string, got result, want result) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s returns %v, want %v", name, what, got, want)
			}
		}
		of := func(v V, ok bool, err error) result { return result{v, ok, err} }
		cas := func(ok bool, err error) result { return result{zero, ok, err} }
		found := func(v V, ok bool) result { return result{v, ok, nil} }

		call("Swap of an absent key", of(m.Swap("k", a)), result{zero, false, nil})
		call("Swap", of(m.Swap("k", b)), result{a, true, nil})
		call("LoadOrStore", of(m.LoadOrStore("k", c)), result{b, true, nil})
		call("LoadOrStore of an absent key", of(m.LoadOrStore("l", c)), result{c, false, nil})
		call("Lookup", found(m.Lookup("l")), result{c, true, nil})
		call("CompareAndSwap of another value", cas(m.CompareAndSwap("k", a, c)), result{})
		call("CompareAndSwap", cas(m.CompareAndSwap("k", b, c)), result{zero, true, nil})
		call("CompareAndSwap of an absent key", cas(m.CompareAndSwap("x", zero, c)), result{})
		call("Peek", found(m.Peek("k")), result{c, true, nil})
		call("Peek of an absent key", found(m.Peek("x")), result{})

		compute := func(k string, v V, action Action) result {
			return of(m.Compute(k, func(V, bool) (V, Action) { return v, action }))
		}
		call("Compute, Keep", compute("k", a, Keep), result{c, true, nil})
		call("Compute, Keep an absent key", compute("x", a, Keep), result{})
		call("Compute, Set", compute("k", a, Set), result{a, true, nil})
		call("Compute, Set an absent key", compute("m", b, Set), result{b, true, nil})
		call("Compute, Remove", compute("m", b, Remove), result{})
		call("Compute, Remove an absent key", compute("m", b, Remove), result{})

		keys, values := slices.Sorted(m.Keys()), slices.Collect(m.Values())
		if !slices.Equal(keys, []string{"k", "l"}) || len(values) != 2 || !slices.Contains(values, a) || !slices.Contains(values, c) {
			t.Errorf("%s: keys %q, values %v", name, keys, values)
		}
		if err := m.Clear(); err != nil || m.Len() != 0 {
			t.Errorf("%s: Clear: %v, %d elements", name, err, m.Len())
		}
		call("Lookup after Clear", found(m.Lookup("k")), result{})
		call("Swap after Clear", of(m.Swap("k", a)), result{zero, false, nil})
	}
}

// TestStop checks that iterations end when the loop does.
func TestStop(t *testing.T) {
	m := New[int, int](100)
	for k := range 100 {
		m.Update(k, k, Any)
	}
	n := 0
	for range m.All() {
		n++
		break
	}
	for range m.Keys() {
		n++
		break
	}
	for range m.Values() {
		n++
		break
	}
	if n != 3 {
		t.Errorf("%d elements", n)
	}
}

// TestFullCalls checks that calls which add a key to a full map return ErrFull and change
// nothing.
func TestFullCalls(t *testing.T) {
	for name, m := range map[string]*Map[int, int]{"New": New[int, int](1), "NewOnDemand": NewOnDemand[int, int](1)} {
		m.Update(1, 10, Any)
		_, _, swap := m.Swap(2, 20)
		_, _, store := m.LoadOrStore(2, 20)
		v, ok, compute := m.Compute(2, func(int, bool) (int, Action) { return 20, Set })
		for call, err := range map[string]error{"Swap": swap, "LoadOrStore": store, "Compute": compute, "Update": m.Update(2, 20, Any)} {
			if err != ErrFull {
				t.Errorf("%s: %s returns %v", name, call, err)
			}
		}
		if all := collect(m); v != 0 || ok || len(all) != 1 || all[0] != (pair[int, int]{1, 10}) {
			t.Errorf("%s: %v; Compute returns %d, %v", name, all, v, ok)
		}
	}
}

// TestUncomparable checks that values that cannot be compared are an error.
func TestUncomparable(t *testing.T) {
	funcs := New[int, func()](2)
	funcs.Update(1, func() {}, Any)
	if ok, err := funcs.CompareAndSwap(1, nil, nil); ok || !errors.Is(err, ErrCompare) || err.Error() != "hashtab: values that cannot be compared: func()" {
		t.Errorf("functions: %v, %v", ok, err)
	}
	m := New[int, any](2)
	m.Update(1, []int{1}, Any)
	if ok, err := m.CompareAndSwap(1, 5, 6); ok || err != nil {
		t.Errorf("a slice is present: %v, %v", ok, err)
	}
	if ok, err := m.CompareAndSwap(1, []int{1}, 6); ok || !errors.Is(err, ErrCompare) {
		t.Errorf("a slice is given: %v, %v", ok, err)
	}
	m.Update(1, nil, Any)
	if ok, err := m.CompareAndSwap(1, nil, 6); !ok || err != nil {
		t.Errorf("nil: %v, %v", ok, err)
	}
}

// TestLocksFail has the lock of each new operation fail; see TestLockFails.
func TestLocksFail(t *testing.T) {
	for name, m := range mapsOf[int, int](8) {
		m.Update(1, 1, Any)
		lock, _ := lockOf(m, 1)
		must(t, lock.Lock())
		_, _, swap := m.Swap(1, 2)
		_, cas := m.CompareAndSwap(1, 1, 2)
		for call, err := range map[string]error{"Swap": swap, "CompareAndSwap": cas, "Clear": m.Clear()} {
			if err == nil {
				t.Errorf("%s: %s succeeds", name, call)
			}
		}
		if v, ok, err := m.LoadOrStore(1, 2); v != 1 || !ok || err != nil {
			t.Errorf("%s: LoadOrStore: %d, %v, %v", name, v, ok, err)
		}
		lock.Unlock()
		if v, ok := m.Lookup(1); v != 1 || !ok {
			t.Errorf("%s: %d, %v", name, v, ok)
		}
	}
}

// TestCompareAndSwapCounts has goroutines count by CompareAndSwap, Swap and Compute.
func TestCompareAndSwapCounts(t *testing.T) {
	const each, workers = 2000, 3
	for name, m := range mapsOf[string, int](4) {
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range each {
					for {
						v, _, err := m.LoadOrStore("n", 0)
						must(t, err)
						ok, err := m.CompareAndSwap("n", v, v+1)
						must(t, err)
						if ok {
							break
						}
					}
				}
			})
		}
		wg.Wait()
		if v, _ := m.Lookup("n"); v != workers*each {
			t.Errorf("%s: %d, want %d", name, v, workers*each)
		}
	}
}

// TestRandomGrowing compares a map that grows with Go's map, in many random operations, for
// values that are replaced by another element.
func TestRandomGrowing(t *testing.T) {
	rnd := seed.Rand(t)
	m, want := NewGrowing[int, string](), map[int]string{}
	for range 30_000 {
		k, v := rnd.IntN(2000), string(rune('a'+rnd.IntN(26)))
		switch rnd.IntN(4) {
		case 0:
			if got, err := m.LookupAndDelete(k); (err == nil) != (want[k] != "") || got != want[k] {
				t.Fatalf("LookupAndDelete(%d) = %q, %v, want %q", k, got, err, want[k])
			}
			delete(want, k)
		case 1:
			got, ok := m.Lookup(k)
			if w, has := want[k]; got != w || ok != has {
				t.Fatalf("Lookup(%d) = %q, %v, want %q", k, got, ok, w)
			}
		default:
			must(t, m.Update(k, v, Any))
			want[k] = v
		}
	}
	for k, v := range m.All() {
		if want[k] != v {
			t.Errorf("%d has %q, want %q", k, v, want[k])
		}
		delete(want, k)
	}
	if len(want) > 0 {
		t.Errorf("%d elements are missing", len(want))
	}
}

// TestClearConcurrent clears maps that others use. What Clear counts is right in the end.
func TestClearConcurrent(t *testing.T) {
	for name, m := range mapsOf[int, int](100) {
		var wg sync.WaitGroup
		for id := range 2 {
			wg.Go(func() {
				for k := range 2000 {
					must(t, m.Update(k%40+100*id, k, Any))
				}
			})
		}
		for range 20 {
			must(t, m.Clear())
		}
		wg.Wait()
		if n := len(collect(m)); n != m.Len() {
			t.Errorf("%s: %d elements, Len() = %d", name, n, m.Len())
		}
		must(t, m.Clear())
		if m.Len() != 0 || len(collect(m)) != 0 {
			t.Errorf("%s: %d elements are left", name, m.Len())
		}
	}
}
