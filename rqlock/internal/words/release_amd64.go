//go:build !race

package words

import (
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
)

// StoreRelease stores v. Whoever loads it finds what was written before. Unlike p.Store, it does
// not keep a later load of another variable behind it, and takes a fraction of the time.
func StoreRelease(p *atomic.Uint64, v uint64) {
	asm.StoreRelease64((*uint64)(unsafe.Pointer(p)), v)
}
