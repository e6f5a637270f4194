package lock

import (
	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/time"
	"github.com/rqlock/rqlock/rqlock/internal/model/wait"
)

// What the copy of RWMutex needs besides stubs.go.

// AnyReaders says that a program has RWMutexes. If not, nobody enters what it reads, and waits
// have one kind, so that a program of Mutexes has no steps for that.
var AnyReaders bool

// Sizes. An exploration has so few that all of their cases occur; a simulation has the
// original's.
var (
	readersRun        uint64
	readersRetry      uint64
	readersBudget     uint64
	readersSweepAfter time.Duration
	ReadersFew        int
	patience          int
)

// Of further rows there are two in the first chunk, and four in the second.
const (
	readersFirstChunk = 2
	readersMaxChunks  = 3
)

// rows are the first rows of an exploration, and chunkRows those of the further chunks, whose
// slots have chunkPlaces.
var (
	rows        [exploredRows]asm.ReaderRow
	chunkRows   [readersMaxChunks][readersFirstChunk << readersMaxChunks]asm.ReaderRow
	chunkPlaces [readersMaxChunks][readersSlots * readersFirstChunk << readersMaxChunks]uint32
)

func readersPatience() int { return patience }

func readersMakeFirst() []asm.ReaderRow { return rows[:] }

// readersGrow is grow. The rows are made before an execution begins, as all memory is.
func readersGrow(site mc.Site, n int) (*readersChunk, []asm.ReaderRow) {
	c := &readersFurther.chunks[n]
	c.first.Store(site, &chunkRows[n][0])
	return c, chunkRows[n][:readersFirstChunk<<(n-1)]
}

// spin is RWMutex.spin, with so many tries as the program says.
func (l *RWMutex) spin(site mc.Site, kind Kind, try func() bool) bool {
	mc.Enter(-5)
	defer mc.Leave()
	for i := range wait.Tries() {
		mc.At(site, uint64(i), 0)
		if HolderWaits(site, &l.rw.Owned, kind) {
			return false
		}
		mc.At(site, uint64(i), 1)
		if Closed(site, &l.rw.Owned) {
			return false
		}
		mc.At(site, uint64(i), 2)
		if try() {
			return true
		}
		wait.Relax(wait.Pauses(i))
	}
	return false
}

func (l *RWMutex) awaitBeside(*Waiter, *Limit, func() bool) error { panic("there are no bubbles") }
func (l *RWMutex) listedBriefly(*Waiter) bool                     { panic("there are no bubbles") }

func (l *RWMutex) info() any { return nil }

func failSelf(_ *asm.Owned, _ Kind, _ bool) error {
	return &DeadlockError{Threads: []int{mc.Self()}, AtOnce: true}
}

func (l *RWMutex) failStall(Kind, time.Duration) error        { return stalled(&l.rw.Owned) }
func (l *RWMutex) newTimeout(Kind, time.Duration, bool) error { return errDeadline }

func (l *RWMutex) badUnlock(uint64) {
	mc.Fail("unlocks a lock that it does not hold for writing")
}

func (l *RWMutex) badRUnlock() { mc.Fail("ends reading a lock that it does not read") }

func (l *RWMutex) badOverwritten() { mc.Fail("finds that the lock that it reads was overwritten") }

func (l *RWMutex) badAssert(uint64, string) { mc.Fail("does not hold a lock that it must hold") }

func (l *RWMutex) took(_ Kind, err error) error { return err }
func (l *RWMutex) tried(_ Kind, ok bool) bool   { return ok }
func (l *RWMutex) gives()                       {}
