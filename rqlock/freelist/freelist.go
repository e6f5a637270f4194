package freelist

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/proc"
)

// A Node is an element. It is in at most one list, and its user's while it is in none.
type Node[T any] struct {
	Next  atomic.Pointer[Node[T]] // the list's while it is in one; nil when Pop returns it
	Value T
}

// A List has free nodes. Make it with [New].
type List[T any] struct {
	heads []head[T]
}

// A head is one of the lists. It has its cache lines for itself.
type head[T any] struct {
	lock  rqlock.Mutex
	first *Node[T] // guarded by lock
	len   int      // guarded by lock
	_     [128 - unsafe.Sizeof(rqlock.Mutex{}) - 2*unsafe.Sizeof(uintptr(0))]byte
}

// New returns an empty list of so many lists; 0 means one for each processor, that
// is GOMAXPROCS at this time.
func New[T any](lists int) *List[T] {
	if lists <= 0 {
		lists = runtime.GOMAXPROCS(0)
	}
	return &List[T]{heads: make([]head[T], lists)}
}

// Push adds n, which must be in no list. It never fails: if a list cannot be
// locked it takes the next one.
func (l *List[T]) Push(n *Node[T]) { l.pushTo(proc.ID(), n) }

// pushTo adds n to list i, or to the first one after it that can be locked.
func (l *List[T]) pushTo(i int, n *Node[T]) {
	for tries := 1; ; tries++ {
		h := &l.heads[i%len(l.heads)]
		if h.lock.Lock() == nil {
			h.push(n)
			h.lock.Unlock()
			return
		}
		i++
		if tries%len(l.heads) == 0 {
			runtime.Gosched() // all have failed: let their holders go on
		}
	}
}

// Pop removes a node and returns it, or nil if it finds none. It looks at its
// processor's list and then at the others, and skips what it cannot lock.
func (l *List[T]) Pop() *Node[T] {
	id := proc.ID()
	for i := range l.heads {
		h := &l.heads[(id+i)%len(l.heads)]
		if h.lock.Lock() != nil {
			continue
		}
		n := h.pop()
		h.lock.Unlock()
		if n != nil {
			return n
		}
	}
	return nil
}

// Fill pushes all nodes, the same number to each list, neighbours to the same: nodes in
// a cache line are of one processor. They must be in none.
func (l *List[T]) Fill(nodes []Node[T]) {
	for i := range nodes {
		l.pushTo(int(uint64(i)*uint64(len(l.heads))/uint64(len(nodes))), &nodes[i])
	}
}

// Len returns how many nodes there are, one list after the other, without those
// that it cannot lock.
func (l *List[T]) Len() (n int) {
	for i := range l.heads {
		h := &l.heads[i]
		if h.lock.Lock() != nil {
			continue
		}
		n += h.len
		h.lock.Unlock()
	}
	return n
}

// push and pop need the lock.

func (h *head[T]) push(n *Node[T]) {
	n.Next.Store(h.first)
	h.first = n
	h.len++
}

func (h *head[T]) pop() *Node[T] {
	n := h.first
	if n != nil {
		h.first = n.Next.Load()
		n.Next.Store(nil)
		h.len--
	}
	return n
}
