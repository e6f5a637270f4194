package main

import "github.com/rqlock/rqlock/gen/engine"

// layouts lists the layouts of the lock word, for -layout. The first is the default.
// In every layout the store of one byte releases the lock.
var layouts = []*engine.Word{
	{
		Name: "Word", Bits: 32, Owner: true, Layout: "narrow",
		Fields: []engine.Field{{Name: "locked", Shift: 0, Bits: 8}, {Name: "pending", Shift: 8, Bits: 8}, {Name: "tail", Shift: 16, Bits: 16}},
		Doc:    "Each field is a byte or a halfword of its own, so that it can be exchanged or stored without touching the others. There can be up to 65,535 waiters.",
	},
	{
		Name: "Word", Bits: 32, Owner: true, Layout: "wide",
		Fields: []engine.Field{{Name: "locked", Shift: 0, Bits: 8}, {Name: "pending", Shift: 8, Bits: 1}, {Name: "tail", Shift: 9, Bits: 23}},
		Doc:    "There can be up to 8,388,607 waiters. Operations on pending and tail are read-modify-writes of the whole word.",
	},
}
