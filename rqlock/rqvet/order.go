package rqvet

import (
	"fmt"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
)

// lockEdges is a package's part of the lock order, as a fact.
type lockEdges struct{ Edges []lockEdge }

// lockEdge says that, at a position, a lock of class From is held while one of class To
// is acquired, for writing or for reading.
type lockEdge struct {
	From, To         class
	FromRead, ToRead bool
	At               string
	Under            []class // package variables' locks that are held, too
}

func (*lockEdges) AFact() {}

func (e *lockEdges) String() string { return fmt.Sprintf("lockEdges(%d)", len(e.Edges)) }

type edge struct {
	lockEdge
	pos token.Pos
}

// order records that a lock class is acquired, here or by a callee.
func (w *walk) order(s *state, o order, pos token.Pos) {
	if o.Class.known() {
		w.noteOrder(s, o)
	}
	all := s.heldPaths()
	for _, p := range all {
		l := s.locks[p]
		if l.record || slices.Contains(o.Without, l.class) {
			continue
		}
		var under []class
		for _, q := range all {
			if q != p && q.Kind == rootGlobal {
				under = append(under, s.locks[q].class)
			}
		}
		w.pair(lockRef{l.class, p, l.reading()}, lockRef{o.Class, o.Path, o.Read}, under, pos)
	}
}

// noteOrder records for callers that a lock class is acquired.
func (w *walk) noteOrder(s *state, o order) {
	old, known := w.orders[o.Class]
	if known && len(old.When) == 0 && len(old.Without) == 0 && !old.Read { // there is no more to say
		return
	}
	without := slices.Clone(o.Without)
	for _, p := range sortedPaths(s.locks) {
		if l := s.locks[p]; l.hold == released && l.callers {
			without = append(without, l.class)
		}
	}
	when := append(slices.DeleteFunc(slices.Clone(o.When), func(c condition) bool { return !c.Name.portable() }), s.flags()...)
	if known {
		without, when = common(without, old.Without), common(when, old.When)
		o.Read = o.Read && old.Read
	}
	w.orders[o.Class] = order{Class: o.Class, Read: o.Read, Without: without, When: when}
}

// pair records that one lock is acquired while another is held. If the class of one is not
// known, it is a parameter's, of which only callers know more.
func (w *walk) pair(from, to lockRef, under []class, pos token.Pos) {
	switch {
	case from.Class.known() && to.Class.known():
		if from.Class != to.Class {
			w.edge(edge{lockEdge{From: from.Class, To: to.Class, FromRead: from.Read, ToRead: to.Read, Under: under}, pos})
		}
	case from.forCaller() && to.forCaller() && from.Path != to.Path:
		if p := (pair{from, to}); !slices.Contains(w.pairs, p) {
			w.pairs = append(w.pairs, p)
		}
	}
}

// edgeKey is equal for edges that are the same.
type edgeKey struct {
	from, to         class
	fromRead, toRead bool
	under            string
	pos              token.Pos
}

func (e lockEdge) key(pos token.Pos) edgeKey {
	return edgeKey{e.From, e.To, e.FromRead, e.ToRead, fmt.Sprint(e.Under), pos}
}

// edge adds an edge of the lock order, unless another path has led to it.
func (w *walk) edge(e edge) {
	key := e.key(e.pos)
	if !w.hasEdge[key] {
		w.hasEdge[key] = true
		w.edges = append(w.edges, e)
	}
}

// forCaller reports whether callers may know a lock's class.
func (r *lockRef) forCaller() bool {
	if r.Class.known() {
		r.Path = nil
		return true
	}
	return r.Path != nil && r.Path.Kind == rootParameter
}

// common leaves in x what is in y, too.
func common[T comparable](x, y []T) []T {
	return slices.DeleteFunc(x, func(e T) bool { return !slices.Contains(y, e) })
}

// checkOrder adds the package's edges to those of its imports, one by one, and reports
// each that closes a cycle.
func (c *checker) checkOrder() {
	graph := map[class][]lockEdge{}
	for _, fact := range c.pass.AllPackageFacts() {
		if known, ok := fact.Fact.(*lockEdges); ok && fact.Package != c.pass.Pkg {
			for _, e := range known.Edges {
				graph[e.From] = append(graph[e.From], e)
			}
		}
	}
	slices.SortStableFunc(c.edges, func(x, y edge) int { return c.compare(x.pos, y.pos) })
	own := new(lockEdges)
	reported := map[[2]class]bool{}
	added := map[edgeKey]bool{}
	steps := 0
	for _, e := range c.edges {
		key := [2]class{e.From, e.To}
		if id := e.key(token.NoPos); added[id] {
			continue
		} else {
			added[id] = true
		}
		p := c.pass.Fset.Position(e.pos)
		e.At = fmt.Sprintf("%s:%d", filepath.Base(p.Filename), p.Line)
		if back := pathBack(graph, e.lockEdge, &steps); back != nil {
			if reported[key] || c.severalKinds(back) {
				continue
			}
			reported[key] = true
			c.report(finding{rule: LockOrder, pos: e.pos,
				message: fmt.Sprintf("%s is acquired while %s is held, but %s (ABBA): acquire them in one order everywhere", e.To, e.From, describe(back))})
			continue // one finding for one mistake: the edges that came first are the order
		}
		graph[e.From] = append(graph[e.From], e.lockEdge)
		own.Edges = append(own.Edges, e.lockEdge)
	}
	c.pass.ExportPackageFact(own)
}

// severalKinds reports whether a cycle of the lock order leads through a lock in a generic type of
// which the package uses several instances: the class does not say of which of them it is.
func (c *checker) severalKinds(chain []lockEdge) bool {
	several := func(k class) bool {
		name, _, _ := strings.Cut(k.Name, ".")
		return c.instancesOf(k.Pkg, name) > 1
	}
	return slices.ContainsFunc(chain, func(e lockEdge) bool { return several(e.From) || several(e.To) })
}

// instancesOf is how many instances of a generic type the package uses.
func (c *checker) instancesOf(pkg, name string) int {
	if c.instances == nil {
		c.instances = map[class]map[string]bool{}
		for _, tv := range c.pass.TypesInfo.Types {
			n, ok := types.Unalias(deref(tv.Type)).(*types.Named)
			if !ok || n.TypeArgs().Len() == 0 || n.Obj().Pkg() == nil || slices.ContainsFunc(slices.Collect(n.TypeArgs().Types()), isTypeParameter) {
				continue
			}
			of := class{n.Obj().Pkg().Path(), n.Obj().Name()}
			if c.instances[of] == nil {
				c.instances[of] = map[string]bool{}
			}
			c.instances[of][n.String()] = true
		}
	}
	return len(c.instances[class{pkg, name}])
}

func isTypeParameter(t types.Type) bool { _, ok := types.Unalias(t).(*types.TypeParam); return ok }

// maxOrderSteps is how many edges are followed in search of cycles, per package.
const maxOrderSteps = 1e7

// pathBack finds the shortest chain of edges from where an edge leads to where it begins, except
// edges under a lock that this edge is under, too: only one goroutine at a time holds it. Two that
// read one lock do not wait for each other. It counts the edges that it follows in steps, and
// finds nothing when there have been too many.
func pathBack(graph map[class][]lockEdge, back lockEdge, steps *int) []lockEdge {
	type place struct {
		class class
		read  bool // how it is acquired there
	}
	type step struct {
		place
		edge lockEdge
		last int // the step before it
	}
	begin := place{back.To, back.ToRead}
	visited := map[place]bool{begin: true}
	work := []step{{place: begin, last: -1}}
	for i := 0; i < len(work); i++ {
		for _, e := range graph[work[i].class] {
			if *steps++; *steps > maxOrderSteps {
				return nil
			}
			if work[i].read && e.FromRead || slices.ContainsFunc(e.Under, func(c class) bool { return slices.Contains(back.Under, c) }) {
				continue
			}
			next := step{place{e.To, e.ToRead}, e, i}
			if e.To == back.From && !(e.ToRead && back.FromRead) {
				var chain []lockEdge
				for ; next.last >= 0; next = work[next.last] {
					chain = append(chain, next.edge)
				}
				slices.Reverse(chain)
				return chain
			}
			if !visited[next.place] {
				visited[next.place] = true
				work = append(work, next)
			}
		}
	}
	return nil
}

// describe is a chain of edges for a message.
func describe(chain []lockEdge) string {
	var parts []string
	for _, e := range chain {
		parts = append(parts, fmt.Sprintf("%s while %s at %s", e.To, e.From, e.At))
	}
	return strings.Join(parts, ", and ")
}
