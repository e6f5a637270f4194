//go:build rqlocktrace

package rqlock

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"weak"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/bridge"
	"github.com/rqlock/rqlock/rqlock/internal/report"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
	"github.com/rqlock/rqlock/rqlock/internal/waitgraph"
)

// With build tag rqlocktrace, where each lock is taken is recorded by goroutine, and of each two
// locks in which order they are taken.

// A hold is a lock that a goroutine holds.
type hold struct {
	lock  *asm.Owned
	kind  waiter.Kind
	stack []runtime.Frame
}

// A bucket has what some goroutines hold, in the order in which they have taken it.
type bucket struct {
	mu sync.Mutex
	of map[uint64][]hold
}

// keep says what a goroutine holds. The mutex is held.
func (b *bucket) keep(id uint64, held []hold) {
	if b.of[id] = held; len(held) == 0 {
		delete(b.of, id)
	}
}

var holds [64]bucket

// took notes that the caller has acquired l, if err is nil.
func (l *Mutex) took(err error) error { return took(&l.word, waiter.ForMutex, err) }

func (l *RWMutex) took(kind waiter.Kind, err error) error { return took(&l.rw.Owned, kind, err) }

func took(l *asm.Owned, kind waiter.Kind, err error) error {
	if err == nil {
		enter(l, kind, true)
	}
	return err
}

// tried notes that the caller has acquired l, if ok, without waiting: that order may be any.
func (l *Mutex) tried(ok bool) bool { return tried(&l.word, waiter.ForMutex, ok) }

func (l *RWMutex) tried(kind waiter.Kind, ok bool) bool { return tried(&l.rw.Owned, kind, ok) }

func tried(l *asm.Owned, kind waiter.Kind, ok bool) bool {
	if ok {
		enter(l, kind, false)
	}
	return ok
}

// gives notes that the caller releases l.
func (l *Mutex) gives() { gives(&l.word) }

func (l *RWMutex) gives() { gives(&l.rw.Owned) }

// mostOrdered is how many locks a goroutine holds at most that the next one is compared with.
const mostOrdered = 16

func enter(l *asm.Owned, kind waiter.Kind, ordered bool) {
	me := asm.CurrentGoid()
	now := hold{l, kind, report.Caller()}
	at := &holds[me%uint64(len(holds))]
	at.mu.Lock()
	if at.of == nil {
		at.of = map[uint64][]hold{}
	}
	before := slices.Clone(at.of[me][max(len(at.of[me])-mostOrdered, 0):])
	at.of[me] = append(at.of[me], now)
	at.mu.Unlock()
	if !ordered || waitgraph.HandedOver(l, kind) {
		return
	}
	for _, h := range before {
		if h.lock != l && !waitgraph.HandedOver(h.lock, h.kind) {
			note(me, h, now)
		}
	}
}

// gives notes that the caller releases l, and reports whether it was known to hold it.
func gives(l *asm.Owned) (held bool) {
	me := asm.CurrentGoid()
	at := &holds[me%uint64(len(holds))]
	at.mu.Lock()
	defer at.mu.Unlock()
	all := at.of[me]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].lock == l {
			at.keep(me, slices.Delete(all, i, i+1))
			return true
		}
	}
	return false
}

// givesAny is gives for a lock of package rqlock/sync, which another goroutine may release. If it
// does, nobody is known to hold the lock so any more.
func givesAny(l *asm.Owned, kind waiter.Kind) {
	if gives(l) || kind == waiter.ForReading && waitgraph.HandedOver(l, kind) {
		return
	}
	for i := range holds {
		at := &holds[i]
		at.mu.Lock()
		for id, all := range at.of {
			at.keep(id, slices.DeleteFunc(all, func(h hold) bool { return h.lock == l && h.kind == kind }))
		}
		at.mu.Unlock()
	}
}

// tookAny is enter for a lock of package rqlock/sync. Who reads one that is handed over is not
// known.
func tookAny(l *asm.Owned, kind waiter.Kind, ordered bool) {
	if kind != waiter.ForReading || !waitgraph.HandedOver(l, kind) {
		enter(l, kind, ordered)
	}
}

func init() { bridge.Took, bridge.Gives = tookAny, givesAny }

// takenAt returns where a goroutine has taken l that it holds.
func takenAt(id uint64, l *asm.Owned) []runtime.Frame {
	at := &holds[id%uint64(len(holds))]
	at.mu.Lock()
	defer at.mu.Unlock()
	for _, h := range at.of[id] {
		if h.lock == l {
			return h.stack
		}
	}
	return nil
}

// Two locks in an order. The same addresses may be other locks' later, which weak pointers tell
// apart.
type pair struct{ first, then weak.Pointer[asm.Owned] }

// orders has the orders in which locks were taken.
var orders = struct {
	mu   sync.Mutex
	seen map[pair]*seen
}{seen: map[pair]*seen{}}

// seen is where an order was seen first, by how the two were taken.
type seen struct {
	by   [2][2]*Order // whether the first, and the other, was taken to read
	told bool
}

// maxOrders is how many orders are kept. Then those are forgotten whose locks are no more.
const maxOrders = 1 << 16

func reads(kind waiter.Kind) int {
	if kind == waiter.ForReading {
		return 1
	}
	return 0
}

// note notes that the goroutine has taken a lock with another one held, and tells of it if that
// has been done the other way round.
func note(me uint64, first, then hold) {
	p := pair{weak.Make(first.lock), weak.Make(then.lock)}
	orders.mu.Lock()
	s := orders.seen[p]
	if s == nil && (len(orders.seen) < maxOrders || forgetOrders()) {
		s = new(seen)
		orders.seen[p] = s
	}
	if s == nil || s.by[reads(first.kind)][reads(then.kind)] != nil {
		orders.mu.Unlock()
		return
	}
	now := Order{me, first.stack, then.stack}
	s.by[reads(first.kind)][reads(then.kind)] = &now
	var other *Order
	back := orders.seen[pair{p.then, p.first}]
	if back != nil && !s.told && !back.told {
		// Those who read a lock do not wait for one another.
		for i := range 2 - reads(then.kind) {
			for j := range 2 - reads(first.kind) {
				if o := back.by[i][j]; o != nil {
					other = o
				}
			}
		}
	}
	if other != nil {
		s.told, back.told = true, true
	}
	orders.mu.Unlock()
	if other != nil {
		tell(&OrderError{Locks: [2]LockInfo{first.info(), then.info()}, Orders: [2]Order{now, *other}})
	}
}

func (h *hold) info() LockInfo { return infoOf(h.lock, h.kind) }

// forgetOrders forgets the orders of locks that are garbage, and reports whether there were any.
func forgetOrders() (any bool) {
	for p := range orders.seen {
		if p.first.Value() == nil || p.then.Value() == nil {
			delete(orders.seen, p)
			any = true
		}
	}
	return any
}

// untold is where an inversion is written of which no function is told.
var untold io.Writer = os.Stderr

func tell(e *OrderError) {
	if onViolation.Load() == nil {
		fmt.Fprintf(untold, "%+v\n", e)
	}
	reportViolation(e)
}

// tracing says whether where locks are taken is recorded.
const tracing = true
