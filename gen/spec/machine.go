package spec

// Operations without a shared object.
func init() {
	// Both the public function and the twin are tested by a property.
	property := func(check string) string { return check + "(t, {{.Name}})\n" + check + "(t, {{.Impl}}Portable)" }
	Register(
		Operation{
			Op: Fence, Orders: updates[1:], Sig: "func()",
			Does: "orders accesses by its caller: those before it and those after it, as far as its ordering says. The race detector does not know of it: let another access of the algorithm order plain data.",
			// Any access by sync/atomic does that.
			Twin: `var word uint32
atomic.AddUint32(&word, 0)`,
			Test: property("brief") + `
orders(t, "{{.Order}}", {{.Name}})
orders(t, "{{.Order}}", {{.Impl}}Portable)`,
		},
		Operation{
			Op: Relax, Orders: none, Sig: "func()", Does: "tells the core that the caller waits in a loop.",
			Twin: doNothing, TwinNote: "Go has nothing that does it.",
			Test: property("brief"),
		},
		Operation{
			Op: CycleCount, Orders: none, Sig: "func() (ticks uint64)", Does: "returns the machine's free-running counter, in ticks.",
			Twin: `return uint64(time.Since(counterStart))`,
			Test: property("ticking"),
		},
		Operation{
			Op: CurrentG, Orders: none, Called: "CurrentG", Sig: "func() (gp uintptr)", Does: "returns an even word that no other live goroutine has.",
			// 64 times the id, or on 32-bit machines twice.
			Twin:     `return uintptr(currentGoidPortable() << (1 + 5*(^uintptr(0)>>63)))`,
			TwinNote: "Goroutines that begin one after the other have rows of their own in a ReaderTable, on a 64-bit machine. No two ever have the same id, but a 32-bit uintptr wraps after two billion of them.",
			Test:     property("identity"),
		},
		Operation{
			Op: CurrentGoid, Orders: none, Called: "CurrentGoid", Sig: "func() (id uint64)", Does: "returns the id of the current goroutine, as tracebacks show it.",
			Twin: `if raceEnabled {
	raceDisable() // what the pool synchronizes would hide races of the caller
	defer raceEnable()
}
buf := traceHeads.Get().(*traceHead)
id = goroutineID(buf[:runtime.Stack(buf[:], false)])
traceHeads.Put(buf)
return id`,
			Test: property("goids"),
		},
	)
}

// doNothing is a twin.
const doNothing = " "
