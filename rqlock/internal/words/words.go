// Package words keeps a value of any type in memory that goroutines read while another one
// writes it: word by word, by atomic accesses. On amd64 a copy by plain loads does the same.
//
// A reader may get words of several values. It must notice that by a version which the
// writer changes before and after the value (a sequence lock), as package hashtab does.
// Until then it may only copy the value. Each word that it copies has been stored as such.
// So a pointer among them is valid for the garbage collector.
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
	_ [0]uintptr // so that the cell is aligned to words, and consists of whole ones
	v T
}

// A Layout says which words of a T are pointers. [LayoutOf] returns it.
type Layout[T any] struct {
	words    int
	pointers []bool // for each word; nil: no word is a pointer
	one      bool   // the T is one word that is not a pointer
	str      bool   // the T is a pointer and a word that is not one, like a string
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

// Atomic reports whether a T is at most one word, and so is loaded and stored as a whole.
func (l *Layout[T]) Atomic() bool { return l.words <= 1 }

// mark marks the pointers of a value of type t at an offset. It reports whether there are
// any.
func mark(pointers []bool, t reflect.Type, offset uintptr) (any bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.String, reflect.Slice:
		pointers[offset/wordSize], any = true, true // A string's or slice's other words are no pointers.
	case reflect.Interface:
		pointers[offset/wordSize+1], any = true, true // The first word is a type, which is not collected.
	case reflect.Array:
		for i := range t.Len() {
			any = mark(pointers, t.Elem(), offset+uintptr(i)*t.Elem().Size()) || any
		}
	case reflect.Struct:
		for i := range t.NumField() {
			any = mark(pointers, t.Field(i).Type, offset+t.Field(i).Offset) || any
		}
	}
	return any
}

// Fixed returns a pointer to the value, for a time when nobody stores.
func (c *Cell[T]) Fixed() *T { return &c.v }

// Load returns the value. While another goroutine stores, it may return words of several
// values.
func (c *Cell[T]) Load(l *Layout[T]) T {
	if copies {
		return c.v
	}
	return c.load(l)
}

func (c *Cell[T]) load(l *Layout[T]) (v T) {
	if unsafe.Sizeof(v) <= wordSize {
		return c.LoadWord(l)
	}
	if l.pointers == nil && unsafe.Alignof(v) == wordSize {
		for at := uintptr(0); at < unsafe.Sizeof(v); at += wordSize {
			*(*uintptr)(unsafe.Add(unsafe.Pointer(&v), at)) = atomic.LoadUintptr((*uintptr)(unsafe.Add(unsafe.Pointer(c), at)))
		}
		return v
	}
	var to Cell[T]
	from, dst := unsafe.Pointer(c), unsafe.Pointer(&to)
	if l.str {
		*(*unsafe.Pointer)(dst) = atomic.LoadPointer((*unsafe.Pointer)(from))
		*(*uintptr)(unsafe.Add(dst, wordSize)) = atomic.LoadUintptr((*uintptr)(unsafe.Add(from, wordSize)))
		return to.v
	}
	if l.pointers == nil {
		for at := uintptr(0); at < unsafe.Sizeof(to); at += wordSize {
			*(*uintptr)(unsafe.Add(dst, at)) = atomic.LoadUintptr((*uintptr)(unsafe.Add(from, at)))
		}
		return to.v
	}
	for i, pointer := range l.pointers {
		at := uintptr(i) * wordSize
		if pointer {
			*(*unsafe.Pointer)(unsafe.Add(dst, at)) = atomic.LoadPointer((*unsafe.Pointer)(unsafe.Add(from, at)))
		} else {
			*(*uintptr)(unsafe.Add(dst, at)) = atomic.LoadUintptr((*uintptr)(unsafe.Add(from, at)))
		}
	}
	return to.v
}

// LoadWord is Load for a T of one word at most, which the compiler inlines.
func (c *Cell[T]) LoadWord(l *Layout[T]) (v T) {
	switch {
	case unsafe.Sizeof(v) == 0:
	case l.one:
		w := atomic.LoadUintptr((*uintptr)(unsafe.Pointer(c)))
		return *(*T)(unsafe.Pointer(&w))
	default:
		p := atomic.LoadPointer((*unsafe.Pointer)(unsafe.Pointer(c)))
		return *(*T)(unsafe.Pointer(&p))
	}
	return v
}

// Pointers reports whether a T has pointers.
func (l *Layout[T]) Pointers() bool { return l.pointers != nil }

// Store changes the value. Only one goroutine at a time may call it. A load of something else
// that follows may be done before it.
func (c *Cell[T]) Store(l *Layout[T], v T) {
	if copies {
		c.v = v
		return
	}
	c.store(l, v)
}

func (c *Cell[T]) store(l *Layout[T], v T) {
	var from Cell[T]
	from.v = v
	src, to := unsafe.Pointer(&from.v), unsafe.Pointer(&c.v)
	for i := range l.words {
		at := uintptr(i) * wordSize
		if l.pointers != nil && l.pointers[i] {
			atomic.StorePointer((*unsafe.Pointer)(unsafe.Add(to, at)), *(*unsafe.Pointer)(unsafe.Add(src, at)))
		} else {
			atomic.StoreUintptr((*uintptr)(unsafe.Add(to, at)), *(*uintptr)(unsafe.Add(src, at)))
		}
	}
}

// StoreWord changes a value of one word at most. It is found by whoever loads it afterwards:
// loads that follow are done after it.
func (c *Cell[T]) StoreWord(l *Layout[T], v T) {
	switch {
	case unsafe.Sizeof(v) > wordSize:
		panic("words: more than one word")
	case unsafe.Sizeof(v) == 0:
	case l.one:
		var w Cell[T]
		w.v = v
		atomic.StoreUintptr((*uintptr)(unsafe.Pointer(c)), *(*uintptr)(unsafe.Pointer(&w)))
	default:
		atomic.StorePointer((*unsafe.Pointer)(unsafe.Pointer(c)), *(*unsafe.Pointer)(unsafe.Pointer(&v)))
	}
}
