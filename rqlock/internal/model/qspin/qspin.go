// Package qspin is qspin as the explorer runs it, and what its marks need.
package qspin

import (
	"fmt"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

func init() { mc.RegisterSites(FirstSite, Sites) }

// What a live variable adds to a thread's control state.

func hashPtr[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

func hashMutexPtr(l *Mutex) uint64       { return hashPtr(l) }
func hashNodePtr(n *node) uint64         { return hashPtr(n) }
func hashFreeListPtr(l *freeList) uint64 { return hashPtr(l) }
func hashChunkPtr(c *chunk) uint64       { return hashPtr(c) }

func hashBool(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func hashBackoff(b wait.Backoff) uint64 { return hashBool(b.Yielded) }

// nodes are all there are, in explorations.
var nodes chunk

// Reset puts everything but the locks into its first state.
func Reset() {
	nodes = chunk{}
	arena.made = 1
	arena.chunks[0].Poke(&nodes)
	arena.free = freeList{}
	for i := range nodes {
		nodes[i].index = uint32(i) + 1
		if i < exploredNodes {
			nodes[i].free(0)
		}
	}
}

// exploredNodes is how many nodes there are. No program uses more.
const exploredNodes = 6

// Reset frees the lock.
func (l *Mutex) Reset() { l.word = asm.Word{} }

// Left returns what is left in the lock and of the nodes, or "".
func (l *Mutex) Left() string {
	if l.word.Val != 0 {
		return fmt.Sprintf("the word is %#x", l.word.Val)
	}
	free := 0
	for i := uint32(arena.free.top.Load(0)); i != 0 && free <= exploredNodes; i = nodes[i-1].parent {
		free++
	}
	if free != exploredNodes {
		return fmt.Sprintf("%d of %d nodes are free", free, exploredNodes)
	}
	return ""
}
