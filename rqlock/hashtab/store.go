package hashtab

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/freelist"
)

// A link of an element leads to those that hang on it, in a bucket or in the free list.
// It is apart from the element, as lookups seldom need it: so more elements share a
// cache line.
type link[K comparable, V any] = freelist.Node[*elem[K, V]]

// A store has the elements of a map.
type store[K comparable, V any] struct {
	elems []elem[K, V] // nil = made on demand
	links []link[K, V] // of each of them
	spare *freelist.List[*elem[K, V]]
}

// A single is an element that is made on demand.
type single[K comparable, V any] struct {
	elem elem[K, V]
	link link[K, V]
}

// allocate makes all elements.
func (s *store[K, V]) allocate(n int) {
	if unsafe.Sizeof(elem[K, V]{}) == 0 {
		n = 1 // they all are one, but there is only one key
	}
	s.elems = make([]elem[K, V], n)
	s.links = make([]link[K, V], n)
	for i := range s.links {
		s.links[i].Value = &s.elems[i]
	}
	s.spare = freelist.New[*elem[K, V]](0)
	s.spare.Fill(s.links)
}

// index returns which of the elements e is.
func (s *store[K, V]) index(e *elem[K, V]) int {
	offset := uintptr(unsafe.Pointer(e)) - uintptr(unsafe.Pointer(&s.elems[0]))
	return int(offset / max(1, unsafe.Sizeof(*e)))
}

// link returns e's link.
func (s *store[K, V]) link(e *elem[K, V]) *link[K, V] {
	if s.spare == nil {
		return &(*single[K, V])(unsafe.Pointer(e)).link
	}
	return &s.links[s.index(e)]
}

// pop returns an element that is not in use, or nil if there is none within reach.
func (s *store[K, V]) pop() *elem[K, V] {
	if s.spare == nil {
		one := new(single[K, V])
		one.link.Value = &one.elem
		return &one.elem
	}
	if l := s.spare.Pop(); l != nil {
		return l.Value
	}
	return nil
}

// push takes one back.
func (s *store[K, V]) push(e *elem[K, V]) {
	if s.spare != nil {
		s.spare.Push(s.link(e))
	}
}
