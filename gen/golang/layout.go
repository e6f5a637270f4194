package golang

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"

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
	explain(f, "What UnlockOwned returns.")
	f.Const().Defs(
		jen.Id(unlockResults[0]).Uint32().Op("=").Id("iota").Comment("the lock is free"),
		jen.Id(unlockResults[1]).Comment("the lock is free, and somebody may be asleep"),
		jen.Id(unlockResults[2]).Comment("nothing has changed: the current goroutine does not hold the lock"),
	)
	return file("zlayout.go", f)
}

// unlockResults are the results of UnlockOwned, from 0.
var unlockResults = []string{"Released", "WakeDue", "NotOwner"}

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
