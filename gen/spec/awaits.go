package spec

// An Await is the condition for which a row waits: what was loaded, compared with want.
type Await struct {
	Is     string // ==, !=, <, <=, > or >=; the comparisons are unsigned
	Masked bool   // only the bits of mask count
	Then   string // what it does to *p when the condition holds: add, sub or set ("" = nothing)
}

// Awaits has the waits for an object of 32 or 64 bits, within a spin budget.
var Awaits = map[Op]Await{CondLoad: {Is: "==", Masked: true}}

// afterwards has what a wait does in the end.
var afterwards = map[string]string{"add": "adds v to *p", "sub": "subtracts v from *p", "set": "stores v in *p"}

func init() {
	condLoad := awaitOperation(CondLoad, "p *uintN, mask uintN, want uintN", "*p&mask == want")
	condLoad.Orders = []Order{Relaxed, Acquire}
	condLoad.Test = "bounded(t, {{.Name}})\nbounded(t, {{.Impl}}Portable)"
	condLoad.Torture = &Torture{That: turns, Body: `var turn uint32
ring(t, n, func(me int) bool {
	return {{.Name}}(&turn, ^uint32(0), uint32(me), SpinChunk+1) == uint32(me){{if not .Acquires}} && atomic.LoadUint32(&turn) == uint32(me){{end}}
}, func(next int) {
	atomic.StoreUint32(&turn, uint32(next))
})`}
	condLoad.Bench = Bench{}
	Register(condLoad)
	for name, is := range map[string]string{"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="} {
		for _, masked := range []bool{false, true} {
			op, params, until := Op("await-"+name), "p *uintN, want uintN", "*p "+is+" want"
			if masked {
				op, params, until = op+"-masked", "p *uintN, mask uintN, want uintN", "*p&mask "+is+" want"
			}
			Register(awaitOperation(op, params, until))
			Awaits[op] = Await{Is: is, Masked: masked}
			for then, does := range afterwards {
				op := op + "-then-" + Op(then)
				Register(awaitThenOperation(op, params, until, does))
				Awaits[op] = Await{is, masked, then}
			}
		}
	}
}

func awaitOperation(op Op, params, until string) Operation {
	return Operation{
		Op: op, On: Whole, Orders: loads, Reads: true, Atomic: "Load", Race: byOrder,
		Sig:  "func(" + params + ", spins uint32) (v uintN)",
		Does: "loads *p until " + until + ", at most spins+2 times, and returns the last value loaded. The caller tests that value to learn whether the condition held.",
		Twin: `for {
	v = atomic.LoadUint{{.Width}}(p)
	if {{.Holds "v"}} || spins == 0 {
		return v
	}
	spins--
}`,
		Oracle: `return *p`,
		Test:   boundedAwait,
		Torture: &Torture{That: turns, Body: `turn := {{.T}}(1)
ring(t, n, func(me int) bool {
	return {{.Name}}(&turn, {{.AllBits}}{{.T}}(me{{.WantAfter 1}}), SpinChunk+1) == {{.T}}(me+1){{if not .Acquires}} && atomic.LoadUint{{.Width}}(&turn) == {{.T}}(me+1){{end}}
}, func(next int) {
	poke(&turn, {{.T}}(next+1))
})`},
		Bench: Bench{SetUp: "p := {{.T}}(1)", Args: "&p, {{.AllBits}}{{.Want 1}}, SpinChunk"},
	}
}

func awaitThenOperation(op Op, params, until, does string) Operation {
	return Operation{
		Op: op, On: Whole, Orders: updates, Reads: true, Writes: true, Atomic: "CompareAndSwap", Race: &Race{AcquiresIf: "ok"},
		Sig:  "func(" + params + ", v uintN, spins uint32) (old uintN, ok bool)",
		Does: "loads *p until " + until + ", at most spins+1 times, and then " + does + ". It returns the last value loaded, and whether it has changed that; if not, it orders nothing. If somebody else changes *p between the load and the exchange, it goes on.",
		Twin: `for {
	old = atomic.LoadUint{{.Width}}(p)
	if {{.Holds "old"}} && atomic.CompareAndSwapUint{{.Width}}(p, old, {{.Then "old"}}) {
		return old, true
	}
	if spins == 0 {
		return old, false
	}
	spins--
}`,
		Oracle: `{{if eq .Width 32}}{{if .Await.Masked}}mask := uint32(mask)
{{end}}want, v := uint32(want), uint32(v)
{{end}}old := *p
if !({{.Holds "old"}}) {
	return pair(old, false)
}
*p = {{.Then "old"}}
return pair(old, true)`,
		Test: boundedAwait,
		// The wait changes 2 to the value beside it for which the condition does not hold. A
		// relaxed acquisition is ordered by a second load.
		Torture: &Torture{
			That: `a lock that is {{if and .Releases (not .Acquires)}}released{{else}}acquired{{end}} by it excludes.`,
			Body: `{{$to := .Beside}}{{if and .Releases (not .Acquires)}}lock := {{.T}}({{$to}})
exclusive(t, n, func() bool {
	return atomic.CompareAndSwapUint{{.Width}}(&lock, {{$to}}, 2)
}, func() {
	if _, ok := {{.Name}}(&lock, {{.ThenArgs}}, SpinChunk+1); !ok {
		t.Error("it does not find what is there")
	}
}){{else}}lock := {{.T}}(2)
exclusive(t, n, func() bool {
	_, ok := {{.Name}}(&lock, {{.ThenArgs}}, SpinChunk+1)
	return ok{{if not .Acquires}} && atomic.LoadUint{{.Width}}(&lock) == {{$to}}{{end}}
}, func() {
	atomic.StoreUint{{.Width}}(&lock, 2)
}){{end}}`,
		},
		Bench: Bench{SetUp: "p := {{.T}}(1)", Args: "&p, {{.AllBits}}{{.Want 1}}, 1, SpinChunk"},
	}
}

const (
	turns = `workers that wait for their turn by it miss none.{{if .Acquires}} The turn brings along what was written before.{{else}} A second load orders what the turn brings along.{{end}}`

	// It waits for the second bit of 6, which is there, and for the first, which is not. What is
	// there must be found by the chunk, too: the public function may look before it.
	boundedAwait = `for _, each := range []struct {
	there, vain func({{.ParamTypes}}) {{.ResultTypes}}
}{ {{"{"}}{{.Impl}}Chunk, {{.Name}}}, {{"{"}}{{.Impl}}Portable, {{.Impl}}Portable}} {
	bounded(t, func(_ *uint32, bit, _, spins uint32) uint32 {
		word := {{.T}}(6)
		if bit == 2 {
			{{.BoundedCall "there" 0}}
		}
		{{.BoundedCall "vain" 1}}
	})
}`
)
