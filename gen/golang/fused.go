package golang

import (
	"maps"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rqlock/rqlock/gen/emit"
)

const asmPackage = "github.com/rqlock/rqlock/asm"

// fusedConstraint selects builds with fused fast paths: the race detector needs
// to see both sides of a lock.
const fusedConstraint = asmConstraint + " && !race"

// FusedFiles renders what goes with the fused fast paths of a lock: their
// declarations, and the same in Go for the other builds.
func FusedFiles(c *Config, fused []emit.Fused) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, a := range c.Archs {
		f := c.newFile(fusedConstraint)
		if a.Selector != "" {
			f.ImportName(asmPackage, "asm")
			explain(f, "hasLSE: see asm.Variant.")
			f.Var().Id("hasLSE").Op("=").Qual(asmPackage, "Variant").Call().Op("==").Lit(a.Variants[0])
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
	f := c.newFile("!(" + strings.ReplaceAll(fusedConstraint, "!race", "!race && ("+c.archTerms()+")") + ")")
	f.ImportName(asmPackage, "asm")
	for _, u := range fused {
		document(f, u.Doc...)
		fast := jen.Qual(asmPackage, u.Fast).Call(jen.Op("&").Id("l").Dot("word"))
		slow := jen.Id(u.Else).Call(jen.Id("l"))
		body := []jen.Code{jen.If(fast).Block(jen.Return(jen.Nil())), jen.Return(slow)}
		if !strings.Contains(u.Sig, "error") {
			body = []jen.Code{jen.If(jen.Op("!").Add(fast)).Block(slow)}
		}
		f.Add(function(u.Name, u.Sig).Block(body...))
		f.Line()
	}
	files, err := file("zfused_go.go", f)
	maps.Copy(all, files)
	return all, err
}
