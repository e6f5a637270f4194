package golang

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// layoutFile emits the words: types, and constants of the fields.
func layoutFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	for _, w := range c.Words {
		fieldConstants(f, w)
		wordType(f, w)
	}
	explain(f, "noCopy makes go vet report copies of what has it.")
	f.Type().Id("noCopy").Struct()
	f.Line()
	f.Func().Params(jen.Op("*").Id("noCopy")).Id("Lock").Params().Block()
	f.Func().Params(jen.Op("*").Id("noCopy")).Id("Unlock").Params().Block()
	f.Line()
	explain(f, "Owned is the state of a lock whose owner word is the lock, for LockOwned and UnlockOwned. They leave Tail to their caller.")
	f.Type().Id("Owned").Struct(
		jen.Id("Owner").Qual("sync/atomic", "Uint64").Comment("id of the goroutine that holds the lock, or 0"),
		jen.Id("Tail").Uint32().Comment("the last waiter of the queue, or 0"),
		jen.Id("Sleeper").Uint32().Comment("ClosedMask, and the waiter that the owner wakes when it unlocks, or 0"),
	)
	explain(f, "ClosedMask in the field Sleeper says that newcomers may not acquire the lock.")
	f.Const().Id("ClosedMask").Uint32().Op("=").Lit(1).Op("<<").Lit(31)
	readerTypes(f)
	resultConstants(f)
	return file("zlayout.go", f)
}

// fieldConstants emits where the fields of a word are.
func fieldConstants(f *jen.File, w *spec.Word) {
	if len(w.Fields) == 0 {
		return
	}
	is := w.Name + " is divided into fields:"
	if w.Layout != "" {
		is = "The lock word has the layout " + w.Layout + ":"
	}
	document(f, slices.Concat(
		[]string{is, ""}, picture(w), []string{""}, wrapDoc(w.Doc),
		spec.Wrap("Shift is a field's lowest bit and Bits its width. Max is its largest value, before it is shifted to its position."),
	)...)
	id := func(field spec.Field, part string) *jen.Statement { return jen.Id(w.Const(field.Name, part)) }
	ones := func(field spec.Field) *jen.Statement {
		return jen.Lit(1).Op("<<").Add(id(field, "Bits")).Op("-").Lit(1)
	}
	f.Const().DefsFunc(func(g *jen.Group) {
		for _, field := range w.Fields {
			g.Add(id(field, "Shift")).Op("=").Lit(field.Shift)
			g.Add(id(field, "Bits")).Op("=").Lit(field.Bits)
			g.Add(id(field, "Max")).Op("=").Add(ones(field))
		}
	})
	explain(f, "Val is the value 1 of a field, shifted to its position, and Mask has all bits of the field.")
	f.Const().DefsFunc(func(g *jen.Group) {
		for _, field := range w.Fields {
			g.Add(id(field, "Val")).Id(w.Type()).Op("=").Lit(1).Op("<<").Add(id(field, "Shift"))
			g.Add(id(field, "Mask")).Id(w.Type()).Op("=").Parens(ones(field)).Op("<<").Add(id(field, "Shift"))
		}
	})
}

// wrapDoc is a paragraph of its own, or nothing.
func wrapDoc(doc string) []string {
	if doc == "" {
		return nil
	}
	return append(spec.Wrap(doc), "")
}

// wordType emits the word as a type that must not be copied. An uint64 for atomic accesses
// is aligned to 64 bits on all machines.
func wordType(f *jen.File, w *spec.Word) {
	is := w.Name + " has a word of its kind. The functions take the address of Val."
	if w.Owner {
		is = w.Name + " is a lock word with its owner, for LockFast and UnlockFast. They leave Aux to their caller."
	}
	val := jen.Id("Val").Id(w.Type())
	if fields := spec.Triple(w); fields != "" {
		val.Comment(strings.ReplaceAll(fields, ",", ", "))
	}
	members := []jen.Code{jen.Id("_").Id("noCopy")}
	if w.Bits == 64 {
		members = append(members, jen.Id("_").Index(jen.Lit(0)).Qual("sync/atomic", "Uint64").Comment("aligns Val"))
	}
	members = append(members, val)
	if w.Owner {
		if w.Bits == 32 {
			members = append(members, jen.Id("Aux").Uint32())
		}
		members = append(members, jen.Id("Owner").Uintptr().Comment("CurrentG of the owner, or 0"))
	}
	lines := spec.Wrap(is)
	if len(w.Fields) == 0 && w.Doc != "" { // otherwise the constants have it
		lines = slices.Concat(lines, []string{""}, spec.Wrap(w.Doc))
	}
	document(f, lines...)
	f.Type().Id(w.Name).Struct(members...)
}

// readerTypes emits the state of a reader-writer lock, and where its readers are.
func readerTypes(f *jen.File) {
	explain(f, "RWOwned is the state of a reader-writer lock that knows its readers, for ReadLock, ReadUnlock, WriteLock and WriteUnlock. They leave Tail and Balance to their caller.")
	f.Type().Id("RWOwned").Struct(
		jen.Id("Owned").Comment("whose owner writes, or waits until the readers have left"),
		jen.Id("Readers").Uint32().Comment("RowsMask, and the number of readers that are counted"),
		jen.Id("First").Uint32().Comment("the first of the readers that wait, or 0"),
		jen.Id("Drainer").Uint32().Comment("the owner, if it sleeps until its readers have left, or 0"),
		jen.Id("Balance").Uint32().Comment("read locks begun without a slot, less those ended without one, as an int32"),
	)
	explain(f, "RowsMask in the field Readers says that readers need not be counted, as they are found in rows.")
	f.Const().Id("RowsMask").Uint32().Op("=").Lit(1).Op("<<").Lit(31)
	explain(f, "A ReaderRow is a cache line with slots for the read locks of a few goroutines. ReadLock and ReadUnlock use the first slot, and leave the others, More and State to their caller.")
	f.Type().Id("ReaderRow").Struct(
		jen.Id("Lock").Index(jen.Lit(3)).Uint64().Comment("address of a lock, or 0 if the slot is free"),
		jen.Id("ID").Index(jen.Lit(3)).Uint64().Comment("id of the goroutine that reads, or 0 if the claim is not complete"),
		jen.Id("More").Index(jen.Lit(3)).Uint32().Comment("the caller's"),
		jen.Id("State").Uint32().Comment("the caller's"),
	)
	explain(f, "A ReaderTable has the rows of all goroutines. A goroutine's row is found by its CurrentG.")
	f.Type().Id("ReaderTable").Struct(
		jen.Id("Rows").Op("*").Id("ReaderRow").Comment("the first of a power of two of rows, aligned to 64 bytes"),
		jen.Id("Mask").Uint64().Comment("64 * (number of rows - 1)"),
	)
	explain(f, "Row returns the row of the goroutine whose CurrentG is g.")
	f.Func().Params(jen.Id("t").Op("*").Id("ReaderTable")).Id("Row").Params(jen.Id("g").Uintptr()).Op("*").Id("ReaderRow").Block(
		jen.Id("offset").Op(":=").Parens(jen.Uint64().Call(jen.Id("g")).Op("^").Uint64().Call(jen.Id("g")).Op(">>").Lit(emit.RowShift)).Op("&").Id("t").Dot("Mask"),
		jen.Return(jen.Parens(jen.Op("*").Id("ReaderRow")).Call(jen.Qual("unsafe", "Add").Call(pointer("t.Rows"), jen.Id("offset")))),
	)
}

// resultConstants emits the results of the operations that have more than two.
func resultConstants(f *jen.File) {
	for _, set := range spec.Results {
		explain(f, set.Doc)
		var defs []jen.Code
		for n, r := range set.Results {
			def := jen.Id(r.Name)
			if n == 0 {
				def.Uint32().Op("=").Id("iota")
			}
			defs = append(defs, def.Comment(r.Says))
		}
		f.Const().Defs(defs...)
	}
}

// picture draws the word, highest bit first, as a code block of a comment:
//
//	 31            16 15      8 7        0
//	+----------------+---------+----------+
//	|      tail      | pending |  locked  |
//	+----------------+---------+----------+
func picture(l *spec.Word) []string {
	bits, rule, names := "\t", "\t+", "\t|"
	for _, f := range cells(l) {
		high, low := strconv.Itoa(f.Shift+f.Bits-1), strconv.Itoa(f.Shift)
		if f.Bits == 1 {
			high = ""
		}
		width := max(f.Bits, len(f.Name)+2, len(high)+len(low)+1)
		bits += " " + high + fmt.Sprintf("%*s", width-len(high), low)
		rule += strings.Repeat("-", width) + "+"
		names += center(f.Name, width) + "|"
	}
	return []string{bits, rule, names, rule}
}

// cells lists the fields and the gaps between them from the highest bit down.
func cells(l *spec.Word) []spec.Field {
	var all []spec.Field
	end := 0
	for _, f := range append(spec.Ascending(l), spec.Field{Shift: l.Bits}) {
		if f.Shift > end {
			all = append(all, spec.Field{Name: "unused", Shift: end, Bits: f.Shift - end})
		}
		if f.Bits > 0 {
			all = append(all, f)
		}
		end = f.Shift + f.Bits
	}
	slices.Reverse(all)
	return all
}

func center(s string, width int) string {
	left := (width - len(s)) / 2
	return fmt.Sprintf("%*s%*s", left+len(s), s, width-left-len(s), "")
}
