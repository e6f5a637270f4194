package gallery

import "github.com/rqlock/rqlock/gen/engine"

var clh = engine.Table{
	Package: "clh", Source: "gen/gallery/clh.go",
	Rows: []engine.Row{
		{
			Name: "Prepare", Op: engine.Store, Width: 32, Order: engine.Relaxed,
			Why: "Nobody waits for the node before SwapTail has said that it is there.",
		},
		{
			Name: "SwapTail", Op: engine.Xchg, Width: 32, Order: engine.AcqRel,
			Why:   "It releases that the node is held, and acquires the same of the node before. Who does not know would find that node as it was left by its last holder: free.",
			Pairs: "itself.",
		},
		{
			Name: "AwaitFree", Op: engine.AwaitEq, Width: 32, Order: engine.Acquire,
			Why: "The section of the holder before must be over.", Pairs: "Free.",
		},
		{
			Name: "Free", Op: engine.Store, Width: 32, Order: engine.Release,
			Why: "The section comes before the next holder's.", Pairs: "AwaitFree.",
		},
	},
}
