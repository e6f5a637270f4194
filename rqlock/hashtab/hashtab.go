package hashtab

import (
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"unsafe"

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
	secret  secret // zero if keys are no integers
	buckets []bucket[K, V]
	keys    words.Layout[K]
	values  words.Layout[V]

	limit int64
	len   atomic.Int64 // of elements in use or about to be
	store store[K, V]
	clock *clock // nil = full is full
}

// New returns a map for up to capacity elements, all of which it makes now: later it
// allocates nothing. It panics if capacity is not positive.
func New[K comparable, V any](capacity int) *Map[K, V] {
	m := NewOnDemand[K, V](capacity)
	m.store.allocate(capacity)
	return m
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
		seed: maphash.MakeSeed(), secret: secretOf[K](), buckets: make([]bucket[K, V], 1<<logBuckets),
		keys: words.LayoutOf[K](), values: words.LayoutOf[V](), limit: int64(limit),
	}
}

// Len returns how many elements there are, and those that others are about to add.
func (m *Map[K, V]) Len() int { return int(m.len.Load()) }

// Lookup returns k's value, and whether there is one. It takes no lock: what it has read
// counts only if the bucket's head is the same after it, and neither a key nor a value may
// be looked at before. So it reads both at once: mostly there is one candidate.
func (m *Map[K, V]) Lookup(k K) (v V, ok bool) {
	var h uint64
	if m.secret.known() { // m.hash, for the compiler does not inline it
		h = m.secret.hash(wordOf(&k))
	} else {
		h = m.hash(k)
	}
	b := m.bucket(h)
again:
	for ; ; b.heads.settle() {
		at := b.heads.now()
		if at.changing() {
			continue
		}
		for may := at.slotsOf(tagOf(h)); may != 0; {
			e := b.slots[may.next()].Load()
			if e == nil {
				continue
			}
			key, v := e.key.Load(&m.keys), e.value.Load(&m.values)
			if b.heads.now() != at {
				continue again
			}
			if key == k {
				m.touch(e)
				return v, true
			}
		}
		for e := m.next(b.slots[last].Load()); e != nil; e = m.next(e) {
			key, v := e.key.Load(&m.keys), e.value.Load(&m.values)
			if b.heads.now() != at { // they may have led elsewhere
				continue again
			}
			if key == k {
				m.touch(e)
				return v, true
			}
		}
		if b.heads.now() == at {
			return v, false
		}
	}
}

// touch notes in a map with a clock that e is used.
func (m *Map[K, V]) touch(e *elem[K, V]) {
	if m.clock != nil {
		m.clock.touch(m.store.index(e))
	}
}

// number returns that of the bucket for keys with hash h.
func (m *Map[K, V]) number(h uint64) uint64 { return h >> 32 & uint64(len(m.buckets)-1) }

func (m *Map[K, V]) bucket(h uint64) *bucket[K, V] { return &m.buckets[m.number(h)] }

// hash returns k's hash, of which all bits are good for use.
func (m *Map[K, V]) hash(k K) uint64 {
	if m.secret.known() {
		return m.secret.hash(wordOf(&k))
	}
	return maphash.Comparable(m.seed, k)
}

// wordOf returns an integer of 64 bits.
func wordOf[K comparable](k *K) uint64 { return *(*uint64)(unsafe.Pointer(k)) }

// A secret hashes an integer by two products (as in wyhash, Wang 2019), which spares it
// maphash's calls. With one, keys that are a stride apart would meet in a bucket for one
// secret in some 200.
type secret [3]uint64

// secretOf returns one for K, zero if that is no integer of 64 bits.
func secretOf[K comparable]() (s secret) {
	switch t := reflect.TypeFor[K](); t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64, reflect.Uintptr:
		if t.Size() == 8 {
			s = secret{rand.Uint64(), rand.Uint64() | 1, rand.Uint64() | 1}
		}
	}
	return s
}

func (s *secret) known() bool { return s[1] != 0 }

func (s *secret) hash(x uint64) uint64 { return fold(fold(x^s[0], s[1]), s[2]) }

// fold multiplies and adds the halves, without carry.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// find returns k's element in b, or nil. It needs the lock: nothing changes meanwhile.
func (m *Map[K, V]) find(b *bucket[K, V], h uint64, k K) *elem[K, V] {
	for may := b.heads.now().slotsOf(tagOf(h)); may != 0; {
		if e := b.slots[may.next()].Load(); e != nil && e.key.Load(&m.keys) == k {
			return e
		}
	}
	for e := m.next(b.slots[last].Load()); e != nil; e = m.next(e) {
		if e.key.Load(&m.keys) == k {
			return e
		}
	}
	return nil
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
	e := m.find(b, h, k)
	switch {
	case e != nil && flag == NoExist:
		return ErrExist
	case e == nil && flag == Exist:
		return ErrNotExist
	case e == nil:
		return m.insert(b, h, k, v)
	}
	m.replace(b, e, v)
	return nil
}

// insert, replace and remove need b's lock.

func (m *Map[K, V]) insert(b *bucket[K, V], h uint64, k K, v V) error {
	e := m.spare(b)
	if e == nil {
		return ErrFull
	}
	b.heads.change(func(at head) head {
		e.key.Store(&m.keys, k)
		e.value.Store(&m.values, v)
		return m.link(b, at, e, tagOf(h))
	})
	if m.clock != nil {
		m.clock.enter(m.store.index(e), m.number(h))
	}
	return nil
}

func (m *Map[K, V]) replace(b *bucket[K, V], e *elem[K, V], v V) {
	if m.values.Atomic() { // no new version: a reader gets the old value or the new (release: pairs with Lookup's load)
		e.value.Store(&m.values, v)
	} else {
		b.heads.change(func(at head) head {
			e.value.Store(&m.values, v)
			return at
		})
	}
	m.touch(e)
}

func (m *Map[K, V]) remove(b *bucket[K, V], e *elem[K, V]) {
	m.takeOut(b, e)
	m.store.push(e)
	m.len.Add(-1)
}

func (m *Map[K, V]) takeOut(b *bucket[K, V], e *elem[K, V]) {
	b.heads.change(func(at head) head {
		at = m.cut(b, at, e)
		if m.store.spare != nil { // it stays: let go of what it has
			e.key.Store(&m.keys, *new(K))
			e.value.Store(&m.values, *new(V))
		}
		return at
	})
	if m.clock != nil {
		m.clock.leave(m.store.index(e))
	}
}

// spare returns an element that is in no bucket, or nil if there is none. Bucket b is
// locked.
func (m *Map[K, V]) spare(b *bucket[K, V]) *elem[K, V] {
	if m.len.Add(1) <= m.limit {
		if e := m.store.pop(); e != nil {
			return e
		}
	}
	m.len.Add(-1)
	if m.clock == nil {
		return nil
	}
	return m.evict(b)
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
	e := m.find(b, h, k)
	if e == nil {
		return v, ErrNotExist
	}
	v = e.value.Load(&m.values)
	m.remove(b, e)
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
	e := m.find(b, h, k)
	if e != nil {
		old = e.value.Load(&m.values)
	}
	switch v, action := f(old, e != nil); {
	case action == Set && e == nil:
		return m.insert(b, h, k, v)
	case action == Set:
		m.replace(b, e, v)
	case action == Remove && e != nil:
		m.remove(b, e)
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
	for ; ; b.heads.settle() {
		at := b.heads.now()
		for e := range m.all(b, at) {
			buf = append(buf, pair[K, V]{e.key.Load(&m.keys), e.value.Load(&m.values)})
		}
		if !at.changing() && b.heads.now() == at {
			return buf
		}
		clear(buf) // torn values are not to be looked at
		buf = buf[:0]
	}
}
