//go:build go1.27

package rqvet_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/rqlock/rqlock/rqlock/rqvet"
)

// TestGenericMethods analyzes packages that declare generic methods, which Go has from
// 1.27 on, and use them in each way. The analyzer may have nothing to report of these
// functions (see buildSSA), but it has to report what is wrong in the others.
func TestGenericMethods(t *testing.T) {
	t.Parallel()
	dir := module(t)
	write(t, filepath.Join(dir, "lib", "lib.go"), "//go:build go1.27\n\n"+genericLib)
	write(t, filepath.Join(dir, "user", "user.go"), "//go:build go1.27\n\n"+genericUser)
	analysistest.Run(expectations{t}, dir, rqvet.Analyzer, "./...")
}

const genericLib = `package lib

import "github.com/rqlock/rqlock/rqlock"

type Box struct {
	rqlock.Mutex
	N int
}

// With calls f with the lock held.
func (b *Box) With[T any](f func(n *int) T) (T, error) {
	var zero T
	if err := b.Lock(); err != nil {
		return zero, err
	}
	defer b.Unlock()
	return f(&b.N), nil
}

type List[E any] struct {
	mu    rqlock.Mutex
	elems []E
}

func (l *List[E]) Map[T any](f func(E) T) ([]T, error) {
	if err := l.mu.Lock(); err != nil {
		return nil, err
	}
	defer l.mu.Unlock()
	var all []T
	for _, e := range l.elems {
		all = append(all, f(e))
	}
	return all, nil
}

func plain(b *Box) {
	b.Lock() // want "ignorederr"
	b.Unlock()
}
`

const genericUser = `package user

import (
	"strconv"

	"rqvet.test/lib"
)

type local struct{ lib.Box }

func (l *local) set[T any](v T, to *T) error {
	if err := l.Lock(); err != nil {
		return err
	}
	*to = v
	l.Unlock()
	return nil
}

func inferred(b *lib.Box) (string, error) {
	return b.With(func(n *int) string { return strconv.Itoa(*n) })
}

func instantiated(b *lib.Box) (string, error) {
	return b.With[string](func(n *int) string { return strconv.Itoa(*n) })
}

func promoted(l *local) (int, error) {
	return l.With(func(n *int) int { return *n })
}

func value(l *local) func(int, *int) error { return l.set[int] }

func expression() func(*local, int, *int) error { return (*local).set[int] }

func ofGeneric(l *lib.List[int]) ([]string, error) { return l.Map(strconv.Itoa) }

func inGeneric[E any](l *lib.List[E], f func(E) string) ([]string, error) { return l.Map(f) }

var text, failed = new(lib.Box).With(func(n *int) string { return "" })

func deferred(l *local, to *int) {
	defer l.set(1, to)
	go l.set(2, to)
}

func plain(l *local, stop bool) error {
	if err := l.Lock(); err != nil {
		return err
	}
	if stop {
		return nil // want "leak"
	}
	l.Unlock()
	return nil
}
`
