package golang

import (
	"maps"

	"github.com/dave/jennifer/jen"
)

// raceFiles emits what tells the race detector of edges, and its empty counterpart
// for builds without the detector.
func raceFiles(c *Config) (map[string][]byte, error) {
	on, err := file("zrace.go", c.raceOn())
	if err != nil {
		return nil, err
	}
	off, err := file("znorace.go", c.raceOff())
	maps.Copy(on, off)
	return on, err
}

func (c *Config) raceOn() *jen.File {
	f := c.newFile("race")
	explain(f, "raceEnabled says that the race detector is on. It knows nothing of assembly, so the public functions tell it of the happens-before edges that assembly makes.")
	f.Const().Id("raceEnabled").Op("=").True()
	f.Line()
	explain(f, "raceAcquire orders what follows it after every release of the word around p by raceReleaseMerge. It accesses nothing, since there may be other data around p.")
	f.Func().Id("raceAcquire").Params(unsafePointer("p")).Block(detector("RaceAcquire", raceWord()))
	explain(f, "raceAcquireWord orders what follows it after every release of the 32 bits or more at p, also by sync/atomic. An atomic access tells the detector of its release only after it has stored its value. An atomic load waits for that, and RaceAcquire does not.")
	f.Func().Id("raceAcquireWord").Params(unsafePointer("p")).Block(
		atomicFunc("LoadUint32").Call(jen.Parens(jen.Op("*").Uint32()).Call(jen.Id("p"))))
	explain(f, "raceAcquireWide does the same for each half of the 64 bits at p: a field or a narrower access may have released either.")
	f.Func().Id("raceAcquireWide").Params(unsafePointer("p")).Block(
		jen.Id("raceAcquireWord").Call(jen.Id("p")), jen.Id("raceAcquireWord").Call(upperHalf()))
	explain(f, "raceReleaseMerge adds what came before it to the releases of the word around p. It replaces none of them, because the release of one field must not lose what another field's published.")
	f.Func().Id("raceReleaseMerge").Params(unsafePointer("p")).Block(detector("RaceReleaseMerge", raceWord()))
	explain(f, "raceReleaseMergeWide does the same for each half of the 64 bits at p.")
	f.Func().Id("raceReleaseMergeWide").Params(unsafePointer("p")).Block(
		jen.Id("raceReleaseMerge").Call(jen.Id("p")), jen.Id("raceReleaseMerge").Call(upperHalf()))
	explain(f, "raceOwns reports whether owner is the current goroutine.")
	f.Func().Id("raceOwns").Params(jen.Id("owner").Op("*").Uintptr()).Bool().Block(
		jen.Return(atomicFunc("LoadUintptr").Call(jen.Id("owner")).Op("==").Id("currentG").Call()))
	explain(f, "raceOwnsID reports the same of an owner that is an id.")
	f.Func().Id("raceOwnsID").Params(ownerID("owner")).Bool().Block(
		jen.Return(jen.Id("owner").Dot("Load").Call().Op("==").Id("currentGoid").Call()))
	explain(f, "raceReads reports whether the current goroutine holds w for reading, in the first slot of its row. The look is no edge.")
	f.Func().Id("raceReads").Params(readerParams()...).Bool().Block(
		jen.Id("raceDisable").Call(),
		jen.Defer().Id("raceEnable").Call(),
		currentRow(),
		jen.Return(compareSlot("==", "&&")),
	)
	explain(f, "raceWord returns the address by which the detector knows all that is in the same 32 bits. It is the one by which it knows them when sync/atomic accesses them. An object of 64 bits is known by the addresses of both halves, so that accesses of any widths to the same bits have an address in common.")
	f.Func().Id("raceWord").Params(unsafePointer("p")).Qual("unsafe", "Pointer").Block(jen.Return(
		jen.Qual("unsafe", "Pointer").Call(jen.Uintptr().Call(jen.Id("p")).Op("&^").Lit(3))))
	explain(f, "raceDisable begins synchronization that orders nothing for the caller.")
	f.Func().Id("raceDisable").Params().Block(detector("RaceDisable"))
	explain(f, "raceEnable ends what raceDisable began.")
	f.Func().Id("raceEnable").Params().Block(detector("RaceEnable"))
	return f
}

func (c *Config) raceOff() *jen.File {
	f := c.newFile("!race")
	explain(f, "raceEnabled says that the race detector is off. The calls of the functions below are then compiled away.")
	f.Const().Id("raceEnabled").Op("=").False()
	f.Line()
	f.Func().Id("raceAcquire").Params(jen.Qual("unsafe", "Pointer")).Block()
	f.Line()
	f.Func().Id("raceAcquireWord").Params(jen.Qual("unsafe", "Pointer")).Block()
	f.Line()
	f.Func().Id("raceAcquireWide").Params(jen.Qual("unsafe", "Pointer")).Block()
	f.Line()
	f.Func().Id("raceReleaseMerge").Params(jen.Qual("unsafe", "Pointer")).Block()
	f.Line()
	f.Func().Id("raceReleaseMergeWide").Params(jen.Qual("unsafe", "Pointer")).Block()
	f.Line()
	f.Func().Id("raceOwns").Params(jen.Op("*").Uintptr()).Bool().Block(jen.Return(jen.False()))
	f.Line()
	f.Func().Id("raceOwnsID").Params(jen.Op("*").Qual("sync/atomic", "Uint64")).Bool().Block(jen.Return(jen.False()))
	f.Line()
	f.Func().Id("raceReads").Params(jen.Op("*").Id("RWOwned"), jen.Op("*").Id("ReaderTable")).Bool().Block(jen.Return(jen.False()))
	f.Line()
	f.Func().Id("raceDisable").Params().Block()
	f.Line()
	f.Func().Id("raceEnable").Params().Block()
	f.Line()
	return f
}

func readerParams() []jen.Code {
	return []jen.Code{jen.Id("w").Op("*").Id("RWOwned"), jen.Id("t").Op("*").Id("ReaderTable")}
}

func ownerID(name string) *jen.Statement { return jen.Id(name).Op("*").Qual("sync/atomic", "Uint64") }

func unsafePointer(name string) *jen.Statement { return jen.Id(name).Qual("unsafe", "Pointer") }

func detector(name string, args ...jen.Code) *jen.Statement {
	return jen.Qual("runtime", name).Call(args...)
}

// upperHalf is the second 32 bits of what is at p.
func upperHalf() *jen.Statement { return jen.Qual("unsafe", "Add").Call(jen.Id("p"), jen.Lit(4)) }

func raceWord() *jen.Statement { return jen.Id("raceWord").Call(jen.Id("p")) }
