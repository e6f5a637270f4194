package rqvet

import (
	"fmt"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// lockEdges is a package's part of the lock order, as a fact.
type lockEdges struct{ Edges []lockEdge }

// lockEdge says that, at a position, a lock of class From is held while one of class To
// is acquired.
type lockEdge struct {
	From, To, At string
	Under        []string // package variables' locks that are held, too
}

func (*lockEdges) AFact() {}

func (e *lockEdges) String() string { return fmt.Sprintf("lockEdges(%d)", len(e.Edges)) }

type edge struct {
	lockEdge
	pos token.Pos
}

// order records that a lock class is acquired, here or by a callee.
func (w *walk) order(s *state, o order, pos token.Pos) {
	if o.Class == "" {
		return
	}
	without := slices.Clone(o.Without)
	for _, p := range sortedKeys(s.locks) {
		if l := s.locks[p]; l.hold == released && l.callers {
			without = append(without, l.class)
		}
	}
	when := append(slices.DeleteFunc(o.When, func(c condition) bool { return !knownToCaller(c.Name) }), s.flags()...)
	if old, ok := w.orders[o.Class]; ok {
		without, when = common(without, old.Without), common(when, old.When)
	}
	w.orders[o.Class] = order{o.Class, without, when}

	paths := s.heldPaths()
	for _, p := range paths {
		l := s.locks[p]
		if l.class == "" || l.class == o.Class || slices.Contains(o.Without, l.class) {
			continue
		}
		e := edge{lockEdge: lockEdge{From: l.class, To: o.Class}, pos: pos}
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

// checkOrder adds the package's edges to those of its imports, one by one, and reports
// each that closes a cycle.
func (c *checker) checkOrder() {
	graph := map[string][]lockEdge{}
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
	added := map[string]bool{}
	for _, e := range c.edges {
		key := e.From + ">" + e.To
		if added[key+strings.Join(e.Under, ",")] {
			continue
		}
		added[key+strings.Join(e.Under, ",")] = true
		p := c.pass.Fset.Position(e.pos)
		e.At = fmt.Sprintf("%s:%d", filepath.Base(p.Filename), p.Line)
		if back := pathBack(graph, e.To, e.From, e.Under); back != nil {
			if reported[key] {
				continue
			}
			reported[key] = true
			c.report(finding{rule: LockOrder, pos: e.pos,
				message: fmt.Sprintf("%s is acquired while %s is held, but %s (ABBA): acquire them in one order everywhere", short(e.To), short(e.From), describe(back))})
			continue // one finding for one mistake: the edges that came first are the order
		}
		graph[e.From] = append(graph[e.From], e.lockEdge)
		own.Edges = append(own.Edges, e.lockEdge)
	}
	c.pass.ExportPackageFact(own)
}

// pathBack finds the shortest chain of edges between two classes, except edges under a
// lock that this order is under, too: only one goroutine at a time holds it.
func pathBack(graph map[string][]lockEdge, from, to string, under []string) []lockEdge {
	type step struct {
		class string
		path  []lockEdge
	}
	visited := map[string]bool{from: true}
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
			if !visited[e.To] {
				visited[e.To] = true
				work = append(work, step{e.To, path})
			}
		}
	}
	return nil
}

// describe is a chain of edges for a message.
func describe(chain []lockEdge) string {
	var parts []string
	for _, e := range chain {
		parts = append(parts, fmt.Sprintf("%s while %s at %s", short(e.To), short(e.From), e.At))
	}
	return strings.Join(parts, ", and ")
}

// short is a class without its import path.
func short(class string) string { return class[strings.LastIndexByte(class, '/')+1:] }
