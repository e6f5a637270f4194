package rqhttp

import (
	"slices"

	"github.com/rqlock/rqlock/rqlock"
)

// A wait-for graph is nearly a forest: who waits does so for one lock, and a Mutex has one owner.
// So it is drawn as trees, with a goroutine that waits for nobody at the left, then what it holds,
// then who waits for that, and so on. What is left over, a cycle's last edge and the readers of a
// lock but the first, is drawn between the trees.

// A goroutineNode is a goroutine that waits, or holds what others wait for.
type goroutineNode struct {
	id     uint64
	wait   *rqlock.Wait   // nil: it does not wait
	lock   *lockNode      // which it waits for
	holder *rqlock.Holder // as the first wait for what it holds has it; nil: it holds nothing
	first  []*lockNode    // the locks of which it is the first holder
	cyclic bool           // it is in a cycle
	mark   int            // the climb that has come by
	position
}

// A lockNode is a lock that is waited for.
type lockNode struct {
	info    rqlock.LockInfo
	waiters []*goroutineNode // the longest wait first
	holders []*goroutineNode
	read    bool // by its holders
	more    int  // readers that hold it, besides holders
	hidden  int  // waiters that are not drawn
	foldAt  position
	mark    bool // begins a tree
	position
}

// A position is a column and a row of the drawing.
type position struct {
	placed      bool
	column, row int
}

// A forest has the nodes of a wait-for graph.
type forest struct {
	goroutines map[uint64]*goroutineNode
	locks      []*lockNode // in the order of the longest wait
	next       map[uint64]uint64
}

func forestOf(g *rqlock.WaitGraph) *forest {
	f := &forest{goroutines: make(map[uint64]*goroutineNode, len(g.Waits)), next: map[uint64]uint64{}}
	node := func(id uint64) *goroutineNode {
		n := f.goroutines[id]
		if n == nil {
			n = &goroutineNode{id: id}
			f.goroutines[id] = n
		}
		return n
	}
	locks := map[uintptr]*lockNode{}
	for i := range g.Waits {
		w := &g.Waits[i]
		l := locks[w.Lock.Addr]
		if l == nil {
			l = &lockNode{info: w.Lock, more: w.More()}
			locks[w.Lock.Addr] = l
			f.locks = append(f.locks, l)
			for j := range w.Holders {
				h := node(w.Holders[j].Goroutine)
				h.holder, l.read = &w.Holders[j], w.Holders[j].Read
				l.holders = append(l.holders, h)
				if j == 0 {
					h.first = append(h.first, l)
				}
			}
		}
		n := node(w.Goroutine)
		n.wait, n.lock = w, l
		l.waiters = append(l.waiters, n)
	}
	for _, c := range g.Cycles {
		for i, at := range c {
			from, to := g.Waits[at].Goroutine, g.Waits[c[(i+1)%len(c)]].Goroutine
			f.goroutines[from].cyclic, f.next[from] = true, to
		}
	}
	return f
}

// A tree begins with a goroutine, or with a lock that nobody holds just now.
type tree struct {
	goroutine *goroutineNode
	lock      *lockNode
}

// trees returns all, the one with the longest wait first.
func (f *forest) trees() (all []tree) {
	for i, l := range f.locks {
		for at := l; ; {
			if len(at.holders) == 0 {
				if !at.mark {
					at.mark = true
					all = append(all, tree{lock: at})
				}
				break
			}
			n := at.holders[0]
			climbed := n.mark
			n.mark = i + 1
			if climbed == i+1 || climbed == 0 && n.lock == nil {
				all = append(all, tree{goroutine: n}) // in a cycle, one of it
				break
			}
			if climbed != 0 {
				break // into a tree that is known
			}
			at = n.lock
		}
	}
	return all
}

// What is drawn at once, and where somebody has asked for more.
const (
	fewWaiters  = 10 // of a lock
	manyWaiters = 1000
	fewRows     = 200
	manyRows    = 2000
	mostColumns = 30
)

// A placing gives nodes their positions, row by row.
type placing struct {
	unfolded func(addr uintptr) bool
	open     uint64 // a goroutine that is wanted
	row      int
	rows     int // at most
	columns  int // so far
}

func (p *placing) put(at *position, column int) {
	*at = position{true, column, p.row}
	p.columns = max(p.columns, column+1)
}

func (p *placing) full() bool { return p.row >= p.rows }

func (p *placing) place(trees []tree) {
	for _, t := range trees {
		switch {
		case p.full():
			return
		case t.goroutine == nil:
			p.lock(t.lock, 1)
		case !t.goroutine.placed:
			p.goroutine(t.goroutine, 0)
		}
	}
}

// goroutine places one, what it holds, and below it those who hold that, too.
func (p *placing) goroutine(n *goroutineNode, column int) {
	top := p.row
	p.put(&n.position, column)
	var beside []*goroutineNode
	for _, l := range n.first {
		if l.placed || p.full() && p.row > top {
			continue
		}
		p.lock(l, column+1)
		for _, h := range l.holders[1:] {
			if h.wait == nil && len(h.first) == 0 && !h.placed && !slices.Contains(beside, h) {
				beside = append(beside, h)
			}
		}
	}
	bottom := max(p.row, top+1)
	for i, h := range beside {
		p.row = top + 1 + i
		p.put(&h.position, column)
	}
	p.row = max(bottom, top+1+len(beside))
}

// lock places one, and those of its waiters that are shown.
func (p *placing) lock(l *lockNode, column int) {
	top := p.row
	p.put(&l.position, column)
	most := fewWaiters
	if p.unfolded(l.info.Addr) {
		most = manyWaiters
	}
	shown := 0
	for _, w := range l.waiters {
		if w.placed {
			continue // the cycle's root
		}
		telling := len(w.first) > 0 || w.cyclic || w.id == p.open
		if column+1 < mostColumns && !p.full() && (shown < most || telling && shown < 2*most) {
			p.goroutine(w, column+1)
			shown++
		} else {
			l.hidden++
		}
	}
	if l.hidden > 0 || p.unfolded(l.info.Addr) {
		p.put(&l.foldAt, column+1)
		p.row++
	}
	p.row = max(p.row, top+1)
}
