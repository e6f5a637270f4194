package mc

import (
	"reflect"
	"unsafe"
)

// A frame is the control state of one function call. base is that of its callers.
type frame struct{ base, h uint64 }

// Enter says that the current thread enters the function fn, whose first site is
// fn+1.
func Enter(fn int32) {
	t := cur.self
	if t == nil {
		return
	}
	f := t.frames[len(t.frames)-1]
	if t.m.Marks {
		t.frames = append(t.frames, frame{base: mix(f.base, f.h), h: uint64(uint32(fn))})
	} else {
		t.frames = append(t.frames, frame{base: f.base, h: f.h})
	}
	if t.atomicFrom == 0 && t.m.atomic != nil && fn >= 0 && t.m.atomic[fn] {
		t.atomicFrom = len(t.frames)
	}
}

// Leave says that the current thread leaves the function that it entered last. What the
// function may return becomes part of the caller's control state.
func Leave() {
	t := cur.self
	if t == nil {
		return
	}
	top := len(t.frames) - 1
	h := t.frames[top].h
	t.frames = t.frames[:top]
	f := &t.frames[top-1]
	if t.m.Marks {
		f.h = mix(f.h, h)
	} else {
		f.h = h
	}
	if t.atomicFrom > top {
		t.atomicFrom, t.inside = 0, false
	}
}

// At is called before each call and each access. It says that what the current function
// will do depends on nothing but its position and the given values, which are those of
// its live variables. What the function observes until the next At is added to them.
func At(site Site, live ...uint64) {
	t := cur.self
	if t == nil || !t.m.Marks {
		return
	}
	h := uint64(site)
	for _, v := range live {
		h = mix(h, v)
	}
	t.frames[len(t.frames)-1].h = mix(h, uint64(len(live)))
}

// Generated code calls the functions below in the middle of expressions.

// Mark is [At], and returns the site for the call that is marked.
func Mark(site Site, live ...uint64) Site {
	At(site, live...)
	return site
}

// Via is [Mark] for a call of the function f, which takes no site.
func Via[F any](_ Site, f F) F { return f }

// Read is [PlainRead] of *p, or of each field if it is a struct, and returns p.
func Read[T any](p *T) *T {
	each(p, PlainRead)
	return p
}

// Write is [PlainWrite] of *p, or of each field if it is a struct, and returns p.
func Write[T any](p *T) *T {
	each(p, PlainWrite)
	return p
}

// Own says that *p, which the current thread has allocated, is seen by no other one. [Read] and
// [Write] leave it alone in this execution.
func Own[T any](p *T) {
	if cur.self != nil {
		cur.own = append(cur.own, span{uintptr(unsafe.Pointer(p)), unsafe.Sizeof(*p)})
	}
}

// A span is a piece of memory.
type span struct{ at, size uintptr }

func (m *machine) owns(p unsafe.Pointer) bool {
	for _, s := range m.own {
		if uintptr(p)-s.at < s.size {
			return true
		}
	}
	return false
}

func each[T any](p *T, access func(Site, unsafe.Pointer, int)) {
	if cur.owns(unsafe.Pointer(p)) {
		return
	}
	if unsafe.Sizeof(*p) <= 8 {
		access(0, unsafe.Pointer(p), int(8*unsafe.Sizeof(*p)))
		return
	}
	for t, i := reflect.TypeFor[T](), 0; i < t.NumField(); i++ {
		f := t.Field(i)
		access(0, unsafe.Add(unsafe.Pointer(p), f.Offset), int(8*f.Type.Size()))
	}
}

// Keep reports whether a statement is executed: see [Dropped].
func Keep(statement int32) bool { return !Dropped(statement) }
