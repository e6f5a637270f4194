package gallery_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rqlock/rqlock/gen/gallery/internal/torture"
)

// broken has packages with one line broken. Torture must find each.
var broken = []struct{ name, old, new string }{
	{"ticket", "l.await(TakeTicket(&l.next))", "TakeTicket(&l.next)"},
	{"ticket", "return TryTicket(&l.next, turn, turn+1)", "return TakeTicket(&l.next) == turn"},
	{"ticket", "AwaitTurn(&l.turn, ticket, spins) != ticket", "AwaitTurn(&l.turn, ticket, spins)+1 < ticket"},
	{"mcs", "\tn.awaitGrant()\n", ""},
	{"mcs", "Prepare(&n.waits, 1)", "Prepare(&n.waits, 0)"},
	{"mcs", "if before == 0 {", "if before <= 1 {"},
	{"clh", "\tl.nodes[w.before].await()\n", ""},
	{"clh", "Prepare(&l.nodes[w.mine].held, 1)", "Prepare(&l.nodes[w.mine].held, 0)"},
	{"clh", "SwapTail(&l.tail, w.mine)", "SwapTail(&l.tail, w.before)"},
	{"seqlock", "LoadSequence(&p.seq.Val) == seq", "LoadSequence(&p.seq.Val) >= seq"},
	{"seqlock", "if TryWrite(&p.seq.Val, seq, seq+SequenceWritingVal) {", "{"},
	{"seqlock", "EndWrite(&p.seq.Val, seq+SequenceCountVal)", "EndWrite(&p.seq.Val, seq+SequenceWritingVal)"},
	{"rwlock", "\t\tl.awaitGate(writer)\n", ""},
	{"rwlock", "l.awaitReaders(ArriveWrite(&l.arrived.Val, present+mine&1))", "ArriveWrite(&l.arrived.Val, present+mine&1)"},
	{"rwlock", "\tl.awaitTurn(mine)\n", ""},
	{"deque", "Publish(&d.bottom.Val, b-1)", "Restore(&d.bottom.Val, b)"},
	{"deque", "LoadSlot(d.slot(b - 1))", "LoadSlot(d.slot(b))"},
	{"deque", "if b-t == uint64(len(d.slots)) {", "if b-t > uint64(len(d.slots)) {"},
	{"deque", "return v, StealTop(&d.top.Val, t, t+1)", "StealTop(&d.top.Val, t, t+1)\n\treturn v, true"},
}

// brokenMain is a program that tortures a package, named by its argument, and fails if it
// finds nothing.
const brokenMain = `package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/rqlock/rqlock/gen/gallery/internal/torture"
)

func main() {
	seed, err := strconv.ParseUint(os.Args[2], 10, 64)
	if err == nil {
		err = torture.All[os.Args[1]](torture.Run{Seed: seed, Goroutines: 5, Time: 8 * time.Second, Patience: time.Second})
	}
	fmt.Println(err)
}
`

// TestBroken breaks a line of each package, in a copy of the repository's module, and checks
// that torture finds it.
func TestBroken(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program for each broken line")
	}
	seed := torture.Seed(t)
	for _, b := range broken {
		t.Run(b.name+" "+strings.TrimSpace(b.old), func(t *testing.T) {
			t.Parallel()
			source, err := filepath.Abs(filepath.Join(b.name, b.name+".go"))
			if err != nil {
				t.Fatal(err)
			}
			src, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Count(src, []byte(b.old)) != 1 {
				t.Fatalf("%s has not one %q", source, b.old)
			}
			dir := t.TempDir()
			write := func(name, text string) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
				return path
			}
			changed := write(b.name+".go", strings.Replace(string(src), b.old, b.new, 1))
			main := filepath.Join(filepath.Dir(filepath.Dir(source)), "internal", "broken", "main.go")
			overlay := write("overlay.json", fmt.Sprintf(`{"Replace": {%q: %q, %q: %q}}`, source, changed, main, write("main.go", brokenMain)))
			program := filepath.Join(dir, "broken")
			if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-overlay", overlay, "-o", program, "./internal/broken").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.Command(program, b.name, strconv.FormatUint(seed, 10)).CombinedOutput()
			t.Logf("%v %s", err, out)
			if err == nil && string(out) == "<nil>\n" {
				t.Errorf("torture finds nothing wrong with %q", b.new)
			}
		})
	}
}
