package localstorage

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync/atomic"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/capacity"
)

// Errors of a map, besides those of its locks.
var (
	ErrExist    = errors.New("localstorage: the owner has a value")
	ErrNotExist = errors.New("localstorage: the owner has no value")
	ErrNoOwner  = errors.New("localstorage: the owner is nil or destroyed")
	ErrClosed   = errors.New("localstorage: the map is closed")
	ErrFlag     = errors.New("localstorage: unknown flag")
	ErrAction   = errors.New("localstorage: unknown action")
)

// A Flag tells Update which owners it is for.
type Flag uint8

const (
	Any     Flag = iota // any owner
	NoExist             // an owner without a value; otherwise Update returns ErrExist
	Exist               // an owner with a value; otherwise Update returns ErrNotExist
)

func (f Flag) unknown() error {
	return fmt.Errorf("%w %d: use Any, NoExist or Exist", ErrFlag, f)
}

// An Action tells Compute what to do with a value.
type Action uint8

const (
	Keep   Action = iota // leave the value as it is
	Set                  // attach the new value
	Remove               // remove the value if there is one
)

func (a Action) unknown() error {
	return fmt.Errorf("%w %d: use Keep, Set or Remove", ErrAction, a)
}

// A Map attaches values of type V to objects of type O, their owners. Make it with [New]. All
// methods may be called by many goroutines at once.
type Map[O, V any] struct {
	owner   func(*O) *Owner
	destroy func(V)
	closed  atomic.Bool
	cells   registry[tie[O, V]]
	id      identity
	gone    box[V] // the value of a cell that is gone is &gone
}

// A box has a value, which does not change. The byte gives it an address of its own even if
// V has the size 0.
type box[V any] struct {
	v V
	_ byte
}

// A cell has the value of an owner in a map. First it has none, then one or several in turn,
// and then it is gone for good.
type cell[O, V any] struct {
	lock    rqlock.Mutex           // for all changes of value, but for take
	value   atomic.Pointer[box[V]] // nil: none yet; &m.gone: gone
	m       *Map[O, V]
	cleanup runtime.Cleanup // the tie's
	named   atomic.Bool     // the lock has a name, as it was waited for: most never are
}

// A tie is alive as long as its owner, whose slots alone keep it alive. The map has a weak
// pointer to it, and the runtime tells the map when it is garbage. Both would take more time for
// the owner itself, the more owners there are in one object: the runtime keeps what it knows
// about an object's parts in one list.
type tie[O, V any] struct {
	owner *O
	cell  *cell[O, V]
	_     [6]uint64 // so that few of them are in one span, which has one such list
}

func (t *tie[O, V]) gone() bool { return t.cell.gone() }

// New returns an empty map. The function owner returns the Owner of an object, always the
// same one. The function destroy may be nil. Otherwise it is called once for each value that
// leaves the map:
//
//   - removed by Delete, Compute, Owner.Destroy or Close, or replaced by Update: in the
//     calling goroutine, which holds no lock of the map;
//   - because the owner is garbage: in a goroutine of the runtime, which it must not block.
//
// It is not called for a value that Compute replaces or LoadAndDelete removes: the callback, or
// the caller, has the value and decides what becomes of it. destroy must not panic.
//
// New panics if owner is nil.
func New[O, V any](owner func(*O) *Owner, destroy func(V)) *Map[O, V] {
	if owner == nil {
		panic("rqlock/localstorage: New wants a function that returns an object's Owner, and has nil")
	}
	m := &Map[O, V]{owner: owner, destroy: destroy}
	m.cells.gone = (*tie[O, V]).gone
	return m
}

// Get returns o's value, and whether there is one. It takes no lock.
func (m *Map[O, V]) Get(o *O) (v V, ok bool) {
	if owner := m.ownerOf(o); owner != nil {
		if c := m.find(owner.cells.Load()); c != nil {
			if b := c.value.Load(); c.has(b) {
				return b.v, true
			}
		}
	}
	return v, false
}

// GetOrCreate returns o's value. If there is none, it locks the value, calls f, and attaches
// the value that f returns.
//
// It returns [ErrNoOwner] if o is nil or destroyed, [ErrClosed] if the map is closed, or the
// lock's error. If o is destroyed or the map closed while f runs, the destructor is called
// for f's value.
func (m *Map[O, V]) GetOrCreate(o *O, f func() V) (V, error) {
	if v, ok := m.Get(o); ok {
		return v, nil
	}
	return m.create(o, f)
}

func (m *Map[O, V]) create(o *O, f func() V) (v V, err error) {
	var made *box[V]
	err = m.change(o, true, func(old *box[V]) (*box[V], error) {
		if old != nil {
			v = old.v
			return old, nil
		}
		made = &box[V]{v: f()}
		return made, nil
	})
	switch {
	case made == nil:
		return v, err
	case err != nil:
		m.discard(made)
		return v, err
	}
	return made.v, nil
}

// Update attaches v to o. It returns [ErrExist] or [ErrNotExist] if the flag does not allow
// that, [ErrFlag] for an unknown flag, [ErrNoOwner], [ErrClosed], or the lock's error. If it
// returns an error, the destructor is not called for v.
func (m *Map[O, V]) Update(o *O, v V, flag Flag) error {
	if flag > Exist {
		return flag.unknown()
	}
	var replaced *box[V]
	err := m.change(o, flag != Exist, func(old *box[V]) (*box[V], error) {
		switch {
		case old != nil && flag == NoExist:
			return nil, ErrExist
		case old == nil && flag == Exist:
			return nil, ErrNotExist
		}
		replaced = old
		return &box[V]{v: v}, nil
	})
	if err == nil && replaced != nil {
		m.discard(replaced)
	}
	return err
}

// LoadAndDelete removes o's value and returns it, in one step. The destructor is not called: the
// value is the caller's. It returns [ErrNotExist] if there is none, [ErrNoOwner], [ErrClosed], or
// the lock's error.
func (m *Map[O, V]) LoadAndDelete(o *O) (v V, err error) {
	removed, err := m.remove(o)
	if err != nil {
		return v, err
	}
	return removed.v, nil
}

// Compute locks o's value, calls f with the value and true, or with the zero value and false
// if there is none, and does what f returns. If f panics, nothing changes.
//
// f may use the map. A call for the same owner that needs the lock returns a
// [*rqlock.DeadlockError].
//
// Compute returns [ErrAction] for an unknown action, [ErrNoOwner], [ErrClosed], or the lock's
// error. With ErrNoOwner and ErrClosed, f was called if the owner was destroyed or the map
// closed while f ran. Then the old value is gone, and the destructor was called for it. f's
// value is not attached, and the destructor is not called for it.
func (m *Map[O, V]) Compute(o *O, f func(old V, present bool) (V, Action)) error {
	return m.change(o, true, func(old *box[V]) (*box[V], error) {
		var v V
		if old != nil {
			v = old.v
		}
		switch v, action := f(v, old != nil); action {
		case Keep:
			return old, nil
		case Set:
			return &box[V]{v: v}, nil
		case Remove:
			return nil, nil
		default:
			return nil, action.unknown()
		}
	})
}

// Delete removes o's value. It returns [ErrNotExist] if there is none, [ErrNoOwner],
// [ErrClosed], or the lock's error.
func (m *Map[O, V]) Delete(o *O) error {
	removed, err := m.remove(o)
	if err == nil {
		m.discard(removed)
	}
	return err
}

// remove removes o's value and returns it.
func (m *Map[O, V]) remove(o *O) (*box[V], error) {
	return m.exchange(o, false, func(old *box[V]) (*box[V], error) {
		if old == nil {
			return nil, ErrNotExist
		}
		return nil, nil
	})
}

// All iterates over the owners that have a value, in no particular order. It holds no lock
// while the loop's body runs, which may use the map in any way. A value that is attached or
// removed meanwhile may be missing. No owner comes twice.
func (m *Map[O, V]) All() iter.Seq2[*O, V] {
	return func(yield func(*O, V) bool) {
		for t := range m.made().cells.all() {
			if b := t.cell.value.Load(); t.cell.has(b) && !yield(t.owner, b.v) {
				return
			}
		}
	}
}

// Len returns the number of owners that have a value. It counts them one by one. Owners that are
// garbage are not among them.
func (m *Map[O, V]) Len() (n int) {
	for range m.All() {
		n++
	}
	return n
}

// Close removes all values, and calls the destructor for them. It takes no lock and never
// fails. Nothing can be attached afterwards: the error is [ErrClosed].
func (m *Map[O, V]) Close() {
	m.made().closed.Store(true)
	for t := range m.cells.takeAll() {
		t.cell.end()
		m.owner(t.owner).sweep()
	}
}

// ownerOf returns o's Owner, or nil if there is none.
func (m *Map[O, V]) ownerOf(o *O) *Owner {
	if m.made(); o == nil {
		return nil
	}
	return m.owner(o)
}

// made returns m if New has made it.
func (m *Map[O, V]) made() *Map[O, V] {
	if m.owner == nil {
		capacity.NotMade("localstorage.Map", "New")
	}
	return m
}

// find returns the map's cell among those of an owner, or nil. There is at most one, because
// a new cell replaces one that is gone.
func (m *Map[O, V]) find(cells *[]slot) *cell[O, V] {
	if cells == nil {
		return nil
	}
	for i := range *cells {
		if s := &(*cells)[i]; s.of == &m.id {
			return s.member.(*cell[O, V])
		}
	}
	return nil
}

// change is exchange, and calls the destructor for a value that was removed.
func (m *Map[O, V]) change(o *O, add bool, f func(old *box[V]) (*box[V], error)) error {
	removed, err := m.exchange(o, add, f)
	if removed != nil {
		m.discard(removed)
	}
	return err
}

// exchange locks o's value and calls f with it, or with nil if there is none. f returns the
// same value, another one, or nil to remove it, which exchange returns then. If there is none
// and add is false, exchange returns ErrNotExist instead.
func (m *Map[O, V]) exchange(o *O, add bool, f func(old *box[V]) (*box[V], error)) (removed *box[V], err error) {
	c, old, err := m.enter(o, add)
	if err != nil {
		return nil, err
	}
	return c.section(o, old, f)
}

// enter locks o's cell. It returns the cell, which is not gone, and its value.
func (m *Map[O, V]) enter(o *O, add bool) (*cell[O, V], *box[V], error) {
	for {
		c, err := m.cell(o, add)
		if err != nil {
			return nil, nil, err
		}
		if !c.lock.TryLock() {
			if !c.named.Swap(true) {
				c.lock.SetName("localstorage.Map")
			}
			if err := c.lock.Lock(); err != nil {
				return nil, nil, err
			}
		}
		if old := c.value.Load(); old != &m.gone {
			return c, old, nil
		}
		c.lock.Unlock() // The value was removed while this goroutine waited.
	}
}

// section is the critical section of change. It unlocks the cell. It returns the value that
// it has removed, if any.
func (c *cell[O, V]) section(o *O, old *box[V], f func(*box[V]) (*box[V], error)) (removed *box[V], err error) {
	defer c.leave(o)
	next, err := f(old)
	switch {
	case err != nil || next == old:
		return nil, err
	case next == nil:
		if removed = c.take(); removed != old {
			return nil, c.whyGone()
		}
	case !c.value.CompareAndSwap(old, next):
		return nil, c.whyGone()
	}
	return removed, nil
}

// leave unlocks o's cell. A cell that has no value is of no use, and is made gone.
func (c *cell[O, V]) leave(o *O) {
	if c.value.Load() == nil {
		c.take()
	}
	c.lock.Unlock()
	if c.gone() {
		c.m.owner(o).sweep()
	}
}

// whyGone returns the error of an operation whose cell was made gone during it.
func (c *cell[O, V]) whyGone() error {
	if c.m.closed.Load() {
		return ErrClosed
	}
	return ErrNoOwner
}

// cell returns o's cell. If there is none, it makes one if add is true, and otherwise returns
// ErrNotExist.
func (m *Map[O, V]) cell(o *O, add bool) (*cell[O, V], error) {
	owner := m.ownerOf(o)
	if m.closed.Load() {
		return nil, ErrClosed
	}
	var made *tie[O, V]
	for {
		cells, c, err := m.search(owner)
		if err == nil && c == nil && !add {
			err = ErrNotExist
		}
		if err != nil || c != nil {
			if made != nil {
				made.cell.end() // Another goroutine was faster.
			}
			return c, err
		}
		if made == nil {
			made = m.newCell(o)
		}
		if owner.add(cells, slot{&m.id, made.cell, made}) {
			break
		}
	}
	m.cells.add(made)
	if m.closed.Load() { // Close may have missed the new cell.
		made.cell.end()
		owner.sweep()
		return nil, ErrClosed
	}
	return made.cell, nil
}

// search returns an owner's cells and the map's own among them, or nil if that is missing or
// gone.
func (m *Map[O, V]) search(owner *Owner) (cells *[]slot, c *cell[O, V], err error) {
	if owner == nil {
		return nil, nil, ErrNoOwner
	}
	if cells = owner.cells.Load(); cells == &destroyed {
		return nil, nil, ErrNoOwner
	}
	if c = m.find(cells); c != nil && c.gone() {
		c = nil
	}
	return cells, c, nil
}

// newCell returns the tie of a cell that nobody knows yet but the runtime.
func (m *Map[O, V]) newCell(o *O) *tie[O, V] {
	c := &cell[O, V]{m: m}
	t := &tie[O, V]{owner: o, cell: c}
	m.cells.live.Add(1)
	if m.destroy != nil {
		c.cleanup = runtime.AddCleanup(t, (*cell[O, V]).end, c)
	} else { // The runtime must not keep the value: it may refer to its owner.
		c.cleanup = runtime.AddCleanup(t, (*registry[tie[O, V]]).removed, &m.cells)
	}
	return t
}

// has reports whether b, which the cell's value pointer was, is a value.
func (c *cell[O, V]) has(b *box[V]) bool { return b != nil && b != &c.m.gone }

func (c *cell[O, V]) gone() bool { return c.value.Load() == &c.m.gone }

// take makes the cell gone, and returns what it had before. If that is a value, no other
// call returns it. take needs no lock.
func (c *cell[O, V]) take() *box[V] {
	old := c.value.Swap(&c.m.gone)
	if old != &c.m.gone {
		c.cleanup.Stop() // Whoever takes it has its owner or tie, or is the cleanup.
		c.m.cells.removed()
	}
	return old
}

// end makes the cell gone, and calls the destructor for its value if it has one. It needs no
// lock.
func (c *cell[O, V]) end() {
	if old := c.take(); c.has(old) {
		c.m.discard(old)
	}
}

// discard calls the destructor for a value.
func (m *Map[O, V]) discard(b *box[V]) {
	if m.destroy != nil {
		m.destroy(b.v)
	}
}
