package hashtab

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock/internal/seed"
)

// TestNeverFalselyFull has goroutines add and delete an element each, in a map that has room
// for all of them. None is told that the map is full, and it never has too many.
func TestNeverFalselyFull(t *testing.T) {
	for name, newMap := range map[string]func(int) *Map[int, int]{"New": New[int, int], "NewOnDemand": NewOnDemand[int, int]} {
		for workers := 1; workers <= 4; workers++ {
			m := newMap(workers)
			end := during(50 * time.Millisecond)
			var wg sync.WaitGroup
			for id := range workers {
				wg.Go(func() {
					for n := 0; n < 1000 || time.Now().Before(end); n++ {
						if err := m.Update(id, n, NoExist); err != nil {
							t.Errorf("%s, %d workers: Update: %v", name, workers, err)
							return
						}
						if n := m.Len(); n > workers || n < 1 {
							t.Errorf("%s: Len() = %d, with room for %d", name, n, workers)
						}
						if err := m.Delete(id); err != nil {
							t.Errorf("%s: Delete: %v", name, err)
							return
						}
					}
				})
			}
			wg.Wait()
			if m.Len() != 0 {
				t.Errorf("%s: in the end Len() = %d", name, m.Len())
			}
		}
	}
}

// TestReserve checks the states in which a map for two elements is full, is not, or may be
// either because an element is being added or removed: then reserve waits.
func TestReserve(t *testing.T) {
	for name, m := range map[string]*Map[int, int]{"New": New[int, int](2), "NewOnDemand": NewOnDemand[int, int](2)} {
		free := func(e *elem[int, int]) {
			if m.reuses {
				m.store.put(e)
			} else {
				m.seats.leave()
			}
		}
		waits := func(after func(), want bool) {
			t.Helper()
			var done atomic.Bool
			var ok bool
			go func() {
				_, ok = m.reserve()
				done.Store(true)
			}()
			time.Sleep(5 * time.Millisecond)
			if done.Load() {
				t.Errorf("%s: reserve returns while an element is being added or removed", name)
			}
			after()
			for !done.Load() {
				time.Sleep(time.Millisecond)
			}
			if ok != want {
				t.Errorf("%s: reserve finds room: %v, want %v", name, ok, want)
			}
		}
		m.reserve()
		e, ok := m.reserve()
		if !ok || m.Len() != 0 {
			t.Fatalf("%s: %v, %d elements", name, ok, m.Len())
		}
		m.census.add(came)
		waits(func() { m.census.add(came) }, false)
		if _, ok := m.reserve(); ok || m.Len() != 2 {
			t.Errorf("%s: there is room for a third element among %d", name, m.Len())
		}
		m.census.add(goes)
		waits(func() { free(e) }, true)
	}
}

// TestCensusFull checks that full does not take two moments for one. Here an element comes only
// after another one has gone, so that there is never more than one.
func TestCensusFull(t *testing.T) {
	const rows = 64 // so many that looking at them takes longer than a change
	c := make(census, rows)
	number := seed.Of(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		rnd := seed.New(number, 0)
		for {
			select {
			case <-stop:
				return
			default:
			}
			row := &c[rnd.IntN(rows)]
			row.of[came].Add(1)
			row.of[goes].Add(1)
		}
	})
	end := during(50 * time.Millisecond)
	for n := 0; n < 1000 || time.Now().Before(end); n++ {
		if limit := 2 + n%10; c.full(limit) {
			t.Errorf("full with %d elements, of which there was one at most", limit)
			break
		}
		if n := c.len(); n < 0 {
			t.Errorf("%d elements", n)
			break
		}
	}
	close(stop)
	wg.Wait()
}

// TestCensusProcs checks that no element is lost when there are more processors than when the
// map was made.
func TestCensusProcs(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	m := NewGrowing[int, int]()
	runtime.GOMAXPROCS(4)
	var wg sync.WaitGroup
	const each = 100_000
	for id := range 4 {
		wg.Go(func() {
			for i := range each {
				m.Update(id*each+i, 0, NoExist)
			}
		})
	}
	wg.Wait()
	if m.Len() != 4*each {
		t.Errorf("Len() = %d, want %d", m.Len(), 4*each)
	}
}

// TestCensus checks that a map without a limit counts right.
func TestCensus(t *testing.T) {
	m := NewGrowing[int, int]()
	number := seed.Of(t)
	var wg sync.WaitGroup
	var want atomic.Int64
	for id := range 4 {
		wg.Go(func() {
			rnd := seed.New(number, id)
			for range 3000 {
				k := rnd.IntN(100)
				if rnd.IntN(2) == 0 {
					if m.Update(k, k, NoExist) == nil {
						want.Add(1)
					}
				} else if m.Delete(k) == nil {
					want.Add(-1)
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for range m.Keys() {
		n++
	}
	if m.Len() != n || int64(n) != want.Load() {
		t.Errorf("Len() = %d, %d keys, want %d", m.Len(), n, want.Load())
	}
}

// TestTooLarge checks that a capacity that cannot be, or cannot be allocated, panics with
// one message that names the constructor.
func TestTooLarge(t *testing.T) {
	const huge = int(^uint(0) >> 1)
	for name, c := range map[string]struct {
		make func(int)
		huge bool // is refused
	}{
		"New":         {func(n int) { New[int, int](n) }, true},
		"NewOnDemand": {func(n int) { NewOnDemand[int, int](n) }, false},
		"NewLRU":      {func(n int) { NewLRU[int, int](n) }, true},
		"NewLRUWith":  {func(n int) { NewLRUWith(n, LRUOptions[int, int]{}) }, true},
	} {
		for _, n := range []int{-1, 0, huge} {
			want := fmt.Sprintf("hashtab.%s: room for %d elements: must be positive", name, n)
			if n == huge {
				want = fmt.Sprintf("hashtab.%s: room for %d elements: too large to be allocated", name, n)
				if !c.huge {
					want = "<nil>"
				}
			}
			if got := panicOf(func() { c.make(n) }); got != want {
				t.Errorf("panics with %s, want %s", got, want)
			}
		}
	}
	m := NewLRUWith(huge, LRUOptions[int, int]{Weigh: func(_, w int) int { return w }})
	if err := m.Update(1, huge, Any); err != nil || m.Stats().Weight != huge {
		t.Errorf("an element of all the weight: %v, %+v", err, m.Stats())
	}
	if err := m.Update(2, 5, Any); err != nil || m.Len() != 1 {
		t.Errorf("another one: %v, %d elements", err, m.Len())
	}
}

// panicOf returns what f panics with.
func panicOf(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

// TestNotMade checks that all methods of a map that was not made panic with one message.
func TestNotMade(t *testing.T) {
	const want = "hashtab: a Map that was not made by New, NewOnDemand, NewGrowing, NewLRU or NewLRUWith"
	var m Map[int, string]
	for name, f := range map[string]func(){
		"Lookup": func() { m.Lookup(1) }, "Peek": func() { m.Peek(1) }, "Update": func() { m.Update(1, "", Any) },
		"Delete": func() { m.Delete(1) }, "Compute": func() { m.Compute(1, nil) }, "Len": func() { m.Len() },
		"Swap": func() { m.Swap(1, "") }, "LoadOrStore": func() { m.LoadOrStore(1, "") }, "Clear": func() { m.Clear() },
		"CompareAndSwap": func() { m.CompareAndSwap(1, "", "") }, "Stats": func() { m.Stats() },
		"LookupAndDelete": func() { m.LookupAndDelete(1) }, "LookupBatch": func() { m.LookupBatch(new(Cursor), nil, nil) },
		"LookupAndDeleteBatch": func() { m.LookupAndDeleteBatch(new(Cursor), nil, nil) },
		"All":                  func() { m.All()(nil) }, "UpdateBatch": func() { m.UpdateBatch([]int{1}, []string{""}, Any) },
		"DeleteBatch": func() { m.DeleteBatch([]int{1}) }, "Keys": func() { m.Keys()(nil) }, "Values": func() { m.Values()(nil) },
	} {
		if got := panicOf(f); got != want {
			t.Errorf("%s panics with %s", name, got)
		}
	}
	var s Map[string, int]
	if got := panicOf(func() { s.Lookup("") }); got != want {
		t.Errorf("a map of strings panics with %s", got)
	}
}
