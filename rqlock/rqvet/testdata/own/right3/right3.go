// Package right3 is right: objects that know by fields and counters whether their lock is held, in
// shapes other than those of right1. When it was written, there were findings in 4 of 36.
package right3

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
	"github.com/rqlock/rqlock/rqlock/sync"
)

var errState = errors.New("bad state")

type phase int

const (
	closed phase = iota
	opening
	opened
)

type file struct {
	mu     rqlock.Mutex
	phase  phase
	refs   int32
	busy   atomic.Bool
	lastOp string
	parent *file
	undo   []func()
	held   map[string]bool
	note   *string
}

// case phase says it
func (f *file) open() error {
	if err := f.mu.Lock(); err != nil {
		return err
	}
	f.phase = opened
	return nil
}

func (f *file) shut() {
	if f.phase == opened {
		f.phase = closed
		f.mu.Unlock()
	}
}

func (f *file) cycle() error {
	if err := f.open(); err != nil {
		return err
	}
	f.lastOp = "cycle"
	f.shut()
	return nil
}

// case phase says it, and shut is called twice
func (f *file) cycleTwice() error {
	if err := f.open(); err != nil {
		return err
	}
	defer f.shut()
	f.lastOp = "twice"
	f.shut()
	return nil
}

// case reference count with a pointer parameter
func (f *file) ref() error {
	if f.refs == 0 {
		if err := f.mu.Lock(); err != nil {
			return err
		}
	}
	f.refs++
	return nil
}

func (f *file) unref() {
	if f.refs--; f.refs == 0 {
		f.mu.Unlock()
	}
}

func copyFile(dst, src *file) error {
	if err := src.ref(); err != nil {
		return err
	}
	defer src.unref()
	if err := dst.ref(); err != nil {
		return err
	}
	defer dst.unref()
	dst.lastOp = src.lastOp
	return nil
}

// case atomic flag says it
func (f *file) claim() error {
	if f.busy.CompareAndSwap(false, true) {
		if err := f.mu.Lock(); err != nil {
			f.busy.Store(false)
			return err
		}
	}
	return nil
}

func (f *file) unclaim() {
	if f.busy.CompareAndSwap(true, false) {
		f.mu.Unlock()
	}
}

func (f *file) claimed() error {
	if err := f.claim(); err != nil {
		return err
	}
	f.refs = 3
	f.unclaim()
	return nil
}

// case string field says it
func (f *file) mode(m string) error {
	if m == "w" {
		if err := f.mu.Lock(); err != nil {
			return err
		}
		f.lastOp = m
	}
	f.refs++
	if f.lastOp == "w" {
		f.lastOp = ""
		f.mu.Unlock()
	}
	return nil
}

// case a map entry says it
func (f *file) acquireFor(k string) error {
	if f.held[k] {
		return nil
	}
	if err := f.mu.Lock(); err != nil {
		return err
	}
	f.held[k] = true
	return nil
}

func (f *file) releaseFor(k string) {
	if f.held[k] {
		delete(f.held, k)
		f.mu.Unlock()
	}
}

func (f *file) forKey(k string) error {
	if err := f.acquireFor(k); err != nil {
		return err
	}
	f.refs++
	f.releaseFor(k)
	return nil
}

// case nil note says it
func (f *file) annotate(s *string) error {
	if s != nil {
		if err := f.mu.Lock(); err != nil {
			return err
		}
		f.note = s
	}
	f.refs = 0
	if f.note != nil {
		f.note = nil
		f.mu.Unlock()
	}
	return nil
}

// case undo list
func (f *file) begin() error {
	if err := f.mu.Lock(); err != nil {
		return err
	}
	f.undo = append(f.undo, f.mu.Unlock)
	return nil
}

func (f *file) rollback() {
	for _, u := range slices.Backward(f.undo) {
		u()
	}
	f.undo = nil
}

func (f *file) try(g func() error) error {
	defer f.rollback()
	if err := f.begin(); err != nil {
		return err
	}
	return g()
}

// case counter in a loop, checked after
func (f *file) each(ops []string) error {
	locks := 0
	for _, op := range ops {
		switch op {
		case "lock":
			if locks++; locks == 1 {
				if err := f.mu.Lock(); err != nil {
					return err
				}
			}
		case "unlock":
			if locks == 0 {
				return errState
			}
			if locks--; locks == 0 {
				f.mu.Unlock()
			}
		}
	}
	if locks != 0 {
		f.mu.Unlock()
		return errState
	}
	return nil
}

// case even and odd turns
func (f *file) alternate(n int) error {
	for i := range 2 * n {
		if i%2 == 0 {
			if err := f.mu.Lock(); err != nil {
				return err
			}
		} else {
			f.mu.Unlock()
		}
	}
	return nil
}

// case first element and last element
func (f *file) span(parts []string) error {
	for i, p := range parts {
		if i == 0 {
			if err := f.mu.Lock(); err != nil {
				return err
			}
		}
		f.lastOp += p
		if i+1 == len(parts) {
			f.mu.Unlock()
		}
	}
	return nil
}

// case a method decides
func (f *file) shared() bool { return f.refs > 1 && f.parent != nil }

func (f *file) write(p string) error {
	if f.shared() {
		if err := f.parent.mu.Lock(); err != nil {
			return err
		}
	}
	f.lastOp = p
	if f.shared() {
		f.parent.mu.Unlock()
	}
	return nil
}

// case two methods agree
func (f *file) isOpen() bool   { return f.phase == opened }
func (f *file) isClosed() bool { return f.phase != opened }

func (f *file) agree() error {
	if !f.isClosed() {
		if err := f.mu.Lock(); err != nil {
			return err
		}
	}
	f.refs++
	if f.isOpen() {
		f.mu.Unlock()
	}
	return nil
}

// case early release and a deferred one
func (f *file) upload(w io.Writer, big bool) (err error) {
	if err := f.mu.Lock(); err != nil {
		return err
	}
	locked := true
	unlock := func() {
		if locked {
			locked = false
			f.mu.Unlock()
		}
	}
	defer unlock()
	if big {
		unlock()
		_, err = io.WriteString(w, f.lastOp)
		return err
	}
	f.refs++
	return nil
}

// case once for the unlock
func (f *file) onceUnlock(quick bool) error {
	if err := f.mu.Lock(); err != nil {
		return err
	}
	var once gosync.Once
	defer once.Do(f.mu.Unlock)
	if quick {
		once.Do(f.mu.Unlock)
	}
	return nil
}

// case guard object
type guard struct {
	f    *file
	done bool
}

func (f *file) guard() (*guard, error) {
	if err := f.mu.Lock(); err != nil {
		return nil, err
	}
	return &guard{f: f}, nil
}

func (g *guard) release() {
	if !g.done {
		g.done = true
		g.f.mu.Unlock()
	}
}

func (f *file) guarded(quick bool) error {
	g, err := f.guard()
	if err != nil {
		return err
	}
	defer g.release()
	if quick {
		g.release()
		return nil
	}
	f.refs++
	return nil
}

// case channel as a lock's partner
func (f *file) handshake(ready chan bool) error {
	if err := f.mu.Lock(); err != nil {
		return err
	}
	f.refs++
	f.mu.Unlock()
	ready <- true
	return nil
}

// case retry until it works
func (f *file) retry(n int) error {
	var err error
	for range n {
		if err = f.mu.LockTimeout(time.Millisecond); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	f.refs++
	f.mu.Unlock()
	return nil
}

// case lock two in order of a number
func pair(a, b *file) error {
	if a.refs > b.refs {
		a, b = b, a
	}
	if err := a.mu.Lock(); err != nil {
		return err
	}
	defer a.mu.Unlock()
	if a == b {
		return nil
	}
	if err := b.mu.Lock(); err != nil {
		return err
	}
	defer b.mu.Unlock()
	return nil
}

// case linked list, one lock ahead
type link struct {
	mu   sync.Mutex
	next *link
	v    int
}

func (l *link) insert(v int) {
	l.mu.Lock()
	prev := l
	for prev.next != nil && prev.next.v < v {
		n := prev.next
		n.mu.Lock()
		prev.mu.Unlock()
		prev = n
	}
	prev.next = &link{next: prev.next, v: v}
	prev.mu.Unlock()
}

// case tree, released on the way down
type tree struct {
	mu          sync.Mutex
	left, right *tree
	key         int
}

func (t *tree) find(k int) bool {
	t.mu.Lock()
	for {
		if t.key == k {
			t.mu.Unlock()
			return true
		}
		child := t.left
		if k > t.key {
			child = t.right
		}
		if child == nil {
			t.mu.Unlock()
			return false
		}
		child.mu.Lock()
		t.mu.Unlock()
		t = child
	}
}

// case condition with a loop
type latch struct {
	mu   sync.Mutex
	cond *sync.Cond
	n    int
}

func newLatch(n int) *latch {
	l := &latch{n: n}
	l.cond = sync.NewCond(&l.mu)
	return l
}

func (l *latch) wait() {
	l.mu.Lock()
	for l.n > 0 {
		l.cond.Wait()
	}
	l.mu.Unlock()
}

func (l *latch) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n--; l.n == 0 {
		l.cond.Broadcast()
	}
}

// case read or write by one switch, twice
func (t *table) access(kind string, f func()) {
	switch kind {
	case "r":
		t.mu.RLock()
	case "w":
		t.mu.Lock()
	}
	f()
	switch kind {
	case "r":
		t.mu.RUnlock()
	case "w":
		t.mu.Unlock()
	}
}

type table struct {
	mu   sync.RWMutex
	rows []int
	ro   bool
}

// case read or write by a field
func (t *table) visit(f func(int)) {
	if t.ro {
		t.mu.RLock()
	} else {
		t.mu.Lock()
	}
	for _, r := range t.rows {
		f(r)
	}
	if t.ro {
		t.mu.RUnlock()
	} else {
		t.mu.Unlock()
	}
}

// case locker chosen
func (t *table) locker(write bool) sync.Locker {
	if write {
		return &t.mu
	}
	return t.mu.RLocker()
}

func (t *table) run(write bool, f func()) {
	l := t.locker(write)
	l.Lock()
	defer l.Unlock()
	f()
}

// case upgrade by letting go
func (t *table) grow(n int) {
	t.mu.RLock()
	for len(t.rows) < n {
		t.mu.RUnlock()
		t.mu.Lock()
		t.rows = append(t.rows, 0)
		t.mu.Unlock()
		t.mu.RLock()
	}
	t.mu.RUnlock()
}

// case snapshot iterator
func (t *table) values() iter.Seq[int] {
	return func(yield func(int) bool) {
		t.mu.RLock()
		rows := slices.Clone(t.rows)
		t.mu.RUnlock()
		for _, r := range rows {
			if !yield(r) {
				return
			}
		}
	}
}

func (t *table) halve() {
	for v := range t.values() {
		t.mu.Lock()
		t.rows[0] = v / 2
		t.mu.Unlock()
	}
}

// case iterator that releases around each yield
func (t *table) slowly() iter.Seq[int] {
	return func(yield func(int) bool) {
		t.mu.RLock()
		defer t.mu.RUnlock()
		for i := 0; i < len(t.rows); i++ {
			v := t.rows[i]
			t.mu.RUnlock()
			ok := yield(v)
			t.mu.RLock()
			if !ok {
				return
			}
		}
	}
}

func (t *table) bump() {
	for v := range t.slowly() {
		t.mu.Lock()
		t.rows[0] += v
		t.mu.Unlock()
	}
}

// case helper that calls unlocked
func (t *table) outside(f func()) {
	t.mu.Lock()
	n := len(t.rows)
	t.mu.Unlock()
	if n > 0 {
		f()
	}
}

func (t *table) clear() {
	t.outside(func() {
		t.mu.Lock()
		t.rows = nil
		t.mu.Unlock()
	})
}

// case record in a loop with two ends
func send(r *ringbuf.Ring, in [][]byte) (n int, err error) {
	for _, p := range in {
		rec, err := r.Reserve(len(p))
		if errors.Is(err, ringbuf.ErrFull) {
			break
		}
		if err != nil {
			return n, err
		}
		copy(rec.Bytes(), p)
		rec.Commit()
		n++
	}
	return n, nil
}

// case record stored for later
type batch struct{ recs []ringbuf.Record }

func (b *batch) add(r *ringbuf.Ring, n int) error {
	rec, err := r.Reserve(n)
	if err != nil {
		return err
	}
	b.recs = append(b.recs, rec)
	return nil
}

func (b *batch) flush() {
	for _, rec := range b.recs {
		rec.Commit()
	}
	b.recs = nil
}

// case record finished in a deferred function by the error
func sendAll(r *ringbuf.Ring, f func([]byte) error) (err error) {
	rec, err := r.Reserve(16)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			rec.Discard()
		} else {
			rec.Commit()
		}
	}()
	return f(rec.Bytes())
}

// case test helpers
func mustLock(t testing.TB, mu *rqlock.Mutex) {
	t.Helper()
	if err := mu.Lock(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mu.Unlock)
}

func TestHelpers(t *testing.T) {
	var f file
	mustLock(t, &f.mu)
	f.refs = 1
}

// case error with a lock that is not held when printed
type problem struct {
	mu  sync.Mutex
	msg string
}

func (p *problem) Error() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.msg
}

func (p *problem) set(err error) error {
	p.mu.Lock()
	p.msg = err.Error()
	p.mu.Unlock()
	return fmt.Errorf("problem: %w", p)
}

// case pool of locks
type pool struct{ free chan *sync.Mutex }

func (p *pool) get() *sync.Mutex {
	mu := <-p.free
	mu.Lock()
	return mu
}

func (p *pool) put(mu *sync.Mutex) {
	mu.Unlock()
	p.free <- mu
}

// case last one wins
func last(all []*link) (best *link) {
	for _, l := range all {
		l.mu.Lock()
		if best != nil {
			if best.v >= l.v {
				l.mu.Unlock()
				continue
			}
			best.mu.Unlock()
		}
		best = l
	}
	if best != nil {
		best.mu.Unlock()
	}
	return best
}
