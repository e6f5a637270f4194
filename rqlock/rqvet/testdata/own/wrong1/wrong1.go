// Package wrong1 is wrong, case by case: a session server in the style of an application.
package wrong1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
)

var errBusy = errors.New("busy")

type session struct {
	mu    rqlock.Mutex
	id    int
	stale bool
	next  *session
	hits  int
}

type server struct {
	mu       rqlock.Mutex
	all      []*session
	head     *session
	byID     map[int]*session
	onClose  func(*server)
	once     sync.Once
	config   rqlock.RWMutex
	settings map[string]string
	gate     locker
}

// case continue in an indexed loop
func (s *server) sweep() error {
	for i := 0; i < len(s.all); i++ {
		e := s.all[i]
		if err := e.mu.Lock(); err != nil {
			return err
		}
		if e.stale {
			continue
		}
		e.hits = 0
		e.mu.Unlock()
	}
	return nil
}

// case break out of a linked list
func (s *server) find(id int) (int, error) {
	hits := 0
	for e := s.head; e != nil; e = e.next {
		if err := e.mu.Lock(); err != nil {
			return 0, err
		}
		if e.id == id {
			hits = e.hits
			break
		}
		e.mu.Unlock()
	}
	return hits, nil
}

// case labelled continue
func (s *server) matrix(rows [][]*session) error {
outer:
	for _, row := range rows {
		for _, e := range row {
			if err := e.mu.Lock(); err != nil {
				return err
			}
			if e.id < 0 {
				continue outer
			}
			e.mu.Unlock()
		}
	}
	return nil
}

// case break in a select
func (s *server) serve(ctx context.Context, work chan int) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n := <-work:
			if err := s.mu.Lock(); err != nil {
				return err
			}
			if n == 0 {
				break
			}
			s.byID[n] = nil
			s.mu.Unlock()
		}
	}
}

// case continue with the server's own lock held
func (s *server) expire(ids []int) error {
	for _, id := range ids {
		if err := s.mu.Lock(); err != nil {
			return err
		}
		e := s.byID[id]
		if e == nil {
			continue
		}
		delete(s.byID, id)
		s.mu.Unlock()
	}
	return nil
}

// case t.Cleanup of an unlock runs too late
func TestCleanup(t *testing.T) {
	var s server
	if err := s.mu.Lock(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.mu.Unlock)
	if err := s.mu.Lock(); err != nil {
		t.Fatal(err)
	}
	s.mu.Unlock()
}

// case flag set on the wrong side
func (s *server) flagged(write bool) error {
	locked := false
	if write {
		if err := s.mu.Lock(); err != nil {
			return err
		}
	} else {
		locked = true
	}
	s.head = nil
	if locked {
		s.mu.Unlock()
	}
	return nil
}

// case deferred function that unlocks only after an error
func (s *server) update(id int) (err error) {
	if err := s.mu.Lock(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.mu.Unlock()
		}
	}()
	if s.byID[id] == nil {
		return errBusy
	}
	return nil
}

func (s *server) each() iter.Seq[*session] {
	return func(yield func(*session) bool) {
		if err := s.mu.Lock(); err != nil {
			return
		}
		defer s.mu.Unlock()
		for _, e := range s.all {
			if !yield(e) {
				return
			}
		}
	}
}

// case the body of a range over a function locks what the iterator holds
func (s *server) count() (n int, err error) {
	for range s.each() {
		if err := s.mu.Lock(); err != nil {
			return n, err
		}
		n++
		s.mu.Unlock()
	}
	return n, nil
}

// case a lock between next and stop of iter.Pull
func (s *server) first() (*session, error) {
	next, stop := iter.Pull(s.each())
	defer stop()
	e, ok := next()
	if !ok {
		return nil, nil
	}
	if err := s.mu.Lock(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return e, nil
}

// case a loop that locks all and returns in the middle
func lockAll(all []*session) error {
	for _, e := range all {
		if err := e.mu.Lock(); err != nil {
			return err
		}
	}
	for _, e := range all {
		e.mu.Unlock()
	}
	return nil
}

// case a recover that swallows the unlock
func (s *server) guarded(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if err := s.mu.Lock(); err != nil {
		return err
	}
	f()
	s.mu.Unlock()
	return nil
}

// case a parameter that is locked by a function nobody calls
func touch(e *session) error {
	if err := e.mu.Lock(); err != nil {
		return err
	}
	e.hits++
	return nil
}

// case a forgotten unlock beside a sibling that unlocks
type queue struct {
	mu    rqlock.Mutex
	items []int
}

func (q *queue) push(v int) error {
	if err := q.mu.Lock(); err != nil {
		return err
	}
	q.items = append(q.items, v)
	q.mu.Unlock()
	return nil
}

func (q *queue) Peek() (int, error) {
	if err := q.mu.Lock(); err != nil {
		return 0, err
	}
	return q.items[0], nil
}

// case a lock behind an interface with one implementation
type locker interface{ stop() error }

type gate struct{ s *server }

func (g *gate) stop() error {
	if err := g.s.mu.Lock(); err != nil {
		return err
	}
	g.s.head = nil
	g.s.mu.Unlock()
	return nil
}

type store interface{ flush() error }

type disk struct{ mu rqlock.Mutex }

func (d *disk) flush() error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	d.mu.Unlock()
	return nil
}

func (d *disk) through(st store) error {
	if err := d.mu.Lock(); err != nil {
		return err
	}
	defer d.mu.Unlock()
	st = d
	return st.flush()
}

// case a callback in a field that is set once
type notifier struct {
	mu     rqlock.Mutex
	notify func() error
	n      int
}

func newNotifier() *notifier {
	n := &notifier{}
	n.notify = n.bump
	return n
}

func (n *notifier) bump() error {
	if err := n.mu.Lock(); err != nil {
		return err
	}
	n.n++
	n.mu.Unlock()
	return nil
}

func (n *notifier) fire() error {
	if err := n.mu.Lock(); err != nil {
		return err
	}
	defer n.mu.Unlock()
	return n.notify()
}

// case a release function that is dropped
func (s *server) hold() (func(), error) {
	if err := s.mu.Lock(); err != nil {
		return nil, err
	}
	return func() { s.mu.Unlock() }, nil
}

func (s *server) reset() error {
	_, err := s.hold()
	if err != nil {
		return err
	}
	s.head = nil
	return nil
}

// case a release function that is deferred without being called
type cell struct {
	mu rqlock.Mutex
	n  int
}

func (c *cell) guard() func() {
	if err := c.mu.Lock(); err != nil {
		panic(err)
	}
	return c.mu.Unlock
}

func (c *cell) inc() {
	defer c.guard()
	c.n++
}

// case a literal handed to Once.Do
func (s *server) start() error {
	if err := s.mu.Lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.once.Do(func() {
		if err := s.mu.Lock(); err != nil {
			return
		}
		s.head = nil
		s.mu.Unlock()
	})
	return nil
}

// case a literal handed to SortFunc
func (s *server) sorted() error {
	if err := s.mu.Lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	slices.SortFunc(s.all, func(a, b *session) int {
		if err := s.mu.Lock(); err != nil {
			return 0
		}
		defer s.mu.Unlock()
		return a.id - b.id
	})
	return nil
}

// case a literal handed to a helper that calls it locked
func (s *server) with(f func()) error {
	if err := s.mu.Lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	f()
	return nil
}

func (s *server) rename() error {
	return s.with(func() {
		if err := s.mu.Lock(); err != nil {
			return
		}
		s.mu.Unlock()
	})
}

// case mutual recursion
type tree struct {
	mu          rqlock.Mutex
	left, right *tree
	v           int
}

func (t *tree) even(n int) error {
	if err := t.mu.Lock(); err != nil {
		return err
	}
	defer t.mu.Unlock()
	if n == 0 {
		return nil
	}
	return t.odd(n - 1)
}

func (t *tree) odd(n int) error {
	if n == 0 {
		return errBusy
	}
	return t.even(n - 1)
}

// case an order of three locks through a helper
var la, lb, lc rqlock.Mutex

func both(x, y *rqlock.Mutex) error {
	if err := x.Lock(); err != nil {
		return err
	}
	defer x.Unlock()
	if err := y.Lock(); err != nil {
		return err
	}
	y.Unlock()
	return nil
}

func orders() error {
	return errors.Join(both(&la, &lb), both(&lb, &lc), both(&lc, &la))
}

// case String that locks, printed under the lock
type account struct {
	mu rqlock.Mutex
	n  int
}

func (a *account) String() string {
	if err := a.mu.Lock(); err != nil {
		return "?"
	}
	defer a.mu.Unlock()
	return fmt.Sprint(a.n)
}

func (a *account) log() (string, error) {
	if err := a.mu.Lock(); err != nil {
		return "", err
	}
	defer a.mu.Unlock()
	return fmt.Sprintf("account %v", a), nil
}

// case MarshalJSON that locks, handed to json
type page struct {
	mu rqlock.RWMutex
	n  int
}

func (p *page) MarshalJSON() ([]byte, error) {
	if err := p.mu.RLock(); err != nil {
		return nil, err
	}
	defer p.mu.RUnlock()
	return []byte("{}"), nil
}

func (p *page) save() ([]byte, error) {
	if err := p.mu.Lock(); err != nil {
		return nil, err
	}
	defer p.mu.Unlock()
	return json.Marshal(p)
}

// case Less that locks, handed to sort
type ranking struct {
	mu rqlock.Mutex
	v  []int
}

func (r *ranking) Len() int      { return len(r.v) }
func (r *ranking) Swap(i, j int) { r.v[i], r.v[j] = r.v[j], r.v[i] }
func (r *ranking) Less(i, j int) bool {
	if err := r.mu.Lock(); err != nil {
		return false
	}
	defer r.mu.Unlock()
	return r.v[i] < r.v[j]
}

func (r *ranking) Sort() error {
	if err := r.mu.Lock(); err != nil {
		return err
	}
	sort.Sort(r)
	r.mu.Unlock()
	return nil
}

// case a deferred closure whose variable has moved on
func chain(e *session) error {
	if err := e.mu.Lock(); err != nil {
		return err
	}
	defer func() { e.mu.Unlock() }()
	e = e.next
	return nil
}

// case a lock pointer replaced while held
type shard struct {
	mu *rqlock.Mutex
	n  int
}

func (s *shard) renew() error {
	if err := s.mu.Lock(); err != nil {
		return err
	}
	s.mu = new(rqlock.Mutex)
	s.n = 0
	s.mu.Unlock()
	return nil
}

// case the lock of one key locked, of another unlocked
type striped struct{ locks [16]rqlock.Mutex }

func (s *striped) of(k int) *rqlock.Mutex { return &s.locks[k%16] }

func (s *striped) move(a, b int) error {
	if err := s.of(a).Lock(); err != nil {
		return err
	}
	s.of(b).Unlock()
	return nil
}

// case indices mixed up
func (s *striped) add(i, j int) error {
	if err := s.locks[i].Lock(); err != nil {
		return err
	}
	s.locks[j].Unlock()
	return nil
}

// case slices.Clone
type plain struct {
	mu rqlock.Mutex
	n  int
}

func snapshot(all []plain) []plain {
	return slices.Clone(all)
}

// case slices.Delete
func drop(all []plain, i int) []plain {
	return slices.Delete(all, i, i+1)
}

// case maps.Clone
func fork(all map[string]plain) map[string]plain {
	return maps.Clone(all)
}

// case sort.Slice
func order(all []plain) {
	sort.Slice(all, func(i, j int) bool { return all[i].n < all[j].n })
}

// case an own generic over *T
func swap[T any](a, b *T) {
	*a, *b = *b, *a
}

func exchange(a, b *plain) { swap(a, b) }

// case a copy by *f()
func (s *server) current() *session { return s.head }

func (s *server) copied() int {
	e := *s.current()
	return e.id
}

// case a copy by case T
func kind(v any) int {
	switch v := v.(type) {
	case plain:
		return v.n
	}
	return 0
}

// case read lock released as a write lock
func (s *server) setting(k string) (string, error) {
	if err := s.config.RLock(); err != nil {
		return "", err
	}
	defer s.config.Unlock()
	return s.settings[k], nil
}

// case upgrade of a read lock
func (s *server) ensure(k string) error {
	if err := s.config.RLock(); err != nil {
		return err
	}
	defer s.config.RUnlock()
	if _, ok := s.settings[k]; ok {
		return nil
	}
	if err := s.config.Lock(); err != nil {
		return err
	}
	s.settings[k] = ""
	s.config.Unlock()
	return nil
}

// case write lock released as a read lock
func (s *server) set(k, v string) error {
	if err := s.config.Lock(); err != nil {
		return err
	}
	s.settings[k] = v
	s.config.RUnlock()
	return nil
}

// case read lock kept on an early return
func (s *server) has(k string) (bool, error) {
	if err := s.config.RLock(); err != nil {
		return false, err
	}
	if s.settings == nil {
		return false, errBusy
	}
	_, ok := s.settings[k]
	s.config.RUnlock()
	return ok, nil
}

// case a callee that locks for writing what is read here
func (s *server) defaults() error {
	if err := s.config.RLock(); err != nil {
		return err
	}
	defer s.config.RUnlock()
	if len(s.settings) == 0 {
		return s.set("a", "b")
	}
	return nil
}

// case a record that is neither committed nor discarded
func emit(r *ringbuf.Ring, p []byte) error {
	rec, err := r.Reserve(len(p))
	if err != nil {
		return err
	}
	if len(p) == 0 {
		return errBusy
	}
	copy(rec.Bytes(), p)
	rec.Commit()
	return nil
}

// case a record that is committed and then discarded
func emitTwice(r *ringbuf.Ring, p []byte) error {
	rec, err := r.Reserve(len(p))
	if err != nil {
		return err
	}
	defer rec.Discard()
	copy(rec.Bytes(), p)
	rec.Commit()
	return nil
}

// case a record that is used after its commit
func emitLate(r *ringbuf.Ring, p []byte) error {
	rec, err := r.Reserve(len(p))
	if err != nil {
		return err
	}
	rec.Commit()
	copy(rec.Bytes(), p)
	return nil
}

// case a record that was never reserved is committed
func emitFailed(r *ringbuf.Ring, p []byte) error {
	rec, err := r.Reserve(len(p))
	if err != nil {
		rec.Discard()
		return err
	}
	rec.Commit()
	return nil
}

// case an error path that is ignored
func (s *server) try() {
	if err := s.mu.Lock(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	s.head = nil
	s.mu.Unlock()
}

// case timeout that is not looked at
func (s *server) later() {
	_ = s.mu.LockTimeout(time.Second)
	defer s.mu.Unlock()
	s.head = nil
}

// case locked twice through a helper with a builder
func (s *server) describe() (string, error) {
	var b strings.Builder
	if err := s.mu.Lock(); err != nil {
		return "", err
	}
	defer s.mu.Unlock()
	for _, e := range s.all {
		fmt.Fprintf(&b, "%d ", e.id)
	}
	n, err := s.size()
	fmt.Fprint(&b, n)
	return b.String(), err
}

func (s *server) size() (int, error) {
	if err := s.mu.Lock(); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return len(s.all), nil
}
