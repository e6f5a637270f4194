package hashtab

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/rqlock/rqlock/rqlock/internal/words"
)

// Errors of a map, besides those of its locks.
var (
	ErrExist    = errors.New("hashtab: the key is present")
	ErrNotExist = errors.New("hashtab: no such key")
	ErrFull     = errors.New("hashtab: full")
	ErrFlag     = errors.New("hashtab: unknown flag")
	ErrAction   = errors.New("hashtab: unknown action")
	ErrCompare  = errors.New("hashtab: values that cannot be compared")
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

// A Map is a hash table. Make it with [New], [NewOnDemand], [NewGrowing], [NewLRU] or
// [NewLRUWith]: the methods of any other Map panic. All methods may be called by many
// goroutines at once.
type Map[K comparable, V any] struct {
	table      atomic.Pointer[table[K, V]]
	hasher     hasher[K]
	quick      bool // Lookup's fast path is for this map
	reuses     bool // elements are reused
	atomic     bool // a value is one word at most: values.Atomic()
	maxBuckets int
	keys       words.Layout[K]
	values     words.Layout[V]
	store      store[K, V]
	lru        *lru[K, V] // nil: a full map returns ErrFull
	limit      int        // 0: none
	seats      seats      // nil: there is no limit, or the elements that are reused are it
	census     census
	locked     atomic.Uint64 // lookups that had to take a lock
}

// New returns a map for up to capacity elements. It allocates memory for all of them, and
// later nothing is allocated, if neither a key nor a value is larger than four words. Larger
// ones are allocated one by one, like those of [NewOnDemand]. New panics if capacity is not
// positive, or too large to be allocated.
func New[K comparable, V any](capacity int) *Map[K, V] {
	m := newMap[K, V]("New", capacity, capacity)
	if reusable[K, V]() {
		m.preallocate("New", capacity)
	}
	return m
}

// NewOnDemand returns a map for up to limit elements. It begins small and grows like one
// made by [NewGrowing]. Each element is allocated when it is added, and left to the garbage
// collector when it is deleted. NewOnDemand panics if limit is not positive. A limit of 1<<32
// or more counts as 1<<32 - 1 (on 32 bits, one of 1<<26 as 1<<26 - 1).
func NewOnDemand[K comparable, V any](limit int) *Map[K, V] {
	return newMap[K, V]("NewOnDemand", limit, min(limit, fewElements))
}

// NewGrowing returns a map without a limit. When it has too few buckets for its elements,
// it moves them to twice as many. Every later call that changes the map moves a few of them.
// Lookups go on meanwhile, and take no lock. The map never has fewer buckets again.
func NewGrowing[K comparable, V any]() *Map[K, V] {
	m := newMap[K, V]("NewGrowing", math.MaxInt, fewElements)
	m.limit, m.seats = 0, nil
	return m
}

const (
	fewElements = 64 // those that a growing map begins with have room in its first table

	// maxElements is how many elements a map can count.
	maxElements = 1<<(26+6*(bits.UintSize/64)) - 1
)

// newMap returns a map that may grow to limit elements, with buckets for n.
func newMap[K comparable, V any](name string, limit, n int) *Map[K, V] {
	if limit <= 0 {
		panic(fmt.Sprintf("hashtab.%s: room for %d elements: must be positive", name, limit))
	}
	m := &Map[K, V]{
		hasher: newHasher[K](), keys: words.LayoutOf[K](), values: words.LayoutOf[V](),
		maxBuckets: 1 << logBuckets(limit), limit: min(limit, maxElements), census: newCensus(),
	}
	m.seats = newSeats(m.limit)
	m.atomic, m.quick = m.values.Atomic(), m.hasher.quick()
	allocate(name, n, func() { m.table.Store(newTable[K, V](logBuckets(n))) })
	return m
}

// logBuckets returns the logarithm of the number of buckets for n elements.
func logBuckets(n int) int {
	log := 1
	for full(1<<log) < min(n, maxElements) {
		log++
	}
	return log
}

// allocate calls f, which allocates memory for n elements. If there cannot be so much, it
// panics with a message that names the constructor.
func allocate(name string, n int, f func()) {
	defer func() {
		if n > maxElements || recover() != nil {
			panic(fmt.Sprintf("hashtab.%s: room for %d elements: too large to be allocated", name, n))
		}
	}()
	if n <= maxElements {
		f()
	}
}

// preallocate allocates all elements of a map that reuses them.
func (m *Map[K, V]) preallocate(name string, n int) {
	allocate(name, n, func() { m.store.preallocate(n) })
	m.reuses, m.seats = true, nil
}

// made returns m's table. It panics if m has none.
func (m *Map[K, V]) made() *table[K, V] {
	t := m.table.Load()
	if t == nil {
		panic("hashtab: a Map that was not made by New, NewOnDemand, NewGrowing, NewLRU or NewLRUWith")
	}
	return t
}

// Len returns the number of elements. It counts those that other goroutines add or delete
// at the moment, and those that have expired and are not deleted yet. In a map with a limit
// it is never above that.
func (m *Map[K, V]) Len() int {
	m.made()
	if m.lru != nil {
		return int(m.lru.len.Load())
	}
	n := m.census.len()
	if m.limit > 0 {
		n = min(n, m.limit)
	}
	return n
}

// Lookup returns k's value, and whether k is present. It takes no lock, unless it has failed
// many times to copy an element that is reused all the time.
func (m *Map[K, V]) Lookup(k K) (v V, ok bool) {
	if !m.quick {
		return m.lookup(k, true)
	}
	// The compiler inlines neither m.hash nor m.value.
	var hash uint64
	if unsafe.Sizeof(k) == unsafe.Sizeof("") && m.hasher.strings {
		hash = maphash.String(m.hasher.seed, *(*string)(unsafe.Pointer(&k)))
	} else {
		hash = m.hasher.secret.hash(integer(&k))
	}
	b := m.table.Load().bucket(hash)
	h := b.header.load()
	may := h.candidates(tagOf(hash))
	if may == 0 {
		if h&(inChain(hash)|movedBit) == 0 {
			return v, false // There is no hint of k.
		}
	} else if e := b.slots[may.first()].Load(); e != nil && !h.moved() { // acquire: pairs with release in link
		if !m.reuses {
			if *e.key.Fixed() == k {
				if large[V]() {
					v = *e.value.Fixed()
				} else {
					v = e.value.LoadWord(&m.values) // acquire: pairs with release in replace
				}
				return v, true
			}
		} else {
			// Neither may be looked at before the header is known to be the same.
			key := e.key.Load(&m.keys)
			v = e.value.Load(&m.values)
			if !h.changing() && b.header.load() == h && key == k {
				return v, true
			}
		}
	}
	return m.lookupIn(b, hash, k, true)
}

// large reports whether a value is larger than a word.
func large[V any]() bool { return unsafe.Sizeof(*new(V)) > unsafe.Sizeof(uintptr(0)) }

// Peek is [Map.Lookup] that is not counted as a use of the element. A map made by [New],
// [NewOnDemand] or [NewGrowing] counts none.
func (m *Map[K, V]) Peek(k K) (v V, ok bool) { return m.lookup(k, false) }

// lookup is Lookup for all maps. It counts a use if it is to.
func (m *Map[K, V]) lookup(k K, use bool) (v V, ok bool) {
	t := m.made()
	hash := m.hash(k)
	b := t.bucket(hash)
	h := b.header.load()
	may := h.candidates(tagOf(hash))
	if may == 0 {
		if h&(inChain(hash)|movedBit) == 0 {
			return v, false // There is no hint of k.
		}
	} else if e := b.slots[may.first()].Load(); e != nil && !h.moved() { // acquire: pairs with release in link
		if m.reuses {
			// Neither may be looked at before the header is known to be the same.
			key, v := e.key.Load(&m.keys), e.value.Load(&m.values)
			if !h.changing() && b.header.load() == h && key == k && (m.lru == nil || m.used(e, use)) {
				return v, true
			}
		} else if *e.key.Fixed() == k && (m.lru == nil || m.used(e, use)) {
			return m.value(e), true
		}
	}
	return m.lookupIn(b, hash, k, use)
}

// lookupIn goes on where the first place of the bucket does not have k.
func (m *Map[K, V]) lookupIn(b *bucket[K, V], hash uint64, k K, use bool) (v V, ok bool) {
	if m.reuses {
		e, v := m.lookupReused(b, hash, k)
		return v, e != nil && m.used(e, use)
	}
	h := b.header.load()
	if h.moved() {
		_, b = m.follow(hash)
		h = b.header.load() // It may have moved again. What it had then is still there.
	}
	e := b.search(h, hash, k)
	if e == nil || !m.used(e, use) {
		return v, false
	}
	return m.value(e), true
}

// used reports whether an element that was found is present, and counts a use if it is to.
func (m *Map[K, V]) used(e *elem[K, V], use bool) bool {
	if m.lru == nil {
		return true
	}
	n := m.node(e)
	if m.lru.expired(n) {
		return false
	}
	if use {
		m.lru.use(n)
	}
	return true
}

// search returns k's element, or nil, in a bucket whose elements are not reused. If k is not
// found, it was absent at some moment, because it had no other place in between.
func (b *bucket[K, V]) search(h header, hash uint64, k K) *elem[K, V] {
	for may := h.candidates(tagOf(hash)); may != 0; may = may.rest() {
		if e := b.slots[may.first()].Load(); e != nil && *e.key.Fixed() == k { // acquire: pairs with release in link
			return e
		}
	}
	if h&inChain(hash) == 0 {
		return nil
	}
	for c := b.chain.Load(); c != nil; c = c.next.Load() { // acquire: pairs with release in link
		if e := c.elem.Load(); *e.key.Fixed() == k {
			return e
		}
	}
	return nil
}

// value returns the value of an element that is not reused.
func (m *Map[K, V]) value(e *elem[K, V]) V {
	if large[V]() {
		return *e.value.Fixed()
	}
	return e.value.LoadWord(&m.values) // acquire: pairs with release in replace
}

// readerTries is how often a reader tries to copy what is reused all the time, before it takes
// the lock.
const readerTries = 100

// lookupReused is lookup for elements that are reused. What it reads counts only if the
// header is the same afterwards. Neither a key nor a value may be looked at before that, so
// both are read at once: there is mostly only one candidate.
func (m *Map[K, V]) lookupReused(b *bucket[K, V], hash uint64, k K) (e *elem[K, V], v V) {
	tries := 0
again:
	for ; ; b.header.settle() {
		if tries++; tries%readerTries == 0 {
			if e, v, ok := m.lookupLocked(b, hash, k); ok {
				return e, v
			}
		}
		h := b.header.load()
		if h.changing() {
			continue
		}
		for may := h.candidates(tagOf(hash)); may != 0; may = may.rest() {
			e := b.slots[may.first()].Load()
			if e == nil {
				continue
			}
			key, v := e.key.Load(&m.keys), e.value.Load(&m.values)
			if b.header.load() != h {
				continue again
			}
			if key == k {
				return e, v
			}
		}
		for c := b.chain.Load(); c != nil && h&inChain(hash) != 0; c = c.next.Load() {
			e := c.elem.Load()
			if e == nil {
				continue again
			}
			key, v := e.key.Load(&m.keys), e.value.Load(&m.values)
			if b.header.load() != h { // The chain may have led into another bucket.
				continue again
			}
			if key == k {
				return e, v
			}
		}
		if b.header.load() == h {
			return nil, v
		}
	}
}

// lookupLocked looks k up with the bucket locked, or returns false if it cannot be locked.
// Then its holder is this goroutine, or waits, so that the bucket does not change for now.
func (m *Map[K, V]) lookupLocked(b *bucket[K, V], hash uint64, k K) (e *elem[K, V], v V, ok bool) {
	m.locked.Add(1)
	if b.lock.Lock() != nil {
		return nil, v, false
	}
	defer b.lock.Unlock()
	if e = m.find(b, hash, k).e; e != nil {
		v = *e.value.Fixed()
	}
	return e, v, true
}

// Update sets k's value. It returns [ErrExist] or [ErrNotExist] if the flag does not allow
// that, [ErrFlag] for an unknown flag, [ErrFull] if there is no room, or the lock's error.
func (m *Map[K, V]) Update(k K, v V, flag Flag) error {
	_, err := m.set(k, &v, flag, nil)
	return err
}

// Swap sets k's value. It returns the value that k had, and whether k was present. It
// returns [ErrFull] if there is no room, or the lock's error.
func (m *Map[K, V]) Swap(k K, v V) (old V, present bool, err error) {
	present, err = m.set(k, &v, Any, &old)
	return old, present, err
}

// LoadOrStore returns k's value and true if k is present. Otherwise it adds k and returns v
// and false. It returns [ErrFull] if there is no room, or the lock's error. If k is present,
// it takes no lock.
func (m *Map[K, V]) LoadOrStore(k K, v V) (actual V, loaded bool, err error) {
	if old, ok := m.Lookup(k); ok {
		return old, true, nil
	}
	switch _, err = m.set(k, &v, NoExist, &actual); {
	case err == ErrExist:
		return actual, true, nil
	case err != nil:
		return actual, false, err
	}
	return v, false, nil
}

// set does what Update does. If old is not nil, it gets the value that k had. It reports
// whether k was present.
func (m *Map[K, V]) set(k K, v *V, flag Flag, old *V) (present bool, err error) {
	if flag > Exist {
		return false, flag.unknown()
	}
	hash := m.hash(k)
	if m.lru != nil {
		return m.setCached(hash, k, v, flag, old)
	}
	t, b, err := m.lock(hash)
	if err != nil {
		return false, err
	}
	at := m.find(b, hash, k)
	switch {
	case at.e == nil && flag != Exist:
		err = m.insert(t, b, hash, k, v)
	case at.e == nil:
		err = ErrNotExist
	default:
		if old != nil {
			*old = m.get(at.e)
		}
		if flag == NoExist {
			err = ErrExist
		} else {
			m.replace(b, at, v)
		}
	}
	b.lock.Unlock()
	m.help()
	return at.e != nil, err
}

// check returns the error of a flag that does not allow a key to be present, or absent.
func (f Flag) check(present bool) error {
	switch {
	case present && f == NoExist:
		return ErrExist
	case !present && f == Exist:
		return ErrNotExist
	}
	return nil
}

// setCached is set for a map that evicts.
func (m *Map[K, V]) setCached(hash uint64, k K, v *V, flag Flag, old *V) (present bool, err error) {
	weight := m.weigh(k, v)
	var x exit[K, V]
	for {
		t, b, err := m.lock(hash)
		if err != nil {
			m.leave(&x)
			return false, err
		}
		at, live := m.findLive(b, hash, k)
		if live && old != nil {
			*old = m.get(at.e)
		}
		if err = flag.check(live); err == nil {
			err = m.putCached(t, b, at, hash, k, v, weight, &x)
		}
		b.lock.Unlock()
		if err == errBusy {
			if err = x.await(); err == nil {
				continue
			}
		}
		m.leave(&x)
		return live, err
	}
}

// An exit has what a call does after it has unlocked its bucket.
type exit[K comparable, V any] struct {
	evicted []pair[K, V]  // for OnEvict
	busy    *bucket[K, V] // where an element was to be evicted
}

func (m *Map[K, V]) leave(x *exit[K, V]) {
	m.help()
	for _, p := range x.evicted {
		m.lru.onEvict(p.k, p.v)
	}
}

// The callers of the following methods hold b's lock.

// findLive returns k's place in b, and whether k is present: an element that has expired
// has a place, but is not present.
func (m *Map[K, V]) findLive(b *bucket[K, V], hash uint64, k K) (at place[K, V], live bool) {
	at = m.find(b, hash, k)
	return at, at.e != nil && !m.expired(at.e)
}

// get returns an element's value.
func (m *Map[K, V]) get(e *elem[K, V]) V { return *e.value.Fixed() }

// put sets the value of the element that is at a place, or adds it if there is none.
func (m *Map[K, V]) put(t *table[K, V], b *bucket[K, V], at place[K, V], hash uint64, k K, v *V, weight int64, x *exit[K, V]) error {
	switch {
	case m.lru != nil:
		return m.putCached(t, b, at, hash, k, v, weight, x)
	case at.e != nil:
		m.replace(b, at, v)
		return nil
	}
	return m.insert(t, b, hash, k, v)
}

func (m *Map[K, V]) insert(t *table[K, V], b *bucket[K, V], hash uint64, k K, v *V) error {
	var e *elem[K, V]
	if m.limit > 0 {
		var ok bool
		if e, ok = m.reserve(); !ok {
			return ErrFull
		}
	}
	h, slot := b.header.load(), b.free()
	var c *cell[K, V] // if all slots are taken
	switch {
	case e != nil:
		h, c = m.fill(h, e, k, v), m.store.cell(e)
	case slot < slots:
		e = &elem[K, V]{}
		*e.key.Fixed(), *e.value.Fixed() = k, *v
	default:
		l := new(linked[K, V])
		e, c = &l.elem, &l.cell
		*e.key.Fixed(), *e.value.Fixed() = k, *v
	}
	b.link(h, slot, e, c, hash)
	m.census.add(came)
	if slot == slots {
		m.grow(t)
	}
	return nil
}

// reserve makes sure that an element may be added, and returns it if it is reused. It returns
// false if the map was full at some moment of the call. While an element is being added or
// removed, it is neither free nor present. Then reserve waits. Who adds or removes an element
// waits for nothing meanwhile but locks of lists that are held for a few instructions.
func (m *Map[K, V]) reserve() (e *elem[K, V], ok bool) {
	for tries := 1; ; tries++ {
		switch {
		case m.reuses:
			if e := m.store.take(); e != nil {
				return e, true
			}
		case m.seats == nil || m.seats.take():
			return nil, true
		}
		if m.census.full(m.limit) {
			return nil, false
		}
		if tries%10 == 0 {
			yield()
		}
	}
}

// fill sets an element that is reused. It returns h for the bucket that the element is added to.
func (m *Map[K, V]) fill(h header, e *elem[K, V], k K, v *V) header {
	e.key.Store(&m.keys, k)
	e.value.Store(&m.values, *v)
	return h + oneChange
}

// open makes b's version odd: the value of an element that is reused is about to change. It
// returns the header for close.
func (b *bucket[K, V]) open() header {
	h := b.header.load() + oneVersion
	b.header.store(h) // before anything changes: pairs with acquire in lookupReused
	return h
}

// close makes the version even again. A reader that begins after that finds the new value.
func (b *bucket[K, V]) close(h header) {
	b.header.word.Store(uint64(h + oneVersion)) // release: pairs with acquire in lookupReused
}

// replace sets the value of a present element.
func (m *Map[K, V]) replace(b *bucket[K, V], at place[K, V], v *V) {
	switch {
	case m.atomic:
		// The version stays: a reader gets the old value or the new one.
		at.e.value.StoreWord(&m.values, *v) // release: pairs with acquire in lookup
	case m.reuses:
		h := b.open()
		at.e.value.Store(&m.values, *v)
		b.close(h)
	case m.lru != nil:
		e := &cached[K, V]{node: m.node(at.e)}
		*e.key.Fixed(), *e.value.Fixed() = *at.e.key.Fixed(), *v
		at.in.Store(&e.elem) // release: pairs with acquire in lookup
	default:
		e := new(elem[K, V])
		*e.key.Fixed(), *e.value.Fixed() = *at.e.key.Fixed(), *v
		at.in.Store(e) // release: pairs with acquire in lookup
	}
}

// remove removes a present element. In a map made by NewLRU, the caller holds the lock of
// its queues, too.
func (m *Map[K, V]) remove(b *bucket[K, V], at place[K, V]) {
	if m.lru != nil {
		m.lru.remove(m.node(at.e))
	} else {
		m.census.add(goes)
	}
	if m.reuses {
		b.unlink(b.header.load()+oneChange, at)
		m.reuse(at)
		return
	}
	b.unlink(b.header.load(), at)
	if m.seats != nil {
		m.seats.leave()
	}
}

// reuse makes an element that was removed free. A reader that still has it has seen another
// version of the bucket. The element stays in memory, so it lets go of what it refers to.
func (m *Map[K, V]) reuse(at place[K, V]) {
	if m.keys.Pointers() {
		at.e.key.Store(&m.keys, *new(K))
	}
	if m.values.Pointers() {
		at.e.value.Store(&m.values, *new(V))
	}
	if at.cell != nil {
		at.cell.next.Store(nil)
	}
	m.store.put(at.e)
}

// Delete removes k. It returns [ErrNotExist] if k is not present, or the lock's error.
func (m *Map[K, V]) Delete(k K) error { return m.delete(k, nil) }

// LookupAndDelete removes k and returns its value, in one step. It returns [ErrNotExist] if
// k is not present, or the lock's error.
func (m *Map[K, V]) LookupAndDelete(k K) (v V, err error) {
	err = m.delete(k, &v)
	return v, err
}

// delete does what LookupAndDelete does. If old is not nil, it gets the value.
func (m *Map[K, V]) delete(k K, old *V) error {
	hash := m.hash(k)
	if m.lru != nil {
		return m.deleteCached(hash, k, old)
	}
	_, b, err := m.lock(hash)
	if err != nil {
		return err
	}
	if at := m.find(b, hash, k); at.e != nil {
		if old != nil {
			*old = m.get(at.e)
		}
		m.remove(b, at)
	} else {
		err = ErrNotExist
	}
	b.lock.Unlock()
	m.help()
	return err
}

// deleteCached is delete for a map that evicts.
func (m *Map[K, V]) deleteCached(hash uint64, k K, old *V) error {
	_, b, err := m.lock(hash)
	if err != nil {
		return err
	}
	at, live := m.findLive(b, hash, k)
	if live && old != nil {
		*old = m.get(at.e)
	}
	var x exit[K, V]
	if at.e != nil {
		err = m.removeOne(b, at, live, &x)
	}
	b.lock.Unlock()
	m.leave(&x)
	if err == nil && !live {
		return ErrNotExist
	}
	return err
}

// removeOne removes an element, which is present unless it has expired.
func (m *Map[K, V]) removeOne(b *bucket[K, V], at place[K, V], live bool, x *exit[K, V]) error {
	if m.lru != nil {
		if err := m.lru.lock.Lock(); err != nil {
			return err
		}
		defer m.lru.lock.Unlock()
	}
	if live {
		m.remove(b, at)
	} else {
		m.drop(b, at, x)
	}
	return nil
}

// CompareAndSwap sets k's value to new if k is present and its value equals old, and reports
// whether it did. It returns the lock's error, or [ErrCompare] if the values cannot be
// compared by ==.
func (m *Map[K, V]) CompareAndSwap(k K, old, new V) (swapped bool, err error) {
	if !comparableValue(old) {
		return false, fmt.Errorf("%w: %T", ErrCompare, old)
	}
	_, _, err = m.Compute(k, func(v V, present bool) (V, Action) {
		if swapped = present && any(v) == any(old); swapped {
			return new, Set
		}
		return v, Keep
	})
	return swapped && err == nil, err
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
// false if k is not present, and does what f returns. It returns k's value afterwards, and
// whether k is present. If f panics, nothing changes.
//
// f may use the map. A call that needs a lock which this goroutine holds, or which is held
// by a goroutine that waits for this one, returns a [*rqlock.DeadlockError].
//
// Compute returns [ErrFull] if there is no room, [ErrAction] for an unknown action, or the
// lock's error. f was called unless the bucket's lock failed. With an error k's value has not
// changed.
func (m *Map[K, V]) Compute(k K, f func(old V, present bool) (V, Action)) (v V, present bool, err error) {
	var x exit[K, V]
	v, present, err = m.compute(k, f, &x)
	m.leave(&x)
	return v, present, err
}

func (m *Map[K, V]) compute(k K, f func(old V, present bool) (V, Action), x *exit[K, V]) (v V, present bool, err error) {
	hash := m.hash(k)
	t, b, err := m.lock(hash)
	if err != nil {
		return v, false, err
	}
	defer b.lock.Unlock()
	var old V
	at, live := m.findLive(b, hash, k)
	if live {
		old = m.get(at.e)
	}
	switch v, action := f(old, live); action {
	case Keep:
	case Set:
		if err = m.putNow(t, b, at, hash, k, &v, x); err == nil {
			return v, true, nil
		}
	case Remove:
		if at.e != nil {
			err = m.removeOne(b, at, live, x)
		}
		if err == nil {
			return *new(V), false, nil
		}
	default:
		err = action.unknown()
	}
	return old, live, err
}

// putNow is put that cannot begin again when another bucket is locked: f was called.
func (m *Map[K, V]) putNow(t *table[K, V], b *bucket[K, V], at place[K, V], hash uint64, k K, v *V, x *exit[K, V]) error {
	const tries = 100
	weight := m.weigh(k, v)
	for range tries {
		if err := m.put(t, b, at, hash, k, v, weight, x); err != errBusy {
			return err
		}
		yield()
		at = m.find(b, hash, k) // An element that had expired is gone.
	}
	return ErrFull
}

// Clear deletes all elements that are present during the whole call, bucket by bucket. It
// is the way to delete keys that are not equal to themselves, like NaN. If a lock fails,
// Clear returns its error, and has deleted what was in the buckets before.
func (m *Map[K, V]) Clear() error {
	for hash := uint64(0); ; {
		t, b, err := m.lock(hash)
		if err == nil {
			err = m.removeAll(b)
			b.lock.Unlock()
		}
		if err != nil {
			return err
		}
		m.help()
		if hash = t.after(hash); hash == 0 {
			return nil
		}
	}
}

// removeAll removes all elements of b, or none. The caller holds b's lock.
func (m *Map[K, V]) removeAll(b *bucket[K, V]) error {
	if m.lru != nil {
		if err := m.lru.lock.Lock(); err != nil {
			return err
		}
		defer m.lru.lock.Unlock()
	}
	for at := range b.all() {
		m.remove(b, at)
	}
	return nil
}

// Stats has numbers of a map. They are read one after the other.
type Stats struct {
	Len           int    // elements, as [Map.Len] counts them
	Limit         int    // how many there may be, or their weight; 0: no limit
	Buckets       int    // buckets of 64 bytes
	Moved         int    // of them, those that have moved to twice as many; see [NewGrowing]
	Weight        int    // of the elements of a map made by [NewLRUWith], if it weighs them
	Evicted       uint64 // elements that were deleted to make room
	Expired       uint64 // elements that were deleted because they had expired
	LockedLookups uint64 // lookups that had to take a lock
}

// Stats returns the map's numbers.
func (m *Map[K, V]) Stats() Stats {
	t := m.made()
	s := Stats{
		Len: m.Len(), Limit: m.limit, Buckets: len(t.buckets), Moved: len(t.buckets) - int(t.unmoved.Load()),
		LockedLookups: m.locked.Load(),
	}
	if m.lru != nil {
		m.lru.stats(&s)
	}
	return s
}

// node returns the node of an element of a map made by NewLRU.
func (m *Map[K, V]) node(e *elem[K, V]) *node {
	if m.reuses {
		return &m.lru.nodes[m.store.index(e)]
	}
	return (*cached[K, V])(unsafe.Pointer(e)).node
}
