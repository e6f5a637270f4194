package rqlock

import (
	"runtime"
	"sync"
)

const maxFrames = 16

// place is where a goroutine waits. The mutex is for a report that is late, and reads
// it while the goroutine waits for something else.
type place struct {
	mu  sync.Mutex
	pcs [maxFrames]uintptr
	n   int
}

// record notes the calling goroutine's stack.
func (p *place) record() {
	p.mu.Lock()
	p.n = runtime.Callers(3, p.pcs[:]) // without this method and its caller
	p.mu.Unlock()
}

// read returns the stack.
func (p *place) read() []runtime.Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	return resolve(p.pcs[:p.n])
}
