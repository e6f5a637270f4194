package hashtab

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/proc"
	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// yield lets other goroutines run that this one waits for.
func yield() { runtime.Gosched() }

// A census counts elements. One that was added has come afterwards, and one that is to be
// removed goes before. So at any moment at least as many are present as have come and do not
// go. Each processor has counters of its own cache lines.
type census []counters

// counters are those of a processor. Nobody else writes to them, but to the last ones: these
// are for all processors that there were not when the map was made.
type counters struct {
	of [2]atomic.Uint64
	_  [128 - 2*unsafe.Sizeof(atomic.Uint64{})]byte
}

// What a census counts.
const (
	came = iota
	goes
)

func newCensus() census { return make(census, runtime.GOMAXPROCS(0)+1) }

// add counts one element.
func (c census) add(what int) {
	id := proc.Pin()
	if last := len(c) - 1; id < last {
		n := &c[id].of[what]
		words.StoreRelease(n, n.Load()+1) // release: pairs with acquire in sum
	} else {
		c[last].of[what].Add(1)
	}
	proc.Unpin()
}

func (c census) sum(what int) (n uint64) {
	for i := range c {
		n += c[i].of[what].Load() // acquire: pairs with release in add
	}
	return n
}

// len returns the number of elements that are present at some moment of the call, and perhaps
// of some that come or go meanwhile.
func (c census) len() int {
	gone := c.sum(goes)
	return int(c.sum(came) - gone)
}

// full reports whether it knows that there was a moment of the call when so many elements were
// present. At the moment between its two looks at least those were that it saw come before, and
// did not see go after.
func (c census) full(limit int) bool {
	have := c.sum(came)
	return int(have-c.sum(goes)) == limit
}

// seats are how many elements may be added. Each processor has a row of seats. When there is no
// free one, it takes one from another row. A seat that is left becomes one of the row of the
// processor that has removed the element.
type seats []seat

// A seat is a row of seats.
type seat struct {
	free atomic.Int64
	_    [128 - unsafe.Sizeof(atomic.Int64{})]byte
}

func newSeats(n int) seats {
	s := make(seats, runtime.GOMAXPROCS(0))
	for i := range s {
		of := func(i int) int64 { return int64(uint64(n) * uint64(i) / uint64(len(s))) }
		s[i].free.Store(of(i+1) - of(i))
	}
	return s
}

// own returns the row of this processor.
func (s seats) own() *seat { return &s[proc.ID()%len(s)] }

// take takes a seat, and reports whether it has found one.
func (s seats) take() bool {
	if s.own().take() {
		return true
	}
	for i := range s {
		if s[i].take() {
			return true
		}
	}
	return false
}

func (r *seat) take() bool {
	for {
		n := r.free.Load()
		if n == 0 {
			return false
		}
		if r.free.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// leave gives a seat back.
func (s seats) leave() { s.own().free.Add(1) }
