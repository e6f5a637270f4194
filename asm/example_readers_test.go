package asm_test

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
)

// readerRows are the slots of all goroutines, for all locks.
var readerRows [64 + 1]asm.ReaderRow

// readerTable is where they begin, at a multiple of the size of a row.
var readerTable = func() *asm.ReaderTable {
	const size = unsafe.Sizeof(asm.ReaderRow{})
	first := unsafe.Pointer(&readerRows)
	first = unsafe.Add(first, -uintptr(first)&(size-1))
	return &asm.ReaderTable{Rows: (*asm.ReaderRow)(first), Mask: (64 - 1) * uint64(size)}
}()

// A SpinningRWMutex is a reader-writer lock whose readers write to no memory that they
// share. A writer looks at the slots of all goroutines.
type SpinningRWMutex struct{ w asm.RWOwned }

// NewSpinningRWMutex returns a lock whose readers have slots, and are not counted.
func NewSpinningRWMutex() *SpinningRWMutex {
	return &SpinningRWMutex{asm.RWOwned{Readers: asm.RowsMask}}
}

// TryRLock acquires l for reading if nobody writes, and no other read lock is in the way.
func (l *SpinningRWMutex) TryRLock() bool {
	switch asm.ReadLock(&l.w, readerTable) {
	case asm.ReadGranted:
		return true
	case asm.ReadClaimed: // there is a writer
		asm.ReadUnlock(&l.w, readerTable)
	}
	return false
}

func (l *SpinningRWMutex) RUnlock() { asm.ReadUnlock(&l.w, readerTable) }

// TryLock acquires l for writing if nobody else writes. It waits for readers.
func (l *SpinningRWMutex) TryLock() bool {
	if asm.WriteLock(&l.w) == asm.WriteRefused {
		return false
	}
	here := uint64(uintptr(unsafe.Pointer(l)))
	rows := unsafe.Slice(readerTable.Rows, 64)
	for i := range rows {
		for asm.LoadAcquire64(&rows[i].Lock[0]) == here { // pairs with the release in RUnlock
			runtime.Gosched()
		}
	}
	return true
}

func (l *SpinningRWMutex) Unlock() { asm.WriteUnlock(&l.w) }

// Who reads says so in a slot of its own row, in one call.
func ExampleReadLock() {
	l := NewSpinningRWMutex()
	fmt.Println(l.TryRLock(), l.TryRLock()) // the slot is taken
	l.RUnlock()
	fmt.Println(l.TryLock(), l.TryLock(), l.TryRLock())
	l.Unlock()
	// Output:
	// true false
	// true false false
}
