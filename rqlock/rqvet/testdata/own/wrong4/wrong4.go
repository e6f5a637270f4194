// Package wrong4 is wrong, case by case: small tools. When it was written, 20 of 20 were found.
package wrong4

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rqlock/rqlock/rqlock"
	"github.com/rqlock/rqlock/rqlock/ringbuf"
	"github.com/rqlock/rqlock/rqlock/sync"
)

type stat struct {
	sync.Mutex
	hits, misses int
	sink         io.Writer
}

// case three returns, one unlock
func (s *stat) ratio() float64 {
	s.Lock()
	if s.hits+s.misses == 0 {
		s.Unlock()
		return 0
	}
	if s.misses == 0 {
		return 1
	}
	r := float64(s.hits) / float64(s.misses)
	s.Unlock()
	return r
}

// case a for with a condition that leaves
func (s *stat) drain(in chan int) {
	for v := range in {
		s.Lock()
		s.hits += v
		if s.hits > 100 {
			return
		}
		s.Unlock()
	}
}

// case TryLock on one branch
func (s *stat) try(n int) {
	if n > 0 && s.TryLock() {
		s.hits += n
	}
	s.misses++
}

// case context with a timeout that fails
type task struct {
	mu   rqlock.Mutex
	deps []*task
	done bool
	out  bytes.Buffer
}

func (t *task) run(ctx context.Context) error {
	err := t.mu.LockContext(ctx)
	if errors.Is(err, context.Canceled) {
		return err
	}
	t.done = true
	t.mu.Unlock()
	return nil
}

// case dependencies locked in a recursion
func (t *task) visit() error {
	if err := t.mu.Lock(); err != nil {
		return err
	}
	for _, d := range t.deps {
		if d.done {
			continue
		}
		if err := d.visit(); err != nil {
			return err
		}
	}
	t.mu.Unlock()
	return nil
}

// case a method value that locks, in a map of functions
func (t *task) reset() error {
	if err := t.mu.Lock(); err != nil {
		return err
	}
	defer t.mu.Unlock()
	t.out.Reset()
	return nil
}

func (t *task) do() error {
	if err := t.mu.Lock(); err != nil {
		return err
	}
	defer t.mu.Unlock()
	f := t.reset
	return f()
}

// case a literal in a variable
func (t *task) indirect() error {
	clear := func() error {
		if err := t.mu.Lock(); err != nil {
			return err
		}
		t.done = false
		t.mu.Unlock()
		return nil
	}
	if err := t.mu.Lock(); err != nil {
		return err
	}
	err := clear()
	t.mu.Unlock()
	return err
}

// case generic helper that locks what it is given
type lockable interface {
	Lock() error
	Unlock()
}

func update[L lockable](l L, f func() error) error {
	if err := l.Lock(); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	l.Unlock()
	return nil
}

// case strings.Map with a literal
func (s *stat) clean(text string) string {
	s.Lock()
	defer s.Unlock()
	return strings.Map(func(r rune) rune {
		s.Lock()
		s.hits++
		s.Unlock()
		return r
	}, text)
}

// case Write under the lock through io.Copy
func (s *stat) Write(p []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	s.hits += len(p)
	return len(p), nil
}

func (s *stat) fill(r io.Reader) error {
	s.Lock()
	defer s.Unlock()
	_, err := io.Copy(s, r)
	return err
}

// case GoString and Format
func (s *stat) Format(f fmt.State, verb rune) {
	s.Lock()
	defer s.Unlock()
	fmt.Fprint(f, s.hits)
}

func (s *stat) show() string {
	s.Lock()
	defer s.Unlock()
	return fmt.Sprintf("stat: %v", s)
}

// case UnmarshalJSON under the lock
type conf struct {
	mu sync.RWMutex
	m  map[string]string
}

func (c *conf) UnmarshalJSON(p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.Unmarshal(p, &c.m)
}

func (c *conf) load(p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return json.Unmarshal(p, c)
}

// case read lock in a switch
func (c *conf) get(k string) string {
	c.mu.RLock()
	switch v, ok := c.m[k]; {
	case !ok:
		return ""
	case v == "":
		c.mu.RUnlock()
		return "empty"
	default:
		c.mu.RUnlock()
		return v
	}
}

// case defer of the wrong kind
func (c *conf) put(k, v string) {
	c.mu.Lock()
	defer c.mu.RUnlock()
	c.m[k] = v
}

// case order by a helper
func (c *conf) merge(o *stat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.add(1)
}

func (s *stat) add(n int) {
	s.Lock()
	defer s.Unlock()
	s.hits += n
}

func (s *stat) sync(c *conf) {
	s.Lock()
	defer s.Unlock()
	c.put2("hits")
}

func (c *conf) put2(k string) {
	c.mu.Lock()
	c.m[k] = ""
	c.mu.Unlock()
}

// case swapped operands
func exchange(a, b *task) error {
	if err := a.mu.Lock(); err != nil {
		return err
	}
	if err := b.mu.Lock(); err != nil {
		b.mu.Unlock()
		return err
	}
	a.done, b.done = b.done, a.done
	b.mu.Unlock()
	a.mu.Unlock()
	return nil
}

// case slices of structs are replaced
func replace(all []stat, s *stat) []stat { return slices.Replace(all, 0, 1, stat{hits: s.hits}) }

// case array copied
func arr(all *[4]stat) [4]stat {
	x := *all
	return x
}

// case record and an early break
func feed(r *ringbuf.Ring, in <-chan []byte) error {
	for p := range in {
		rec, err := r.Reserve(len(p))
		if err != nil {
			return err
		}
		if copy(rec.Bytes(), p) == 0 {
			break
		}
		rec.Commit()
	}
	return nil
}

// case record finished in a branch and after it
func feedTwice(r *ringbuf.Ring, ok bool) error {
	rec, err := r.Reserve(4)
	if err != nil {
		return err
	}
	if ok {
		rec.Commit()
	}
	defer rec.Discard()
	return nil
}
