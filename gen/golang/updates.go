package golang

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// This file has what the read-modify-writes share, and the compare-and-exchanges that
// return what they have found: twins, oracles of the fuzz tests, and torture tests.

// updateHelpers emits the loops of the twins, for words of 32 and 64 bits.
func updateHelpers(f *jen.File) {
	for _, bits := range []int{32, 64} {
		name, word := updateHelper(bits), fmt.Sprintf("uint%d", bits)
		explain(f, name+" sets the bits of *word that are in mask to what change makes of the word, and returns the word as it was before.")
		f.Add(jen.Func().Id(name).Params(jen.Id("word").Op("*").Id(word), jen.Id("mask").Id(word),
			jen.Id("change").Func().Params(jen.Id("old").Id(word)).Id(word)).Params(jen.Id("old").Id(word)).Block(jen.For().Block(
			jen.Id("old").Op("=").Add(loadWord(bits)),
			jen.Id("bits").Op(":=").Id("change").Call(jen.Id("old")),
			jen.If(swapWord(bits, "old", "bits")).Block(jen.Return(jen.Id("old"))),
		)))
		name = exchangeHelper(bits)
		explain(f, name+" sets the bits of *word that are in mask to what they are in new, if they are what they are in old. It returns the word as it found it.")
		f.Add(function(name, "func(word *"+word+", mask "+word+", old "+word+", new "+word+") (found "+word+")").Block(jen.For().Block(
			jen.Id("found").Op("=").Add(loadWord(bits)),
			jen.If(jen.Parens(jen.Id("found").Op("^").Id("old")).Op("&").Id("mask").Op("!=").Lit(0).Op("||").Add(swapWord(bits, "found", "new"))).
				Block(jen.Return(jen.Id("found"))),
		)))
	}
}

func updateHelper(bits int) string   { return fmt.Sprintf("updateBits%d", bits) }
func exchangeHelper(bits int) string { return fmt.Sprintf("exchangeBits%d", bits) }

// A place is where a row's object or field is in a word of 32 or 64 bits.
type place struct {
	bits  int                             // of the word
	setUp []jen.Code                      // finds the word
	word  jen.Code                        // the word's address
	mask  func() jen.Code                 // the object's bits in the word
	up    func(v string) *jen.Statement   // shifts a value to the object's place
	down  func(v jen.Code) *jen.Statement // takes the object out of a word
	one   func() *jen.Statement           // 1 in the object's place
}

func placeOf(r *spec.Row) place {
	switch {
	case r.Op.OnWord():
		mask := func() jen.Code { return maskOf(r, r.Field) }
		return place{
			bits: r.On.Bits, word: jen.Id("val"), mask: mask,
			up:   func(v string) *jen.Statement { return jen.Id(v).Op("&").Add(mask()) },
			down: func(v jen.Code) *jen.Statement { return jen.Add(v).Op("&").Add(mask()) },
			one:  func() *jen.Statement { return constOf(r, r.Field, "Val") },
		}
	case r.Width < 32:
		return place{
			bits: 32, setUp: []jen.Code{locate(r)}, word: jen.Id("word"),
			mask: func() jen.Code { return subwordMask(r) },
			up:   shifted,
			down: func(v jen.Code) *jen.Statement { return uintN(r).Call(jen.Add(v).Op(">>").Id("shift")) },
			one:  func() *jen.Statement { return jen.Uint32().Call(jen.Lit(1)).Op("<<").Id("shift") },
		}
	}
	return place{
		bits: r.Width, word: jen.Id("p"),
		mask: func() jen.Code { return jen.Op("^").Add(uintN(r)).Call(jen.Lit(0)) },
		up:   func(v string) *jen.Statement { return jen.Id(v) },
		down: func(v jen.Code) *jen.Statement { return jen.Add(v) },
		one:  func() *jen.Statement { return jen.Lit(1) },
	}
}

// operators has the verbs in Go.
var operators = map[string]string{"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^", "andnot": "&^"}

// twinUpdate does any read-modify-write in a loop around a compare-and-exchange.
func twinUpdate(r *spec.Row) ([]jen.Code, error) {
	u, at := spec.Updates[r.Op], placeOf(r)
	var v jen.Code = at.up("v")
	if u.Unary {
		v = at.one()
	}
	word := jen.Id(fmt.Sprintf("uint%d", at.bits))
	change := jen.Func().Params(jen.Id("old").Add(word)).Add(word).Block(jen.Return(jen.Id("old").Op(operators[u.Verb]).Parens(v)))
	call := jen.Id(updateHelper(at.bits)).Call(at.word, at.mask(), change)
	if u.Fetch {
		return append(at.setUp, jen.Return(at.down(call))), nil
	}
	return append(at.setUp, call), nil
}

func twinCmpxchgOld(r *spec.Row) ([]jen.Code, error) {
	at := placeOf(r)
	call := jen.Id(exchangeHelper(at.bits)).Call(at.word, at.mask(), at.up("old"), at.up("new"))
	return append(at.setUp, jen.Return(at.down(call))), nil
}

func twinCmpxchgFieldOld(r *spec.Row) ([]jen.Code, error) { return twinCmpxchgOld(r) }

// oracleUpdate computes on the whole object, and puts a field's part of that in place.
func oracleUpdate(_ *Config, r *spec.Row) []jen.Code {
	u, typ := spec.Updates[r.Op], object(r).GoString()
	p := func() *jen.Statement { return jen.Op("*").Id(r.Params()[0].Name) }
	v := jen.Lit(1)
	if !u.Unary {
		v = convert(typ, "v")
	}
	old := []jen.Code{jen.Id("before").Op(":=").Add(p())}
	result := jen.Return(jen.Nil())
	if !u.Field {
		if u.Fetch {
			result = jen.Return(jen.Id("before"))
		}
		return append(old, p().Op("=").Id("before").Op(operators[u.Verb]).Add(v), result)
	}
	mask := func() *jen.Statement { return maskOf(r, r.Field) }
	if u.Unary {
		v = constOf(r, r.Field, "Val")
	}
	if u.Fetch {
		result = jen.Return(jen.Id("before").Op("&").Add(mask()))
	}
	return append(old,
		jen.Id("after").Op(":=").Parens(jen.Id("before").Op("&").Add(mask())).Op(operators[u.Verb]).Parens(jen.Add(v).Op("&").Add(mask())),
		p().Op("=").Id("before").Op("&^").Add(mask()).Op("|").Id("after").Op("&").Add(mask()),
		result)
}

func oracleCmpxchgOld(_ *Config, r *spec.Row) []jen.Code {
	typ := object(r).GoString()
	return []jen.Code{
		jen.Id("found").Op(":=").Op("*").Id("p"),
		jen.If(jen.Id("found").Op("==").Add(convert(typ, "old"))).Block(jen.Op("*").Id("p").Op("=").Add(convert(typ, "new"))),
		jen.Return(jen.Id("found")),
	}
}

func oracleCmpxchgFieldOld(_ *Config, r *spec.Row) []jen.Code {
	return []jen.Code{
		jen.Id("found").Op(":=").Op("*").Id("val").Op("&").Add(maskOf(r, r.Field)),
		jen.If(jen.Id("found").Op("==").Add(convert(r.On.Type(), "old")).Op("&").Add(maskOf(r, r.Field))).Block(setField(r)),
		jen.Return(jen.Id("found")),
	}
}

// casOf returns a compare-and-exchange of the row's type that reports whether it did.
func casOf(r *spec.Row) *jen.Statement {
	if r.Op != spec.CmpxchgOld && r.Op != spec.CmpxchgFieldOld {
		return jen.Id(r.Name)
	}
	ps := r.Params()
	typ := object(r)
	found := jen.Id(r.Name).Call(jen.Id(ps[0].Name), jen.Id("old"), jen.Id("new"))
	is := found.Op("==").Id("old")
	if r.Op.OnField() {
		is = jen.Parens(jen.Id(r.Name).Call(jen.Id(ps[0].Name), jen.Id("old"), jen.Id("new")).Op("^").Id("old")).Op("&").Add(maskOf(r, r.Field)).Op("==").Lit(0)
	}
	return returning(jen.Bool(), is, jen.Id(ps[0].Name).Op("*").Add(typ), jen.List(jen.Id("old"), jen.Id("new")).Add(typ))
}

// tortureUpdate lets workers change many objects, one after the other. What they do
// commutes, so each object is in the end what plain arithmetic makes of all of it.
func tortureUpdate(_ *Config, f *jen.File, r *spec.Row) error {
	u, typ := spec.Updates[r.Op], object(r)
	p := r.Params()[0].Name
	args := []jen.Code{jen.Id(p)}
	if !u.Unary {
		args = append(args, jen.Id("v"))
	}
	op := jen.Func().Params(jen.Id(p).Op("*").Add(typ), jen.Id("v").Add(typ)).Block(jen.Id(r.Name).Call(args...))
	mask := jen.Op("^").Add(typ.Clone()).Call(jen.Lit(0))
	v := jen.Id("v")
	if u.Field {
		mask = maskOf(r, r.Field)
		if u.Unary {
			v = constOf(r, r.Field, "Val")
		}
	} else if u.Unary {
		v = jen.Lit(1)
	}
	sum := returning(typ.Clone(), jen.Id("all").Op(operators[u.Verb]).Add(v), jen.List(jen.Id("all"), jen.Id("v")).Add(typ))
	torture(f, r.Name, "no update is lost, and none changes another bit.", invariant("fold", mask, op, sum))
	return nil
}
