// Package right5 is right, case by case: parts of servers, each a type with several methods. When it
// was written, nothing was found in it.
package right5

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
	"github.com/rqlock/rqlock/rqlock/sync"
)

var errClosed = errors.New("closed")

// case pool: old connections are closed without the lock
type pool struct {
	mu     rqlock.Mutex
	idle   []*conn
	open   int
	closed bool
}

type conn struct {
	mu   rqlock.Mutex
	born time.Time
	sent int
}

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
		p.mu.Unlock()
		return c, nil
	}
	p.open++
	p.mu.Unlock()
	return &conn{born: time.Now()}, nil
}

// case cache: the loader runs unlocked
type cache struct {
	mu   rqlock.Mutex
	data map[string][]byte
	load func(string) ([]byte, error)
}

func (c *cache) fetch(key string) (b []byte, err error) {
	locked := false
	defer func() {
		if locked {
			c.mu.Unlock()
		}
	}()
	if err := c.mu.Lock(); err != nil {
		return nil, err
	}
	locked = true
	if b, ok := c.data[key]; ok {
		return b, nil
	}
	c.mu.Unlock()
	locked = false
	if b, err = c.load(key); err != nil {
		return nil, err
	}
	if err := c.mu.Lock(); err != nil {
		return nil, err
	}
	locked = true
	c.data[key] = b
	return b, nil
}

// case broker: what is called expects the lock held
type broker struct {
	mu   sync.RWMutex
	subs map[string]map[int]chan string
}

func (b *broker) count(topic string) int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.countLocked(topic)
}

func (b *broker) countLocked(topic string) int { return len(b.subs[topic]) }

func (b *broker) unsubscribe(topic string, id int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subs[topic], id)
	if b.countLocked(topic) == 0 {
		delete(b.subs, topic)
	}
}

// case ledger: two accounts in the order of their numbers
type account struct {
	mu      rqlock.Mutex
	id, sum int
}

func transfer(from, to *account, n int) error {
	if from == to {
		return nil
	}
	first, second := from, to
	if second.id < first.id {
		first, second = second, first
	}
	if err := first.mu.Lock(); err != nil {
		return err
	}
	defer first.mu.Unlock()
	if err := second.mu.Lock(); err != nil {
		return err
	}
	defer second.mu.Unlock()
	from.sum -= n
	to.sum += n
	return nil
}

// case limiter: the wait loop locks again
type limiter struct {
	mu     rqlock.Mutex
	tokens int
}

func (l *limiter) wait(ctx context.Context) error {
	for {
		if err := l.mu.LockContext(ctx); err != nil {
			return err
		}
		if l.tokens > 0 {
			l.tokens--
			l.mu.Unlock()
			return nil
		}
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// case breaker: the state says whether a probe holds the lock
type breaker struct {
	mu    rqlock.Mutex
	probe bool
	fails int
}

func (b *breaker) begin() error {
	if err := b.mu.Lock(); err != nil {
		return err
	}
	b.probe = true
	return nil
}

func (b *breaker) end(ok bool) {
	if !b.probe {
		return
	}
	if !ok {
		b.fails++
	}
	b.probe = false
	b.mu.Unlock()
}

func (b *breaker) do(f func() error) error {
	if err := b.begin(); err != nil {
		return err
	}
	err := f()
	b.end(err == nil)
	return err
}

// case scheduler: goto after the unlock
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
	s.mu.Unlock()
	if job == nil || job() {
		goto again
	}
}

// case session: the helper that ends it unlocks, and its caller returns
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
	if s.seen++; s.seen > max {
		s.endLocked()
		return errClosed
	}
	s.mu.Unlock()
	return nil
}

// case registry: read, then lock for writing and look again
type registry struct {
	mu    sync.RWMutex
	names map[string]int
}

func (r *registry) id(name string) int {
	r.mu.RLock()
	id, ok := r.names[name]
	r.mu.RUnlock()
	if ok {
		return id
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if id, ok := r.names[name]; ok {
		return id
	}
	id = len(r.names)
	r.names[name] = id
	return id
}

// case stripes: all in order, released in the other
type stripes struct {
	locks [16]rqlock.Mutex
	n     [16]int
}

func (s *stripes) lockAll() error {
	for i := range s.locks {
		if err := s.locks[i].Lock(); err != nil {
			for j := i - 1; j >= 0; j-- {
				s.locks[j].Unlock()
			}
			return err
		}
	}
	return nil
}

func (s *stripes) unlockAll() {
	for i := len(s.locks) - 1; i >= 0; i-- {
		s.locks[i].Unlock()
	}
}

func (s *stripes) total() (sum int, err error) {
	if err := s.lockAll(); err != nil {
		return 0, err
	}
	defer s.unlockAll()
	for _, n := range s.n {
		sum += n
	}
	return sum, nil
}

// case feed: each kind of message is finished once
type feed struct{ ring *ringbuf.Ring }

func (f *feed) send(kind byte, body []byte) error {
	rec, err := f.ring.Reserve(len(body) + 1)
	if err != nil {
		return err
	}
	sent := false
	defer func() {
		if !sent {
			rec.Discard()
		}
	}()
	b := rec.Bytes()
	if b[0] = kind; kind == 0 {
		return errClosed
	}
	copy(b[1:], body)
	sent = true
	rec.Commit()
	return nil
}

// case leader: tries a few times
type leader struct {
	mu   rqlock.Mutex
	term int
}

func (l *leader) step() (err error) {
	for try := 0; try < 3; try++ {
		if err = l.mu.LockTimeout(time.Second); err == nil {
			break
		}
		if !errors.Is(err, rqlock.ErrTimeout) {
			return err
		}
	}
	if err != nil {
		return err
	}
	l.term++
	l.mu.Unlock()
	return nil
}

// case writer: one of two kinds, twice decided
type writer struct {
	mu sync.RWMutex
	n  int
}

func (w *writer) flush(dry bool) int {
	if dry {
		w.mu.RLock()
		defer w.mu.RUnlock()
	} else {
		w.mu.Lock()
		defer w.mu.Unlock()
	}
	n := w.n
	if !dry {
		w.n = 0
	}
	return n
}

// case tree: hand over hand
type node struct {
	mu          rqlock.Mutex
	left, right *node
	key         int
}

func (n *node) find(key int) (bool, error) {
	if err := n.mu.Lock(); err != nil {
		return false, err
	}
	for n.key != key {
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
	n.mu.Unlock()
	return true, nil
}

// case batch: the lock is let go now and then
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
			if err := b.mu.Lock(); err != nil {
				return err
			}
		}
	}
	b.mu.Unlock()
	return nil
}

// case store: the snapshot has a lock of its own
type store struct {
	mu   rqlock.Mutex
	rows map[int]string
}

func (s *store) snapshot() (*store, error) {
	if err := s.mu.Lock(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	all := map[int]string{}
	for k, v := range s.rows {
		all[k] = v
	}
	return &store{rows: all}, nil
}

// case gate: both or none
type gate struct {
	in, out rqlock.Mutex
	passed  int
}

func (g *gate) enter() bool {
	if !g.in.TryLock() {
		return false
	}
	if !g.out.TryLock() {
		g.in.Unlock()
		return false
	}
	return true
}

func (g *gate) pass() bool {
	if !g.enter() {
		return false
	}
	g.passed++
	g.out.Unlock()
	g.in.Unlock()
	return true
}

// case notifier: the callback locks what it is given
type notifier struct {
	mu    rqlock.Mutex
	peers []*conn
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
		if err := c.mu.Lock(); err != nil {
			return err
		}
		c.sent++
		c.mu.Unlock()
		return nil
	})
}

// case config: each way out of the switch unlocks
type config struct {
	mu     rqlock.Mutex
	values map[string]string
	gen    int
}

func (c *config) apply(op, key, value string) (int, error) {
	if err := c.mu.Lock(); err != nil {
		return 0, err
	}
	var failed error
	switch op {
	case "set":
		c.values[key] = value
		fallthrough
	case "touch":
		c.gen++
	case "delete":
		delete(c.values, key)
	default:
		failed = errors.New("no such operation: " + op)
	}
	gen := c.gen
	c.mu.Unlock()
	return gen, failed
}

// case worker: the goroutine locks for itself, and tells that it has
type worker struct {
	mu   rqlock.Mutex
	jobs int
}

func (w *worker) start(job func()) error {
	ready := make(chan error)
	go func() {
		err := w.mu.Lock()
		ready <- err
		if err != nil {
			return
		}
		defer w.mu.Unlock()
		w.jobs++
		job()
	}()
	return <-ready
}

// case transaction: begun by one method, ended by one of two others
type store2 struct {
	mu   rqlock.Mutex
	undo []func()
	dirt map[int]string
}

func (s *store2) Begin() error {
	if err := s.mu.Lock(); err != nil {
		return err
	}
	s.undo = nil
	return nil
}

func (s *store2) Commit() {
	s.undo = nil
	s.mu.Unlock()
}

func (s *store2) Rollback() {
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
	s.mu.Unlock()
}

func (s *store2) put(k int, v string) (err error) {
	if err := s.Begin(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.Rollback()
		} else {
			s.Commit()
		}
	}()
	if v == "" {
		return errClosed
	}
	s.dirt[k] = v
	return nil
}

// case iterator: the lock is held while the loop's body runs
func (s *store) all(yield func(int, string) bool) {
	if s.mu.Lock() != nil {
		return
	}
	defer s.mu.Unlock()
	for k, v := range s.rows {
		if !yield(k, v) {
			return
		}
	}
}

func (s *store) longest() (key int) {
	best := -1
	for k, v := range s.all {
		if len(v) > best {
			key, best = k, len(v)
		}
		if best > 100 {
			break
		}
	}
	return key
}
