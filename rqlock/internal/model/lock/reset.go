package lock

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/sync"
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
			"since": unsafe.Pointer(&w.since), "long": unsafe.Pointer(&w.long),
			"head.closed": unsafe.Pointer(&w.head.closed), "head.owner": unsafe.Pointer(&w.head.owner),
			"head.quiet": unsafe.Pointer(&w.head.quiet), "head.steps": unsafe.Pointer(&w.head.steps),
			"home": unsafe.Pointer(&w.home), "bucket": unsafe.Pointer(&w.bucket), "slot": unsafe.Pointer(&w.slot),
			"nextFree": unsafe.Pointer(&w.nextFree),
		} {
			name(p, "w%d.%s", i+1, field)
		}
		w.Declare(fmt.Sprintf("w%d.token", i+1))
		w.declareDead()
	}
	mc.OnChange(unsafe.Pointer(&registry.free.top), func(_ int, _, v uint64) { listed = onList(v) })
	mc.GhostVar("alarms", func() (h uint64) {
		for i := range records {
			h = h*31 + uint64(records[i].Alarm)
		}
		return h
	})
	for i := range edges[:exploredBuckets] {
		for j := range edges[i].slots {
			name(unsafe.Pointer(&edges[i].slots[j]), "edges[%d].slots[%d]", i, j)
		}
		name(unsafe.Pointer(&edges[i].passed), "edges[%d].passed", i)
		name(unsafe.Pointer(&edges[i].spare), "edges[%d].spare", i)
		mc.OnChange(unsafe.Pointer(&edges[i].spare), func(_ int, old, v uint64) { spares = (spares&^(1<<old) | 1<<v) &^ 1 })
	}
	name(unsafe.Pointer(&registry.free), "free")
	name(unsafe.Pointer(&registry.made), "made")
}

// The records on the free list, and the spare records of buckets, as sets of bits.
var listed, spares uint32

// onList returns the records on the free list with the given top.
func onList(top uint64) (set uint32) {
	for index := uint32(top); index != 0 && set>>index&1 == 0; index = records[index-1].nextFree {
		set |= 1 << index
	}
	return set
}

// declareDead says that the fields of a free record are dead, except those that a walk
// over edges may still read.
func (w *waiter) declareDead() {
	dead := func() bool { return (listed|spares)>>w.index&1 != 0 }
	for _, p := range []unsafe.Pointer{
		unsafe.Pointer(&w.state), unsafe.Pointer(&w.next), unsafe.Pointer(&w.long),
		unsafe.Pointer(&w.head.closed), unsafe.Pointer(&w.head.owner), unsafe.Pointer(&w.head.quiet), unsafe.Pointer(&w.head.steps),
		unsafe.Pointer(&w.home), unsafe.Pointer(&w.bucket), unsafe.Pointer(&w.slot),
	} {
		mc.Dead(p, dead)
	}
}

// Declare names a lock's words. The functions are called when a thread becomes the owner,
// and when the lock is closed and opened. It must be open when its queue becomes empty.
func (l *Mutex) Declare(name string, granted func(thread int), closed, opened func()) {
	mc.OnChange(unsafe.Pointer(&l.word.Owner), func(_ int, _, v uint64) {
		if v != 0 {
			granted(int(v) - 1)
		}
	})
	mc.OnChange(unsafe.Pointer(&l.word.Sleeper), func(_ int, old, v uint64) {
		switch was, is := uint32(old)&asm.ClosedMask, uint32(v)&asm.ClosedMask; {
		case was == is:
		case is != 0:
			closed()
		default:
			opened()
		}
	})
	mc.OnChange(unsafe.Pointer(&l.word.Tail), func(_ int, _, v uint64) {
		if v == 0 && l.word.Sleeper != 0 {
			mc.Fail("leaves the queue empty, and the lock with sleeper %s", formatSleeper(uint64(l.word.Sleeper)))
		}
	})
	mc.Name(unsafe.Pointer(&l.word.Owner), name+".owner")
	mc.Name(unsafe.Pointer(&l.word.Tail), name+".tail")
	mc.Name(unsafe.Pointer(&l.word.Sleeper), name+".sleeper")
}

// used is how many of the records a program has.
var used int

// Reset makes the first state of everything but the locks. There are so many records.
func Reset(n int) {
	*records = chunk{}
	used = min(n, chunkSize)
	registry.made = chunkSize
	registry.chunks[0].Poke(records)
	mostRecords = chunkSize
	registry.free, registry.mu = freeList{}, sync.Mutex{}
	for i := chunkSize - 1; i >= 0; i-- {
		w := &records[i].waiter
		w.index = uint32(i) + 1
		if i < used {
			registry.free.push(0, w)
		}
	}
	listed = onList(registry.free.top.Peek())
	edgeMask = exploredBuckets - 1
	clear(edges[:exploredBuckets])
	spares = 0
}

// Simulate is Reset for a simulation, with records for all of its threads.
func Simulate() {
	Reset(chunkSize)
	mostRecords = maxRecords
	edgeMask = edgeBuckets - 1
	clear(edges[:])
}

// Reset makes the lock free.
func (l *Mutex) Reset() { l.word = asm.Owned{} }

// Closed reports whether the lock is closed, without a step.
func (l *Mutex) Closed() bool { return l.word.Sleeper&asm.ClosedMask != 0 }

// Mistaken reports whether the queue's head, a thread, takes the lock for closed although
// it is open.
func (l *Mutex) Mistaken(thread int) bool {
	for i := range records {
		if w := &records[i].waiter; w.lock.Peek() == l && w.ID() == uint64(thread+1) {
			return w.head.closed && !l.Closed()
		}
	}
	return false
}

// Close closes the lock without a step, for tests of checks.
func (l *Mutex) Close() { l.word.Sleeper = asm.ClosedMask }

// Is reports whether w is the lock's word.
func (l *Mutex) Is(w *asm.Owned) bool { return w == &l.word }

// Wake leaves a token for each record, as an owner does that comes late to wake one who has
// long left.
func Wake(site mc.Site) {
	for i := range records[:used] {
		records[i].Signal(site)
	}
}

// Leaks describes a record or edge that is still in use, or returns "".
func Leaks() string {
	free := map[uint32]int{}
	for index := uint32(registry.free.top.Peek()); index != 0; index = records[index-1].nextFree {
		if free[index]++; free[index] > 1 {
			return fmt.Sprintf("record %d is on the free list twice", index)
		}
	}
	for i := range edges[:exploredBuckets] {
		if index := edges[i].spare; index != 0 {
			if free[index]++; free[index] > 1 {
				return fmt.Sprintf("record %d is free twice", index)
			}
		}
	}
	for i := range records[:used] {
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

// String renders the lock's words.
func (l *Mutex) String() string {
	return fmt.Sprintf("owner %d, tail %d, sleeper %s", l.word.Owner.Peek(), l.word.Tail, formatSleeper(uint64(l.word.Sleeper)))
}

// Records renders the number of uses of each record, and the top of the free list.
func Records() (s string) {
	for i := range records {
		s += fmt.Sprint(records[i].epoch, " ")
	}
	return s + fmt.Sprint("free ", uint32(registry.free.top.Peek()))
}

// Left describes a lock that is not all zero, or returns "".
func (l *Mutex) Left() string {
	if l.word != (asm.Owned{}) {
		return "a lock is left with " + l.String()
	}
	return ""
}

// Format renders the value of a variable, which it knows by the name that Declare has been
// given. For most it returns "".
func Format(name string, v uint64) string {
	if strings.HasSuffix(name, ".sleeper") {
		return formatSleeper(v)
	}
	return ""
}

func formatSleeper(v uint64) string {
	if uint32(v)&asm.ClosedMask != 0 {
		return fmt.Sprintf("closed,%d", uint32(v)&^asm.ClosedMask)
	}
	return fmt.Sprintf("open,%d", v)
}

// ID returns the thread that the record belongs to, plus 1, without a step.
func (w *waiter) ID() uint64 { return w.g.Peek() }
