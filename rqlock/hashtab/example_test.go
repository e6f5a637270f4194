package hashtab_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/hashtab"
)

// A mutexMap is the usual map with a lock.
type mutexMap struct {
	mu sync.Mutex
	of map[string]int
}

func (m *mutexMap) Compute(k string, f func(old int) int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of[k] = f(m.of[k])
}

// A callback uses the map that calls it. With a sync.Mutex it hangs for ever. With a
// hashtab.Map the inner call returns an error, and the outer one goes on.
func Example() {
	hung := &mutexMap{of: map[string]int{}}
	done := make(chan bool)
	go func() {
		defer close(done)
		hung.Compute("hits", func(old int) int {
			hung.Compute("hits", func(old int) int { return old + 1 }) // somebody else's code
			return old + 1
		})
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Millisecond):
		fmt.Println("sync.Mutex: hangs")
	}

	m := hashtab.New[string, int](100)
	one := func(old int, _ bool) (int, hashtab.Action) { return old + 1, hashtab.Set }
	_, _, err := m.Compute("hits", func(old int, present bool) (int, hashtab.Action) {
		if _, _, err := m.Compute("hits", one); errors.Is(err, rqlock.ErrDeadlock) {
			fmt.Println("hashtab, inner call: deadlock")
		}
		return one(old, present)
	})
	n, _ := m.Lookup("hits")
	fmt.Println("hashtab, outer call:", err, n)

	// Output:
	// sync.Mutex: hangs
	// hashtab, inner call: deadlock
	// hashtab, outer call: <nil> 1
}

// Flags say whether a key must be present.
func ExampleMap_Update() {
	m := hashtab.New[string, int](100)
	fmt.Println(m.Update("a", 1, hashtab.Exist))
	fmt.Println(m.Update("a", 2, hashtab.NoExist))
	fmt.Println(m.Update("a", 3, hashtab.Any))

	v, ok := m.Lookup("a")
	fmt.Println(v, ok)
	// Output:
	// hashtab: no such key
	// <nil>
	// <nil>
	// 3 true
}

// A value that depends on the old one is computed while its bucket is locked.
func ExampleMap_Compute() {
	counts := hashtab.New[string, int](100)
	for _, word := range strings.Fields("to be or not to be") {
		_, _, err := counts.Compute(word, func(old int, _ bool) (int, hashtab.Action) {
			return old + 1, hashtab.Set
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	be, _ := counts.Lookup("be")
	fmt.Println(be, "of", counts.Len(), "words")
	// Output:
	// 2 of 4 words
}

// A map made by New refuses an element when it is full. One made by NewLRU drops another.
func ExampleNewLRU() {
	full, cache := hashtab.New[int, string](2), hashtab.NewLRU[int, string](2)
	for i := range 3 {
		if err := full.Update(i, "value", hashtab.Any); err != nil {
			fmt.Println(i, err)
		}
		if err := cache.Update(i, "value", hashtab.Any); err != nil {
			fmt.Println(i, err)
		}
	}
	_, ok := cache.Lookup(2)
	fmt.Println("the cache has the last one:", ok, "of", cache.Len())
	// Output:
	// 2 hashtab: full
	// the cache has the last one: true of 2
}

// Batches take a map apart without locking all of it.
func ExampleMap_LookupAndDeleteBatch() {
	m := hashtab.New[int, int](1000)
	for i := range 1000 {
		if err := m.Update(i, i, hashtab.NoExist); err != nil {
			fmt.Println(err)
		}
	}
	var at hashtab.Cursor
	keys, values := make([]int, 64), make([]int, 64)
	sum := 0
	for {
		n, err := m.LookupAndDeleteBatch(&at, keys, values)
		if err != nil {
			fmt.Println(err)
			return
		}
		if n == 0 {
			break
		}
		for _, v := range values[:n] {
			sum += v
		}
	}
	fmt.Println(sum, m.Len())
	// Output:
	// 499500 0
}

// A map without a limit grows while it is used.
func ExampleNewGrowing() {
	m := hashtab.NewGrowing[int, string]()
	for i := range 1000 {
		if err := m.Update(i, "value", hashtab.NoExist); err != nil {
			fmt.Println(err)
		}
	}
	s := m.Stats()
	fmt.Println(s.Len, s.Buckets > 100)
	// Output:
	// 1000 true
}

// The elements of this cache have weights, and the cache tells which ones leave.
func ExampleNewLRUWith() {
	pages := hashtab.NewLRUWith(10, hashtab.LRUOptions[string, string]{
		TTL:     time.Hour,
		Weigh:   func(_, page string) int { return len(page) },
		OnEvict: func(name, _ string) { fmt.Println(name, "leaves") },
	})
	for _, name := range []string{"a", "b", "c"} {
		if err := pages.Update(name, "1234", hashtab.Any); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(pages.Update("large", "12345678901", hashtab.Any))
	fmt.Println(pages.Stats().Weight, "of", pages.Stats().Limit)
	// Output:
	// a leaves
	// hashtab: full
	// 8 of 10
}

// A value is computed once, and whoever comes later gets it.
func ExampleMap_LoadOrStore() {
	m := hashtab.New[string, int](100)
	for _, v := range []int{1, 2} {
		actual, loaded, err := m.LoadOrStore("a", v)
		fmt.Println(actual, loaded, err)
	}
	// Output:
	// 1 false <nil>
	// 1 true <nil>
}

// A value is changed only if it is still the one that was seen.
func ExampleMap_CompareAndSwap() {
	m := hashtab.New[string, int](100)
	old, present, err := m.Swap("a", 1)
	fmt.Println(old, present, err)
	for range 2 {
		swapped, err := m.CompareAndSwap("a", 1, 2)
		fmt.Println(swapped, err)
	}
	// Output:
	// 0 false <nil>
	// true <nil>
	// false <nil>
}
