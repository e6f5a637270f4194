package rqlock

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/bridge"
)

// SetNames names every lock in *v, also those of package rqlock/sync, at any depth of fields and
// arrays, by the field that it is: "Server.mu", "Server.shards[3].mu". It does not follow
// pointers, slices, maps and interfaces. It panics if v is no pointer to a value of a type that
// has a lock. See [Mutex.SetName].
func SetNames(v any) {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		panic(fmt.Sprintf("rqlock: SetNames: want a pointer to what has the locks, got %T", v))
	}
	t := p.Type().Elem()
	if !hasLock(t) {
		panic(fmt.Sprintf("rqlock: SetNames: there is no lock in a %v", t))
	}
	name := t.Name()
	if name == "" {
		name = t.String()
	}
	setNames(p.UnsafePointer(), t, name)
}

// isLock reports whether t is a type of locks. All of them begin with their word.
func isLock(t reflect.Type) bool {
	return t == reflect.TypeFor[Mutex]() || t == reflect.TypeFor[RWMutex]() || slices.Contains(bridge.Types, t)
}

func setNames(at unsafe.Pointer, t reflect.Type, name string) {
	switch {
	case isLock(t):
		setName((*asm.Owned)(at), name)
	case !hasLock(t):
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			setNames(unsafe.Add(at, f.Offset), f.Type, name+"."+f.Name)
		}
	case t.Kind() == reflect.Array:
		for i := range t.Len() {
			setNames(unsafe.Add(at, uintptr(i)*t.Elem().Size()), t.Elem(), fmt.Sprintf("%s[%d]", name, i))
		}
	}
}

// hasLock reports whether setNames would find something in a value of type t.
func hasLock(t reflect.Type) bool {
	switch {
	case isLock(t):
		return true
	case t.Kind() == reflect.Array:
		return t.Len() > 0 && hasLock(t.Elem())
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if hasLock(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// The word comes first, where setNames expects it.
var _ = [1]struct{}{}[unsafe.Offsetof(Mutex{}.word)|unsafe.Offsetof(RWMutex{}.rw)]
