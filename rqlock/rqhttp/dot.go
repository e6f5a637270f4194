package rqhttp

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/rqlock/rqlock/rqlock"
)

// writeDot writes a snapshot as a directed graph: from who waits to the lock, and from there to
// who holds it.
func writeDot(w io.Writer) error {
	var b bytes.Buffer
	dot(&b, lookedUp())
	_, err := w.Write(b.Bytes())
	return err
}

func dot(b *bytes.Buffer, g *rqlock.WaitGraph) {
	inCycle := map[[2]int]bool{} // a wait, and that of the one that it waits for
	for _, c := range g.Cycles {
		for i, at := range c {
			inCycle[[2]int{at, c[(i+1)%len(c)]}] = true
		}
	}
	at := map[uint64]int{}
	for i, w := range g.Waits {
		at[w.Goroutine] = i
	}
	b.WriteString("digraph waits {\n\tnode [shape=box];\n")
	goroutines, locks := map[uint64]bool{}, map[uintptr]bool{}
	goroutine := func(id uint64, state string, stack []runtime.Frame) {
		if !goroutines[id] {
			goroutines[id] = true
			fmt.Fprintf(b, "\tg%d [label=%s];\n", id, label(fmt.Sprintf("goroutine %d%s%s", id, state, where(stack))))
		}
	}
	for _, w := range g.Waits {
		goroutine(w.Goroutine, "\nwaits", w.Stack)
	}
	for i := range g.Waits {
		w := &g.Waits[i]
		fmt.Fprintf(b, "\tg%d -> l%d [label=%s];\n", w.Goroutine, w.Lock.Addr, label(w.For.String()))
		if id := w.Behind(); id != 0 {
			fmt.Fprintf(b, "\tg%d -> g%d [style=dashed, label=\"behind, waits to write\"];\n", w.Goroutine, id)
		}
		first := !locks[w.Lock.Addr]
		if first {
			locks[w.Lock.Addr] = true
			fmt.Fprintf(b, "\tl%d [shape=ellipse, label=%s];\n", w.Lock.Addr, label(fmt.Sprintf("%s %v", w.Lock.Kind, w.Lock)))
		}
		for j := range w.Holders {
			h := &w.Holders[j]
			state := ""
			if h.State != "" {
				state = "\n" + h.State
			}
			goroutine(h.Goroutine, state, h.Stack)
			to, waits := at[h.Goroutine]
			switch {
			case waits && inCycle[[2]int{i, to}]:
				fmt.Fprintf(b, "\tl%d -> g%d [color=red];\n", w.Lock.Addr, h.Goroutine)
			case first:
				fmt.Fprintf(b, "\tl%d -> g%d;\n", w.Lock.Addr, h.Goroutine)
			}
		}
	}
	b.WriteString("}\n")
}

// where is a line for the innermost call that is not rqlock's, if there is one.
func where(stack []runtime.Frame) string {
	for _, f := range stack {
		if !strings.Contains(f.Function, "/rqlock.(*") {
			return fmt.Sprintf("\n%s:%d", f.Function, f.Line)
		}
	}
	return ""
}

// label quotes a label for Graphviz, in which nothing is special then.
func label(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
