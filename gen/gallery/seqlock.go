package gallery

import "github.com/rqlock/rqlock/gen/engine"

var seqlock = engine.Table{
	Package: "seqlock", Source: "gen/gallery/seqlock.go",
	Words: []engine.Word{{
		Name: "Sequence", Bits: 64, Doc: "It is odd while somebody writes.",
		Fields: []engine.Field{{Name: "writing", Shift: 0, Bits: 1}, {Name: "count", Shift: 1, Bits: 63}},
	}},
	Rows: []engine.Row{
		{
			Name: "AwaitEven", Op: engine.AwaitEqMasked, Width: 64, Order: engine.Acquire,
			Why: "What a reader loads next is at least as new as what the last writer stored.", Pairs: "EndWrite.",
		},
		{
			Name: "LoadData", Op: engine.Load, Width: 64, Order: engine.Acquire,
			Why: "If the value is a later writer's, LoadSequence must find that this one has begun.", Pairs: "StoreData.",
		},
		{
			Name: "LoadSequence", Op: engine.Load, Width: 64, Order: engine.Relaxed,
			Why: "LoadData orders it after the data. Nothing comes after it.",
		},
		{
			Name: "TryWrite", Op: engine.Cmpxchg, Width: 64, Order: engine.Relaxed,
			Why: "It lets one of the writers in. AwaitEven has acquired what the last one stored, and StoreData releases it.",
		},
		{
			Name: "StoreData", Op: engine.Store, Width: 64, Order: engine.Release,
			Why: "Whoever finds the value must find that a writer has begun.", Pairs: "LoadData.",
		},
		{
			Name: "EndWrite", Op: engine.Store, Width: 64, Order: engine.Release,
			Why: "The data come before the even number that says they are whole.", Pairs: "AwaitEven.",
		},
	},
}
