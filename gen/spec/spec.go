// Package spec defines what a row of a table of primitives may say, and the rules that
// every row and every word must keep.
package spec

import (
	"fmt"
	"go/ast"
	"go/parser"
	"slices"
	"strings"
)

// Order is a memory ordering. The zero value is an error: every row spells its
// ordering, and a row that touches no shared memory says NoAccess.
type Order string

const (
	NoAccess Order = "none"
	Relaxed  Order = "relaxed"
	Acquire  Order = "acquire"
	Release  Order = "release"
	AcqRel   Order = "acq_rel"
	// SeqCst is AcqRel, and all such accesses of a program have one order that all its
	// goroutines see.
	SeqCst Order = "seq_cst"
)

// Acquires reports whether o orders later accesses after this one.
func (o Order) Acquires() bool { return o == Acquire || o == AcqRel || o == SeqCst }

// Releases reports whether o orders earlier accesses before this one.
func (o Order) Releases() bool { return o == Release || o == AcqRel || o == SeqCst }

// Value gives a field of a word a value, in units of the field.
type Value struct {
	Field string
	Value uint64
}

// Row is one primitive. Nothing about a primitive is written anywhere else.
type Row struct {
	Name  string // public name: operation + field + ordering
	Op    Op
	Width int     // bits of *p, for operations on a whole object
	Word  string  // the word that has the field or fields ("" = the only one)
	Field string  // the field, for operations on one
	Set   []Value // what the fields become (StoreFields)
	From  []Value // what they are before, if the caller guarantees it (StoreFields)
	Order Order

	// The documentation, the same on every architecture.
	Does  string // what it does; a sentence that starts with the name ("" = the operation's)
	Trans string // effect on the lock word, "tail,pending,locked -> ..." ("" = none)
	Why   string // why this ordering suffices
	Pairs string // what it pairs with
	// For says who needs the row and for what ("" = the library itself): a
	// primitive that rqlock does not use is for the authors of other locks.
	For string

	// What follows is derived, and a table leaves it empty: see Derive.

	On  *Word  // the word called Word
	Sig string // Go signature; the emitters rely on the names of its parameters
	// Atomic is the nearest function of sync/atomic ("" = none): the peer in
	// the benchmarks, and the implementation on the architectures in Inline.
	Atomic string
	// Inline lists the architectures whose compiler inlines Atomic at a cost no
	// higher than an assembly call, with at least this row's ordering.
	Inline []string
}

// InlineOn reports whether arch implements the row with sync/atomic.
func (r *Row) InlineOn(arch string) bool { return slices.Contains(r.Inline, arch) }

// Doc returns the row's comment as lines without comment markers.
func (r *Row) Doc() []string {
	lines := Wrap(r.Does)
	if r.Trans != "" {
		trans := "\t" + r.Trans
		if r.On != nil {
			trans += "   (" + Triple(r.On) + ")"
		}
		lines = append(lines, "", trans)
	}
	if r.Why != "" {
		lines = append(lines, "")
		lines = append(lines, Wrap("Ordering: "+string(r.Order)+". "+r.Why)...)
	}
	if r.Pairs != "" {
		lines = append(lines, Wrap("Pairs with: "+r.Pairs)...)
	}
	if r.For != "" {
		lines = append(lines, "")
		lines = append(lines, Wrap("Needed by "+r.For)...)
	}
	return lines
}

// Params returns the parameters of the signature, in order.
func (r *Row) Params() []Param { return params(r.Sig, true) }

// Results returns the results of the signature, in order.
func (r *Row) Results() []Param { return params(r.Sig, false) }

// Param is one parameter or result of a primitive.
type Param struct{ Name, Type string }

func params(sig string, in bool) []Param {
	e, err := parser.ParseExpr(sig)
	if err != nil {
		return nil
	}
	ft, ok := e.(*ast.FuncType)
	if !ok {
		return nil
	}
	list := ft.Results
	if in {
		list = ft.Params
	}
	if list == nil {
		return nil
	}
	var ps []Param
	for _, f := range list.List {
		typ := typeString(f.Type)
		for _, n := range f.Names {
			ps = append(ps, Param{n.Name, typ})
		}
		if len(f.Names) == 0 {
			ps = append(ps, Param{"", typ})
		}
	}
	return ps
}

func typeString(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + typeString(e.X)
	}
	return fmt.Sprintf("%T", e)
}

// Wrap breaks text into comment lines of at most 96 columns; a newline in the
// text starts a paragraph.
func Wrap(text string) []string { return WrapAt(text, 96) }

// WrapAt is Wrap with so many columns.
func WrapAt(text string, columns int) []string {
	var lines []string
	for _, para := range strings.Split(text, "\n") {
		line := ""
		for _, w := range strings.Fields(para) {
			if line != "" && len(line)+1+len(w) > columns {
				lines = append(lines, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += w
		}
		lines = append(lines, line)
	}
	return lines
}
