package freelist

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/capacity"
	"github.com/rqlock/rqlock/rqlock/internal/proc"
)

// A Node is an element of a [List]. It is in one list at most. While it is in none, it
// belongs to the goroutine that made or popped it. The list does not touch Value.
type Node[T any] struct {
	next  *Node[T] // guarded by the lock of the shard that has the node
	Value T
}

// A List holds free nodes. Make it with [New]. All methods may be called by many
// goroutines at once.
type List[T any] struct {
	shards []shard[T]
}

// A shard is the list of one processor. It has two cache lines of its own, because
// processors prefetch lines in pairs.
type shard[T any] struct {
	lock   rqlock.Mutex
	pushes atomic.Uint64 // grows under lock, before the push
	first  *Node[T]      // guarded by lock
	len    int           // guarded by lock
	_      [128 - unsafe.Sizeof(rqlock.Mutex{}) - 8 - 2*unsafe.Sizeof(uintptr(0))]byte
}

// New returns an empty list with the given number of shards: lists with a lock each. If
// shards is not positive, there is one for each processor: the present GOMAXPROCS. It panics if
// there cannot be as much memory.
func New[T any](shards int) *List[T] {
	if shards <= 0 {
		shards = runtime.GOMAXPROCS(0)
	}
	l := &List[T]{shards: capacity.Make[shard[T]]("freelist.New", shards)}
	attributes.NameEach(l.shards, "freelist.List.shards")
	return l
}

// made returns the list's shards.
func (l *List[T]) made() []shard[T] {
	if len(l.shards) == 0 {
		capacity.NotMade("freelist.List", "New")
	}
	return l.shards
}

// Push adds n, which must be in no list. It never fails: if a shard cannot be locked, it
// goes on to the next one.
func (l *List[T]) Push(n *Node[T]) {
	i := proc.ID()
	if i < len(l.shards) {
		if s := &l.shards[i]; s.lock.Lock() == nil {
			s.push(n)
			s.lock.Unlock()
			return
		}
	}
	l.pushTo(i, n)
}

// pushTo adds n to shard i, or to the first one after it that can be locked.
func (l *List[T]) pushTo(i int, n *Node[T]) {
	shards := l.made()
	for tries := 1; ; tries++ {
		s := &shards[i%len(shards)]
		if s.lock.Lock() == nil {
			s.push(n)
			s.lock.Unlock()
			return
		}
		i++
		if tries%len(shards) == 0 {
			runtime.Gosched() // All shards have failed: let their holders run.
		}
	}
}

// Pop removes a node and returns it. It looks at its own processor's shard first. It returns nil
// if at some moment of the call no node was free, or if it could not lock all shards and has
// found none in the others.
func (l *List[T]) Pop() *Node[T] {
	i := proc.ID()
	if i < len(l.shards) {
		if s := &l.shards[i]; s.lock.Lock() == nil {
			n := s.pop()
			s.lock.Unlock()
			if n != nil {
				return n
			}
		}
	}
	return l.popFrom(i)
}

// popFrom is Pop from shard i on.
func (l *List[T]) popFrom(i int) *Node[T] {
	n, failed := l.look(i)
	for n == nil && !failed {
		before := l.pushes()
		if n, failed = l.look(i); n == nil && l.pushes() == before {
			return nil // Nothing was pushed to a shard after it was found empty.
		}
	}
	return n
}

// look looks once at each shard, from shard i on. It reports whether one could not be locked.
func (l *List[T]) look(i int) (n *Node[T], failed bool) {
	shards := l.made()
	for range shards {
		s := &shards[i%len(shards)]
		i++
		if s.lock.Lock() != nil {
			failed = true
			continue
		}
		n := s.pop()
		s.lock.Unlock()
		if n != nil {
			return n, failed
		}
	}
	return nil, failed
}

// pushes returns the number of pushes so far.
func (l *List[T]) pushes() (n uint64) {
	for i := range l.shards {
		n += l.shards[i].pushes.Load()
	}
	return n
}

// Fill pushes all nodes, which must be in no list. Each shard gets the same number of
// them. Neighbours go to the same shard, so that two processors rarely use nodes of one
// cache line.
func (l *List[T]) Fill(nodes []Node[T]) {
	l.made()
	for i := range nodes {
		l.pushTo(int(uint64(i)*uint64(len(l.shards))/uint64(len(nodes))), &nodes[i])
	}
}

// Len returns the number of nodes in the list. It counts one shard after the other and
// leaves out those that it cannot lock.
func (l *List[T]) Len() (n int) {
	shards := l.made()
	for i := range shards {
		s := &shards[i]
		if s.lock.Lock() != nil {
			continue
		}
		n += s.len
		s.lock.Unlock()
	}
	return n
}

// The caller of push and pop holds the lock.

func (s *shard[T]) push(n *Node[T]) {
	s.pushes.Add(1)
	n.next = s.first
	s.first = n
	s.len++
}

func (s *shard[T]) pop() *Node[T] {
	n := s.first
	if n != nil {
		s.first = n.next
		n.next = nil // A popped node keeps no other one from the garbage collector.
		s.len--
	}
	return n
}
