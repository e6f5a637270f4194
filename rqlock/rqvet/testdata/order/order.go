// Package order acquires locks in both orders, in one package and across two.
package order

import (
	"github.com/rqlock/rqlock/rqlock"

	"rqvet.test/order/lib"
)

type pair struct{ a, b, c rqlock.Mutex }

func ab(p *pair) error {
	if err := p.a.Lock(); err != nil {
		return err
	}
	defer p.a.Unlock()
	if err := p.b.Lock(); err != nil {
		return err
	}
	p.b.Unlock()
	return nil
}

func ba(p *pair) error {
	if err := p.b.Lock(); err != nil {
		return err
	}
	defer p.b.Unlock()
	if err := p.a.Lock(); err != nil { // want `order.pair.a is acquired while order.pair.b is held, but order.pair.b while order.pair.a at order.go:17 \(ABBA\).*lockorder`
		return err
	}
	p.a.Unlock()
	return nil
}

func bc(p *pair) error {
	if err := p.b.Lock(); err != nil {
		return err
	}
	defer p.b.Unlock()
	if err := p.c.Lock(); err != nil {
		return err
	}
	p.c.Unlock()
	return nil
}

func useA(p *pair) error {
	if err := p.a.Lock(); err != nil {
		return err
	}
	p.a.Unlock()
	return nil
}

// ca closes a cycle of three, through a helper.
func ca(p *pair) error {
	if err := p.c.Lock(); err != nil {
		return err
	}
	defer p.c.Unlock()
	return useA(p) // want `order.pair.a is acquired while order.pair.c is held, but order.pair.b while order.pair.a at .*, and order.pair.c while order.pair.b at .*lockorder`
}

func acrossPackages(t *lib.Table) error {
	if err := t.Index.Lock(); err != nil {
		return err
	}
	defer t.Index.Unlock()
	return t.Touch() // want `lib.Table.Rows is acquired while .*lib.Table.Index is held, but .*lib.Table.Index while .*lib.Table.Rows at lib.go:16.*lockorder`
}

func heldAcross(t *lib.Table) error {
	if err := t.LockRows(); err != nil {
		return err
	}
	defer t.UnlockRows()
	return t.Touch() // want `Touch acquires .*, which is held since line 74.*selfdeadlock`
}

func failsAcross(t *lib.Table) error {
	t.LockRows() // want `the result of LockRows is ignored.*ignorederr`
	t.UnlockRows()
	return nil
}

func leaksAcross(t *lib.Table, stop bool) error {
	if err := t.LockRows(); err != nil {
		return err
	}
	if stop {
		return nil // want `return with t.Rows held.*leak`
	}
	t.UnlockRows()
	return nil
}

// Right: TryLock does not wait.
type tried struct{ a, b rqlock.Mutex }

func (t *tried) ab() error {
	if err := t.a.Lock(); err != nil {
		return err
	}
	defer t.a.Unlock()
	if err := t.b.Lock(); err != nil {
		return err
	}
	t.b.Unlock()
	return nil
}

func (t *tried) ba() error {
	if err := t.b.Lock(); err != nil {
		return err
	}
	defer t.b.Unlock()
	if t.a.TryLock() {
		t.a.Unlock()
	}
	return nil
}

// Right: both orders are under one lock.
var (
	gate         rqlock.Mutex
	inner, outer rqlock.Mutex
)

func gated1() error {
	if err := gate.Lock(); err != nil {
		return err
	}
	defer gate.Unlock()
	if err := inner.Lock(); err != nil {
		return err
	}
	defer inner.Unlock()
	if err := outer.Lock(); err != nil {
		return err
	}
	outer.Unlock()
	return nil
}

func gated2() error {
	if err := gate.Lock(); err != nil {
		return err
	}
	defer gate.Unlock()
	if err := outer.Lock(); err != nil {
		return err
	}
	defer outer.Unlock()
	if err := inner.Lock(); err != nil {
		return err
	}
	inner.Unlock()
	return nil
}

// Right: the first lock is released before the second is acquired, by a callee, too.
type stepped struct{ x, y rqlock.Mutex }

func (s *stepped) xy() error {
	if err := s.x.Lock(); err != nil {
		return err
	}
	defer s.x.Unlock()
	if err := s.y.Lock(); err != nil {
		return err
	}
	s.y.Unlock()
	return nil
}

func (s *stepped) leaveY() error {
	s.y.Unlock()
	if err := s.x.Lock(); err != nil {
		return err
	}
	s.x.Unlock()
	return nil
}

func (s *stepped) yThenX() error {
	if err := s.y.Lock(); err != nil {
		return err
	}
	return s.leaveY()
}

// Through a helper that knows only pointers.
type halves struct{ north, south rqlock.Mutex }

func with(l *rqlock.Mutex, f func()) error {
	if err := l.Lock(); err != nil {
		return err
	}
	defer l.Unlock()
	f()
	return nil
}

func (h *halves) down() error {
	if err := h.north.Lock(); err != nil {
		return err
	}
	defer h.north.Unlock()
	return with(&h.south, func() {})
}

func (h *halves) up() error {
	if err := h.south.Lock(); err != nil {
		return err
	}
	defer h.south.Unlock()
	return with(&h.north, func() {}) // want `order.halves.north is acquired while .*south is held, but .*lockorder`
}

// One mistake gives one finding: an edge that contradicts the order is not added to it.
type four struct{ w, x, y rqlock.Mutex }

func (f *four) xy() error {
	if err := f.x.Lock(); err != nil {
		return err
	}
	defer f.x.Unlock()
	return f.useY()
}

func (f *four) yx() error {
	if err := f.y.Lock(); err != nil {
		return err
	}
	defer f.y.Unlock()
	if err := f.x.Lock(); err != nil { // want `lockorder`
		return err
	}
	f.x.Unlock()
	return nil
}

func (f *four) xw() error {
	if err := f.x.Lock(); err != nil {
		return err
	}
	defer f.x.Unlock()
	if err := f.w.Lock(); err != nil {
		return err
	}
	f.w.Unlock()
	return nil
}

func (f *four) wy() error {
	if err := f.w.Lock(); err != nil {
		return err
	}
	defer f.w.Unlock()
	return f.useY()
}

func (f *four) useY() error {
	if err := f.y.Lock(); err != nil {
		return err
	}
	f.y.Unlock()
	return nil
}

// Right: the helper acquires the second lock only if a parameter says so.
type wing struct{ stairs, hall rqlock.Mutex }

func (g *wing) visit(stairs bool) error {
	if stairs {
		if err := g.stairs.Lock(); err != nil {
			return err
		}
		defer g.stairs.Unlock()
	}
	return nil
}

func (g *wing) visitDeep(stairs bool) error { return g.visit(stairs) }

func (g *wing) up() error {
	if err := g.stairs.Lock(); err != nil {
		return err
	}
	defer g.stairs.Unlock()
	if err := g.hall.Lock(); err != nil {
		return err
	}
	g.hall.Unlock()
	return nil
}

func (g *wing) across() error {
	if err := g.hall.Lock(); err != nil {
		return err
	}
	defer g.hall.Unlock()
	return g.visitDeep(false)
}

func (g *wing) down() error {
	if err := g.hall.Lock(); err != nil {
		return err
	}
	defer g.hall.Unlock()
	return g.visitDeep(true) // want `lockorder`
}
