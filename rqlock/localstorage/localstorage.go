package localstorage

import (
	"errors"
	"iter"
	"runtime"
	"sync/atomic"
	"weak"

	"github.com/rqlock/rqlock/rqlock"
)

// Errors of a map besides those of its locks.
var (
	ErrExist    = errors.New("localstorage: the owner has a value")
	ErrNotExist = errors.New("localstorage: the owner has no value")
	ErrNoOwner  = errors.New("localstorage: the owner is nil or destroyed")
	ErrClosed   = errors.New("localstorage: the map is closed")
)

// A Flag says which owners an Update is for.
type Flag uint8

const (
	Any     Flag = iota // with a value or without
	NoExist             // without, else ErrExist
	Exist               // with a value, else ErrNotExist
)

// An Action is what Compute is to do with a value.
type Action uint8

const (
	Keep   Action = iota // leaves it as it is
	Set                  // attaches the new value
	Remove               // removes it, if there is one
)

// A Map attaches values of type V to objects of type O. Make it with [New]. All methods
// may be called by many goroutines at once.
type Map[O, V any] struct {
	owner   func(*O) *Owner
	destroy func(V)
	closed  atomic.Bool
	cells   registry[cell[O, V]]
	id      identity
	gone    box[V] // stands for the value of a cell that is gone
}

// A box has a value, which does not change. It has an address of its own even if V has
// no size.
type box[V any] struct {
	v V
	_ byte
}

// A cell has an owner's value in a map: none yet, then one or several in turn, and then
// it is gone for good.
type cell[O, V any] struct {
	lock    rqlock.Mutex           // of those who change the value, but not of kill
	value   atomic.Pointer[box[V]] // nil = none yet; &m.gone
	m       *Map[O, V]
	owner   weak.Pointer[O]
	cleanup runtime.Cleanup
}

// New returns an empty map. owner returns an object's Owner, the same one each time. If
// destroy is not nil it is called once for each value that leaves the map:
//
//   - by Delete, Compute with Remove, Owner.Destroy, Close: by the caller, holding no
//     lock of the map's;
//   - by Update that replaces it, likewise. Not by Compute that does: what becomes of the
//     old value is up to its callback, which has seen it;
//   - with its owner, as garbage: in a goroutine of the runtime, which it must not block.
//
// It must not panic.
func New[O, V any](owner func(*O) *Owner, destroy func(V)) *Map[O, V] {
	return &Map[O, V]{owner: owner, destroy: destroy}
}

// Get returns o's value, and whether it has one. It takes no lock.
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

// GetOrCreate returns o's value. If there is none it attaches what f returns, which it
// calls with the value locked: never for an owner that has a value. If o is destroyed or
// the map closed before f returns, then the destructor is called for f's value, and the
// error is ErrNoOwner or ErrClosed. Otherwise it is the lock's.
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

// Update attaches v to o. It returns ErrExist or ErrNotExist if the flag does not allow
// that, ErrNoOwner, ErrClosed, or the lock's error; then v is not attached, and its
// destructor not called.
func (m *Map[O, V]) Update(o *O, v V, flag Flag) error {
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

// Compute calls f with o's value, or the zero value and false, while the value is locked,
// and does what f returns. Calls from f for the same owner and map return a
// *rqlock.DeadlockError, others are free. If f panics the value stays as it is.
//
// Compute returns the lock's error, ErrNoOwner or ErrClosed. With the last two f may have
// been called, if the owner was destroyed or the map closed before f returned: then the
// old value is gone, with its destructor called, and f's is not attached, and not.
func (m *Map[O, V]) Compute(o *O, f func(old V, present bool) (V, Action)) error {
	return m.change(o, true, func(old *box[V]) (*box[V], error) {
		var v V
		if old != nil {
			v = old.v
		}
		switch v, action := f(v, old != nil); action {
		case Set:
			return &box[V]{v: v}, nil
		case Remove:
			return nil, nil
		}
		return old, nil
	})
}

// Delete removes o's value. It returns ErrNotExist if there is none, ErrNoOwner,
// ErrClosed, or the lock's error.
func (m *Map[O, V]) Delete(o *O) error {
	return m.change(o, false, func(old *box[V]) (*box[V], error) {
		if old == nil {
			return nil, ErrNotExist
		}
		return nil, nil
	})
}

// All goes over the owners that have a value, in no order. It holds no lock while the
// loop's body runs, which may use the map in any way. Values that are attached or removed
// meanwhile may be left out or not; no owner comes twice.
func (m *Map[O, V]) All() iter.Seq2[*O, V] {
	return func(yield func(*O, V) bool) {
		for c := range m.cells.all() {
			if o, b := c.owner.Value(), c.value.Load(); o != nil && c.has(b) && !yield(o, b.v) {
				return
			}
		}
	}
}

// Len returns how many owners have a value. It counts them.
func (m *Map[O, V]) Len() (n int) {
	for range m.All() {
		n++
	}
	return n
}

// Close removes all values, and calls their destructors. It takes no lock and never
// fails. Nothing can be attached afterwards: the error is ErrClosed.
func (m *Map[O, V]) Close() {
	m.closed.Store(true)
	for c := range m.cells.takeAll() {
		c.kill()
		if o := c.owner.Value(); o != nil {
			m.owner(o).sweep()
		}
	}
}

// ownerOf returns o's Owner, or nil if there is none.
func (m *Map[O, V]) ownerOf(o *O) *Owner {
	if o == nil {
		return nil
	}
	return m.owner(o)
}

// find returns the map's cell among those of an owner, or nil. There is at most one,
// which may be gone: whoever adds one leaves those out.
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

// change does with o's value what f says, while the value is locked: f gets the old one,
// nil if there is none, and returns that, another one, or nil to remove it. Without a
// value f is called only if add.
func (m *Map[O, V]) change(o *O, add bool, f func(old *box[V]) (*box[V], error)) error {
	c, old, err := m.enter(o, add)
	if err != nil {
		return err
	}
	removed, err := c.section(o, old, f)
	if removed != nil {
		m.discard(removed)
	}
	return err
}

// enter locks o's cell, which is not gone, and returns it with its value.
func (m *Map[O, V]) enter(o *O, add bool) (*cell[O, V], *box[V], error) {
	for {
		c, err := m.cell(o, add)
		if err != nil {
			return nil, nil, err
		}
		if err := c.lock.Lock(); err != nil {
			return nil, nil, err
		}
		if old := c.value.Load(); old != &m.gone {
			return c, old, nil
		}
		c.lock.Unlock() // it was removed while we waited
	}
}

// section is what change does with the cell, which it unlocks. It returns the value that
// it has removed.
func (c *cell[O, V]) section(o *O, old *box[V], f func(*box[V]) (*box[V], error)) (removed *box[V], err error) {
	defer c.leave(o)
	next, err := f(old)
	switch {
	case err != nil || next == old:
		return nil, err
	case next == nil:
		if removed = c.take(); removed != old {
			return nil, c.why()
		}
	case !c.value.CompareAndSwap(old, next):
		return nil, c.why()
	}
	return removed, nil
}

// leave unlocks o's cell. One that has no value is no use.
func (c *cell[O, V]) leave(o *O) {
	if c.value.Load() == nil {
		c.take()
	}
	c.lock.Unlock()
	if c.gone() {
		c.m.owner(o).sweep()
	}
}

// why returns the error of an operation whose cell was killed during it.
func (c *cell[O, V]) why() error {
	if c.m.closed.Load() {
		return ErrClosed
	}
	return ErrNoOwner
}

// cell returns o's cell, and makes one if there is none and add says so.
func (m *Map[O, V]) cell(o *O, add bool) (*cell[O, V], error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	owner := m.ownerOf(o)
	var made *cell[O, V]
	for {
		cells, c, err := m.lookUp(owner)
		if err == nil && c == nil && !add {
			err = ErrNotExist
		}
		if err != nil || c != nil {
			if made != nil {
				made.kill() // another one was faster
			}
			return c, err
		}
		if made == nil {
			made = m.newCell(o)
		}
		if owner.add(cells, slot{&m.id, made}) {
			break
		}
	}
	m.cells.add(made, (*cell[O, V]).gone)
	if m.closed.Load() { // Close may have missed it
		made.kill()
		owner.sweep()
		return nil, ErrClosed
	}
	return made, nil
}

// lookUp returns an owner's cells and the map's among them, nil if it is gone.
func (m *Map[O, V]) lookUp(owner *Owner) (cells *[]slot, c *cell[O, V], err error) {
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

// newCell returns a cell that nobody knows but, with a destructor, the runtime.
func (m *Map[O, V]) newCell(o *O) *cell[O, V] {
	c := &cell[O, V]{m: m, owner: weak.Make(o)}
	if m.destroy != nil {
		c.cleanup = runtime.AddCleanup(o, (*cell[O, V]).kill, c)
	}
	return c
}

// has reports whether b, which the cell had, is a value.
func (c *cell[O, V]) has(b *box[V]) bool { return b != nil && b != &c.m.gone }

func (c *cell[O, V]) gone() bool { return c.value.Load() == &c.m.gone }

// take makes the cell gone, and returns what it had before: to one caller only, if that
// is a value. It needs no lock.
func (c *cell[O, V]) take() *box[V] {
	old := c.value.Swap(&c.m.gone)
	c.cleanup.Stop()
	return old
}

// kill makes the cell gone, and destroys the value if there is one. It needs no lock.
func (c *cell[O, V]) kill() {
	if old := c.take(); c.has(old) {
		c.m.discard(old)
	}
}

func (m *Map[O, V]) discard(b *box[V]) {
	if m.destroy != nil {
		m.destroy(b.v)
	}
}
