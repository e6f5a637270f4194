package hashtab

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/freelist"
	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// An elem is an element. There are two kinds of maps:
//
//   - Elements are left to the garbage collector when they are removed. A key never
//     changes. A value of one word changes by one store. A larger one changes by another
//     element that takes the place of this one. So a reader may use whatever it finds.
//   - Elements are reused. They change while they are in no bucket, after the version of the
//     one that they were in has changed. A value changes while the version is odd. But one of
//     one word may change at any time, by one store.
//     A reader copies word by word, and looks at the version before and after.
type elem[K comparable, V any] struct {
	key   words.Cell[K]
	value words.Cell[V]
}

// reusable reports whether elements are small enough to be copied word by word.
func reusable[K comparable, V any]() bool {
	const words = 4
	return max(unsafe.Sizeof(*new(K)), unsafe.Sizeof(*new(V))) <= words*unsafe.Sizeof(uintptr(0))
}

// A cached is an element of a map made by NewLRU. The elem is its first field, so that a
// pointer to one is a pointer to the other.
type cached[K comparable, V any] struct {
	elem[K, V]
	node *node
}

// A linked is an element that is not reused, with the cell that has it in a chain: one
// cache line less for a reader.
type linked[K comparable, V any] struct {
	elem elem[K, V]
	cell cell[K, V]
}

// A store has the elements of a map that reuses them, and the unused ones among them in a
// free list.
type store[K comparable, V any] struct {
	elems  []elem[K, V]
	cells  []freelist.Node[cell[K, V]] // cells[i].Value is for elems[i], if that is chained
	unused *freelist.List[cell[K, V]]
}

// preallocate allocates all elements.
func (s *store[K, V]) preallocate(n int) {
	if unsafe.Sizeof(elem[K, V]{}) == 0 {
		n = 1 // There is one key only, and elements of size 0 could not be told apart.
	}
	s.elems = make([]elem[K, V], n)
	s.cells = make([]freelist.Node[cell[K, V]], n)
	s.unused = freelist.New[cell[K, V]](0)
	s.unused.Fill(s.cells)
}

// index returns e's index in elems.
func (s *store[K, V]) index(e *elem[K, V]) int {
	offset := uintptr(unsafe.Pointer(e)) - uintptr(unsafe.Pointer(unsafe.SliceData(s.elems)))
	return int(offset / max(1, unsafe.Sizeof(*e)))
}

// cell returns the cell for e.
func (s *store[K, V]) cell(e *elem[K, V]) *cell[K, V] { return &s.cells[s.index(e)].Value }

// take returns an unused element, or nil if there was none at some moment of the call.
func (s *store[K, V]) take() *elem[K, V] {
	n := s.unused.Pop()
	if n == nil {
		return nil
	}
	offset := uintptr(unsafe.Pointer(n)) - uintptr(unsafe.Pointer(unsafe.SliceData(s.cells)))
	return &s.elems[offset/unsafe.Sizeof(*n)]
}

// put takes back an element that is in no bucket any more.
func (s *store[K, V]) put(e *elem[K, V]) { s.unused.Push(&s.cells[s.index(e)]) }
