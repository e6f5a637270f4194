package hashtab

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"unsafe"
)

// checkKeys checks that a map takes keys for equal if and only if Go's map does.
func checkKeys[K comparable](t *testing.T, keys ...K) {
	t.Helper()
	for name, m := range map[string]*Map[K, int]{"New": New[K, int](100), "NewGrowing": NewGrowing[K, int](), "NewLRU": NewLRU[K, int](100)} {
		want := map[K]int{}
		for i, k := range keys {
			want[k] = i
			if err := m.Update(k, i, Any); err != nil {
				t.Fatal(err)
			}
		}
		if m.Len() != len(want) {
			t.Errorf("%s: %d keys of %T, want %d", name, m.Len(), keys, len(want))
		}
		for _, k := range keys {
			v, ok := m.Lookup(k)
			if w, has := want[k]; v != w || ok != has {
				t.Errorf("%s: %#v has %d, %v, want %d, %v", name, k, v, ok, w, has)
			}
		}
	}
}

// TestKeys checks keys of all kinds.
func TestKeys(t *testing.T) {
	type blank struct {
		a int
		_ int
		b string
	}
	type nested struct {
		i any
		a [2]any
		f float32
	}
	withBlank := func(a, hidden int, b string) blank {
		type visible struct {
			a, hidden int
			b         string
		}
		v := visible{a, hidden, b}
		return *(*blank)(unsafe.Pointer(&v))
	}
	zero := 0.0
	x, y := new(int), new(int)
	c := make(chan int)
	checkKeys(t, 1, 2, 1, math.MinInt)
	checkKeys[int8](t, 1, -1, 1)
	checkKeys[uint16](t, 1, 65535, 1)
	checkKeys[int32](t, 1, -1, 1, math.MinInt32)
	checkKeys[uint32](t, 1, math.MaxUint32, 1)
	checkKeys[uint64](t, 1, math.MaxUint64, 1<<32, 1)
	checkKeys[uintptr](t, 1, ^uintptr(0), 1)
	checkKeys(t, true, false, true)
	checkKeys(t, "", "a", "b", "ab", "a")
	checkKeys(t, [2]string{"a", "bc"}, [2]string{"ab", "c"}, [2]string{"a", "bc"})
	checkKeys(t, 0, -zero, 1.5, math.Inf(1), 0)
	checkKeys(t, complex(0, -zero), complex(zero, 0), complex(1, 2))
	checkKeys(t, x, y, x, nil)
	checkKeys(t, c, nil, c)
	checkKeys[any](t, nil, 1, int8(1), "1", 1.0, nil, x, [1]int{1}, struct{}{}, withBlank(1, 2, "b"), withBlank(1, 3, "b"))
	checkKeys[fmt.Stringer](t, nil, nil)
	checkKeys(t, nested{}, nested{i: 1}, nested{a: [2]any{nil, 1}}, nested{a: [2]any{1, nil}}, nested{f: float32(-zero)})
	checkKeys(t, withBlank(1, 2, "b"), withBlank(1, 3, "b"), withBlank(2, 2, "b"), withBlank(1, 2, "c"))
	checkKeys(t, struct{}{}, struct{}{})
	checkKeys(t, [0]int{}, [0]int{})
	checkKeys(t, [100]int{1}, [100]int{2}, [100]int{1})
}

// TestUnhashable checks that a key that cannot be hashed panics as in Go's map, and leaves
// nothing locked.
func TestUnhashable(t *testing.T) {
	m := New[any, int](8)
	for _, k := range []any{[]int{1}, map[int]int{}, func() {}, [1]any{[]int{}}, struct{ x any }{[]int{}}} {
		want := panicOf(func() { _ = map[any]int{1: 1}[k] })
		for name, f := range map[string]func(){
			"Lookup": func() { m.Lookup(k) }, "Update": func() { m.Update(k, 1, Any) }, "Delete": func() { m.Delete(k) },
		} {
			func() {
				defer func() {
					err, ok := recover().(runtime.Error)
					if !ok || err.Error() != want {
						t.Errorf("%s(%T) panics with %v, want %s", name, k, err, want)
					}
				}()
				f()
			}()
		}
	}
	if err := m.Update(1, 1, NoExist); err != nil || m.Len() != 1 {
		t.Errorf("afterwards: %v, %d elements", err, m.Len())
	}
}

// TestNaN checks that keys that are not equal to themselves are never found, fill the map,
// move when it grows, and can be cleared.
func TestNaN(t *testing.T) {
	nan := math.NaN()
	const limit = 500
	for name, m := range map[string]*Map[float64, int]{"New": New[float64, int](limit), "NewOnDemand": NewOnDemand[float64, int](limit)} {
		for i := range limit {
			if err := m.Update(nan, i, NoExist); err != nil {
				t.Fatalf("%s: NaN %d: %v", name, i, err)
			}
		}
		if err := m.Update(nan, 0, Any); err != ErrFull {
			t.Errorf("%s: one more: %v", name, err)
		}
		if _, ok := m.Lookup(nan); ok {
			t.Errorf("%s: Lookup finds NaN", name)
		}
		if err := m.Delete(nan); err != ErrNotExist {
			t.Errorf("%s: Delete: %v", name, err)
		}
		seen := map[int]bool{}
		for _, v := range m.All() {
			seen[v] = true
		}
		if len(seen) != limit {
			t.Errorf("%s: All yields %d values", name, len(seen))
		}
		if err := m.Clear(); err != nil || m.Len() != 0 || len(collect(m)) != 0 {
			t.Errorf("%s: Clear: %v, %d elements", name, err, m.Len())
		}
		if err := m.Update(1, 1, NoExist); err != nil {
			t.Errorf("%s: afterwards: %v", name, err)
		}
	}
	lru := NewLRU[float64, int](3)
	for i := range 10 {
		must(t, lru.Update(nan, i, Any))
	}
	if err := lru.Clear(); err != nil || lru.Len() != 0 {
		t.Errorf("NewLRU: %v, %d elements", err, lru.Len())
	}
}
