package golang

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// apiFile emits the public functions: the same in every build.
func apiFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	for _, r := range c.Rows {
		document(f, r.Doc()...)
		if r.Op == spec.CondLoad {
			c.condLoad(f, r)
			continue
		}
		f.Add(function(r.Name, r.Sig).Block(c.announced(r)...))
	}
	c.variant(f)
	return file("zprims.go", f)
}

// condLoad emits a first look that inlines, and the wait in chunks. An assembly
// loop is no safe point, and a Go loop around an assembly call has none either:
// only the stack check of a Go function called in the loop lets the scheduler in.
func (c *Config) condLoad(f *jen.File, r *spec.Row) {
	wait, chunk := r.Impl()+"Wait", r.Impl()+"Chunk"
	matches := func() *jen.Statement { return jen.Id("v").Op("&").Id("mask").Op("==").Id("want") }
	f.Add(function(r.Name, r.Sig).Block(
		jen.If(
			jen.Id("v").Op("=").Add(atomicFunc("LoadUint32")).Call(jen.Id("p")),
			matches(),
		).Block(jen.Return(jen.Id("v"))),
		jen.Return(forward(jen.Id(wait), r)),
	))

	explain(f, wait+" is the rest of "+r.Name+", after a first look that did not match.")
	directive(f, "noinline")
	f.Add(function(wait, r.Sig).Block(
		jen.For(jen.Id("spins").Op(">").Id("SpinChunk")).Block(
			jen.If(
				jen.Id("v").Op("=").Id(chunk).Call(jen.Id("p"), jen.Id("mask"), jen.Id("want"), jen.Id("SpinChunk")),
				matches(),
			).Block(jen.Return(jen.Id("v"))),
			jen.Id("spins").Op("-=").Id("SpinChunk").Op("+").Lit(1).Comment("a chunk of n spins loads n+1 times"),
		),
		jen.Return(forward(jen.Id(chunk), r)),
	))

	explain(f, chunk+" is one stretch of "+r.Name+" that nothing can preempt. Its stack check is where the scheduler comes in between two: assembly, or this function inlined, has none.")
	directive(f, "noinline")
	f.Add(function(chunk, r.Sig).Block(c.announced(r)...))
}

// announced calls the row's implementation, and tells the race detector of its
// edges where the detector cannot see them.
func (c *Config) announced(r *spec.Row) []jen.Code {
	call := forward(jen.Id(r.Impl()), r)
	var body []jen.Code
	if c.hidden(r) && r.Order.Releases() {
		body = append(body, releaseEdge(r))
	}
	if !c.hidden(r) || !r.Order.Acquires() {
		return append(body, returned(call, r))
	}
	result := r.Results()[0].Name
	return append(body, jen.Id(result).Op("=").Add(call), acquireEdge(r), jen.Return(jen.Id(result)))
}

// hidden reports whether the row is assembly on any architecture.
func (c *Config) hidden(r *spec.Row) bool {
	for _, a := range c.Archs {
		if !r.InlineOn(a.Name) {
			return true
		}
	}
	return false
}

// releaseEdge announces the release before the access that makes it visible.
// An unlock that will fail releases nothing; the answer cannot change
// meanwhile, since only the owner changes an owner that is itself.
func releaseEdge(r *spec.Row) jen.Code {
	cond := jen.Id("raceEnabled")
	if r.Op == spec.UnlockFast {
		cond.Op("&&").Id("raceOwns").Call(wordField("Owner"))
	}
	return jen.If(cond).Block(jen.Id("raceReleaseMerge").Call(pointer(r.Params()[0].Name)))
}

// acquireEdge announces the acquire after the access; one that may fail
// acquires only if it has not.
func acquireEdge(r *spec.Row) jen.Code {
	cond := jen.Id("raceEnabled")
	if r.Results()[0].Name == "ok" {
		cond.Op("&&").Id("ok")
	}
	return jen.If(cond).Block(jen.Id("raceAcquire").Call(pointer(r.Params()[0].Name)))
}

func (c *Config) variant(f *jen.File) {
	var names []string
	for _, a := range c.Archs {
		for _, v := range a.Variants {
			names = append(names, fmt.Sprintf("%q", v))
		}
	}
	explain(f, fmt.Sprintf("Variant names the implementation that this build uses on this machine: %s or %q.",
		strings.Join(names, ", "), portableVariant))
	f.Func().Id("Variant").Params().String().Block(jen.Return(jen.Id("variant").Call()))
}
