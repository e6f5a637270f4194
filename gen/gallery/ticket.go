package gallery

import "github.com/rqlock/rqlock/gen/engine"

var ticket = engine.Table{
	Package: "ticket", Source: "gen/gallery/ticket.go",
	Rows: []engine.Row{
		{
			Name: "TakeTicket", Op: engine.FetchInc, Width: 32, Order: engine.Relaxed,
			Why: "Tickets differ because this is one access. Whoever has one waits for its turn before it looks at anything else, and that wait acquires.",
		},
		{
			Name: "AwaitTurn", Op: engine.AwaitEq, Width: 32, Order: engine.Acquire,
			Why: "The section of the holder before must be over.", Pairs: "EndTurn.",
		},
		{
			Name: "LoadTurn", Op: engine.Load, Width: 32, Order: engine.Acquire,
			Why: "If the ticket of this turn can still be taken, nothing else is waited for.", Pairs: "EndTurn.",
		},
		{
			Name: "TryTicket", Op: engine.Cmpxchg, Width: 32, Order: engine.Relaxed,
			Why: "LoadTurn has acquired.",
		},
		{
			Name: "EndTurn", Op: engine.Store, Width: 32, Order: engine.Release,
			Why: "The section comes before the next holder's. Only the holder stores here, so that a store is enough.", Pairs: "AwaitTurn and LoadTurn.",
		},
	},
}
