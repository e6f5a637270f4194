// Package qspin is qspin as the explorer runs it: gen's copy in the z* files, the hashes of
// its live variables, its first state, and checks of the last.
package qspin

import (
	"fmt"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

func init() { mc.RegisterSites(FirstSite, Sites) }

// These functions hash live variables; see package lock.

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

// nodes are all nodes of an exploration.
var nodes chunk

// Reset makes the first state of everything but the locks.
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

// exploredNodes is the number of nodes. No program uses more.
const exploredNodes = 6

// Reset makes the lock free.
func (l *Mutex) Reset() { l.word = asm.Word{} }

// Left describes a lock that is not free, or nodes that are still in use, or returns "".
func (l *Mutex) Left() string {
	if l.word.Val != 0 {
		return fmt.Sprintf("the word is %#x", l.word.Val)
	}
	free := 0
	for i := uint32(arena.free.top.Load(0)); i != 0 && free <= exploredNodes; i = nodes[i-1].nextFree {
		free++
	}
	if free != exploredNodes {
		return fmt.Sprintf("%d of %d nodes are free", free, exploredNodes)
	}
	return ""
}
