package golang

import (
	"maps"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/emit"
)

const asmPackage = "github.com/rqlock/rqlock/asm"

// fusedConstraint selects the builds with fused fast paths. Those with the race
// detector have none, because it must be told of both sides of a lock.
const fusedConstraint = asmConstraint + " && !race"

// FusedFiles renders the declarations of a lock's fused fast paths, and the same
// functions in Go for the builds that have no fused ones.
func FusedFiles(c *Config, fused []emit.Fused) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, a := range c.Archs {
		f := c.newFile(fusedConstraint)
		for _, flag := range a.Flags {
			if flag.Selects == nil {
				continue
			}
			f.ImportName(asmPackage, "asm")
			explain(f, flag.Name+" says that the machine has what the first of the bodies needs, as asm.Variant found.")
			is := func(variant string) *jen.Statement {
				return jen.Qual(asmPackage, "Variant").Call().Op("==").Lit(variant)
			}
			any := is(flag.Selects[0])
			for _, variant := range flag.Selects[1:] {
				any.Op("||").Add(is(variant))
			}
			f.Var().Id(flag.Name).Op("=").Add(any)
			f.Line()
		}
		for _, u := range fused {
			document(f, u.Doc...)
			f.Add(function(u.Name, u.Sig))
			f.Line()
		}
		files, err := file("zfused_"+a.Name+".go", f)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, files)
	}
	constraint := "!(" + strings.ReplaceAll(fusedConstraint, "!race", "!race && ("+c.archTerms()+")") + ")"
	inGoFiles := map[string]*jen.File{} // one for each kind of lock, as the model copies them apart
	for _, u := range fused {
		name := "zfused_go.go"
		if lock := strings.TrimPrefix(u.On[0], "l."); lock != "word" {
			name = "z" + lock + "fused_go.go"
		}
		f := inGoFiles[name]
		if f == nil {
			f = c.newFile(constraint)
			f.ImportName(asmPackage, "asm")
			inGoFiles[name] = f
		}
		document(f, u.Doc...)
		f.Add(function(u.Name, u.Sig).Block(inGo(u)...))
		f.Line()
	}
	for name, f := range inGoFiles {
		files, err := file(name, f)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, files)
	}
	return all, nil
}

// inGo does what a fused fast path does, by the public function.
func inGo(u emit.Fused) []jen.Code {
	var on []jen.Code
	for _, variable := range u.On {
		on = append(on, address(variable))
	}
	fast := jen.Qual(asmPackage, u.Fast).Call(on...)
	slow := func(n int) *jen.Statement { return jen.Id(u.Else[n]).Call(jen.Id("l")) }
	fails := strings.Contains(u.Sig, "error")
	results := u.Op.Get().Returns
	switch {
	case results != nil:
		var cases []jen.Code
		for n, result := range results[1:] {
			call := slow(n)
			if fails {
				call = jen.Return(call)
			}
			cases = append(cases, jen.Case(jen.Qual(asmPackage, result.Name)).Block(call))
		}
		body := []jen.Code{jen.Switch(fast).Block(cases...)}
		if fails {
			body = append(body, jen.Return(jen.Nil()))
		}
		return body
	case fails:
		return []jen.Code{jen.If(fast).Block(jen.Return(jen.Nil())), jen.Return(slow(0))}
	}
	return []jen.Code{jen.If(jen.Op("!").Add(fast)).Block(slow(0))}
}
