// Package report turns call stacks into what a report shows of them.
package report

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// maxFrames is how many calls of a stack are recorded, without those of rqlock.
const maxFrames = 32

// hidden are the calls of rqlock itself that a stack may begin with.
const hidden = 16

// calls are return addresses, of the innermost call first.
type calls [maxFrames + hidden]uintptr

// A Stack is where a goroutine waits, and what its labels are. The mutex is for a report that
// is late, and reads the stack while the goroutine waits for something else.
type Stack struct {
	mu     sync.Mutex
	known  *known // nil = see pcs
	pcs    calls
	n      int
	labels unsafe.Pointer
}

// Record notes the calling goroutine's stack and labels.
func (s *Stack) Record() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.labels = currentLabels()
	if s.known = knownCaller(false); s.known == nil {
		s.n = runtime.Callers(2, s.pcs[:])
	}
}

// Frames returns the stack as [Frames] does.
func (s *Stack) Frames() []runtime.Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known != nil {
		return s.known.resolved()
	}
	return Frames(s.pcs[:s.n])
}

// Labels returns the goroutine's labels for package pprof, or nil if it has none.
func (s *Stack) Labels() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return labelsAt(s.labels)
}

// Caller returns the calling goroutine's stack as [Frames] does.
func Caller() []runtime.Frame {
	if k := knownCaller(true); k != nil {
		return k.resolved()
	}
	var pcs calls
	return Frames(pcs[:runtime.Callers(2, pcs[:])])
}

// knownCaller returns the calling goroutine's stack, or nil if it must be asked for otherwise.
// A walk along the frame pointers takes 2 ns for a call, and [runtime.Callers] 80. But what
// the walk finds is only a key: functions that were inlined have no frame, and one written
// in assembly may hide its caller's. What the key stands for, runtime.Callers has said once.
// A key that is new is entered if there is room, or must be.
func knownCaller(must bool) *known {
	var pcs calls
	n := walk(&pcs)
	if n == 0 {
		return nil
	}
	k := find(pcs[:n], true)
	if k == nil {
		if k = enterCaller(pcs[:n], must); k == nil {
			return nil
		}
	}
	if !k.sure {
		return nil
	}
	return k
}

// enterCaller is apart, so that knownCaller needs less of a small stack.
//
//go:noinline
func enterCaller(key []uintptr, must bool) *known {
	var all calls
	return enter(key, all[:runtime.Callers(4, all[:])], true, must)
}

// Cut is the function's name of the last frame of a stack that has more calls than shown.
const Cut = "..."

// A known stack is kept, since the same few come again and again, and to look a stack up
// takes a tenth of the time that it takes to resolve it.
type known struct {
	key    []uintptr
	walked bool      // the key is that of a walk
	sure   bool      // all stacks with this key are this one
	pcs    []uintptr // as runtime.Callers returns them
	once   sync.Once
	frames []runtime.Frame
}

// stacks has what is known, by the key's hash. A stack is in one of several slots.
var stacks [1024]atomic.Pointer[known]

const choices = 4

func hash(pcs []uintptr) (h uint64) {
	for _, pc := range pcs {
		h = (h ^ uint64(pc)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return h
}

func slot(sum uint64, choice int) *atomic.Pointer[known] {
	return &stacks[(sum+uint64(choice))%uint64(len(stacks))]
}

// find returns what is known by the key, or nil.
func find(key []uintptr, walked bool) *known {
	sum := hash(key)
	for i := range choices {
		if k := slot(sum, i).Load(); k != nil && k.walked == walked && slices.Equal(k.key, key) {
			return k
		}
	}
	return nil
}

// enter makes the stack known by the key. If there is no room, it forgets another if it must,
// and returns nil otherwise.
func enter(key, pcs []uintptr, walked, must bool) *known {
	sum := hash(key)
	at := slot(sum, 0)
	for i := 0; at.Load() != nil; i++ {
		if i == choices {
			if !must {
				return nil
			}
			at = slot(sum, int(sum>>32%choices))
			break
		}
		at = slot(sum, i)
	}
	k := &known{key: slices.Clone(key), walked: walked, pcs: slices.Clone(pcs)} // the caller's stay on its stack
	k.sure = !walked || isKey(k.key, k.pcs)
	at.Store(k)
	return k
}

// isKey reports whether the walk came by each function that has a frame of its own. (Whether a
// function's frame is in a walk does not depend on its callers, unless one is C's.) It also comes
// by wrappers that the compiler has made, which are not in pcs.
func isKey(walk, pcs []uintptr) bool {
	last := uintptr(0) // where the function begins that the walk was in
	for _, pc := range pcs {
		f := runtime.FuncForPC(pc - 1)
		if f == nil || f.Name() == "runtime.cgocallback" {
			return false
		}
		if i := slices.Index(walk, pc); i >= 0 {
			walk, last = walk[i+1:], f.Entry()
		} else if f.Entry() != last { // else the one before was inlined into it
			return false
		}
	}
	return true
}

func (k *known) resolved() []runtime.Frame {
	k.once.Do(func() { k.frames = resolve(k.pcs) })
	return k.frames
}

// Frames returns the calls of a stack, innermost first, beginning with the exported method
// of rqlock that was called. If there are more than are recorded, a last frame, whose
// function is called [Cut], says so. The result is shared, and must not be changed.
func Frames(pcs []uintptr) []runtime.Frame {
	if len(pcs) == 0 {
		return nil
	}
	k := find(pcs, false)
	if k == nil {
		k = enter(pcs, pcs, false, true)
	}
	return k.resolved()
}
func resolve(pcs []uintptr) []runtime.Frame {
	stack := make([]runtime.Frame, 0, len(pcs))
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		if len(stack) == maxFrames {
			return append(stack, runtime.Frame{Function: Cut})
		}
		if (len(stack) > 0 || !internalCall(f.Function)) && f.Function != "runtime.goexit" {
			stack = append(stack, f)
		}
		if !more {
			return slices.Clip(stack)
		}
	}
}

// library is the path of package rqlock.
var library = strings.TrimSuffix(reflect.TypeFor[Stack]().PkgPath(), "/internal/report")

// internalCall tells an unexported function of package rqlock, or of package rqlock/sync, and all
// of the internal packages.
func internalCall(function string) bool {
	name, own := strings.CutPrefix(function, library)
	if !own || strings.HasPrefix(name, "/internal/") {
		return own
	}
	name = strings.TrimPrefix(name, "/sync")
	last := name[strings.LastIndexByte(name, '.')+1:]
	return name[0] == '.' && last != "" && !('A' <= last[0] && last[0] <= 'Z')
}
