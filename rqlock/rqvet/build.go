package rqvet

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/buildssa"
)

// buildSSA builds the package in SSA form. It is not in Analyzer's Requires because
// most packages of a program have nothing to do with locks.
//
// The builder of golang.org/x/tools before v0.46.0 panics on generic methods, which Go
// has from 1.27 on. Then the functions that use one are left out, and nothing is
// reported of them.
func buildSSA(pass *analysis.Pass) (*buildssa.SSA, error) {
	src, err := tryBuildSSA(pass)
	if err == nil {
		return src, nil
	}
	if src, tooOld := tryBuildSSA(withoutGenericMethods(pass)); tooOld == nil {
		return src, nil
	}
	return nil, err
}

func tryBuildSSA(pass *analysis.Pass) (src *buildssa.SSA, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s cannot be analyzed, update golang.org/x/tools and build rqvet anew: %v", pass.Pkg.Path(), p)
		}
	}()
	built, err := buildssa.Analyzer.Run(pass)
	if err != nil {
		return nil, err
	}
	return built.(*buildssa.SSA), nil
}

// withoutGenericMethods is the package in which the functions that declare or use a
// generic method have no body, and variables are not initialized by one.
func withoutGenericMethods(pass *analysis.Pass) *analysis.Pass {
	uses := func(n ast.Node) (found bool) {
		ast.Inspect(n, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				fn, _ := pass.TypesInfo.ObjectOf(id).(*types.Func)
				found = found || fn != nil && fn.Signature().Recv() != nil && fn.Signature().TypeParams().Len() > 0
			}
			return !found
		})
		return found
	}
	without, info := *pass, *pass.TypesInfo
	without.TypesInfo, without.Files = &info, nil
	info.InitOrder = slices.DeleteFunc(slices.Clone(info.InitOrder), func(init *types.Initializer) bool { return uses(init.Rhs) })
	for _, f := range pass.Files {
		file := *f
		file.Decls = slices.Clone(f.Decls)
		for i, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && uses(fn) {
				bare := *fn
				bare.Body = nil
				file.Decls[i] = &bare
			}
		}
		without.Files = append(without.Files, &file)
	}
	return &without
}
