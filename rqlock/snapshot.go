package rqlock

import (
	"slices"
	"time"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/clock"
	"github.com/rqlock/rqlock/rqlock/internal/gate"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// Snapshot returns who waits for what now, over all locks, and who holds that; the longest wait
// comes first. It stops nobody, and takes a microsecond or two for each waiter. Holders have
// neither State nor Stack, see [WaitGraph.LookUp]; waits for one lock share them.
//
// All its waits went on at one and the same moment: those that ended while it was made are left
// out. Each holder held its lock at some moment meanwhile. So its cycles are deadlocks, whose
// victims are about to give up. It lacks those who try for a microsecond before they wait, and
// those who wait beside the queue, see [Events].
//
// A lock in memory that is not Go's must stay mapped until Snapshot has returned.
func Snapshot() *WaitGraph { return snapshotOf(waitgraph.All()) }

// snapshotOf is Snapshot of the waits that go on by now of those given, each of which went on
// when it was found.
func snapshotOf(steps []waitgraph.Step) *WaitGraph {
	g := &WaitGraph{Time: time.Now()}
	now := clock.Now()
	slices.SortStableFunc(steps, func(a, b waitgraph.Step) int {
		return int(min(max(a.Waiter.Since.Load()-b.Waiter.Since.Load(), -1), 1))
	})
	blamed := map[*asm.Owned]*blamedLock{}
	waits := make([]Wait, len(steps))
	for i, s := range steps {
		waits[i] = waitOf(s, now)
		b := blamed[s.Lock]
		if b == nil {
			b = blameAll(s.Lock, s.Kind, now)
			blamed[s.Lock] = b
		}
		waits[i].Holders, waits[i].more = b.Holders, b.more
		if s.Kind == waiter.ForReading {
			waits[i].behind = b.behind
		}
	}
	n := 0
	for i, s := range steps {
		if again, ok := waitgraph.Waiting(s.Waiter); ok && again == s {
			waits[n], steps[n] = waits[i], s
			n++
		}
	}
	g.Waits = waits[:n]
	at := make(map[uint64]int, n)
	for i, s := range steps[:n] {
		at[s.ID] = i
	}
	g.Cycles = cycles(n, func(i int) (next []int) {
		for _, id := range blamed[steps[i].Lock].all {
			if j, waits := at[id]; waits {
				next = append(next, j)
			}
		}
		return next
	})
	return g
}

// A blamedLock says who holds a lock.
type blamedLock struct {
	Wait          // of a reader
	all  []uint64 // who holds it
}

func blameAll(l *asm.Owned, kind waiter.Kind, now int64) *blamedLock {
	b := new(blamedLock)
	as := kind
	if kind == waiter.ForWriting {
		as = waiter.ForReading // a writer is behind nobody, and otherwise waits for the same
	}
	b.blame(l, as, now, quietSince(l, kind, nil))
	for _, h := range b.Holders {
		b.all = append(b.all, h.Goroutine)
	}
	if b.more > 0 {
		gate.Of(l).EachReader(func(id uint64) bool {
			b.all = append(b.all, id)
			return true
		})
	}
	return b
}

// cycles returns cycles in a graph of n nodes, whose edges next says: one at least of those that
// a node is in which is in one.
func cycles(n int, next func(int) []int) (found [][]int) {
	const (
		unseen = iota
		onPath
		done
	)
	type branch struct {
		node int
		rest []int
	}
	state := make([]uint8, n)
	for start := range n {
		if state[start] != unseen {
			continue
		}
		state[start] = onPath
		path := []branch{{start, next(start)}}
		for len(path) > 0 {
			top := &path[len(path)-1]
			if len(top.rest) == 0 {
				state[top.node] = done
				path = path[:len(path)-1]
				continue
			}
			to := top.rest[0]
			top.rest = top.rest[1:]
			switch state[to] {
			case unseen:
				state[to] = onPath
				path = append(path, branch{to, next(to)})
			case onPath:
				from := slices.IndexFunc(path, func(b branch) bool { return b.node == to })
				var cycle []int
				for _, b := range path[from:] {
					cycle = append(cycle, b.node)
				}
				found = append(found, cycle)
			}
		}
	}
	return found
}
