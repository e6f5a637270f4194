package mc

import (
	"testing"
	"unsafe"
)

// TestDrain: an owner stores and then looks at another variable; a sleeper sets that, and
// then looks at the store. By TSO both may miss each other, unless the sleeper looks once
// more when store buffers have drained. A store that is Stlr cannot be missed in RA.
func TestDrain(t *testing.T) {
	for _, test := range []struct {
		name   string
		drains bool
		look   bool // once more
		store  Order
		fails  string // memories
	}{
		{"one look", false, false, Stlr, "TSO"},
		{"two looks at once", false, true, Stlr, "TSO"},
		{"a drain, but no look", true, false, Stlr, "TSO"},
		{"a drain and a look", true, true, Stlr, ""},
		{"a store that is a release only", true, true, Release, "RA"},
	} {
		for _, memory := range []Model{SC, TSO, RA} {
			var x, y uint32
			px, py := unsafe.Pointer(&x), unsafe.Pointer(&y)
			saw, seen := false, false
			p := &Program{
				Name:    test.name,
				Declare: func() { GhostVar("results", func() uint64 { return b2u(saw) | b2u(seen)<<1 }) },
				Setup:   func() { x, y, saw, seen = 0, 0, false, false },
				Threads: []func(){
					func() {
						StoreWord(0, "unlock", px, 32, 1, test.store)
						saw = LoadWord(0, "look", py, 32, SeqCst) != 0
					},
					func() {
						Update(0, "publish", py, 32, SeqCst, func(uint64) (uint64, bool) { return 1, true })
						seen = LoadWord(0, "look", px, 32, SeqCst) != 0
						if test.drains {
							Drain(0, 1)
						}
						if test.look && !seen {
							seen = LoadWord(0, "look", px, 32, SeqCst) != 0
						}
					},
				},
				Final: func() {
					if !saw && !seen {
						Fail("both miss each other")
					}
				},
			}
			r := World{Memory: memory}.Run(p, Exhaustive())
			if failed, want := r.Failure != nil, test.fails == memory.String(); failed != want {
				t.Errorf("%s: failed: %v, want %v", test.name, r, want)
			}
		}
	}
}
