package golang

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// This file has the tests of waits. What CondLoad tests by itself is in fuzz.go and
// torture.go.

// nearby has, for each comparison, what to add to a value to get the operand with which the
// comparison holds, and with which it does not.
var nearby = map[string][2]int{"==": {0, 1}, "!=": {1, 0}, "<": {1, 0}, "<=": {0, -1}, ">": {-1, 0}, ">=": {0, 1}}

// awaitArgs calls a wait for *p and the operand want, all bits of which count.
func awaitArgs(r *spec.Row, p, want, spins jen.Code) []jen.Code {
	args := []jen.Code{p}
	if spec.Awaits[r.Op].Masked {
		args = append(args, jen.Op("^").Add(uintN(r)).Call(jen.Lit(0)))
	}
	return append(args, want, spins)
}

// boundedAwait tests how long a wait lasts, by bounded: see template properties_test.go.tmpl.
// That waits for the second bit of 6, which is there, and for the first, which is not. What
// is there must be found by the chunk, too: the public function looks before it.
func boundedAwait(_ *Config, f *jen.File, r *spec.Row) error {
	near := nearby[spec.Awaits[r.Op].Is]
	call := func(await string, want int) jen.Code {
		return jen.Return(jen.Uint32().Call(jen.Id("each").Dot(await).Call(awaitArgs(r, address("word"), jen.Lit(6+want), jen.Id("spins"))...)))
	}
	impl := func(suffix string) *jen.Statement { return jen.Id(r.Impl() + suffix) }
	explain(f, fmt.Sprintf("Test%s checks %s and its twin: see bounded.", r.Name, r.Name))
	f.Add(testFunc("Test"+r.Name, "t", "T").Block(
		jen.For(jen.List(jen.Id("_"), jen.Id("each")).Op(":=").Range().Index().
			Struct(jen.List(jen.Id("there"), jen.Id("vain")).Func().Params(signature(r)...).Add(uintN(r))).
			Values(jen.Values(impl("Chunk"), jen.Id(r.Name)), jen.Values(impl("Portable"), impl("Portable")))).Block(
			jen.Id("bounded").Call(jen.Id("t"), jen.Func().Params(jen.Id("_").Op("*").Uint32(), jen.List(jen.Id("bit"), jen.Id("_"), jen.Id("spins")).Uint32()).Uint32().Block(
				jen.Id("word").Op(":=").Add(uintN(r)).Call(jen.Lit(6)),
				jen.If(jen.Id("bit").Op("==").Lit(2)).Block(call("there", near[0])),
				call("vain", near[1]),
			)),
		),
	))
	return nil
}

// signature lists the parameters' types.
func signature(r *spec.Row) []jen.Code {
	var types []jen.Code
	for _, p := range r.Params() {
		types = append(types, typ(p.Type))
	}
	return types
}

// tortureAwait hands turns from worker to worker. A worker waits until its number may have
// come, and looks whether it has.
func tortureAwait(_ *Config, f *jen.File, r *spec.Row) error {
	near := nearby[spec.Awaits[r.Op].Is]
	mine := func() *jen.Statement { return uintN(r).Call(jen.Id("me").Op("+").Lit(1)) }
	want := mine()
	switch near[0] {
	case 1:
		want = uintN(r).Call(jen.Id("me").Op("+").Lit(2))
	case -1:
		want = uintN(r).Call(jen.Id("me"))
	}
	isTurn := jen.Id(r.Name).Call(awaitArgs(r, address("turn"), want, jen.Id("SpinChunk").Op("+").Lit(1))...).Op("==").Add(mine())
	that := "workers that wait for their turn by it miss none."
	if r.Order.Acquires() {
		that += " The turn brings along what was written before."
	} else {
		that += " A second load orders what the turn brings along."
		isTurn.Op("&&").Add(atomicFunc(r.Atomic)).Call(address("turn")).Op("==").Add(mine())
	}
	torture(f, r.Name, that,
		jen.Id("turn").Op(":=").Add(uintN(r)).Call(jen.Lit(1)),
		invariant("ring",
			returning(jen.Bool(), isTurn, jen.Id("me").Int()),
			jen.Func().Params(jen.Id("next").Int()).Block(
				jen.Id("poke").Call(address("turn"), uintN(r).Call(jen.Id("next").Op("+").Lit(1)))),
		))
	return nil
}
