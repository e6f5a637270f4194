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
// seat. One that is removed leaves its seat afterwards. In between it is in transit: it has
// a seat, but may be absent. The map is full at a moment when all seats are taken, and
// nobody is in transit. The word is
//
//	bits  0-39  seats that are taken
//	bits 40-63  elements in transit
//
// A goroutine that has an element in transit waits for nothing but locks of lists that are
// held for a few instructions.
type seats struct {
	limit uint64
	word  atomic.Uint64
}

const (
	inTransit  = 1 << 40
	takenSeats = inTransit - 1
)

func (s *seats) len() int { return int(s.word.Load() & takenSeats) }

// take takes a seat for an element in transit, or returns false if the map was full at some
// moment of the call.
func (s *seats) take() bool {
	for tries := 1; ; tries++ {
		switch w := s.word.Load(); {
		case w&takenSeats < s.limit:
			if s.word.CompareAndSwap(w, w+1+inTransit) {
				return true
			}
		case w < inTransit:
			return false
		case tries%30 == 0:
			yield()
		}
	}
}

// arrived says that the element which took a seat is present.
func (s *seats) arrived() { s.word.Add(^uint64(inTransit - 1)) }

// leaving says that an element is about to be removed.
func (s *seats) leaving() { s.word.Add(inTransit) }

// left says that it is absent now. Its seat is free.
func (s *seats) left() { s.word.Add(^uint64(inTransit)) }

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
