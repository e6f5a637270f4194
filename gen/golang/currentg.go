package golang

import (
	"bytes"
	"maps"
	"slices"
	"text/template"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/spec"
	"github.com/rqlock/rqlock/templates"
)

// A currentGStub is CurrentG on one GOARCH. The runtime keeps the current g in a
// register that the assemblers call g, or in thread-local storage (386).
type currentGStub struct {
	Word int // bytes of a uintptr
	Code []string
}

// currentGStubs has every GOARCH that has no folder.
var currentGStubs = map[string]currentGStub{
	"386":      {4, []string{"MOVL (TLS), AX", "MOVL AX, gp+0(FP)"}},
	"arm":      {4, []string{"MOVW g, gp+0(FP)"}},
	"loong64":  {8, []string{"MOVV g, gp+0(FP)"}},
	"mips":     {4, []string{"MOVW g, gp+0(FP)"}},
	"mipsle":   {4, []string{"MOVW g, gp+0(FP)"}},
	"mips64":   {8, []string{"MOVV g, gp+0(FP)"}},
	"mips64le": {8, []string{"MOVV g, gp+0(FP)"}},
	"ppc64":    {8, []string{"MOVD g, gp+0(FP)"}},
	"ppc64le":  {8, []string{"MOVD g, gp+0(FP)"}},
	"s390x":    {8, []string{"MOVD g, gp+0(FP)"}},
	"wasm":     {8, []string{"MOVD g, gp+0(FP)"}},
}

// currentGFiles emits CurrentG and CurrentGoid for the builds that have no emitters for
// them. Each other GOARCH has a stub for the first one, and the second one in Go. Builds
// without assembly read the id from a stack trace.
func currentGFiles(c *Config) (map[string][]byte, error) {
	row, id := c.identity(spec.CurrentG), c.identity(spec.CurrentGoid)
	if !c.has(row.Name) && !c.has(id.Name) {
		return nil, nil
	}
	files := map[string][]byte{}
	stub := func(goarch string, assemble func(r *spec.Row, source string) ([]byte, error)) error {
		if slices.ContainsFunc(c.Archs, func(a *emit.Arch) bool { return a.Name == goarch }) {
			return nil
		}
		src, err := assemble(row, c.Source)
		files["zcurrentg_"+goarch+".s"] = src
		return err
	}
	for _, a := range c.Known {
		if err := stub(a.Name, a.AssembleOnly); err != nil {
			return nil, err
		}
	}
	for goarch, code := range currentGStubs {
		if err := stub(goarch, code.assembly); err != nil {
			return nil, err
		}
	}
	for _, one := range []func(gp, id *spec.Row) (map[string][]byte, error){c.currentGDecl, c.currentGFromID} {
		src, err := one(row, id)
		if err != nil {
			return nil, err
		}
		maps.Copy(files, src)
	}
	return files, nil
}

var stubTemplate = template.Must(template.ParseFS(templates.FS, "currentg.s.tmpl"))

func (s currentGStub) assembly(r *spec.Row, source string) ([]byte, error) {
	var b bytes.Buffer
	err := stubTemplate.Execute(&b, struct {
		Header, Constraint, Name, Sig string
		Doc                           []string
		currentGStub
	}{emit.Header(source), asmConstraint, r.Impl(), r.Sig[len("func"):], r.Doc(), s})
	return b.Bytes(), err
}

// identity returns the row of CurrentG or CurrentGoid, also for a table that lacks it: the
// other one may need what is behind it.
func (c *Config) identity(op spec.Op) *spec.Row {
	if i := slices.IndexFunc(c.Rows, func(r *spec.Row) bool { return r.Op == op }); i >= 0 {
		return c.Rows[i]
	}
	rows, _ := spec.Derive([]*spec.Row{{Name: op.Get().Called, Op: op}})
	return rows[0]
}

// has reports whether the table has the row.
func (c *Config) has(name string) bool {
	return slices.ContainsFunc(c.Rows, func(r *spec.Row) bool { return r.Name == name })
}

func (c *Config) currentGDecl(gp, id *spec.Row) (map[string][]byte, error) {
	constraint := asmConstraint
	if len(c.Archs) > 0 {
		constraint += " && " + c.otherArchs()
	}
	f := c.newFile(constraint)
	explain(f, gp.Impl()+" implements "+gp.Name+".")
	f.Add(function(gp.Impl(), gp.Sig))
	explain(f, id.Impl()+" implements "+id.Name+": the runtime's g has the id.")
	pointer := func(to jen.Code) *jen.Statement { return jen.Parens(jen.Op("*").Add(to)) }
	unsafe := func() *jen.Statement { return jen.Qual("unsafe", "Pointer") }
	f.Add(function(id.Impl(), id.Sig).Block(
		jen.Id("gp").Op(":=").Id(gp.Impl()).Call(),
		jen.Return(jen.Op("*").Add(pointer(jen.Uint64())).Call(jen.Qual("unsafe", "Add").Call(
			jen.Op("*").Add(pointer(unsafe())).Call(unsafe().Call(address("gp"))), jen.Op(goidOffset),
		))),
	))
	return file("zcurrentg_stub.go", f)
}

func (c *Config) currentGFromID(gp, id *spec.Row) (map[string][]byte, error) {
	f := c.newFile(emit.Portable)
	for _, r := range []*spec.Row{gp, id} {
		explain(f, r.Impl()+" implements "+r.Name+" without assembly, and so without the runtime's g.")
		f.Add(function(r.Impl(), r.Sig).Block(jen.Return(jen.Id(r.Impl() + "Portable").Call())))
	}
	return file("zcurrentg_goid.go", f)
}
