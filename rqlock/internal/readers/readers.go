// Package readers knows who holds which lock for reading. A read lock that is held has a
// slot in one table of the process, with the lock's address and the goroutine's id. A
// goroutine's slots are in a row found by the goroutine, so that readers of one lock share
// no cache line (BRAVO, Dice and Kogan 2019).
package readers

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/asm"
)

const (
	slots     = len(asm.ReaderRow{}.Lock)
	perCPU    = 8 // rows; fewer make more goroutines share one, more make writers slower
	fewest    = 16
	most      = 1 << 16 // what asm.ReaderTable can address
	cacheLine = 64
)

// first has one row for each goroutine, which shares it with others. If a row is full, its
// goroutines go on to the chunks, see overflow.go.
var (
	first    = makeFirst()
	firstRow = &first[0]
)

// Table is what the fast paths find a goroutine's row by.
func Table() asm.ReaderTable {
	return asm.ReaderTable{Rows: firstRow, Mask: uint64(len(first)-1) * cacheLine}
}

func makeFirst() []asm.ReaderRow {
	n := fewest
	for n < perCPU*runtime.GOMAXPROCS(0) && n < most {
		n *= 2
	}
	rows := make([]asm.ReaderRow, n) // of that size Go aligns it to cache lines
	for i := range rows {
		rows[i].Lock[0] = unused
	}
	return rows
}

// A Reader is a goroutine that may hold read locks.
type Reader struct {
	ID    uint64
	place uint32 // by which its rows are found
}

// Here returns the calling goroutine as a reader.
func Here() Reader {
	g := uint64(asm.CurrentG())
	return Reader{asm.CurrentGoid(), uint32((g ^ g>>7) / cacheLine)} // as asm.ReaderTable.Row
}

// At returns a goroutine that reads in a certain row. It is for tests.
func At(id uint64, row uint32) Reader { return Reader{id, row} }

// home is the number of its row of the first ones.
func (r Reader) home() uint32 { return r.place & uint32(len(first)-1) }

func (r Reader) row() *asm.ReaderRow { return &first[r.home()] }

// A Slot is one read lock of one goroutine.
type Slot struct {
	row    *asm.ReaderRow
	index  uint8
	chunk  uint8  // 0 = the first rows
	number uint32 // of the row, if it is in a chunk
}

// lock is where the slot names its lock.
func (s Slot) lock() *uint64 { return &s.row.Lock[s.index] }

// Claimed returns the slot that asm.ReadLock has claimed for r.
func (r Reader) Claimed() Slot { return Slot{row: r.row()} }

// Find returns the slot by which r holds the lock, if it does. r is the calling goroutine,
// or one that is blocked.
func (r Reader) Find(lock uint64) (s Slot, held bool) {
	row := r.row()
	if i := find(row, lock, r.ID); i >= 0 {
		return Slot{row: row, index: uint8(i)}, true
	}
	r.each(func(at Slot) bool {
		i := find(at.row, lock, r.ID)
		if i < 0 {
			return true
		}
		s, held = at, true
		s.index = uint8(i)
		return false
	})
	return s, held
}

// find returns the index of the slot by which a goroutine holds the lock, or -1.
func find(row *asm.ReaderRow, lock, id uint64) int {
	for i := range row.Lock {
		// Nobody else names the goroutine, so no order is needed.
		if named(row, i) == lock && atomic.LoadUint64(&row.ID[i]) == id {
			return i
		}
	}
	return -1
}

// What a slot has beside the lock's address.
const (
	more  = 1 // its More is not 0
	taken = 2 // its goroutine, or a writer that clears it, is about to change it: the other one does not

	marks = more | taken
)

// named returns the lock that a slot names.
func named(row *asm.ReaderRow, slot int) uint64 {
	return atomic.LoadUint64(&row.Lock[slot]) &^ marks // acquire: pairs with Release [slot]
}

// Take is Find for the calling goroutine, which is about to change the slot, although its read
// lock may have been ended by another one: no writer clears it until Done.
func (r Reader) Take(lock uint64) (s Slot, held bool) {
	if s, held = r.Find(lock); !held || !s.take(lock) {
		return Slot{}, false
	}
	if atomic.LoadUint64(&s.row.ID[s.index]) != r.ID { // cleared, and claimed anew
		s.untake()
		return Slot{}, false
	}
	return s, true
}

func (s Slot) take(lock uint64) bool {
	v := atomic.LoadUint64(s.lock())
	return v&^more == lock && atomic.CompareAndSwapUint64(s.lock(), v, v|taken) // acquire: pairs with Done [slot]
}

// untake gives back what was another goroutine's, who may have released it meanwhile.
func (s Slot) untake() {
	lock := atomic.LoadUint64(s.lock())
	atomic.CompareAndSwapUint64(s.lock(), lock, lock&^taken)
}

// Done ends what Take began, unless Release has.
func (s Slot) Done() {
	asm.StoreRelease64(s.lock(), asm.LoadRelaxed64(s.lock())&^taken) // release: pairs with take [slot]
}

// Claim enters that r holds the lock. What the caller looks at later, it looks at after all can
// see the claim.
func (r Reader) Claim(lock uint64) Slot {
	row := r.row()
	if i := claim(row, lock, r.ID); i == 0 || i > 0 && atomic.LoadUint64(&row.Lock[0]) != unused { // sequentially consistent: after the claim [use]
		return Slot{row: row, index: uint8(i)}
	} else if i > 0 {
		r.use()
		return Slot{row: row, index: uint8(i)}
	}
	return r.claimFurther(lock)
}

// claim takes a free slot of the row, and returns its index, or -1 if there is none.
func claim(row *asm.ReaderRow, lock, id uint64) int {
	for i := range row.Lock {
		if atomic.LoadUint64(&row.Lock[i]) == 0 && atomic.CompareAndSwapUint64(&row.Lock[i], 0, lock) {
			asm.StoreRelease64(&row.ID[i], id) // release: pairs with Each [slot]
			return i
		}
	}
	return -1
}

// Release ends what Claim began. The id goes first: a stale one beside a fresh claim would
// name somebody who does not hold that lock. On arm64 the caller's next atomic load does not pass
// the release (STLR, LDAR); elsewhere it may, until the store buffer has drained.
func (r Reader) Release(s Slot) {
	asm.StoreRelaxed32(&s.row.More[s.index], 0) // ordered by the release below
	asm.StoreRelaxed64(&s.row.ID[s.index], 0)   // ordered by the release below
	asm.StoreRelease64(s.lock(), 0)             // release: pairs with Scan.Next [slot]
	if s.chunk > 0 {
		r.comeBack(s)
	}
}

// counted in More: the lock counts this reader. Below is how often the reader holds the lock by
// this slot beyond once.
const counted = 1 << 31

// Count notes that the lock counts the reader. Only the reader itself may call it, or whoever
// has it in.
func (s Slot) Count() { s.change(counted) }

// Counted reports that.
func (s Slot) Counted() bool { return asm.LoadRelaxed32(&s.row.More[s.index])&counted != 0 }

// More returns how often the reader holds the lock by this slot beyond once.
func (s Slot) More() uint32 { return asm.LoadRelaxed32(&s.row.More[s.index]) &^ counted }

// Deepen changes that. Only the reader itself may call it. The slot may be cleared as soon as all
// can see that it is not deep any more.
func (s Slot) Deepen(by int32) { s.change(uint32(by)) }

// Leave ends one of r's read locks by the slot.
func (r Reader) Leave(s Slot) {
	if s.More() > 0 {
		s.Deepen(-1)
	} else {
		r.Release(s)
	}
}

// Again deepens by one. What the caller looks at later, it looks at after all can see that.
func (s Slot) Again() {
	s.change(+1)
	atomic.AddUint32(&s.row.More[s.index], 0) // sequentially consistent: after the store
}

// change changes what nobody else does.
func (s Slot) change(by uint32) {
	m := asm.LoadRelaxed32(&s.row.More[s.index]) + by
	lock := asm.LoadRelaxed64(s.lock()) &^ more
	if m != 0 {
		lock |= more // so the fast path leaves it to Leave
	}
	asm.StoreRelaxed64(s.lock(), lock)          // it names the same lock, and orders nothing
	asm.StoreRelease32(&s.row.More[s.index], m) // release: pairs with Named [slot]
}

// Held calls f for each lock that r holds. r is the calling goroutine, or one that is
// blocked.
func (r Reader) Held(f func(lock uint64)) {
	held := func(row *asm.ReaderRow) {
		for i := range row.ID {
			if atomic.LoadUint64(&row.ID[i]) == r.ID {
				f(named(row, i))
			}
		}
	}
	held(r.row())
	r.each(func(at Slot) bool { held(at.row); return true })
}

var _ = [1]struct{}{}[unsafe.Sizeof(asm.ReaderRow{})-cacheLine]
