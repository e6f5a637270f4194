package lock

import (
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/context"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// These functions hash live variables, for a thread's control state. Their names are made
// from the variables' types by gen. Shared records have the same addresses in all
// executions, so their addresses stand for them.

func hashPtr[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

func hashMutexPtr[T any](l *T) uint64      { return hashPtr(l) }
func hashWaiterPtr(w *Waiter) uint64       { return hashPtr(w) }
func hashOwnedPtr(l *asm.Owned) uint64     { return hashPtr(l) }
func hashParkerPtr(p *Parker) uint64       { return hashPtr(p) }
func hashHeadPtr(h *Head) uint64           { return hashPtr(h) }
func hashFreeListPtr(l *freeList) uint64   { return hashPtr(l) }
func hashBucketPtr[T any](b *T) uint64     { return hashPtr(b) }
func hashChunkPtr[T any](c *T) uint64      { return hashPtr(c) }
func hashUint32Ptr(p *uint32) uint64       { return hashPtr(p) }
func hashContext(c context.Context) uint64 { return hashPtr(c) }

func hashRWMutexPtr(l *RWMutex) uint64           { return hashPtr(l) }
func hashLockPtr(l *GateLock) uint64             { return hashPtr(l) }
func hashKindWordPtr(w *KindWord) uint64         { return hashPtr(w) }
func hashReadingPtr(r *Reading) uint64           { return hashPtr(r) }
func hashReaderRowPtr(r *asm.ReaderRow) uint64   { return hashPtr(r) }
func hashBlockedPtr(b *ReadersBlocked) uint64    { return hashPtr(b) }
func hashNodePtr(n *readersNode) uint64          { return hashPtr(n) }
func hashUint64Ptr(p *uint64) uint64             { return hashPtr(p) }
func hashReaderRows(rows []asm.ReaderRow) uint64 { return hashPtr(unsafe.SliceData(rows)) }

// Those of what is not shared are of its contents.

func hashReader(r ReadersReader) uint64 { return r.ID }

func hashReaderPtr(r *ReadersReader) uint64 {
	if r == nil {
		return 0
	}
	return 1 + hashReader(*r)
}

func hashSlot(s ReadersSlot) uint64 {
	return (hashPtr(s.row)*31+uint64(s.index))*31 + uint64(s.chunk)<<32 + uint64(s.number)
}

func hashSlots(slots []ReadersSlot) uint64 {
	h := uint64(len(slots))
	for _, s := range slots {
		h = h*1000003 + hashSlot(s)
	}
	return h
}

func hashTally(t gateTally) uint64 {
	return ((hashSlots(t.slots)*31+uint64(t.uncounted))*31+uint64(t.counted))*31 + uint64(t.balance)
}

func hashScan(s ReadersScan) uint64     { return (uint64(s.chunk)*31+uint64(s.row))*31 + uint64(s.slot) }
func hashScanPtr(s *ReadersScan) uint64 { return hashScan(*s) }

func hashWatched(w readersWatched) uint64 {
	h := uint64(w.n)
	for i := range w.n {
		h = (h*1000003+hashPtr(w.slots[i]))*1000003 + w.seen[i]
	}
	return h
}

func hashWatchedPtr(w *readersWatched) uint64 { return hashWatched(*w) }

func hashUint32s(xs []uint32) uint64 {
	h := uint64(len(xs))
	for _, x := range xs {
		h = h*1000003 + uint64(x)
	}
	return h
}

func hashBool(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func hashBoolPtr(b *bool) uint64 { return hashBool(*b) }

func hashBackoff(b wait.Backoff) uint64     { return hashBool(b.Yielded) }
func hashBackoffPtr(b *wait.Backoff) uint64 { return hashBackoff(*b) }

// hashError covers everything that checks need of an error.
func hashError(err error) uint64 {
	switch err := err.(type) {
	case nil:
		return 0
	case *DeadlockError:
		return hashDeadlockErrorPtr(err)
	case *TimeoutError:
		return 2 + hashBool(err.Stall) + hashBool(err.Told)
	}
	return 1
}

func hashDeadlockErrorPtr(err *DeadlockError) uint64 {
	h := uint64(7)
	if err == nil {
		return h - 1
	}
	for _, t := range err.Threads {
		h = h*31 + uint64(t)
	}
	return h
}

func hashVerdictPtr(v *Verdict) uint64 {
	if v == nil {
		return 0
	}
	return hashError(v.Err)*31 + uint64(v.Epoch) + 1
}

func hashLimit(lim Limit) uint64 { return hashLimitPtr(&lim) }

func hashLimitPtr(lim *Limit) uint64 {
	if lim == nil {
		return 0
	}
	return 1 + uint64(lim.deadline.NS)*31 + hashPtr(lim.ctx)
}

func hashHead(h Head) uint64 {
	return ((h.owner*31+uint64(h.quiet))*31+uint64(h.steps))*2 + hashBool(h.Closed)
}

func hashStep(s Step) uint64 {
	return (((hashPtr(s.Waiter)*31+s.ID)*31+uint64(s.Epoch))*31+hashPtr(s.Lock))*3 + uint64(s.Kind)
}

func hashSteps(steps []Step) uint64 {
	h := uint64(len(steps))
	for _, s := range steps {
		h = h*1000003 + hashStep(s)
	}
	return h
}

func hashCycle(c Cycle) uint64 { return hashSteps(c) }

func hashCycles(cycles []Cycle) uint64 {
	h := uint64(len(cycles))
	for _, c := range cycles {
		h = h*1000003 + hashCycle(c)
	}
	return h
}

func hashBranchs(path []branch) uint64 {
	h := uint64(len(path))
	for _, b := range path {
		h = h*1000003 + hashBranch(b)
	}
	return h
}

func hashBranch(b branch) uint64 { return hashStep(b.Step)*31 + uint64(b.own) }

// hashWalkPtr hashes what the rest of a walk depends on.
func hashWalkPtr(k *walk) uint64 {
	h := hashStep(k.start)*31 + hashBool(k.past) + hashBranchs(k.path)*7 + hashSteps(k.next)*11
	for _, index := range k.skipped {
		h = h*1000003 + uint64(index)
	}
	for index, round := range k.seen {
		if round == k.round {
			h = h*31 + uint64(index)
		}
	}
	return h
}
