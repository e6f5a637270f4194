package asm

import (
	"sync/atomic"
	"unsafe"
)

type RWOwned struct {
	Owned
	Readers  uint32
	First    uint32
	Drainer  uint32
	Admitted uint32
}

const RowsMask = 1 << 31

type ReaderRow struct {
	Lock  [3]uint64
	ID    [3]uint64
	More  [3]uint32
	State uint32
}

type ReaderTable struct {
	Rows *ReaderRow
	Mask uint64
}

func (t *ReaderTable) Row(g uintptr) *ReaderRow {
	return (*ReaderRow)(unsafe.Add(unsafe.Pointer(t.Rows), (uint64(g)^uint64(g)>>7)&t.Mask))
}

const (
	ReadGranted uint32 = iota
	ReadRefused
	ReadClaimed
)
const (
	WriteGranted uint32 = iota
	WriteRefused
	ReadersDue
)
const AdmitDue = 3

func ReadLock(w *RWOwned, t *ReaderTable) uint32 {
	RaceDisable()
	rest := readLock(w, t)
	RaceEnable()
	if raceEnabled && rest == ReadGranted {
		raceAcquire(unsafe.Pointer(w))
	}
	return rest
}

func readLock(w *RWOwned, t *ReaderTable) uint32 {
	row := t.Row(CurrentG())
	if !atomic.CompareAndSwapUint64(&row.Lock[0], 0, uint64(uintptr(unsafe.Pointer(w)))) {
		return ReadRefused
	}
	atomic.StoreUint64(&row.ID[0], CurrentGoid())
	if w.Owner.Load() != 0 || atomic.LoadUint32(&w.Readers)&RowsMask == 0 {
		return ReadClaimed
	}
	return ReadGranted
}

func ReadUnlock(w *RWOwned, t *ReaderTable) uint32 {
	if raceEnabled {
		raceReleaseMerge(unsafe.Pointer(&w.Readers))
	}
	RaceDisable()
	defer RaceEnable()
	row := t.Row(CurrentG())
	if atomic.LoadUint64(&row.Lock[0]) != uint64(uintptr(unsafe.Pointer(w))) || atomic.LoadUint64(&row.ID[0]) != CurrentGoid() {
		return NotOwner
	}
	atomic.StoreUint64(&row.ID[0], 0)
	atomic.StoreUint64(&row.Lock[0], 0)
	if atomic.LoadUint32(&w.Drainer) != 0 {
		return WakeDue
	}
	return Released
}

func WriteLock(w *RWOwned) uint32 {
	if !LockOwned(&w.Owned) {
		return WriteRefused
	}
	if raceEnabled {
		raceAcquire(unsafe.Pointer(&w.Readers))
	}
	if atomic.LoadUint32(&w.Readers) != 0 {
		return ReadersDue
	}
	return WriteGranted
}

func WriteUnlock(w *RWOwned) uint32 {
	if w.Owner.Load() != CurrentGoid() {
		return NotOwner
	}
	if atomic.LoadUint32(&w.First) != 0 {
		return AdmitDue
	}
	if UnlockOwned(&w.Owned) == WakeDue || atomic.LoadUint32(&w.First) != 0 {
		return WakeDue
	}
	return Released
}
