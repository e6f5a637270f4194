package golang

import (
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/spec"
)

// sources lists the files that users compile.
var sources = []emitter{
	apiFile,
	declarationFiles,
	portableBuildFile,
	twinFile,
	layoutFile,
	raceFiles,
	currentGFiles,
	goidFile,
}

// file renders f as the only file of an emitter.
func file(name string, f *jen.File) (map[string][]byte, error) {
	src, err := render(f)
	return map[string][]byte{name: src}, err
}

// document writes lines as a doc comment in gofmt's form.
func document(f *jen.File, lines ...string) {
	for _, line := range lines {
		if line != "" && !strings.HasPrefix(line, "\t") {
			line = " " + line
		}
		f.Comment("//" + line)
	}
}

// explain writes text as a doc comment of one paragraph.
func explain(f *jen.File, text string) { document(f, spec.Wrap(text)...) }

// directive ends a doc comment with a compiler directive.
func directive(f *jen.File, name string) {
	f.Comment("//")
	f.Comment("//go:" + name)
}

// function begins a function of the given signature.
func function(name, sig string) *jen.Statement {
	r := spec.Row{Sig: sig}
	s := jen.Func().Id(name).Params(variables(r.Params())...)
	if results := r.Results(); len(results) > 0 {
		s.Params(variables(results)...)
	}
	return s
}

// variables declares parameters or results. Neighbours of one type name it once.
func variables(ps []spec.Param) []jen.Code {
	var vars []jen.Code
	for i, p := range ps {
		v := jen.Id(p.Name)
		if i+1 == len(ps) || ps[i+1].Type != p.Type {
			v.Add(typ(p.Type))
		}
		vars = append(vars, v)
	}
	return vars
}

func typ(name string) *jen.Statement {
	if elem, ok := strings.CutPrefix(name, "*"); ok {
		return jen.Op("*").Id(elem)
	}
	return jen.Id(name)
}

// forward calls a function with the row's own parameters.
func forward(callee *jen.Statement, r *spec.Row) *jen.Statement {
	var args []jen.Code
	for _, p := range r.Params() {
		args = append(args, jen.Id(p.Name))
	}
	return callee.Call(args...)
}

// returned makes call the last statement of a function with the row's signature.
func returned(call *jen.Statement, r *spec.Row) *jen.Statement {
	if len(r.Results()) == 0 {
		return call
	}
	return jen.Return(call)
}

func atomicFunc(name string) *jen.Statement { return jen.Qual("sync/atomic", name) }

// pointer converts the parameter to an unsafe.Pointer.
func pointer(name string) *jen.Statement { return jen.Qual("unsafe", "Pointer").Call(jen.Id(name)) }
