package main

import (
	"path/filepath"

	"github.com/rqlock/rqlock/gen/emit"
	"github.com/rqlock/rqlock/gen/engine"
	"github.com/rqlock/rqlock/gen/golang"
	"github.com/rqlock/rqlock/gen/spec"
)

// fused lists the fused fast paths of the packages with a lock, by directory. A fused
// fast path does what a primitive does, and jumps to Go code where that would not
// return success. It saves a call and a branch: a fifth of the time of Lock and Unlock
// without contention.
var fused = map[string][]emit.Fused{
	ownLock: owned(" (err error)"),
	ownSync: owned(""),
	ownBaseline: {
		{
			Name: "lockFused", Sig: "func(l *Mutex)", Fast: "LockFast", Op: spec.LockFast, On: []string{"l.word"}, Else: []string{"lockContended"},
			Doc: []string{"lockFused does what LockFast does. If that fails, lockContended does the rest."},
		},
	},
}

// owned lists the fast paths of a package with a Mutex and an RWMutex that know who holds them.
// result is what their acquisitions return.
func owned(result string) []emit.Fused {
	return []emit.Fused{
		{
			Name: "lockFused", Sig: "func(l *Mutex)" + result, Fast: "LockOwned", Op: spec.LockOwned, On: []string{"l.word"}, Else: []string{"lockContended"},
			Doc: []string{"lockFused does what LockOwned does. If that fails, lockContended does the rest."},
		},
		{
			Name: "unlockFused", Sig: "func(l *Mutex)", Fast: "UnlockOwned", Op: spec.UnlockOwned, On: []string{"l.word"}, Else: []string{"unlockWake", "unlockForeign"},
			Doc: []string{
				"unlockFused does what UnlockOwned does. If somebody may be asleep, unlockWake does the",
				"rest, and if the current goroutine is not the owner, unlockForeign.",
			},
		},
		{
			Name: "rlockFused", Sig: "func(l *RWMutex)" + result, Fast: "ReadLock", Op: spec.ReadLock,
			On: []string{"l.rw", "readerTable"}, Else: []string{"rlockContended", "rlockClaimed"},
			Doc: []string{
				"rlockFused does what ReadLock does. If the slot is taken, rlockContended does the rest,",
				"and if the slot is not enough, rlockClaimed.",
			},
		},
		{
			Name: "runlockFused", Sig: "func(l *RWMutex)", Fast: "ReadUnlock", Op: spec.ReadUnlock,
			On: []string{"l.rw", "readerTable"}, Else: []string{"runlockWake", "runlockOther"},
			Doc: []string{
				"runlockFused does what ReadUnlock does. If the owner may be asleep, runlockWake does the",
				"rest, and if the slot has something else, runlockOther.",
			},
		},
		{
			Name: "wlockFused", Sig: "func(l *RWMutex)" + result, Fast: "WriteLock", Op: spec.WriteLock,
			On: []string{"l.rw"}, Else: []string{"wlockContended", "wlockReaders"},
			Doc: []string{
				"wlockFused does what WriteLock does. If that fails, wlockContended does the rest, and if",
				"there may be readers, wlockReaders.",
			},
		},
		{
			Name: "wunlockFused", Sig: "func(l *RWMutex)", Fast: "WriteUnlock", Op: spec.WriteUnlock,
			On: []string{"l.rw"}, Else: []string{"wunlockWake", "wunlockForeign", "wunlockAdmit"},
			Doc: []string{
				"wunlockFused does what WriteUnlock does. If somebody may be asleep, wunlockWake does the",
				"rest, if the current goroutine is not the owner, wunlockForeign, and if readers wait,",
				"wunlockAdmit.",
			},
		},
	}
}

// renderLocks makes the generated files of the packages that build a lock.
func renderLocks(t engine.Table, files map[string][]byte) error {
	for dir, paths := range fused {
		if err := renderFused(t, files, dir, paths); err != nil {
			return err
		}
	}
	tests, err := golang.ScenarioFile(&golang.Config{Pkg: ownLock, Source: t.Source}, scenarios)
	add(files, ownLock, tests)
	return err
}

// renderFused makes the fast paths of the lock in dir.
func renderFused(t engine.Table, files map[string][]byte, dir string, paths []emit.Fused) error {
	for _, a := range t.Archs {
		src, err := a.AssembleFused(paths, &t.Words[0], t.Source)
		if err != nil {
			return err
		}
		files[filepath.Join(dir, "zfused_"+a.Name+".s")] = src
	}
	inGo, err := golang.FusedFiles(&golang.Config{Pkg: filepath.Base(dir), Source: t.Source, Archs: t.Archs}, paths)
	add(files, dir, inGo)
	return err
}
