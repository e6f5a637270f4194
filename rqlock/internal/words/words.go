// Package words keeps a value of any type in memory that goroutines read while
// another one writes it: word by word, each by an atomic access.
//
// A reader may so get parts of two values. A version that the writer changes before
// and after (a sequence lock) tells it: package hashtab has them. Until it has
// looked at that it must do nothing with the value but copy it. What it copies are
// words that have been there: a pointer among them is one that the garbage
// collector knows of.
package words

import (
	"reflect"
	"sync/atomic"
	"unsafe"
)

// wordSize is the size of a word in bytes.
const wordSize = unsafe.Sizeof(uintptr(0))

// A Cell holds a T. Its zero value holds the zero T.
type Cell[T any] struct {
	_ [0]uintptr // aligned to words, and so of whole ones
	v T
}

// A Layout says which words of a T are pointers. Make it with [LayoutOf].
type Layout[T any] struct {
	words    int
	pointers []bool // of each word; nil = of none
	one      bool   // the T is one word, and no pointer
	str      bool   // the T is a pointer and a word that is none
}

// LayoutOf returns the layout of a T.
func LayoutOf[T any]() Layout[T] {
	l := Layout[T]{words: int(unsafe.Sizeof(Cell[T]{}) / wordSize)}
	pointers := make([]bool, l.words)
	if mark(pointers, reflect.TypeFor[T](), 0) {
		l.pointers = pointers
	}
	l.one = l.words == 1 && l.pointers == nil
	l.str = l.words == 2 && l.pointers != nil && l.pointers[0] && !l.pointers[1]
	return l
}

// Atomic reports whether a T is written and read as a whole, by one access.
func (l *Layout[T]) Atomic() bool { return l.words <= 1 }

// mark notes the pointers of a value of type t at offset at, and reports whether
// there are any.
func mark(pointers []bool, t reflect.Type, at uintptr) (any bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.String, reflect.Slice:
		pointers[at/wordSize], any = true, true // a string's or slice's length, and capacity, follow
	case reflect.Interface:
		pointers[at/wordSize+1], any = true, true // its first word is a type, which the collector leaves alone
	case reflect.Array:
		for i := range t.Len() {
			any = mark(pointers, t.Elem(), at+uintptr(i)*t.Elem().Size()) || any
		}
	case reflect.Struct:
		for i := range t.NumField() {
			any = mark(pointers, t.Field(i).Type, at+t.Field(i).Offset) || any
		}
	}
	return any
}

// Load returns the value, or parts of several while others store.
func (c *Cell[T]) Load(l *Layout[T]) T {
	if l.one {
		w := atomic.LoadUintptr((*uintptr)(unsafe.Pointer(c)))
		return *(*T)(unsafe.Pointer(&w))
	}
	return c.load(l)
}

func (c *Cell[T]) load(l *Layout[T]) T {
	var to Cell[T]
	from, dst := unsafe.Pointer(c), unsafe.Pointer(&to)
	if l.str {
		*(*unsafe.Pointer)(dst) = atomic.LoadPointer((*unsafe.Pointer)(from))
		*(*uintptr)(unsafe.Add(dst, wordSize)) = atomic.LoadUintptr((*uintptr)(unsafe.Add(from, wordSize)))
		return to.v
	}
	for i := range l.words {
		at := uintptr(i) * wordSize
		if l.pointers != nil && l.pointers[i] {
			*(*unsafe.Pointer)(unsafe.Add(dst, at)) = atomic.LoadPointer((*unsafe.Pointer)(unsafe.Add(from, at)))
		} else {
			*(*uintptr)(unsafe.Add(dst, at)) = atomic.LoadUintptr((*uintptr)(unsafe.Add(from, at)))
		}
	}
	return to.v
}

// Store changes the value. Callers take turns.
func (c *Cell[T]) Store(l *Layout[T], v T) {
	var from Cell[T]
	from.v = v
	src, to := unsafe.Pointer(&from.v), unsafe.Pointer(&c.v)
	if l.one {
		atomic.StoreUintptr((*uintptr)(to), *(*uintptr)(src))
		return
	}
	for i := range l.words {
		at := uintptr(i) * wordSize
		if l.pointers != nil && l.pointers[i] {
			atomic.StorePointer((*unsafe.Pointer)(unsafe.Add(to, at)), *(*unsafe.Pointer)(unsafe.Add(src, at)))
		} else {
			atomic.StoreUintptr((*uintptr)(unsafe.Add(to, at)), *(*uintptr)(unsafe.Add(src, at)))
		}
	}
}
