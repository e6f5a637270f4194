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
	c.benchReaders(f)
	all, err := file("zbench_test.go", f)
	if err != nil {
		return nil, err
	}
	if len(c.Archs) == 0 {
		return all, nil
	}
	calls, err := file("zbench_asm_test.go", c.benchEmptyCall())
	maps.Copy(all, calls)
	return all, err
}

// benchmark emits the public function, the twin, and what sync/atomic has.
func (c *Config) benchmark(f *jen.File, r *spec.Row) {
	var body []jen.Code
	for _, p := range r.Params() {
		switch elem, ok := strings.CutPrefix(p.Type, "*"); {
		case elem == "ReaderTable": // whose only row any goroutine has
			body = append(body, jen.Id(p.Name).Op(":=").Op("*").Id("newTable").Call(jen.Lit(1)), jen.Id("row").Op(":=").Id(p.Name).Dot("Rows"))
		case ok && r.Waits() && r.Op != spec.CondLoad:
			body = append(body, jen.Id(p.Name).Op(":=").Id(elem).Call(jen.Lit(1)))
		case ok:
			body = append(body, jen.Var().Id(p.Name).Id(elem))
		}
	}
	reset := benchReset(r)
	switch r.Op {
	case spec.UnlockFast:
		body = append(body, jen.Id("me").Op(":=").Id("CurrentG").Call())
	case spec.LockOwned, spec.WriteLock:
		body = append(body, ownerWord(r))
	case spec.UnlockOwned, spec.WriteUnlock:
		body = append(body, ownerWord(r), jen.Id("me").Op(":=").Id("CurrentGoid").Call())
	case spec.ReadLock:
		body = append(body, jen.Id("w").Dot("Readers").Op("=").Id("RowsMask"))
	case spec.ReadUnlock:
		body = append(body, jen.Id("here").Op(":=").Add(lockAddress("&w")), jen.Id("me").Op(":=").Id("CurrentGoid").Call())
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
		case spec.LockOwned, spec.WriteLock:
			return []jen.Code{jen.Op("*").Id("owner").Op("=").Lit(0)}
		case spec.UnlockOwned, spec.WriteUnlock:
			return []jen.Code{jen.Op("*").Id("owner").Op("=").Id("me")}
		case spec.ReadLock:
			return []jen.Code{jen.Id("row").Dot("Lock").Index(jen.Lit(0)).Op("=").Lit(0)}
		case spec.ReadUnlock:
			return []jen.Code{jen.List(jen.Id("row").Dot("Lock").Index(jen.Lit(0)), jen.Id("row").Dot("ID").Index(jen.Lit(0))).Op("=").List(jen.Id("here"), jen.Id("me"))}
		}
		return nil
	}
}

// ownerWord declares a pointer through which plain stores reach the owner.
func ownerWord(r *spec.Row) jen.Code {
	w := address("w")
	if r.Params()[0].Type == "*RWOwned" {
		w.Dot("Owned")
	}
	return jen.Id("owner").Op(":=").Id("ownerOf").Call(w)
}

// benchArgs returns arguments with which a compare succeeds and a wait ends at once.
func benchArgs(r *spec.Row) []jen.Code {
	if r.Waits() && r.Op != spec.CondLoad {
		return awaitArgs(r, address("p"), jen.Lit(1+nearby[spec.Awaits[r.Op].Is][0]), jen.Id("SpinChunk"))
	}
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
	switch typ := r.Params()[0].Type; {
	case typ == "*Word":
		args[0] = wordField("Val")
	case r.Op == spec.ReadLock, r.Op == spec.ReadUnlock:
		args[0] = slotPart("Lock")
	case typ == "*Owned", typ == "*RWOwned":
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

// benchReaders emits benchmarks of a whole reader-writer lock.
func (c *Config) benchReaders(f *jen.File) {
	pair := func(lock, unlock string, want, end *jen.Statement) jen.Code {
		return jen.If(jen.Id(lock).Op("!=").Add(want).Op("||").Id(unlock).Op("!=").Add(end)).Block(jen.Id("b").Dot("FailNow").Call())
	}
	explain(f, "BenchmarkReaders is the cost of a reader-writer lock without contention, for a reader whose slot is free and for a writer. It measures ReadLock and ReadUnlock, WriteLock and WriteUnlock, and sync.RWMutex.")
	f.Add(testFunc("BenchmarkReaders", "b", "B").Block(
		jen.Var().List(jen.Id("w"), jen.Id("counted")).Id("RWOwned"),
		jen.Id("w").Dot("Readers").Op("=").Id("RowsMask"),
		jen.Id("t").Op(":=").Id("newTable").Call(jen.Lit(1)),
		jen.Var().Id("mu").Qual("sync", "RWMutex"),
		subBenchmark("read",
			pair("ReadLock(&w, t)", "ReadUnlock(&w, t)", jen.Id("ReadGranted"), jen.Id("Released"))),
		subBenchmark("sync.RWMutex.RLock",
			jen.Id("mu").Dot("RLock").Call(),
			jen.Comment("//lint:ignore SA2001 the section of the others is empty, too"),
			jen.Id("mu").Dot("RUnlock").Call()),
		subBenchmark("write",
			pair("WriteLock(&counted)", "WriteUnlock(&counted)", jen.Id("WriteGranted"), jen.Id("Released"))),
		subBenchmark("sync.RWMutex.Lock",
			jen.Id("mu").Dot("Lock").Call(),
			jen.Comment("//lint:ignore SA2001 the section of the others is empty, too"),
			jen.Id("mu").Dot("Unlock").Call()),
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
