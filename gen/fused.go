package main

import (
	"maps"
	"path/filepath"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/golang"
	"github.com/rqlock/rqlock/gen/spec"
)

// fused lists the fast paths of package rqlock. As functions of their own that
// jump to Go where they fail, they save a call and a look at the result: a fifth
// of an uncontended Lock and Unlock.
var fused = []emit.Fused{
	{
		Name: "lockFused", Sig: "func(l *Lock) (err error)", Fast: "LockFast", Op: spec.LockFast, Else: "lockContended",
		Doc: []string{"lockFused is LockFast; where that fails, lockContended goes on."},
	},
	{
		Name: "unlockFused", Sig: "func(l *Lock)", Fast: "UnlockFast", Op: spec.UnlockFast, Else: "unlockForeign",
		Doc: []string{"unlockFused is UnlockFast; where that fails, unlockForeign goes on."},
	},
}

// renderLock makes the generated files of package rqlock.
func (o *options) renderLock(t tree) error {
	config := &golang.Config{Pkg: ownLock}
	for _, a := range o.arches {
		src, err := a.AssembleFused(fused, o.layout)
		if err != nil {
			return err
		}
		t[filepath.Join(ownLock, "zfused_"+a.Backend.Arch+".s")] = src
		config.Archs = append(config.Archs, a.Arch)
	}
	files, err := golang.FusedFiles(config, fused)
	if err != nil {
		return err
	}
	tests, err := golang.ScenarioFile(config, scenarios)
	if err != nil {
		return err
	}
	maps.Copy(files, tests)
	for name, src := range files {
		t[filepath.Join(ownLock, name)] = src
	}
	return nil
}
