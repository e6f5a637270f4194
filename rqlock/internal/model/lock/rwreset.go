package lock

import (
	"fmt"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/model/asm"
	"github.com/rqlock/rqlock/rqlock/internal/model/atomic"
	"github.com/rqlock/rqlock/rqlock/internal/model/mc"
	"github.com/rqlock/rqlock/rqlock/internal/model/sync"
	"github.com/rqlock/rqlock/rqlock/internal/model/time"
)

// Rows is what the readers of a program have.
type Rows struct {
	First  int  // rows, a power of two; 0 = nobody reads
	Unused bool // they are not in use yet
}

// nodes has what records enter of their read locks: more than any program's thread holds.
var (
	nodes   [chunkSize][8]readersNode
	nodesOf [chunkSize][]*readersNode
)

func init() {
	for i := range nodes {
		for j := range nodes[i] {
			nodesOf[i] = append(nodesOf[i], &nodes[i][j])
		}
	}
}

// blockedAt are the buckets of a program's locks in the table of those who wait and read.
var blockedAt []int

// DeclareReaders names the variables of the readers' table, which locks share.
func DeclareReaders() {
	name := func(p unsafe.Pointer, format string, args ...any) { mc.Name(p, fmt.Sprintf(format, args...)) }
	row := func(r *asm.ReaderRow, format string, args ...any) {
		s := fmt.Sprintf(format, args...)
		for i := range r.Lock {
			name(unsafe.Pointer(&r.Lock[i]), "%s.lock[%d]", s, i)
			name(unsafe.Pointer(&r.ID[i]), "%s.id[%d]", s, i)
			name(unsafe.Pointer(&r.More[i]), "%s.more[%d]", s, i)
		}
		name(unsafe.Pointer(&r.State), "%s.passed", s)
	}
	for i := range exploredRows {
		row(&rows[i], "row%d", i)
	}
	for n := 1; n < readersMaxChunks; n++ {
		name(unsafe.Pointer(&chunkRows[n][0]), "chunk%d.rows", n)
		for i := range readersFirstChunk << (n - 1) {
			row(&chunkRows[n][i], "chunk%d.row%d", n, i)
			for slot := range readersSlots {
				name(unsafe.Pointer(&chunkPlaces[n][i*readersSlots+slot]), "chunk%d.row%d.place[%d]", n, i, slot)
			}
		}
		c := &readersFurther.chunks[n]
		name(unsafe.Pointer(&c.places), "chunk%d.places", n)
		name(unsafe.Pointer(&c.first), "chunk%d.first", n)
		name(unsafe.Pointer(&c.used), "chunk%d.used", n)
	}
	name(unsafe.Pointer(&readersUse.mu), "use.mu")
	name(unsafe.Pointer(&readersUse.rows[0]), "use.rows")
	name(unsafe.Pointer(&readersUse.swept), "use.swept")
	name(unsafe.Pointer(&readersUse.beyond), "use.beyond")
	for i := range records {
		w := &records[i].Waiter
		for field, p := range map[string]unsafe.Pointer{
			"kind": unsafe.Pointer(&w.Kind), "stage": unsafe.Pointer(&w.Stage), "after": unsafe.Pointer(&w.After), "before": unsafe.Pointer(&w.Before),
			"leads": unsafe.Pointer(&w.Leads), "again": unsafe.Pointer(&w.Again), "passed": unsafe.Pointer(&w.Passed),
		} {
			name(p, "w%d.%s", i+1, field)
		}
		dead := func() bool { return (listed|spares)>>w.Index&1 != 0 }
		for _, p := range []unsafe.Pointer{unsafe.Pointer(&w.After), unsafe.Pointer(&w.Before), unsafe.Pointer(&w.Leads), unsafe.Pointer(&w.Again), unsafe.Pointer(&w.Passed)} {
			mc.Dead(p, dead)
		}
	}
	blockedAt = nil
	mc.GhostVar("readers", hashReaders)
}

// exploredRows is the most that a program has of the first rows.
const exploredRows = 4

// hashReaders covers what is plain and has no steps: it changes only with a mutex held, or by the
// goroutine that it is of.
func hashReaders() (h uint64) {
	if !AnyReaders {
		return 0
	}
	add := func(v uint64) { h = (h ^ v) * 0x9e3779b97f4a7c15; h ^= h >> 29 }
	for i := range records[:used] {
		w := &records[i].Waiter
		add(uint64(w.Reads.used))
		add(hashReader(w.Edge.Reader))
		add(hashScan(w.Scan))
	}
	for _, at := range blockedAt {
		for n := readersBlocked[at].first; n != nil; n = n.next {
			add(hashPtr(n))
			add(n.lock)
			add(uint64(n.record))
		}
		add(1)
	}
	return h
}

// ResetReaders makes the first state of the readers' table. It comes after Reset.
func ResetReaders(r Rows) {
	if AnyReaders = r.First > 0; !AnyReaders {
		return
	}
	readersRun, readersRetry, readersBudget, readersSweepAfter, ReadersFew, patience = 1, 1, 1, 0, 1, 1
	readersFirst, readersFirstRow = rows[:r.First], &rows[0]
	clear(readersFirst)
	readerTable = ReadersTable()
	inUse := uint64(1)<<r.First - 1
	if r.Unused {
		inUse = 0
		for i := range readersFirst {
			readersFirst[i].Lock[0] = readersUnused
		}
	}
	readersUse.mu = sync.Mutex{}
	readersUse.rows[0].Poke(inUse)
	readersUse.swept, readersUse.beyond = atomic.Int64{}, atomic.Int64{}
	for n := range readersFurther.chunks {
		readersFurther.chunks[n] = readersChunk{}
		readersFurther.chunks[n].places.Poke(&chunkPlaces[n][0])
		clear(chunkRows[n][:])
		clear(chunkPlaces[n][:])
	}
	for i := range readersHeats {
		if readersHeats[i].heat != 0 {
			readersHeats[i].heat = 0
		}
	}
	for _, at := range blockedAt {
		readersBlocked[at].mu, readersBlocked[at].first = sync.Mutex{}, nil
	}
	for i := range records {
		records[i].Reads.nodes = nodesOf[i]
		clear(nodes[i][:])
	}
}

// SimulateReaders is Simulate for RWMutexes on so many cores, with the original's sizes.
func SimulateReaders(cores int) {
	Simulate()
	AnyReaders = true
	readersRun, readersRetry, readersBudget, readersSweepAfter, ReadersFew, patience = 32, 1024, 4096, time.Millisecond, 4, max(64, 8*cores)
	n := readersFewest
	for n < readersPerCPU*cores {
		n *= 2
	}
	readersFirst = make([]asm.ReaderRow, n)
	for i := range readersFirst {
		readersFirst[i].Lock[0] = readersUnused
	}
	readersFirstRow = &readersFirst[0]
	readerTable = ReadersTable()
	for i := range readersUse.rows {
		readersUse.rows[i].Poke(0)
	}
	for i := range readersHeats {
		readersHeats[i].heat = 0
	}
}

// Declare names a lock's words, and tells the checks of changes as Mutex.Declare does.
func (l *RWMutex) Declare(name string, granted func(thread int), closed, opened, emptied func()) {
	declareWord(&l.rw.Owned, name, granted, closed, opened, emptied)
	mc.Name(unsafe.Pointer(&l.rw.Readers), name+".readers")
	mc.Name(unsafe.Pointer(&l.rw.First), name+".first")
	mc.Name(unsafe.Pointer(&l.rw.Drainer), name+".drainer")
	mc.Name(unsafe.Pointer(&l.rw.Balance), name+".balance")
	at := readersBucketOf(l.gate().name())
	blockedAt = append(blockedAt, at)
	mc.Name(unsafe.Pointer(&readersBlocked[at].mu), fmt.Sprintf("blocked[%s].mu", name))
	mc.Name(unsafe.Pointer(l.gate().mutex()), name+".mu")
	heat, _ := readersHeatOf(l.gate().name())
	mc.Name(unsafe.Pointer(heat), name+".heat")
}

// Forge is Mutex.Forge.
func (l *RWMutex) Forge() { forge(&l.rw.Owned) }

// Reset makes the lock free. Its readers may be in rows, and stay there.
func (l *RWMutex) Reset(inRows bool) {
	l.rw = asm.RWOwned{}
	*l.gate().mutex() = sync.Mutex{}
	if inRows {
		l.rw.Readers = asm.RowsMask
		heat, mark := readersHeatOf(l.gate().name())
		*heat = mark | 1<<20
	}
}

// String renders the lock's words.
func (l *RWMutex) String() string {
	return fmt.Sprintf("%s, readers %#x, first %d, drainer %d, balance %d", stringOf(&l.rw.Owned), l.rw.Readers, l.rw.First, l.rw.Drainer, int32(l.rw.Balance))
}

// HandedOver reports whether a thread has released the lock that did not hold it, without a step.
func (l *RWMutex) HandedOver() bool { return l.rw.Readers&gateHandedOver != 0 }

// Left describes a lock that is not free, or returns "". Readers may be in rows, and of a lock
// that is handed over slots may be left.
func (l *RWMutex) Left() string {
	free := l.rw
	if l.HandedOver() {
		free.Readers, free.Balance = 0, 0
	}
	if free.Readers &= ^asm.RowsMask; free != (asm.RWOwned{}) {
		return "a lock is left with " + l.String()
	}
	return ""
}

// LeftReaders describes a slot that is still claimed, a row that is said to have slots further
// on, or what a record has entered, or returns "".
func LeftReaders() string {
	if !AnyReaders {
		return ""
	}
	left := func(where string, rows []asm.ReaderRow) string {
		for i := range rows {
			for j, lock := range rows[i].Lock {
				if lock != 0 && lock != readersUnused || rows[i].ID[j] != 0 || rows[i].More[j] != 0 {
					return fmt.Sprintf("slot %d of row %d%s is left", j, i, where)
				}
			}
			if rows[i].State != 0 {
				return fmt.Sprintf("row %d%s is passed by %d", i, where, int32(rows[i].State))
			}
		}
		return ""
	}
	s := left("", readersFirst)
	for n := 1; n < readersMaxChunks && s == ""; n++ {
		c := &readersFurther.chunks[n]
		if s = left(fmt.Sprintf(" of chunk %d", n), chunkRows[n][:]); s == "" && c.used.Peek() != 0 {
			s = fmt.Sprintf("chunk %d is said to have %d slots", n, c.used.Peek())
		}
	}
	if n := readersUse.beyond.Peek(); s == "" && n != 0 {
		s = fmt.Sprintf("%d rows in use are said to be beyond the first 64", n)
	}
	for _, at := range blockedAt {
		if s == "" && readersBlocked[at].first != nil {
			s = fmt.Sprintf("record %d still says that it reads", readersBlocked[at].first.record)
		}
	}
	for i := range records[:used] {
		if w := &records[i].Waiter; s == "" && (!w.Reads.Idle() || w.Stage.Peek() != NotListed) {
			s = fmt.Sprintf("record %d still reads, or waits to", w.Index)
		}
	}
	return s
}

// Closed reports whether the lock is closed, without a step.
func (l *RWMutex) Closed() bool { return l.rw.Sleeper&asm.ClosedMask != 0 }

// Open reports whether the lock is open and nobody sleeps, without a step.
func (l *RWMutex) Open() bool { return l.rw.Sleeper == 0 }

// Sleeper renders the word that says whether the lock is closed, and who sleeps.
func (l *RWMutex) Sleeper() string { return formatSleeper(uint64(l.rw.Sleeper)) }

// Writer returns the thread that writes, or is about to when the readers have left, or -1.
func (l *RWMutex) Writer() int { return int(l.rw.Owner.Peek()) - 1 }

// Listed returns the threads that wait to read, as bits.
func (l *RWMutex) Listed() (threads uint32) {
	for index := l.rw.First; index != 0; index = records[index-1].After {
		w := &records[index-1].Waiter
		bit := uint32(1) << (w.ID.Peek() - 1)
		if w.Stage.Peek() != Listed || w.Lock.Peek() != &l.rw.Owned || threads&bit != 0 {
			break
		}
		threads |= bit
	}
	return threads
}

// RUnlockAny ends a read lock of the thread or, if it has none, whosever it is, as package
// rqlock/sync does.
func (l *RWMutex) RUnlockAny(site mc.Site) {
	mc.Enter(-8)
	defer mc.Leave()
	mc.At(site, 1)
	held, overwritten := l.gate().Leave(site, ReadersHere())
	mc.At(site, 2)
	if overwritten || !held && !l.gate().LeaveAny(site) {
		l.badRUnlock()
	}
}

// LeaveAny ends a read lock, whosever it is, as package rqlock/sync does.
func (l *RWMutex) LeaveAny(site mc.Site) bool { return l.gate().LeaveAny(site) }

// UnlockAny releases the lock in place of the owner, as package rqlock/sync does.
func (l *RWMutex) UnlockAny(site mc.Site) bool { return l.gate().UnlockAny(site) }
