package golang

import (
	"maps"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// benchFiles emits benchmarks without contention: of each row beside its rivals,
// and of an assembly call, which is the least that a row can cost.
func benchFiles(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	for _, r := range c.Rows {
		c.benchmark(f, r)
	}
	c.benchLockUnlock(f)
	all, err := file("zbench_test.go", f)
	if err != nil {
		return nil, err
	}
	calls, err := file("zbench_asm_test.go", c.benchEmptyCall())
	maps.Copy(all, calls)
	return all, err
}

// benchmark emits the public function, the twin, and what sync/atomic has.
func (c *Config) benchmark(f *jen.File, r *spec.Row) {
	params := r.Params()
	var body []jen.Code
	for _, p := range params {
		if elem, ok := strings.CutPrefix(p.Type, "*"); ok {
			body = append(body, jen.Var().Id(p.Name).Id(elem))
		}
	}
	reset := benchReset(r)
	switch r.Op {
	case spec.UnlockFast:
		body = append(body, jen.Id("me").Op(":=").Id("CurrentG").Call())
	case spec.LockOwned:
		body = append(body, ownerWord())
	case spec.UnlockOwned:
		body = append(body, ownerWord(), jen.Id("me").Op(":=").Id("CurrentGoid").Call())
	}
	args := benchArgs(r)
	body = append(body,
		subBenchmark("asm", append(reset(), jen.Id(r.Name).Call(args...))...),
		subBenchmark("portable", append(reset(), jen.Id(r.Impl()+"Portable").Call(args...))...),
	)
	switch {
	case r.Atomic == "":
	case len(r.Results()) == 0:
		// Loop would keep the results of And and Or alive, for which they need a loop.
		body = append(body,
			jen.Id("atomically").Op(":=").Func().Params().Block(atomicPeer(r)),
			subBenchmark("atomic", append(reset(), jen.Id("atomically").Call())...))
	default:
		body = append(body, subBenchmark("atomic", append(reset(), atomicPeer(r))...))
	}
	explain(f, "Benchmark"+r.Name+" is the cost of "+r.Name+" without contention.")
	f.Add(testFunc("Benchmark"+r.Name, "b", "B").Block(body...))
}

// subBenchmark emits a loop around body. Loop keeps the results of its calls alive.
func subBenchmark(name string, body ...jen.Code) *jen.Statement {
	return jen.Id("b").Dot("Run").Call(jen.Lit(name), jen.Func().Params(testingParam("b", "B")).Block(
		jen.For(jen.Id("b").Dot("Loop").Call()).Block(body...),
	))
}

// benchReset returns the plain stores that let each round succeed. All rivals have
// the same ones.
func benchReset(r *spec.Row) func() []jen.Code {
	return func() []jen.Code {
		switch r.Op {
		case spec.LockFast:
			return []jen.Code{jen.Id("w").Dot("Val").Op("=").Lit(0)}
		case spec.UnlockFast:
			return []jen.Code{jen.Id("w").Dot("Owner").Op("=").Id("me")}
		case spec.LockOwned:
			return []jen.Code{jen.Op("*").Id("owner").Op("=").Lit(0)}
		case spec.UnlockOwned:
			return []jen.Code{jen.Op("*").Id("owner").Op("=").Id("me")}
		}
		return nil
	}
}

// ownerWord declares a pointer through which plain stores reach the owner.
func ownerWord() jen.Code {
	return jen.Id("owner").Op(":=").Id("ownerOf").Call(address("w"))
}

// benchArgs returns arguments with which a compare succeeds and a wait ends at once.
func benchArgs(r *spec.Row) []jen.Code {
	var args []jen.Code
	for _, p := range r.Params() {
		switch {
		case strings.HasPrefix(p.Type, "*"):
			args = append(args, address(p.Name))
		case p.Name == "spins":
			args = append(args, jen.Id("SpinChunk"))
		default:
			args = append(args, jen.Lit(0))
		}
	}
	return args
}

// atomicPeer calls the row's nearest function of sync/atomic. Its name says how
// many words it takes.
func atomicPeer(r *spec.Row) *jen.Statement {
	args := []jen.Code{address(r.Params()[0].Name)}
	switch r.Params()[0].Type {
	case "*Word":
		args[0] = wordField("Val")
	case "*Owned":
		args[0] = jen.Id("owner")
	}
	kind := strings.TrimRight(r.Atomic, "0123456789")
	words := map[string]int{"LoadUint": 0, "CompareAndSwapUint": 2}
	n, ok := words[kind]
	if !ok {
		n = 1
	}
	for range n {
		args = append(args, jen.Lit(0))
	}
	return atomicFunc(r.Atomic).Call(args...)
}

// benchLockUnlock emits benchmarks of a whole lock, and of the two accesses that no
// lock can do without.
func (c *Config) benchLockUnlock(f *jen.File) {
	explain(f, "BenchmarkLockUnlock is the cost of a lock without contention. It measures LockFast and UnlockFast, LockOwned and UnlockOwned, sync.Mutex, and as a lower bound a compare-and-exchange and a plain store.")
	f.Add(testFunc("BenchmarkLockUnlock", "b", "B").Block(
		jen.Var().Id("w").Id("Word"),
		jen.Var().Id("o").Id("Owned"),
		jen.Var().Id("val").Uint32(),
		jen.Var().Id("mu").Qual("sync", "Mutex"),
		subBenchmark("fast",
			must("LockFast"),
			must("UnlockFast")),
		subBenchmark("owned",
			jen.If(jen.Op("!").Id("LockOwned").Call(address("o")).Op("||").Id("UnlockOwned").Call(address("o")).Op("!=").Id("Released")).Block(jen.Id("b").Dot("FailNow").Call())),
		subBenchmark("sync.Mutex",
			jen.Id("mu").Dot("Lock").Call(),
			jen.Comment("//lint:ignore SA2001 the section of the others is empty, too"),
			jen.Id("mu").Dot("Unlock").Call()),
		subBenchmark("cas+store",
			atomicFunc("CompareAndSwapUint32").Call(address("val"), jen.Lit(0), jen.Lit(1)),
			jen.Id("val").Op("=").Lit(0)),
	))
}

// must emits a call with a branch on its result, as a lock has it.
func must(name string) *jen.Statement {
	return jen.If(jen.Op("!").Id(name).Call(address("w"))).Block(jen.Id("b").Dot("FailNow").Call())
}

// benchEmptyCall emits the benchmark of a call, for the builds with assembly.
func (c *Config) benchEmptyCall() *jen.File {
	f := c.newFile(asmConstraint + " && (" + c.archTerms() + ")")
	explain(f, "BenchmarkEmptyCall is the cost of an assembly call that does nothing.")
	f.Add(testFunc("BenchmarkEmptyCall", "b", "B").Block(
		jen.For(jen.Id("b").Dot("Loop").Call()).Block(jen.Id("emptyCall").Call()),
	))
	return f
}
