//go:build gc && !purego && !go1.28 && !race && (amd64 || arm64)

package report

import (
	"runtime"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
)

// canWalk says whether walk can tell anything.
const canWalk = true

const word = unsafe.Sizeof(uintptr(0))

// frame is how walk finds its own frame: how far that is from a variable in it, which the
// compiler decides, and where walk returns to, which is always the same, as there is but
// one call of it. 0 = unknown: nothing is walked.
var frame struct {
	offset  int
	returns uintptr
}

var measuring = true // while init runs

func init() {
	knownCaller(false)
	measuring = false
}

// walk fills in the return addresses of the calling goroutine's frames, and returns how many
// there are, or 0 if it cannot tell. A frame begins with the address of its caller's frame,
// or 0, and has its return address behind that. So says Go's ABI, and so do the runtime's own
// profiles and traces walk.
//
// The walk does not leave the goroutine's stack, which does not move meanwhile, as walk calls
// nothing. A walk that ends elsewhere than at the goroutine's beginning has met a frame of
// C, or of assembly that uses the register otherwise.
//
//go:noinline
func walk(pcs *calls) (n int) {
	var here uintptr
	base := unsafe.Pointer(&here)
	if measuring {
		measure(base)
		return 0
	}
	at := uintptr(base)
	fp := at + uintptr(frame.offset)
	low, high := stackOf(asm.CurrentG())
	if frame.offset == 0 || at < low || fp-low > high-low-2*word || load(base, fp+word) != frame.returns {
		return 0
	}
	for fp = load(base, fp); fp != 0; fp = load(base, fp) { // walk's own is the same in all
		if n == len(pcs) {
			return n
		}
		if fp <= at || fp > high-2*word || fp%word != 0 {
			return 0
		}
		at = fp
		pcs[n] = load(base, fp+word)
		n++
	}
	return n
}

// load reads the word of the stack at an address. base is in the stack, too.
func load(base unsafe.Pointer, addr uintptr) uintptr {
	return *(*uintptr)(unsafe.Add(base, addr-uintptr(base)))
}

// stackOf returns the bounds of a goroutine's stack, which its g begins with.
func stackOf(g uintptr) (low, high uintptr) {
	s := (*[2]uintptr)(*(*unsafe.Pointer)(unsafe.Pointer(&g)))
	return s[0], s[1]
}

// measure finds out what frame says, given the address of walk's variable.
//
//go:noinline
func measure(base unsafe.Pointer) {
	var pcs [2]uintptr // where walk and its caller return to
	if runtime.Callers(3, pcs[:]) < len(pcs) {
		return
	}
	low, high := stackOf(asm.CurrentG())
	inside := func(fp uintptr) bool { return low <= fp && fp <= high-2*word && fp%word == 0 }
	for i := range 32 {
		offset := i * int(word)
		if runtime.GOARCH == "arm64" {
			offset = -offset // a frame begins below its variables
		}
		fp := uintptr(base) + uintptr(offset)
		if !inside(fp) || load(base, fp+word) != pcs[0] {
			continue
		}
		if up := load(base, fp); up > fp && inside(up) && load(base, up+word) == pcs[1] {
			frame.offset, frame.returns = offset, pcs[0]
			return
		}
	}
}
