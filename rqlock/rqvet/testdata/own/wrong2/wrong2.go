// Package wrong2 is wrong, case by case: sync's signatures, generics, closures and packages of
// locks that a library might have.
package wrong2

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	gosync "sync"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
	"github.com/rqlock/rqlock/rqlock/sync"
)

type cache[K comparable, V any] struct {
	sync.RWMutex
	m      map[K]V
	loader func(K) V
	order  []K
}

// case generic: early return
func (c *cache[K, V]) Get(k K) (v V, ok bool) {
	c.RLock()
	v, ok = c.m[k]
	if !ok {
		return v, false
	}
	c.RUnlock()
	return v, true
}

// case generic: read lock, then a method that writes
func (c *cache[K, V]) Put(k K, v V) {
	c.Lock()
	defer c.Unlock()
	c.m[k] = v
}

func (c *cache[K, V]) Load(k K) V {
	c.RLock()
	defer c.RUnlock()
	v, ok := c.m[k]
	if !ok {
		v = c.loader(k)
		c.Put(k, v)
	}
	return v
}

// case wrong kind of unlock through an embedded lock
func (c *cache[K, V]) Len() int {
	c.RLock()
	n := len(c.m)
	c.Unlock()
	return n
}

// case lock twice
func (c *cache[K, V]) Clear() {
	c.Lock()
	c.m = map[K]V{}
	c.Lock()
	c.order = nil
	c.Unlock()
}

// case unlock twice
func (c *cache[K, V]) Drop(k K) {
	c.Lock()
	defer c.Unlock()
	delete(c.m, k)
	if len(c.m) == 0 {
		c.order = nil
		c.Unlock()
		return
	}
}

// case continue with a read lock
func total(all []*cache[string, int]) (n int) {
	for _, c := range all {
		c.RLock()
		if c.m == nil {
			continue
		}
		n += len(c.m)
		c.RUnlock()
	}
	return n
}

// case switch without unlock in a case
type conn struct {
	mu    sync.Mutex
	state string
	peers []*conn
	out   bytes.Buffer
	fn    func()
}

func (c *conn) handle(kind int) error {
	c.mu.Lock()
	switch kind {
	case 0:
		c.state = "open"
	case 1:
		c.state = "closed"
		return io.EOF
	default:
		c.mu.Unlock()
		return fmt.Errorf("kind %d", kind)
	}
	c.mu.Unlock()
	return nil
}

// case goto past the unlock
func (c *conn) jump(n int) {
	c.mu.Lock()
	if n > 3 {
		goto end
	}
	c.state = strconv.Itoa(n)
	c.mu.Unlock()
end:
	c.peers = nil
}

// case panic with the lock held and recovered by the caller
func (c *conn) must(v any) {
	c.mu.Lock()
	s, ok := v.(string)
	if !ok {
		panic("not a string")
	}
	c.state = s
	c.mu.Unlock()
}

// case calls a method that locks
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set("closed")
}

func (c *conn) set(s string) {
	c.mu.Lock()
	c.state = s
	c.mu.Unlock()
}

// case three levels down
func (c *conn) level1() { c.mu.Lock(); c.level2(); c.mu.Unlock() }
func (c *conn) level2() { c.level3() }
func (c *conn) level3() {
	if c.state == "" {
		c.set("x")
	}
}

// case ABBA between two types
type left struct {
	mu sync.Mutex
	r  *right
}

type right struct {
	mu sync.Mutex
	l  *left
}

func (l *left) pull() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.r.mu.Lock()
	l.r.mu.Unlock()
}

func (r *right) push() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.l.mu.Lock()
	r.l.mu.Unlock()
}

// case ABBA with the read side
type index struct{ mu rqlock.RWMutex }
type heap struct{ mu rqlock.Mutex }

func scan(i *index, h *heap) error {
	if err := i.mu.RLock(); err != nil {
		return err
	}
	defer i.mu.RUnlock()
	if err := h.mu.Lock(); err != nil {
		return err
	}
	h.mu.Unlock()
	return nil
}

func compact(i *index, h *heap) error {
	if err := h.mu.Lock(); err != nil {
		return err
	}
	defer h.mu.Unlock()
	if err := i.mu.Lock(); err != nil {
		return err
	}
	i.mu.Unlock()
	return nil
}

// case unlock in the wrong place of a closure
func apply(c *conn, fs ...func() error) error {
	run := func(f func() error) error {
		c.mu.Lock()
		if err := f(); err != nil {
			return err
		}
		c.mu.Unlock()
		return nil
	}
	for _, f := range fs {
		if err := run(f); err != nil {
			return err
		}
	}
	return nil
}

// case Error that locks, wrapped under the lock
type failure struct {
	mu  sync.Mutex
	msg string
}

func (f *failure) Error() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.msg
}

func (f *failure) wrap() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Errorf("wrapped: %w", f)
}

// case Read that locks, handed to io under the lock
type source struct {
	mu   sync.Mutex
	data []byte
}

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, io.EOF
}

func (s *source) all() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return io.ReadAll(s)
}

// case slices.SortFunc with a method value
func (c *conn) less(a, b *conn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(a.state) - len(b.state)
}

func (c *conn) sort() {
	c.mu.Lock()
	slices.SortFunc(c.peers, c.less)
	c.mu.Unlock()
}

// case sync.OnceFunc's function runs under the lock
func (c *conn) once() {
	f := gosync.OnceFunc(func() {
		c.mu.Lock()
		c.state = "once"
		c.mu.Unlock()
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// case callback field set in a constructor
func newConn() *conn {
	c := &conn{}
	c.fn = func() {
		c.mu.Lock()
		c.state = "called"
		c.mu.Unlock()
	}
	return c
}

func (c *conn) invoke() {
	c.mu.Lock()
	c.fn()
	c.mu.Unlock()
}

// case interface with one implementation
type backend interface{ sync() }

type file struct {
	mu sync.Mutex
	b  backend
}

func (f *file) sync() {
	f.mu.Lock()
	defer f.mu.Unlock()
}

func (f *file) commit() {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b backend = f
	b.sync()
}

// case iterator with a lock, and a body that writes
type list struct {
	mu   rqlock.RWMutex
	vals []int
}

func (l *list) All() iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		if err := l.mu.RLock(); err != nil {
			return
		}
		defer l.mu.RUnlock()
		for i, v := range l.vals {
			if !yield(i, v) {
				return
			}
		}
	}
}

func (l *list) Append(v int) error {
	if err := l.mu.Lock(); err != nil {
		return err
	}
	defer l.mu.Unlock()
	l.vals = append(l.vals, v)
	return nil
}

func (l *list) double() error {
	for _, v := range l.All() {
		if err := l.Append(2 * v); err != nil {
			return err
		}
	}
	return nil
}

// case a yield that leaves the lock behind
func (l *list) Leaky() iter.Seq[int] {
	return func(yield func(int) bool) {
		if err := l.mu.RLock(); err != nil {
			return
		}
		for _, v := range l.vals {
			if !yield(v) {
				return
			}
		}
		l.mu.RUnlock()
	}
}

// case two objects of one type, the wrong one unlocked
func transfer(from, to *conn) {
	from.mu.Lock()
	to.mu.Lock()
	to.state, from.state = from.state, to.state
	to.mu.Unlock()
	to.mu.Unlock()
}

// case lock acquired in the condition of a loop
func spin(mu *rqlock.Mutex, tries int) bool {
	for i := 0; i < tries; i++ {
		if mu.TryLock() {
			if tries > 100 {
				return true
			}
			return false
		}
	}
	return false
}

// case unlocked in the failed branch
func inverted(mu *rqlock.Mutex) bool {
	if !mu.TryLock() {
		mu.Unlock()
		return false
	}
	return true
}

// case deferred in a loop
func deferred(all []*conn) {
	for _, c := range all {
		if c.state == "" {
			continue
		}
		c.mu.Lock()
		c.state = ""
		if len(c.peers) > 0 {
			break
		}
		c.mu.Unlock()
	}
}

// case a copy in a range over values
type slot struct {
	mu sync.Mutex
	n  int
}

func sum(all []slot) (n int) {
	for _, s := range all {
		n += s.n
	}
	return n
}

// case a copy by a method with a value receiver
func (s slot) get() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// case slices.Reverse
func reverse(all []slot) { slices.Reverse(all) }

// case append of values to another
func merge(a, b []slot) []slot { return append(a, b...) }

// case own generic that copies what it is given
func clone[T any](p *T) *T {
	c := *p
	return &c
}

func dup(s *slot) *slot { return clone(s) }

// case record reserved in a loop and left by continue
func batch(r *ringbuf.Ring, all [][]byte) error {
	for _, p := range all {
		rec, err := r.Reserve(len(p))
		if err != nil {
			return err
		}
		if len(p) == 1 {
			continue
		}
		copy(rec.Bytes(), p)
		rec.Commit()
	}
	return nil
}

// case record whose result is dropped
func empty(r *ringbuf.Ring) error {
	_, err := r.Reserve(8)
	return err
}

// case record discarded twice
func double(r *ringbuf.Ring, ok bool) error {
	rec, err := r.Reserve(8)
	if err != nil {
		return err
	}
	if !ok {
		rec.Discard()
	}
	rec.Discard()
	return nil
}

// case pinned, and a sleep in a helper
func pinned(mu *rqlock.Mutex) error {
	if err := mu.LockPinned(); err != nil {
		return err
	}
	rest()
	mu.UnlockPinned()
	return nil
}

func rest() { time.Sleep(time.Millisecond) }

// case upgrade through TryLock's success
func upgrade(mu *sync.RWMutex, m map[int]int) {
	mu.RLock()
	if len(m) == 0 {
		mu.Lock()
		m[0] = 1
		mu.Unlock()
	}
	mu.RUnlock()
}

// case read lock kept by one of two branches
func branch(mu *sync.RWMutex, m map[int]int, k int) int {
	mu.RLock()
	if v, ok := m[k]; ok {
		mu.RUnlock()
		return v
	}
	return -1
}

// case a lock that is nil
func none() {
	var mu *sync.Mutex
	mu.Lock()
	mu.Unlock()
}
