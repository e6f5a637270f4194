// Command probe uses a generated package, and panics if the package does something
// wrong on this machine. It imports little, so that it builds quickly for every GOARCH.
// With an argument it has a data race instead, for the race detector to find.
package main

import (
	"math"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"example.com/mylock"
)

func main() {
	if len(os.Args) > 1 {
		race()
		return
	}
	time.AfterFunc(time.Minute, func() { panic("takes too long") })
	if want := os.Getenv("PROBE_VARIANT"); want != "" {
		check(mylock.Variant() == want, "variant "+mylock.Variant())
	}
	currentG()
	currentGoid()
	fields()
	owned()
	readers()
	subwords()
	words()
	condLoadEnds()
	if runtime.GOARCH != "wasm" { // has one thread, and it would wait
		condLoadWaits()
	}
	exclusion()
	publication()
	println("ok", runtime.GOOS, runtime.GOARCH, mylock.Variant())
}

func check(ok bool, what string) {
	if !ok {
		panic(what)
	}
}

// currentG checks that live goroutines have different words, which do not change.
func currentG() {
	const n = 100
	var gs [n]uintptr
	var wg, alive sync.WaitGroup
	alive.Add(n)
	for i := range gs {
		wg.Go(func() {
			gs[i] = mylock.CurrentG()
			alive.Done()
			alive.Wait()
			runtime.Gosched()
			check(mylock.CurrentG() == gs[i], "CurrentG changes")
			check(deep(200) == gs[i], "CurrentG changes when the stack grows")
		})
	}
	wg.Wait()
	taken := map[uintptr]bool{0: true, mylock.CurrentG(): true}
	for _, g := range gs {
		check(!taken[g], "CurrentG is zero or has two goroutines")
		taken[g] = true
	}
}

//go:noinline
func deep(n int) uintptr {
	var frame [256]byte
	frame[n] = 1
	if n == 0 {
		return mylock.CurrentG()
	}
	return deep(n-1) + uintptr(frame[n]) - 1
}

// currentGoid checks that goroutines that follow one another have ids of their own.
func currentGoid() {
	seen := map[uint64]bool{0: true, mylock.CurrentGoid(): true}
	for range 100 {
		var wg sync.WaitGroup
		wg.Go(func() {
			id := mylock.CurrentGoid()
			check(!seen[id], "CurrentGoid is zero or used again")
			seen[id] = true
			runtime.Gosched()
			check(mylock.CurrentGoid() == id, "CurrentGoid changes")
		})
		wg.Wait()
	}
}

// owned checks each state of an Owned against what its operations make of it.
func owned() {
	me := mylock.CurrentGoid()
	for _, owner := range []uint64{0, me, me + 1, me + 1<<32} {
		for _, sleeper := range []uint32{0, 1, mylock.ClosedMask, mylock.ClosedMask | 5, mylock.ClosedMask - 1} {
			var w mylock.Owned
			state := func(id uint64) bool { return w.Owner.Load() == id && w.Tail == 7 && w.Sleeper == sleeper }
			w.Owner.Store(owner)
			w.Tail, w.Sleeper = 7, sleeper
			free := owner == 0 && sleeper&mylock.ClosedMask == 0
			check(mylock.LockOwned(&w) == free, "LockOwned")
			if free {
				owner = me
			}
			check(state(owner), "LockOwned's words")
			rest := mylock.UnlockOwned(&w)
			switch {
			case owner != me:
				check(rest == mylock.NotOwner && state(owner), "UnlockOwned of another's lock")
			case sleeper != 0:
				check(rest == mylock.WakeDue && state(0), "UnlockOwned with a sleeper")
			default:
				check(rest == mylock.Released && state(0), "UnlockOwned")
			}
			if free {
				owner = 0
			}
		}
	}
}

// rows has the rows of a table, which begins at a multiple of 64 bytes.
var rows [9]mylock.ReaderRow

// readers lets one goroutine through each state of a reader-writer lock.
func readers() {
	first := unsafe.Pointer(&rows)
	first = unsafe.Add(first, -uintptr(first)&63)
	t := &mylock.ReaderTable{Rows: (*mylock.ReaderRow)(first), Mask: 7 * 64}
	me := mylock.CurrentGoid()
	row := t.Row(mylock.CurrentG())
	var w, other mylock.RWOwned
	slot := func(l *mylock.RWOwned, id uint64) bool {
		return row.Lock[0] == uint64(uintptr(unsafe.Pointer(l))) && row.ID[0] == id
	}

	check(mylock.ReadLock(&w, t) == mylock.ReadClaimed && slot(&w, me), "ReadLock of a lock that counts its readers")
	w.Readers = mylock.RowsMask
	check(mylock.ReadLock(&w, t) == mylock.ReadRefused && slot(&w, me), "ReadLock with a slot that is taken")
	check(mylock.ReadUnlock(&other, t) == mylock.NotOwner && slot(&w, me), "ReadUnlock of another lock")
	row.ID[0] = me + 1
	check(mylock.ReadUnlock(&w, t) == mylock.NotOwner && slot(&w, me+1), "ReadUnlock of another's slot")
	row.ID[0] = me
	check(mylock.ReadUnlock(&w, t) == mylock.Released && slot(nil, 0), "ReadUnlock")
	check(mylock.ReadLock(&w, t) == mylock.ReadGranted && slot(&w, me), "ReadLock")
	w.Drainer = 1
	check(mylock.ReadUnlock(&w, t) == mylock.WakeDue && slot(nil, 0), "ReadUnlock with an owner that waits")

	check(mylock.WriteLock(&w) == mylock.ReadersDue && w.Owner.Load() == me, "WriteLock with readers")
	check(mylock.WriteLock(&w) == mylock.WriteRefused && w.Owner.Load() == me, "WriteLock twice")
	check(mylock.ReadLock(&w, t) == mylock.ReadClaimed && slot(&w, me), "ReadLock of a lock with an owner")
	check(mylock.ReadUnlock(&w, t) == mylock.WakeDue, "ReadUnlock of a claim")
	w.First = 1
	check(mylock.WriteUnlock(&w) == mylock.AdmitDue && w.Owner.Load() == me, "WriteUnlock with readers that wait")
	w.First, w.Sleeper = 0, mylock.ClosedMask
	check(mylock.WriteUnlock(&w) == mylock.WakeDue && w.Owner.Load() == 0, "WriteUnlock with a sleeper")
	check(mylock.WriteLock(&w) == mylock.WriteRefused && w.Owner.Load() == 0, "WriteLock of a closed lock")
	w.Readers, w.Sleeper = 0, 0
	check(mylock.WriteUnlock(&w) == mylock.NotOwner, "WriteUnlock of nobody's lock")
	check(mylock.WriteLock(&w) == mylock.WriteGranted && w.Owner.Load() == me, "WriteLock")
	check(mylock.WriteUnlock(&w) == mylock.Released && w.Owner.Load() == 0, "WriteUnlock")
}

// fields checks the operations on the lock word.
func fields() {
	const locked, pending, tail = mylock.LockedMask, mylock.PendingMask, mylock.TailMask
	check(locked|pending|tail == math.MaxUint32 && locked&pending|locked&tail|pending&tail == 0, "masks")
	check(mylock.TailMax<<mylock.TailShift == tail && 1<<mylock.TailShift == mylock.TailVal, "tail constants")
	words := []uint32{0, 1, locked, mylock.PendingVal, pending, mylock.TailVal, tail, 0x12345678, 0xfedcba98, math.MaxUint32}
	for _, w := range words {
		for _, new := range words {
			v := w
			check(mylock.XchgTailAcqRel(&v, new) == w&tail && v == w&^tail|new&tail, "XchgTailAcqRel")
			v = w
			check(!mylock.TryCmpxchgTailRelaxed(&v, w^mylock.TailVal, new) && v == w, "TryCmpxchgTailRelaxed fails")
			check(mylock.TryCmpxchgTailRelaxed(&v, w^locked, new) && v == w&^tail|new&tail, "TryCmpxchgTailRelaxed")
		}
		v := w
		check(mylock.FetchSetPendingAcquire(&v)&mylock.PendingVal == w&mylock.PendingVal && v == w|mylock.PendingVal, "FetchSetPendingAcquire")
		v = w
		mylock.ClearPendingRelaxed(&v)
		check(v == w&^pending, "ClearPendingRelaxed")
		v = w&^(locked|pending) | mylock.PendingVal
		mylock.ClearPendingSetLockedRelaxed(&v)
		check(v == w&tail|mylock.LockedVal, "ClearPendingSetLockedRelaxed")
		v = w
		mylock.SetLockedRelaxed(&v)
		check(v == w&^locked|mylock.LockedVal, "SetLockedRelaxed")
		mylock.UnlockRelease(&v)
		check(v == w&^locked, "UnlockRelease")
		lockFast(w)
	}
}

func lockFast(w uint32) {
	w &^= mylock.LockedMask &^ mylock.LockedVal
	l := mylock.Word{Val: w}
	free := w&(mylock.LockedMask|mylock.PendingMask) == 0
	check(mylock.LockFast(&l) == free, "LockFast")
	if !free {
		check(l == mylock.Word{Val: w}, "LockFast writes though it fails")
		l.Owner = math.MaxUint32 // nobody
		check(!mylock.UnlockFast(&l) && l == mylock.Word{Val: w, Owner: math.MaxUint32}, "UnlockFast of another's lock")
		return
	}
	check(l == mylock.Word{Val: w | mylock.LockedVal, Owner: mylock.CurrentG()}, "LockFast's words")
	check(mylock.UnlockFast(&l) && l == mylock.Word{Val: w}, "UnlockFast")
}

var (
	globalBytes [8]uint8
	globalHalfs [4]uint16
)

// subwords checks 8- and 16-bit accesses at every position in a word, of every kind of
// memory, and that they leave their neighbours alone.
func subwords() {
	var onStack [8]uint8
	for _, bytes := range []*[8]uint8{&globalBytes, &onStack, new([8]uint8)} {
		for i := range bytes {
			*bytes = [8]uint8{1, 2, 3, 4, 5, 6, 7, 8}
			want := *bytes
			check(mylock.LoadAcquire8(&bytes[i]) == want[i] && mylock.LoadRelaxed8(&bytes[i]) == want[i], "Load8")
			check(mylock.Xchg8AcqRel(&bytes[i], 0x9a) == want[i], "Xchg8AcqRel's result")
			want[i] = 0x9a
			check(*bytes == want, "Xchg8AcqRel")
			mylock.StoreRelease8(&bytes[i], 0xff)
			want[i] = 0xff
			check(*bytes == want, "StoreRelease8")
			mylock.StoreRelaxed8(&bytes[i], 0)
			want[i] = 0
			check(*bytes == want, "StoreRelaxed8")
		}
	}
	var halfsOnStack [4]uint16
	for _, halfs := range []*[4]uint16{&globalHalfs, &halfsOnStack, new([4]uint16)} {
		for i := range halfs {
			*halfs = [4]uint16{0x0102, 0x0304, 0x0506, 0x0708}
			want := *halfs
			check(mylock.LoadAcquire16(&halfs[i]) == want[i] && mylock.LoadRelaxed16(&halfs[i]) == want[i], "Load16")
			check(mylock.Xchg16AcqRel(&halfs[i], 0x9abc) == want[i], "Xchg16AcqRel's result")
			want[i] = 0x9abc
			check(*halfs == want, "Xchg16AcqRel")
			mylock.StoreRelease16(&halfs[i], 0xffff)
			want[i] = 0xffff
			check(*halfs == want, "StoreRelease16")
			mylock.StoreRelaxed16(&halfs[i], 1)
			want[i] = 1
			check(*halfs == want, "StoreRelaxed16")
		}
	}
	alone := new(uint8) // shares its word with other objects
	mylock.StoreRelease8(alone, 7)
	check(*alone == 7, "StoreRelease8 of a lone byte")
}

func words() {
	v := new(uint32)
	mylock.StoreRelease32(v, 0xfedcba98)
	check(mylock.LoadAcquire32(v) == 0xfedcba98 && mylock.Xchg32AcqRel(v, 5) == 0xfedcba98, "32 bits")
	check(mylock.TryCmpxchgAcquire32(v, 5, 6) && !mylock.TryCmpxchgAcquire32(v, 5, 7) && *v == 6, "TryCmpxchgAcquire32")
	d := new(uint64)
	mylock.StoreRelease64(d, 0xfedcba9876543210)
	check(mylock.LoadAcquire64(d) == 0xfedcba9876543210, "64 bits")
	mylock.CPURelax()
	before := mylock.CycleCount()
	time.Sleep(10 * time.Millisecond)
	check(mylock.CycleCount() > before, "CycleCount stands still")
}

// condLoadEnds checks that a conditional load returns what it has found when its spins
// are used up, for numbers of spins around those of whole chunks.
func condLoadEnds() {
	v := uint32(0xf0)
	for _, spins := range []uint32{0, 1, mylock.SpinChunk - 1, mylock.SpinChunk, mylock.SpinChunk + 1, mylock.SpinChunk + 2, 2*mylock.SpinChunk + 1, 2*mylock.SpinChunk + 2} {
		check(mylock.CondLoadAcquire32(&v, 0xff, 0, spins) == 0xf0, "CondLoadAcquire32")
		check(mylock.CondLoadRelaxed32(&v, 0x0f, 1, spins) == 0xf0, "CondLoadRelaxed32")
	}
	check(mylock.CondLoadAcquire32(&v, 0x30, 0x30, math.MaxUint32) == 0xf0, "CondLoadAcquire32 of a match")
}

// condLoadWaits checks that the largest number of spins is enough for a wait.
func condLoadWaits() {
	var v uint32
	go func() {
		time.Sleep(10 * time.Millisecond)
		mylock.StoreRelease32(&v, 3)
	}()
	check(mylock.CondLoadAcquire32(&v, 1, 1, math.MaxUint32) == 3, "CondLoadAcquire32 of a store")
}

// exclusion lets goroutines count under locks of each kind of primitive. The counters
// are plain, so that the race detector finds a missing edge.
func exclusion() {
	var fast mylock.Word
	var own, head mylock.Owned
	var xchg, cas, flag uint32
	var bytes [4]uint8
	var half uint16
	for name, lock := range map[string]struct{ lock, unlock func() }{
		"LockFast": {
			func() { until(func() bool { return mylock.LockFast(&fast) }) },
			func() { check(mylock.UnlockFast(&fast), "UnlockFast of our own") },
		},
		"LockOwned": {
			func() { until(func() bool { return mylock.LockOwned(&own) }) },
			func() { check(mylock.UnlockOwned(&own) == mylock.Released, "UnlockOwned of our own") },
		},
		"TryCmpxchgAcquire64, UnlockOwned": {
			func() {
				owner := (*uint64)(unsafe.Pointer(&head.Owner))
				until(func() bool { return mylock.TryCmpxchgAcquire64(owner, 0, mylock.CurrentGoid()) })
			},
			func() { check(mylock.UnlockOwned(&head) == mylock.Released, "UnlockOwned of our own") },
		},
		"TryCmpxchgAcquire32, UnlockRelease": {
			func() { until(func() bool { return mylock.TryCmpxchgAcquire32(&cas, 0, mylock.LockedVal) }) },
			func() { mylock.UnlockRelease(&cas) },
		},
		"Xchg32AcqRel, StoreRelease32": {
			func() { until(func() bool { return mylock.Xchg32AcqRel(&xchg, 1) == 0 }) },
			func() { mylock.StoreRelease32(&xchg, 0) },
		},
		"Xchg8AcqRel, StoreRelease8": {
			func() { until(func() bool { return mylock.Xchg8AcqRel(&bytes[2], 1) == 0 }) },
			func() { mylock.StoreRelease8(&bytes[2], 0) },
		},
		"Xchg16AcqRel, StoreRelease16": {
			func() { until(func() bool { return mylock.Xchg16AcqRel(&half, 1) == 0 }) },
			func() { mylock.StoreRelease16(&half, 0) },
		},
		"FetchSetPendingAcquire, XchgTailAcqRel": { // the exchange of the tail is here only to release
			func() {
				until(func() bool { return mylock.FetchSetPendingAcquire(&flag)&mylock.PendingVal == 0 })
			},
			func() { mylock.XchgTailAcqRel(&flag, 0); mylock.ClearPendingRelaxed(&flag) },
		},
	} {
		const goroutines, rounds = 4, 250
		count := 0
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for range rounds {
					lock.lock()
					count++
					lock.unlock()
				}
			})
		}
		wg.Wait()
		check(count == goroutines*rounds, "lost counts under "+name)
	}
}

func until(ok func() bool) {
	for !ok() {
		runtime.Gosched()
	}
}

// publication hands on plain data, through two fields of a word that are released one
// after the other, and through each width of load and store.
func publication() {
	word := mylock.LockedVal
	var data [5]int
	go func() {
		data[0] = 1
		mylock.XchgTailAcqRel(&word, mylock.TailVal)
	}()
	go func() {
		time.Sleep(10 * time.Millisecond)
		data[1] = 1
		mylock.UnlockRelease(&word) // must not take back what the tail published
	}()
	const mask = mylock.TailMask | mylock.LockedMask
	until(func() bool { return mylock.CondLoadAcquire32(&word, mask, mylock.TailVal, 10) == mylock.TailVal })
	check(data[0] == 1 && data[1] == 1, "publication through fields")

	whole, h, d := new(uint32), uint16(0), uint64(0)
	go func() {
		data[2] = 1
		mylock.StoreRelease8((*uint8)(unsafe.Add(unsafe.Pointer(whole), 3)), 1)
		data[3] = 1
		mylock.StoreRelease16(&h, 1)
		data[4] = 1
		mylock.StoreRelease64(&d, 1)
	}()
	until(func() bool { return mylock.LoadAcquire32(whole) != 0 })
	check(data[2] == 1, "publication through a byte of a word")
	until(func() bool { return mylock.LoadAcquire16(&h) != 0 })
	check(data[3] == 1, "publication through 16 bits")
	until(func() bool { return mylock.LoadAcquire64(&d) != 0 })
	check(data[4] == 1, "publication through 64 bits")
}

// race writes and reads plain data in two goroutines. What else they call orders
// nothing, even on one processor. One reads under a lock after the other has, which must
// not be an edge.
func race() {
	runtime.GOMAXPROCS(1)
	var data uint32
	var word mylock.Word
	var own mylock.Owned
	shared := mylock.RWOwned{Readers: mylock.RowsMask}
	table := &mylock.ReaderTable{Rows: &rows[0]}
	var wg sync.WaitGroup
	wg.Go(func() {
		data = 1
		check(mylock.ReadLock(&shared, table) == mylock.ReadGranted && mylock.ReadUnlock(&shared, table) == mylock.Released, "the first reader")
		mylock.LockFast(&word)
		mylock.LockOwned(&own)
		currentGs()
	})
	wg.Go(func() {
		time.Sleep(100 * time.Millisecond)
		currentGs()
		mylock.TryCmpxchgTailRelaxed(new(uint32), 1, 0)
		check(mylock.ReadLock(&shared, table) == mylock.ReadGranted, "the second reader")
		println(data)
	})
	wg.Wait()
}

func currentGs() {
	for range 100 {
		mylock.CurrentG()
		mylock.CurrentGoid()
	}
}
