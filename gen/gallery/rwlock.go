package gallery

import "github.com/rqlock/rqlock/gen/engine"

var rwlock = engine.Table{
	Package: "rwlock", Source: "gen/gallery/rwlock.go",
	Words: []engine.Word{{
		Name: "Arrivals", Bits: 32, Doc: "How many readers have come, and whether a writer is there.",
		Fields: []engine.Field{{Name: "writer", Shift: 0, Bits: 8}, {Name: "readers", Shift: 8, Bits: 24}},
	}},
	Rows: []engine.Row{
		// Readers.
		{
			Name: "ArriveRead", Op: engine.FetchAdd, Width: 32, Order: engine.Acquire,
			Why: "If no writer is there, nothing else is waited for.", Pairs: "OpenGate.",
		},
		{
			Name: "AwaitGate", Op: engine.AwaitNeMasked, Width: 32, Order: engine.Acquire,
			Why: "The section of the writer that was there must be over.", Pairs: "OpenGate.",
		},
		{
			Name: "LeaveRead", Op: engine.Add, Width: 32, Order: engine.Release,
			Why: "The section comes before the writer's that waits for it.", Pairs: "AwaitReaders.",
		},
		// Writers.
		{
			Name: "TakeTicket", Op: engine.FetchInc, Width: 32, Order: engine.Relaxed,
			Why: "As in package ticket.",
		},
		{
			Name: "AwaitTurn", Op: engine.AwaitEq, Width: 32, Order: engine.Acquire,
			Why: "The section of the writer before must be over.", Pairs: "EndTurn.",
		},
		{
			Name: "ArriveWrite", Op: engine.FetchAdd, Width: 32, Order: engine.Relaxed,
			Why: "It is one access with the readers' ArriveRead: a reader is counted in what it returns, or finds the writer. AwaitReaders acquires.",
		},
		{
			Name: "AwaitReaders", Op: engine.AwaitEq, Width: 32, Order: engine.Acquire,
			Why: "The sections of the readers that came before must be over.", Pairs: "LeaveRead.",
		},
		{
			Name: "OpenGate", Op: engine.StoreFields, Set: []engine.Value{{Field: "writer", Value: 0}}, Order: engine.Release,
			Why: "The section comes before those of the readers that wait.", Pairs: "AwaitGate and ArriveRead.",
		},
		{
			Name: "EndTurn", Op: engine.Store, Width: 32, Order: engine.Release,
			Why: "The section comes before the next writer's.", Pairs: "AwaitTurn.",
		},
	},
}
