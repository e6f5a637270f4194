package rqlock

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
)

const maxFrames = 16

// place is where a goroutine waits, and which it is. The mutex is for a report
// that is late, and reads it while the goroutine waits for something else.
type place struct {
	mu  sync.Mutex
	g   uintptr
	pcs [maxFrames]uintptr
	n   int
}

// record notes the calling goroutine and its stack.
func (p *place) record() {
	p.mu.Lock()
	p.g = asm.CurrentG()
	p.n = runtime.Callers(3, p.pcs[:]) // without this method and its caller
	p.mu.Unlock()
}

// read returns the goroutine's id and stack.
func (p *place) read() (id uint64, stack []runtime.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return goidOf(p.g), resolve(p.pcs[:p.n])
}

// goidOffset is where the runtime's g has the goroutine's id. The runtime tells
// nobody, so we look for it; 0 if it was not found.
var goidOffset = findGoid()

// goidOf returns the id of a goroutine that is blocked or is the caller, or 0.
func goidOf(g uintptr) uint64 {
	switch {
	case g == 0:
		return 0
	case portableG:
		return uint64(g) / 2
	case goidOffset == 0:
		if g == asm.CurrentG() {
			return parseGoid()
		}
		return 0
	}
	return goidAt(g, goidOffset)
}

// portableG: CurrentG is made from the id.
var portableG = uint64(asm.CurrentG()) == 2*parseGoid()

// goidAt reads a word of a g. The runtime never frees a g.
func goidAt(g, offset uintptr) uint64 {
	p := *(*unsafe.Pointer)(unsafe.Pointer(&g))
	return *(*uint64)(unsafe.Add(p, offset))
}

// findGoid looks for the word of g that holds the id, in several goroutines.
func findGoid() uintptr {
	if portableG {
		return 0
	}
	const word = unsafe.Sizeof(uintptr(0)) // a uint64 is aligned to it
	candidates := map[uintptr]int{}
	const tries = 4
	for range tries {
		done := make(chan struct{})
		go func() {
			defer close(done)
			g, id := asm.CurrentG(), parseGoid()
			for offset := 8 * word; offset < 40*word; offset += word {
				if goidAt(g, offset) == id {
					candidates[offset]++
				}
			}
		}()
		<-done
	}
	found := uintptr(0)
	for offset, n := range candidates {
		if n == tries {
			if found != 0 {
				return 0 // ambiguous
			}
			found = offset
		}
	}
	return found
}

// parseGoid returns the caller's id from its stack trace (slow).
func parseGoid() uint64 {
	var buf [64]byte
	s := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	id, _, _ := bytes.Cut(s, []byte(" "))
	n, _ := strconv.ParseUint(string(id), 10, 64)
	return n
}
