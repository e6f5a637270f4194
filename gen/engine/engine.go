// Package engine generates a Go package of lock primitives from a table: words that are
// divided into fields, and rows, which say what is done to them and with which memory
// ordering. Each row becomes assembly for some architectures, Go for the others, tests
// and a page of reference.
//
// A program with a table of its own is
//
//	package main
//
//	import "github.com/rqlock/rqlock/gen/engine"
//
//	func main() {
//		engine.Main(engine.Table{
//			Dir:   "..",
//			Words: []engine.Word{{Name: "Ticket", Bits: 32, Fields: []engine.Field{{"serving", 0, 16}, {"next", 16, 16}}}},
//			Rows: []engine.Row{
//				{Name: "TakeTicket", Op: engine.FetchIncField, Word: "Ticket", Field: "next", Order: engine.Relaxed},
//				{Name: "Serving", Op: engine.Load, Width: 16, Order: engine.Acquire},
//				{Name: "Serve", Op: engine.Store, Width: 16, Order: engine.Release},
//			},
//		})
//	}
//
// It belongs into a module of its own, in a directory _gen of the package, which neither
// builds nor requires anything of the generator's then:
//
//	//go:generate go run -C _gen .
package engine
