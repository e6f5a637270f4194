package rqhttp

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// waitsFor returns the wait of a goroutine for a lock that others hold.
func waitsFor(goroutine uint64, lock uintptr, holders ...uint64) rqlock.Wait {
	w := rqlock.Wait{Goroutine: goroutine, Lock: rqlock.LockInfo{Addr: lock, Kind: "Mutex"}, For: time.Minute}
	for _, h := range holders {
		w.Holders = append(w.Holders, rqlock.Holder{Goroutine: h, Read: len(holders) > 1})
	}
	return w
}

// painted returns the painter of a graph, and what it draws.
func painted(g *rqlock.WaitGraph, unfold ...uintptr) (*painter, string) {
	p := paint(&look{WaitGraph: g, at: time.Now()}, query{unfold: unfold})
	return p, p.graph()
}

// positions returns where each node is that is drawn, as column,row, and fails if two are in one
// place.
func (f *forest) positions(t *testing.T) map[string]string {
	t.Helper()
	all, taken := map[string]string{}, map[string]string{}
	add := func(name string, at position) {
		if !at.placed {
			return
		}
		where := fmt.Sprintf("%d,%d", at.column, at.row)
		if taken[where] != "" {
			t.Errorf("%s and %s are both at %s", name, taken[where], where)
		}
		all[name], taken[where] = where, name
	}
	for id, n := range f.goroutines {
		add(fmt.Sprintf("g%d", id), n.position)
	}
	for _, l := range f.locks {
		add(fmt.Sprintf("l%d", l.info.Addr), l.position)
		add(fmt.Sprintf("fold%d", l.info.Addr), l.foldAt)
	}
	return all
}

// TestForest: each node has a place of its own: who waits for nobody at the left, then what it
// holds, then who waits for that.
func TestForest(t *testing.T) {
	for name, test := range map[string]struct {
		waits  []rqlock.Wait
		cycles [][]int
		want   string
		around int // edges between what are no neighbours
	}{
		"nobody waits": {nil, nil, "map[]", 0},
		"one lock":     {[]rqlock.Wait{waitsFor(1, 10, 9), waitsFor(2, 10, 9)}, nil, "map[g1:2,0 g2:2,1 g9:0,0 l10:1,0]", 0},
		"chain, found from its end": {
			[]rqlock.Wait{waitsFor(1, 10, 2), waitsFor(2, 20, 3)}, nil, "map[g1:4,0 g2:2,0 g3:0,0 l10:3,0 l20:1,0]", 0,
		},
		"one holds two": {[]rqlock.Wait{waitsFor(1, 10, 9), waitsFor(2, 20, 9)}, nil, "map[g1:2,0 g2:2,1 g9:0,0 l10:1,0 l20:1,1]", 0},
		"two trees":     {[]rqlock.Wait{waitsFor(1, 10, 8), waitsFor(2, 20, 9)}, nil, "map[g1:2,0 g2:2,1 g8:0,0 g9:0,1 l10:1,0 l20:1,1]", 0},
		"nobody holds":  {[]rqlock.Wait{waitsFor(1, 10)}, nil, "map[g1:2,0 l10:1,0]", 0},
		"three readers": {
			[]rqlock.Wait{waitsFor(1, 10, 7, 8, 9), waitsFor(2, 20, 6)}, nil, "map[g1:2,0 g2:2,3 g6:0,3 g7:0,0 g8:0,1 g9:0,2 l10:1,0 l20:1,3]", 0,
		},
		"a reader that waits": {
			[]rqlock.Wait{waitsFor(1, 10, 7, 8), waitsFor(8, 20, 6)}, nil, "map[g1:2,0 g6:0,1 g7:0,0 g8:2,1 l10:1,0 l20:1,1]", 1,
		},
		"cycle": {
			[]rqlock.Wait{waitsFor(1, 10, 2), waitsFor(2, 20, 1)}, [][]int{{0, 1}}, "map[g1:2,0 g2:0,0 l10:1,0 l20:3,0]", 1,
		},
		"cycle with a tail": {
			[]rqlock.Wait{waitsFor(3, 30, 1), waitsFor(1, 10, 2), waitsFor(2, 20, 1)}, [][]int{{1, 2}}, "map[g1:0,0 g2:2,1 g3:2,0 l10:3,1 l20:1,1 l30:1,0]", 1,
		},
		"of oneself": {[]rqlock.Wait{waitsFor(1, 10, 1)}, [][]int{{0}}, "map[g1:0,0 l10:1,0]", 1},
	} {
		p, drawing := painted(&rqlock.WaitGraph{Waits: test.waits, Cycles: test.cycles})
		if got := fmt.Sprint(p.forest.positions(t)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		inCycle := 0
		for _, c := range test.cycles {
			inCycle += len(c)
		}
		if n := strings.Count(drawing, `class="edge cycle"`); n != 2*inCycle {
			t.Errorf("%s: %d edges are marked, want %d: %s", name, n, 2*inCycle, drawing)
		}
		if n := strings.Count(drawing, "deadlock, waits a minute") + strings.Count(drawing, "deadlock, waits 60 seconds"); n != inCycle {
			t.Errorf("%s: %d goroutines are said to be in a deadlock, want %d", name, n, inCycle)
		}
		if n := strings.Count(drawing, "C"); n != test.around {
			t.Errorf("%s: %d edges go around, want %d: %s", name, n, test.around, drawing)
		}
		wellFormed(t, drawing)
	}
}

// TestFold: of many waiters few are drawn, the longest waits first, with those on whom others wait
// and the one that is open. More are on demand, and never more than a browser can bear.
func TestFold(t *testing.T) {
	g := &rqlock.WaitGraph{}
	for i := range 10_000 {
		g.Waits = append(g.Waits, waitsFor(uint64(i+1), 10, 99_999))
	}
	g.Waits = append(g.Waits, waitsFor(50_000, 20, 9000)) // somebody waits on one of those behind
	start := time.Now()
	p, drawing := painted(g)
	t.Logf("%d waiters are drawn in %v", len(g.Waits), time.Since(start))
	l := p.forest.locks[0]
	if n := strings.Count(drawing, "<rect"); n != 16 || l.hidden != 9989 || !strings.Contains(drawing, ">and 9,989 more<") || len(drawing) > 20_000 {
		t.Errorf("%d boxes, %d hidden, %d bytes", n, l.hidden, len(drawing))
	}
	for id, want := range map[uint64]bool{1: true, 10: true, 11: false, 9000: true, 50_000: true} {
		if p.forest.goroutines[id].placed != want {
			t.Errorf("goroutine %d is drawn: %v", id, !want)
		}
	}
	p.forest.positions(t)

	p = paint(p.look, query{open: "g5000"})
	if drawing = p.graph(); !p.forest.goroutines[5000].placed || strings.Count(drawing, `class="goroutine open"`) != 1 {
		t.Error("the goroutine that is open is not drawn")
	}

	start = time.Now()
	p, drawing = painted(g, 10)
	t.Logf("unfolded: %d bytes in %v", len(drawing), time.Since(start))
	if l = p.forest.locks[0]; l.hidden != 10_000-manyWaiters-1 || !strings.Contains(drawing, ">show fewer<") || !strings.Contains(drawing, ">not drawn: 8,999<") {
		t.Errorf("unfolded: %d hidden, %d bytes", l.hidden, len(drawing))
	}
	p.forest.positions(t)
	wellFormed(t, drawing)
}

// TestUnfoldMany: however many locks are unfolded, the rows are bounded.
func TestUnfoldMany(t *testing.T) {
	g := &rqlock.WaitGraph{}
	const n = manyWaiters * 7 / 10
	var unfold []uintptr
	for l := range uintptr(5) {
		unfold = append(unfold, 10+l)
		for i := range uint64(n) {
			g.Waits = append(g.Waits, waitsFor(uint64(l)*n+i+1, 10+l, 99_999))
		}
	}
	p, _ := painted(g, unfold...)
	p.forest.positions(t)
	if !p.forest.locks[1].waiters[n/2].placed {
		t.Error("the second lock is not unfolded")
	}
	drawn := 0
	for _, n := range p.forest.goroutines {
		if n.placed {
			drawn++
		}
	}
	if drawn > manyRows+1 {
		t.Errorf("%d goroutines are drawn", drawn)
	}
}

// TestManyLocks: the rows and the columns of a drawing are bounded. What is left out is said.
func TestManyLocks(t *testing.T) {
	wide, deep := &rqlock.WaitGraph{}, &rqlock.WaitGraph{}
	const n = 10_000
	for i := range n {
		wide.Waits = append(wide.Waits, waitsFor(uint64(i+1), uintptr(i+10), uint64(n+i+1)))
		deep.Waits = append(deep.Waits, waitsFor(uint64(i+1), uintptr(i+10), uint64(i+2)))
	}
	p, drawing := painted(wide)
	if at := p.forest.positions(t); len(at) != 3*fewRows || !strings.Contains(drawing, "9,800 locks more are waited for: <a id=\"more-locks\" href=\"?unfold=0x1\">draw more") {
		t.Errorf("%d nodes are drawn: %s", len(at), drawing[max(0, len(drawing)-300):])
	}
	p, drawing = painted(wide, everything)
	if at := p.forest.positions(t); len(at) != 3*manyRows || !strings.Contains(drawing, "8,000 locks more are waited for: <a id=\"more-locks\" href=\"text\">") {
		t.Errorf("%d nodes are drawn: %s", len(at), drawing[max(0, len(drawing)-300):])
	}
	slices.Reverse(deep.Waits) // whichever wait comes first
	for range 2 {
		p, drawing = painted(deep)
		if at := p.forest.positions(t); len(at) != mostColumns+1 || !strings.Contains(drawing, ">and 1 more<") || !strings.Contains(drawing, "9,985 locks more") {
			t.Errorf("%d nodes are drawn: %s", len(at), drawing[max(0, len(drawing)-300):])
		}
		slices.Reverse(deep.Waits)
	}
}

// TestCallSite: a box says where the program is, and not where the standard library is.
func TestCallSite(t *testing.T) {
	for want, functions := range map[string][]string{
		"stack not looked at": nil,
		"bank.(*Bank).pay:7":  {"github.com/rqlock/rqlock/rqlock.(*Mutex).Lock", "example.com/bank.(*Bank).pay", "main.main"},
		"main.f:7":            {"time.Sleep", "net/http.(*conn).serve", "main.f", "main.main"},
		"poll.wait:7":         {"internal/poll.wait", "net.(*conn).Read"},
		"bank.pay:7":          {"bank.pay"},
	} {
		var stack []runtime.Frame
		for _, f := range functions {
			stack = append(stack, runtime.Frame{Function: f, Line: 7})
		}
		if got := callSite(stack); got != want {
			t.Errorf("%v: %s, want %s", functions, got, want)
		}
	}
}

// TestEndedHolder: a holder that has ended is said to have.
func TestEndedHolder(t *testing.T) {
	w := waitsFor(1, 10, 9)
	w.Holders[0].State, w.Holders[0].For = "ended", time.Minute
	if _, drawing := painted(&rqlock.WaitGraph{Waits: []rqlock.Wait{w}}); !strings.Contains(drawing, ">goroutine 9 (ended)<") || !strings.Contains(drawing, ">holds 60 seconds<") || !strings.Contains(drawing, ">no stack<") {
		t.Errorf("drawn %s", drawing)
	}
}
