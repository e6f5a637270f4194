package golang

import (
	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// tortureTestFile emits the concurrent tests. Each operation has an invariant that
// its rows must keep under any interleaving.
func tortureTestFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	if err := c.eachRow(f, "torture test", torturers, tortureUpdate, tortureAwait); err != nil {
		return nil, err
	}
	return file("ztorture_test.go", f)
}

var torturers = map[spec.Op]perRow{
	spec.Load:         tortureLoad,
	spec.Store:        tortureStore,
	spec.Xchg:         tortureXchg,
	spec.Cmpxchg:      tortureCmpxchg,
	spec.XchgField:    tortureXchgField,
	spec.CmpxchgField: tortureCmpxchgField,
	spec.FetchSetBit:  tortureFetchSetBit,
	spec.StoreFields:  tortureStoreFields,
	spec.CondLoad:     tortureCondLoad,
	spec.LockFast:     tortureLockFast,
	spec.UnlockFast:   tortureUnlockFast,
	spec.Relax:        aloneOnly,
	spec.Fence:        aloneOnly,
	spec.CycleCount:   aloneOnly,
	spec.CurrentG:     aloneOnly,
	spec.CurrentGoid:  aloneOnly,
	spec.LockOwned:    tortureLockOwned,
	spec.UnlockOwned:  tortureUnlockOwned,
	spec.ReadLock:     tortureReaders,
	spec.ReadUnlock:   besideReadLock,
	spec.WriteLock:    besideReadLock,
	spec.WriteUnlock:  besideReadLock,

	spec.CmpxchgOld:      tortureCmpxchg,
	spec.CmpxchgFieldOld: tortureCmpxchgField,
}

// aloneOnly emits nothing, for operations that share no memory: their tests are in
// zprims_test.go.
func aloneOnly(*Config, *jen.File, *spec.Row) error { return nil }

// torture emits the frame of a torture test, which checks what that says.
func torture(f *jen.File, name, that string, body ...jen.Code) {
	explain(f, "TestTorture"+name+" checks that "+that)
	f.Add(testFunc("TestTorture"+name, "t", "T").Block(
		jen.Id("torture").Call(jen.Id("t"), jen.Func().Params(testingParam("t", "T"), jen.Id("n").Int()).Block(body...)),
	))
}

// invariant calls a function of template invariants_test.go.tmpl.
func invariant(name string, args ...jen.Code) *jen.Statement {
	return jen.Id(name).Call(append([]jen.Code{jen.Id("t"), jen.Id("n")}, args...)...)
}

// returning is a function literal that returns an expression.
func returning(result, expr jen.Code, params ...jen.Code) *jen.Statement {
	return jen.Func().Params(params...).Add(result).Block(jen.Return(expr))
}

// doing is a function literal without result.
func doing(body ...jen.Code) *jen.Statement { return jen.Func().Params().Block(body...) }

// peer finds the row that the test of another row needs beside it, or nil.
func (c *Config) peer(op spec.Op, width int, fits func(spec.Order) bool) *spec.Row {
	for _, r := range c.Rows {
		if r.Op == op && r.Width == width && fits(r.Order) {
			return r
		}
	}
	return nil
}

// loadPeer returns the load beside which a row is tested, and its name: a row's, or if
// there is none that of the test harness.
func (c *Config) loadPeer(r *spec.Row, fits func(spec.Order) bool) (*jen.Statement, string) {
	if row := c.peer(spec.Load, r.Width, fits); row != nil {
		return jen.Id(row.Name), row.Name
	}
	return jen.Id("peek").Types(object(r)), ""
}

func anyOrder(spec.Order) bool   { return true }
func relaxed(o spec.Order) bool  { return !o.Acquires() && !o.Releases() }
func acquires(o spec.Order) bool { return o.Acquires() }
func releases(o spec.Order) bool { return o.Releases() }

// tortureLoad tests a load with a store of the harness, unless a row's store has the test.
func tortureLoad(c *Config, f *jen.File, r *spec.Row) error {
	fits := relaxed
	if r.Order.Acquires() {
		fits = releases
	}
	if c.peer(spec.Store, r.Width, fits) == nil {
		c.storesAndLoads(f, r, jen.Id("poke").Types(object(r)), jen.Id(r.Name), r.Name, r.Order.Acquires())
	}
	return nil
}

// tortureStore tests a store with the load that matches it. An ordered pair also
// hands on turns.
func tortureStore(c *Config, f *jen.File, r *spec.Row) error {
	fits := relaxed
	if r.Order.Releases() {
		fits = acquires
	}
	load, name := c.loadPeer(r, fits)
	c.storesAndLoads(f, r, jen.Id(r.Name), load, r.Name+name, r.Order.Releases())
	return nil
}

func (c *Config) storesAndLoads(f *jen.File, r *spec.Row, store, load *jen.Statement, name string, ordered bool) {
	that := "adjacent cells keep what is stored in them, and nobody reads a part of a store."
	body := []jen.Code{invariant("whole", store, load)}
	if ordered {
		that += " A turn that it hands on brings along what was written before."
		turn := func() *jen.Statement { return address("turn").Index(jen.Lit(1)) }
		body = append(body,
			jen.Id("turn").Op(":=").Id("newCells").Types(object(r)).Call(jen.Lit(2)),
			invariant("ring",
				returning(jen.Bool(), jen.Add(load).Call(turn()).Op("==").Add(object(r)).Call(jen.Id("me")), jen.Id("me").Int()),
				jen.Func().Params(jen.Id("next").Int()).Block(jen.Add(store).Call(turn(), object(r).Call(jen.Id("next")))),
			))
	}
	torture(f, name, that, body...)
}

func ordered(r *spec.Row) jen.Code { return jen.Lit(r.Order.Acquires() && r.Order.Releases()) }

func tortureXchg(_ *Config, f *jen.File, r *spec.Row) error {
	torture(f, r.Name, "the tokens that workers exchange through adjacent cells are conserved.",
		invariant("conserve", ordered(r), jen.Id(r.Name)))
	return nil
}

func tortureXchgField(_ *Config, f *jen.File, r *spec.Row) error {
	torture(f, r.Name, "the tokens that workers exchange through the "+r.Field+" are conserved while the other fields change.",
		invariant("conserveField", constOf(r, r.Field, "Mask"), ordered(r), jen.Id(r.Name)))
	return nil
}

func tortureCmpxchg(c *Config, f *jen.File, r *spec.Row) error {
	typ := object(r).GoString()
	locks := map[string]string{"uint32": "Uint32", "uint64": "Uint64"}[typ]
	load := atomicFunc("Load" + locks)
	if locks == "" { // sync/atomic has none of this size
		load, _ = c.loadPeer(r, anyOrder)
	}
	that := "each success counts once."
	body := []jen.Code{invariant("count", load, casOf(r))}
	cas := jen.Id(r.Name).Call
	if r.Op == spec.CmpxchgOld {
		cas = func(args ...jen.Code) *jen.Statement { return jen.Id(r.Name).Call(args...).Op("==").Add(args[1]) }
	}
	switch {
	case relaxed(r.Order) || locks == "":
	case r.Order.Acquires():
		that += " A lock that is acquired by it excludes."
		body = append(body, jen.Var().Id("lock").Id(typ), invariant("exclusive",
			returning(jen.Bool(), cas(address("lock"), jen.Lit(0), jen.Lit(1))),
			doing(atomicFunc("Store"+locks).Call(address("lock"), jen.Lit(0))),
		))
	default:
		that += " A lock that is released by it excludes."
		body = append(body, jen.Var().Id("lock").Id(typ), invariant("exclusive",
			returning(jen.Bool(), atomicFunc("CompareAndSwap"+locks).Call(address("lock"), jen.Lit(0), jen.Lit(1))),
			doing(jen.Id(r.Name).Call(address("lock"), jen.Lit(1), jen.Lit(0))),
		))
	}
	torture(f, r.Name, that, body...)
	return nil
}

func tortureCmpxchgField(_ *Config, f *jen.File, r *spec.Row) error {
	torture(f, r.Name, "each success counts once, and none fails because of the other fields.",
		invariant("countField", constOf(r, r.Field, "Mask"), casOf(r)))
	return nil
}

func tortureFetchSetBit(_ *Config, f *jen.File, r *spec.Row) error {
	bit := func() *jen.Statement { return constOf(r, r.Field, "Val") }
	set := jen.Func().Params(jen.Id("val").Op("*").Id(r.On.Type())).Block(jen.Id(r.Name).Call(jen.Id("val")))
	body := []jen.Code{invariant("overwrite", bit(), jen.Lit(0), bit(), set)}
	that := "it changes nothing but the bit."
	if r.Order.Acquires() {
		that += " Only one worker finds the bit clear, and what was written before it was cleared."
		body = append(body, jen.Var().Id("val").Id(r.On.Type()), invariant("exclusive",
			returning(jen.Bool(), jen.Id(r.Name).Call(address("val")).Op("&").Add(bit()).Op("==").Lit(0)),
			doing(onWord(r, "And").Call(address("val"), jen.Op("^").Add(bit()))),
		))
	}
	torture(f, r.Name, that, body...)
	return nil
}

func tortureStoreFields(_ *Config, f *jen.File, r *spec.Row) error {
	from := masksOf(r, r.Set)
	if len(r.From) > 0 {
		from = bitsOf(r, r.From)
	}
	that := "it loses no change of the other fields."
	body := []jen.Code{invariant("overwrite", masksOf(r, r.Set), from, bitsOf(r, r.Set), jen.Id(r.Name))}
	if to, err := r.On.Stored(r.Set); err == nil && to.Value == 0 && r.Order.Releases() {
		that += " A lock that is released by it excludes."
		body = append(body, jen.Var().Id("val").Id(r.On.Type()), invariant("exclusive",
			returning(jen.Bool(), onWord(r, "CompareAndSwap").Call(address("val"), jen.Lit(0), masksOf(r, r.Set))),
			doing(jen.Id(r.Name).Call(address("val"))),
		))
	}
	torture(f, r.Name, that, body...)
	return nil
}

func tortureCondLoad(_ *Config, f *jen.File, r *spec.Row) error {
	wait := jen.Id(r.Name).Call(address("turn"), jen.Op("^").Uint32().Call(jen.Lit(0)), jen.Uint32().Call(jen.Id("me")), jen.Id("SpinChunk").Op("+").Lit(1))
	isTurn := wait.Op("==").Uint32().Call(jen.Id("me"))
	that := "workers that wait for their turn by it miss none."
	if r.Order.Acquires() {
		that += " The turn brings along what was written before."
	} else {
		that += " A second load orders what the turn brings along."
		isTurn.Op("&&").Add(atomicFunc("LoadUint32")).Call(address("turn")).Op("==").Uint32().Call(jen.Id("me"))
	}
	torture(f, r.Name, that,
		jen.Var().Id("turn").Uint32(),
		invariant("ring",
			returning(jen.Bool(), isTurn, jen.Id("me").Int()),
			jen.Func().Params(jen.Id("next").Int()).Block(
				atomicFunc("StoreUint32").Call(address("turn"), jen.Uint32().Call(jen.Id("next")))),
		))
	return nil
}

// lockAndOwner declares a Word.
func lockAndOwner() []jen.Code {
	return []jen.Code{jen.Var().Id("w").Id("Word")}
}

func tortureLockFast(_ *Config, f *jen.File, r *spec.Row) error {
	torture(f, r.Name, "a lock that is acquired by it excludes, and has the right owner.",
		append(lockAndOwner(), invariant("exclusive",
			returning(jen.Bool(), jen.Id(r.Name).Call(address("w"))),
			doing(
				jen.If(jen.Id("w").Dot("Owner").Op("!=").Id("CurrentG").Call()).Block(
					jen.Id("t").Dot("Errorf").Call(jen.Lit("the owner is %#x, want %#x"), jen.Id("w").Dot("Owner"), jen.Id("CurrentG").Call()),
				),
				atomicFunc("AndUint32").Call(wordField("Val"), jen.Op("^").Add(maskOf(r, "locked"))),
			)))...)
	return nil
}

func tortureUnlockFast(_ *Config, f *jen.File, r *spec.Row) error {
	torture(f, r.Name, "a lock that is released by it excludes, and that only the owner can release it.",
		append(lockAndOwner(), invariant("exclusive",
			jen.Func().Params().Bool().Block(
				jen.If(jen.Op("!").Add(atomicFunc("CompareAndSwapUint32")).Call(wordField("Val"), jen.Lit(0), constOf(r, "locked", "Val"))).Block(
					jen.Return(jen.False()),
				),
				jen.If(jen.Id(r.Name).Call(address("w"))).Block(
					jen.Id("t").Dot("Errorf").Call(jen.Lit("released by one who is not the owner")),
				),
				jen.Id("w").Dot("Owner").Op("=").Id("CurrentG").Call(),
				jen.Return(jen.True()),
			),
			doing(jen.Id(r.Name).Call(address("w"))),
		))...)
	return nil
}

func tortureLockOwned(_ *Config, f *jen.File, r *spec.Row) error {
	owner := func() *jen.Statement { return jen.Id("w").Dot("Owner") }
	torture(f, r.Name, "a lock that is acquired by it excludes, and has the right owner.",
		jen.Var().Id("w").Id("Owned"),
		invariant("exclusive",
			returning(jen.Bool(), jen.Id(r.Name).Call(address("w"))),
			doing(
				jen.If(jen.Id("id").Op(":=").Add(owner()).Dot("Load").Call(), jen.Id("id").Op("!=").Id("CurrentGoid").Call()).Block(
					jen.Id("t").Dot("Errorf").Call(jen.Lit("the owner is %d, want %d"), jen.Id("id"), jen.Id("CurrentGoid").Call()),
				),
				owner().Dot("Store").Call(jen.Lit(0)),
			)))
	return nil
}

// tortureUnlockOwned acquires by a compare-and-exchange, as a waiter does that is at the
// head of its queue.
func tortureUnlockOwned(c *Config, f *jen.File, r *spec.Row) error {
	cas := atomicFunc("CompareAndSwapUint64")
	if row := c.peer(spec.Cmpxchg, 64, acquires); row != nil {
		cas = jen.Id(row.Name)
	}
	complain := func(what string) jen.Code { return jen.Id("t").Dot("Errorf").Call(jen.Lit(what)) }
	torture(f, r.Name, "a lock that is released by it excludes, and that only the owner can release it.",
		jen.Var().Id("w").Id("Owned"),
		invariant("exclusive",
			jen.Func().Params().Bool().Block(
				jen.If(jen.Id(r.Name).Call(address("w")).Op("!=").Id("NotOwner")).Block(complain("released by one who is not the owner")),
				jen.Return(cas.Call(jen.Id("ownerOf").Call(address("w")), jen.Lit(0), jen.Id("CurrentGoid").Call())),
			),
			doing(jen.If(jen.Id(r.Name).Call(address("w")).Op("!=").Id("Released")).Block(complain("not released by its owner"))),
		))
	return nil
}

// tortureReaders tests a reader-writer lock of four operations. Its readers have slots
// first, and then are counted.
func tortureReaders(c *Config, f *jen.File, _ *spec.Row) error {
	ops := []jen.Code{jen.Id("table").Op(":").Id("newTable").Call(jen.Lit(64))}
	name := ""
	for _, part := range []struct {
		field string // of the template's rwLock
		op    spec.Op
	}{{"readLock", spec.ReadLock}, {"readUnlock", spec.ReadUnlock}, {"writeLock", spec.WriteLock}, {"writeUnlock", spec.WriteUnlock}} {
		row := c.peer(part.op, 0, anyOrder)
		if row == nil {
			return nil // it takes all four to make a lock
		}
		name += row.Name
		ops = append(ops, jen.Id(part.field).Op(":").Id(row.Name))
	}
	torture(f, name, "readers and writers exclude each other, and writers one another.",
		eachOf("readers", jen.Uint32(), []jen.Code{jen.Id("RowsMask"), jen.Lit(0)},
			jen.Id("l").Op(":=").Op("&").Id("rwLock").Values(ops...),
			jen.Id("l").Dot("w").Dot("Readers").Op("=").Id("readers"),
			invariant("shared", jen.Id("l")),
		))
	return nil
}

// besideReadLock emits nothing, because the row of ReadLock has the test.
func besideReadLock(*Config, *jen.File, *spec.Row) error { return nil }
