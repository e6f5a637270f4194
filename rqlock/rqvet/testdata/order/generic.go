package order

import "github.com/rqlock/rqlock/rqlock"

type list[T any] struct {
	mu  rqlock.Mutex
	all []T
}

func (l *list[T]) add(x T) error {
	if err := l.mu.Lock(); err != nil {
		return err
	}
	defer l.mu.Unlock()
	l.all = append(l.all, x)
	return nil
}

func (l *list[T]) each(f func(T) error) error {
	if err := l.mu.Lock(); err != nil {
		return err
	}
	defer l.mu.Unlock()
	for _, x := range l.all {
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

type reader struct {
	mu    rqlock.Mutex
	names list[string]
}

// The list that has the reader is another than the one in the reader.
func (r *reader) rename(name string) error {
	if err := r.mu.Lock(); err != nil {
		return err
	}
	defer r.mu.Unlock()
	return r.names.add(name)
}

func (r *reader) reset() error {
	if err := r.mu.Lock(); err != nil {
		return err
	}
	defer r.mu.Unlock()
	r.names.all = nil
	return nil
}

func resetAll(all *list[*reader]) error {
	return all.each(func(r *reader) error { return r.reset() })
}

type tree[T any] struct {
	mu  rqlock.Mutex
	top *leaf
	_   T
}

type leaf struct {
	mu rqlock.Mutex
	in *tree[int]
	n  int
}

func (t *tree[T]) prune() error {
	if err := t.mu.Lock(); err != nil {
		return err
	}
	defer t.mu.Unlock()
	if err := t.top.mu.Lock(); err != nil {
		return err
	}
	t.top.n = 0
	t.top.mu.Unlock()
	return nil
}

// There is one kind of tree.
func (l *leaf) grow() error {
	if err := l.mu.Lock(); err != nil {
		return err
	}
	defer l.mu.Unlock()
	if err := l.in.mu.Lock(); err != nil { // want `order.tree.mu is acquired while order.leaf.mu is held.*lockorder`
		return err
	}
	l.in.mu.Unlock()
	return nil
}
