package engine

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

// An entry is a row as -list and the reference page have it.
type entry struct {
	*spec.Row
	Object string // a field, fields or a width
	Code   []code
}

// A code is a row's instruction sequence on one architecture.
type code struct {
	Arch     string
	Variant  string // the kind of machine ("" = all)
	Sequence string
	Inlined  bool // Sequence names a function of sync/atomic
}

// list prints the table.
func list(t Table, w io.Writer) error {
	rows, err := t.Derived()
	if err != nil {
		return err
	}
	listings := map[string]emit.Listing{}
	for _, a := range t.archs() {
		_, listing, err := a.Assemble(rows, t.Source)
		if err != nil {
			return err
		}
		listings[a.Name] = listing
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tORDERING\tOPERATION\tARCH\tINSTRUCTIONS")
	for _, e := range t.entries(rows, listings) {
		head := []string{e.Name, string(e.Order), strings.TrimSpace(string(e.Op) + " " + e.Object)}
		for _, c := range e.Code {
			arch := strings.TrimSpace(c.Arch + " " + c.Variant)
			fmt.Fprintf(tw, "%s\t%s\t%s\n", strings.Join(head, "\t"), arch, c.Sequence)
			head = []string{"", "", ""}
		}
	}
	return tw.Flush()
}

func (t Table) entries(rows []*spec.Row, listings map[string]emit.Listing) []entry {
	var es []entry
	for _, r := range rows {
		e := entry{Row: r, Object: object(r)}
		for _, a := range t.archs() {
			arch := a.Name
			if r.InlineOn(arch) {
				e.Code = append(e.Code, code{Arch: arch, Sequence: "inlined sync/atomic." + r.Atomic, Inlined: true})
				continue
			}
			e.Code = append(e.Code, bodies(a, listings[arch][r.Impl()])...)
		}
		es = append(es, e)
	}
	return es
}

// object returns the field, fields or width that a row works on.
func object(r *spec.Row) string {
	switch {
	case r.Field != "":
		return r.Field
	case len(r.Set) > 0:
		var fs []string
		for _, s := range r.Set {
			fs = append(fs, fmt.Sprintf("%s=%d", s.Field, s.Value))
		}
		return strings.Join(fs, ",")
	case r.Width != 0:
		return fmt.Sprint(r.Width)
	}
	return ""
}

// bodies returns a sequence for each kind of machine.
func bodies(a *Arch, opcodes []string) []code {
	if a.Bodies != nil {
		if each := a.Bodies(opcodes); each != nil {
			var all []code
			for _, b := range each {
				all = append(all, code{Arch: a.Name, Variant: b.Name, Sequence: strings.Join(b.Opcodes, " ")})
			}
			return all
		}
	}
	return []code{{Arch: a.Name, Sequence: strings.Join(instructions(opcodes), " ")}}
}

// instructions leaves out the preprocessor's directives, which a body may have for what only
// some machines need.
func instructions(opcodes []string) []string {
	return slices.DeleteFunc(slices.Clone(opcodes), func(op string) bool { return strings.HasPrefix(op, "#") })
}
