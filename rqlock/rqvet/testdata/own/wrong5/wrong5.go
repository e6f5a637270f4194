// Package wrong5 is wrong, case by case: parts of servers, each a type with several methods. When it
// was written, 17 of 20 were found.
package wrong5

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
	"github.com/rqlock/rqlock/rqlock/sync"
)

var errClosed = errors.New("closed")

// case pool: the idle connection that is too old is skipped with the lock held
type pool struct {
	mu     rqlock.Mutex
	idle   []*conn
	open   int
	closed bool
}

type conn struct{ born time.Time }

func (p *pool) get(limit time.Duration) (*conn, error) {
	if err := p.mu.Lock(); err != nil {
		return nil, fmt.Errorf("pool: %w", err)
	}
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	for len(p.idle) > 0 {
		c := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if time.Since(c.born) > limit {
			p.open--
			continue
		}
		return c, nil
	}
	p.open++
	p.mu.Unlock()
	return &conn{born: time.Now()}, nil
}

// case cache: the loader runs unlocked, and its error returns after an unlock too many
type cache struct {
	mu   rqlock.Mutex
	data map[string][]byte
	load func(string) ([]byte, error)
}

func (c *cache) fetch(key string) ([]byte, error) {
	if err := c.mu.Lock(); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	if b, ok := c.data[key]; ok {
		return b, nil
	}
	c.mu.Unlock()
	b, err := c.load(key)
	if err != nil {
		return nil, err
	}
	if err := c.mu.Lock(); err != nil {
		return nil, err
	}
	c.data[key] = b
	return b, nil
}

// case broker: publish calls a method that locks what it holds
type broker struct {
	mu   sync.RWMutex
	subs map[string]map[int]chan string
	next int
}

func (b *broker) count(topic string) int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.subs[topic])
}

func (b *broker) unsubscribe(topic string, id int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subs[topic], id)
	if b.count(topic) == 0 {
		delete(b.subs, topic)
	}
}

// case shards: a transfer locks two shards by the order of its arguments, and another the other way
type ledger struct {
	rows  rqlock.Mutex
	index rqlock.Mutex
	sum   int
}

func (l *ledger) post(n int) error {
	if err := l.rows.Lock(); err != nil {
		return err
	}
	defer l.rows.Unlock()
	return l.reindex(n)
}

func (l *ledger) reindex(n int) error {
	if err := l.index.Lock(); err != nil {
		return err
	}
	l.sum += n
	l.index.Unlock()
	return nil
}

func (l *ledger) verify() (ok bool, err error) {
	if err := l.index.Lock(); err != nil {
		return false, err
	}
	defer l.index.Unlock()
	if l.sum < 0 {
		return false, nil
	}
	if err := l.rows.Lock(); err != nil {
		return false, err
	}
	defer l.rows.Unlock()
	return true, nil
}

// case limiter: the wait loop sleeps and looks again without the lock
type limiter struct {
	mu     rqlock.Mutex
	tokens int
	last   time.Time
}

func (l *limiter) wait(ctx context.Context) error {
	if err := l.mu.LockContext(ctx); err != nil {
		return err
	}
	for l.tokens == 0 {
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
		l.tokens++
	}
	l.tokens--
	l.mu.Unlock()
	return nil
}

// case breaker: named results, and a deferred function that unlocks only after a success
type breaker struct {
	mu    rqlock.Mutex
	fails int
}

func (b *breaker) do(f func() error) (err error) {
	if err = b.mu.Lock(); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			b.mu.Unlock()
		}
	}()
	if b.fails > 3 {
		return errClosed
	}
	if err = f(); err != nil {
		b.fails++
	}
	return err
}

// case scheduler: goto leaves the loop with the lock
type scheduler struct {
	mu   rqlock.Mutex
	jobs []func() bool
}

func (s *scheduler) run() {
again:
	if s.mu.Lock() != nil {
		return
	}
	if len(s.jobs) == 0 {
		s.mu.Unlock()
		return
	}
	job := s.jobs[0]
	s.jobs = s.jobs[1:]
	if job == nil {
		goto again
	}
	s.mu.Unlock()
	if job() {
		goto again
	}
}

// case session: the helper that ends it unlocks, and so does its caller
type session struct {
	mu   rqlock.Mutex
	user string
	seen int
}

func (s *session) endLocked() {
	s.user = ""
	s.mu.Unlock()
}

func (s *session) touch(max int) error {
	if err := s.mu.Lock(); err != nil {
		return err
	}
	s.seen++
	if s.seen > max {
		s.endLocked()
	}
	s.mu.Unlock()
	return nil
}

// case registry: double check without the second lock
type registry struct {
	mu    sync.RWMutex
	names map[string]int
}

func (r *registry) id(name string) int {
	r.mu.RLock()
	id, ok := r.names[name]
	if ok {
		r.mu.RUnlock()
		return id
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id = len(r.names)
	r.names[name] = id
	return id
}

// case stripes: the key is hashed twice, with another salt
type stripes struct {
	locks [16]rqlock.Mutex
	n     [16]int
}

func slot(key string, salt byte) int {
	h := fnv.New32a()
	h.Write([]byte{salt})
	h.Write([]byte(key))
	return int(h.Sum32() % 16)
}

func (s *stripes) add(key string) error {
	if err := s.locks[3].Lock(); err != nil {
		return err
	}
	s.n[3]++
	s.locks[4].Unlock()
	return nil
}

// case feed: an empty message is neither committed nor discarded
type feed struct{ ring *ringbuf.Ring }

func (f *feed) send(kind byte, body []byte) error {
	rec, err := f.ring.Reserve(len(body) + 1)
	if err != nil {
		return err
	}
	b := rec.Bytes()
	b[0] = kind
	switch kind {
	case 0:
		return nil
	case 1:
		rec.Discard()
		return nil
	}
	copy(b[1:], body)
	rec.Commit()
	return nil
}

// case leader: the lease's error is swallowed, and work goes on
type leader struct {
	mu   rqlock.Mutex
	term int
}

func (l *leader) step() {
	err := l.mu.LockTimeout(time.Second)
	if err != nil {
		fmt.Println("no lease:", err)
	}
	l.term++
	l.mu.Unlock()
}

// case writer: the write lock is downgraded and released as one
type writer struct {
	mu sync.RWMutex
	n  int
}

func (w *writer) flush(dry bool) int {
	if dry {
		w.mu.RLock()
	} else {
		w.mu.Lock()
	}
	n := w.n
	if !dry {
		w.n = 0
	}
	w.mu.RUnlock()
	return n
}

// case tree: the walk locks the child before the parent is let go, and returns early with both
type node struct {
	mu          rqlock.Mutex
	left, right *node
	key         int
}

func (n *node) find(key int) (bool, error) {
	if err := n.mu.Lock(); err != nil {
		return false, err
	}
	for {
		if n.key == key {
			return true, nil
		}
		next := n.left
		if key > n.key {
			next = n.right
		}
		if next == nil {
			n.mu.Unlock()
			return false, nil
		}
		if err := next.mu.Lock(); err != nil {
			n.mu.Unlock()
			return false, err
		}
		n.mu.Unlock()
		n = next
	}
}

// case batch: the lock is let go now and then, and not taken again when the batch was full
type batch struct {
	mu    rqlock.Mutex
	items []int
}

func (b *batch) each(f func(int)) error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	for i, x := range b.items {
		f(x)
		if i%100 == 99 {
			b.mu.Unlock()
			if len(b.items) > 10_000 {
				continue
			}
			if err := b.mu.Lock(); err != nil {
				return err
			}
		}
	}
	b.mu.Unlock()
	return nil
}

// case store: the snapshot copies the struct with its lock
type store struct {
	mu   rqlock.Mutex
	rows map[int]string
}

func (s *store) snapshot() (store, error) {
	if err := s.mu.Lock(); err != nil {
		return store{}, err
	}
	defer s.mu.Unlock()
	return *s, nil
}

// case gate: the second TryLock's result is dropped
type gate struct {
	in, out rqlock.Mutex
	passed  int
}

func (g *gate) pass() bool {
	if !g.in.TryLock() {
		return false
	}
	defer g.in.Unlock()
	g.out.TryLock()
	g.passed++
	g.out.Unlock()
	return true
}

// case notifier: the callback given to a helper locks what the helper's caller holds
type notifier struct {
	mu    rqlock.Mutex
	peers []*conn
	lost  int
}

func (n *notifier) every(f func(*conn) error) error {
	for _, p := range n.peers {
		if err := f(p); err != nil {
			return err
		}
	}
	return nil
}

func (n *notifier) ping() error {
	if err := n.mu.Lock(); err != nil {
		return err
	}
	defer n.mu.Unlock()
	return n.every(func(c *conn) error {
		if time.Since(c.born) < time.Hour {
			return nil
		}
		if err := n.mu.Lock(); err != nil {
			return err
		}
		n.lost++
		n.mu.Unlock()
		return nil
	})
}

// case config: a reload returns inside of the switch
type config struct {
	mu     rqlock.Mutex
	values map[string]string
	gen    int
}

func (c *config) apply(op, key, value string) (int, error) {
	if err := c.mu.Lock(); err != nil {
		return 0, err
	}
	switch op {
	case "set":
		c.values[key] = value
	case "delete":
		if _, ok := c.values[key]; !ok {
			return c.gen, nil
		}
		delete(c.values, key)
	default:
		c.mu.Unlock()
		return 0, errors.New("no such operation: " + op)
	}
	c.gen++
	gen := c.gen
	c.mu.Unlock()
	return gen, nil
}

// case worker: the goroutine unlocks for the one that started it
type worker struct {
	mu   rqlock.Mutex
	done chan struct{}
}

func (w *worker) start(job func()) error {
	if err := w.mu.Lock(); err != nil {
		return err
	}
	go func() {
		defer close(w.done)
		defer w.mu.Unlock()
		job()
	}()
	return nil
}
