package lpmtrie

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync/atomic"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/internal/capacity"
)

// Errors of a table or map, besides those of its lock.
var (
	ErrExist    = errors.New("lpmtrie: the prefix is present")
	ErrNotExist = errors.New("lpmtrie: no such prefix")
	ErrFull     = errors.New("lpmtrie: full")
	ErrKey      = errors.New("lpmtrie: bad key")
	ErrFlag     = errors.New("lpmtrie: unknown flag")
	ErrAction   = errors.New("lpmtrie: unknown action")
	ErrEnded    = errors.New("lpmtrie: the transaction has ended: use it only in the function that Transact calls")
)

// A Flag tells Update which prefixes it is for.
type Flag uint8

const (
	Any     Flag = iota // any prefix
	NoExist             // a prefix that is not present; otherwise Update returns ErrExist
	Exist               // a prefix that is present; otherwise Update returns ErrNotExist
)

// check returns the error of an update with this flag.
func (f Flag) check(present bool) error {
	switch {
	case f > Exist:
		return fmt.Errorf("%w %d: use Any, NoExist or Exist", ErrFlag, f)
	case present && f == NoExist:
		return ErrExist
	case !present && f == Exist:
		return ErrNotExist
	}
	return nil
}

// An Action tells Compute what to do with a prefix.
type Action uint8

const (
	Keep   Action = iota // leave the prefix as it is
	Set                  // set the new value
	Remove               // delete the prefix if it is present
)

func (a Action) unknown() error {
	return fmt.Errorf("%w %d: use Keep, Set or Remove", ErrAction, a)
}

// A family is one of the tries of a table. A map has one trie, the first.
type family int

const (
	v4 family = iota
	v6
	families
)

// roots has the root of each family.
type roots[V any] [families]*node[V]

func emptyRoots[V any]() (r roots[V]) {
	for f := range r {
		r[f] = new(node[V])
	}
	return r
}

// A trie is what a table and a map consist of. Its methods take the first n bits of a key.
//
// A writer changes the trie by one atomic store: of a slot, or of roots. Then it adds 1 to
// version. So while version stays the same there is one store at most, and who reads each
// slot once meanwhile sees the trie before it or after it. Readers who find that version has
// changed start again, a few times, and then take a snapshot.
//
// A snapshot is made by adding 1 to gen. Writers read gen before they change anything, and
// change no node of an earlier generation (see edit). So only the one writer that has read
// gen before can still change the snapshot, by one store. Therefore who reads each slot once
// also sees one moment.
type trie[V any] struct {
	lock rqlock.Mutex
	len  atomic.Int64 // prefixes; changes under lock
	_    [64]byte     // Waiting writers do not disturb readers of what follows.

	version atomic.Uint64
	roots   atomic.Pointer[roots[V]]
	limit   int64
	gen     atomic.Uint64
}

// init makes a trie for up to limit prefixes. Its caller's constructor has this name.
func (t *trie[V]) init(constructor string, limit int) {
	capacity.Check(constructor, "prefixes", limit, 1, math.MaxInt)
	t.limit = int64(limit)
	r := emptyRoots[V]()
	t.roots.Store(&r)
}

// tries is how often a reader reads before it takes a snapshot. Only a test changes it.
var tries = 4

// snapshot returns roots of a trie that only changes as trie's comment says.
func (t *trie[V]) snapshot() *roots[V] {
	t.gen.Add(1)
	return t.roots.Load() // acquire: pairs with release in publish
}

// begin returns roots for a reader that reads each slot once. It reads again while version
// changes meanwhile, and in its last try has a snapshot. What it finds in its last try is what
// the trie had at one moment.
func (t *trie[V]) begin(try int) (r *roots[V], version uint64) {
	version = t.version.Load()
	if try == tries {
		return t.snapshot(), version
	}
	return t.roots.Load(), version // acquire: pairs with release in publish
}

func (t *trie[V]) match(f family, key []byte, n int) (v *V, bits int) {
	for try := range tries + 1 {
		r, version := t.begin(try)
		v, bits = r[f].match(key, n)
		if t.version.Load() == version {
			break
		}
	}
	return v, bits
}

func (t *trie[V]) get(f family, key []byte, n int) (v *V) {
	for try := range tries + 1 {
		r, version := t.begin(try)
		v = r[f].get(key, n)
		if t.version.Load() == version {
			break
		}
	}
	return v
}

// next returns the item after the first n bits of key in this family and those after it. If
// the key is not present, or n is negative, it returns the first item.
func (t *trie[V]) next(f family, key []byte, n int) (x item[V], of family, ok bool) {
	for try := range tries + 1 {
		r, version := t.begin(try)
		x, of, ok = r.next(f, key, n)
		if ok && of == f && n >= 0 && x.is(key, n) { // It was added after the first look.
			x, of, ok = r.next(f, key, n)
		}
		if t.version.Load() == version {
			break
		}
	}
	return x, of, ok
}

func (r *roots[V]) next(f family, key []byte, n int) (x item[V], of family, ok bool) {
	if n >= 0 {
		var present bool
		if x, present, ok = r[f].after(key, n); present {
			if ok {
				return x, f, true
			}
			return r.first(f + 1)
		}
	}
	return r.first(0)
}

// first returns the first item of the families from f on.
func (r *roots[V]) first(f family) (x item[V], of family, ok bool) {
	for ; f < families; f++ {
		if x, ok = r[f].first(); ok {
			return x, f, true
		}
	}
	return x, f, false
}

// overlaps reports whether a prefix and the first n bits of key have an address in common.
func (t *trie[V]) overlaps(f family, key []byte, n int) (yes bool) {
	for try := range tries + 1 {
		r, version := t.begin(try)
		p, _ := r[f].match(key, n)
		yes = p != nil || !r[f].subnets(key, n, func(item[V]) bool { return false })
		if t.version.Load() == version {
			break
		}
	}
	return yes
}

// subnets iterates over the items that begin with the first n bits of key.
func (t *trie[V]) subnets(f family, key []byte, n int) iter.Seq[item[V]] {
	return func(yield func(item[V]) bool) { t.snapshot()[f].subnets(key, n, yield) }
}

// supernets iterates over the prefixes of the first n bits of key, the longest first.
func (t *trie[V]) supernets(f family, key []byte, n int) iter.Seq[item[V]] {
	return func(yield func(item[V]) bool) {
		var of []item[V]
		for try := range tries + 1 {
			r, version := t.begin(try)
			of = r[f].supernets(key, n, of[:0])
			if t.version.Load() == version {
				break
			}
		}
		for _, x := range slices.Backward(of) {
			if !yield(x) {
				return
			}
		}
	}
}

func (t *trie[V]) update(f family, key []byte, n int, v V, flag Flag) error {
	if flag > Exist {
		return flag.check(false)
	}
	if err := t.lock.Lock(); err != nil {
		return err
	}
	defer t.lock.Unlock()
	present := t.roots.Load()[f].get(key, n) != nil
	if err := flag.check(present); err != nil {
		return err
	}
	return t.set(f, key, n, v, present)
}

func (t *trie[V]) compute(f family, key []byte, n int, do func(V, bool) (V, Action)) error {
	if err := t.lock.Lock(); err != nil {
		return err
	}
	defer t.lock.Unlock()
	var old V
	p := t.roots.Load()[f].get(key, n)
	if p != nil {
		old = *p
	}
	switch v, action := do(old, p != nil); action {
	case Keep:
	case Set:
		return t.set(f, key, n, v, p != nil)
	case Remove:
		if p != nil {
			t.remove(f, key, n)
		}
	default:
		return action.unknown()
	}
	return nil
}

func (t *trie[V]) lookupAndDelete(f family, key []byte, n int) (v V, err error) {
	if err := t.lock.Lock(); err != nil {
		return v, err
	}
	defer t.lock.Unlock()
	p := t.roots.Load()[f].get(key, n)
	if p == nil {
		return v, ErrNotExist
	}
	v = *p
	t.remove(f, key, n)
	return v, nil
}

// clear removes all prefixes.
func (t *trie[V]) clear() error {
	if err := t.lock.Lock(); err != nil {
		return err
	}
	defer t.lock.Unlock()
	t.publish(emptyRoots[V](), 0)
	return nil
}

// The caller of the following methods holds the lock. A prefix to be removed is present.

func (t *trie[V]) set(f family, key []byte, n int, v V, present bool) error {
	len := t.len.Load()
	if !present {
		if len == t.limit {
			return ErrFull
		}
		len++
	}
	r := *t.roots.Load()
	r[f] = edit[V]{gen: t.gen.Load()}.set(r[f], key, n, v)
	t.publish(r, len)
	return nil
}

func (t *trie[V]) remove(f family, key []byte, n int) {
	r := *t.roots.Load()
	r[f] = nodeOf[V](edit[V]{gen: t.gen.Load()}.remove(r[f], key, n))
	t.publish(r, t.len.Load()-1)
}

// publish makes r the roots, if an edit has not changed slots of the present ones instead.
func (t *trie[V]) publish(r roots[V], len int64) {
	if r != *t.roots.Load() {
		fresh := r            // so that r need not be in the heap
		t.roots.Store(&fresh) // release: pairs with acquire in begin and snapshot
	}
	t.version.Add(1)
	t.len.Store(len)
}
