package report

import (
	"iter"
	"maps"
	"reflect"
	"runtime"
	"sort"
	"strings"
	"sync"
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
	defer forgetAll()
	for i := range 3 * len(stacks) {
		key := []uintptr{uintptr(i + 1)}
		if Frames(key); find(key, false) == nil {
			t.Fatalf("stack %v is not known", key)
		}
	}
}

func forgetAll() {
	for i := range stacks {
		stacks[i].Store(nil)
	}
}

// both returns the caller's stack as a walk finds it, and as runtime.Callers does. walked says
// whether the walk could.
//
//go:noinline
func both(t *testing.T) (walked bool) {
	t.Helper()
	var pcs calls
	got, want := Caller(), Frames(pcs[:runtime.Callers(1, pcs[:])])
	if len(got) != len(want) {
		t.Fatalf("the walk has found\n%v, want\n%v", got, want)
	}
	for i := range got {
		if got[i].Function != want[i].Function || i > 0 && got[i].Line != want[i].Line {
			t.Errorf("call %d of the walk is %v, want %v", i, got[i], want[i])
		}
	}
	return knownCaller(true) != nil
}

type embedded struct{ *inner }
type inner struct{ t *testing.T }

func (i *inner) method() { both(i.t) }
func (i inner) value()   { both(i.t) }
func twice[T any](f func(T), arg T) {
	f(arg)
	f(arg)
}

//go:noinline
func load0(p *int) int { return *p } // has no frame

// faults calls load0 in one of two lines, and looks while it panics.
func faults(t *testing.T, first bool) {
	defer func() {
		both(t)
		if recover() == nil {
			t.Error("no panic")
		}
		both(t)
	}()
	if first {
		load0(nil)
	} else {
		load0(nil)
	}
}

func recurse(t *testing.T, depth int) {
	var room [256]byte // so that the stack grows, and moves
	if both(t); depth > 0 {
		recurse(t, depth-1)
	}
	runtime.KeepAlive(&room)
}

// TestWalk: whatever calls led here, a walk along the frame pointers finds what runtime.Callers
// finds, again and again.
func TestWalk(t *testing.T) {
	withOwn(func() []runtime.Frame {
		for range 3 {
			if walks := both(t); walks != canWalk {
				t.Errorf("a walk is possible: %v, want %v", walks, canWalk)
			}
			in := inner{t}
			var methods interface {
				method()
				value()
			} = embedded{&in}
			methods.method()
			methods.value()
			f := methods.value
			f()
			twice(func(int) { both(t) }, 1)
			twice(recurseThrough, t)
			reflect.ValueOf(both).Call([]reflect.Value{reflect.ValueOf(t)})
			sort.Slice([]int{1, 2}, func(int, int) bool { both(t); return false })
			for v := range maps.Keys(map[int]int{1: 1}) {
				both(t)
				defer func() { both(t) }()
				_ = v
			}
			for _, first := range []bool{true, false} {
				faults(t, first)
			}
			var wg sync.WaitGroup
			wg.Go(func() { recurse(t, 100) })
			wg.Add(1)
			go func(t *testing.T) { both(t); wg.Done() }(t)
			wg.Wait()
			next, stop := iter.Pull(func(yield func(bool) bool) { yield(both(t)) })
			next()
			stop()
		}
		return nil
	})
}

func recurseThrough(t *testing.T) { recurse(t, 3) }

// TestRecord: a stack that is recorded is the caller's, also if there is no room to keep it.
func TestRecord(t *testing.T) {
	defer forgetAll()
	withOwn(func() []runtime.Frame {
		for _, full := range []bool{false, true} {
			forgetAll()
			for i := range stacks {
				if full {
					stacks[i].Store(&known{})
				}
			}
			var s Stack
			var want []runtime.Frame
			for range 2 {
				s.Record()
				want = Caller()
			}
			got := s.Frames()
			for i := range max(len(got), len(want)) {
				if i > 0 && (i >= len(got) || i >= len(want) || got[i].Function != want[i].Function) {
					t.Errorf("with stacks full %v, recorded\n%v, want\n%v", full, got, want)
					break
				}
			}
			if n := testing.AllocsPerRun(100, s.Record); n != 0 {
				t.Errorf("with stacks full %v, a record allocates %v times", full, n)
			}
		}
		return nil
	})
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
