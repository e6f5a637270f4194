package golang

import (
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

const (
	portableVariant   = "portable"
	portableSpinChunk = 256 // loads by sync/atomic, which take a few ns each
)

// portableBuildFile emits what makes the portable twin the implementation.
func portableBuildFile(c *Config) (map[string][]byte, error) {
	f := c.newFile(c.portableConstraint())
	spinChunk(f, portableSpinChunk)
	f.Func().Id("variant").Params().String().Block(jen.Return(jen.Lit(portableVariant)))
	for _, r := range c.Rows {
		if r.Op == spec.CurrentG || r.Op == spec.CurrentGoid {
			continue // from the runtime's g on every GOARCH: see currentGFiles
		}
		explain(f, r.Impl()+" implements "+r.Name+".")
		f.Add(function(r.Impl(), r.Sig).Block(returned(forward(jen.Id(r.Impl()+"Portable"), r), r)))
	}
	return file("zprims_portable.go", f)
}

// twinFile emits the portable twin, the reference for every architecture.
func twinFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	explain(f, "This file has the portable twin of every primitive, which is the reference for the assembly. It uses sync/atomic on 32-bit words of the same layout. Its accesses are sequentially consistent, which is stronger than any ordering that a name asks for. On a 32-bit machine sync/atomic needs 64-bit objects aligned to 64 bits.")
	f.Line()
	rows := c.Rows
	if id := c.identity(spec.CurrentGoid); !c.has(id.Name) {
		rows = append(slices.Clone(rows), id) // the twin of CurrentG calls its twin
	}
	for _, r := range rows {
		body := twinOf(r.Op)
		if body == nil {
			return nil, fmt.Errorf("row %s: the portable twin does not know operation %s", r.Name, r.Op)
		}
		stmts, err := body(r)
		if err != nil {
			return nil, fmt.Errorf("row %s: %w", r.Name, err)
		}
		name := r.Impl() + "Portable"
		explain(f, name+" is the reference for "+r.Name+"."+twinNotes[r.Op])
		f.Add(function(name, r.Sig).Block(stmts...))
	}
	bitHelpers(f, 32, "")
	subwordHelpers(f)
	goroutineHelpers(f)
	counterHelpers(f)
	bitHelpers(f, 64, "64")
	updateHelpers(f)
	return file("zportable.go", f)
}

// twins does each operation by sync/atomic.
var twins = map[spec.Op]func(*spec.Row) ([]jen.Code, error){
	spec.Load:         twinLoad,
	spec.Store:        twinStore,
	spec.Xchg:         twinXchg,
	spec.Cmpxchg:      twinCmpxchg,
	spec.XchgField:    twinXchgField,
	spec.CmpxchgField: twinCmpxchgField,
	spec.FetchSetBit:  twinFetchSetBit,
	spec.StoreFields:  twinStoreFields,
	spec.Relax:        twinRelax,
	spec.Fence:        twinFence,
	spec.CycleCount:   twinCycleCount,
	spec.CurrentG:     twinCurrentG,
	spec.LockFast:     twinLockFast,
	spec.UnlockFast:   twinUnlockFast,
	spec.CurrentGoid:  twinCurrentGoid,
	spec.LockOwned:    twinLockOwned,
	spec.UnlockOwned:  twinUnlockOwned,
	spec.ReadLock:     twinReadLock,
	spec.ReadUnlock:   twinReadUnlock,
	spec.WriteLock:    twinWriteLock,
	spec.WriteUnlock:  twinWriteUnlock,

	spec.CmpxchgOld:      twinCmpxchgOld,
	spec.CmpxchgFieldOld: twinCmpxchgFieldOld,
}

// twinOf returns what emits the twin of an operation, or nil.
func twinOf(op spec.Op) func(*spec.Row) ([]jen.Code, error) {
	if _, ok := spec.Updates[op]; ok {
		return twinUpdate
	}
	if _, ok := spec.Awaits[op]; ok {
		return twinAwait
	}
	return twins[op]
}

// twinNotes is added to the comments of the twins.
var twinNotes = map[spec.Op]string{
	spec.Relax:    " Go has nothing that does it.",
	spec.CurrentG: " No two goroutines ever have the same id, but a 32-bit uintptr wraps after two billion of them.",
}

func twinLoad(r *spec.Row) ([]jen.Code, error) {
	if r.Width >= 32 {
		return wide("Load", r), nil
	}
	return []jen.Code{
		locate(r),
		jen.Return(uintN(r).Call(atomicFunc("LoadUint32").Call(jen.Id("word")).Op(">>").Id("shift"))),
	}, nil
}

func twinStore(r *spec.Row) ([]jen.Code, error) {
	if r.Width >= 32 {
		return wide("Store", r), nil
	}
	return []jen.Code{locate(r), replaceSubword(r, "v")}, nil
}

func twinXchg(r *spec.Row) ([]jen.Code, error) {
	if r.Width >= 32 {
		return wide("Swap", r), nil
	}
	return []jen.Code{
		locate(r),
		jen.Return(uintN(r).Call(replaceSubword(r, "new").Op(">>").Id("shift"))),
	}, nil
}

func twinCmpxchg(r *spec.Row) ([]jen.Code, error) {
	if r.Width >= 32 {
		return wide("CompareAndSwap", r), nil
	}
	return []jen.Code{
		locate(r),
		jen.Return(jen.Id("tryReplaceBits").Call(jen.Id("word"), subwordMask(r), shifted("old"), shifted("new"))),
	}, nil
}

// wide does an operation on a whole word by sync/atomic.
func wide(verb string, r *spec.Row) []jen.Code {
	return []jen.Code{returned(forward(atomicFunc(fmt.Sprintf("%sUint%d", verb, r.Width)), r), r)}
}

// locate finds the 32-bit word around *p and the position of *p in it.
func locate(r *spec.Row) *jen.Statement {
	return jen.List(jen.Id("word"), jen.Id("shift")).Op(":=").Id("subword").
		Call(pointer("p"), jen.Lit(r.Width/8))
}

func uintN(r *spec.Row) *jen.Statement { return jen.Id(fmt.Sprintf("uint%d", r.Width)) }

func subwordMask(r *spec.Row) *jen.Statement {
	return jen.Op(fmt.Sprintf("%#x", uint32(1)<<r.Width-1)).Op("<<").Id("shift")
}

func shifted(v string) *jen.Statement { return jen.Uint32().Call(jen.Id(v)).Op("<<").Id("shift") }

func replaceSubword(r *spec.Row, v string) *jen.Statement {
	return jen.Id("replaceBits").Call(jen.Id("word"), subwordMask(r), shifted(v))
}

func twinXchgField(r *spec.Row) ([]jen.Code, error) {
	return []jen.Code{jen.Return(
		bitsHelper(r, "replaceBits").Call(jen.Id("val"), maskOf(r, r.Field), jen.Id("new")).Op("&").Add(maskOf(r, r.Field)),
	)}, nil
}

func twinCmpxchgField(r *spec.Row) ([]jen.Code, error) {
	return []jen.Code{jen.Return(
		bitsHelper(r, "tryReplaceBits").Call(jen.Id("val"), maskOf(r, r.Field), jen.Id("old"), jen.Id("new")),
	)}, nil
}

func twinFetchSetBit(r *spec.Row) ([]jen.Code, error) {
	return []jen.Code{jen.Return(onWord(r, "Or").Call(jen.Id("val"), constOf(r, r.Field, "Val")))}, nil
}

// twinStoreFields ignores what the fields are before: that saves an instruction on
// some architectures, but changes no result.
func twinStoreFields(r *spec.Row) ([]jen.Code, error) {
	stored, err := r.On.Stored(r.Set)
	if err != nil {
		return nil, err
	}
	var masks, values []jen.Code
	for _, s := range r.Set {
		masks = append(masks, maskOf(r, s.Field))
		if s.Value != 0 {
			values = append(values, fieldValue(r, s))
		}
	}
	if stored.Value == 0 {
		return []jen.Code{clearBits(r, masks...)}, nil
	}
	return []jen.Code{bitsHelper(r, "replaceBits").Call(jen.Id("val"), join(masks, "|"), join(values, "|"))}, nil
}

// clearBits clears the bits of the word that any of the masks has.
func clearBits(r *spec.Row, masks ...jen.Code) *jen.Statement {
	all := join(masks, "|")
	if len(masks) > 1 {
		all = jen.Parens(all)
	}
	return onWord(r, "And").Call(jen.Id("val"), jen.Op("^").Add(all))
}

func join(terms []jen.Code, op string) *jen.Statement {
	s := &jen.Statement{}
	for i, t := range terms {
		if i > 0 {
			s.Op(op)
		}
		s.Add(t)
	}
	return s
}

// fieldValue returns a field's value at its position in the word, as a multiple of
// the field's Val.
func fieldValue(r *spec.Row, s spec.Value) *jen.Statement {
	if s.Value == 1 {
		return constOf(r, s.Field, "Val")
	}
	return jen.Op(fmt.Sprint(s.Value)).Op("*").Add(constOf(r, s.Field, "Val"))
}

func maskOf(r *spec.Row, field string) *jen.Statement { return constOf(r, field, "Mask") }

// constOf names a constant of the row's word.
func constOf(r *spec.Row, field, part string) *jen.Statement { return jen.Id(r.On.Const(field, part)) }

// onWord names the function of sync/atomic for the row's word.
func onWord(r *spec.Row, verb string) *jen.Statement {
	return atomicFunc(fmt.Sprintf("%sUint%d", verb, r.On.Bits))
}

// bitsHelper names the helper for the row's word.
func bitsHelper(r *spec.Row, name string) *jen.Statement {
	if r.On.Bits == 64 {
		name += "64"
	}
	return jen.Id(name)
}

func twinAwait(r *spec.Row) ([]jen.Code, error) {
	return []jen.Code{jen.For().Block(
		jen.Id("v").Op("=").Add(atomicFunc(r.Atomic)).Call(jen.Id("p")),
		jen.If(matches(r).Op("||").Id("spins").Op("==").Lit(0)).Block(
			jen.Return(jen.Id("v")),
		),
		jen.Id("spins").Op("--"),
	)}, nil
}

func twinRelax(*spec.Row) ([]jen.Code, error) { return nil, nil }

// twinFence orders as any access by sync/atomic does.
func twinFence(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{jen.Var().Id("word").Uint32(), atomicFunc("AddUint32").Call(address("word"), jen.Lit(0))}, nil
}

func twinCycleCount(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{jen.Return(jen.Uint64().Call(jen.Qual("time", "Since").Call(jen.Id("counterStart"))))}, nil
}

// twinCurrentG makes the word from the id.
func twinCurrentG(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{jen.Return(jen.Uintptr().Call(jen.Lit(2).Op("*").Id("currentGoidPortable").Call()))}, nil
}

// twinCurrentGoid reads the id from the head of the goroutine's stack trace.
func twinCurrentGoid(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{
		jen.If(jen.Id("raceEnabled")).Block(
			jen.Id("raceDisable").Call().Comment("what the pool synchronizes would hide races of the caller"),
			jen.Defer().Id("raceEnable").Call(),
		),
		jen.Id("buf").Op(":=").Id("traceHeads").Dot("Get").Call().Assert(jen.Op("*").Id("traceHead")),
		jen.Id("id").Op("=").Id("goroutineID").Call(
			jen.Id("buf").Index(jen.Empty(), jen.Qual("runtime", "Stack").Call(jen.Id("buf").Index(jen.Empty(), jen.Empty()), jen.False())),
		),
		jen.Id("traceHeads").Dot("Put").Call(jen.Id("buf")),
		jen.Return(jen.Id("id")),
	}, nil
}

// twinLockOwned looks before it exchanges.
func twinLockOwned(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{
		jen.If(isClosed()).Block(jen.Return(jen.False())),
		jen.Return(tryOwn()),
	}, nil
}

// twinUnlockOwned stores with sequential consistency, so that its look comes after.
func twinUnlockOwned(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{
		unlessMine(),
		jen.Id("w").Dot("Owner").Dot("Store").Call(jen.Lit(0)),
		unlessZero("WakeDue", "Sleeper"),
		jen.Return(jen.Id("Released")),
	}, nil
}

// unordered begins a twin whose accesses order nothing for the race detector. Readers do
// not come after one another, but their accesses to the lock and to the rows would be
// edges between them.
func unordered() jen.Code {
	return jen.If(jen.Id("raceEnabled")).Block(
		jen.Id("raceDisable").Call().Comment("no edge from reader to reader"),
		jen.Defer().Id("raceEnable").Call(),
	)
}

// currentRow declares the current goroutine's row.
func currentRow() jen.Code {
	return jen.Id("row").Op(":=").Id("t").Dot("Row").Call(jen.Id("currentG").Call())
}

// slotPart returns the address of a part of a row's first slot.
func slotPart(name string) *jen.Statement { return jen.Op("&").Id("row").Dot(name).Index(jen.Lit(0)) }

func twinReadLock(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{
		unordered(),
		currentRow(),
		jen.If(jen.Op("!").Add(atomicFunc("CompareAndSwapUint64")).Call(slotPart("Lock"), jen.Lit(0), lockAddress("w"))).Block(jen.Return(jen.Id("ReadRefused"))),
		atomicFunc("StoreUint64").Call(slotPart("ID"), jen.Id("currentGoid").Call()),
		jen.If(jen.Id("w").Dot("Owner").Dot("Load").Call().Op("!=").Lit(0).Op("||").
			Add(atomicFunc("LoadUint32")).Call(wordField("Readers")).Op("&").Id("RowsMask").Op("==").Lit(0)).Block(jen.Return(jen.Id("ReadClaimed"))),
		jen.Return(jen.Id("ReadGranted")),
	}, nil
}

// compareSlot compares the row's first slot with what it has if the current goroutine
// holds w, by == and && or by != and ||.
func compareSlot(compare, join string) *jen.Statement {
	return atomicFunc("LoadUint64").Call(slotPart("Lock")).Op(compare).Add(lockAddress("w")).Op(join).
		Add(atomicFunc("LoadUint64")).Call(slotPart("ID")).Op(compare).Id("currentGoid").Call()
}

// lockAddress returns a pointer to a lock as a slot has it.
func lockAddress(w string) *jen.Statement { return jen.Uint64().Call(jen.Uintptr().Call(pointer(w))) }

// twinReadUnlock stores with sequential consistency, so that its look comes after.
func twinReadUnlock(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{
		unordered(),
		currentRow(),
		jen.If(compareSlot("!=", "||")).Block(jen.Return(jen.Id("NotOwner"))),
		atomicFunc("StoreUint64").Call(slotPart("ID"), jen.Lit(0)),
		atomicFunc("StoreUint64").Call(slotPart("Lock"), jen.Lit(0)),
		unlessZero("WakeDue", "Drainer"),
		jen.Return(jen.Id("Released")),
	}, nil
}

// unlessZero returns a result if one of some 32-bit fields of the parameter w is not 0.
func unlessZero(result string, fields ...string) jen.Code {
	var any []jen.Code
	for _, name := range fields {
		any = append(any, atomicFunc("LoadUint32").Call(wordField(name)).Op("!=").Lit(0))
	}
	return jen.If(join(any, "||")).Block(jen.Return(jen.Id(result)))
}

// isClosed is true if the lock is closed to newcomers.
func isClosed() *jen.Statement {
	return atomicFunc("LoadUint32").Call(wordField("Sleeper")).Op("&").Id("ClosedMask").Op("!=").Lit(0)
}

// tryOwn makes the current goroutine the owner if there is none.
func tryOwn() *jen.Statement {
	return jen.Id("w").Dot("Owner").Dot("CompareAndSwap").Call(jen.Lit(0), jen.Id("currentGoid").Call())
}

// unlessMine returns if the current goroutine is not the owner.
func unlessMine() jen.Code {
	return jen.If(jen.Id("w").Dot("Owner").Dot("Load").Call().Op("!=").Id("currentGoid").Call()).Block(jen.Return(jen.Id("NotOwner")))
}

func twinWriteLock(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{
		jen.If(isClosed().Op("||").Op("!").Add(tryOwn())).Block(jen.Return(jen.Id("WriteRefused"))),
		unlessZero("ReadersDue", "Readers"),
		jen.Return(jen.Id("WriteGranted")),
	}, nil
}

// twinWriteUnlock looks for readers before and after the release.
func twinWriteUnlock(*spec.Row) ([]jen.Code, error) {
	return []jen.Code{
		unlessMine(),
		unlessZero("AdmitDue", "First"),
		jen.Id("w").Dot("Owner").Dot("Store").Call(jen.Lit(0)),
		unlessZero("WakeDue", "Sleeper", "First"),
		jen.Return(jen.Id("Released")),
	}, nil
}

// wordField returns the address of a field of the parameter w.
func wordField(name string) *jen.Statement { return jen.Op("&").Id("w").Dot(name) }

func twinLockFast(r *spec.Row) ([]jen.Code, error) {
	return []jen.Code{
		jen.For().Block(
			jen.Id("val").Op(":=").Add(atomicFunc("LoadUint32")).Call(wordField("Val")),
			jen.If(jen.Id("val").Op("&").Parens(maskOf(r, "locked").Op("|").Add(maskOf(r, "pending"))).Op("!=").Lit(0)).Block(
				jen.Return(jen.False()),
			),
			jen.If(atomicFunc("CompareAndSwapUint32").Call(wordField("Val"), jen.Id("val"), jen.Id("val").Op("|").Add(constOf(r, "locked", "Val")))).Block(
				atomicFunc("StoreUintptr").Call(wordField("Owner"), jen.Id("currentG").Call()),
				jen.Return(jen.True()),
			),
		),
	}, nil
}

func twinUnlockFast(r *spec.Row) ([]jen.Code, error) {
	return []jen.Code{
		jen.If(atomicFunc("LoadUintptr").Call(wordField("Owner")).Op("!=").Id("currentG").Call()).Block(
			jen.Return(jen.False()),
		),
		atomicFunc("StoreUintptr").Call(wordField("Owner"), jen.Lit(0)),
		atomicFunc("AndUint32").Call(wordField("Val"), jen.Op("^").Add(maskOf(r, "locked"))),
		jen.Return(jen.True()),
	}, nil
}
