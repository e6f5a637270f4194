package hashtab

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/proc"
)

// yield lets other goroutines run that this one waits for.
func yield() { runtime.Gosched() }

// A seats counts the elements of a map with a limit. An element that is added first takes a
// free seat. One that is removed leaves its seat afterwards. In between it is in transit:
// its seat is not free, but it may be absent. The map is full at a moment when no seat is
// free, and no element is in transit.
//
// Each processor has a row of seats. When there is no free one, it takes one from another
// row. A seat that is left becomes one of the row of the processor that has removed the
// element.
//
// A goroutine that has an element in transit waits for nothing but locks of lists that are
// held for a few instructions.
type seats struct {
	limit int
	rows  []seat
}

// A seat is a row of seats. Its word is
//
//	bits  0-31  free seats
//	bits 32-45  elements in transit
//	bits 46-63  number of changes
type seat struct {
	word atomic.Uint64
	_    [128 - unsafe.Sizeof(atomic.Uint64{})]byte
}

const (
	freeSeats = 1<<32 - 1
	oneFree   = 1
	inTransit = 1 << 32
	transits  = (1<<14 - 1) * inTransit
	oneChange = 1 << 46
)

func newSeats(limit int) seats {
	s := seats{min(limit, maxElements), make([]seat, runtime.GOMAXPROCS(0))}
	for i := range s.rows {
		of := func(i int) uint64 { return uint64(s.limit) * uint64(i) / uint64(len(s.rows)) }
		s.rows[i].word.Store(of(i+1) - of(i))
	}
	return s
}

// len returns the number of seats that are not free.
func (s *seats) len() int {
	n := s.limit
	for i := range s.rows {
		n -= int(s.rows[i].word.Load() & freeSeats)
	}
	return max(0, n) // A seat that has changed rows may be counted twice.
}

// take takes a seat for an element in transit. It returns nil if the map was full at some
// moment of the call.
func (s *seats) take() *seat {
	row := &s.rows[proc.ID()%len(s.rows)]
	for tries := 1; ; tries++ {
		if row.take() {
			return row
		}
		for i := range s.rows {
			if row := &s.rows[i]; row.take() {
				return row
			}
		}
		if s.full() {
			return nil
		}
		if tries%10 == 0 {
			yield()
		}
	}
}

// full reports whether it knows that there was a moment when the map was full: no row has
// changed between two looks at all of them.
func (s *seats) full() bool {
	before, none := s.look()
	if !none {
		return false
	}
	after, none := s.look()
	return none && after == before
}

// look looks at one row after the other. It returns how many changes there were, and whether
// it has seen neither a free seat nor an element in transit.
func (s *seats) look() (changes uint64, none bool) {
	none = true
	for i := range s.rows {
		w := s.rows[i].word.Load()
		none = none && w&(freeSeats|transits) == 0
		changes += w / oneChange
	}
	return changes, none
}

func (r *seat) take() bool {
	for {
		w := r.word.Load()
		if w&freeSeats == 0 {
			return false
		}
		if r.word.CompareAndSwap(w, w-oneFree+inTransit+oneChange) {
			return true
		}
	}
}

// arrived says that the element which took a seat is present.
func (r *seat) arrived() { r.word.Add(oneChange - inTransit) }

// leaving says that an element is about to be removed, and returns the row that gets its
// seat.
func (s *seats) leaving() *seat {
	row := &s.rows[proc.ID()%len(s.rows)]
	row.word.Add(oneChange + inTransit)
	return row
}

// left says that the element is absent. Its seat is free.
func (r *seat) left() { r.word.Add(oneChange + oneFree - inTransit) }

// A tally counts the elements of a map without a limit. Each processor has a counter of its
// own cache lines.
type tally []struct {
	n atomic.Int64
	_ [128 - unsafe.Sizeof(atomic.Int64{})]byte
}

func newTally() tally { return make(tally, runtime.GOMAXPROCS(0)) }

func (t tally) add(n int64) { t[proc.ID()%len(t)].n.Add(n) }

func (t tally) len() int {
	sum := int64(0)
	for i := range t {
		sum += t[i].n.Load()
	}
	return int(max(0, sum)) // One counter may be read before, another after an element moves.
}
