//go:build rqlocktrace

package rqlock

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"weak"

	"github.com/rqlock/rqlock/asm"
	"github.com/rqlock/rqlock/rqlock/internal/report"
	"github.com/rqlock/rqlock/rqlock/internal/waiter"
)

// With build tag rqlocktrace, where each lock is taken is recorded by goroutine, and of each two
// locks in which order they are taken.

// A hold is a lock that a goroutine holds.
type hold struct {
	lock  *asm.Owned
	how   taking
	stack []runtime.Frame
}

// holds has what goroutines hold, in the order in which they have taken it.
var holds [64]struct {
	mu sync.Mutex
	of map[uint64][]hold
}

// took notes that the caller has acquired l, if err is nil.
func (l *Mutex) took(err error) error { return took(&l.word, takesMutex, err) }

func (l *RWMutex) took(how taking, err error) error { return took(&l.rw.Owned, how, err) }

func took(l *asm.Owned, how taking, err error) error {
	if err == nil {
		enter(l, how, true)
	}
	return err
}

// tried notes that the caller has acquired l, if ok, without waiting: that order may be any.
func (l *Mutex) tried(ok bool) bool { return tried(&l.word, takesMutex, ok) }

func (l *RWMutex) tried(how taking, ok bool) bool { return tried(&l.rw.Owned, how, ok) }

func tried(l *asm.Owned, how taking, ok bool) bool {
	if ok {
		enter(l, how, false)
	}
	return ok
}

// gives notes that the caller releases l.
func (l *Mutex) gives() { gives(&l.word) }

func (l *RWMutex) gives() { gives(&l.rw.Owned) }

// mostOrdered is how many locks a goroutine holds at most that the next one is compared with.
const mostOrdered = 16

func enter(l *asm.Owned, how taking, ordered bool) {
	me := asm.CurrentGoid()
	now := hold{l, how, report.Caller()}
	at := &holds[me%uint64(len(holds))]
	at.mu.Lock()
	if at.of == nil {
		at.of = map[uint64][]hold{}
	}
	before := at.of[me]
	at.of[me] = append(before, now)
	at.mu.Unlock()
	if ordered {
		for _, h := range before[max(len(before)-mostOrdered, 0):] { // nobody else changes the goroutine's own
			if h.lock != l {
				note(me, h, now)
			}
		}
	}
}

func gives(l *asm.Owned) {
	me := asm.CurrentGoid()
	at := &holds[me%uint64(len(holds))]
	at.mu.Lock()
	defer at.mu.Unlock()
	held := at.of[me]
	for i := len(held) - 1; i >= 0; i-- {
		if held[i].lock == l {
			held = append(held[:i], held[i+1:]...)
			break
		}
	}
	if at.of[me] = held; len(held) == 0 {
		delete(at.of, me)
	}
}

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

func reads(how taking) int {
	if how == takesToRead {
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
	if s == nil || s.by[reads(first.how)][reads(then.how)] != nil {
		orders.mu.Unlock()
		return
	}
	now := Order{me, first.stack, then.stack}
	s.by[reads(first.how)][reads(then.how)] = &now
	var other *Order
	back := orders.seen[pair{p.then, p.first}]
	if back != nil && !s.told && !back.told {
		// Those who read a lock do not wait for one another.
		for i := range 2 - reads(then.how) {
			for j := range 2 - reads(first.how) {
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

func (h *hold) info() LockInfo {
	kind := waiter.ForWriting
	if h.how == takesMutex {
		kind = waiter.ForMutex
	}
	return infoOf(h.lock, kind)
}

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

func tell(e *OrderError) {
	if onViolation.Load() == nil {
		fmt.Fprintf(os.Stderr, "%+v\n", e)
	}
	reportViolation(e)
}

// tracing says whether where locks are taken is recorded.
const tracing = true
