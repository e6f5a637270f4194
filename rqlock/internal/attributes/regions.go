package attributes

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
	"weak"

	"github.com/rqlock/rqlock/asm"
)

// A region is an array whose elements have a lock each. Those that have no name of their own are
// named after it: an entry for each would take more memory than the locks.
type region struct {
	start, end, stride uintptr
	name               string
	alive              func() bool // the array is not garbage, so that its addresses are its own
}

// regions has each region by the pages of the address space that it has a part in.
var regions struct {
	mu sync.RWMutex
	of map[uintptr][]*region
	n  atomic.Int32
}

const pageShift = 16

// NameEach names the locks in an array, in each of whose elements there is one. It is for as
// long as the array is no garbage.
func NameEach[T any](array []T, name string) {
	if len(array) == 0 {
		return
	}
	first := weak.Make(&array[0])
	start := uintptr(unsafe.Pointer(&array[0]))
	r := &region{
		start: start, stride: unsafe.Sizeof(array[0]), end: start + uintptr(len(array))*unsafe.Sizeof(array[0]), name: name,
		alive: func() bool { return first.Value() != nil },
	}
	regions.mu.Lock()
	defer regions.mu.Unlock()
	if regions.of == nil {
		regions.of = map[uintptr][]*region{}
	}
	for page := r.start >> pageShift; page <= (r.end-1)>>pageShift; page++ {
		regions.of[page] = append(regions.of[page], r)
	}
	regions.n.Add(1)
	runtime.AddCleanup(&array[0], forgetRegion, r)
}

func forgetRegion(r *region) {
	regions.mu.Lock()
	defer regions.mu.Unlock()
	for page := r.start >> pageShift; page <= (r.end-1)>>pageShift; page++ {
		left := slices.DeleteFunc(regions.of[page], func(other *region) bool { return other == r })
		if regions.of[page] = left; len(left) == 0 {
			delete(regions.of, page)
		}
	}
	regions.n.Add(-1)
}

// NameOf returns l's name, or what NameEach has said of it, or "".
func NameOf(l *asm.Owned) string {
	if name := Of(l).Name; name != "" || regions.n.Load() == 0 {
		return name
	}
	addr := Addr(l)
	regions.mu.RLock()
	defer regions.mu.RUnlock()
	for _, r := range regions.of[addr>>pageShift] {
		if r.start <= addr && addr < r.end && r.alive() {
			return fmt.Sprintf("%s[%d]", r.name, (addr-r.start)/r.stride)
		}
	}
	return ""
}
