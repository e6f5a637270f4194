package main

import (
	"path/filepath"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/golang"
	"github.com/rqlock/rqlock/gen/spec"
)

// fused lists the fast paths of the packages that build a lock on LockFast and
// UnlockFast, by directory. As functions of their own that jump to Go where they
// fail, they save a call and a look at the result: a fifth of an uncontended
// Lock and Unlock.
var fused = map[string][]emit.Fused{
	ownLock: {
		{
			Name: "lockFused", Sig: "func(l *Mutex) (err error)", Fast: "LockFast", Op: spec.LockFast, Else: "lockContended",
			Doc: []string{"lockFused is LockFast; where that fails, lockContended goes on."},
		},
		{
			Name: "unlockFused", Sig: "func(l *Mutex)", Fast: "UnlockFast", Op: spec.UnlockFast, Else: "unlockForeign",
			Doc: []string{"unlockFused is UnlockFast; where that fails, unlockForeign goes on."},
		},
	},
	ownBaseline: {
		{
			Name: "lockFused", Sig: "func(l *Mutex)", Fast: "LockFast", Op: spec.LockFast, Else: "lockContended",
			Doc: []string{"lockFused is LockFast; where that fails, lockContended goes on."},
		},
	},
}

// renderLocks makes the generated files of the packages that build a lock.
func (o *options) renderLocks(t tree) error {
	for dir, paths := range fused {
		if err := o.renderFused(t, dir, paths); err != nil {
			return err
		}
	}
	tests, err := golang.ScenarioFile(&golang.Config{Pkg: ownLock}, scenarios)
	t.add(ownLock, tests)
	return err
}

// renderFused makes the fast paths of the lock in dir.
func (o *options) renderFused(t tree, dir string, paths []emit.Fused) error {
	config := &golang.Config{Pkg: filepath.Base(dir)}
	for _, a := range o.arches {
		src, err := a.AssembleFused(paths, o.layout)
		if err != nil {
			return err
		}
		t[filepath.Join(dir, "zfused_"+a.Backend.Arch+".s")] = src
		config.Archs = append(config.Archs, a.Arch)
	}
	files, err := golang.FusedFiles(config, paths)
	t.add(dir, files)
	return err
}
