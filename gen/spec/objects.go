package spec

// Operations on an object of 8 to 64 bits, at p.
func init() {
	Register(
		Operation{
			Op: Load, On: Whole, Orders: loads, Reads: true, Atomic: "Load", Race: byOrder,
			Sig: "func(p *uintN) (v uintN)", Does: "loads *p in one access.",
			Twin: `{{if .Narrow}}{{.SetUp}}
return {{.Left}}atomic.LoadUint32(word){{.Right}}{{else}}return atomic.LoadUint{{.Width}}(p){{end}}`,
			Oracle: `return *p`,
			// A row's store has the test, if there is one that matches.
			Torture: &Torture{That: cellsThat, Body: `{{if not .StorePeer}}` + cells + `{{end}}`},
		},
		Operation{
			Op: Store, On: Whole, Orders: stores, Writes: true, Atomic: "Store", Race: byOrder,
			Sig: "func(p *uintN, v uintN)", Does: "stores v in *p in one access.",
			Twin: `{{if .Narrow}}{{.SetUp}}
replaceBits(word, {{.Mask}}, {{.Up "v"}}){{else}}atomic.StoreUint{{.Width}}(p, v){{end}}`,
			Oracle: `*p = {{.As "v"}}
return nil`,
			Torture: &Torture{Name: `{{.Name}}{{with .LoadPeer}}{{.Name}}{{end}}`, That: cellsThat, Body: cells},
		},
		Operation{
			Op: Xchg, On: Whole, Orders: updates, Reads: true, Writes: true, Atomic: "Swap", Race: byOrder,
			Sig: "func(p *uintN, new uintN) (old uintN)", Does: "stores new in *p and returns the value that it replaced.",
			Twin: `{{if .Narrow}}{{.SetUp}}
return {{.Left}}replaceBits(word, {{.Mask}}, {{.Up "new"}}){{.Right}}{{else}}return atomic.SwapUint{{.Width}}(p, new){{end}}`,
			Oracle: `old := *p
*p = {{.As "new"}}
return old`,
			Torture: &Torture{
				That: "the tokens that workers exchange through adjacent cells are conserved.",
				Body: `conserve(t, n, {{.BothWays}}, {{.Name}})`,
			},
		},
		Operation{
			Op: Cmpxchg, On: Whole, Orders: updates, Reads: true, Writes: true, Atomic: "CompareAndSwap", Race: &Race{AcquiresIf: "ok"},
			Sig: "func(p *uintN, old uintN, new uintN) (ok bool)", Does: "stores new in *p if *p is old, and reports whether it did.",
			Twin: `{{if .Narrow}}{{.SetUp}}
return tryReplaceBits(word, {{.Mask}}, {{.Up "old"}}, {{.Up "new"}}){{else}}return atomic.CompareAndSwapUint{{.Width}}(p, old, new){{end}}`,
			Oracle: `if *p != {{.As "old"}} {
	return false
}
*p = {{.As "new"}}
return true`,
			Torture: &Torture{That: successes, Body: `count(t, n, {{.LoadAny}}, {{.Name}})
{{if not .Narrow}}{{if .Acquires}}var lock {{.T}}
exclusive(t, n, func() bool {
	return {{.Name}}(&lock, 0, 1)
}, func() {
	atomic.StoreUint{{.Width}}(&lock, 0)
}){{else if .Releases}}` + releasing},
		},
		Operation{
			Op: CmpxchgOld, On: Whole, Orders: updates, Reads: true, Writes: true, Atomic: "CompareAndSwap", Race: &Race{AcquiresIf: "found == old"},
			Sig: "func(p *uintN, old uintN, new uintN) (found uintN)", Does: "stores new in *p if *p is old, and returns what *p was. It has stored new if that is old.",
			Twin: twinExchange,
			Oracle: `found := *p
if found == {{.As "old"}} {
	*p = {{.As "new"}}
}
return found`,
			Torture: &Torture{That: successes, Body: `count(t, n, {{.LoadAny}}, func(p *{{.T}}, old, new {{.T}}) bool {
	return {{.Name}}(p, old, new) == old
})
{{if not .Narrow}}{{if .Acquires}}var lock {{.T}}
exclusive(t, n, func() bool {
	return {{.Name}}(&lock, 0, 1) == 0
}, func() {
	atomic.StoreUint{{.Width}}(&lock, 0)
}){{else if .Releases}}` + releasing},
		},
	)
}

const (
	cellsThat = `adjacent cells keep what is stored in them, and nobody reads a part of a store.{{if or .Acquires .Releases}} A turn that it hands on brings along what was written before.{{end}}`
	cells     = `whole(t, n, {{.CellStore}}, {{.CellLoad}}){{if or .Acquires .Releases}}
turn := newCells[{{.T}}](2)
ring(t, n, func(me int) bool {
	return {{.CellLoad}}(&turn[1]) == {{.T}}(me)
}, func(next int) {
	{{.CellStore}}(&turn[1], {{.T}}(next))
}){{end}}`

	successes = `each success counts once.{{if .Narrow}}{{else if .Acquires}} A lock that is acquired by it excludes.{{else if .Releases}} A lock that is released by it excludes.{{end}}`
	releasing = `var lock {{.T}}
exclusive(t, n, func() bool {
	return atomic.CompareAndSwapUint{{.Width}}(&lock, 0, 1)
}, func() {
	{{.Name}}(&lock, 1, 0)
}){{end}}{{end}}`

	twinExchange = `{{.SetUp}}
return {{.Left}}exchangeBits{{.WordBits}}({{.At}}, {{.Mask}}, {{.Up "old"}}, {{.Up "new"}}){{.Right}}`
)
