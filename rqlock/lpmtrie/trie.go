package lpmtrie

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/rqlock/rqlock/rqlock"
)

// Errors besides those of the lock.
var (
	ErrExist    = errors.New("lpmtrie: the prefix is present")
	ErrNotExist = errors.New("lpmtrie: no such prefix")
	ErrFull     = errors.New("lpmtrie: full")
	ErrKey      = errors.New("lpmtrie: bad key")
	ErrFlag     = errors.New("lpmtrie: unknown flag: use Any, NoExist or Exist")
)

// A Flag says which prefixes an Update is for.
type Flag uint8

const (
	Any     Flag = iota // present or not
	NoExist             // not present, else ErrExist
	Exist               // present, else ErrNotExist
)

// An Action is what Compute is to do with a prefix.
type Action uint8

const (
	Keep   Action = iota // leaves it as it is
	Set                  // gives it the new value
	Remove               // deletes it if it is present
)

// A room is what the writers of one or several tries share.
type room struct {
	lock  rqlock.Mutex
	len   atomic.Int64 // of prefixes; changes under lock
	limit int64
	_     [64]byte // writers that wait do not disturb readers of what follows
}

func (r *room) init(limit int) {
	if limit <= 0 {
		panic(fmt.Sprintf("lpmtrie: room for %d prefixes: must be positive", limit))
	}
	r.limit = int64(limit)
}

// Len returns how many prefixes there are.
func (r *room) Len() int { return int(r.len.Load()) }

// A trie is the root of what is there now. Its methods take the first n bits of a key.
type trie[V any] struct {
	root atomic.Pointer[node[V]]
}

func (t *trie[V]) init() { t.root.Store(new(node[V])) }

// now returns the trie as it is now, and stays.
func (t *trie[V]) now() *node[V] {
	return t.root.Load() // acquire: pairs with release in set and remove: nodes are whole
}

func (t *trie[V]) update(r *room, key []byte, n int, v V, flag Flag) error {
	if flag > Exist {
		return ErrFlag
	}
	if err := r.lock.Lock(); err != nil {
		return err
	}
	defer r.lock.Unlock()
	present := t.now().get(key, n) != nil
	switch {
	case present && flag == NoExist:
		return ErrExist
	case !present && flag == Exist:
		return ErrNotExist
	}
	return t.set(r, key, n, v, present)
}

func (t *trie[V]) compute(r *room, key []byte, n int, f func(V, bool) (V, Action)) error {
	if err := r.lock.Lock(); err != nil {
		return err
	}
	defer r.lock.Unlock()
	var old V
	p := t.now().get(key, n)
	if p != nil {
		old = *p
	}
	switch v, action := f(old, p != nil); {
	case action == Set:
		return t.set(r, key, n, v, p != nil)
	case action == Remove && p != nil:
		t.remove(r, key, n)
	}
	return nil
}

func (t *trie[V]) lookupAndDelete(r *room, key []byte, n int) (v V, err error) {
	if err := r.lock.Lock(); err != nil {
		return v, err
	}
	defer r.lock.Unlock()
	p := t.now().get(key, n)
	if p == nil {
		return v, ErrNotExist
	}
	v = *p
	t.remove(r, key, n)
	return v, nil
}

// set and remove need the lock; what is to be removed is there.

func (t *trie[V]) set(r *room, key []byte, n int, v V, present bool) error {
	if !present && r.len.Load() == r.limit {
		return ErrFull
	}
	t.root.Store(t.now().with(key, n, v)) // release: pairs with acquire in now
	if !present {
		r.len.Add(1)
	}
	return nil
}

func (t *trie[V]) remove(r *room, key []byte, n int) {
	t.root.Store(t.now().without(key, n)) // release: pairs with acquire in now
	r.len.Add(-1)
}
