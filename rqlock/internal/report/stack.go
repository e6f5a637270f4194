// Package report turns call stacks into what a report shows of them.
package report

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// maxFrames is how many calls of a stack are recorded, without those of rqlock.
const maxFrames = 32

// hidden are the calls of rqlock itself that a stack may begin with.
const hidden = 8

// A Stack is where a goroutine waits. The mutex is for a report that is late, and reads
// the stack while the goroutine waits for something else.
type Stack struct {
	mu  sync.Mutex
	pcs [maxFrames + hidden]uintptr
	n   int
}

// Record notes the calling goroutine's stack.
func (s *Stack) Record() {
	s.mu.Lock()
	s.n = runtime.Callers(2, s.pcs[:])
	s.mu.Unlock()
}

// Frames returns the stack as [Frames] does.
func (s *Stack) Frames() []runtime.Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Frames(s.pcs[:s.n])
}

// Caller returns the calling goroutine's stack as [Frames] does.
func Caller() []runtime.Frame {
	var pcs [maxFrames + hidden]uintptr
	return Frames(pcs[:runtime.Callers(2, pcs[:])])
}

// Cut is the function's name of the last frame of a stack that has more calls than shown.
const Cut = "..."

// resolved keeps stacks, since the same few come again and again, and to look a stack up
// takes a tenth of the time that it takes to resolve it.
var resolved struct {
	mu sync.RWMutex
	of map[uint64][]known // by the hash of the calls
}

type known struct {
	pcs    []uintptr
	frames []runtime.Frame
}

// maxKnown is how many stacks are kept. Then all are forgotten.
const maxKnown = 1024

func hash(pcs []uintptr) (h uint64) {
	for _, pc := range pcs {
		h = (h ^ uint64(pc)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return h
}

// Frames returns the calls of a stack, innermost first, beginning with the exported method
// of rqlock that was called. If there are more than are recorded, a last frame, whose
// function is called [Cut], says so. The result is shared, and must not be changed.
func Frames(pcs []uintptr) []runtime.Frame {
	if len(pcs) == 0 {
		return nil
	}
	sum := hash(pcs)
	resolved.mu.RLock()
	for _, k := range resolved.of[sum] {
		if slices.Equal(k.pcs, pcs) {
			resolved.mu.RUnlock()
			return k.frames
		}
	}
	resolved.mu.RUnlock()
	kept := slices.Clone(pcs) // the caller's stays on its stack
	k := known{kept, resolve(kept)}
	resolved.mu.Lock()
	defer resolved.mu.Unlock()
	if resolved.of == nil || len(resolved.of) >= maxKnown {
		resolved.of = map[uint64][]known{}
	}
	if len(resolved.of[sum]) < 4 { // there is one, but for a malicious program's
		resolved.of[sum] = append(resolved.of[sum], k)
	}
	return k.frames
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

// internalCall tells an unexported function of package rqlock, and all of its internal
// packages.
func internalCall(function string) bool {
	name, own := strings.CutPrefix(function, library)
	if !own || strings.HasPrefix(name, "/internal/") {
		return own
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	return name[0] == '.' && last != "" && !('A' <= last[0] && last[0] <= 'Z')
}
