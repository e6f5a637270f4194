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
		w := &records[i].Waiter
		for field, p := range map[string]unsafe.Pointer{
			"state": unsafe.Pointer(&w.State), "next": unsafe.Pointer(&w.Next), "epoch": unsafe.Pointer(&w.Epoch),
			"id": unsafe.Pointer(&w.ID), "lock": unsafe.Pointer(&w.Lock), "verdict": unsafe.Pointer(&w.Verdict),
			"of": unsafe.Pointer(&w.Of), "prev": unsafe.Pointer(&w.Prev), "since": unsafe.Pointer(&w.Since), "bounded": unsafe.Pointer(&w.Bounded),
			"head.closed": unsafe.Pointer(&w.Head.Closed), "head.owner": unsafe.Pointer(&w.Head.owner),
			"head.quiet": unsafe.Pointer(&w.Head.quiet), "head.steps": unsafe.Pointer(&w.Head.steps),
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
		for _, d := range naps {
			h = h*31 + uint64(d)
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
func (w *Waiter) declareDead() {
	dead := func() bool { return (listed|spares)>>w.Index&1 != 0 }
	for _, p := range []unsafe.Pointer{
		unsafe.Pointer(&w.State), unsafe.Pointer(&w.Next), unsafe.Pointer(&w.Bounded),
		unsafe.Pointer(&w.Head.Closed), unsafe.Pointer(&w.Head.owner), unsafe.Pointer(&w.Head.quiet), unsafe.Pointer(&w.Head.steps),
		unsafe.Pointer(&w.home), unsafe.Pointer(&w.bucket), unsafe.Pointer(&w.slot),
	} {
		mc.Dead(p, dead)
	}
}

// Declare names a lock's words. The functions are called when a thread becomes the owner,
// and when the lock is closed, opened, and without a queue.
func (l *Mutex) Declare(name string, granted func(thread int), closed, opened, emptied func()) {
	declareWord(&l.word, name, granted, closed, opened, emptied)
}

func declareWord(word *asm.Owned, name string, granted func(thread int), closed, opened, emptied func()) {
	mc.OnChange(unsafe.Pointer(&word.Owner), func(_ int, _, v uint64) {
		if v != 0 {
			granted(int(v) - 1)
		}
	})
	mc.OnChange(unsafe.Pointer(&word.Sleeper), func(_ int, old, v uint64) {
		switch was, is := uint32(old)&asm.ClosedMask, uint32(v)&asm.ClosedMask; {
		case was == is:
		case is != 0:
			closed()
		default:
			opened()
		}
	})
	mc.OnChange(unsafe.Pointer(&word.Tail), func(_ int, _, v uint64) {
		if v == 0 {
			emptied()
		}
	})
	mc.Name(unsafe.Pointer(&word.Owner), name+".owner")
	mc.Name(unsafe.Pointer(&word.Tail), name+".tail")
	mc.Name(unsafe.Pointer(&word.Sleeper), name+".sleeper")
}

// used is how many of the records a program has.
var used int

// Reset makes the first state of everything but the locks. There are so many records.
func Reset(n int) {
	*records = chunk{}
	used = min(n, chunkSize)
	registry.made = uint32(used)
	registry.chunks[0].Poke(records)
	Most = uint32(used)
	registry.free, registry.mu = freeList{}, sync.Mutex{}
	for i := chunkSize - 1; i >= 0; i-- {
		w := &records[i].Waiter
		w.Index = uint32(i) + 1
		if i < used {
			registry.free.push(0, w)
		}
	}
	listed, forged = onList(registry.free.top.Peek()), 0
	naps = [len(naps)]int64{}
	edgeMask = exploredBuckets - 1
	clear(edges[:exploredBuckets])
	spares = 0
}

// Simulate is Reset for a simulation, with records for all of its threads. All are made
// before it begins: the twin of sync.Mutex spins, and so making them would take all the time.
func Simulate() {
	Reset(chunkSize)
	for i := 1; i < maxChunks; i++ {
		c := new(chunk)
		registry.chunks[i].Poke(c)
		for k := range c {
			w := &c[k].Waiter
			w.Index = uint32(i*chunkSize+k) + 1
			registry.free.push(0, w)
		}
	}
	registry.made, Most = maxRecords, maxRecords
	edgeMask = edgeBuckets - 1
	clear(edges[:])
}

// Reset makes the lock free.
func (l *Mutex) Reset() { l.word = asm.Owned{} }

// Waiters counts the records that have linked in the lock's queue, without a step.
func (l *Mutex) Waiters() (n int) {
	for index := l.word.Tail; index != 0; index = records[index-1].Prev {
		if w := &records[index-1]; w.Prev == unlinked || w.Prev != 0 && records[w.Prev-1].Next != index {
			return 0
		}
		n++
	}
	return n
}

// Forge makes the lock, before an execution begins, a copy of one that is free by now: its
// tail names a record of that lock's, which nobody uses. There must be one more than needed.
func (l *Mutex) Forge() { forge(&l.word) }

func forge(l *asm.Owned) {
	w := registry.free.pop(0)
	listed = onList(registry.free.top.Peek())
	w.Of, forged = 1, w.Index
	l.Tail = w.Index
}

// forged is the record that Forge has taken.
var forged uint32

// Overwrite makes the lock all zero, by stores as of *l = Mutex{}.
func (l *Mutex) Overwrite(site mc.Site) { l.assign(site, nil) }

// Copy makes the lock a copy of another one, as *l = *from does.
func (l *Mutex) Copy(site mc.Site, from *Mutex) { l.assign(site, from) }

// part returns one of the lock's words, and its width.
func (l *Mutex) part(i int) (p unsafe.Pointer, bits int) {
	switch i {
	case 0:
		return unsafe.Pointer(&l.word.Owner), 64
	case 1:
		return unsafe.Pointer(&l.word.Tail), 32
	}
	return unsafe.Pointer(&l.word.Sleeper), 32
}

// assign stores the words of another lock, or zeros. In RA the stores are exchanges: on
// arm64, who acquires a store finds all that comes before it in the order of its location.
func (l *Mutex) assign(site mc.Site, from *Mutex) {
	mc.Enter(-4)
	defer mc.Leave()
	for i := range 3 {
		v := uint64(0)
		if from != nil {
			p, bits := from.part(i)
			mc.At(site, uint64(i))
			v = mc.LoadWord(site, "copy", p, bits, mc.Relaxed)
		}
		p, bits := l.part(i)
		mc.At(site, uint64(i), v, 1)
		if mc.Memory() == mc.RA {
			mc.Update(site, "overwrite", p, bits, mc.Relaxed, func(uint64) (uint64, bool) { return v, true })
		} else {
			mc.StoreWord(site, "overwrite", p, bits, v, mc.Relaxed)
		}
	}
}

// Closed reports whether the lock is closed, without a step.
func (l *Mutex) Closed() bool { return l.word.Sleeper&asm.ClosedMask != 0 }

// Mistaken reports whether the queue's head, a thread, takes the lock for closed although
// it is open.
func (l *Mutex) Mistaken(thread int) bool {
	for i := range records {
		if w := &records[i].Waiter; w.Lock.Peek() == &l.word && w.ID.Peek() == uint64(thread+1) {
			return w.Head.Closed && !l.Closed()
		}
	}
	return false
}

// Sleeper renders the word that says whether the lock is closed, and who sleeps.
func (l *Mutex) Sleeper() string { return formatSleeper(uint64(l.word.Sleeper)) }

// Open reports whether the lock is open and nobody sleeps, without a step.
func (l *Mutex) Open() bool { return l.word.Sleeper == 0 }

// Close closes the lock without a step, for tests of checks.
func (l *Mutex) Close() { l.word.Sleeper = asm.ClosedMask }

// Is reports whether w is the lock's word.
func (l *Mutex) Is(w *asm.Owned) bool { return w == &l.word }

// SignalAll leaves a token for each record, as an owner does that comes late to wake one who has
// long left.
func SignalAll(site mc.Site) {
	for i := range records[:used] {
		records[i].Signal(site)
	}
}

// Leaks describes a record or edge that is still in use, or returns "". With losses it lets
// pass records that their owner has left to somebody who is about to link behind them.
func Leaks(losses bool) string {
	free := map[uint32]int{forged: 1}
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
		w := &records[i].Waiter
		if losses && free[w.Index] == 0 && w.Next == linkClosed && w.Of != 0 && w.Lock.Peek() == nil {
			continue
		}
		if free[w.Index] == 0 {
			return fmt.Sprintf("record %d is not free", w.Index)
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
func (l *Mutex) String() string { return stringOf(&l.word) }

func stringOf(word *asm.Owned) string {
	return fmt.Sprintf("owner %d, tail %d, sleeper %s", word.Owner.Peek(), word.Tail, formatSleeper(uint64(word.Sleeper)))
}

// Records renders the number of uses of each record, and the top of the free list.
func Records() (s string) {
	for i := range records {
		s += fmt.Sprint(records[i].Epoch, " ")
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
