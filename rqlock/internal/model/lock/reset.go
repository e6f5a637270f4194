package lock

import (
	"fmt"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
)

// records are all there are.
var records = new(chunk)

func init() { mc.RegisterSites(FirstSite, Sites) }

// Declare names the variables that are not in a lock.
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

// The records that are on the free lists, or spare.
var freeNodes, freeEdges, spares uint32

// onList returns the records on the free list with that top.
func onList(top uint64) (set uint32) {
	for index := uint32(top); index != 0 && set>>index&1 == 0; index = records[index-1].parent {
		set |= 1 << index
	}
	return set
}

// declareDead says that nobody reads the place in the queue of a record that is
// free. Who follows edges may come across the rest of it.
func (w *waiter) declareDead() {
	dead := func() bool { return (freeNodes|freeEdges|spares)>>w.index&1 != 0 }
	for _, p := range []unsafe.Pointer{
		unsafe.Pointer(&w.state), unsafe.Pointer(&w.next), unsafe.Pointer(&w.owner), unsafe.Pointer(&w.grants), unsafe.Pointer(&w.at),
		unsafe.Pointer(&w.home), unsafe.Pointer(&w.bucket), unsafe.Pointer(&w.slot),
	} {
		mc.Dead(p, dead)
	}
}

// Declare names a lock's words. Its functions are told when somebody locks it, when a
// thread becomes the owner, and when a thread opens the door.
func (l *Mutex) Declare(name string, locked func(), granted, opens func(thread int)) {
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
			opens(thread)
		}
	})
	mc.Name(unsafe.Pointer(&l.word.Val), name)
	mc.Name(unsafe.Pointer(&l.word.Aux), name+".grants")
	mc.Name(unsafe.Pointer(&l.word.Owner), name+".owner")
}

// Reset puts everything but the locks into its first state: that many records
// can queue, the others are for edges only.
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

// Simulate is Reset for a simulation: there is room for many threads.
func Simulate() {
	Reset(maxRecords)
	edgeMask = edgeBuckets - 1
	clear(edges[:])
}

// Reset frees the lock.
func (l *Mutex) Reset() { l.word = asm.Word{} }

// Pending reports whether the door is closed, without a step.
func (l *Mutex) Pending() bool { return l.word.Val&asm.PendingMask != 0 }

// Leaks returns what is left in the records, or "".
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

// Owned reports whether the running thread has the lock, without a step.
func (l *Mutex) Owned() bool { return l.word.Owner&^calling == asm.CurrentG() }

// Short reports whether some waiters cannot queue, and have doors of their own.
func (l *Mutex) Short() bool { return maxNodes < chunkSize/2 }

// Stray returns what the tail must not be, or "".
func (l *Mutex) Stray() string {
	if tail := tailOf(l.word.Val); tail > maxNodes {
		return fmt.Sprintf("the tail is %d, but only %d can queue", tail, maxNodes)
	}
	return ""
}

// String renders the lock's words.
func (l *Mutex) String() string {
	return fmt.Sprintf("%s, %d grants, owner %d", FormatWord(uint64(l.word.Val)), l.word.Aux, l.word.Owner)
}

// Records renders how often each record has been used, and the free list.
func Records() (s string) {
	for i := range records {
		s += fmt.Sprint(records[i].epoch, " ")
	}
	return s + fmt.Sprint("free ", uint32(registry.nodes.top.Load(0)))
}

// Left returns what is left in the lock, or "".
func (l *Mutex) Left() string {
	if l.word.Val != 0 || l.word.Owner != 0 {
		return fmt.Sprintf("a lock is left with %s, owner %d", FormatWord(uint64(l.word.Val)), l.word.Owner)
	}
	return ""
}

// FormatNamed renders the value of a variable by its name: FormatWord for those of
// one letter and a digit, "" for others.
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
