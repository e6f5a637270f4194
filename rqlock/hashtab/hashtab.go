package hashtab

import (
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/freelist"
	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// Errors of a map besides those of its locks.
var (
	ErrExist    = errors.New("hashtab: the key is present")
	ErrNotExist = errors.New("hashtab: no such key")
	ErrFull     = errors.New("hashtab: full")
)

// A Flag says which keys an Update is for.
type Flag uint8

const (
	Any     Flag = iota // present or not
	NoExist             // not present, else ErrExist
	Exist               // present, else ErrNotExist
)

// A Map is a hash table for up to a fixed number of elements. Make it with [New],
// [NewOnDemand] or [NewLRU]. All methods may be called by many goroutines at once.
type Map[K comparable, V any] struct {
	seed    maphash.Seed
	secret  [2]uint64 // of keys that are integers
	shift   uint
	buckets []bucket[K, V]
	limit   int64
	keys    words.Layout[K]
	values  words.Layout[V]

	spare *freelist.List[elem[K, V]] // nil = made on demand
	clock *clock[K, V]               // nil = full is full
	len   atomic.Int64               // of elements in use or about to be
}

// New returns a map for up to capacity elements, all of which it makes now: later it
// allocates nothing. It panics if capacity is not positive.
func New[K comparable, V any](capacity int) *Map[K, V] {
	m, _ := preallocated[K, V](capacity)
	return m
}

func preallocated[K comparable, V any](capacity int) (*Map[K, V], []node[K, V]) {
	m := NewOnDemand[K, V](capacity)
	nodes := make([]node[K, V], capacity)
	m.spare = freelist.New[elem[K, V]](0)
	m.spare.Fill(nodes)
	return m, nodes
}

// NewOnDemand returns a map for up to limit elements, each of which is allocated when
// it is needed and left to the garbage collector when it is deleted. It panics if limit
// is not positive.
func NewOnDemand[K comparable, V any](limit int) *Map[K, V] {
	if limit <= 0 {
		panic(fmt.Sprintf("hashtab: room for %d elements: must be positive", limit))
	}
	logBuckets := bits.Len(uint(limit-1)/2 | 1) // if it is full, one or two elements each
	return &Map[K, V]{
		seed: maphash.MakeSeed(), secret: secretOf[K](), shift: uint(64 - logBuckets), buckets: make([]bucket[K, V], 1<<logBuckets),
		limit: int64(limit), keys: words.LayoutOf[K](), values: words.LayoutOf[V](),
	}
}

// Len returns how many elements there are, and those that others are about to add.
func (m *Map[K, V]) Len() int { return int(m.len.Load()) }

// Lookup returns k's value, and whether there is one. It takes no lock.
func (m *Map[K, V]) Lookup(k K) (v V, ok bool) {
	h := m.hash(k)
	b := m.bucket(h)
	for tries := 1; ; tries++ {
		if at := b.now(); !at.changing() {
			if n, v, same := m.read(b, at, h, k); same {
				if n != nil && m.clock != nil {
					m.clock.touch(n)
				}
				return v, n != nil
			}
		}
		if tries%spins == 0 {
			runtime.Gosched() // the writer may wait for this processor
		}
	}
}

// spins is how often a reader looks at a bucket before it yields.
const spins = 100

func (m *Map[K, V]) bucket(h uint64) *bucket[K, V] { return &m.buckets[h>>m.shift] }

// hash returns k's hash, of which all bits are good for use. An integer's is a product
// with a secret (as in wyhash, Wang 2019), which spares it maphash's calls.
func (m *Map[K, V]) hash(k K) uint64 {
	if m.secret[1] == 0 {
		return maphash.Comparable(m.seed, k)
	}
	hi, lo := bits.Mul64(*(*uint64)(unsafe.Pointer(&k))^m.secret[0], m.secret[1])
	return hi ^ lo
}

// secretOf returns the secret to hash a K with, zero if that is no integer of 64 bits.
func secretOf[K comparable]() (secret [2]uint64) {
	switch t := reflect.TypeFor[K](); t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Uintptr:
		if t.Size() == 8 {
			secret = [2]uint64{rand.Uint64(), rand.Uint64() | 1}
		}
	}
	return secret
}

// read returns k's node in b and its value, nil if it has none, as long as at is b's
// head: same is false if it has another by now, and neither key nor value may be looked at
// before that is known. So it looks once for both: mostly there is one candidate.
func (m *Map[K, V]) read(b *bucket[K, V], at head, h uint64, k K) (n *node[K, V], v V, same bool) {
	for may := at.slotsOf(tagOf(h)); may != 0; {
		n := b.slots[may.next()].Load()
		if n == nil || n.Value.hash.Load() != h {
			continue
		}
		key, v := n.Value.key.Load(&m.keys), n.Value.value.Load(&m.values)
		if b.now() != at {
			return nil, v, false
		}
		if key == k {
			return n, v, true
		}
	}
	for n := b.chain.Load(); n != nil && b.now() == at; n = n.Value.next.Load() { // else it leads into another bucket
		if n.Value.hash.Load() == h {
			key, v := n.Value.key.Load(&m.keys), n.Value.value.Load(&m.values)
			if b.now() == at && key == k {
				return n, v, true
			}
		}
	}
	return nil, v, b.now() == at
}

// find returns k's node in b, or nil. It needs the lock: nothing changes meanwhile.
func (m *Map[K, V]) find(b *bucket[K, V], h uint64, k K) *node[K, V] {
	has := func(n *node[K, V]) bool { return n.Value.hash.Load() == h && n.Value.key.Load(&m.keys) == k }
	for may := b.now().slotsOf(tagOf(h)); may != 0; {
		if n := b.slots[may.next()].Load(); n != nil && has(n) {
			return n
		}
	}
	n := b.chain.Load()
	for n != nil && !has(n) {
		n = n.Value.next.Load()
	}
	return n
}

// Update sets k's value. It returns ErrExist or ErrNotExist if the flag does not allow
// that, ErrFull if there is no room, or the lock's error.
func (m *Map[K, V]) Update(k K, v V, flag Flag) error {
	h := m.hash(k)
	b := m.bucket(h)
	if err := b.lock.Lock(); err != nil {
		return err
	}
	defer b.lock.Unlock()
	n := m.find(b, h, k)
	switch {
	case n != nil && flag == NoExist:
		return ErrExist
	case n == nil && flag == Exist:
		return ErrNotExist
	case n == nil:
		return m.insert(b, h, k, v)
	}
	m.replace(b, n, v)
	return nil
}

// insert, replace and remove need b's lock.

func (m *Map[K, V]) insert(b *bucket[K, V], h uint64, k K, v V) error {
	n := m.take(b)
	if n == nil {
		return ErrFull
	}
	b.change(func(at head) head {
		n.Value.state.Store(inUse | referenced)
		n.Value.hash.Store(h)
		n.Value.key.Store(&m.keys, k)
		n.Value.value.Store(&m.values, v)
		return b.link(at, n)
	})
	return nil
}

func (m *Map[K, V]) replace(b *bucket[K, V], n *node[K, V], v V) {
	b.change(func(at head) head {
		n.Value.value.Store(&m.values, v)
		return at
	})
	if m.clock != nil {
		m.clock.touch(n)
	}
}

func (m *Map[K, V]) remove(b *bucket[K, V], n *node[K, V]) {
	m.unlink(b, n)
	m.give(n)
}

func (m *Map[K, V]) unlink(b *bucket[K, V], n *node[K, V]) {
	b.change(func(at head) head {
		b.unlink(n)
		n.Value.state.Store(0)
		if m.spare != nil { // it stays: let go of what it has
			n.Value.key.Store(&m.keys, *new(K))
			n.Value.value.Store(&m.values, *new(V))
		}
		return at
	})
}

// take returns an element that is in no bucket, or nil if there is none. Bucket b is
// locked.
func (m *Map[K, V]) take(b *bucket[K, V]) *node[K, V] {
	if m.len.Add(1) <= m.limit {
		if m.spare == nil {
			return new(node[K, V])
		}
		if n := m.spare.Pop(); n != nil {
			return n
		}
	}
	m.len.Add(-1)
	if m.clock == nil {
		return nil
	}
	return m.evict(b)
}

// give takes an element back.
func (m *Map[K, V]) give(n *node[K, V]) {
	if m.spare != nil {
		m.spare.Push(n)
	}
	m.len.Add(-1)
}

// Delete removes k. It returns ErrNotExist if there is none, or the lock's error.
func (m *Map[K, V]) Delete(k K) error {
	_, err := m.LookupAndDelete(k)
	return err
}

// LookupAndDelete removes k and returns its value, as one step. It returns ErrNotExist
// if there is none, or the lock's error.
func (m *Map[K, V]) LookupAndDelete(k K) (v V, err error) {
	h := m.hash(k)
	b := m.bucket(h)
	if err := b.lock.Lock(); err != nil {
		return v, err
	}
	defer b.lock.Unlock()
	n := m.find(b, h, k)
	if n == nil {
		return v, ErrNotExist
	}
	v = n.Value.value.Load(&m.values)
	m.remove(b, n)
	return v, nil
}

// An Action is what Compute is to do with an element.
type Action uint8

const (
	Keep   Action = iota // leaves it as it is
	Set                  // gives it the new value
	Remove               // deletes it if it is present
)

// Compute calls f with k's value, or the zero value and false, while k's bucket is
// locked, and does what f returns. f may use the map: calls that would need a lock that
// this goroutine, or one that waits for it, holds return a *rqlock.DeadlockError. If f
// panics the element stays as it is. Compute returns ErrFull if there is no room, or the
// lock's error; f has not been called then in the latter case.
func (m *Map[K, V]) Compute(k K, f func(old V, present bool) (V, Action)) error {
	h := m.hash(k)
	b := m.bucket(h)
	if err := b.lock.Lock(); err != nil {
		return err
	}
	defer b.lock.Unlock()
	var old V
	n := m.find(b, h, k)
	if n != nil {
		old = n.Value.value.Load(&m.values)
	}
	switch v, action := f(old, n != nil); {
	case action == Set && n == nil:
		return m.insert(b, h, k, v)
	case action == Set:
		m.replace(b, n, v)
	case action == Remove && n != nil:
		m.remove(b, n)
	}
	return nil
}

// All goes over the elements, in no order. It holds no lock while the loop's body
// runs, which may use the map in any way. Elements that are added or deleted meanwhile
// may be left out or not; no key comes twice unless it has been deleted and added.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		var of []pair[K, V]
		for i := range m.buckets {
			of = m.snapshot(&m.buckets[i], of[:0])
			for _, p := range of {
				if !yield(p.k, p.v) {
					return
				}
			}
		}
	}
}

type pair[K comparable, V any] struct {
	k K
	v V
}

// snapshot appends to buf what is in a bucket at one time.
func (m *Map[K, V]) snapshot(b *bucket[K, V], buf []pair[K, V]) []pair[K, V] {
	for tries := 1; ; tries++ {
		if at := b.now(); !at.changing() {
			for n := range b.all(at) {
				buf = append(buf, pair[K, V]{n.Value.key.Load(&m.keys), n.Value.value.Load(&m.values)})
			}
			if b.now() == at {
				return buf
			}
		}
		clear(buf) // torn values are not to be looked at
		buf = buf[:0]
		if tries%spins == 0 {
			runtime.Gosched()
		}
	}
}
