package golang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
)

const cpuPackage = "golang.org/x/sys/cpu"

// declarationFiles emits a file for each architecture with assembly. It declares
// the assembly, and has in Go what the architecture does by sync/atomic.
func declarationFiles(c *Config) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, a := range c.Archs {
		f := c.newFile(asmConstraint)
		f.ImportName(cpuPackage, "cpu")
		if err := c.declarations(f, a); err != nil {
			return nil, err
		}
		src, err := render(f)
		if err != nil {
			return nil, err
		}
		files["zprims_"+a.Name+".go"] = src
		for name, text := range a.Sources {
			if files[name], err = c.expand(name, text, asmConstraint); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

func (c *Config) declarations(f *jen.File, a *emit.Arch) error {
	spinChunk(f, a.SpinChunk)
	for _, v := range a.Flags {
		document(f, v.Doc...)
		value := jen.Op(v.Is)
		if v.Is == "" {
			value = jen.Qual(cpuPackage, v.CPU)
		}
		if v.OS != "" {
			value = jen.Qual("runtime", "GOOS").Op("==").Lit(v.OS).Op("&&").Add(value)
		}
		f.Var().Id(v.Name).Op("=").Add(value)
		f.Line()
	}
	f.Func().Id("variant").Params().String().Block(variantBody(a)...)
	for _, h := range a.AllHelpers() {
		document(f, h.Doc...)
		declare(f, h.Name, h.Sig)
	}
	for _, r := range c.Rows {
		if !r.InlineOn(a.Name) {
			explain(f, r.Impl()+" implements "+r.Name+".")
			declare(f, r.Impl(), r.Sig)
			continue
		}
		if !inlinable(r) {
			return fmt.Errorf("row %s: sync/atomic cannot stand in for operation %s on %s", r.Name, r.Op, a.Name)
		}
		explain(f, r.Impl()+" implements "+r.Name+": the compiler inlines sync/atomic.")
		f.Add(function(r.Impl(), r.Sig).Block(returned(forward(atomicFunc(r.Atomic), r), r)))
	}
	return nil
}

// spinChunk emits how many spins a conditional load makes without a stack check.
func spinChunk(f *jen.File, n int) {
	explain(f, "SpinChunk is the number of spins after which a conditional load lets the scheduler in. They take 20 us or less. A sleep in WFE ends with the first timer event after that.")
	f.Const().Id("SpinChunk").Op("=").Lit(n)
	f.Line()
}

// variantBody asks the helpers which of the variants runs.
func variantBody(a *emit.Arch) (body []jen.Code) {
	for _, v := range a.Variants {
		is := jen.Return(jen.Lit(v.Name))
		if v.Selector != "" {
			is = jen.If(jen.Id(v.Selector).Call()).Block(is)
		}
		body = append(body, is)
	}
	return body
}

// declare emits the declaration of an assembly function. None keeps a pointer that
// it is given.
func declare(f *jen.File, name, sig string) {
	if strings.Contains(sig, "*") {
		directive(f, "noescape")
	}
	f.Add(function(name, sig))
	f.Line()
}

// inlinable reports whether the row is one call of sync/atomic with the row's
// own parameters.
func inlinable(r *spec.Row) bool {
	return r.Atomic != "" && slices.Contains([]spec.Op{spec.Load, spec.Store, spec.Xchg, spec.Cmpxchg}, r.Op)
}
