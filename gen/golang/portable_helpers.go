package golang

import (
	"fmt"

	"github.com/dave/jennifer/jen"
)

// This file emits the functions and variables that the twins share.

// bitHelpers emits the helpers for words of the given bits, whose names have the suffix.
func bitHelpers(f *jen.File, bits int, suffix string) {
	word := fmt.Sprintf("uint%d", bits)
	replace, tryReplace := "replaceBits"+suffix, "tryReplaceBits"+suffix
	explain(f, replace+" sets the bits of *word that are in mask to what they are in bits, and returns the word as it was before.")
	f.Add(function(replace, "func(word *"+word+", mask "+word+", bits "+word+") (old "+word+")").Block(jen.For().Block(
		jen.Id("old").Op("=").Add(loadWord(bits)),
		jen.If(swapWord(bits, "old", "bits")).Block(jen.Return(jen.Id("old"))),
	)))
	explain(f, tryReplace+" sets the bits of *word that are in mask to what they are in new, if they are what they are in old, and reports whether it did. It does not fail because of the other bits.")
	f.Add(function(tryReplace, "func(word *"+word+", mask "+word+", old "+word+", new "+word+") (ok bool)").Block(jen.For().Block(
		jen.Id("now").Op(":=").Add(loadWord(bits)),
		jen.If(jen.Parens(jen.Id("now").Op("^").Id("old")).Op("&").Id("mask").Op("!=").Lit(0)).Block(jen.Return(jen.False())),
		jen.If(swapWord(bits, "now", "new")).Block(jen.Return(jen.True())),
	)))
}

func loadWord(bits int) *jen.Statement {
	return atomicFunc(fmt.Sprintf("LoadUint%d", bits)).Call(jen.Id("word"))
}

// swapWord replaces the bits in mask of the word that was last loaded as old.
func swapWord(width int, old, bits string) *jen.Statement {
	return atomicFunc(fmt.Sprintf("CompareAndSwapUint%d", width)).Call(jen.Id("word"), jen.Id(old),
		jen.Id(old).Op("&^").Id("mask").Op("|").Id(bits).Op("&").Id("mask"))
}

func subwordHelpers(f *jen.File) {
	explain(f, "subword returns the 32-bit word around the object of size bytes at p, and the position of the object's lowest bit in it. The twins access the whole word, so under the race detector the object's neighbours must be accessed atomically too.")
	f.Add(jen.Func().Id("subword").Params(
		jen.Id("p").Qual("unsafe", "Pointer"), jen.Id("size").Uintptr(),
	).Params(jen.Id("word").Op("*").Uint32(), jen.Id("shift").Uintptr()).Block(
		jen.Id("offset").Op(":=").Uintptr().Call(jen.Id("p")).Op("&").Lit(3),
		jen.Id("word").Op("=").Parens(jen.Op("*").Uint32()).Call(
			jen.Qual("unsafe", "Pointer").Call(jen.Uintptr().Call(jen.Id("p")).Op("-").Id("offset"))),
		jen.If(jen.Id("bigEndian")).Block(
			jen.Id("offset").Op("=").Lit(4).Op("-").Id("size").Op("-").Id("offset"),
		),
		jen.Return(jen.Id("word"), jen.Lit(8).Op("*").Id("offset")),
	))
	explain(f, "bigEndian says that the lowest address has the word's highest byte.")
	f.Var().Id("bigEndian").Op("=").Qual("encoding/binary", "NativeEndian").Dot("Uint16").Call(
		jen.Index().Byte().Values(jen.Lit(0), jen.Lit(1))).Op("==").Lit(1)
	f.Line()
}

func goroutineHelpers(f *jen.File) {
	explain(f, `goroutineID returns the first number in a stack trace, which begins "goroutine 7 [running]:", or 0 if there is none.`)
	f.Add(jen.Func().Id("goroutineID").Params(jen.Id("trace").Index().Byte()).Params(jen.Id("id").Uint64()).Block(
		jen.For(jen.List(jen.Id("_"), jen.Id("c")).Op(":=").Range().Id("trace")).Block(
			jen.Switch(jen.Id("digit").Op(":=").Id("c").Op("-").Op("'0'"), jen.Empty()).Block(
				jen.Case(jen.Id("digit").Op("<=").Lit(9)).Block(
					jen.Id("id").Op("=").Id("id").Op("*").Lit(10).Op("+").Uint64().Call(jen.Id("digit"))),
				jen.Case(jen.Id("id").Op("!=").Lit(0)).Block(jen.Return(jen.Id("id"))),
			),
		),
		jen.Return(jen.Id("id")),
	))
	explain(f, "traceHead has room for the beginning of a stack trace, up to the id.")
	f.Type().Id("traceHead").Index(jen.Lit(64)).Byte()
	f.Line()
	explain(f, "traceHeads saves allocations, since the argument of runtime.Stack escapes.")
	f.Var().Id("traceHeads").Op("=").Qual("sync", "Pool").Values(jen.Dict{
		jen.Id("New"): jen.Func().Params().Any().Block(jen.Return(jen.New(jen.Id("traceHead")))),
	})
	f.Line()
}

func counterHelpers(f *jen.File) {
	explain(f, "counterStart is when the portable counter was 0.")
	f.Var().Id("counterStart").Op("=").Qual("time", "Now").Call()
}
