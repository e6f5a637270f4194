package rqhttp

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/rqlock/rqlock/rqlock"
)

// Sizes in the drawing, in pixels. A character is some 7 wide.
const (
	boxWidth  = 250
	boxHeight = 58
	colStep   = 295
	rowStep   = 70
	margin    = 10
	lineChars = 33
	below     = 50 // for edges that go around
)

func (p position) left() int   { return margin + p.column*colStep }
func (p position) top() int    { return margin + p.row*rowStep }
func (p position) middle() int { return p.top() + boxHeight/2 }

// graph draws the wait-for graph.
func (p *painter) graph() string {
	if len(p.Waits) == 0 {
		return "<p>No goroutine waits for a lock.</p>"
	}
	f := p.forest
	d := placing{unfolded: p.q.unfolds, open: p.q.openGoroutine(), rows: fewRows}
	if len(p.q.unfold) > 0 {
		d.rows = manyRows
	}
	d.place(f.trees())
	var m, edges markup
	width, height := margin+d.columns*colStep, margin+d.row*rowStep
	if p.edges(&edges) {
		height += below
	}
	m.add(`<div class="scroll" role="group" aria-labelledby="graph" tabindex="0" id="graph-scroll"><svg class="graph" role="group" aria-labelledby="graph" viewBox="0 0 %d %d" width="%d" height="%d">`,
		width, height, width, height)
	m.add(`<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>` +
		`<marker id="arrow-cycle" class="cycle" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>`)
	m.add("%s", raw(edges.String()))
	left := 0
	drawn := map[uint64]bool{}
	for _, l := range f.locks {
		if !l.placed {
			left++
			continue
		}
		p.lockBox(&m, l)
		for _, n := range append(l.holders[:len(l.holders):len(l.holders)], l.waiters...) {
			if n.placed && !drawn[n.id] {
				drawn[n.id] = true
				p.goroutineBox(&m, n)
			}
		}
		p.foldBox(&m, l)
	}
	m.add("</svg></div>")
	if left > 0 {
		m.add("<p>%s more are waited for: ", count(left, "lock"))
		if p.q.unfolds(everything) {
			m.add(`<a id="more-locks" href="text">all as text</a></p>`)
		} else {
			m.add(`<a id="more-locks" href="%s">draw more</a> or <a id="text-locks" href="text">all as text</a></p>`, p.q.with(func(q *query) { q.toggle(everything) }))
		}
	} else if p.q.unfolds(everything) {
		m.add(`<p><a id="more-locks" href="%s">draw fewer</a></p>`, p.q.with(func(q *query) { q.toggle(everything) }))
	}
	return m.String()
}

// edges draws who waits for what, and who holds it, and reports whether an edge goes around.
func (p *painter) edges(m *markup) (around bool) {
	draw := func(from, to position, cyclic bool) { around = edge(m, from, to, cyclic) || around }
	for _, l := range p.forest.locks {
		if !l.placed {
			continue
		}
		for _, h := range l.holders {
			if h.placed {
				draw(l.position, h.position, p.closes(l, h))
			}
		}
		for _, w := range l.waiters {
			if w.placed {
				draw(w.position, l.position, w.cyclic)
			}
		}
		if l.foldAt.placed && l.hidden > 0 {
			draw(l.foldAt, l.position, false)
		}
	}
	return around
}

// closes reports whether the edge from a lock to its holder is in a cycle.
func (p *painter) closes(l *lockNode, h *goroutineNode) bool {
	for _, w := range l.waiters {
		if p.forest.next[w.id] == h.id {
			return true
		}
	}
	return false
}

// edge draws one, to the left if the two are in neighbouring columns, and else around what is
// between.
func edge(m *markup, from, to position, cyclic bool) (around bool) {
	class, marker := "edge", "arrow"
	if cyclic {
		class, marker = "edge cycle", "arrow-cycle"
	}
	var path string
	around = to.column != from.column-1
	if !around {
		turn := from.left() - (colStep-boxWidth)/2
		path = fmt.Sprintf("M%d %dH%dV%dH%d", from.left(), from.middle(), turn, to.middle(), to.left()+boxWidth)
	} else {
		x1, y1, x2, y2 := from.left()+boxWidth/2, from.top()+boxHeight, to.left()+boxWidth/2, to.top()+boxHeight
		path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1, y1+below, x2, y2+below, x2, y2)
	}
	m.add(`<path class="%s" d="%s" marker-end="url(#%s)"/>`, class, path, marker)
	return around
}

// box begins one, with up to three lines.
func box(m *markup, at position, class string, round int, lines ...string) {
	m.add(`<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`, class, at.left(), at.top(), boxWidth, boxHeight, round)
	for i, line := range lines {
		m.add(`<text class="line%d" x="%d" y="%d">%s</text>`, i, at.left()+9, at.top()+18+16*i, cut(printable(line), lineChars))
	}
}

func (p *painter) goroutineBox(m *markup, n *goroutineNode) {
	class, site, read := "goroutine", "", false
	if n.wait != nil {
		site, read = callSite(n.wait.Stack), n.wait.Read
	} else {
		class += " holder"
		site, read = callSite(n.holder.Stack), n.holder.Read
		if n.holder.State == ended {
			site = "no stack"
		}
	}
	if read {
		class += " reader"
	}
	if n.cyclic {
		class += " cycle"
	}
	if n.id == p.q.openGoroutine() {
		class += " open"
	}
	id := fmt.Sprintf("g%d", n.id)
	m.add(`<a id="%s" href="%s">`, id, p.q.with(func(q *query) { q.open = id })+"#panel")
	m.add("<title>%s</title>", n.says())
	box(m, n.position, class, 3, n.name(), site, n.does())
	m.add("</a>")
}

// name is what a goroutine is called, with its state, or behind whom it is.
func (n *goroutineNode) name() string {
	name := fmt.Sprintf("goroutine %d", n.id)
	if n.wait == nil && n.holder.State != "" {
		name += " (" + n.holder.State + ")"
	} else if n.wait != nil && n.wait.Behind() != 0 {
		name += fmt.Sprintf(", behind %d", n.wait.Behind())
	}
	return name
}

// does says in a few words what a goroutine does.
func (n *goroutineNode) does() string {
	switch w := n.wait; {
	case w == nil:
		return holderDoes(n.holder)
	case n.cyclic:
		return "deadlock, waits " + words(w.For)
	default:
		return "waits" + how(w) + " " + words(w.For)
	}
}

// how says whether a wait is to read or to write.
func how(w *rqlock.Wait) string {
	switch {
	case w.Read:
		return " to read,"
	case w.Lock.Kind == "RWMutex":
		return " to write,"
	}
	return ""
}

// says is a sentence about a goroutine, for those who do not see the drawing.
func (n *goroutineNode) says() string {
	if n.wait == nil {
		return n.name() + " " + holderDoes(n.holder)
	}
	s := fmt.Sprintf("goroutine %d waits%s %s for %s %v", n.id, how(n.wait), words(n.wait.For), n.wait.Lock.Kind, n.wait.Lock)
	if n.cyclic {
		s += ", in a deadlock"
	}
	if id := n.wait.Behind(); id != 0 {
		s += fmt.Sprintf(", behind goroutine %d, which waits to write", id)
	}
	return s
}

const ended = "ended" // see State of [rqlock.Holder]

// holderDoes says in a few words what a holder does.
func holderDoes(h *rqlock.Holder) string {
	verb := "holds"
	if h.Read {
		verb = "reads"
	}
	if h.For > 0 {
		verb += " " + words(h.For)
	}
	return verb
}

func (p *painter) lockBox(m *markup, l *lockNode) {
	held := "free, not handed over yet"
	switch {
	case len(l.holders) == 0:
	case l.read:
		held = "read by " + count(len(l.holders)+l.more, "goroutine")
	case l.info.Kind == "RWMutex":
		held = "held to write"
	default:
		held = "held"
	}
	m.add("<g><title>%s %s</title>", l.info.Kind, l.info)
	box(m, l.position, "lock", 20, nameOf(l.info), l.info.Kind+", "+held, count(len(l.waiters), "waiter"))
	m.add("</g>")
}

// nameOf is what a lock is called where there is little room.
func nameOf(l rqlock.LockInfo) string {
	if l.Name == "" {
		return fmt.Sprintf("%#x", l.Addr)
	}
	return l.Name
}

// foldBox says how many waiters of a lock are not drawn.
func (p *painter) foldBox(m *markup, l *lockNode) {
	if !l.foldAt.placed {
		return
	}
	id := fmt.Sprintf("fold-%#x", l.info.Addr)
	toggle := p.q.with(func(q *query) { q.toggle(l.info.Addr) })
	m.add(`<a id="%s" href="%s">`, id, toggle)
	if p.q.unfolds(l.info.Addr) {
		box(m, l.foldAt, "fold", 3, "show fewer", fmt.Sprintf("not drawn: %s", number(l.hidden)))
	} else {
		box(m, l.foldAt, "fold", 3, fmt.Sprintf("and %s more", number(l.hidden)))
	}
	m.add("</a>")
}

// callSite is the innermost call outside of rqlock and the standard library, in a few characters.
func callSite(stack []runtime.Frame) string {
	if len(stack) == 0 {
		return "stack not looked at"
	}
	for i := range stack {
		if first, _, _ := strings.Cut(stack[i].Function, "/"); strings.HasPrefix(first, "main.") || first != stack[i].Function && strings.Contains(first, ".") {
			if site := where(stack[i : i+1]); site != "" {
				return site[strings.LastIndexAny(site, "/\n")+1:]
			}
		}
	}
	site := where(stack)
	return site[strings.LastIndexAny(site, "/\n")+1:]
}
