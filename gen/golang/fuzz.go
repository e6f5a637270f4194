package golang

import (
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// primsTestFile emits the tests of single primitives. They check that every build
// agrees with plain arithmetic.
func primsTestFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	c.knownVariants(f)
	c.constantsTest(f)
	if err := c.eachRow(f, "fuzz test", fuzzers, fuzzWith(oracleUpdate), both(fuzzWith(oracleLoad), boundedAwait)); err != nil {
		return nil, err
	}
	return file("zprims_test.go", f)
}

var fuzzers = map[spec.Op]perRow{
	spec.Load:         fuzzWith(oracleLoad),
	spec.Store:        fuzzWith(oracleStore),
	spec.Xchg:         fuzzWith(oracleXchg),
	spec.Cmpxchg:      fuzzWith(oracleCmpxchg),
	spec.XchgField:    fuzzWith(oracleXchgField),
	spec.CmpxchgField: fuzzWith(oracleCmpxchgField),
	spec.FetchSetBit:  fuzzWith(oracleFetchSetBit),
	spec.StoreFields:  fuzzWith(oracleStoreFields),
	spec.CondLoad:     both(fuzzWith(oracleLoad), property("bounded")),
	spec.LockFast:     fuzzLock(oracleLockFast),
	spec.UnlockFast:   fuzzLock(oracleUnlockFast),
	spec.Relax:        property("brief"),
	spec.Fence:        property("brief"),
	spec.CycleCount:   property("ticking"),
	spec.CurrentG:     property("identity"),
	spec.CurrentGoid:  property("goids"),
	spec.LockOwned:    fuzzOwned(oracleLockOwned),
	spec.UnlockOwned:  fuzzOwned(oracleUnlockOwned),
	spec.ReadLock:     fuzzReaders(oracleReadLock),
	spec.ReadUnlock:   fuzzReaders(oracleReadUnlock),
	spec.WriteLock:    fuzzReaders(oracleWriteLock),
	spec.WriteUnlock:  fuzzReaders(oracleWriteUnlock),

	spec.CmpxchgOld:      fuzzWith(oracleCmpxchgOld),
	spec.CmpxchgFieldOld: fuzzWith(oracleCmpxchgFieldOld),
}

// knownVariants emits what Variant may return.
func (c *Config) knownVariants(f *jen.File) {
	f.Var().Id("knownVariants").Op("=").Index().String().ValuesFunc(func(g *jen.Group) {
		for _, a := range c.Archs {
			for _, v := range a.Variants {
				g.Lit(v)
			}
		}
		g.Lit(portableVariant)
	})
	f.Line()
}

// constantsTest emits a test that compares the constants, which the other tests
// use, with the numbers of the table.
func (c *Config) constantsTest(f *jen.File) {
	if !slices.ContainsFunc(c.Words, func(w *spec.Word) bool { return len(w.Fields) > 0 }) {
		return
	}
	explain(f, "TestConstants compares the constants with the table.")
	f.Add(testFunc("TestConstants", "t", "T").Block(
		jen.For(jen.List(jen.Id("_"), jen.Id("c")).Op(":=").Range().Index().Struct(
			jen.Id("name").String(), jen.List(jen.Id("got"), jen.Id("want")).Uint64(),
		).ValuesFunc(func(g *jen.Group) {
			for _, w := range c.Words {
				for _, field := range w.Fields {
					line := func(part string, want uint64) {
						name := w.Const(field.Name, part)
						g.Line().Values(jen.Lit(name), jen.Uint64().Call(jen.Id(name)), jen.Op(fmt.Sprintf("%#x", want)))
					}
					line("Shift", uint64(field.Shift))
					line("Bits", uint64(field.Bits))
					line("Max", field.Mask()>>field.Shift)
					line("Val", 1<<field.Shift)
					line("Mask", field.Mask())
				}
			}
			g.Line()
		})).Block(
			jen.If(jen.Id("c").Dot("got").Op("!=").Id("c").Dot("want")).Block(
				jen.Id("t").Dot("Errorf").Call(jen.Lit("%s = %#x, want %#x"),
					jen.Id("c").Dot("name"), jen.Id("c").Dot("got"), jen.Id("c").Dot("want")),
			),
		),
	))
}

// An oracle emits plain arithmetic that does to *name, the object of the row's
// first parameter, what the row does.
type oracle func(c *Config, r *spec.Row) []jen.Code

// fuzzWith emits a differential fuzz test. It checks that the oracle, the portable
// twin and the public function do the same to an object and its neighbours.
func fuzzWith(o oracle) perRow {
	return func(c *Config, f *jen.File, r *spec.Row) error {
		ps := r.Params()
		inputs := []jen.Code{jen.Id("before"), jen.Id("around")}
		for _, p := range ps[1:] {
			if p.Name != "spins" {
				inputs = append(inputs, jen.Id(p.Name))
			}
		}
		differ := jen.Id("differAt").Call(jen.Id("t"), c.startValue(r), jen.Id("around"), c.ops(r, object(r), o))
		c.fuzz(f, r, inputs, whenEqual(r, differ))
		return nil
	}
}

// fuzz emits the frame of a fuzz test, whose inputs are all uint64.
func (c *Config) fuzz(f *jen.File, r *spec.Row, inputs []jen.Code, body ...jen.Code) {
	explain(f, fmt.Sprintf("Fuzz%s compares %s and its twin with plain arithmetic.", r.Name, r.Name))
	params := append([]jen.Code{testingParam("t", "T")}, jen.List(inputs...).Uint64())
	f.Add(testFunc("Fuzz"+r.Name, "f", "F").Block(
		jen.Id("addInputs").Call(jen.Id("f"), jen.Lit(len(inputs))),
		jen.Id("f").Dot("Fuzz").Call(jen.Func().Params(params...).Block(body...)),
	))
}

// startValue returns the object before the operation, with what the row requires.
func (c *Config) startValue(r *spec.Row) jen.Code {
	start := convert(r.Params()[0].Type[len("*"):], "before")
	if r.Op == spec.StoreFields && len(r.From) > 0 {
		return start.Op("&^").Parens(masksOf(r, r.From)).Op("|").Add(bitsOf(r, r.From))
	}
	return start
}

// whenEqual lets the comparison also run with inputs that are equal, as random ones
// are not: the value that a compare expects, or the condition of a wait.
func whenEqual(r *spec.Row, differ jen.Code) jen.Code {
	switch r.Op {
	case spec.Cmpxchg, spec.CmpxchgField, spec.CmpxchgOld, spec.CmpxchgFieldOld:
		return eachOf("old", jen.Uint64(), []jen.Code{jen.Id("old"), jen.Id("before")}, differ)
	}
	if r.Waits() {
		there := jen.Id("before")
		if spec.Awaits[r.Op].Masked {
			there.Op("&").Id("mask")
		}
		budgets := []jen.Code{jen.Lit(0), jen.Lit(1), jen.Id("SpinChunk"), jen.Id("SpinChunk").Op("+").Lit(1)}
		return eachOf("want", jen.Uint64(), []jen.Code{jen.Id("want"), there},
			eachOf("spins", jen.Uint32(), budgets, differ))
	}
	return differ
}

// eachOf is a loop over some values of a variable.
func eachOf(name string, typ jen.Code, values []jen.Code, body ...jen.Code) *jen.Statement {
	return jen.For(jen.List(jen.Id("_"), jen.Id(name)).Op(":=").Range().Index().Add(typ).Values(values...)).Block(body...)
}

func convert(typ, name string) *jen.Statement {
	if typ == "uint64" {
		return jen.Id(name)
	}
	return jen.Id(typ).Parens(jen.Id(name))
}

// ops emits the three functions that do the row's operation.
func (c *Config) ops(r *spec.Row, memory *jen.Statement, o oracle) jen.Code {
	name := r.Params()[0].Name
	do := func(body ...jen.Code) jen.Code {
		return jen.Func().Params(jen.Id(name).Op("*").Add(memory)).Any().Block(body...)
	}
	return jen.Id("ops").Types(memory).Values(
		jen.Line().Id("oracle").Op(":").Add(do(o(c, r)...)),
		jen.Line().Id("portable").Op(":").Add(do(c.call(r, r.Impl()+"Portable")...)),
		jen.Line().Id("public").Op(":").Add(do(c.call(r, r.Name)...)),
		jen.Line(),
	)
}

// call returns the result of a function with the row's signature, or nil if it has
// none.
func (c *Config) call(r *spec.Row, function string) []jen.Code {
	ps := r.Params()
	args := []jen.Code{jen.Id(ps[0].Name)}
	for _, p := range ps[1:] {
		arg := convert(p.Type, p.Name)
		if p.Name == "spins" {
			arg = jen.Id(p.Name)
		}
		args = append(args, arg)
	}
	return outcome(r, jen.Id(function).Call(args...))
}

func outcome(r *spec.Row, call jen.Code) []jen.Code {
	if len(r.Results()) == 0 {
		return []jen.Code{call, jen.Return(jen.Nil())}
	}
	return []jen.Code{jen.Return(call)}
}

func oracleLoad(_ *Config, r *spec.Row) []jen.Code {
	return []jen.Code{jen.Return(jen.Op("*").Id("p"))}
}

func oracleStore(_ *Config, r *spec.Row) []jen.Code {
	return []jen.Code{
		jen.Op("*").Id("p").Op("=").Add(convert(r.Params()[1].Type, "v")),
		jen.Return(jen.Nil()),
	}
}

func oracleXchg(_ *Config, r *spec.Row) []jen.Code {
	return []jen.Code{
		jen.Id("old").Op(":=").Op("*").Id("p"),
		jen.Op("*").Id("p").Op("=").Add(convert(r.Params()[1].Type, "new")),
		jen.Return(jen.Id("old")),
	}
}

func oracleCmpxchg(_ *Config, r *spec.Row) []jen.Code {
	typ := r.Params()[1].Type
	return []jen.Code{
		jen.If(jen.Op("*").Id("p").Op("!=").Add(convert(typ, "old"))).Block(jen.Return(jen.False())),
		jen.Op("*").Id("p").Op("=").Add(convert(typ, "new")),
		jen.Return(jen.True()),
	}
}

func oracleXchgField(_ *Config, r *spec.Row) []jen.Code {
	return []jen.Code{
		jen.Id("old").Op(":=").Op("*").Id("val").Op("&").Add(constOf(r, r.Field, "Mask")),
		setField(r),
		jen.Return(jen.Id("old")),
	}
}

func oracleCmpxchgField(_ *Config, r *spec.Row) []jen.Code {
	return []jen.Code{
		jen.If(jen.Op("*").Id("val").Op("&").Add(constOf(r, r.Field, "Mask")).Op("!=").Add(convert(r.On.Type(), "old")).Op("&").Add(constOf(r, r.Field, "Mask"))).Block(
			jen.Return(jen.False()),
		),
		setField(r),
		jen.Return(jen.True()),
	}
}

// setField sets the row's field of *val to the bits of new.
func setField(r *spec.Row) jen.Code {
	mask := func() *jen.Statement { return constOf(r, r.Field, "Mask") }
	return jen.Op("*").Id("val").Op("=").Op("*").Id("val").Op("&^").Add(mask()).Op("|").
		Add(convert(r.On.Type(), "new")).Op("&").Add(mask())
}

func oracleFetchSetBit(_ *Config, r *spec.Row) []jen.Code {
	return []jen.Code{
		jen.Id("old").Op(":=").Op("*").Id("val"),
		jen.Op("*").Id("val").Op("|=").Add(constOf(r, r.Field, "Val")),
		jen.Return(jen.Id("old")),
	}
}

func oracleStoreFields(c *Config, r *spec.Row) []jen.Code {
	body := []jen.Code{jen.Op("*").Id("val").Op("&^=").Add(masksOf(r, r.Set))}
	if slices.ContainsFunc(r.Set, func(v spec.Value) bool { return v.Value != 0 }) {
		body = append(body, jen.Op("*").Id("val").Op("|=").Add(bitsOf(r, r.Set)))
	}
	return append(body, jen.Return(jen.Nil()))
}

// fuzzLock emits a fuzz test of an operation on a Word. Its words and owners are
// random, or those with which the operation succeeds.
func fuzzLock(o oracle) perRow {
	return func(c *Config, f *jen.File, r *spec.Row) error {
		lock := jen.Op("&").Id("l").Dot("Word")
		do := func(body ...jen.Code) jen.Code {
			return jen.Func().Params(jen.Id("l").Op("*").Id("lockWords")).Any().Block(body...)
		}
		differ := jen.Id("differ").Call(
			jen.Id("t"),
			jen.Id("newLock").Call(jen.Id("val"), jen.Id("owner"), jen.Id("around")),
			jen.Id("ops").Types(jen.Id("lockWords")).Values(
				jen.Line().Id("oracle").Op(":").Add(do(o(c, r)...)),
				jen.Line().Id("portable").Op(":").Add(do(jen.Return(jen.Id(r.Impl()+"Portable").Call(lock)))),
				jen.Line().Id("public").Op(":").Add(do(jen.Return(jen.Id(r.Name).Call(lock)))),
				jen.Line(),
			))
		// No lock has another value of locked than 0 and 1, and bodies differ there.
		words := []jen.Code{jen.Lit(0), constOf(r, "locked", "Val"), convert("uint32", "word").Op("&^").Parens(maskOf(r, "locked").Op("&^").Add(constOf(r, "locked", "Val")))}
		owners := []jen.Code{jen.Lit(0), jen.Id("CurrentG").Call(), convert("uintptr", "foreign")}
		c.fuzz(f, r, []jen.Code{jen.Id("word"), jen.Id("foreign"), jen.Id("around")},
			eachOf("val", jen.Uint32(), words, eachOf("owner", jen.Uintptr(), owners, differ)))
		return nil
	}
}

func oracleLockFast(_ *Config, r *spec.Row) []jen.Code {
	val := func() *jen.Statement { return jen.Id("l").Dot("Val") }
	return []jen.Code{
		jen.If(val().Op("&").Parens(maskOf(r, "locked").Op("|").Add(maskOf(r, "pending"))).Op("!=").Lit(0)).Block(jen.Return(jen.False())),
		jen.List(val(), jen.Id("l").Dot("Owner")).Op("=").List(val().Op("|").Add(constOf(r, "locked", "Val")), jen.Id("CurrentG").Call()),
		jen.Return(jen.True()),
	}
}

func oracleUnlockFast(_ *Config, r *spec.Row) []jen.Code {
	owner := func() *jen.Statement { return jen.Id("l").Dot("Owner") }
	return []jen.Code{
		jen.If(owner().Op("!=").Id("CurrentG").Call()).Block(jen.Return(jen.False())),
		jen.List(jen.Id("l").Dot("Val"), owner()).Op("=").List(jen.Id("l").Dot("Val").Op("&^").Add(constOf(r, "locked", "Mask")), jen.Lit(0)),
		jen.Return(jen.True()),
	}
}

// fuzzOwned emits a fuzz test of an operation on an Owned: free, or owned by the current
// goroutine or another one, and open or closed, with a sleeper or without.
func fuzzOwned(o oracle) perRow {
	return func(c *Config, f *jen.File, r *spec.Row) error {
		do := func(body ...jen.Code) jen.Code {
			return jen.Func().Params(jen.Id("l").Op("*").Id("ownedWords")).Any().Block(body...)
		}
		with := func(name string) jen.Code {
			return do(jen.Return(jen.Id("l").Dot("with").Call(
				jen.Func().Params(jen.Id("w").Op("*").Id("Owned")).Any().Block(jen.Return(jen.Id(name).Call(jen.Id("w")))))))
		}
		differ := jen.Id("differ").Call(
			jen.Id("t"),
			jen.Id("newOwned").Call(jen.Id("owner"), jen.Id("sleeper"), jen.Id("around")),
			jen.Id("ops").Types(jen.Id("ownedWords")).Values(
				jen.Line().Id("oracle").Op(":").Add(do(o(c, r)...)),
				jen.Line().Id("portable").Op(":").Add(with(r.Impl()+"Portable")),
				jen.Line().Id("public").Op(":").Add(with(r.Name)),
				jen.Line(),
			))
		word := func() *jen.Statement { return convert("uint32", "word") }
		owners := []jen.Code{jen.Lit(0), jen.Id("CurrentGoid").Call(), jen.Id("foreign")}
		sleepers := []jen.Code{jen.Lit(0), jen.Id("ClosedMask"), word().Op("&^").Id("ClosedMask"), word().Op("|").Id("ClosedMask")}
		c.fuzz(f, r, []jen.Code{jen.Id("word"), jen.Id("foreign"), jen.Id("around")},
			eachOf("owner", jen.Uint64(), owners, eachOf("sleeper", jen.Uint32(), sleepers, differ)))
		return nil
	}
}

func oracleLockOwned(*Config, *spec.Row) []jen.Code {
	return []jen.Code{
		jen.If(jen.Id("l").Dot("owner").Op("!=").Lit(0).Op("||").Id("l").Dot("sleeper").Op("&").Id("ClosedMask").Op("!=").Lit(0)).Block(jen.Return(jen.False())),
		jen.Id("l").Dot("owner").Op("=").Id("CurrentGoid").Call(),
		jen.Return(jen.True()),
	}
}

func oracleUnlockOwned(*Config, *spec.Row) []jen.Code {
	owner := func() *jen.Statement { return jen.Id("l").Dot("owner") }
	return []jen.Code{
		jen.If(owner().Op("!=").Id("CurrentGoid").Call()).Block(jen.Return(jen.Id("NotOwner"))),
		owner().Op("=").Lit(0),
		jen.If(jen.Id("l").Dot("sleeper").Op("!=").Lit(0)).Block(jen.Return(jen.Id("WakeDue"))),
		jen.Return(jen.Id("Released")),
	}
}

// fuzzReaders emits a fuzz test of an operation on a reader-writer lock: see
// eachReadersState.
func fuzzReaders(o oracle) perRow {
	return func(c *Config, f *jen.File, r *spec.Row) error {
		do := func(body ...jen.Code) jen.Code {
			return jen.Func().Params(jen.Id("s").Op("*").Id("readersState")).Any().Block(body...)
		}
		with := func(name string) jen.Code {
			op := jen.Id(name)
			if len(r.Params()) == 1 {
				op = jen.Id("ofLock").Call(op)
			}
			return do(jen.Return(jen.Id("s").Dot("with").Call(op)))
		}
		c.fuzz(f, r, []jen.Code{jen.Id("word"), jen.Id("foreign"), jen.Id("around")},
			jen.Id("eachReadersState").Call(convert("uint32", "word"), jen.Id("foreign"), jen.Id("around"),
				jen.Func().Params(jen.Id("before").Id("readersState")).Block(
					jen.Id("differ").Call(jen.Id("t"), jen.Id("before"), jen.Id("ops").Types(jen.Id("readersState")).Values(
						jen.Line().Id("oracle").Op(":").Add(do(o(c, r)...)),
						jen.Line().Id("portable").Op(":").Add(with(r.Impl()+"Portable")),
						jen.Line().Id("public").Op(":").Add(with(r.Name)),
						jen.Line(),
					)))))
		return nil
	}
}

// stateOf is a field of the readersState s, and slotOf one of its first slot.
func stateOf(field string) *jen.Statement { return jen.Id("s").Dot(field) }
func slotOf(field string) *jen.Statement  { return stateOf(field).Index(jen.Lit(0)) }

// resultIf returns a result under a condition.
func resultIf(cond *jen.Statement, result string) jen.Code {
	return jen.If(cond).Block(jen.Return(jen.Id(result)))
}

func oracleReadLock(*Config, *spec.Row) []jen.Code {
	return []jen.Code{
		resultIf(slotOf("lock").Op("!=").Lit(0), "ReadRefused"),
		jen.List(slotOf("lock"), slotOf("id")).Op("=").List(jen.Id("lockHere"), jen.Id("CurrentGoid").Call()),
		resultIf(stateOf("owner").Op("!=").Lit(0).Op("||").Add(stateOf("readers")).Op("&").Id("RowsMask").Op("==").Lit(0), "ReadClaimed"),
		jen.Return(jen.Id("ReadGranted")),
	}
}

func oracleReadUnlock(*Config, *spec.Row) []jen.Code {
	return []jen.Code{
		resultIf(slotOf("lock").Op("!=").Id("lockHere").Op("||").Add(slotOf("id")).Op("!=").Id("CurrentGoid").Call(), "NotOwner"),
		jen.List(slotOf("lock"), slotOf("id")).Op("=").List(jen.Lit(0), jen.Lit(0)),
		resultIf(stateOf("drainer").Op("!=").Lit(0), "WakeDue"),
		jen.Return(jen.Id("Released")),
	}
}

func oracleWriteLock(*Config, *spec.Row) []jen.Code {
	return []jen.Code{
		resultIf(stateOf("owner").Op("!=").Lit(0).Op("||").Add(stateOf("sleeper")).Op("&").Id("ClosedMask").Op("!=").Lit(0), "WriteRefused"),
		stateOf("owner").Op("=").Id("CurrentGoid").Call(),
		resultIf(stateOf("readers").Op("!=").Lit(0), "ReadersDue"),
		jen.Return(jen.Id("WriteGranted")),
	}
}

func oracleWriteUnlock(*Config, *spec.Row) []jen.Code {
	return []jen.Code{
		resultIf(stateOf("owner").Op("!=").Id("CurrentGoid").Call(), "NotOwner"),
		resultIf(stateOf("first").Op("!=").Lit(0), "AdmitDue"),
		stateOf("owner").Op("=").Lit(0),
		resultIf(stateOf("sleeper").Op("!=").Lit(0), "WakeDue"),
		jen.Return(jen.Id("Released")),
	}
}

// both emits two tests of a row.
func both(first, second perRow) perRow {
	return func(c *Config, f *jen.File, r *spec.Row) error {
		if err := first(c, f, r); err != nil {
			return err
		}
		return second(c, f, r)
	}
}

// property emits a test of what shows neither in the result nor in memory, such as
// time. The named function checks it: see template properties_test.go.tmpl.
func property(check string) perRow {
	return func(c *Config, f *jen.File, r *spec.Row) error {
		explain(f, fmt.Sprintf("Test%s checks %s and its twin: see %s.", r.Name, r.Name, check))
		f.Add(testFunc("Test"+r.Name, "t", "T").Block(
			jen.Id(check).Call(jen.Id("t"), jen.Id(r.Name)),
			jen.Id(check).Call(jen.Id("t"), jen.Id(r.Impl()+"Portable")),
		))
		return nil
	}
}
