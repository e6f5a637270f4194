// Package engine generates a Go package of lock primitives from a table. The table has words,
// which are divided into fields, and rows, which say what is done to memory and in which
// ordering. Each row becomes a function: assembly on amd64, arm64 and riscv64 where that pays,
// and Go everywhere else. Tests and a page of reference come with it.
//
// A program with a table of its own, that of a ticket lock, is
//
//	package main
//
//	import "github.com/rqlock/rqlock/gen/engine"
//
//	func main() {
//		engine.Main(engine.Table{
//			Package: "ticket", Dir: "..",
//			Words: []engine.Word{{Name: "Ticket", Bits: 32, Fields: []engine.Field{
//				{Name: "serving", Shift: 0, Bits: 16}, {Name: "next", Shift: 16, Bits: 16},
//			}}},
//			Rows: []engine.Row{
//				{Name: "TakeTicket", Op: engine.FetchIncField, Word: "Ticket", Field: "next", Order: engine.Relaxed},
//				{Name: "AwaitTurn", Op: engine.AwaitEqMasked, Width: 32, Order: engine.Acquire},
//				{Name: "ServeNext", Op: engine.IncField, Word: "Ticket", Field: "serving", Order: engine.Release},
//			},
//		})
//	}
//
// The program is a module of its own, in the directory _gen of the package. So the package's
// module neither builds nor requires what the generator imports. The package has the line
//
//	//go:generate go run -C _gen .
//
// The file docs/tables.md goes through it step by step, docs/zfamilies.md lists the operations,
// and gen/gallery has six locks on such tables.
package engine
