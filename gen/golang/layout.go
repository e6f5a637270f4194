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

// layoutFile emits the constants of the lock word's fields.
func layoutFile(c *Config) (map[string][]byte, error) {
	f := c.newFile("")
	document(f, slices.Concat(
		[]string{"The lock word has the layout " + c.Layout.Name + ":", ""},
		picture(c.Layout),
		[]string{""},
		spec.Wrap(c.Layout.Doc),
		[]string{""},
		spec.Wrap("Shift is a field's lowest bit and Bits its width. TailMax is the largest tail, before it is shifted to its position."),
	)...)
	f.Const().DefsFunc(func(g *jen.Group) {
		for _, field := range c.Layout.Fields() {
			name := field.Name
			g.Add(constOf(name, "Shift")).Op("=").Lit(field.Shift)
			g.Add(constOf(name, "Bits")).Op("=").Lit(field.Bits)
		}
		g.Add(constOf("tail", "Max")).Op("=").Add(ones("tail"))
	})
	explain(f, "Val is the value 1 of a field, shifted to its position, and Mask has all bits of the field.")
	f.Const().DefsFunc(func(g *jen.Group) {
		for _, field := range c.Layout.Fields() {
			name := field.Name
			g.Add(constOf(name, "Val")).Uint32().Op("=").Lit(1).Op("<<").Add(constOf(name, "Shift"))
			g.Add(constOf(name, "Mask")).Uint32().Op("=").Parens(ones(name)).Op("<<").Add(constOf(name, "Shift"))
		}
	})
	explain(f, "Word is a lock word with its owner, for LockFast and UnlockFast. They leave Aux to their caller.")
	f.Type().Id("Word").Struct(
		jen.Id("Val").Uint32().Comment("tail, pending, locked"),
		jen.Id("Aux").Uint32(),
		jen.Id("Owner").Uintptr().Comment("CurrentG of the owner, or 0"),
	)
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

// readerTypes emits the state of a reader-writer lock, and where its readers are.
func readerTypes(f *jen.File) {
	explain(f, "RWOwned is the state of a reader-writer lock that knows its readers, for ReadLock, ReadUnlock, WriteLock and WriteUnlock. They leave Tail and Admitted to their caller.")
	f.Type().Id("RWOwned").Struct(
		jen.Id("Owned").Comment("whose owner writes, or waits until the readers have left"),
		jen.Id("Readers").Uint32().Comment("RowsMask, and the number of readers that are counted"),
		jen.Id("First").Uint32().Comment("the first of the readers that wait, or 0"),
		jen.Id("Drainer").Uint32().Comment("the owner, if it sleeps until its readers have left, or 0"),
		jen.Id("Admitted").Uint32(),
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
	explain(f, "What UnlockOwned, ReadUnlock and WriteUnlock return. AdmitDue is WriteUnlock's alone.")
	f.Const().Defs(
		jen.Id("Released").Uint32().Op("=").Id("iota").Comment("the lock is free, or free of this reader"),
		jen.Id("WakeDue").Comment("the same, and somebody may be asleep"),
		jen.Id("NotOwner").Comment("nothing has changed: the current goroutine does not hold the lock there"),
		jen.Id("AdmitDue").Comment("nothing has changed: readers wait to be let in"),
	)
	explain(f, "What ReadLock returns.")
	f.Const().Defs(
		jen.Id("ReadGranted").Uint32().Op("=").Id("iota").Comment("the current goroutine holds the lock for reading"),
		jen.Id("ReadRefused").Comment("nothing has changed: the slot is taken"),
		jen.Id("ReadClaimed").Comment("the slot is taken for the current goroutine, which does not hold the lock yet"),
	)
	explain(f, "What WriteLock returns.")
	f.Const().Defs(
		jen.Id("WriteGranted").Uint32().Op("=").Id("iota").Comment("the current goroutine holds the lock for writing"),
		jen.Id("WriteRefused").Comment("nothing has changed: the lock has an owner, or is closed"),
		jen.Id("ReadersDue").Comment("the current goroutine is the owner, and readers may hold the lock"),
	)
}

// results has the constants that an operation returns, from 0.
var results = map[spec.Op][]string{
	spec.UnlockOwned: {"Released", "WakeDue", "NotOwner"},
	spec.ReadLock:    {"ReadGranted", "ReadRefused", "ReadClaimed"},
	spec.ReadUnlock:  {"Released", "WakeDue", "NotOwner"},
	spec.WriteLock:   {"WriteGranted", "WriteRefused", "ReadersDue"},
	spec.WriteUnlock: {"Released", "WakeDue", "NotOwner", "AdmitDue"},
}

// ones has all bits of the field set, before they are shifted to its position.
func ones(field string) *jen.Statement {
	return jen.Lit(1).Op("<<").Add(constOf(field, "Bits")).Op("-").Lit(1)
}

// picture draws the word, highest bit first, as a code block of a comment:
//
//	 31            16 15      8 7        0
//	+----------------+---------+----------+
//	|      tail      | pending |  locked  |
//	+----------------+---------+----------+
func picture(l *spec.Layout) []string {
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
func cells(l *spec.Layout) []spec.Field {
	var all []spec.Field
	end := 0
	for _, f := range append(l.Fields(), spec.Field{Shift: 32}) {
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
