package golang

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// apiFile emits the public functions, which are the same in every build.
func apiFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	for _, r := range c.Rows {
		document(f, r.Doc()...)
		if r.Waits() {
			c.await(f, r)
			continue
		}
		f.Add(function(r.Name, r.Sig).Block(c.announced(r)...))
	}
	c.variant(f)
	return file("zprims.go", f)
}

// await emits a first load, which is inlined, and the wait, which goes on in
// chunks. Nothing preempts an assembly loop, nor a Go loop around an assembly call.
// The scheduler gets in only by the stack check of a Go function that is called in
// the loop.
func (c *Config) await(f *jen.File, r *spec.Row) {
	wait, chunk := r.Impl()+"Wait", r.Impl()+"Chunk"
	matches := func() *jen.Statement { return matches(r) }
	var chunkArgs []jen.Code
	for _, p := range r.Params() {
		if p.Name == "spins" {
			p.Name = "SpinChunk"
		}
		chunkArgs = append(chunkArgs, jen.Id(p.Name))
	}
	f.Add(function(r.Name, r.Sig).Block(
		jen.If(
			jen.Id("v").Op("=").Add(atomicFunc(r.Atomic)).Call(jen.Id("p")),
			matches(),
		).Block(jen.Return(jen.Id("v"))),
		jen.Return(forward(jen.Id(wait), r)),
	))

	explain(f, wait+" is the part of "+r.Name+" that follows a first load without a match.")
	directive(f, "noinline")
	f.Add(function(wait, r.Sig).Block(
		jen.For(jen.Id("spins").Op(">").Id("SpinChunk")).Block(
			jen.If(
				jen.Id("v").Op("=").Id(chunk).Call(chunkArgs...),
				matches(),
			).Block(jen.Return(jen.Id("v"))),
			jen.Id("spins").Op("-=").Id("SpinChunk").Op("+").Lit(1).Comment("a chunk of n spins loads n+1 times"),
		),
		jen.Return(forward(jen.Id(chunk), r)),
	))

	explain(f, chunk+" is a part of "+r.Name+" that nothing can preempt. The scheduler gets in between two such parts by the stack check here. Assembly has no stack check, and neither has an inlined function.")
	directive(f, "noinline")
	f.Add(function(chunk, r.Sig).Block(c.announced(r)...))
}

// matches is the condition of a wait, for the value v.
func matches(r *spec.Row) *jen.Statement {
	v, u := jen.Id("v"), spec.Awaits[r.Op]
	if u.Masked {
		v.Op("&").Id("mask")
	}
	return v.Op(u.Is).Id("want")
}

// announced calls the row's implementation. It tells the race detector of the
// happens-before edges that assembly hides from it.
func (c *Config) announced(r *spec.Row) []jen.Code {
	call := forward(jen.Id(r.Impl()), r)
	announces := c.hidden(r) || r.Bits() == 64 // sync/atomic announces the first half only
	var body []jen.Code
	if announces && r.Releases() && r.Op != spec.ReadLock && r.Op != spec.WriteLock { // those publish no section
		body = append(body, releaseEdge(r))
	}
	if !announces || !r.Acquires() {
		return append(body, returned(call, r))
	}
	if len(r.Results()) == 0 {
		return append(body, call, acquireEdge(r))
	}
	result := r.Results()[0].Name
	if r.Waits() { // the value that the detector orders is the one to return
		return append(body, jen.Id(result).Op("=").Add(call),
			jen.If(jen.Id("raceEnabled")).Block(jen.Id(result).Op("=").Add(atomicFunc(r.Atomic)).Call(jen.Id(r.Params()[0].Name))),
			jen.Return(jen.Id(result)))
	}
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

// releaseEdge announces a release before the access. An unlock that is going to
// fail releases nothing. Whether it fails is known before: nobody else can make
// the current goroutine the owner or a reader, or end that.
func releaseEdge(r *spec.Row) jen.Code {
	cond, object := jen.Id("raceEnabled"), jen.Id(r.Params()[0].Name)
	release := "raceReleaseMerge"
	if r.Bits() == 64 {
		release = "raceReleaseMergeWide"
	}
	switch r.Op {
	case spec.UnlockFast:
		cond.Op("&&").Id("raceOwns").Call(wordField("Owner"))
	case spec.UnlockOwned, spec.WriteUnlock:
		cond.Op("&&").Id("raceOwnsID").Call(wordField("Owner"))
	case spec.ReadUnlock:
		cond.Op("&&").Id("raceReads").Call(jen.Id("w"), jen.Id("t"))
		object = readersReleased()
	}
	return jen.If(cond).Block(jen.Id(release).Call(jen.Qual("unsafe", "Pointer").Call(object)))
}

// readersReleased is the object that readers release, and writers alone acquire. A reader
// acquires what writers release, and so does not come after other readers.
func readersReleased() *jen.Statement { return wordField("Readers") }

// acquireEdge announces an acquire after the access. One that can fail acquires
// only if it succeeds.
func acquireEdge(r *spec.Row) jen.Code {
	cond := jen.Id("raceEnabled")
	object := r.Params()[0]
	acquire := "raceAcquireWord"
	switch r.Bits() {
	case 8, 16:
		acquire = "raceAcquire"
	case 64:
		acquire = "raceAcquireWide"
	}
	acquires := []jen.Code{jen.Id(acquire).Call(pointer(object.Name))}
	switch {
	case r.Op == spec.ReadLock:
		cond.Op("&&").Id("rest").Op("==").Id("ReadGranted")
	case r.Op == spec.WriteLock:
		cond.Op("&&").Id("rest").Op("!=").Id("WriteRefused")
		acquires = append(acquires, jen.Id(acquire).Call(jen.Qual("unsafe", "Pointer").Call(readersReleased())))
	case len(r.Results()) == 0:
	case r.Results()[0].Name == "ok":
		cond.Op("&&").Id("ok")
	case r.Op == spec.CmpxchgOld:
		cond.Op("&&").Id("found").Op("==").Id("old")
	case r.Op == spec.CmpxchgFieldOld:
		cond.Op("&&").Parens(jen.Id("found").Op("^").Id("old")).Op("&").Add(maskOf(r, r.Field)).Op("==").Lit(0)
	}
	return jen.If(cond).Block(acquires...)
}

func (c *Config) variant(f *jen.File) {
	is := fmt.Sprintf("%q", portableVariant)
	var names []string
	for _, a := range c.Archs {
		for _, v := range a.Variants {
			names = append(names, fmt.Sprintf("%q", v))
		}
	}
	if len(names) > 0 {
		is = strings.Join(names, ", ") + " or " + is
	}
	explain(f, "Variant returns the name of the implementation that this build uses on this machine: "+is+".")
	f.Func().Id("Variant").Params().String().Block(jen.Return(jen.Id("variant").Call()))
}
