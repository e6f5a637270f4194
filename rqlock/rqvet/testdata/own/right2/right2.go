// Package right2 is right: sync's signatures, generics, closures and condition variables.
package right2

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sort"
	gosync "sync"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
	"github.com/rqlock/rqlock/rqlock/sync"
)

type cache[K cmp.Ordered, V any] struct {
	sync.RWMutex
	m      map[K]V
	loader func(K) V
	locks  int
}

// case double-checked loading
func (c *cache[K, V]) Get(k K) V {
	c.RLock()
	v, ok := c.m[k]
	c.RUnlock()
	if ok {
		return v
	}
	c.Lock()
	defer c.Unlock()
	if v, ok := c.m[k]; ok {
		return v
	}
	v = c.loader(k)
	c.m[k] = v
	return v
}

// case keys sorted after a copy
func (c *cache[K, V]) Keys() []K {
	c.RLock()
	keys := slices.Collect(maps.Keys(c.m))
	c.RUnlock()
	slices.SortFunc(keys, func(a, b K) int { return cmp.Compare(a, b) })
	return keys
}

// case a lock handed to another goroutine, which sync allows
func handOver(mu *sync.Mutex, work func()) {
	mu.Lock()
	go func() {
		defer mu.Unlock()
		work()
	}()
}

// case a lock as a signal
func signal(work func()) {
	var done sync.Mutex
	done.Lock()
	go func() {
		work()
		done.Unlock()
	}()
	done.Lock()
	done.Unlock()
}

// case condition variable
type mailbox struct {
	mu    sync.Mutex
	ready *sync.Cond
	msgs  []string
	open  bool
}

func newMailbox() *mailbox {
	b := &mailbox{open: true}
	b.ready = sync.NewCond(&b.mu)
	return b
}

func (b *mailbox) take() (string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.msgs) == 0 && b.open {
		b.ready.Wait()
	}
	if len(b.msgs) == 0 {
		return "", false
	}
	m := b.msgs[0]
	b.msgs = b.msgs[1:]
	return m, true
}

func (b *mailbox) put(m string) {
	b.ready.L.Lock()
	b.msgs = append(b.msgs, m)
	b.ready.L.Unlock()
	b.ready.Signal()
}

// case Locker as a parameter
func within(l sync.Locker, f func()) {
	l.Lock()
	defer l.Unlock()
	f()
}

func (b *mailbox) drop() { within(&b.mu, func() { b.msgs = nil }) }

// case a read locker
func (c *cache[K, V]) len() (n int) {
	within(c.RLocker(), func() { n = len(c.m) })
	return n
}

// case counter field decides, by comparison with a constant
type room struct {
	mu    sync.Mutex
	depth int
	state uint8
	lock  *sync.Mutex
	names map[string]bool
}

func (r *room) in() {
	if r.depth < 1 {
		r.mu.Lock()
	}
	r.depth++
}

func (r *room) out() {
	r.depth--
	if r.depth < 1 {
		r.mu.Unlock()
	}
}

func (r *room) visit(f func()) {
	r.in()
	f()
	r.out()
}

// case a bit of a field
const heldBit = 1

func (r *room) mark() {
	if r.state&heldBit == 0 {
		r.mu.Lock()
		r.state |= heldBit
	}
	r.names = nil
	if r.state&heldBit != 0 {
		r.state &^= heldBit
		r.mu.Unlock()
	}
}

// case a map says what is held
func (r *room) named(n string, f func()) {
	if !r.names[n] {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	f()
}

// case pointer to the lock that is held, in a field
func (r *room) choose(a, b *sync.Mutex, first bool) {
	if first {
		r.lock = a
	} else {
		r.lock = b
	}
	r.lock.Lock()
	r.depth = 0
	r.lock.Unlock()
	r.lock = nil
}

// case a local says which one
func pick(a, b *sync.Mutex, n int) {
	var held *sync.Mutex
	switch {
	case n > 10:
		held = a
	case n > 5:
		held = b
	}
	if held != nil {
		held.Lock()
	}
	n++
	if held != nil {
		held.Unlock()
	}
}

// case error decides
func open(r *room, fail bool) (err error) {
	r.mu.Lock()
	defer func() {
		if err != nil {
			r.mu.Unlock()
		}
	}()
	if fail {
		return io.EOF
	}
	r.mu.Unlock()
	return nil
}

// case two flags that agree
func agree(mu *sync.Mutex, a, b bool) {
	need := a || b
	if need {
		mu.Lock()
	}
	use := b || a
	if use {
		mu.Unlock()
	}
}

// case length twice
func chunks(mu *sync.Mutex, parts [][]byte) {
	if len(parts) > 0 {
		mu.Lock()
	}
	for i := range parts {
		parts[i] = nil
		if i == len(parts)-1 {
			mu.Unlock()
		}
	}
}

// case only in the first turn, and after the loop
func lazily(mu *sync.Mutex, in []int) (n int) {
	taken := 0
	for _, v := range in {
		if v == 0 {
			continue
		}
		if taken == 0 {
			mu.Lock()
		}
		taken++
		n += v
	}
	if taken != 0 {
		mu.Unlock()
	}
	return n
}

// case unlocked by a method chosen by state
type valve struct {
	mu    sync.Mutex
	shut  func()
	turns int
}

func (v *valve) open() {
	v.mu.Lock()
	v.shut = v.mu.Unlock
}

func (v *valve) cycle() {
	v.open()
	v.turns++
	v.shut()
}

// case ordered by address
func ordered(a, b *room) {
	if a == b {
		a.mu.Lock()
		defer a.mu.Unlock()
		return
	}
	x, y := a, b
	if a.depth > b.depth {
		x, y = b, a
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	y.mu.Lock()
	defer y.mu.Unlock()
}

// case try both
func tryBoth(a, b *sync.Mutex) bool {
	if !a.TryLock() {
		return false
	}
	if !b.TryLock() {
		a.Unlock()
		return false
	}
	b.Unlock()
	a.Unlock()
	return true
}

// case read lock taken for a callback that reads again
type graph struct {
	mu    rqlock.RWMutex
	edges map[int][]int
}

func (g *graph) Walk(from int, f func(int) error) error {
	if err := g.mu.RLock(); err != nil {
		return err
	}
	defer g.mu.RUnlock()
	for _, to := range g.edges[from] {
		if err := f(to); err != nil {
			return err
		}
	}
	return nil
}

func (g *graph) Degree(n int) (int, error) {
	if err := g.mu.RLock(); err != nil {
		return 0, err
	}
	defer g.mu.RUnlock()
	return len(g.edges[n]), nil
}

func (g *graph) degrees(from int) (sum int, err error) {
	err = g.Walk(from, func(to int) error {
		n, err := g.Degree(to)
		sum += n
		return err
	})
	return sum, err
}

// case iterator that reads, body that reads
func (g *graph) From(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if err := g.mu.RLock(); err != nil {
			return
		}
		defer g.mu.RUnlock()
		for _, to := range g.edges[n] {
			if !yield(to) {
				return
			}
		}
	}
}

func (g *graph) two(n int) (sum int) {
	for to := range g.From(n) {
		for range g.From(to) {
			sum++
		}
	}
	return sum
}

// case pulled, stopped, then locked
func (g *graph) one(n int) (int, error) {
	next, stop := iter.Pull(g.From(n))
	v, ok := next()
	stop()
	if !ok {
		return 0, io.EOF
	}
	if err := g.mu.Lock(); err != nil {
		return 0, err
	}
	g.edges[n] = nil
	g.mu.Unlock()
	return v, nil
}

// case fields printed, not the object
type gauge struct {
	mu  sync.Mutex
	val int
	buf bytes.Buffer
}

func (g *gauge) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return fmt.Sprint(g.val)
}

func (g *gauge) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.buf.Write(p)
}

func (g *gauge) print(other *gauge) {
	g.mu.Lock()
	v := g.val
	fmt.Fprintf(&g.buf, "%d", v)
	g.mu.Unlock()
	fmt.Fprintf(g, "%v", other)
}

// case slices of pointers are cloned and sorted
func shuffled(all []*gauge) []*gauge {
	c := slices.Clone(all)
	sort.Slice(c, func(i, j int) bool { return c[i].val < c[j].val })
	return slices.Delete(c, 0, 1)
}

// case generic over pointers
func first[T any](all []*T) *T {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

func head(all []*gauge) *gauge { return first(all) }

// case swap of pointers
func swap[T any](a, b *T) { *a, *b = *b, *a }

func exchange(a, b *gauge) (*gauge, *gauge) {
	swap(&a, &b)
	return a, b
}

// case once elsewhere
type setup struct {
	once gosync.Once
	mu   sync.Mutex
	ok   bool
}

func (s *setup) get() bool {
	s.once.Do(s.load)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ok
}

func (s *setup) load() {
	s.mu.Lock()
	s.ok = true
	s.mu.Unlock()
}

// case a record for each turn
func batch(r *ringbuf.Ring, all [][]byte) error {
	for _, p := range all {
		rec, err := r.Reserve(len(p))
		if err != nil {
			return err
		}
		if copy(rec.Bytes(), p) == 0 {
			rec.Discard()
			continue
		}
		rec.Commit()
	}
	return nil
}

// case a record in a struct, finished by a method
type writer struct {
	rec  ringbuf.Record
	used int
}

func begin(r *ringbuf.Ring, n int) (*writer, error) {
	rec, err := r.Reserve(n)
	if err != nil {
		return nil, err
	}
	return &writer{rec: rec}, nil
}

func (w *writer) close() { w.rec.Commit() }

// case unlock in a method that the caller defers
type scope struct{ mu *sync.Mutex }

func enter(mu *sync.Mutex) scope {
	mu.Lock()
	return scope{mu}
}

func (s scope) leave() { s.mu.Unlock() }

func scoped(mu *sync.Mutex) {
	defer enter(mu).leave()
}

// case guard()()
func guard(mu *sync.Mutex) func() {
	mu.Lock()
	return mu.Unlock
}

func guarded(mu *sync.Mutex) {
	defer guard(mu)()
}

// case tree locked for the caller by name
func (r *room) lockAll(others []*room) {
	r.mu.Lock()
	for _, o := range others {
		o.mu.Lock()
	}
}

func (r *room) unlockAll(others []*room) {
	for _, o := range slices.Backward(others) {
		o.mu.Unlock()
	}
	r.mu.Unlock()
}
