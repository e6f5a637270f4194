package gallery

import "github.com/rqlock/rqlock/gen/engine"

var deque = engine.Table{
	Package: "deque", Source: "gen/gallery/deque.go",
	Words: []engine.Word{{Name: "Index", Bits: 64, Doc: "The number of an element: they are numbered in the order of Push."}},
	Rows: []engine.Row{
		{
			Name: "LoadBottom", Op: engine.Load, Width: 64, Order: engine.Relaxed,
			Why: "Only the owner stores there, and this is the owner.",
		},
		{
			Name: "LoadTop", Op: engine.Load, Width: 64, Order: engine.Relaxed,
			Why: "The fence before it, in Take, has it read what a thief that is past its own fence has stored.",
		},
		{
			Name: "AcquireTop", Op: engine.Load, Width: 64, Order: engine.Acquire,
			Why: "A slot is used again only after the thief has read it.", Pairs: "StealTop.",
		},
		{
			Name: "AcquireBottom", Op: engine.Load, Width: 64, Order: engine.Acquire,
			Why: "The element comes before the index that says it is there.", Pairs: "Publish.",
		},
		{
			Name: "StoreSlot", Op: engine.Store, Width: 64, Order: engine.Relaxed,
			Why: "Publish comes after it.",
		},
		{
			Name: "LoadSlot", Op: engine.Load, Width: 64, Order: engine.Relaxed,
			Why: "AcquireBottom comes before it.",
		},
		{
			Name: "Publish", Op: engine.Store, Width: 64, Order: engine.Release,
			Why: "The element comes before the index that says it is there.", Pairs: "AcquireBottom.",
		},
		{
			Name: "Restore", Op: engine.Store, Width: 64, Order: engine.Relaxed,
			Why: "There is no element below this index, so nobody reads a slot because of it.",
		},
		{
			Name: "TakeTop", Op: engine.Cmpxchg, Width: 64, Order: engine.Relaxed,
			Why: "It gives the last element to one goroutine. The owner, who has pushed it, needs no ordering to read it or to use its slot again.",
		},
		{
			Name: "StealTop", Op: engine.Cmpxchg, Width: 64, Order: engine.Release,
			Why: "It gives the element to one goroutine, which has read the slot before the owner uses that again.", Pairs: "AcquireTop.",
		},
		{
			Name: "StoreThenLoad", Op: engine.Fence, Order: engine.SeqCst,
			Why: "Of an owner that takes the last but one element from below and a thief that has taken one from above, one at least must see what the other has done.", Pairs: "itself.",
		},
	},
}
