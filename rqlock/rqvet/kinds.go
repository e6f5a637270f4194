package rqvet

import (
	"go/types"
	"slices"
	"strings"
)

// A kind is a type whose values are acquired and released: a lock, or a record of a ring.
type kind struct {
	pkg, name    string
	anyGoroutine bool // whoever likes may release it
	record       bool
	methods      map[string]method
}

type operation uint8

const (
	acquires   operation = iota + 1
	releases             // ends what an acquisition began
	downgrades           // a write lock becomes a read lock
	converts             // to a lock for reading
	uses                 // needs it held
)

// method is a method of a kind.
type method struct {
	name   string
	op     operation
	read   bool // acquires or releases a read lock
	try    bool // its result is a bool, and it never waits
	pinned bool
	record bool

	params, results string // as types.Tuple writes their types
}

// fails reports whether an acquisition may fail.
func (m method) fails() bool { return m.results != "" }

// acquire reports whether m acquires.
func (m method) acquire() bool { return m.op == acquires }

const (
	lockPackage   = "github.com/rqlock/rqlock/rqlock"
	syncPackage   = lockPackage + "/sync"
	ringPackage   = lockPackage + "/ringbuf"
	reserveMethod = "(*" + ringPackage + ".Ring).Reserve"
)

var (
	mutexMethods = table(
		method{name: "Lock", op: acquires, results: "error"},
		method{name: "TryLock", op: acquires, try: true, results: "bool"},
		method{name: "LockTimeout", op: acquires, params: "time.Duration", results: "error"},
		method{name: "LockContext", op: acquires, params: "context.Context", results: "error"},
		method{name: "LockPinned", op: acquires, pinned: true, results: "error"},
		method{name: "Unlock", op: releases},
		method{name: "UnlockPinned", op: releases, pinned: true},
	)
	readMethods = table(
		method{name: "RLock", op: acquires, read: true, results: "error"},
		method{name: "TryRLock", op: acquires, read: true, try: true, results: "bool"},
		method{name: "RLockTimeout", op: acquires, read: true, params: "time.Duration", results: "error"},
		method{name: "RLockContext", op: acquires, read: true, params: "context.Context", results: "error"},
		method{name: "RUnlock", op: releases, read: true},
		method{name: "Downgrade", op: downgrades},
		method{name: "RLocker", op: converts, results: "*"},
	)
	recordMethods = table(
		method{name: "Commit", op: releases, record: true},
		method{name: "Discard", op: releases, record: true},
		method{name: "Bytes", op: uses, record: true, results: "*"},
	)
	// plainMethods are those of package sync: they do not fail.
	plainMethods = table(
		method{name: "Lock", op: acquires},
		method{name: "RLock", op: acquires, read: true},
	)

	kinds = []kind{
		{pkg: lockPackage, name: "Mutex", methods: mutexMethods},
		{pkg: lockPackage, name: "RWMutex", methods: join(mutexMethods, readMethods)},
		{pkg: syncPackage, name: "Mutex", anyGoroutine: true, methods: join(mutexMethods, plainMethods)},
		{pkg: syncPackage, name: "RWMutex", anyGoroutine: true, methods: join(mutexMethods, readMethods, plainMethods)},
		{pkg: ringPackage, name: "Record", record: true, methods: recordMethods},
	}

	// lockNames are the methods that a lock may have, whatever it is.
	lockNames = join(mutexMethods, readMethods)
)

func table(all ...method) map[string]method {
	t := map[string]method{}
	for _, m := range all {
		t[m.name] = m
	}
	return t
}

// join has the methods of all tables; the last holds where names are the same.
func join(tables ...map[string]method) map[string]method {
	all := map[string]method{}
	for _, t := range tables {
		for name, m := range t {
			all[name] = m
		}
	}
	return all
}

// kindOf is the kind that t is; nil if it is none.
func kindOf(t types.Type) *kind {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return nil
	}
	obj := named.Obj()
	if obj.Pkg() == nil || !strings.HasPrefix(obj.Pkg().Path(), lockPackage) {
		return nil
	}
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == obj.Name() && k.pkg == obj.Pkg().Path() })
	if i < 0 {
		return nil
	}
	return &kinds[i]
}

// lockMethod returns the method of a lock or a record that fn is.
func lockMethod(fn *types.Func) (method, bool) {
	if fn == nil || fn.Pkg() == nil || !strings.HasPrefix(fn.Pkg().Path(), lockPackage) {
		return method{}, false
	}
	recv := fn.Signature().Recv()
	if recv == nil {
		return method{}, false
	}
	k := kindOf(deref(recv.Type()))
	if k == nil {
		return method{}, false
	}
	m, ok := k.methods[fn.Name()]
	return m, ok
}

// asMethod returns the method that a lock would have to have to implement fn, a method of an
// interface. Package sync's locks do not fail, and have no result.
func asMethod(fn *types.Func) (method, bool) {
	if fn == nil {
		return method{}, false
	}
	m, ok := lockNames[fn.Name()]
	if !ok || m.op == converts {
		return method{}, false
	}
	sig := fn.Signature()
	results := typesOf(sig.Results())
	if plain, ok := plainMethods[m.name]; ok && results == "" {
		m = plain
	}
	return m, typesOf(sig.Params()) == m.params && results == m.results
}

func typesOf(tuple *types.Tuple) string {
	if tuple.Len() == 0 {
		return ""
	}
	var all []string
	for v := range tuple.Variables() {
		all = append(all, v.Type().String())
	}
	return strings.Join(all, ", ")
}

func isLock(t types.Type) bool {
	k := kindOf(t)
	return k != nil && !k.record
}

func isRecord(t types.Type) bool {
	k := kindOf(t)
	return k != nil && k.record
}

func isLockPointer(t types.Type) bool {
	p, ok := t.Underlying().(*types.Pointer)
	return ok && isLock(p.Elem())
}

// anyGoroutine reports whether t is or points to a lock that any goroutine may release.
func anyGoroutine(t types.Type) bool {
	k := kindOf(deref(t))
	return k != nil && k.anyGoroutine
}
