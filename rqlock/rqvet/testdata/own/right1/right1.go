// Package right1 is right: objects whose fields and counters say whether their lock is held.
package right1

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
)

var errClosed = errors.New("closed")

type device struct {
	mu     rqlock.Mutex
	open   bool
	users  int
	state  int
	owner  *device
	cancel func()
	buf    []byte
}

const (
	idle = iota
	locked
	busy
)

// case Open and Close with a field that says it
func (d *device) Open() error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	d.open = true
	return nil
}

func (d *device) Close() {
	if d.open {
		d.open = false
		d.mu.Unlock()
	}
}

func (d *device) use() error {
	if err := d.Open(); err != nil {
		return err
	}
	d.buf = nil
	d.Close()
	return nil
}

// case deferred Close
func (d *device) useDeferred() error {
	defer d.Close()
	if err := d.Open(); err != nil {
		return err
	}
	if len(d.buf) == 0 {
		return errClosed
	}
	return nil
}

// case depth counter
func (d *device) enter() error {
	if d.users == 0 {
		if err := d.mu.Lock(); err != nil {
			return err
		}
	}
	d.users++
	return nil
}

func (d *device) leave() {
	d.users--
	if d.users == 0 {
		d.mu.Unlock()
	}
}

func (d *device) nested() error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if err := d.enter(); err != nil {
		return err
	}
	d.leave()
	return nil
}

// case depth counter in one function
func depth(mu *rqlock.Mutex, steps []int) error {
	n := 0
	for _, s := range steps {
		if s > 0 {
			if n == 0 {
				if err := mu.Lock(); err != nil {
					return err
				}
			}
			n++
		} else if n > 0 {
			n--
			if n == 0 {
				mu.Unlock()
			}
		}
	}
	if n > 0 {
		mu.Unlock()
	}
	return nil
}

// case state variable with &&
func (d *device) step(ready bool) error {
	if d.state == idle && ready {
		if err := d.mu.Lock(); err != nil {
			return err
		}
		d.state = locked
	}
	d.buf = append(d.buf, 1)
	if d.state == locked && ready {
		d.state = idle
		d.mu.Unlock()
	}
	return nil
}

// case state in an integer variable
func (d *device) machine(in []byte) error {
	state := idle
	for _, b := range in {
		switch {
		case b == 'l' && state == idle:
			if err := d.mu.Lock(); err != nil {
				return err
			}
			state = locked
		case b == 'u' && state == locked:
			d.mu.Unlock()
			state = idle
		}
	}
	if state == locked {
		d.mu.Unlock()
	}
	return nil
}

// case nil pointer says that nothing is held
func (d *device) borrow(other *device) error {
	var held *device
	if other != nil && other.open {
		if err := other.mu.Lock(); err != nil {
			return err
		}
		held = other
	}
	d.buf = nil
	if held != nil {
		held.mu.Unlock()
	}
	return nil
}

// case nil field says that nothing is held
func (d *device) adopt(o *device) error {
	if err := o.mu.Lock(); err != nil {
		return err
	}
	d.owner = o
	return nil
}

func (d *device) abandon() {
	if d.owner != nil {
		d.owner.mu.Unlock()
		d.owner = nil
	}
}

func (d *device) lend(o *device) error {
	if err := d.adopt(o); err != nil {
		return err
	}
	d.buf = o.buf
	d.abandon()
	return nil
}

// case released early, and by defer under a flag
func (d *device) early(deep bool) error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	held := true
	defer func() {
		if held {
			d.mu.Unlock()
		}
	}()
	if deep {
		d.mu.Unlock()
		held = false
		return d.slow()
	}
	d.users++
	return nil
}

func (d *device) slow() error { return nil }

// case released early under a field's flag
func (d *device) earlyField(deep bool) error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	d.open = true
	defer func() {
		if d.open {
			d.open = false
			d.mu.Unlock()
		}
	}()
	if deep {
		d.open = false
		d.mu.Unlock()
		return d.slow()
	}
	return nil
}

// case a pure method decides twice
func (d *device) needed() bool { return d.state == busy || len(d.buf) > 8 }

func (d *device) twice() error {
	if d.needed() {
		if err := d.mu.Lock(); err != nil {
			return err
		}
	}
	total := 0
	for _, b := range d.buf {
		total += int(b)
	}
	if d.needed() {
		d.mu.Unlock()
	}
	return nil
}

// case a loop's bound decides twice
func (d *device) firstLast(n int) error {
	for i := 0; i < n; i++ {
		if i == 0 {
			if err := d.mu.Lock(); err != nil {
				return err
			}
		}
		d.users += i
		if i == n-1 {
			d.mu.Unlock()
		}
	}
	return nil
}

// case lock all, unlock all in reverse
func all(list []*device) error {
	for i, d := range list {
		if err := d.mu.Lock(); err != nil {
			for j := i - 1; j >= 0; j-- {
				list[j].mu.Unlock()
			}
			return err
		}
	}
	for i := len(list) - 1; i >= 0; i-- {
		list[i].mu.Unlock()
	}
	return nil
}

// case hand over hand
type node struct {
	mu   rqlock.Mutex
	next *node
	key  int
}

func (n *node) search(key int) (bool, error) {
	if err := n.mu.Lock(); err != nil {
		return false, err
	}
	cur := n
	for cur.next != nil {
		next := cur.next
		if err := next.mu.Lock(); err != nil {
			cur.mu.Unlock()
			return false, err
		}
		cur.mu.Unlock()
		cur = next
		if cur.key == key {
			cur.mu.Unlock()
			return true, nil
		}
	}
	cur.mu.Unlock()
	return false, nil
}

// case release function that is deferred and called
func (d *device) guard() (func(), error) {
	if err := d.mu.Lock(); err != nil {
		return func() {}, err
	}
	return d.mu.Unlock, nil
}

func (d *device) guarded() error {
	release, err := d.guard()
	if err != nil {
		return err
	}
	defer release()
	d.users++
	return nil
}

// case release function in a field
func (d *device) begin() error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	d.cancel = func() { d.mu.Unlock() }
	return nil
}

func (d *device) end() { d.cancel() }

// case t.Cleanup in a test that goes on with the lock held
func TestHeld(t *testing.T) {
	var d device
	if err := d.mu.Lock(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.mu.Unlock)
	d.users++
}

// case iterator that holds nothing while it yields
func (d *device) bytes() iter.Seq[byte] {
	return func(yield func(byte) bool) {
		if err := d.mu.Lock(); err != nil {
			return
		}
		all := slices.Clone(d.buf)
		d.mu.Unlock()
		for _, b := range all {
			if !yield(b) {
				return
			}
		}
	}
}

func (d *device) sum() (n int, err error) {
	for b := range d.bytes() {
		if err := d.mu.Lock(); err != nil {
			return 0, err
		}
		n += int(b)
		d.mu.Unlock()
	}
	return n, nil
}

// case recover that unlocks
func (d *device) protect(f func()) (err error) {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		d.mu.Unlock()
	}()
	f()
	return nil
}

// case a helper that locks only if told to
func (d *device) flush(lock bool) error {
	if lock {
		if err := d.mu.Lock(); err != nil {
			return err
		}
		defer d.mu.Unlock()
	}
	d.buf = nil
	return nil
}

func (d *device) drain() error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	defer d.mu.Unlock()
	return d.flush(false)
}

// case a helper that returns at once for zero
func (d *device) grow(n int) error {
	if n == 0 {
		return nil
	}
	if err := d.mu.Lock(); err != nil {
		return err
	}
	defer d.mu.Unlock()
	d.users += n
	return nil
}

func (d *device) maybe(n int) error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	defer d.mu.Unlock()
	if n == 0 {
		return d.grow(n)
	}
	return nil
}

// case unlock around a slow call
func (d *device) around(ctx context.Context) error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	for d.state == busy {
		d.mu.Unlock()
		time.Sleep(time.Millisecond)
		if err := d.mu.LockContext(ctx); err != nil {
			return err
		}
	}
	d.mu.Unlock()
	return nil
}

// case recursive reads
type table struct {
	mu   rqlock.RWMutex
	rows map[string]int
}

func (t *table) get(k string) (int, error) {
	if err := t.mu.RLock(); err != nil {
		return 0, err
	}
	defer t.mu.RUnlock()
	return t.rows[k], nil
}

func (t *table) pair(a, b string) (int, error) {
	if err := t.mu.RLock(); err != nil {
		return 0, err
	}
	defer t.mu.RUnlock()
	x, err := t.get(a)
	if err != nil {
		return 0, err
	}
	y, err := t.get(b)
	return x + y, err
}

// case read, let go, write
func (t *table) ensure(k string) error {
	if err := t.mu.RLock(); err != nil {
		return err
	}
	_, ok := t.rows[k]
	t.mu.RUnlock()
	if ok {
		return nil
	}
	if err := t.mu.Lock(); err != nil {
		return err
	}
	defer t.mu.Unlock()
	t.rows[k] = 0
	return nil
}

// case downgrade
func (t *table) put(k string, v int) (int, error) {
	if err := t.mu.Lock(); err != nil {
		return 0, err
	}
	t.rows[k] = v
	t.mu.Downgrade()
	defer t.mu.RUnlock()
	return len(t.rows), nil
}

// case read or write by a parameter
func (t *table) do(write bool, f func(map[string]int)) error {
	if write {
		if err := t.mu.Lock(); err != nil {
			return err
		}
	} else if err := t.mu.RLock(); err != nil {
		return err
	}
	f(t.rows)
	if write {
		t.mu.Unlock()
	} else {
		t.mu.RUnlock()
	}
	return nil
}

// case RLocker
func (t *table) locker() error {
	l := t.mu.RLocker()
	if err := l.Lock(); err != nil {
		return err
	}
	defer l.Unlock()
	return nil
}

// case a record that is finished on each path
func emit(r *ringbuf.Ring, p []byte, check bool) error {
	rec, err := r.Reserve(len(p))
	if err != nil {
		return err
	}
	if check && len(p) == 0 {
		rec.Discard()
		return errClosed
	}
	copy(rec.Bytes(), p)
	rec.Commit()
	return nil
}

// case a record that is handed on
func reserve(r *ringbuf.Ring, n int) (ringbuf.Record, error) {
	rec, err := r.Reserve(n)
	if err != nil {
		return ringbuf.Record{}, fmt.Errorf("reserve: %w", err)
	}
	return rec, nil
}

func fill(r *ringbuf.Ring, p []byte) error {
	rec, err := reserve(r, len(p))
	if err != nil {
		return err
	}
	finish(rec, p)
	return nil
}

func finish(rec ringbuf.Record, p []byte) {
	copy(rec.Bytes(), p)
	rec.Commit()
}

// case a record committed under a flag
func flagged(r *ringbuf.Ring, p []byte) (err error) {
	rec, err := r.Reserve(len(p))
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			rec.Discard()
		}
	}()
	copy(rec.Bytes(), p)
	rec.Commit()
	done = true
	return nil
}

// case String that locks, printed after the unlock
type score struct {
	mu rqlock.Mutex
	n  int
}

func (s *score) String() string {
	if err := s.mu.Lock(); err != nil {
		return "?"
	}
	defer s.mu.Unlock()
	return fmt.Sprint(s.n)
}

func (s *score) show() (string, error) {
	if err := s.mu.Lock(); err != nil {
		return "", err
	}
	s.n++
	n := s.n
	s.mu.Unlock()
	return fmt.Sprintln(s, n), nil
}

// case a number printed under the lock
func (s *score) trace() (string, error) {
	if err := s.mu.Lock(); err != nil {
		return "", err
	}
	defer s.mu.Unlock()
	return fmt.Sprint(s.n), nil
}

// case a literal for Once that runs elsewhere
type lazy struct {
	mu   rqlock.Mutex
	once sync.Once
	n    int
}

func (l *lazy) init() error {
	l.once.Do(func() {
		if err := l.mu.Lock(); err != nil {
			return
		}
		l.n = 1
		l.mu.Unlock()
	})
	if err := l.mu.Lock(); err != nil {
		return err
	}
	defer l.mu.Unlock()
	return nil
}

// case striped locks by one key
type striped struct{ locks [16]rqlock.Mutex }

func (s *striped) of(k int) *rqlock.Mutex { return &s.locks[k%16] }

func (s *striped) with(k int, f func()) error {
	if err := s.of(k).Lock(); err != nil {
		return err
	}
	f()
	s.of(k).Unlock()
	return nil
}

// case a transaction in an object
type tx struct {
	d    *device
	done bool
}

func (d *device) tx() (*tx, error) {
	if err := d.mu.Lock(); err != nil {
		return nil, err
	}
	return &tx{d: d}, nil
}

func (t *tx) Commit() error {
	if t.done {
		return errClosed
	}
	t.done = true
	t.d.mu.Unlock()
	return nil
}

func (t *tx) Rollback() {
	if !t.done {
		t.done = true
		t.d.mu.Unlock()
	}
}

func (d *device) transact() error {
	t, err := d.tx()
	if err != nil {
		return err
	}
	defer t.Rollback()
	d.users++
	return t.Commit()
}

// case length of a list says how many are held
type stack struct{ held []*device }

func (s *stack) push(d *device) error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	s.held = append(s.held, d)
	return nil
}

func (s *stack) popAll() {
	for len(s.held) > 0 {
		d := s.held[len(s.held)-1]
		s.held = s.held[:len(s.held)-1]
		d.mu.Unlock()
	}
}

// case try, else a slower way
func (d *device) attempt() error {
	got := d.mu.TryLock()
	if !got {
		if err := d.mu.LockTimeout(time.Second); err != nil {
			return err
		}
	}
	d.users++
	d.mu.Unlock()
	return nil
}

// case an optional lock
func optional(mu *rqlock.Mutex, f func()) error {
	if mu != nil {
		if err := mu.Lock(); err != nil {
			return err
		}
	}
	f()
	if mu != nil {
		mu.Unlock()
	}
	return nil
}
