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
		if err := c.benchmark(f, r); err != nil {
			return nil, err
		}
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

// A benchmark has the public function, the twin, and what sync/atomic has. The plain stores
// that let each round succeed are the same for all rivals.
const benchmarkText = `{{comment (print "Benchmark" .Name " is the cost of " .Name " without contention.")}}
func Benchmark{{.Name}}(b *testing.B) {
	{{.Declared}}
	SETUP
	b.Run("asm", func(b *testing.B) {
		for b.Loop() {
			RESET
			{{.Name}}(ARGS)
		}
	})
	b.Run("portable", func(b *testing.B) {
		for b.Loop() {
			RESET
			{{.Impl}}Portable(ARGS)
		}
	}){{if .Atomic}}{{if not .Results}}
	atomically := func() {
		{{.AtomicCall}}
	}{{end}}
	b.Run("atomic", func(b *testing.B) {
		for b.Loop() {
			RESET
			{{if .Results}}{{.AtomicCall}}{{else}}atomically(){{end}}
		}
	}){{end}}
}`

func (c *Config) benchmark(f *jen.File, r *spec.Row) error {
	b := r.Op.Get().Bench
	reset := b.Reset
	if reset != "" {
		reset += "\n"
	}
	if b.Args == "" {
		b.Args = "{{.BenchArgs}}"
	}
	return c.addText(f, r, strings.NewReplacer("SETUP\n", b.SetUp+"\n", "RESET\n", reset, "ARGS", b.Args).Replace(benchmarkText))
}

// Declared declares what the row's parameters point to. Any goroutine has the only row of
// the table.
func (a about) Declared() string {
	var all []string
	for _, p := range a.Params() {
		elem, ok := strings.CutPrefix(p.Type, "*")
		switch {
		case !ok || strings.HasPrefix(a.Row.Op.Get().Bench.SetUp, p.Name+" :="):
		case elem == "ReaderTable":
			all = append(all, p.Name+" := *newTable(1)\nrow := "+p.Name+".Rows")
		default:
			all = append(all, "var "+p.Name+" "+elem)
		}
	}
	return strings.Join(all, "\n")
}

// BenchArgs are arguments with which a compare succeeds and a wait ends at once.
func (a about) BenchArgs() string {
	var args []string
	for _, p := range a.Params() {
		switch {
		case strings.HasPrefix(p.Type, "*"):
			args = append(args, "&"+p.Name)
		case p.Name == "spins":
			args = append(args, "SpinChunk")
		default:
			args = append(args, "0")
		}
	}
	return strings.Join(args, ", ")
}

// AtomicCall calls the row's nearest function of sync/atomic. Its name says how many words
// it takes.
func (a about) AtomicCall() string {
	args := "&" + a.P()
	switch op := a.Row.Op; {
	case op.Get().On == spec.LockWord:
		args = "&w.Val"
	case op == spec.ReadLock, op == spec.ReadUnlock:
		args = "&row.Lock[0]"
	case a.T() == "Owned", a.T() == "RWOwned":
		args = "owner"
	}
	switch strings.TrimRight(a.Atomic, "0123456789") {
	case "LoadUint":
	case "CompareAndSwapUint":
		args += ", 0, 0"
	default:
		args += ", 0"
	}
	return "atomic." + a.Atomic + "(" + args + ")"
}

// subBenchmark emits a loop around body. Loop keeps the results of its calls alive.
func subBenchmark(name string, body ...jen.Code) *jen.Statement {
	return jen.Id("b").Dot("Run").Call(jen.Lit(name), jen.Func().Params(testingParam("b", "B")).Block(
		jen.For(jen.Id("b").Dot("Loop").Call()).Block(body...),
	))
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
