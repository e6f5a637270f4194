package hashtab

import (
	"fmt"
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

// TestSeats checks the states in which a map with two rows of seats is full, is not, or may
// be either because an element is in transit: then take waits.
func TestSeats(t *testing.T) {
	s := &seats{limit: 2, rows: make([]seat, 2)}
	for i := range s.rows {
		s.rows[i].word.Store(1)
	}
	a, b := s.take(), s.take()
	if a == nil || b == nil || a == b || s.len() != 2 {
		t.Fatalf("%p, %p, len %d", a, b, s.len())
	}
	waits := func(after func(), wantSeat bool) {
		t.Helper()
		var seat atomic.Pointer[seatResult]
		go func() { seat.Store(&seatResult{s.take()}) }()
		time.Sleep(5 * time.Millisecond)
		if seat.Load() != nil {
			t.Errorf("take returns while an element is in transit")
		}
		after()
		for seat.Load() == nil {
			time.Sleep(time.Millisecond)
		}
		if got := seat.Load().seat != nil; got != wantSeat {
			t.Errorf("take gets a seat: %v, want %v", got, wantSeat)
		}
	}
	a.arrived()
	waits(b.arrived, false)
	if s.take() != nil || !s.full() {
		t.Error("a full map has a seat")
	}
	row := s.leaving()
	waits(row.left, true)
}

type seatResult struct{ seat *seat }

// TestSeatsChanges checks that each change is seen between two looks.
func TestSeatsChanges(t *testing.T) {
	s := &seats{limit: 1, rows: make([]seat, 3)}
	s.rows[2].word.Store(1)
	for name, change := range map[string]func(){
		"an element that comes": func() { s.take().arrived() },
		"an element that goes":  func() { s.leaving().left() },
	} {
		if name == "an element that goes" && s.len() == 0 {
			s.take().arrived()
		}
		if name == "an element that comes" && s.len() == 1 {
			s.leaving().left()
		}
		before, _ := s.look()
		change()
		if after, _ := s.look(); after == before {
			t.Errorf("%s changes nothing", name)
		}
	}
}

// TestSeatsFull checks that full does not take two moments for one: whatever changes between
// its looks at the rows, there was a moment without a free seat. Here a seat moves to and fro
// between two rows.
func TestSeatsFull(t *testing.T) {
	const rows = 64 // so many that looking at them takes longer than moving a seat
	s := &seats{limit: 1, rows: make([]seat, rows)}
	s.rows[0].word.Store(1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			// The seat is taken from one row and left in the other one. In between its element
			// is in transit all the time.
			from, to := &s.rows[0], &s.rows[rows-1]
			if i%2 == 1 {
				from, to = to, from
			}
			to.word.Add(oneChange + inTransit)
			if !from.take() {
				t.Error("the seat is lost")
				return
			}
			from.arrived()
			to.left()
		}
	})
	end := during(50 * time.Millisecond)
	for n := 0; n < 1000 || time.Now().Before(end); n++ {
		if s.full() {
			t.Error("full, with a free seat or an element in transit all the time")
			break
		}
	}
	close(stop)
	wg.Wait()
}

// TestTally checks that a map without a limit counts right.
func TestTally(t *testing.T) {
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
