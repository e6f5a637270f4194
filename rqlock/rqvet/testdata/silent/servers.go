package silent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
	"github.com/rqlock/rqlock/rqlock/sync"
)

type entry struct {
	mu   rqlock.Mutex
	rw   rqlock.RWMutex
	key  string
	n    int
	dead bool
}

type table struct {
	mu   sync.RWMutex
	cond *sync.Cond
	m    map[string]*entry
	list []*entry
	busy bool
}

// The entry is looked up again before it is made.
func (t *table) entry(key string) *entry {
	t.mu.RLock()
	e := t.m[key]
	t.mu.RUnlock()
	if e != nil {
		return e
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e = t.m[key]; e == nil {
		e = &entry{key: key}
		t.m[key] = e
	}
	return e
}

// An entry that has died is unlocked, and looked up again.
func (t *table) lockEntry(key string) (*entry, error) {
	for {
		e := t.entry(key)
		if err := e.mu.Lock(); err != nil {
			return nil, err
		}
		if !e.dead {
			return e, nil
		}
		e.mu.Unlock()
	}
}

func (t *table) incr(key string) (int, error) {
	e, err := t.lockEntry(key)
	if err != nil {
		return 0, err
	}
	defer e.mu.Unlock()
	e.n++
	return e.n, nil
}

// All entries are locked in the order of their keys, and unlocked by what is deferred.
func (t *table) sum(keys ...string) (total int, err error) {
	keys = slices.Clone(keys)
	sort.Strings(keys)
	keys = slices.Compact(keys)
	var locked []*entry
	defer func() {
		for _, e := range slices.Backward(locked) {
			e.mu.Unlock()
		}
	}()
	for _, k := range keys {
		e := t.entry(k)
		if err := e.mu.Lock(); err != nil {
			return 0, err
		}
		locked = append(locked, e)
	}
	for _, e := range locked {
		total += e.n
	}
	return total, nil
}

// Wait releases the lock.
func (t *table) use(f func()) {
	t.mu.Lock()
	for t.busy {
		t.cond.Wait()
	}
	t.busy = true
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.busy = false
		t.mu.Unlock()
		t.cond.Signal()
	}()
	f()
}

// guard returns what unlocks.
func (e *entry) guard() (func(), error) {
	if err := e.mu.Lock(); err != nil {
		return nil, err
	}
	return func() { e.mu.Unlock() }, nil
}

func (e *entry) guarded() error {
	done, err := e.guard()
	if err != nil {
		return err
	}
	defer done()
	e.n++
	return nil
}

func (e *entry) guardedEarly(n int) error {
	done, err := e.guard()
	if err != nil {
		return err
	}
	if n > 0 {
		done()
		return nil
	}
	e.n++
	done()
	return nil
}

// The write lock becomes a read lock.
func (e *entry) refresh(load func() (int, error)) (int, error) {
	if err := e.rw.Lock(); err != nil {
		return 0, err
	}
	n, err := load()
	if err != nil {
		e.rw.Unlock()
		return 0, err
	}
	e.n = n
	e.rw.Downgrade()
	defer e.rw.RUnlock()
	return e.n, nil
}

// To read while reading is right.
func (e *entry) size() (int, error) {
	if err := e.rw.RLock(); err != nil {
		return 0, err
	}
	defer e.rw.RUnlock()
	return e.twice()
}

func (e *entry) twice() (int, error) {
	if err := e.rw.RLock(); err != nil {
		return 0, err
	}
	defer e.rw.RUnlock()
	return 2 * e.n, nil
}

// The lock is behind an interface.
func with(l sync.Locker, f func()) {
	l.Lock()
	defer l.Unlock()
	f()
}

func (t *table) reset() {
	with(&t.mu, func() { clear(t.m) })
	with(t.mu.RLocker(), func() { fmt.Println(len(t.m)) })
}

// Two locks are acquired in the order of their keys.
func move(a, b *entry, n int) error {
	if a == b {
		return nil
	}
	x, y := a, b
	if cmp.Compare(a.key, b.key) > 0 {
		x, y = b, a
	}
	unlockX, err := x.guard()
	if err != nil {
		return err
	}
	defer unlockX()
	unlockY, err := y.guard()
	if err != nil {
		return err
	}
	defer unlockY()
	a.n -= n
	b.n += n
	return nil
}

// Each turn of the loop locks in a literal.
func (t *table) tick() (failed error) {
	for _, e := range t.list {
		func() {
			if err := e.mu.Lock(); err != nil {
				failed = errors.Join(failed, err)
				return
			}
			defer e.mu.Unlock()
			if e.n++; e.n > 10 {
				e.dead = true
			}
		}()
	}
	return failed
}

// A panic is recovered, and the lock is released.
func (e *entry) safely(f func()) (err error) {
	if err := e.mu.Lock(); err != nil {
		return err
	}
	defer e.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	f()
	return nil
}

// The error is told apart by a switch.
func (e *entry) within(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	switch err := e.mu.LockContext(ctx); {
	case errors.Is(err, rqlock.ErrDeadlock):
		return fmt.Errorf("again: %w", err)
	case err != nil:
		return err
	}
	defer e.mu.Unlock()
	return f()
}

// Each record is committed or discarded, here or by what is called.
type out struct {
	ring *ringbuf.Ring
	pend ringbuf.Record
	open bool
}

func fill(rec ringbuf.Record, s string) bool { return copy(rec.Bytes(), s) == len(s) }

func (o *out) write(all []string) (n int, err error) {
	for _, s := range all {
		rec, err := o.ring.Reserve(len(s))
		if errors.Is(err, ringbuf.ErrFull) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if !fill(rec, s) {
			rec.Discard()
			continue
		}
		rec.Commit()
		n++
	}
	return n, nil
}

func finish(rec ringbuf.Record, ok bool) {
	if ok {
		rec.Commit()
	} else {
		rec.Discard()
	}
}

func (o *out) one(s string) error {
	rec, err := o.ring.Reserve(len(s))
	if err != nil {
		return err
	}
	finish(rec, fill(rec, s))
	return nil
}

func (o *out) reserve(n int) (ringbuf.Record, error) { return o.ring.Reserve(n) }

func (o *out) two(s string) error {
	rec, err := o.reserve(len(s))
	if err != nil {
		return err
	}
	defer rec.Commit()
	copy(rec.Bytes(), s)
	return nil
}

func (o *out) begin(n int) (err error) {
	o.pend, err = o.ring.Reserve(n)
	o.open = err == nil
	return err
}

func (o *out) end() {
	if o.open {
		o.pend.Commit()
		o.open = false
	}
}

// Any goroutine may unlock a lock of package sync.
func (t *table) background(f func()) {
	t.mu.Lock()
	go func() {
		defer t.mu.Unlock()
		f()
	}()
}

// A counter says whether the lock is held.
type nested struct {
	mu    sync.Mutex
	depth int
}

func (n *nested) enter() {
	if n.depth == 0 {
		n.mu.Lock()
	}
	n.depth++
}

func (n *nested) leave() {
	n.depth--
	if n.depth == 0 {
		n.mu.Unlock()
	}
}

func (n *nested) do() {
	n.enter()
	defer n.leave()
	n.enter()
	n.leave()
}

// The lock may be missing.
type maybe struct {
	mu *rqlock.Mutex
	n  int
}

func (m *maybe) add() error {
	if m.mu != nil {
		if err := m.mu.Lock(); err != nil {
			return err
		}
		defer m.mu.Unlock()
	}
	m.n++
	return nil
}

func (m *maybe) add2() error {
	if m.mu != nil {
		if err := m.mu.Lock(); err != nil {
			return err
		}
	}
	m.n++
	if m.mu != nil {
		m.mu.Unlock()
	}
	return nil
}

// The lock is let go now and then.
func (t *table) sweep(limit int) (swept int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := 0; i < len(t.list); i++ {
		if i%limit == limit-1 {
			t.mu.Unlock()
			time.Sleep(time.Millisecond)
			t.mu.Lock()
		}
		if t.list[i].dead {
			swept++
		}
	}
	return swept
}

// A literal locks another object of the same type.
type locked[T any] struct {
	mu rqlock.Mutex
	v  T
}

func (l *locked[T]) update(f func(T) (T, error)) error {
	if err := l.mu.Lock(); err != nil {
		return err
	}
	defer l.mu.Unlock()
	v, err := f(l.v)
	if err != nil {
		return err
	}
	l.v = v
	return nil
}

func swap[T any](a, b *locked[T]) error {
	return a.update(func(x T) (T, error) {
		var old T
		err := b.update(func(y T) (T, error) {
			old = y
			return x, nil
		})
		return old, err
	})
}
