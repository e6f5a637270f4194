package report

import (
	"runtime"
	"strings"
	"testing"
)

//go:noinline
func deep(n int) []runtime.Frame {
	if n == 0 {
		return framesOf()
	}
	return deep(n - 1)[:]
}

// framesOf is Caller as an application sees it: nothing of this package is hidden.
func framesOf() []runtime.Frame {
	var pcs [maxFrames + hidden]uintptr
	pcs[0] = 0
	return withOwn(func() []runtime.Frame { return Frames(pcs[:runtime.Callers(2, pcs[:])]) })
}

// withOwn lets f show this package's calls.
func withOwn(f func() []runtime.Frame) []runtime.Frame {
	was := library
	library = "no such package"
	defer func() { library = was }()
	return f()
}

// TestCut: a stack that has more calls than are recorded says so, and no other does.
func TestCut(t *testing.T) {
	short := deep(3)
	if last := short[len(short)-1].Function; last == Cut || !strings.Contains(short[len(short)-2].Function, "TestCut") && !strings.Contains(last, "tRunner") {
		t.Errorf("a short stack ends with %s", last)
	}
	long := deep(100)
	if n := len(long); n != maxFrames+1 || long[n-1].Function != Cut {
		t.Errorf("a deep stack has %d calls, and ends with %s", n, long[n-1].Function)
	}
}

// TestResolvedOnce: equal stacks are resolved once, and what is kept is bounded.
func TestResolvedOnce(t *testing.T) {
	var again [2][]runtime.Frame
	for i := range again {
		again[i] = deep(5)
	}
	if &again[0][0] != &again[1][0] {
		t.Error("the same stack was resolved twice")
	}
	for i := range 3 * maxKnown {
		Frames([]uintptr{uintptr(i + 1)})
	}
	resolved.mu.RLock()
	defer resolved.mu.RUnlock()
	if n := len(resolved.of); n > maxKnown {
		t.Errorf("%d stacks are kept", n)
	}
}

// TestInternalCall tells what a stack begins with that is shown.
func TestInternalCall(t *testing.T) {
	for function, want := range map[string]bool{
		library + ".(*Mutex).Lock":              false,
		library + ".(*Mutex).lockSlow":          true,
		library + ".lockContended":              true,
		library + ".(*Mutex).callersWait":       true,
		library + "/internal/waitgraph.Begin":   true,
		library + "/hashtab.(*Map[...]).Update": false,
		library + "/hashtab.compute":            false,
		library + "x.lock":                      false,
		"main.main":                             false,
	} {
		if internalCall(function) != want {
			t.Errorf("%s: internal %v, want %v", function, !want, want)
		}
	}
}
