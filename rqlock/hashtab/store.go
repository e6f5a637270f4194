package hashtab

import (
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/freelist"
)

// A link of an element points to the next element of its bucket's chain. Links are apart
// from the elements, because lookups seldom need them: so more elements share a cache line.
type link[K comparable, V any] = atomic.Pointer[elem[K, V]]

// A store has the elements of a map. Those of a preallocated map are in one slice, and the
// unused ones among them in a free list. The zero value allocates each element on demand.
type store[K comparable, V any] struct {
	elems  []elem[K, V]
	links  []freelist.Node[link[K, V]] // links[i].Value belongs to elems[i]
	unused *freelist.List[link[K, V]]  // nil: on demand
}

// A single is an element that is allocated on demand. The element is its first field, so
// that a pointer to one is a pointer to the other.
type single[K comparable, V any] struct {
	elem elem[K, V]
	link link[K, V]
}

// preallocate allocates all elements.
func (s *store[K, V]) preallocate(n int) {
	if unsafe.Sizeof(elem[K, V]{}) == 0 {
		n = 1 // There is one key only, and elements of size 0 could not be told apart.
	}
	s.elems = make([]elem[K, V], n)
	s.links = make([]freelist.Node[link[K, V]], n)
	s.unused = freelist.New[link[K, V]](0)
	s.unused.Fill(s.links)
}

// index returns e's index in elems.
func (s *store[K, V]) index(e *elem[K, V]) int {
	offset := uintptr(unsafe.Pointer(e)) - uintptr(unsafe.Pointer(&s.elems[0]))
	return int(offset / max(1, unsafe.Sizeof(*e)))
}

// next returns e's link.
func (s *store[K, V]) next(e *elem[K, V]) *link[K, V] {
	if s.unused == nil {
		return &(*single[K, V])(unsafe.Pointer(e)).link
	}
	return &s.links[s.index(e)].Value
}

// get returns an unused element, or nil if it finds none.
func (s *store[K, V]) get() *elem[K, V] {
	if s.unused == nil {
		return &new(single[K, V]).elem
	}
	n := s.unused.Pop()
	if n == nil {
		return nil
	}
	offset := uintptr(unsafe.Pointer(n)) - uintptr(unsafe.Pointer(&s.links[0]))
	return &s.elems[offset/unsafe.Sizeof(*n)]
}

// put takes back an element that is in no bucket any more.
func (s *store[K, V]) put(e *elem[K, V]) {
	if s.unused != nil {
		s.unused.Push(&s.links[s.index(e)])
	}
}
