package hashtab

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/rqlock/rqlock/rqlock"
)

// NewLRU returns a map for up to capacity elements. When the map is full, it makes room for
// a new element by deleting one that is unlikely to be used again. It is [NewLRUWith]
// without options.
func NewLRU[K comparable, V any](capacity int) *Map[K, V] {
	return newLRU[K, V]("NewLRU", capacity, LRUOptions[K, V]{})
}

// LRUOptions has the options of [NewLRUWith]. The zero value has none.
type LRUOptions[K comparable, V any] struct {
	// TTL is how long an element is present after its value was set; 0: for ever. One that
	// has expired is taken for absent. It is deleted by the next call that changes its key,
	// or to make room.
	TTL time.Duration

	// Weigh returns the weight of an element; nil: each weighs 1. A result below 1 counts as
	// 1. The map's capacity is then the sum of weights. It is called before any lock is
	// taken, but in Compute and CompareAndSwap while the key's bucket is locked.
	Weigh func(k K, v V) int

	// OnEvict is called for each element that was deleted to make room, or because it had
	// expired, by the goroutine that has deleted it, after that has unlocked the map.
	OnEvict func(k K, v V)
}

// NewLRUWith returns a map for elements whose weights are up to capacity together. When it
// is full, it makes room by deleting elements that are unlikely to be used again. If none
// are weighed, and neither a key nor a value is larger than four words, it allocates memory
// for all elements, and later nothing is allocated. Otherwise it grows. It panics if
// capacity is not positive, or too large to be allocated.
//
// Which element is deleted is decided by S3-FIFO (Yang et al., 2023). New elements queue for
// a tenth of the room, and those that were used there go on to the main queue. In that one
// an element goes round as often as it was used, up to three times. A key that comes back
// soon after it was deleted goes to the main queue at once. An insertion looks at a limited
// number of elements.
//
// An insertion waits for a bucket that is locked only if all elements are in such buckets.
// [Map.Compute] does not wait: it returns [ErrFull]. An element that weighs more than the
// capacity is refused with [ErrFull], too.
func NewLRUWith[K comparable, V any](capacity int, options LRUOptions[K, V]) *Map[K, V] {
	return newLRU("NewLRUWith", capacity, options)
}

func newLRU[K comparable, V any](name string, capacity int, options LRUOptions[K, V]) *Map[K, V] {
	grows := options.Weigh != nil
	few := capacity
	if grows {
		few = min(capacity, fewElements)
	}
	m := newMap[K, V](name, capacity, few)
	m.lru = &lru[K, V]{
		capacity: int64(capacity), ttl: max(0, options.TTL), weigh: options.Weigh, onEvict: options.OnEvict,
		began: time.Now(),
	}
	m.quick = false // A use is counted.
	m.seats = nil   // The queues have a limit.
	allocate(name, few, func() { m.lru.ghosts.grow(few) })
	if !grows && reusable[K, V]() {
		m.preallocate(name, capacity)
		allocate(name, capacity, func() { m.lru.nodes = make([]node, capacity) })
	}
	return m
}

// An lru knows the elements of a map that deletes some to make room. An element is in one of
// its queues while it is in its bucket. Who adds or removes one holds the bucket's lock and
// then the lock of the queues.
type lru[K comparable, V any] struct {
	capacity int64
	ttl      time.Duration
	began    time.Time
	weigh    func(K, V) int
	onEvict  func(K, V)
	nodes    []node // of the elements that are reused

	len, weight     atomic.Int64 // change while lock is held
	evicted, lapsed atomic.Uint64
	lock            rqlock.Mutex
	probation, kept queue
	ghosts          ghosts
}

// errBusy says that all elements that could make room are in locked buckets.
var errBusy = errors.New("hashtab: busy")

// now returns the time as expiries count it.
func (l *lru[K, V]) now() int64 { return int64(time.Since(l.began)) }

// expiry returns when a value expires that is set now.
func (l *lru[K, V]) expiry() int64 {
	if l.ttl == 0 {
		return 0
	}
	return l.now() + int64(l.ttl)
}

func (l *lru[K, V]) expired(n *node) bool {
	return l.ttl != 0 && l.now() >= n.expires.Load()
}

// use counts a use of an element.
func (l *lru[K, V]) use(n *node) {
	// It is mostly counted as often as counts, and then a shared cache line is not written.
	if u := n.uses.Load(); u < maxUses {
		n.uses.CompareAndSwap(u, u+1)
	}
}

func (l *lru[K, V]) stats(s *Stats) {
	s.Limit, s.Evicted, s.Expired = int(l.capacity), l.evicted.Load(), l.lapsed.Load()
	if l.weigh != nil {
		s.Weight = int(l.weight.Load())
	}
}

// The caller of the following functions holds the lock of the queues.

// add puts an element in a queue.
func (l *lru[K, V]) add(n *node, hash uint64, weight int64) {
	n.hash, n.weight = hash, weight
	n.uses.Store(0)
	n.expires.Store(l.expiry())
	n.kept = l.ghosts.remove(hash)
	l.queueOf(n).push(n)
	l.weight.Add(weight)
	if l.len.Add(1) > int64(l.ghosts.most) {
		l.ghosts.grow(2 * int(l.len.Load()))
	}
}

// remove removes an element from its queue.
func (l *lru[K, V]) remove(n *node) {
	l.queueOf(n).remove(n)
	l.len.Add(-1)
	l.weight.Add(-n.weight)
}

func (l *lru[K, V]) queueOf(n *node) *queue {
	if n.kept {
		return &l.kept
	}
	return &l.probation
}

// maxSteps bounds how many elements an insertion looks at for each that it evicts.
const maxSteps = 100

// next returns the element that is to be evicted next, and goes on to the one after it, in
// another queue than the one to be avoided, if there is any. After maxSteps steps it does
// not look at uses any more.
func (l *lru[K, V]) next(step int, avoid *queue) *node {
	from, other := &l.kept, &l.probation
	if l.probation.weight > l.capacity/10 {
		from, other = other, from
	}
	if from.last == nil || from == avoid && other.last != nil {
		from = other
	}
	n := from.last
	from.remove(n)
	uses := n.uses.Load()
	switch {
	case step >= maxSteps || l.expired(n):
	case !n.kept && uses > 1:
		n.kept = true
		n.uses.Store(0)
		l.kept.push(n)
		return nil
	case n.kept && uses > 0:
		n.uses.Store(uses - 1)
		l.kept.push(n)
		return nil
	}
	from.push(n)
	return n
}

// evict evicts one element; there is one in the queues. The caller holds the locks of held
// and of the queues. evict does not wait for another lock: that might close a cycle, and
// there are other elements. If it evicts none, it returns errBusy, and in x a bucket that
// was locked.
func (m *Map[K, V]) evict(held *bucket[K, V], x *exit[K, V]) error {
	l := m.lru
	var avoid *queue // where the last one was locked
	for step := range 2 * maxSteps {
		n := l.next(step, avoid)
		if n == nil {
			continue
		}
		_, b := m.follow(n.hash)
		x.busy = b
		if b != held && !b.lock.TryLock() {
			avoid = l.queueOf(n)
			continue
		}
		done := m.evictFrom(b, n, x)
		if b != held {
			b.lock.Unlock()
		}
		if done {
			return nil
		}
	}
	return errBusy
}

// evictFrom removes an element from b, which is locked. It reports whether it did: b may
// have moved.
func (m *Map[K, V]) evictFrom(b *bucket[K, V], n *node, x *exit[K, V]) bool {
	if b.header.load().moved() {
		return false
	}
	for at := range b.all() {
		if m.node(at.e) == n {
			if !m.lru.expired(n) && !n.kept {
				m.lru.ghosts.add(n.hash)
			}
			m.drop(b, at, x)
			return true
		}
	}
	return false
}

// drop removes an element that is evicted or has expired.
func (m *Map[K, V]) drop(b *bucket[K, V], at place[K, V], x *exit[K, V]) {
	l := m.lru
	if l.expired(m.node(at.e)) {
		l.lapsed.Add(1)
	} else {
		l.evicted.Add(1)
	}
	if l.onEvict != nil {
		x.evicted = append(x.evicted, pair[K, V]{*at.e.key.Fixed(), *at.e.value.Fixed()})
	}
	m.remove(b, at)
}

// await waits until the bucket is unlocked where an element was to be evicted.
func (x *exit[K, V]) await() error {
	if err := x.busy.lock.Lock(); err != nil {
		return err
	}
	x.busy.lock.Unlock()
	return nil
}

// weigh returns the weight of an element.
func (m *Map[K, V]) weigh(k K, v *V) int64 {
	if m.lru == nil || m.lru.weigh == nil {
		return 1
	}
	return int64(max(1, m.lru.weigh(k, *v)))
}

// putCached is put for a map that evicts. The caller holds b's lock.
func (m *Map[K, V]) putCached(t *table[K, V], b *bucket[K, V], at place[K, V], hash uint64, k K, v *V, weight int64, x *exit[K, V]) error {
	l := m.lru
	live := at.e != nil && !m.expired(at.e)
	if live && l.weigh == nil {
		m.touch(b, at, v)
		return nil
	}
	if weight > l.capacity {
		return ErrFull
	}
	if err := l.lock.Lock(); err != nil {
		return err
	}
	defer l.lock.Unlock()
	if live {
		return m.reweigh(b, at, v, weight, x)
	}
	if at.e != nil {
		m.drop(b, at, x)
	}
	if err := m.makeRoom(b, weight, x); err != nil {
		return err
	}
	if m.enter(b, hash, k, v, weight) {
		m.grow(t)
	}
	return nil
}

// makeRoom evicts elements until there is room for a weight.
func (m *Map[K, V]) makeRoom(held *bucket[K, V], weight int64, x *exit[K, V]) error {
	for weight > m.lru.capacity-m.lru.weight.Load() {
		if err := m.evict(held, x); err != nil {
			return err
		}
	}
	return nil
}

// enter adds an element for which there is room. It reports whether that is in the chain.
func (m *Map[K, V]) enter(b *bucket[K, V], hash uint64, k K, v *V, weight int64) (chained bool) {
	if m.reuses {
		e := m.store.take()
		for e == nil { // There is one, which others may move from one shard of the list to another.
			yield()
			e = m.store.take()
		}
		m.lru.add(m.node(e), hash, weight)
		slot := b.free()
		b.link(m.fill(b.header.load(), e, k, v), slot, e, m.store.cell(e), hash)
		return slot == slots
	}
	e := &cached[K, V]{node: new(node)}
	*e.key.Fixed(), *e.value.Fixed() = k, *v
	m.lru.add(e.node, hash, weight)
	return b.attach(&e.elem, hash)
}

// touch sets the value of a present element.
func (m *Map[K, V]) touch(b *bucket[K, V], at place[K, V], v *V) {
	n := m.node(at.e)
	m.lru.use(n)
	m.replace(b, at, v)
	n.expires.Store(m.lru.expiry())
}

// reweigh sets the value of a present element, and makes room if it is heavier.
func (m *Map[K, V]) reweigh(b *bucket[K, V], at place[K, V], v *V, weight int64, x *exit[K, V]) error {
	l, n := m.lru, m.node(at.e)
	q := l.queueOf(n)
	q.remove(n) // so that it is not evicted itself
	err := m.makeRoom(b, weight-n.weight, x)
	if err == nil {
		l.weight.Add(weight - n.weight)
		n.weight = weight
	}
	q.push(n)
	if err == nil {
		m.touch(b, at, v)
	}
	return err
}
