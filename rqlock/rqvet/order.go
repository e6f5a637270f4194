package rqvet

import (
	"fmt"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// lockEdges is a package's part of the lock order, as a fact.
type lockEdges struct{ Edges []Edge }

// Edge says that a lock of class From was held while one of class To was waited
// for, at a place, perhaps under a lock that makes the order harmless.
type Edge struct {
	From, To, At string
	Under        []string
}

func (*lockEdges) AFact() {}

func (e *lockEdges) String() string { return fmt.Sprintf("lockEdges(%d)", len(e.Edges)) }

type edge struct {
	Edge
	pos token.Pos
}

// order notes that a class of lock is waited for, here or by a callee.
func (w *walk) order(s *state, o order, pos token.Pos) {
	if o.Class == "" {
		return
	}
	without := slices.Clone(o.Without)
	for _, p := range sortedKeys(s.locks) {
		if l := s.locks[p]; l.hold == released && l.theirs {
			without = append(without, l.class)
		}
	}
	when := append(slices.DeleteFunc(o.When, func(c condition) bool { return !about(c.Name) }), s.flags()...)
	if old, ok := w.takings[o.Class]; ok {
		without, when = common(without, old.Without), common(when, old.When)
	}
	w.takings[o.Class] = order{o.Class, without, when}

	paths := s.heldPaths()
	for _, p := range paths {
		l := s.locks[p]
		if l.class == "" || l.class == o.Class || slices.Contains(o.Without, l.class) {
			continue
		}
		e := edge{Edge: Edge{From: l.class, To: o.Class}, pos: pos}
		for _, q := range paths {
			if c := s.locks[q].class; q != p && strings.HasPrefix(q, "g:") {
				e.Under = append(e.Under, c)
			}
		}
		w.edges = append(w.edges, e)
	}
}

// common leaves in x what is in y, too.
func common[T comparable](x, y []T) []T {
	return slices.DeleteFunc(x, func(e T) bool { return !slices.Contains(y, e) })
}

// checkOrder adds this package's edges to those of its imports, one by one, and
// reports each that closes a cycle.
func (c *checker) checkOrder() {
	graph := map[string][]Edge{}
	for _, fact := range c.pass.AllPackageFacts() {
		if known, ok := fact.Fact.(*lockEdges); ok && fact.Package != c.pass.Pkg {
			for _, e := range known.Edges {
				graph[e.From] = append(graph[e.From], e)
			}
		}
	}
	slices.SortStableFunc(c.edges, func(x, y edge) int { return c.compare(x.pos, y.pos) })
	own := new(lockEdges)
	reported := map[string]bool{}
	have := map[string]bool{}
	for _, e := range c.edges {
		key := e.From + ">" + e.To
		if have[key+strings.Join(e.Under, ",")] {
			continue
		}
		have[key+strings.Join(e.Under, ",")] = true
		p := c.pass.Fset.Position(e.pos)
		e.At = fmt.Sprintf("%s:%d", filepath.Base(p.Filename), p.Line)
		if back := wayBack(graph, e.To, e.From, e.Under); back != nil {
			if reported[key] {
				continue
			}
			reported[key] = true
			c.report(finding{rule: LockOrder, pos: e.pos,
				message: fmt.Sprintf("%s is taken while %s is held, but %s (ABBA): take them in one order everywhere", short(e.To), short(e.From), story(back))})
			continue // one finding for one mistake: what others did first is the order
		}
		graph[e.From] = append(graph[e.From], e.Edge)
		own.Edges = append(own.Edges, e.Edge)
	}
	c.pass.ExportPackageFact(own)
}

// wayBack finds the shortest chain of edges between two classes that no common
// lock makes harmless.
func wayBack(graph map[string][]Edge, from, to string, under []string) []Edge {
	type step struct {
		class string
		path  []Edge
	}
	seen := map[string]bool{from: true}
	work := []step{{class: from}}
	for len(work) > 0 {
		s := work[0]
		work = work[1:]
		for _, e := range graph[s.class] {
			if slices.ContainsFunc(e.Under, func(c string) bool { return slices.Contains(under, c) }) {
				continue
			}
			path := append(slices.Clone(s.path), e)
			if e.To == to {
				return path
			}
			if !seen[e.To] {
				seen[e.To] = true
				work = append(work, step{e.To, path})
			}
		}
	}
	return nil
}

// story tells a chain of edges.
func story(chain []Edge) string {
	var parts []string
	for _, e := range chain {
		parts = append(parts, fmt.Sprintf("%s while %s at %s", short(e.To), short(e.From), e.At))
	}
	return strings.Join(parts, ", and ")
}

// short is a class without its import path.
func short(class string) string { return class[strings.LastIndexByte(class, '/')+1:] }
