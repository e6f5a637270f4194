package lpmtrie

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/rqlock/rqlock/rqlock"
)

// Errors of a table or map, besides those of its lock.
var (
	ErrExist    = errors.New("lpmtrie: the prefix is present")
	ErrNotExist = errors.New("lpmtrie: no such prefix")
	ErrFull     = errors.New("lpmtrie: full")
	ErrKey      = errors.New("lpmtrie: bad key")
	ErrFlag     = errors.New("lpmtrie: unknown flag")
	ErrAction   = errors.New("lpmtrie: unknown action")
)

// A Flag tells Update which prefixes it is for.
type Flag uint8

const (
	Any     Flag = iota // any prefix
	NoExist             // a prefix that is not present; otherwise Update returns ErrExist
	Exist               // a prefix that is present; otherwise Update returns ErrNotExist
)

func (f Flag) unknown() error {
	return fmt.Errorf("%w %d: use Any, NoExist or Exist", ErrFlag, f)
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

// A writerState is what the writers of one or several tries share.
type writerState struct {
	lock  rqlock.Mutex
	len   atomic.Int64 // prefixes; changes under lock
	limit int64
	_     [64]byte // Waiting writers do not disturb readers of what follows.
}

func (w *writerState) init(limit int) {
	if limit <= 0 {
		panic(fmt.Sprintf("lpmtrie: room for %d prefixes: must be positive", limit))
	}
	w.limit = int64(limit)
}

// A trie has the root of the present nodes. Its methods take the first n bits of a key.
type trie[V any] struct {
	root atomic.Pointer[node[V]]
}

func (t *trie[V]) init() { t.root.Store(new(node[V])) }

// now returns the present root. Its nodes never change.
func (t *trie[V]) now() *node[V] {
	return t.root.Load() // acquire: pairs with release in set and remove
}

func (t *trie[V]) update(w *writerState, key []byte, n int, v V, flag Flag) error {
	if flag > Exist {
		return flag.unknown()
	}
	if err := w.lock.Lock(); err != nil {
		return err
	}
	defer w.lock.Unlock()
	present := t.now().get(key, n) != nil
	switch {
	case present && flag == NoExist:
		return ErrExist
	case !present && flag == Exist:
		return ErrNotExist
	}
	return t.set(w, key, n, v, present)
}

func (t *trie[V]) compute(w *writerState, key []byte, n int, f func(V, bool) (V, Action)) error {
	if err := w.lock.Lock(); err != nil {
		return err
	}
	defer w.lock.Unlock()
	var old V
	p := t.now().get(key, n)
	if p != nil {
		old = *p
	}
	switch v, action := f(old, p != nil); action {
	case Keep:
	case Set:
		return t.set(w, key, n, v, p != nil)
	case Remove:
		if p != nil {
			t.remove(w, key, n)
		}
	default:
		return action.unknown()
	}
	return nil
}

func (t *trie[V]) lookupAndDelete(w *writerState, key []byte, n int) (v V, err error) {
	if err := w.lock.Lock(); err != nil {
		return v, err
	}
	defer w.lock.Unlock()
	p := t.now().get(key, n)
	if p == nil {
		return v, ErrNotExist
	}
	v = *p
	t.remove(w, key, n)
	return v, nil
}

// The caller of set and remove holds the lock. A prefix to be removed is present.

func (t *trie[V]) set(w *writerState, key []byte, n int, v V, present bool) error {
	if !present && w.len.Load() == w.limit {
		return ErrFull
	}
	t.root.Store(t.now().with(key, n, v)) // release: pairs with acquire in now
	if !present {
		w.len.Add(1)
	}
	return nil
}

func (t *trie[V]) remove(w *writerState, key []byte, n int) {
	t.root.Store(t.now().without(key, n)) // release: pairs with acquire in now
	w.len.Add(-1)
}
