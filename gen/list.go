package main

import (
	"fmt"
	"io"
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
	Variant  string // "", "LSE" or "LL/SC"
	Sequence string
	Inlined  bool // Sequence names a function of sync/atomic
}

// list prints the table.
func list(o *options, w io.Writer) error {
	if err := spec.Validate(prims, o.layout); err != nil {
		return err
	}
	listings := map[string]emit.Listing{}
	for _, a := range o.arches {
		_, listing, err := a.Assemble(prims, o.layout)
		if err != nil {
			return err
		}
		listings[a.Backend.Arch] = listing
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tORDERING\tOPERATION\tARCH\tINSTRUCTIONS")
	for _, e := range o.entries(prims, listings) {
		head := []string{e.Name, string(e.Order), strings.TrimSpace(string(e.Op) + " " + e.Object)}
		for _, c := range e.Code {
			arch := strings.TrimSpace(c.Arch + " " + c.Variant)
			fmt.Fprintf(tw, "%s\t%s\t%s\n", strings.Join(head, "\t"), arch, c.Sequence)
			head = []string{"", "", ""}
		}
	}
	return tw.Flush()
}

func (o *options) entries(rows []*spec.Row, listings map[string]emit.Listing) []entry {
	var es []entry
	for _, r := range rows {
		e := entry{Row: r, Object: object(r)}
		for _, a := range o.arches {
			arch := a.Backend.Arch
			if r.InlineOn(arch) {
				e.Code = append(e.Code, code{Arch: arch, Sequence: "inlined sync/atomic." + r.Atomic, Inlined: true})
				continue
			}
			e.Code = append(e.Code, variants(arch, listings[arch][r.Impl()])...)
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

// variants splits a sequence at its preprocessor directives, if an architecture has
// two bodies that they separate.
func variants(arch string, seq []string) []code {
	var parts [][]string
	part := []string{}
	for _, op := range seq {
		if strings.HasPrefix(op, "#") {
			parts = append(parts, part)
			part = nil
			continue
		}
		part = append(part, op)
	}
	parts = append(parts, part)
	if len(parts) < 4 {
		return []code{{Arch: arch, Sequence: strings.Join(seq, " ")}}
	}
	// common, dispatch, LSE body, LL/SC body
	common := parts[0]
	return []code{
		{Arch: arch, Variant: "LSE", Sequence: strings.Join(append(append([]string{}, common...), parts[2]...), " ")},
		{Arch: arch, Variant: "LL/SC", Sequence: strings.Join(append(append([]string{}, common...), parts[3]...), " ")},
	}
}

func names(arches []arch) []string {
	var ns []string
	for _, a := range arches {
		ns = append(ns, a.Backend.Arch)
	}
	return ns
}
