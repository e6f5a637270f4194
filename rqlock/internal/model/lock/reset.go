package lock

import (
	"fmt"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// records are all waiter records of an exploration.
var records = new(chunk)

func init() { mc.RegisterSites(FirstSite, Sites) }

// Declare names the variables that are not in a Mutex.
func Declare() {
	name := func(p unsafe.Pointer, format string, args ...any) { mc.Name(p, fmt.Sprintf(format, args...)) }
	for i := range records {
		w := &records[i].waiter
		for field, p := range map[string]unsafe.Pointer{
			"state": unsafe.Pointer(&w.state), "next": unsafe.Pointer(&w.next), "epoch": unsafe.Pointer(&w.epoch),
			"g": unsafe.Pointer(&w.g), "lock": unsafe.Pointer(&w.lock), "verdict": unsafe.Pointer(&w.verdict),
			"since": unsafe.Pointer(&w.since), "at": unsafe.Pointer(&w.at),
			"owner": unsafe.Pointer(&w.owner), "grants": unsafe.Pointer(&w.grants), "home": unsafe.Pointer(&w.home),
			"bucket": unsafe.Pointer(&w.bucket), "slot": unsafe.Pointer(&w.slot), "parent": unsafe.Pointer(&w.parent),
		} {
			name(p, "w%d.%s", i+1, field)
		}
		w.Declare(fmt.Sprintf("w%d.token", i+1))
		w.declareDead()
	}
	mc.OnChange(unsafe.Pointer(&registry.nodes.top), func(_ int, _, v uint64) { freeNodes = onList(v) })
	mc.OnChange(unsafe.Pointer(&registry.edges.top), func(_ int, _, v uint64) { freeEdges = onList(v) })
	for i := range edges[:exploredBuckets] {
		for j := range edges[i].slots {
			name(unsafe.Pointer(&edges[i].slots[j]), "edges[%d].slots[%d]", i, j)
		}
		name(unsafe.Pointer(&edges[i].passed), "edges[%d].passed", i)
		name(unsafe.Pointer(&edges[i].spare), "edges[%d].spare", i)
		mc.OnChange(unsafe.Pointer(&edges[i].spare), func(_ int, old, v uint64) { spares = (spares&^(1<<old) | 1<<v) &^ 1 })
	}
	for i := range bells {
		name(unsafe.Pointer(&bells[i]), "bells[%d]", i)
	}
	name(unsafe.Pointer(&registry.nodes), "nodes")
	name(unsafe.Pointer(&registry.edges), "spare edges")
	name(unsafe.Pointer(&registry.made), "made")
}

// The records on the free lists, and the spare records of buckets, as sets of bits.
var freeNodes, freeEdges, spares uint32

// onList returns the records on the free list with the given top.
func onList(top uint64) (set uint32) {
	for index := uint32(top); index != 0 && set>>index&1 == 0; index = records[index-1].parent {
		set |= 1 << index
	}
	return set
}

// declareDead says that the fields of a free record are dead, except those that a walk
// over edges may still read.
func (w *waiter) declareDead() {
	dead := func() bool { return (freeNodes|freeEdges|spares)>>w.index&1 != 0 }
	for _, p := range []unsafe.Pointer{
		unsafe.Pointer(&w.state), unsafe.Pointer(&w.next), unsafe.Pointer(&w.owner), unsafe.Pointer(&w.grants), unsafe.Pointer(&w.at),
		unsafe.Pointer(&w.home), unsafe.Pointer(&w.bucket), unsafe.Pointer(&w.slot),
	} {
		mc.Dead(p, dead)
	}
}

// Declare names a lock's words. locked is called when the locked byte is set, granted when
// a thread becomes the owner, and reopened when a thread reopens the lock.
func (l *Mutex) Declare(name string, locked func(), granted, reopened func(thread int)) {
	mc.OnChange(unsafe.Pointer(&l.word.Owner), func(_ int, old, v uint64) {
		if now := v &^ calling; now != 0 && now != old&^calling {
			granted(int(now/2) - 1)
		}
	})
	mc.OnChange(unsafe.Pointer(&l.word.Val), func(thread int, old, v uint64) {
		if old&asm.LockedMask == 0 && v&asm.LockedMask != 0 {
			locked()
		}
		if old&asm.PendingMask != 0 && v&asm.PendingMask == 0 {
			reopened(thread)
		}
	})
	mc.Name(unsafe.Pointer(&l.word.Val), name)
	mc.Name(unsafe.Pointer(&l.word.Aux), name+".grants")
	mc.Name(unsafe.Pointer(&l.word.Owner), name+".owner")
}

// Reset makes the first state of everything but the locks. Of the records, so many as
// nodes says can queue, and the others have edges only.
func Reset(nodes int) {
	*records = chunk{}
	registry.made = chunkSize
	registry.chunks[0].Poke(records)
	maxNodes = uint32(nodes)
	registry.nodes, registry.edges = freeList{}, freeList{}
	for i := chunkSize - 1; i >= 0; i-- {
		w := &records[i].waiter
		w.index = uint32(i) + 1
		w.shelve(0)
	}
	freeNodes, freeEdges = onList(registry.nodes.top.Load(0)), onList(registry.edges.top.Load(0))
	edgeMask = exploredBuckets - 1
	clear(edges[:exploredBuckets])
	spares = 0
	bells = [len(bells)]uint32{}
}

// Simulate is Reset for a simulation, with records for all of its threads.
func Simulate() {
	Reset(maxRecords)
	edgeMask = edgeBuckets - 1
	clear(edges[:])
}

// Reset makes the lock free.
func (l *Mutex) Reset() { l.word = asm.Word{} }

// Closed reports whether the lock is closed, without a step.
func (l *Mutex) Closed() bool { return l.word.Val&asm.PendingMask != 0 }

// Leaks describes a record or edge that is still in use, or returns "".
func Leaks() string {
	free := map[uint32]int{}
	for _, list := range []*freeList{&registry.nodes, &registry.edges} {
		for index := uint32(list.top.Load(0)); index != 0; index = records[index-1].parent {
			if free[index]++; free[index] > 1 {
				return fmt.Sprintf("record %d is on a free list twice", index)
			}
		}
	}
	for i := range edges[:exploredBuckets] {
		if index := edges[i].spare; index != 0 {
			if free[index]++; free[index] > 1 {
				return fmt.Sprintf("record %d is free twice", index)
			}
		}
	}
	for i := range records {
		w := &records[i].waiter
		if free[w.index] == 0 {
			return fmt.Sprintf("record %d is not free", w.index)
		}
		if w.lock.Peek() != nil {
			return fmt.Sprintf("record %d still has an edge", w.index)
		}
	}
	for i := range edges[:exploredBuckets] {
		for _, index := range edges[i].slots {
			if index != 0 {
				return fmt.Sprintf("the table still has the edge of record %d", index)
			}
		}
		if edges[i].passed != 0 {
			return fmt.Sprintf("bucket %d is passed by %d", i, int32(edges[i].passed))
		}
	}
	return ""
}

// FewNodes reports whether some waiters may have to wait without queueing. They poll beside
// the queue's head, and each closes the lock for itself.
func (l *Mutex) FewNodes() bool { return maxNodes < chunkSize/2 }

// WrongTail describes a tail that names no record which can queue, or returns "".
func (l *Mutex) WrongTail() string {
	if tail := tailOf(l.word.Val); tail > maxNodes {
		return fmt.Sprintf("the tail is %d, but only %d can queue", tail, maxNodes)
	}
	return ""
}

// String renders the lock's words.
func (l *Mutex) String() string {
	return fmt.Sprintf("%s, %d grants, owner %d", FormatWord(uint64(l.word.Val)), l.word.Aux, l.word.Owner)
}

// Records renders the number of uses of each record, and the top of the free list.
func Records() (s string) {
	for i := range records {
		s += fmt.Sprint(records[i].epoch, " ")
	}
	return s + fmt.Sprint("free ", uint32(registry.nodes.top.Load(0)))
}

// Left describes a lock that is not free, or returns "".
func (l *Mutex) Left() string {
	if l.word.Val != 0 || l.word.Owner != 0 {
		return fmt.Sprintf("a lock is left with %s, owner %d", FormatWord(uint64(l.word.Val)), l.word.Owner)
	}
	return ""
}

// FormatNamed renders the value of a lock word, which it knows by the name that Declare
// has been given. For other variables it returns "".
func FormatNamed(name string, v uint64) string {
	if len(name) == 2 && name[0] == 'L' {
		return FormatWord(v)
	}
	return ""
}

// FormatWord renders a lock word as (tail,pending,locked).
func FormatWord(v uint64) string {
	val := uint32(v)
	return fmt.Sprintf("%d,%d,%d", val>>asm.TailShift, val&asm.PendingMask>>asm.PendingShift, val&asm.LockedMask)
}
