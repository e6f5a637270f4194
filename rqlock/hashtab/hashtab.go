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

	"github.com/rqlock/rqlock/rqlock/internal/attributes"
	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// Errors of a map, besides those of its locks.
var (
	ErrExist    = errors.New("hashtab: the key is present")
	ErrNotExist = errors.New("hashtab: no such key")
	ErrFull     = errors.New("hashtab: full")
	ErrFlag     = errors.New("hashtab: unknown flag")
	ErrAction   = errors.New("hashtab: unknown action")
)

// A Flag tells Update which keys it is for.
type Flag uint8

const (
	Any     Flag = iota // any key
	NoExist             // a key that is not present; otherwise Update returns ErrExist
	Exist               // a key that is present; otherwise Update returns ErrNotExist
)

func (f Flag) unknown() error {
	return fmt.Errorf("%w %d: use Any, NoExist or Exist", ErrFlag, f)
}

// A Map is a hash table with a limited number of elements. Make it with [New],
// [NewOnDemand] or [NewLRU]. All methods may be called by many goroutines at once.
type Map[K comparable, V any] struct {
	seed    maphash.Seed
	secret  secret // zero if keys are not integers of 64 bits
	buckets []bucket[K, V]
	keys    words.Layout[K]
	values  words.Layout[V]

	limit int64
	len   atomic.Int64 // elements that are present, or about to be added
	store store[K, V]
	lru   *lru // nil: a full map returns ErrFull
}

// New returns a map for up to capacity elements. It allocates memory for all of them; later
// nothing is allocated. It panics if capacity is not positive.
func New[K comparable, V any](capacity int) *Map[K, V] {
	m := NewOnDemand[K, V](capacity)
	m.store.preallocate(capacity)
	return m
}

// NewOnDemand returns a map for up to limit elements. Each element is allocated when it is
// added, and left to the garbage collector when it is deleted. NewOnDemand panics if limit
// is not positive.
func NewOnDemand[K comparable, V any](limit int) *Map[K, V] {
	if limit <= 0 {
		panic(fmt.Sprintf("hashtab: room for %d elements: must be positive", limit))
	}
	logBuckets := bits.Len(uint(limit-1)/2 | 1) // one or two elements each if the map is full
	m := &Map[K, V]{
		seed: maphash.MakeSeed(), secret: secretOf[K](), buckets: make([]bucket[K, V], 1<<logBuckets),
		keys: words.LayoutOf[K](), values: words.LayoutOf[V](), limit: int64(limit),
	}
	attributes.NameEach(m.buckets, "hashtab.Map.buckets")
	return m
}

// Len returns the number of elements, including those that other goroutines are about to
// add.
func (m *Map[K, V]) Len() int { return int(m.len.Load()) }

// Lookup returns k's value, and whether k is present. It takes no lock.
func (m *Map[K, V]) Lookup(k K) (v V, ok bool) {
	var hash uint64
	if m.secret.known() { // This is m.hash, which the compiler does not inline.
		hash = m.secret.hash(wordOf(&k))
	} else {
		hash = m.hash(k)
	}
	b := m.bucket(hash)
	// What is read counts only if the header is the same afterwards. Neither a key nor a
	// value may be looked at before that, so both are read at once: there is mostly only
	// one candidate.
again:
	for ; ; b.header.settle() {
		h := b.header.load()
		if h.changing() {
			continue
		}
		for may := h.candidates(tagOf(hash)); may != 0; {
			e := b.slots[may.next()].Load()
			if e == nil {
				continue
			}
			key, v := e.key.Load(&m.keys), e.value.Load(&m.values)
			if b.header.load() != h {
				continue again
			}
			if key == k {
				m.touch(e)
				return v, true
			}
		}
		for e := m.next(b.slots[last].Load()); e != nil; e = m.next(e) {
			key, v := e.key.Load(&m.keys), e.value.Load(&m.values)
			if b.header.load() != h { // The chain may have led into another bucket.
				continue again
			}
			if key == k {
				m.touch(e)
				return v, true
			}
		}
		if b.header.load() == h {
			return v, false
		}
	}
}

// touch notes that e is used, if the map keeps account of that.
func (m *Map[K, V]) touch(e *elem[K, V]) {
	if m.lru != nil {
		m.lru.touch(m.store.index(e))
	}
}

// number returns the number of the bucket for keys with the hash.
func (m *Map[K, V]) number(hash uint64) uint64 { return hash >> 32 & uint64(len(m.buckets)-1) }

func (m *Map[K, V]) bucket(hash uint64) *bucket[K, V] { return &m.buckets[m.number(hash)] }

// hash returns k's hash. All its bits are of use.
func (m *Map[K, V]) hash(k K) uint64 {
	if m.secret.known() {
		return m.secret.hash(wordOf(&k))
	}
	return maphash.Comparable(m.seed, k)
}

// wordOf returns an integer of 64 bits.
func wordOf[K comparable](k *K) uint64 { return *(*uint64)(unsafe.Pointer(k)) }

// A secret hashes an integer of 64 bits by two products, like wyhash (Wang, 2019), which
// takes less time than maphash's calls. One product is not enough: for one secret in about
// 200, keys at a fixed distance would all fall into one bucket.
type secret [3]uint64

// secretOf returns a random secret, or zero if K is not an integer of 64 bits.
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

// fold returns the exclusive or of the halves of a product.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// find returns k's element in b, or nil. The caller holds b's lock, so nothing changes
// meanwhile.
func (m *Map[K, V]) find(b *bucket[K, V], hash uint64, k K) *elem[K, V] {
	for may := b.header.load().candidates(tagOf(hash)); may != 0; {
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

// Update sets k's value. It returns [ErrExist] or [ErrNotExist] if the flag does not allow
// that, [ErrFlag] for an unknown flag, [ErrFull] if there is no room, or the lock's error.
func (m *Map[K, V]) Update(k K, v V, flag Flag) error {
	if flag > Exist {
		return flag.unknown()
	}
	hash := m.hash(k)
	b := m.bucket(hash)
	if err := b.lock.Lock(); err != nil {
		return err
	}
	defer b.lock.Unlock()
	e := m.find(b, hash, k)
	switch {
	case e != nil && flag == NoExist:
		return ErrExist
	case e == nil && flag == Exist:
		return ErrNotExist
	case e == nil:
		return m.insert(b, hash, k, v)
	}
	m.replace(b, e, v)
	return nil
}

// The caller of insert, replace, remove, takeOut and newElem holds b's lock.

func (m *Map[K, V]) insert(b *bucket[K, V], hash uint64, k K, v V) error {
	e := m.newElem(b)
	if e == nil {
		return ErrFull
	}
	b.header.change(func(h header) header {
		e.key.Store(&m.keys, k)
		e.value.Store(&m.values, v)
		return m.link(b, h, e, tagOf(hash))
	})
	if m.lru != nil {
		m.lru.enter(m.store.index(e), m.number(hash))
	}
	return nil
}

func (m *Map[K, V]) replace(b *bucket[K, V], e *elem[K, V], v V) {
	if m.values.Atomic() {
		// The version stays: a reader gets the old value or the new one.
		e.value.Store(&m.values, v) // release: pairs with acquire in Lookup's load
	} else {
		b.header.change(func(h header) header {
			e.value.Store(&m.values, v)
			return h
		})
	}
	m.touch(e)
}

func (m *Map[K, V]) remove(b *bucket[K, V], e *elem[K, V]) {
	m.takeOut(b, e)
	m.store.put(e)
	m.len.Add(-1)
}

// takeOut removes e from b, but does not give it back to the store.
func (m *Map[K, V]) takeOut(b *bucket[K, V], e *elem[K, V]) {
	b.header.change(func(h header) header {
		h = m.unlink(b, h, e)
		if m.store.unused != nil { // The element stays: let go of what it refers to.
			e.key.Store(&m.keys, *new(K))
			e.value.Store(&m.values, *new(V))
		}
		return h
	})
	if m.lru != nil {
		m.lru.leave(m.store.index(e))
	}
}

// newElem returns an element that is in no bucket, or nil if there is none.
func (m *Map[K, V]) newElem(b *bucket[K, V]) *elem[K, V] {
	if m.len.Add(1) <= m.limit {
		if e := m.store.get(); e != nil {
			return e
		}
	}
	m.len.Add(-1)
	if m.lru == nil {
		return nil
	}
	return m.evict(b)
}

// Delete removes k. It returns [ErrNotExist] if k is not present, or the lock's error.
func (m *Map[K, V]) Delete(k K) error {
	_, err := m.LookupAndDelete(k)
	return err
}

// LookupAndDelete removes k and returns its value, in one step. It returns [ErrNotExist] if
// k is not present, or the lock's error.
func (m *Map[K, V]) LookupAndDelete(k K) (v V, err error) {
	hash := m.hash(k)
	b := m.bucket(hash)
	if err := b.lock.Lock(); err != nil {
		return v, err
	}
	defer b.lock.Unlock()
	e := m.find(b, hash, k)
	if e == nil {
		return v, ErrNotExist
	}
	v = e.value.Load(&m.values)
	m.remove(b, e)
	return v, nil
}

// An Action tells Compute what to do with an element.
type Action uint8

const (
	Keep   Action = iota // leave the element as it is
	Set                  // set the new value
	Remove               // delete the element if it is present
)

func (a Action) unknown() error {
	return fmt.Errorf("%w %d: use Keep, Set or Remove", ErrAction, a)
}

// Compute locks k's bucket, calls f with k's value and true, or with the zero value and
// false if k is not present, and does what f returns. If f panics, nothing changes.
//
// f may use the map. A call that needs a lock which this goroutine holds, or which is held
// by a goroutine that waits for this one, returns a [*rqlock.DeadlockError].
//
// Compute returns [ErrFull] if there is no room, [ErrAction] for an unknown action, or the
// lock's error. Only in the last case f was not called.
func (m *Map[K, V]) Compute(k K, f func(old V, present bool) (V, Action)) error {
	hash := m.hash(k)
	b := m.bucket(hash)
	if err := b.lock.Lock(); err != nil {
		return err
	}
	defer b.lock.Unlock()
	var old V
	e := m.find(b, hash, k)
	if e != nil {
		old = e.value.Load(&m.values)
	}
	switch v, action := f(old, e != nil); action {
	case Keep:
	case Set:
		if e == nil {
			return m.insert(b, hash, k, v)
		}
		m.replace(b, e, v)
	case Remove:
		if e != nil {
			m.remove(b, e)
		}
	default:
		return action.unknown()
	}
	return nil
}

// All iterates over the elements, in no particular order. It holds no lock while the loop's
// body runs, which may use the map in any way. An element that is added or deleted
// meanwhile may be missing. A key comes twice only if it was deleted and added again.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		var buf []pair[K, V]
		for i := range m.buckets {
			buf = m.snapshot(&m.buckets[i], buf[:0])
			for _, p := range buf {
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

// snapshot appends the elements that a bucket has at one moment to buf, which is empty.
func (m *Map[K, V]) snapshot(b *bucket[K, V], buf []pair[K, V]) []pair[K, V] {
	for ; ; b.header.settle() {
		h := b.header.load()
		for e := range m.all(b, h) {
			buf = append(buf, pair[K, V]{e.key.Load(&m.keys), e.value.Load(&m.values)})
		}
		if !h.changing() && b.header.load() == h {
			return buf
		}
		clear(buf) // The values may be torn, and are not to be kept.
		buf = buf[:0]
	}
}
