package gallery

import "github.com/rqlock/rqlock/gen/engine"

var mcs = engine.Table{
	Package: "mcs", Source: "gen/gallery/mcs.go",
	Rows: []engine.Row{
		{
			Name: "Prepare", Op: engine.Store, Width: 32, Order: engine.Relaxed,
			Why: "Nobody else knows the node before SwapTail has said that it is there.",
		},
		{
			Name: "SwapTail", Op: engine.Xchg, Width: 32, Order: engine.AcqRel,
			Why:   "It releases the prepared node to the next waiter, which will store in it. It acquires the node of the waiter before, for the same reason, or the last section if the lock is free.",
			Pairs: "itself and CloseTail.",
		},
		{
			Name: "Link", Op: engine.Store, Width: 32, Order: engine.Release,
			Why: "The prepared node comes before its name: the holder will store in it.", Pairs: "LoadNext and AwaitNext.",
		},
		{
			Name: "AwaitGrant", Op: engine.AwaitEq, Width: 32, Order: engine.Acquire,
			Why: "The section of the holder before must be over.", Pairs: "Grant.",
		},
		{
			Name: "LoadNext", Op: engine.Load, Width: 32, Order: engine.Acquire,
			Why: "What the waiter has prepared must not overwrite what Grant is about to store.", Pairs: "Link.",
		},
		{
			Name: "CloseTail", Op: engine.Cmpxchg, Width: 32, Order: engine.Release,
			Why: "The section comes before that of whoever finds the lock free.", Pairs: "SwapTail.",
		},
		{
			Name: "AwaitNext", Op: engine.AwaitNe, Width: 32, Order: engine.Acquire,
			Why: "As LoadNext.", Pairs: "Link.",
		},
		{
			Name: "Grant", Op: engine.Store, Width: 32, Order: engine.Release,
			Why: "The section comes before the next holder's.", Pairs: "AwaitGrant.",
		},
	},
}
